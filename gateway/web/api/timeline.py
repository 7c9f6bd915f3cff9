"""GET /dossiers/{code}/timeline"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response

from gateway.dossiers.algebra import HELD
from gateway.ledger import queries
from gateway.web.api import api
from gateway.web.here import answer, gateway, parameters, plain, reader, unknown_dossier, write_cursor
from gateway.web.openapi import CODE, answers, with_parameters
from gateway.web.rows import names
from gateway.web.shapes import Timeline

_ENDINGS = {
    "delivered": ("{to} đã nhận", "{to} took it"),
    "duplicate": ("{to} đã có bản tin này từ trước", "{to} had it already"),
    "try_later": ("{to} chưa nhận được, sẽ gửi lại", "{to} could not take it; it is sent again later"),
    "ask_first": ("chưa rõ {to} đã nhận chưa, sẽ hỏi trước khi gửi lại", "whether {to} took it is not known; it is asked before sending again"),
    "rejected": ("{to} từ chối, chờ người xử lý", "{to} refused it; a person must look"),
    "unclassified": ("{to} trả lời điều chưa có quy tắc, chờ người xử lý", "{to} answered what no rule knows; a person must look"),
}  # fmt: skip
_KINDS = {
    "send": ("gửi tới {to}", "sending to {to}"),
    "ask": ("hỏi {to} đã nhận chưa", "asking {to} whether it arrived"),
    "told": ("người xử lý hỏi {to}", "a person asks {to}"),
}
_ORDER = {"message": 0, "status": 1, "delivery": 2, "attempt": 3}


@api.get(
    "/dossiers/<code>/timeline",
    summary="Từng chặng đường của hồ sơ, có giải thích / every hop of a dossier, explained",
    operation_id="readTimeline",
    responses=answers(400, 401, 404, _200=(Timeline, "theo thời gian / in order of time")),
    openapi_extensions=with_parameters(CODE),
)
@plain
def read_timeline(code: str) -> Response:
    parameters()
    with gateway().ledger.read() as connection:
        if queries.dossier_row(connection, code, reader()) is None:
            raise unknown_dossier()
        messages = queries.messages_of(connection, code)
        statuses = queries.statuses_of(connection, code)
        deliveries = queries.deliveries_of(connection, code)
        attempts = queries.attempts_of_dossier(connection, code)
    ids = {m.seq: m.id for m in messages}
    steps = [
        *_message_steps(messages),
        *_status_steps(statuses),
        *_delivery_steps(deliveries),
        *_attempt_steps(attempts, ids),
    ]
    steps.sort(key=lambda step: (step["at"], _ORDER[step["kind"]]))  # stable: rows of one kind keep their order
    return answer({"dossier": code, "steps": steps})


def _step(
    at: Any, kind: str, what: str, words: tuple[str, str], message: str, system: str, **more: Any
) -> dict[str, Any]:
    empty = {"delivery": None, "status": None, "code": None, "reason": None}
    return {
        "at": at, "kind": kind, "what": what, "words": words[0], "words_en": words[1], "message": message, "system": system,
    } | empty | more  # fmt: skip


def _message_steps(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        told = names(gateway().config, row.source)
        words = (
            f"{told['name']} gửi {row.type}, đã nhận và lưu",
            f"{told['name_en']} sent {row.type}: accepted and stored",
        )
        yield _step(row.received_time, "message", "accepted", words, row.id, row.source, reason=row.held)


def _status_steps(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        status = gateway().config.statuses[row.status]
        if row.held is None:
            what = "applied"
            words = (
                f"hồ sơ chuyển sang {row.status} – {status.name}",
                f"the dossier moved to {row.status}, {status.name_en}",
            )
        else:
            what, why = "held", HELD[row.held]
            words = (
                f"giữ lại {row.status} – {status.name}: {why[0]}",
                f"{row.status}, {status.name_en}, was held: {why[1]}",
            )
        yield _step(
            row.received_time, "status", what, words, row.message, row.source, status=row.status, reason=row.held
        )


def _delivery_steps(rows: Any) -> Iterator[dict[str, Any]]:
    for row in rows:
        told = names(gateway().config, row.destination)
        words = f"cần gửi {row.type} tới {told['name']}", f"{row.type} is to go to {told['name_en']}"
        number = write_cursor(row.id)
        yield _step(row.created_at, "delivery", "routed", words, row.message, row.destination, delivery=number)
        if row.state == "cancelled":
            words = (
                f"một người đã hủy việc gửi tới {told['name']}",
                f"a person gave up the delivery to {told['name_en']}",
            )
            yield _step(row.ended_at, "delivery", "cancelled", words, row.message, row.destination, delivery=number)


def _attempt_steps(rows: Any, ids: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        told = names(gateway().config, row.destination)
        to, to_en = told["name"], told["name_en"]
        kind = _KINDS.get(row.kind, _KINDS["send"])
        number, message = write_cursor(row.delivery), ids[row.message_seq]
        begun = kind[0].format(to=to), kind[1].format(to=to_en)
        yield _step(row.started_at, "attempt", row.kind, begun, message, row.destination, delivery=number)
        if row.ended_at is not None:
            ending = _ENDINGS[row.outcome]
            words = ending[0].format(to=to), ending[1].format(to=to_en)
            outcome: dict[str, Any] = {"code": row.code or None, "reason": row.reason or None}
            yield _step(
                row.ended_at, "attempt", row.outcome, words, message, row.destination, delivery=number, **outcome
            )

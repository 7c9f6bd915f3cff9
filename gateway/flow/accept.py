"""Accept: one transaction, and only then an answer.

Stored are the original bytes, the canonical message, what its sender now believes, and one delivery per destination. Only after the
commit does the bell ring. What a message implies (a postal order, a returned dossier) is stored in the same transaction.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.canonical import Canonical
from gateway.config import PartnerFile, Route
from gateway.dossiers.algebra import Standing, judge
from gateway.dossiers.view import build_view
from gateway.errors import Conflicting, Fault, NotFound, Refused, Taken
from gateway.flow.route import destinations, facts_of, implications
from gateway.flow.validate import check_facts, check_rights, read_canonical
from gateway.ledger import facts as ledger_facts
from gateway.ledger import messages as ledger
from gateway.ledger.opening import Clash
from gateway.message import Message, new_id
from gateway.ports import Accepted, Page, Submission

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway


@dataclass(frozen=True, slots=True)
class _Letter:
    """A submission that has passed every check that needs no ledger."""

    submission: Submission
    canonical: Canonical | None
    json: str
    body: Mapping[str, Any]
    digest: str
    key: str | None = None
    trace: str | None = None
    because: str | None = None

    @property
    def said(self) -> Canonical:
        """The canonical message of a letter that could be read."""
        if self.canonical is None:
            raise ValueError("an unreadable letter says nothing")
        return self.canonical


class Acceptance:
    """Accepts what one partner sends. `lenient` is for feeds that were polled: what cannot be taken is kept and held, never refused."""

    def __init__(self, gateway: Gateway, partner: PartnerFile, *, lenient: bool = False) -> None:
        self.gateway = gateway
        self.partner = partner
        self.lenient = lenient
        self.now = gateway.now()

    def one(self, submission: Submission, *, key: str | None = None, trace: str | None = None) -> Accepted:
        """Raises `Refused` (a subclass tells more) or `LedgerAway`; then nothing is stored."""
        result = self.many([submission], key=key, trace=trace)[0]
        if isinstance(result, Refused):
            raise result
        return result

    def many(
        self, submissions: Sequence[Submission], *, key: str | None = None, trace: str | None = None
    ) -> list[Accepted | Refused]:
        """Each on its own merits, in order, all that are good in one transaction."""
        return self._commit([self._open(s, key, trace) for s in submissions], cursor=None)

    def page(self, page: Page) -> list[Accepted | Refused]:
        """A polled page and its cursor, together."""
        return self._commit([self._open(s, None, None) for s in page.items], cursor=page.cursor)

    def _open(self, submission: Submission, key: str | None, trace: str | None) -> _Letter | Refused:
        try:
            return self._letter(submission, key, trace)
        except Refused as refused:
            return self._unreadable(submission, refused.faults) if self.lenient else refused

    def _letter(
        self, submission: Submission, key: str | None, trace: str | None, because: str | None = None
    ) -> _Letter:
        if submission.problem:
            raise Refused(submission.problem)
        gateway = self.gateway
        canonical = read_canonical(submission.body)
        if because is None:
            check_rights(self.partner, canonical)
        check_facts(canonical, gateway.codes, self.now, gateway.config.settings.future_seconds, gateway.files.missing)
        text = canonical.model_dump_json(exclude_none=True)
        return _Letter(submission, canonical, text, json.loads(text), _digest(submission), key, trace, because)

    def _unreadable(self, submission: Submission, faults: Sequence[Fault]) -> _Letter:
        body = {"type": "Unreadable", "faults": [f.as_json() for f in faults]}
        return _Letter(
            submission,
            None,
            json.dumps(body, ensure_ascii=False),
            body,
            hashlib.sha256(submission.original).hexdigest(),
        )

    def _commit(self, letters: Sequence[_Letter | Refused], cursor: str | None) -> list[Accepted | Refused]:
        while True:
            try:
                results, bells = self._try_commit(letters, cursor)
                break
            except Clash:
                continue  # a twin request was first; it is found as an earlier message now
        for destination in bells:
            self.gateway.channel.ring(destination)
        return results

    def _try_commit(
        self, letters: Sequence[_Letter | Refused], cursor: str | None
    ) -> tuple[list[Accepted | Refused], list[str]]:
        results: list[Accepted | Refused] = []
        bells: list[str] = []
        if cursor is None and all(isinstance(letter, Refused) for letter in letters):
            return [letter for letter in letters if isinstance(letter, Refused)], bells
        with self.gateway.ledger.write() as connection:
            for letter in letters:
                if isinstance(letter, Refused):
                    results.append(letter)
                    continue
                try:
                    results.append(_Entry(self, connection, letter, bells).write())
                except Refused as refused:  # raised before the entry's first write
                    results.append(refused)
            if cursor is not None:
                ledger_facts.set_cursor(connection, self.partner.id, cursor, self.now)
        return results, bells


class _Entry:
    """One letter's way into the ledger, inside the open transaction. Every refusal comes before the first write."""

    def __init__(self, acceptance: Acceptance, connection: Any, letter: _Letter, bells: list[str]) -> None:
        self.acceptance, self.connection, self.letter, self.bells = acceptance, connection, letter, bells
        self.gateway, self.partner, self.now = acceptance.gateway, acceptance.partner, acceptance.now
        self.config = self.gateway.config

    def write(self) -> Accepted:
        letter = self.letter
        earlier = ledger.find_earlier(self.connection, self.partner.id, letter.submission.source_id, letter.key)
        if earlier is not None:
            return self._repeat(earlier)
        if letter.canonical is None:
            return self._store("", "unreadable", [], [])
        code = letter.said.dossier
        row = ledger.lock_dossier(self.connection, code)
        if letter.said.type == "DossierSubmitted":
            return self._submitted(row)
        if row is None or not self._takes_part(row):
            if self.acceptance.lenient:
                return self._store(code, "unknown-dossier", [], [])
            raise NotFound(
                [
                    Fault(
                        "/dossier",
                        "unknown-dossier",
                        "cổng không có hồ sơ này của đối tác",
                        "the gateway knows no such dossier of this partner",
                    )
                ]
            )
        return self._about(row)

    def _repeat(self, earlier: ledger.Earlier) -> Accepted:
        if earlier.digest != self.letter.digest or earlier.message.source_id != self.letter.submission.source_id:
            where = "Idempotency-Key" if earlier.by_key else "id"
            raise Conflicting(
                [
                    Fault(
                        "/id",
                        "conflict",
                        f"{where} này đã dùng cho nội dung khác",
                        f"this {where} was used for other content",
                    )
                ]
            )
        return _receipt(earlier.message, earlier.destinations, repeated=True)

    def _takes_part(self, row: Any) -> bool:
        if self.letter.because is not None or row.owner == self.partner.id:
            return True
        return ledger_facts.has_lane(self.connection, self.partner.id, row.code)

    def _submitted(self, row: Any) -> Accepted:
        body = self.letter.body
        if row is not None and row.owner != self.partner.id:
            raise Taken(
                [
                    Fault(
                        "/dossier",
                        "owned-by-other",
                        "hồ sơ này do hệ thống khác quản lý",
                        "another system owns this dossier",
                    )
                ]
            )
        if row is not None and row.status != body["status"]:
            raise Refused(
                [
                    Fault(
                        "/status",
                        "status-differs",
                        f"hồ sơ đang ở trạng thái {row.status}; đổi trạng thái bằng StatusChanged",
                        f"the dossier stands at {row.status}; send StatusChanged to move it",
                    )
                ]
            )
        if row is None and judge(self.config.statuses, None, body["status"], self.letter.said.event_time) is not None:
            raise Refused(
                [
                    Fault(
                        "/status",
                        "not-first",
                        "hồ sơ mới phải bắt đầu ở trạng thái 1 hoặc 2",
                        "a new dossier starts at status 1 or 2",
                    )
                ]
            )
        return self._routed(row, body, held=None)

    def _about(self, row: Any) -> Accepted:
        letter = self.letter
        held = None
        if letter.said.type == "StatusChanged":
            standing = Standing(row.status, row.status_time)
            held = judge(
                self.config.statuses,
                standing,
                letter.body["status"],
                letter.said.event_time,
                reopens=letter.body["reopens"],
            )
        return self._routed(row, ledger_facts.body_of(self.connection, row.newest), held)

    def _routed(self, row: Any, dossier: Mapping[str, Any], held: str | None) -> Accepted:
        body = self.letter.body
        facts = facts_of(body, self.partner.id, dossier)
        to = [] if held else destinations(self.config.routes, facts, self.config.partners)
        implied = [] if held else implications(self.config.routes, facts)
        if not held and not to and not implied:
            if not self.acceptance.lenient:
                raise Refused(
                    [
                        Fault(
                            "",
                            "no-route",
                            "không có tuyến nào cho bản tin này",
                            "no route leads anywhere for this message",
                        )
                    ]
                )
            held = "no-route"
        if not held and self.letter.because is None and self.gateway.mapped(to, body["type"]):
            self._lint(to, body)
        return self._store(body["dossier"], held, to, implied, row)

    def _lint(self, to: Sequence[str], body: Mapping[str, Any]) -> None:
        """What a destination would refuse in this very message is refused here, where its sender can mend it."""
        view = build_view(self._message(0, None), self._history(1 << 62), self.gateway.link)
        own = ("/message", "/dossier") if body["type"] == "DossierSubmitted" else ("/message",)
        faults = {f.pointer: f for d in to for f in self.gateway.lint(d, body["type"], view)}
        mine = [
            Fault(p[len(o) :], f.code, f.detail, f.detail_en)
            for p, f in faults.items()
            for o in own
            if p.startswith(o + "/")
        ]
        if mine and not self.acceptance.lenient:
            raise Refused(mine)

    def _history(self, before: int) -> list[Message]:
        return ledger.history(self.connection, self.letter.body["dossier"], before)

    def _message(self, seq: int, held: str | None, ours: str = "") -> Message:
        letter, canonical = self.letter, self.letter.canonical
        return Message(
            seq=seq, id=ours, source=self.partner.id, source_id=letter.submission.source_id, type=letter.body["type"],
            dossier=canonical.dossier if canonical else "", event_time=canonical.event_time if canonical else self.now,
            received_time=self.now, body=letter.body, held=held, trace=letter.trace,
        )  # fmt: skip

    def _store(
        self, dossier: str, held: str | None, to: Sequence[str], implied: Sequence[Route], row: Any = None
    ) -> Accepted:
        letter, connection = self.letter, self.connection
        draft = self._message(0, held, new_id())
        if draft.type == "DossierSubmitted" and row is None:
            self._found_dossier(draft)
        seq = ledger.add_message(
            connection,
            {
                "id": draft.id, "source": draft.source, "source_id": draft.source_id, "idempotency_key": letter.key, "type": draft.type,
                "dossier": dossier, "event_time": draft.event_time, "received_time": self.now, "digest": letter.digest,
                "content_type": letter.submission.content_type, "original": letter.submission.original, "body": letter.json,
                "mapping": letter.submission.mapping, "held": held, "routed": len(to), "because": letter.because, "trace": letter.trace,
            },
        )  # fmt: skip
        message = self._message(seq, held, draft.id)
        due = self._follow(message, row)
        ledger.add_deliveries(connection, seq, dossier, to, self.now, due)
        self.bells += [d for d in to if d not in self.bells]
        for route in implied:
            self._imply(message, route)
        return _receipt(message, to)

    def _found_dossier(self, message: Message) -> None:
        body = message.body
        ledger.add_dossier(
            self.connection,
            {
                "code": message.dossier, "owner": message.source, "origin": body["origin"], "procedure": body["procedure"]["code"],
                "organisation": body["handled_by"]["code"], "channel": body["channel"], "status": body["status"],
                "status_time": message.event_time, "status_seq": 0, "due_at": _due(self.letter), "newest": 0, "created_at": self.now,
            },
        )  # fmt: skip

    def _follow(self, message: Message, row: Any) -> datetime | None:
        """What the message changes on the status axis; returns the dossier's deadline, its lanes' urgency."""
        due = _due(self.letter) or (row.due_at if row is not None else None)
        changes: dict[str, Any] = {}
        if message.type == "DossierSubmitted":
            changes |= {"newest": message.seq, "due_at": due}
        if message.type == "StatusChanged" or (message.type == "DossierSubmitted" and row is None):
            ledger.add_status(self.connection, _status_row(message))
            if message.held is None:
                changes |= {
                    "status": message.body["status"],
                    "status_time": message.event_time,
                    "status_seq": message.seq,
                    "due_at": due,
                }
            ledger.note_beliefs(self.connection, [_belief(message, self.now)])
        if changes:
            ledger.change_dossier(self.connection, message.dossier, **changes)
        return due

    def _imply(self, message: Message, route: Route) -> None:
        """A further message that follows from this one, by the mapping the route names. One that cannot be made is kept and held."""
        view = build_view(message, self._history(message.seq), self.gateway.link)
        name = route.implies or ""
        translation = self.gateway.translation(name)
        source_id = f"{name}-{message.id}"
        original = json.dumps(view, ensure_ascii=False).encode()
        try:
            body = translation.translate(view)
            submission = Submission(body["id"], body, original, mapping=f"{name}@{translation.version}")
            letter = self.acceptance._letter(submission, None, self.letter.trace, because=message.id)
            _Entry(self.acceptance, self.connection, letter, self.bells).write()
        except Refused as refused:
            letter = self.acceptance._unreadable(Submission(source_id, None, original), refused.faults)
            _Entry(self.acceptance, self.connection, letter, self.bells).write()


def _receipt(message: Message, to: Sequence[str], *, repeated: bool = False) -> Accepted:
    return Accepted(
        message.id,
        message.source,
        message.source_id,
        message.type,
        message.dossier,
        message.received_time,
        list(to),
        message.held,
        repeated,
    )


def _digest(submission: Submission) -> str:
    """Over the sender's content: for canonical JSON whatever its spacing and order of keys, otherwise the bytes."""
    if submission.mapping is None:
        return hashlib.sha256(json.dumps(submission.body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    return hashlib.sha256(submission.original).hexdigest()


def _due(letter: _Letter) -> datetime | None:
    canonical = letter.canonical
    for holder, name in (
        (getattr(canonical, "deadlines", None), "due_at"),
        (canonical, "due_at"),
        (canonical, "new_due_at"),
    ):
        if canonical is not None and canonical.type in ("DossierSubmitted", "StatusChanged", "SupplementProvided"):
            found: datetime | None = getattr(holder, name, None)
            if found is not None:
                return found
    return None


def _status_row(message: Message) -> dict[str, Any]:
    return {
        "seq": message.seq, "message": message.id, "dossier": message.dossier, "source": message.source, "status": message.body["status"],
        "event_time": message.event_time, "received_time": message.received_time, "held": message.held, "position": None,
    }  # fmt: skip


def _belief(message: Message, now: datetime) -> dict[str, Any]:
    return {
        "dossier": message.dossier, "system": message.source, "status": message.body["status"], "since": message.event_time,
        "message": message.id, "how": "said", "at": now,
    }  # fmt: skip


__all__ = ["Acceptance"]

"""Messages out to the one-stop system, in the canonical model or as a mapping wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from connectors.one_stop_rest.client import Client
from gateway.errors import DeliveryError, TryLater, Unclassified
from gateway.http import Reply
from gateway.outcomes import Outcomes
from gateway.ports import DayCount, Found, Heal, Health, Parcel, Receipt, Standing

_AGAIN = Heal(step=("message",))  # the whole message, under the key that it had: what they have already they know again


class OneStop:
    """Delivers the document ``message`` if the partner has a mapping for it, else the canonical body as it is."""

    def __init__(self, client: Client, outcomes: Outcomes) -> None:
        self._client = client
        self._outcomes = outcomes

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. The receipt's reference is the `id` in their answer, if there is one."""
        body = parcel.documents.get("message", parcel.message.body)
        reply = self._client.post(parcel.key, body, parcel.message.trace)
        return settle(self._outcomes, reply, again=parcel.in_doubt)

    def find(self, parcel: Parcel) -> Found:
        """Their receipt under our key: 200 arrived, 404 in their own words absent; anything else is no answer and raises."""
        reply = self._client.get(parcel.key)
        answer = _read(reply)
        if reply.status == 200 and answer is not None:
            return Found.ARRIVED
        if reply.status == 404 and answer is not None:
            return Found.ABSENT
        raise TryLater(f"find: HTTP {reply.status}", code=str(reply.status), answer=reply.excerpt())

    def state(self, told: Sequence[Parcel]) -> Standing:
        """Their receipts, asked for from the newest message back to the first that they have: one put back from an older copy lost the newest.

        Receipts tell of messages, not of a status.
        """
        lacking: list[str] = []
        for parcel in reversed(told):
            if self.find(parcel) is Found.ARRIVED:
                break
            lacking.append(parcel.key)
        return Standing(there=True, lacking=lacking, heal=_AGAIN)

    def check(self) -> Sequence[Health]:
        question = (
            "Hệ thống một cửa có nhận tài khoản của cổng không? · Is the one-stop system there, and does it know us?"
        )
        try:
            reply = self._client.health()
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]
        return [Health(question, reply.status == 200, f"HTTP {reply.status}")]


class CountingOneStop(OneStop):
    """One that tells whole days too."""

    def days(self, since: date, until: date) -> Sequence[DayCount]:
        rows = self._rows("days", self._client.days(since, until), "days")
        try:
            return [DayCount(date.fromisoformat(r["day"]), int(r["count"]), str(r["digest"])) for r in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise Unclassified(f"days: {type(error).__name__}", code="days-shape") from error

    def list_day(self, day: date) -> Mapping[str, int]:
        rows = self._rows("day", self._client.day(day), "dossiers")
        try:
            return {str(r["dossier"]): int(r["status"]) for r in rows}
        except (KeyError, TypeError, ValueError) as error:
            raise Unclassified(f"day: {type(error).__name__}", code="days-shape") from error

    def _rows(self, call: str, reply: Reply, name: str) -> Sequence[Any]:
        answer = _read(reply)
        if reply.status != 200 or answer is None:
            raise TryLater(f"{call}: HTTP {reply.status}", code=str(reply.status), answer=reply.excerpt())
        rows = answer.get(name)
        if not isinstance(rows, list):
            raise Unclassified(f"{call}: no list {name}", code="days-shape", answer=reply.excerpt())
        return rows


def settle(outcomes: Outcomes, reply: Reply, *, again: bool = False) -> Receipt:
    """What their answer to a message means; raises what the table says.

    The table sees as code: ``repeated`` when their receipt says so, ``not-json`` when the answer is no JSON object;
    as text: title and detail of a problem document (RFC 9457).
    """
    answer = _read(reply)
    if answer is None:
        code, answer = "not-json", {}
    else:
        code = "repeated" if answer.get("repeated") is True else ""
    verdict = outcomes.settle(
        "message",
        http=reply.status,
        code=code,
        text=" ".join(str(answer[name]) for name in ("title", "detail") if name in answer),
        answer=reply.excerpt(),
        again=again,
        retry_after=reply.retry_after(),
    )
    reference = answer.get("id")
    return Receipt(
        str(reply.status),
        reply.excerpt(),
        reference=reference if isinstance(reference, str) else None,
        duplicate=verdict.outcome == "duplicate",
    )


def _read(reply: Reply) -> dict[str, Any] | None:
    try:
        answer = reply.json()
    except Unclassified:
        return None
    return answer if isinstance(answer, dict) else None

"""Postal orders and their cancellations, out to the post."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.vnpost_hcc.client import NOT_JSON, Client, read_object
from gateway.errors import DeliveryError
from gateway.http import Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.ports import Found, Health, Parcel, Receipt

FIRST_OBJECT_ID = "0" * 24


class Post:
    """Delivers ``order`` and ``cancel`` documents."""

    def __init__(self, client: Client, outcomes: Outcomes) -> None:
        self._client = client
        self._outcomes = outcomes

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. The receipt's code is the post's Status; the post gives no number of its own for an order."""
        if "cancel" in parcel.documents:
            return self._settle("cancel", self._client.cancel(parcel.documents["cancel"]["OrderNumber"]), parcel)
        return self._settle("order", self._client.order(parcel.documents["order"]), parcel)

    def find(self, parcel: Parcel) -> Found:
        """ABSENT, always: the post has no question to ask, and needs none.

        The same OrderNumber sent again is answered 101 and orders nothing twice; a second cancel of the same
        order changes nothing. So sending again is both the question and the cure.
        """
        return Found.ABSENT

    def check(self) -> Sequence[Health]:
        """A token, and one event of the feed. Orders nothing."""
        account = "Bưu điện có nhận tài khoản của cổng không? · Does the post know our account?"
        feed = "Đọc được hành trình không? · Can the tracking feed be read?"
        try:
            self._client.ask_for_token()
        except DeliveryError as fault:
            return [Health(account, False, fault.reason)]
        known = Health(account, True, "có, đã cấp token · yes, it gave a token")
        try:
            settle(self._outcomes, "tracking", self._client.events(FIRST_OBJECT_ID, 1))
        except DeliveryError as fault:
            return [known, Health(feed, False, fault.reason)]
        return [known, Health(feed, True, "được · yes")]

    def _settle(self, call: str, reply: Reply, parcel: Parcel) -> Receipt:
        verdict, code = settle(self._outcomes, call, reply, again=parcel.in_doubt)
        return Receipt(code, reply.excerpt(), duplicate=verdict.outcome == "duplicate")


def settle(outcomes: Outcomes, call: str, reply: Reply, *, again: bool = False) -> tuple[Verdict, str]:
    """What the post's ``{Status, Message}`` means, and its Status; raises what the table says."""
    answer = read_object(reply)
    code = str(answer.get("Status", "")) if answer else NOT_JSON
    verdict = outcomes.settle(
        call,
        http=reply.status,
        code=code,
        text=str(answer.get("Message") or ""),
        answer=reply.excerpt(),
        again=again,
        retry_after=reply.retry_after(),
    )
    return verdict, code

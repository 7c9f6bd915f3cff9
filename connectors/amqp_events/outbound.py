"""Events out to the broker, many in one go: each is done when a majority of the broker's nodes keeps it."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.amqp_events.client import routing_key, write_event
from gateway.canonical.scalars import write_instant
from gateway.errors import DeliveryError
from gateway.outcomes import Outcomes
from gateway.ports import Bus, BusAway, Confirm, Found, Health, Parcel, Publication, Receipt

CALL = "publish"
NOWHERE = Publication("", "lienthong.nobody", b"", "check")  # straight to a queue that nobody has


class Events:
    """Publishes the document ``message`` (a mapping may have made it) under a key made of the document ``heading``."""

    together = 100

    def __init__(self, bus: Bus, outcomes: Outcomes, confirm_seconds: float) -> None:
        self._bus = bus
        self._outcomes = outcomes
        self._confirm_seconds = confirm_seconds

    def deliver(self, parcel: Parcel) -> Receipt:
        """One event. What no queue wants is done too: nobody subscribed to it, and that is no fault."""
        (result,) = self.deliver_together([parcel])
        if isinstance(result, DeliveryError):
            raise result
        return result

    def deliver_together(self, parcels: Sequence[Parcel]) -> Sequence[Receipt | DeliveryError]:
        """All are published before the first confirm is waited for."""
        try:
            confirms = self._bus.publish([_event(parcel) for parcel in parcels], self._confirm_seconds)
        except BusAway as away:
            self._outcomes.settle(CALL, http=0, code="away", text=str(away))
            raise  # only if the table should call this an end: nothing was published
        return [self._result(confirm) for confirm in confirms]

    def find(self, parcel: Parcel) -> Found:
        """A broker cannot be asked. Publishing again does no harm: the event's id is the same, and subscribers drop repeats by it."""
        return Found.ABSENT

    def check(self) -> Sequence[Health]:
        question = "RabbitMQ có nhận bản tin không? · Does RabbitMQ take messages?"
        try:
            (confirm,) = self._bus.publish([NOWHERE], self._confirm_seconds)
        except BusAway as away:
            return [Health(question, False, str(away))]
        return [Health(question, confirm is Confirm.UNROUTED, confirm.value)]

    def _result(self, confirm: Confirm) -> Receipt | DeliveryError:
        try:
            self._outcomes.settle(CALL, http=0, code=confirm.value)
        except DeliveryError as error:
            return error
        return Receipt(confirm.value, "")


def _event(parcel: Parcel) -> Publication:
    message, heading = parcel.message, parcel.documents["heading"]
    return write_event(
        key=parcel.key,
        kind=message.type,
        source=message.source,
        subject=message.dossier,
        time=write_instant(message.event_time),
        trace=message.trace,
        data=parcel.documents["message"],
        routing=routing_key(heading["organisation"], heading["procedure"], heading["status"]),
    )

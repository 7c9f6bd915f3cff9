"""Deliveries to the social-protection system: the dossier, then the step, remembered between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.btxh.client import Client
from gateway.errors import DeliveryError
from gateway.ports import RESTORED, Found, Health, Parcel, Receipt

# The order of the calls. The dossier first: a step of a dossier that is not there is refused.
STEPS = ("dossier", "progress")


class Btxh:
    """A document that its mapping left null does not apply and is not sent. Used by several threads at once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """Make the calls that are still to be made. Raises as the outcome table has it."""
        wanted = _wanted(parcel)
        if not wanted:
            return Receipt("nothing-to-send", "Không phải việc bảo trợ xã hội · nothing about social protection")
        done = {name: answer for name, answer in parcel.steps.items() if name in STEPS}
        for name in wanted:
            if name not in done:
                done[name] = self._send(name, parcel)
                if name != wanted[-1]:
                    parcel.remember(name, done[name])
        said = [done[name] for name in wanted]
        words = "; ".join(f"{name}: {step['text']}" for name, step in zip(wanted, said, strict=True))
        return Receipt(said[-1]["code"], words, duplicate=any(step["duplicate"] for step in said))

    def find(self, parcel: Parcel) -> Found:
        """ABSENT while the dossier is to be sent: sent again it replaces itself. UNKNOWN of a step: it has no key, the system shows none,
        and a step said twice would be there twice."""
        pending = [name for name in _wanted(parcel) if name not in parcel.steps]
        if not pending:
            return Found.ARRIVED
        doubtful_step = pending[0] == "progress" or (RESTORED in parcel.steps and "progress" in pending)
        return Found.UNKNOWN if doubtful_step else Found.ABSENT

    def check(self) -> Sequence[Health]:
        """Is there an answer at all? The system has no call that changes nothing, so the key is not tried."""
        question = "Hệ thống bảo trợ xã hội có trả lời không? · Does the social-protection system answer?"
        try:
            return [Health(question, True, self._client.reach())]
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]

    def _send(self, name: str, parcel: Parcel) -> dict[str, Any]:
        document = parcel.documents[name]
        if name == "dossier":
            verdict, code, reply = self._client.sync(document, updating=parcel.known_there, again=parcel.in_doubt)
        else:
            verdict, code, reply = self._client.report(document, again=parcel.in_doubt)
        return {"code": code, "text": reply.excerpt(500), "duplicate": verdict.outcome == "duplicate"}


def _wanted(parcel: Parcel) -> list[str]:
    return [name for name in STEPS if parcel.documents.get(name) is not None]

"""Held messages taken up again: by themselves once their cause is mended, or by a person who says why.

What is held stays as it came. Taking it up makes a further message of the same content and source, `because` of the held one, which goes the
way of every message: nothing that the rules would hold or refuse today gets past them by this door.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from gateway.canonical.scalars import write_instant
from gateway.dossiers.algebra import HELD
from gateway.errors import Fault, Misconfigured, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.entry import Entry
from gateway.flow.gateway import Gateway
from gateway.flow.validate import check_rights
from gateway.ledger import facts, rulings
from gateway.ledger.messages import lock_dossier
from gateway.ledger.opening import Clash
from gateway.ports import Accepted, Submission

log = structlog.get_logger("release")

RELEASE_SECONDS = 5.0  # between two looks at what may be taken up
LOOK = 200
BY_ITSELF = ("lienthong", "nguyên nhân đã hết · its cause is mended")


class StillHeld(Refused):
    """It would be held again, for the reason told."""

    status = 409
    title = "Bản tin vẫn phải giữ"
    title_en = "The message would be held again"
    kind = "still-held"


def apply(gateway: Gateway, message: str, *, who: str, reason: str, at: datetime | None = None) -> Accepted:
    """Take up a held message. `at`: when what it says took effect, where a person knows that its own time is wrong.

    Raises `StillHeld`, `NotHeld`, `NotFound`, or `Refused` with every fault (`Forbidden` for what its sender may not say); then nothing is
    stored.
    """
    with gateway.ledger.read() as connection:
        row = rulings.held_one(connection, message)
    partner = gateway.config.partners.get(row.source)
    if partner is None:
        raise Misconfigured(f"{row.source}: không còn tệp đối tác · its partner file is gone")
    body = _body(gateway, row)
    if at is not None:
        body = {**body, "event_time": write_instant(at)}
    submission = Submission(
        f"{row.source_id}#applied", body, row.original, row.content_type, row.mapping, trace=row.trace
    )
    acceptance = Acceptance(gateway, partner)
    letter = acceptance.read(submission, None, row.trace, because=row.id)
    if row.because is None:  # what follows from a message is no partner's to send
        check_rights(partner, letter.said)
        letter = replace(letter, taken_up=True)
    bells: list[str] = []
    with gateway.ledger.write() as connection:
        rulings.held_one(connection, message, lock=True)
        _check_part(gateway, connection, row.source, str(body["dossier"]), row.held)
        accepted = Entry(acceptance, connection, letter, bells).write()
        if accepted.held is not None:  # rolled back
            raise _still(accepted.held)
        rulings.rule(connection, message, "applied", made=accepted.id, who=who, reason=reason, now=gateway.now())
    for destination in bells:
        gateway.channel.ring(destination)
    return accepted


def discard(gateway: Gateway, message: str, *, who: str, reason: str) -> None:
    """It will not be taken up. It stays in the ledger, and in the dossier's history. Raises `NotHeld`, `NotFound`."""
    with gateway.ledger.write() as connection:
        rulings.held_one(connection, message, lock=True)
        rulings.rule(connection, message, "discarded", made=None, who=who, reason=reason, now=gateway.now())


class Release:
    """Takes up by itself what can be. What was still held is not tried again before its dossier has moved."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._tried: dict[str, int] = {}  # held message → its mark when it was tried

    def run(self) -> list[Accepted]:
        """Everything whose cause is mended, earlier events first; again as long as one makes way for another."""
        taken: list[Accepted] = []
        while found := self._once():
            taken += found
        return taken

    def _once(self) -> list[Accepted]:
        taken: list[Accepted] = []
        seen: dict[str, int] = {}
        after = ""
        while True:
            with self.gateway.ledger.read() as connection:
                rows = rulings.mended(connection, after, LOOK)
            for row in rows:
                seen[row.id] = row.mark
                if self._tried.get(row.id) != row.mark:
                    taken += self._try(row.id)
            if len(rows) < LOOK:
                self._tried = seen
                return taken
            after = rows[-1].id

    def _try(self, message: str) -> list[Accepted]:
        try:
            made = apply(self.gateway, message, who=BY_ITSELF[0], reason=BY_ITSELF[1])
        except (Refused, Clash, Misconfigured) as refused:
            log.debug("still_held", message=message, why=str(refused))
            return []
        log.info("released", message=message)
        return [made]


def _body(gateway: Gateway, row: Any) -> dict[str, Any]:
    """What it says; of one that could not be read, what its mapping reads today. Raises `Refused`."""
    body: dict[str, Any] = json.loads(row.body)
    if row.held != "unreadable":
        return body
    faults = [Fault(**fault) for fault in body["faults"]]
    if row.mapping is None:
        raise Refused(faults)
    try:
        document = json.loads(row.original)
    except ValueError:
        raise Refused(faults) from None
    made: dict[str, Any] = gateway.translate(row.mapping.partition("@")[0], document)
    return made


def _check_part(gateway: Gateway, connection: Any, source: str, dossier: str, held: str) -> None:
    """One that was no partner of the dossier may have become one; nobody else gets in by a message that was held."""
    row = lock_dossier(connection, dossier)
    if held not in ("unknown-dossier", "unreadable") or (row is not None and row.owner == source):
        return
    speaks = gateway.config.partners[source].speaks_of == "all" and source not in gateway.config.replicas
    if row is not None and not speaks and not facts.has_lane(connection, source, dossier):
        raise _still("unknown-dossier")


def _still(held: str) -> StillHeld:
    return StillHeld([Fault("", held, *HELD[held])])


__all__ = ["RELEASE_SECONDS", "Release", "StillHeld", "apply", "discard"]

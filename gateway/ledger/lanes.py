"""Lanes: leasing the most urgent ones, and writing down what became of their deliveries.

A lease is fenced: every taking raises the lane's fence, and only the holder of the newest fence may settle. A fence is the moment of its
taking, so that it is never given twice: not even where a database that was lost had not yet told its successor of the first taking.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, literal_column, not_, or_, select, update

from gateway.ledger.messages import insert_for, note_beliefs
from gateway.ledger.prepared import Prepared
from gateway.ledger.tables import OPEN, RETOLD, attempts, breakers, deliveries, lanes, messages
from gateway.ports import NOTHING


@dataclass(frozen=True, slots=True)
class Lease:
    """A lane taken, with its head delivery and the attempt that is already written."""

    destination: str
    dossier: str
    fence: int
    delivery: int
    message_seq: int
    attempt: int
    tries: int
    asks: int
    in_doubt: bool
    steps: dict[str, Any]
    edited: dict[str, Any] | None
    known_there: bool


# Written as `ix_lanes_work` writes it, and without a parameter: otherwise neither engine sees that the index answers it.
_HAS_WORK = and_(lanes.c.open > literal_column("0"), not_(lanes.c.blocked))
_IS_DUE = and_(
    lanes.c.destination == bindparam("destination"),
    _HAS_WORK,
    lanes.c.due_at <= bindparam("now"),
    or_(lanes.c.lease_until.is_(None), lanes.c.lease_until <= bindparam("now")),
)
_DUE = (
    select(lanes.c.dossier, lanes.c.fence, lanes.c.delivered)
    .where(_IS_DUE)
    .order_by(lanes.c.urgency, lanes.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_LEASE = Prepared(
    update(lanes)
    .where(lanes.c.destination == bindparam("b_destination"), lanes.c.dossier == bindparam("b_dossier"))
    .values(fence=bindparam("b_fence"), lease_until=bindparam("b_until"))
)
_PROLONG = Prepared(
    update(lanes)
    .where(lanes.c.destination == bindparam("b_destination"), lanes.c.dossier == bindparam("b_dossier"))
    .values(lease_until=bindparam("b_until"))
)
_OPEN_ATTEMPTS = insert(attempts).returning(attempts.c.id, attempts.c.delivery)
_CLOSE_CRASHED = (
    update(attempts)
    .where(attempts.c.id == bindparam("b_id"), attempts.c.ended_at.is_(None))
    .values(ended_at=bindparam("b_now"), outcome="ask_first", code="crash", reason="the worker ended during the call")
)
_START = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("b_id"))
    .values(
        open_attempt=bindparam("b_attempt"),
        attempts=deliveries.c.attempts + bindparam("b_send"),
        asks=deliveries.c.asks + bindparam("b_ask"),
        state=bindparam("b_state"),
    )
)


def take(
    connection: Connection, destination: str, most: int, *, worker: str, now: datetime, lease_seconds: float
) -> list[Lease]:
    """Lease up to `most` due lanes of `destination`, most urgent first, and write an attempt for each head."""
    due = connection.execute(_DUE, {"destination": destination, "now": now, "most": most}).all()
    if not due:
        return []
    heads = _heads(connection, destination, [row.dossier for row in due])
    until = now + timedelta(seconds=lease_seconds)
    fences = {row.dossier: max(row.fence + 1, int(now.timestamp() * 1_000_000)) for row in due}
    _LEASE.run_many(
        connection,
        [
            {"b_destination": destination, "b_dossier": dossier, "b_fence": fence, "b_until": until}
            for dossier, fence in fences.items()
        ],
    )
    crashed = [{"b_id": h.open_attempt, "b_now": now} for h in heads.values() if h.open_attempt is not None]
    if crashed:
        connection.execute(_CLOSE_CRASHED, crashed)
    taken = [(row, fences[row.dossier], heads[row.dossier]) for row in due if row.dossier in heads]
    return _start(connection, destination, taken, worker, now)


_FIRST = (
    select(deliveries.c.dossier, func.min(deliveries.c.message_seq).label("seq"))
    .where(
        deliveries.c.destination == bindparam("destination"),
        deliveries.c.dossier.in_(bindparam("dossiers", expanding=True)),
        deliveries.c.state.in_(OPEN),
    )
    .group_by(deliveries.c.dossier)
    .subquery()
)
_HEADS = select(deliveries).join(
    _FIRST,
    and_(
        deliveries.c.dossier == _FIRST.c.dossier,
        deliveries.c.message_seq == _FIRST.c.seq,
        deliveries.c.destination == bindparam("destination"),
    ),
)


def _heads(connection: Connection, destination: str, codes: Sequence[str]) -> dict[str, Any]:
    rows = connection.execute(_HEADS, {"destination": destination, "dossiers": codes})
    return {row.dossier: row for row in rows}


def _start(
    connection: Connection, destination: str, taken: Sequence[tuple[Any, int, Any]], worker: str, now: datetime
) -> list[Lease]:
    """Write an attempt for each lane, by its new fence, and the delivery at its head."""
    if not taken:
        return []
    doubts = {head.id: head.state == "in_doubt" or head.open_attempt is not None for _, _, head in taken}
    rows = [
        {
            "delivery": head.id,
            "fence": fence,
            "kind": "ask" if doubts[head.id] else "send",
            "worker": worker,
            "started_at": now,
        }
        for _, fence, head in taken
    ]
    opened = {row.delivery: int(row.id) for row in connection.execute(_OPEN_ATTEMPTS, rows)}
    _START.run_many(
        connection,
        [
            {
                "b_id": delivery,
                "b_attempt": opened[delivery],
                "b_send": int(not in_doubt),
                "b_ask": int(in_doubt),
                "b_state": "in_doubt" if in_doubt else "waiting",
            }
            for delivery, in_doubt in doubts.items()
        ],
    )
    return [
        Lease(
            destination, lane.dossier, fence, head.id, head.message_seq, opened[head.id], head.attempts + (not doubts[head.id]),
            head.asks + doubts[head.id], doubts[head.id], json.loads(head.steps or "{}"),
            json.loads(head.edited) if head.edited else None, lane.delivered > 0,
        )
        for lane, fence, head in taken
    ]  # fmt: skip


_HELD = (
    select(lanes.c.dossier, lanes.c.fence)
    .where(
        lanes.c.destination == bindparam("destination"),
        lanes.c.dossier.in_(bindparam("dossiers", expanding=True)),
        lanes.c.lease_until.is_not(None),  # settled already: a commit may be done though its answer was lost
    )
    .order_by(lanes.c.dossier)  # two workers with the same lanes lock them in the same order
    .with_for_update()
)


def held(connection: Connection, destination: str, leases: Sequence[Lease]) -> set[int]:
    """The attempts whose lease is still the newest of its lane; those lanes are locked. A worker away too long may write nothing."""
    if not leases:
        return set()
    rows = connection.execute(_HELD, {"destination": destination, "dossiers": [lease.dossier for lease in leases]})
    fences = {row.dossier: row.fence for row in rows}
    return {lease.attempt for lease in leases if fences.get(lease.dossier) == lease.fence}


def remember(connection: Connection, lease: Lease, steps: dict[str, Any]) -> None:
    """Store the answers of a delivery's steps so far."""
    connection.execute(update(deliveries).where(deliveries.c.id == lease.delivery).values(steps=json.dumps(steps)))


def prolong(connection: Connection, destination: str, leases: Sequence[Lease], until: datetime) -> set[int]:
    """Hold lanes longer. The attempts of those that are still ours; the others were lost to another worker."""
    mine = held(connection, destination, leases)
    rows = [
        {"b_destination": destination, "b_dossier": lease.dossier, "b_until": until}
        for lease in sorted(leases, key=lambda lease: lease.dossier)
        if lease.attempt in mine
    ]
    if rows:
        _PROLONG.run_many(connection, rows)
    return mine


_FORGET = delete(attempts).where(attempts.c.id == bindparam("b_id"))
_UNSTART = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("b_delivery"))
    .values(
        open_attempt=None,
        attempts=deliveries.c.attempts - bindparam("b_send"),
        asks=deliveries.c.asks - bindparam("b_ask"),
    )
)
_FREE = (
    update(lanes)
    .where(lanes.c.destination == bindparam("b_destination"), lanes.c.dossier == bindparam("b_dossier"))
    .values(lease_until=None)
)


def give_back(connection: Connection, destination: str, leases: Sequence[Lease]) -> None:
    """Lanes whose call was never begun: as if they had not been taken. Without this they would count as in doubt after the lease."""
    mine = held(connection, destination, leases)
    rows = [
        {
            "b_id": lease.attempt,
            "b_delivery": lease.delivery,
            "b_send": int(not lease.in_doubt),
            "b_ask": int(lease.in_doubt),
            "b_destination": destination,
            "b_dossier": lease.dossier,
        }
        for lease in sorted(leases, key=lambda lease: lease.dossier)
        if lease.attempt in mine
    ]
    if rows:
        for statement in (_FORGET, _UNSTART, _FREE):
            connection.execute(statement, rows)


_CLOSE = Prepared(
    update(attempts)
    .where(attempts.c.id == bindparam("b_id"))
    .values(
        ended_at=bindparam("b_now"), outcome=bindparam("b_outcome"), code=bindparam("b_code"),
        reason=bindparam("b_reason"), answer=bindparam("b_answer"),
        kind=bindparam("b_kind"),
    )
)  # fmt: skip
_DELIVERY = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("b_id"))
    .values(
        state=bindparam("b_state"), reason=bindparam("b_reason"), code=bindparam("b_code"), reference=bindparam("b_reference"),
        duplicate=bindparam("b_duplicate"), open_attempt=None, ended_at=bindparam("b_ended"),
        attempts=deliveries.c.attempts + bindparam("b_resent"),
        asks=deliveries.c.asks - bindparam("b_unanswered"),
    )
)  # fmt: skip
_LANE = Prepared(
    update(lanes)
    .where(lanes.c.destination == bindparam("b_destination"), lanes.c.dossier == bindparam("b_dossier"))
    .values(
        open=lanes.c.open - bindparam("b_done"),
        delivered=lanes.c.delivered + bindparam("b_delivered"),
        blocked=bindparam("b_blocked"),
        due_at=bindparam("b_due"),
        lease_until=None,
    )
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What settle decided for one attempt. `state` is the delivery's new state; `due_at` when the lane may be taken again."""

    lease: Lease
    kind: str
    outcome: str
    state: str
    due_at: datetime
    code: str = ""
    reason: str = ""
    answer: str = ""
    reference: str | None = None
    duplicate: bool = False


def write_endings(connection: Connection, endings: Sequence[Ending], now: datetime) -> None:
    """Close the attempts, move the deliveries, free the lanes, note what the destinations were told. The fences were checked before."""
    if not endings:
        return
    _CLOSE.run_many(
        connection,
        [
            {
                "b_id": e.lease.attempt,
                "b_now": now,
                "b_outcome": e.outcome,
                "b_code": e.code,
                "b_reason": e.reason,
                "b_answer": e.answer,
                "b_kind": e.kind,
            }
            for e in endings
        ],
    )
    _DELIVERY.run_many(
        connection,
        [
            {
                "b_id": e.lease.delivery, "b_state": e.state, "b_reason": e.reason or None, "b_code": e.code or None, "b_reference": e.reference,
                "b_duplicate": e.duplicate, "b_ended": now if e.state == "delivered" else None,
                "b_resent": int(e.lease.in_doubt and e.kind == "send"),
                "b_unanswered": int(e.outcome == "try_later" and e.state == "in_doubt"),
            }
            for e in endings
        ],
    )  # fmt: skip
    _LANE.run_many(
        connection,
        [
            {
                "b_destination": e.lease.destination, "b_dossier": e.lease.dossier, "b_done": int(e.state == "delivered"),
                "b_delivered": int(e.state == "delivered"), "b_blocked": e.state == "parked", "b_due": e.due_at,
            }
            for e in endings
        ],
    )  # fmt: skip
    _note_told(connection, [e.lease for e in endings if e.state == "delivered" and e.code != NOTHING], now)


_TOLD = select(
    messages.c.seq, messages.c.id, messages.c.type, messages.c.event_time, messages.c.body, messages.c.dossier
).where(
    messages.c.seq.in_(bindparam("seqs", expanding=True)),
    messages.c.type.in_(("StatusChanged", "DossierSubmitted", RETOLD)),
)
_NAMED = select(*_TOLD.selected_columns).where(
    messages.c.id == bindparam("id"), messages.c.type.in_(("StatusChanged", "DossierSubmitted"))
)


def _note_told(connection: Connection, leases: Sequence[Lease], now: datetime) -> None:
    """A destination that took a status believes it now."""
    if not leases:
        return
    seqs = [lease.message_seq for lease in leases]
    told = {row.seq: row for row in connection.execute(_TOLD, {"seqs": seqs})}
    rows = []
    for lease in leases:
        row = told.get(lease.message_seq)
        if row is not None and row.type == RETOLD:
            row = connection.execute(_NAMED, {"id": json.loads(row.body)["of"]}).first()
        if row is None or (row.type == "DossierSubmitted" and lease.known_there):
            continue  # an amendment tells nothing new about the status
        status = json.loads(row.body)["status"]
        rows.append(
            {
                "dossier": row.dossier,
                "system": lease.destination,
                "status": status,
                "since": row.event_time,
                "message": row.id,
                "how": "accepted",
                "at": now,
            }
        )
    note_beliefs(connection, rows)


# ── the circuit breaker ─────────────────────────────────────────────────────────────────────────────────────────


def may_send(connection: Connection, destination: str, now: datetime, probe_seconds: float) -> int | None:
    """How many lanes may be taken: None for no limit, 0 while the breaker is open, 1 for the one probe of a half-open breaker."""
    row = connection.execute(
        select(breakers.c.state, breakers.c.probe_at).where(breakers.c.destination == destination)
    ).first()
    if row is None or row.state == "closed":
        return None
    if row.probe_at is not None and row.probe_at > now:
        return 0
    won = connection.execute(
        update(breakers)
        .where(breakers.c.destination == destination, breakers.c.state != "closed", breakers.c.probe_at <= now)
        .values(state="half_open", probe_at=now + timedelta(seconds=probe_seconds))
        .returning(breakers.c.destination)
    ).first()
    return 1 if won is not None else 0


def give_back_probe(connection: Connection, destination: str, now: datetime) -> None:
    """The probe that `may_send` gave found no lane to go with: the next due lane may take it at once."""
    connection.execute(
        update(breakers)
        .where(breakers.c.destination == destination, breakers.c.state == "half_open")
        .values(probe_at=now)
    )


# The most urgent lanes were the probes, and have waited longest between them: the partner is back, and they go first.
# A lane that an accept holds just now keeps its pause: to wait for it here could be to wait for each other.
_PAUSED = (
    select(lanes.c.dossier)
    .where(lanes.c.destination == bindparam("b_destination"), _HAS_WORK, lanes.c.due_at > bindparam("b_now"))
    .with_for_update(skip_locked=True)
)
_NO_PAUSE = (
    update(lanes)
    .where(lanes.c.destination == bindparam("b_destination"), lanes.c.dossier.in_(_PAUSED))
    .values(due_at=bindparam("b_now"))
)


def note_breaker(
    connection: Connection,
    destination: str,
    *,
    good: bool,
    bad: int,
    now: datetime,
    most_failures: int,
    first: float,
    longest: float,
    reason: str,
) -> str | None:
    """Count answers and silences. Returns the new state when it changed: ``open`` or ``closed``."""
    row = connection.execute(select(breakers).where(breakers.c.destination == destination).with_for_update()).first()
    if good:
        if row is None or (row.state == "closed" and row.failures == 0):
            return None
        connection.execute(
            update(breakers)
            .where(breakers.c.destination == destination)
            .values(state="closed", failures=0, opened_at=None, probe_at=None, reason=None)
        )
        if row.state == "closed":
            return None
        connection.execute(_NO_PAUSE, {"b_destination": destination, "b_now": now})
        return "closed"
    if not bad:
        give_back_probe(connection, destination, now)  # it called nobody
        return None
    if row is not None and row.state == "open":
        return None  # calls that were under way when it opened: they tell nothing new, only a probe does
    probed, before = row is not None and row.state == "half_open", row.failures if row is not None else 0
    failures = before + 1 if probed else min(most_failures, before + bad)
    values: dict[str, Any] = {"state": row.state if row else "closed", "failures": failures}
    opened = probed or failures >= most_failures
    if opened:  # the pause doubles with every failed probe, not with every call of one burst
        pause = min(longest, first * 2 ** min(20, max(0, failures - most_failures)))
        values |= {
            "state": "open",
            "opened_at": (row.opened_at if row and row.opened_at else now),
            "probe_at": now + timedelta(seconds=pause),
            "reason": reason,
        }
    statement = insert_for(connection)(breakers).values(destination=destination, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["destination"], set_=values))
    return "open" if opened and (row is None or row.state == "closed") else None


def waiting_destinations(connection: Connection) -> list[str]:
    """Destinations with a delivery that has not ended, whether or not any route still leads there."""
    open_ones = select(deliveries.c.destination).where(deliveries.c.ended_at.is_(None))  # by the index of open ones
    return list(connection.execute(open_ones.distinct().order_by(deliveries.c.destination)).scalars())


_NEXT = select(func.min(lanes.c.destination)).where(_HAS_WORK, lanes.c.destination > bindparam("after"))
_ANY_DUE = select(lanes.c.dossier).where(_IS_DUE).limit(1)


def due_destinations(connection: Connection, now: datetime) -> list[str]:
    """Destinations with a lane that may be taken now. Steps from one to the next: a hundred thousand lanes of one cost no more than one."""
    found: list[str] = []
    at: str | None = ""
    while (at := connection.execute(_NEXT, {"after": at}).scalar()) is not None:
        if connection.execute(_ANY_DUE, {"destination": at, "now": now}).first() is not None:
            found.append(at)
    return found

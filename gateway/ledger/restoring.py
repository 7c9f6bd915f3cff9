"""After a copy was put back: the ledger is older than its partners, who may hold what it believes unsent or has never heard of.

Three things follow, and `declare` is where all begin. Whatever is open, and whatever is accepted later of a time before the declaration, is
*in doubt*: its partner is asked before anything is sent. And places of the status feed that the lost ledger gave are given again to other
events, so a cursor from before goes back to where the copy ended. And what the sign-on had spent or ended since the copy would be good again: it
all ends, and people sign in anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, insert, select, update

from gateway.ledger.facts import note_act
from gateway.ledger.queries import feed_end
from gateway.ledger.signon import forget_grants
from gateway.ledger.tables import OPEN, acts, attempts, deliveries, lanes
from gateway.ports import RESTORED

REASON = (
    "sổ cái được phục hồi từ bản sao: đối tác có thể đã nhận · the ledger is a restored copy: the partner may have it"
)
SUBJECT = "ledger"


@dataclass(frozen=True, slots=True)
class Restored:
    """A copy was put back: when that was declared, and the last place of the status feed in the copy."""

    at: datetime
    feed_end: int


def declare(connection: Connection, *, who: str, reason: str, now: datetime) -> dict[str, int]:
    """Every open delivery in doubt, its lane due now. A parked one stays with its person, but a retry asks first.

    Run it while nothing else runs. Returns how many deliveries stand in doubt, and how many are parked. Twice does no harm.
    """
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.state, deliveries.c.steps).where(deliveries.c.state.in_(OPEN))
    ).all()
    _mark(connection, _DOUBT, [row for row in rows if row.state != "parked"])
    parked = [row for row in rows if row.state == "parked"]
    _mark(connection, _STEPS, parked)
    _note_doubt(connection, [row.id for row in parked], now)
    connection.execute(
        update(lanes).where(lanes.c.open > 0, lanes.c.blocked.is_(False)).values(due_at=now, lease_until=None)
    )
    forget_grants(connection, now)
    detail = json.dumps({"feed_end": feed_end(connection)})
    note_act(connection, at=now, who=who, act="restored", subject=SUBJECT, reason=reason, detail=detail)
    return {"in_doubt": len(rows) - len(parked), "parked": len(parked)}


def doubt_message(connection: Connection, seq: int) -> None:
    """The deliveries of message `seq`, just accepted: an earlier life of this ledger may have made them."""
    statement = select(deliveries.c.id, deliveries.c.state, deliveries.c.steps).where(deliveries.c.message_seq == seq)
    _mark(connection, _DOUBT, connection.execute(statement).all())


def restores(connection: Connection) -> Sequence[Restored]:
    """Every time a copy was put back, oldest first."""
    statement = select(acts.c.at, acts.c.detail).where(acts.c.subject == SUBJECT, acts.c.act == "restored")
    rows = connection.execute(statement.order_by(acts.c.id))
    return [Restored(row.at, json.loads(row.detail)["feed_end"]) for row in rows]


_STEPS = update(deliveries).where(deliveries.c.id == bindparam("b_id")).values(steps=bindparam("b_steps"))
_DOUBT = _STEPS.values(state="in_doubt", reason=REASON, asks=0)


def _mark(connection: Connection, statement: Update, rows: Sequence[Row[Any, Any, Any]]) -> None:
    """`statement` on each, and among its steps the word that no call of ours left there."""
    if rows:
        connection.execute(statement, [{"b_id": row.id, "b_steps": _with_mark(row.steps)} for row in rows])


def _with_mark(steps: str | None) -> str:
    return json.dumps({**json.loads(steps or "{}"), RESTORED: True})


def _note_doubt(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """What a retry goes by is the newest attempt: that one says now that nobody knows."""
    rows = [
        {
            "delivery": one, "fence": 0, "kind": "ask", "worker": "restored", "started_at": now, "ended_at": now,
            "outcome": "ask_first", "code": RESTORED, "reason": REASON,
        }
        for one in ids
    ]  # fmt: skip
    if rows:
        connection.execute(insert(attempts), rows)

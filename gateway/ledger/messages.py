"""Messages in the ledger: writing one with all that follows from it, finding it again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger.among import among
from gateway.ledger.prepared import Prepared
from gateway.ledger.tables import FAR, beliefs, deliveries, dossiers, lanes, messages, statuses
from gateway.message import Message

_ROW = (
    messages.c.seq, messages.c.id, messages.c.source, messages.c.source_id, messages.c.type, messages.c.dossier, messages.c.event_time,
    messages.c.received_time, messages.c.body, messages.c.held, messages.c.trace,
)  # fmt: skip


def insert_for(connection: Connection) -> Any:
    """The dialect's `insert`, which knows ON CONFLICT."""
    return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """Foreign text that every database takes: PostgreSQL knows no NUL, and half a surrogate pair is no character."""
    return _UNSTORABLE.sub("\ufffd", text)


def read_message(row: Any) -> Message:
    return Message(
        seq=row.seq, id=row.id, source=row.source, source_id=row.source_id, type=row.type, dossier=row.dossier, event_time=row.event_time,
        received_time=row.received_time, body=json.loads(row.body), held=row.held, trace=row.trace,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message that came before with the same source and id (or the same idempotency key)."""

    message: Message
    digest: str
    by_key: bool
    destinations: Sequence[str]


_EARLIER = Prepared(
    select(*_ROW, messages.c.digest).where(
        messages.c.source == bindparam("source"), messages.c.source_id == bindparam("source_id")
    )
)
_EARLIER_KEY = Prepared(
    select(*_ROW, messages.c.digest).where(
        messages.c.source == bindparam("source"), messages.c.idempotency_key == bindparam("key")
    )
)
_DESTINATIONS = (
    select(deliveries.c.destination).where(deliveries.c.message_seq == bindparam("seq")).order_by(deliveries.c.id)
)


def find_earlier(connection: Connection, source: str, source_id: str, key: str | None) -> Earlier | None:
    """What came before under this source and id, or under this idempotency key."""
    row = _EARLIER.first(connection, {"source": source, "source_id": source_id})
    by_key = False
    if row is None and key is not None:
        row = _EARLIER_KEY.first(connection, {"source": source, "key": key})
        by_key = row is not None
    if row is None:
        return None
    to = connection.execute(_DESTINATIONS, {"seq": row.seq}).scalars().all()
    return Earlier(read_message(row), row.digest, by_key, to)


_LOCKED = Prepared(select(dossiers).where(dossiers.c.code == bindparam("wanted")).with_for_update())


def lock_dossier(connection: Connection, code: str) -> Any | None:
    """The dossier's row, locked until the transaction ends; None if there is none yet."""
    return _LOCKED.first(connection, {"wanted": code})


_INSERT_DOSSIER = Prepared(insert(dossiers))


def add_dossier(connection: Connection, row: dict[str, Any]) -> None:
    """A unique violation means that a twin request was first; the transaction must be tried again."""
    _INSERT_DOSSIER.run(connection, row)


_BY_CODE = update(dossiers).where(dossiers.c.code == bindparam("b_code"))
_AMEND = _BY_CODE.values(newest=bindparam("b_seq"), due_at=bindparam("b_due"), organisation=bindparam("b_who"))
_PROMISE = _BY_CODE.values(due_at=bindparam("b_due"))
_MOVE = Prepared(
    _BY_CODE.values(
        status=bindparam("b_status"),
        status_time=bindparam("b_when"),
        status_seq=bindparam("b_seq"),
        due_at=bindparam("b_due"),
    )
)


def amend_dossier(connection: Connection, code: str, seq: int, due: datetime | None, organisation: str) -> None:
    """A newer DossierSubmitted stands for the dossier now; it may have gone to another organisation."""
    connection.execute(_AMEND, {"b_code": code, "b_seq": seq, "b_due": due, "b_who": organisation})


def promise_dossier(connection: Connection, code: str, due: datetime | None) -> None:
    """A new promised return, without a move."""
    connection.execute(_PROMISE, {"b_code": code, "b_due": due})


def move_dossier(connection: Connection, message: Message, status: int, due: datetime | None) -> None:
    """An applied status event."""
    row = {"b_code": message.dossier, "b_status": status, "b_when": message.event_time, "b_seq": message.seq}
    _MOVE.run(connection, row | {"b_due": due})


_INSERT_MESSAGE = Prepared(insert(messages).returning(messages.c.seq))


def add_message(connection: Connection, row: dict[str, Any]) -> int:
    """Its number in the ledger. A unique violation means that a twin request was first; the transaction must be tried again."""
    (made,) = _INSERT_MESSAGE.rows(connection, row)
    return int(made.seq)


_INSERT_STATUS = Prepared(insert(statuses))


def add_status(connection: Connection, row: dict[str, Any]) -> None:
    _INSERT_STATUS.run(connection, row)


def _upsert_belief(make: Any) -> Any:
    statement = make(beliefs)
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["dossier", "system"],
        set_={"status": new.status, "since": new.since, "message": new.message, "how": new.how, "at": new.at},
        where=new.since >= beliefs.c.since,
    )


_BELIEF = Prepared({"sqlite": _upsert_belief(sqlite.insert), "postgresql": _upsert_belief(postgresql.insert)})


def note_beliefs(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """What systems said, or were told. An older event never overwrites a newer one."""
    _BELIEF.run_many(connection, rows)


def _upsert_lane(make: Any) -> Any:
    statement = make(lanes)
    new = statement.excluded
    due = case((lanes.c.open == 0, new.due_at), else_=lanes.c.due_at)  # a lane that waits goes on waiting
    urgency = case((new.urgency == FAR, lanes.c.urgency), else_=new.urgency)  # what tells none leaves it as it is
    return statement.on_conflict_do_update(
        index_elements=["destination", "dossier"],
        set_={"open": lanes.c.open + 1, "urgency": urgency, "due_at": due},
    )


_LANE = Prepared({"sqlite": _upsert_lane(sqlite.insert), "postgresql": _upsert_lane(postgresql.insert)})
_DOSSIERS = select(dossiers.c.code).where(among(dossiers.c.code, "codes")).order_by(dossiers.c.code).with_for_update()
_LANES = (
    select(lanes.c.fence)
    .where(among(lanes.c.destination, "destinations"), among(lanes.c.dossier, "codes"))
    .order_by(lanes.c.dossier, lanes.c.destination)
    .with_for_update()
)


def lock_dossiers(connection: Connection, codes: Iterable[str], destinations: Iterable[str]) -> None:
    """Several dossiers and then their lanes, locked until the transaction ends, in the order in which workers lock lanes to settle.

    One by one, as their messages come, they would be locked in the sender's order: a worker, or another batch, would be met half-way.
    """
    named = {"codes": list(codes)}
    connection.execute(_DOSSIERS, named)
    connection.execute(_LANES, named | {"destinations": list(destinations)})


_INSERT_DELIVERY = Prepared(insert(deliveries).inline())


def add_deliveries(
    connection: Connection, seq: int, dossier: str, destinations: Sequence[str], now: datetime, urgency: datetime | None
) -> None:
    """One delivery per destination, and its lane opened or lengthened. Without an `urgency` a lane keeps its own; a new one comes last."""
    _INSERT_DELIVERY.run_many(
        connection,
        [
            {
                "message_seq": seq,
                "dossier": dossier,
                "destination": d,
                "state": "waiting",
                "created_at": now,
                "attempts": 0,
                "asks": 0,
                "duplicate": False,
            }
            for d in destinations
        ],
    )
    _LANE.run_many(
        connection,
        [
            {
                "destination": d,
                "dossier": dossier,
                "open": 1,
                "due_at": now,
                "urgency": urgency or FAR,
                "delivered": 0,
                "blocked": False,
                "fence": 0,
            }
            for d in destinations
        ],
    )


_HISTORY = Prepared(
    select(*_ROW)
    .where(messages.c.dossier == bindparam("dossier"), messages.c.seq < bindparam("before"))
    .order_by(messages.c.seq)
)


def history(connection: Connection, dossier: str, before: int) -> list[Message]:
    """The dossier's messages before `before`, oldest first."""
    return [read_message(r) for r in _HISTORY.rows(connection, {"dossier": dossier, "before": before})]


_HISTORIES = Prepared(select(*_ROW).where(among(messages.c.dossier, "dossiers")).order_by(messages.c.seq))


def histories(connection: Connection, codes: Iterable[str]) -> dict[str, list[Message]]:
    """All messages of several dossiers, oldest first."""
    found: dict[str, list[Message]] = {}
    for row in _HISTORIES.rows(connection, {"dossiers": list(codes)}):
        found.setdefault(row.dossier, []).append(read_message(row))
    return found


_TELLINGS = Prepared(
    select(messages.c.source_id, messages.c.event_time)
    .where(
        messages.c.dossier == bindparam("dossier"),
        messages.c.source == bindparam("source"),
        func.substr(messages.c.source_id, 1, bindparam("length")) == bindparam("start"),
    )
    .order_by(messages.c.seq)
)


def tellings(connection: Connection, source: str, dossier: str, start: str) -> list[tuple[str, datetime]]:
    """What `source` told of the dossier under names that begin with `start`: each one's name and event time, as they were stored."""
    rows = _TELLINGS.rows(connection, {"dossier": dossier, "source": source, "length": len(start), "start": start})
    return [(row.source_id, row.event_time) for row in rows]


def message_by_id(connection: Connection, message_id: str) -> Any | None:
    """The whole row, the original included."""
    return connection.execute(select(messages).where(messages.c.id == message_id)).first()

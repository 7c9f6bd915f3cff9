"""What delays are found in: the ways of some dossiers' messages, when partners were away, which dossiers to look at. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gateway.ledger.among import among
from gateway.ledger.halving import first_at
from gateway.ledger.queries import Reader, visible
from gateway.ledger.tables import OPEN, attempts, breakers, deliveries, differences, dossiers, lanes, messages

PAGE = 200  # dossiers read in one go
LOOK = 50_000  # attempts looked at for a partner's pace
RECENT = 200  # of them the newest that ended well are enough


def rows_of(connection: Connection, codes: Sequence[str]) -> Sequence[Any]:
    """The dossiers of these codes: code, owner, organisation, due_at."""
    columns = (dossiers.c.code, dossiers.c.owner, dossiers.c.organisation, dossiers.c.due_at)
    return connection.execute(select(*columns).where(among(dossiers.c.code, "codes")), {"codes": list(codes)}).all()


def due_between(
    connection: Connection, reader: Reader, *, since: datetime, until: datetime, ends: Collection[int]
) -> Iterator[Sequence[str]]:
    """Pages of codes of dossiers that the reader may know of and whose promised return lies in that time; also of those without a promise that
    began before `until` and had not ended before `since` (`ends`: the statuses that do)."""
    promised = and_(dossiers.c.due_at >= since, dossiers.c.due_at < until)
    over = and_(dossiers.c.status.in_(list(ends)), dossiers.c.status_time < since)
    unpromised = and_(dossiers.c.due_at.is_(None), dossiers.c.created_at < until, ~over)
    return _pages(connection, and_(or_(promised, unpromised), visible(dossiers.c.code, reader)))


def unfinished(
    connection: Connection, *, ends: Collection[int], index: Collection[str], due_before: datetime
) -> Iterator[Sequence[str]]:
    """Pages of codes of dossiers promised before then, or not promised, that have not ended, or of whose news something has not reached one of
    the partners `index` yet."""
    waiting = select(deliveries.c.dossier).where(
        deliveries.c.destination.in_(list(index)), deliveries.c.ended_at.is_(None)
    )
    running = dossiers.c.status.not_in(list(ends))
    soon = or_(dossiers.c.due_at.is_(None), dossiers.c.due_at < due_before)
    return _pages(connection, and_(soon, or_(running, dossiers.c.code.in_(waiting))))


def _pages(connection: Connection, wanted: ColumnElement[bool]) -> Iterator[Sequence[str]]:
    after = ""
    while True:
        statement = select(dossiers.c.code).where(dossiers.c.code > after, wanted).order_by(dossiers.c.code).limit(PAGE)
        codes = connection.execute(statement).scalars().all()
        if codes:
            yield codes
        if len(codes) < PAGE:
            return
        after = codes[-1]


_WAYS = (
    select(
        deliveries.c.id, deliveries.c.message_seq, deliveries.c.dossier, deliveries.c.destination, deliveries.c.state, deliveries.c.created_at,
        deliveries.c.ended_at,
    )
    .join(messages, messages.c.seq == deliveries.c.message_seq)
    .where(among(messages.c.dossier, "codes"))  # by the messages: deliveries have no index of the dossier
    .order_by(deliveries.c.id)
)  # fmt: skip
_TRIED = (
    select(
        attempts.c.id,
        attempts.c.delivery,
        attempts.c.started_at,
        attempts.c.ended_at,
        attempts.c.outcome,
        attempts.c.code,
    )
    .where(among(attempts.c.delivery, "deliveries"))
    .order_by(attempts.c.id)
)


def ways_of(connection: Connection, codes: Sequence[str]) -> Sequence[Any]:
    """Every delivery of these dossiers."""
    return connection.execute(_WAYS, {"codes": list(codes)}).all()


def tried(connection: Connection, numbers: Sequence[int]) -> Sequence[Any]:
    """Every attempt of these deliveries, in order."""
    return connection.execute(_TRIED, {"deliveries": list(numbers)}).all()


def lost_of(connection: Connection, codes: Sequence[str], kinds: Collection[str]) -> Sequence[Any]:
    """The differences of these kinds of these dossiers that were healed, or are open and no single answer. Those gone by themselves were none."""
    columns = (
        differences.c.id,
        differences.c.system,
        differences.c.dossier,
        differences.c.found_at,
        differences.c.ended_at,
    )
    sure = and_(differences.c.ended_at.is_(None), or_(differences.c.state != "open", differences.c.seen > 1))
    statement = select(*columns).where(among(differences.c.dossier, "codes"), differences.c.kind.in_(list(kinds)))
    return connection.execute(statement.where(or_(differences.c.state == "healed", sure)), {"codes": list(codes)}).all()


def silences(
    connection: Connection,
    destination: str,
    since: datetime,
    until: datetime,
    *,
    silent: Collection[str],
    ours: Collection[str],
) -> Sequence[Any]:
    """The partner's attempts between, of all dossiers, in runs of those it answered and those it did not (`quiet`): `begin`, numbers `first` and
    `last`, `count`, `code` (of quiet ones; a run with several codes has a row for each). `ours`: codes that say nothing about it. Oldest first.
    """
    quiet = case((attempts.c.outcome.in_(list(silent)), 1), else_=0)
    code = func.coalesce(attempts.c.code, "")
    first, last = (first_at(connection, attempts.c.id, attempts.c.started_at, at) for at in (since, until))
    said = (
        select(attempts.c.id, attempts.c.started_at, case((quiet == 1, code), else_="").label("code"), quiet.label("quiet"))
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .where(attempts.c.id >= first, attempts.c.id < last)
        .where(deliveries.c.destination == destination, attempts.c.outcome.is_not(None), code.not_in(list(ours)))
        .cte("said")
    )  # fmt: skip
    before = func.coalesce(func.lag(said.c.quiet).over(order_by=said.c.id), -1)
    turned = select(said, case((before == said.c.quiet, 0), else_=1).label("turn")).cte("turned")
    runs = select(turned, func.sum(turned.c.turn).over(order_by=turned.c.id).label("run")).cte("runs")
    statement = (
        select(
            runs.c.run, runs.c.quiet, runs.c.code, func.min(runs.c.started_at).label("begin"), func.min(runs.c.id).label("first"),
            func.max(runs.c.id).label("last"), func.count().label("count"),
        )
        .group_by(runs.c.run, runs.c.quiet, runs.c.code)
        .order_by(runs.c.run, func.min(runs.c.id))
    )  # fmt: skip
    return connection.execute(statement).all()


# ── what a forecast asks ────────────────────────────────────────────────────────────────────────────────────────


def heads_of(connection: Connection, codes: Sequence[str]) -> Mapping[tuple[str, str], Any]:
    """By dossier and destination, each lane with work: the `state` of its oldest open delivery, how many are `open`, its `urgency`, the
    destination's `breaker`."""
    statement = (
        select(
            deliveries.c.dossier, deliveries.c.destination, deliveries.c.state, lanes.c.open, lanes.c.urgency,
            func.coalesce(breakers.c.state, "closed").label("breaker"),
        )
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .join(lanes, and_(lanes.c.destination == deliveries.c.destination, lanes.c.dossier == deliveries.c.dossier))
        .outerjoin(breakers, breakers.c.destination == deliveries.c.destination)
        .where(among(messages.c.dossier, "codes"), deliveries.c.state.in_(OPEN))
        .order_by(deliveries.c.message_seq.desc())
    )  # fmt: skip
    found = connection.execute(statement, {"codes": list(codes)})
    return {(row.dossier, row.destination): row for row in found}


def ahead_of(connection: Connection, destination: str, urgency: datetime) -> int:
    """How many lanes with work are as urgent as that, or more."""
    work = and_(lanes.c.destination == destination, lanes.c.open > 0, lanes.c.blocked.is_(False))
    counted = select(func.count()).select_from(lanes).where(work, lanes.c.urgency <= urgency)
    return int(connection.execute(counted).scalar_one())


def seconds_a_call(connection: Connection, destination: str) -> float | None:
    """How long the partner's newest answered calls took, on average; None when there are none among the ledger's newest attempts."""
    newest = int(connection.execute(select(func.coalesce(func.max(attempts.c.id), 0))).scalar_one())
    statement = (
        select(attempts.c.started_at, attempts.c.ended_at)
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .where(attempts.c.id > newest - LOOK, deliveries.c.destination == destination)
        .where(attempts.c.outcome.in_(("delivered", "duplicate")))
        .order_by(attempts.c.id.desc())
        .limit(RECENT)
    )
    took = [(row.ended_at - row.started_at).total_seconds() for row in connection.execute(statement)]
    return sum(took) / len(took) if took else None

"""The judgement after a run: is anything lost, doubled or out of order, and how long did something wait for nothing?"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any

from sqlalchemy import Connection, select

from gateway.ledger import Ledger, standing
from gateway.ledger.conservation import conserve
from gateway.ledger.tables import OPEN, deliveries, messages
from tests.faults.partners import Effect
from tests.faults.table import Row, again

TOLD = 6  # sentences of one run


@dataclass
class Verdict:
    """Of one run. `wrong` tells each thing found, also the lost, the doubled and the disordered."""

    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    stall: float = 0.0
    wrong: list[str] = field(default_factory=list)


def judge(
    ledger: Ledger,
    books: Mapping[str, Sequence[Effect]],
    receipts: Mapping[str, Mapping[str, str]],
    *,
    said: Mapping[str, Sequence[str]] | None = None,
    up: Mapping[str, Sequence[datetime]] | None = None,
    since: datetime | None = None,
    open_ones: bool = False,
) -> Verdict:
    """Compare everybody's books.

    `books`: what each destination did. `receipts`: by sender, its id of each message and our id on the receipt it holds. `said`: by
    dossier, the ids in the order their one sender said them. `up`: by destination, moments since when waiting was not its own doing.
    Only what was delivered after `since` counts for the stall. `open_ones`: deliveries may still be open.
    """
    verdict = Verdict()
    with ledger.read() as connection:
        verdict.wrong += [f"{f.law}: {f.wrong_en} ({f.count}: {', '.join(f.examples)})" for f in conserve(connection)]
        lanes = {name: list(standing.lanes_told(connection, name)) for name in books}
        times = _times(connection)
        kept = connection.execute(
            select(messages.c.id, messages.c.source, messages.c.source_id, messages.c.dossier).order_by(messages.c.seq)
        )
        rows = list(kept)
    _receipts(verdict, rows, receipts)
    _told_order(verdict, rows, said or {})
    for name, book in books.items():
        _book(verdict, name, lanes[name], book)
        _waits(verdict, lanes[name], times, sorted((up or {}).get(name, [])), since)
    still = [r for rows_ in lanes.values() for r in rows_ if r.state in OPEN]
    if still and not open_ones:
        verdict.wrong.append(f"{len(still)} deliveries never ended, first {still[0].id} ({still[0].state})")
    return verdict


def _receipts(verdict: Verdict, rows: Sequence[Any], receipts: Mapping[str, Mapping[str, str]]) -> None:
    """Every message that its sender holds a receipt for is in the ledger, once, under the id of the receipt."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        found[row.source, row.source_id].append(row.id)
    for source, held in receipts.items():
        for source_id, ours in held.items():
            there = found[source, source_id]
            if ours not in there:
                verdict.lost += 1
                verdict.wrong.append(f"lost: {source} holds the receipt {ours} for {source_id}; the ledger has {there}")
            if len(there) > 1:
                verdict.duplicated += len(there) - 1
                verdict.wrong.append(f"doubled: {source_id} stands {len(there)} times in the ledger")


def _told_order(verdict: Verdict, rows: Sequence[Any], said: Mapping[str, Sequence[str]]) -> None:
    """The ledger has each dossier's messages in the order their sender said them."""
    kept: dict[str, list[str]] = defaultdict(list)
    known = {one for ids in said.values() for one in ids}
    for row in rows:
        if row.source_id in known:
            kept[row.dossier].append(row.source_id)
    for dossier, ids in said.items():
        if kept[dossier] != [one for one in ids if one in set(kept[dossier])]:
            verdict.reordered += 1
            verdict.wrong.append(f"out of order in the ledger: {dossier}: {kept[dossier]} instead of {list(ids)}")


def _book(verdict: Verdict, name: str, rows: Sequence[Any], book: Iterable[Effect]) -> None:
    """What the ledger calls delivered stands in the partner's book once and in order; what is in doubt may; nothing else does."""
    done: dict[str, list[str]] = defaultdict(list)
    for effect in book:
        done[effect.dossier].append(effect.key)
    for dossier, lane in groupby(rows, key=lambda row: row.dossier):
        _lane(verdict, f"{name}, {dossier}", list(lane), done.pop(dossier, []))
    for dossier, keys in done.items():
        verdict.wrong.append(f"{name} did what the ledger never sent: {keys} of {dossier}")


def _lane(verdict: Verdict, place: str, rows: Sequence[Any], held: Sequence[str]) -> None:
    counts = Counter(held)
    for key, times in counts.items():
        if times > 1:
            verdict.duplicated += times - 1
            verdict.wrong.append(f"doubled at {place}: {key} was done {times} times")
    for row in rows:
        if row.state == "delivered" and row.message not in counts:
            verdict.lost += 1
            verdict.wrong.append(f"lost at {place}: delivery {row.id} is called delivered and was never done")
        if row.message in counts and row.state in ("waiting", "cancelled"):
            verdict.wrong.append(f"at {place} delivery {row.id} was done, and the ledger calls it {row.state}")
    order = {row.message: number for number, row in enumerate(rows)}
    places = [order[key] for key in counts if key in order]
    if places != sorted(places):
        verdict.reordered += sum(later < earlier for earlier, later in pairwise(places))
        verdict.wrong.append(f"out of order at {place}: {places}")
    if strangers := counts.keys() - order.keys():
        verdict.wrong.append(f"at {place} was done what the ledger never sent: {sorted(strangers)}")


def _waits(
    verdict: Verdict, rows: Sequence[Any], times: Mapping[int, Any], up: Sequence[datetime], since: datetime | None
) -> None:
    """The longest wait of the head of a lane for nothing but the gateway itself."""
    for _, lane in groupby(rows, key=lambda row: row.dossier):
        before: datetime | None = None
        for row in lane:
            time = times[row.id]
            ended = time.ended_at
            if ended is None:
                break
            if since is None or ended > since:
                index = bisect_right(up, ended)
                begun = [m for m in (time.created_at, before, since, up[index - 1] if index else None) if m is not None]
                verdict.stall = max(verdict.stall, (ended - max(begun)).total_seconds())
            before = ended


def longest_wait(ledger: Ledger, destinations: Iterable[str], since: datetime) -> float:
    """Seconds: the longest that the head of a lane waited after `since`, of what was delivered then."""
    verdict = Verdict()
    with ledger.read() as connection:
        times = _times(connection)
        for name in destinations:
            _waits(verdict, standing.lanes_told(connection, name), times, [], since)
    return verdict.stall


def _times(connection: Connection) -> dict[int, Any]:
    rows = connection.execute(select(deliveries.c.id, deliveries.c.created_at, deliveries.c.ended_at))
    return {row.id: row for row in rows}


class Tally:
    """The verdicts of a fault's runs, summed up to its row. `scale` matters where it makes the run itself larger, not more of them."""

    def __init__(self, name: str, scale: float = 0.0) -> None:
        self.name = name
        self.scale = scale
        self.sum = Verdict()
        self.runs = 0

    def add(self, seed: int, verdict: Verdict, runs: int = 1) -> None:
        """`runs` is what the fault counts: crashes, floods, or just this run."""
        total = self.sum
        self.runs += runs
        total.lost += verdict.lost
        total.duplicated += verdict.duplicated
        total.reordered += verdict.reordered
        total.stall = max(total.stall, verdict.stall)
        if verdict.wrong:
            total.wrong.append(f"seed {seed}: {again(self.name, seed, self.scale)}")
            total.wrong += [f"  {sentence}" for sentence in verdict.wrong[:TOLD]]

    def row(self, note: str = "") -> Row:
        total = self.sum
        return Row(self.runs, total.lost, total.duplicated, total.reordered, round(total.stall, 1), note, total.wrong)

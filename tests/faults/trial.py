"""One fault under load, and its judgement: every receipt is in the ledger, the laws hold, everybody's books equal the ledger."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

from tests.e2e.town import PARTNERS, Sender, find_differences, wait_until_quiet, wait_until_returned
from tests.faults.table import Row

if TYPE_CHECKING:
    from tests.faults.province import Province

QUIET_SECONDS = 120.0
EVENTS_SECONDS = 15.0

BUS = "bus"  # the destination that goes over the broker

Window = tuple[datetime, datetime]


class Load:
    """The one-stop system at work: `threads` clerks, each leading one dossier after another through its life, until told to stop."""

    def __init__(self, sender: Sender, numbers: Iterator[int], threads: int, pause: float) -> None:
        self.sender, self.numbers, self.pause = sender, numbers, pause
        self.led = 0
        self.posted = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="clerk")
        self._clerks: list[Future[None]] = [self._pool.submit(self._work) for _ in range(threads)]

    def _work(self) -> None:
        while not self._stop.is_set():
            number = next(self.numbers)  # shared with the agency; the interpreter makes it one step
            self.sender.life(number)
            with self._lock:
                self.led += 1
                self.posted += number % 3 == 0
            self._stop.wait(self.pause)

    def stop(self) -> list[str]:
        """Every dossier begun is led to its end. Returns what stopped a clerk: an answer that no sender should get."""
        self._stop.set()
        self._pool.shutdown(wait=True)
        return [str(error) for clerk in self._clerks if (error := clerk.exception())]


class Trial:
    """One fault under load. `outages` are the times in which something was away that a destination needs."""

    def __init__(self, province: Province, sender: Sender, load: Load) -> None:
        self.province, self.sender, self.load = province, sender, load
        self.begun = datetime.now(UTC)
        self.outages: dict[str, list[Window]] = defaultdict(list)  # by destination
        self.wrong: list[str] = []
        self._stopped = False
        self._complaints = province.complaints()
        province.agency.begin()

    @contextmanager
    def outage(self, *destinations: str) -> Iterator[None]:
        """While the block runs, something is away that deliveries to these need; without a name, to all."""
        begun = datetime.now(UTC)
        try:
            yield
        finally:
            window = (begun, datetime.now(UTC))
            for name in destinations or (*PARTNERS, BUS):
                self.outages[name].append(window)

    def progress(self) -> tuple[int, int]:
        """How many receipts came, and how many deliveries have ended, since it began."""
        query = "SELECT count(*) FROM deliveries WHERE state = 'delivered' AND ended_at >= %s"
        ((delivered,),) = self.province.database.ask(query, self.begun)
        return len(self.sender.receipts), int(delivered)

    def stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            agency = self.province.agency
            self.wrong = self.load.stop()
            agency.finish()
            self.wrong += agency.wrong
            self.province.posted += self.load.posted + sum(number % 3 == 0 for number in agency.led)

    def judge(self, runs: int, note: str, wrong: Sequence[str] = (), *, events_kept: bool = True) -> Row:
        """What came of it, once everything that was accepted has been delivered. `events_kept`: the broker's queues have lived through it."""
        self.stop()
        town, sentences = self.province.town, [*wrong, *self.wrong]
        try:
            wait_until_quiet(town, QUIET_SECONDS)
            town.act("vnpost_hcc", {"deliver_all": True})
            wait_until_returned(town, self.province.posted, QUIET_SECONDS)
            wait_until_quiet(town, QUIET_SECONDS)
        except AssertionError as error:
            sentences += [str(error), *self._open()]
        sentences += sorted((self.province.complaints() - self._complaints).elements())
        differences = find_differences(town)
        kinds = Counter(classify(sentence) for sentence in differences)
        missing = self._without_message()
        unseen, disordered = self._events()
        if events_kept:
            missing += [f"event never seen: {one}" for one in unseen]
        row = Row(
            runs=runs,
            lost=len(missing) + kinds["lost"],
            duplicated=kinds["duplicated"],
            reordered=kinds["reordered"] + len(disordered),
            longest_stall_seconds=self.longest_stall(),
            note=f"{note}; {self._told()}",
            wrong=[*sentences, *missing[:5], *disordered[:5], *differences[:20]],
        )
        return row if row.good else self._abandon(row)

    def _abandon(self, row: Row) -> Row:
        """A damaged province would fail every fault after this one. Its logs stay."""
        logs = Path(tempfile.mkdtemp(prefix="lt-fault-logs-"))
        for log in self.province.folder.glob("*.log"):
            shutil.copy(log, logs)
        self.province.damaged = True
        return replace(row, wrong=[*row.wrong, f"logs of the processes: {logs}"])

    def _told(self) -> str:
        answers = self.sender.answers
        resent = ", ".join(
            f"{n} × {answer}" for answer, n in sorted(answers.items(), key=str) if answer not in (200, 202)
        )
        agency = self.province.agency
        words = (
            f"{len(self.sender.receipts):,} receipts over REST, {len(agency.receipts):,} over AMQP ({agency.repeated} sent again), "
            f"{self.questions()} deliveries asked about first"
        )
        return f"{words}; not answered well: {resent or 'none'}"

    def questions(self) -> int:
        """How often a partner was asked whether something had arrived: each stands for a call that was broken off."""
        query = "SELECT count(*) FROM attempts WHERE kind = 'ask' AND started_at >= %s"
        ((questions,),) = self.province.database.ask(query, self.begun)
        return int(questions)

    def _without_message(self) -> list[str]:
        """Receipts that the ledger does not know: the one thing that must never be."""
        there = dict(self.province.database.ask("SELECT source_id, id FROM messages WHERE source = 'one-stop'"))
        held = self.sender.receipts | self.province.agency.receipts
        return [f"receipt without message: {key}" for key, ours in held.items() if there.get(key) != ours]

    def _events(self) -> tuple[list[str], list[str]]:
        """What the agency never saw of what was published, and the dossiers whose events it first saw out of order."""
        query: LiteralString = (
            "SELECT d.dossier, array_agg(m.id ORDER BY m.seq) FROM deliveries d JOIN messages m ON m.seq = d.message_seq "
            "WHERE d.destination = 'bus' AND d.state = 'delivered' AND m.received_time >= %s GROUP BY d.dossier"
        )
        published = dict(self.province.database.ask(query, self.begun))
        seen, until = self.province.agency.seen, time.monotonic() + EVENTS_SECONDS
        while time.monotonic() < until and any(len(seen.get(code, ())) < len(ids) for code, ids in published.items()):
            time.sleep(0.2)
        unseen, disordered = [], []
        for code, ids in published.items():
            there = [one for one in seen.get(code, ()) if one in ids]
            unseen += [f"{code} {one}" for one in ids if one not in there]
            if there != [one for one in ids if one in there]:
                disordered.append(f"events of {code} out of order: {there}")
        return unseen, disordered

    def _open(self) -> list[str]:
        """The first few deliveries that did not end, and why."""
        rows = self.province.database.ask(
            "SELECT destination, dossier, state, attempts, asks, reason FROM deliveries WHERE ended_at IS NULL LIMIT 5"
        )
        return [" ".join(str(value) for value in row) for row in rows]

    def longest_stall(self) -> float:
        """The longest way from accept to delivered, less the times in which something it needs was away. Seconds."""
        rows = self.province.database.ask(
            "SELECT d.destination, m.received_time, d.ended_at FROM deliveries d JOIN messages m ON m.seq = d.message_seq "
            "WHERE d.ended_at IS NOT NULL AND m.received_time >= %s",
            self.begun,
        )
        return max((self._wait(name, (received, ended)) for name, received, ended in rows), default=0)

    def _wait(self, destination: str, way: Window) -> float:
        return _length(way) - sum(_overlap(way, outage) for outage in self.outages[destination])


def _length(window: Window) -> float:
    return max(0.0, (window[1] - window[0]).total_seconds())


def _overlap(one: Window, other: Window) -> float:
    return _length((max(one[0], other[0]), min(one[1], other[1])))


def classify(sentence: str) -> str:
    """Which column a sentence of `gateway.cli.books.compare` belongs in: lost, duplicated, reordered; anything else is just wrong."""
    for words, column in (
        ("thiếu", "lost"),
        ("event not read", "lost"),
        ("thừa", "duplicated"),
        ("tạo · created", "duplicated"),
        ("sai thứ tự", "reordered"),
        ("trạng thái đi", "reordered"),
    ):
        if words in sentence:
            return column
    return "wrong"

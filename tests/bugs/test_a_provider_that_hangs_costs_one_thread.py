"""The call to a provider was made under a lock, and its failure forgotten: each thread waited its turn to wait ten seconds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import monotonic

import pytest

from sso.errors import Stopped
from sso.kept import Kept, away
from tests.conftest import Time


class Source:
    """Answers when it is let; `fault` is raised instead."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked, self.let = Event(), Event()
        self.let.set()
        self.fault: Stopped | None = None

    def read(self) -> int:
        self.calls += 1
        self.asked.set()
        assert self.let.wait(20)
        if self.fault is not None:
            raise self.fault
        return self.calls


@pytest.fixture
def source() -> Source:
    return Source()


def test_while_one_thread_reads_anew_others_go_on_with_what_there_is(source: Source, time: Time) -> None:
    kept = Kept(time, source.read)
    assert kept.get() == 1
    time.move(minutes=61)
    source.let.clear()
    source.asked.clear()

    with ThreadPoolExecutor() as pool:
        reader = pool.submit(kept.get)
        assert source.asked.wait(10)
        assert [kept.get() for _ in range(5)] == [1] * 5
        source.let.set()
        assert reader.result(10) == 2
    assert kept.get() == 2


def test_with_nothing_kept_nobody_waits_as_long_as_the_provider_hangs(source: Source, time: Time) -> None:
    kept = Kept(time, source.read)
    source.let.clear()
    source.fault = away("hangs")

    with ThreadPoolExecutor(8) as pool:
        reader = pool.submit(kept.get)
        assert source.asked.wait(10)
        began = monotonic()
        others = [pool.submit(kept.get) for _ in range(6)]
        told = [other.exception(10) for other in others]
        waited = monotonic() - began
        source.let.set()
        assert isinstance(reader.exception(10), Stopped)
    assert [fault.status for fault in told if isinstance(fault, Stopped)] == [503] * 6
    assert waited < 6, "they waited side by side, a little, for a provider that is only slow"
    assert source.calls == 1


def test_a_failure_is_remembered_for_ten_seconds(source: Source, time: Time) -> None:
    kept = Kept(time, source.read)
    source.fault = away("hangs")
    for _ in range(5):
        with pytest.raises(Stopped, match="hangs") as told:
            kept.get()
        assert (told.value.status, told.value.retry_after) == (503, 10)
    assert source.calls == 1

    time.move(seconds=11)
    source.fault = None
    assert kept.get() == 2


def test_what_is_kept_outlives_a_provider_that_is_away_but_not_for_ever(source: Source, time: Time) -> None:
    kept = Kept(time, source.read)
    kept.get()
    source.fault = away("hangs")
    time.move(minutes=90)
    assert kept.get() == 1
    time.move(minutes=31)
    with pytest.raises(Stopped, match="hangs"):
        kept.get()


def test_a_lie_is_no_absence(source: Source, time: Time) -> None:
    kept = Kept(time, source.read)
    kept.get()
    source.fault = Stopped("it calls itself otherwise", status=502)
    time.move(minutes=61)
    for _ in range(2):
        with pytest.raises(Stopped, match="otherwise"):
            kept.get()
    assert source.calls == 3


def test_an_unknown_key_is_looked_for_once_a_minute(source: Source, time: Time) -> None:
    kept = Kept(time, source.read)
    assert [kept.get(lambda value: value == 3) for _ in range(3)] == [1, 1, 1]
    time.move(seconds=61)
    assert [kept.get(lambda value: value == 3) for _ in range(3)] == [2, 2, 2]
    time.move(seconds=61)
    assert kept.get(lambda value: value == 3) == 3

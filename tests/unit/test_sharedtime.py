"""One time for all hosts: the database's. A host's own clock, wrong or set back, decides nothing."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.config import default_folder
from gateway.flow.gateway import Gateway
from gateway.ledger.opening import LedgerAway
from gateway.ledger.sharedtime import SharedTime

NOON = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)


def test_hosts_whose_clocks_differ_mean_the_same_instant() -> None:
    hosts = [SharedTime(lambda: NOON, tick=lambda own=own: own) for own in (0.0, 300.0, 9_999_999.0)]  # type: ignore[misc]

    assert {host() for host in hosts} == {NOON}


def test_between_two_readings_time_goes_on() -> None:
    ticks = [100.0]
    shared = SharedTime(lambda: NOON, tick=lambda: ticks[0])

    ticks[0] += 12.5

    assert shared() == NOON + timedelta(seconds=12.5)


def test_a_slow_answer_counts_from_the_middle_of_the_question() -> None:
    ticks = iter([10.0, 10.8, 10.8, 10.8])
    shared = SharedTime(lambda: NOON, tick=lambda: next(ticks))

    assert shared() == NOON + timedelta(seconds=0.4)


def test_a_reading_that_took_long_is_made_again_and_never_believed() -> None:
    now, pauses = [100.0], [0.0]

    def ask() -> datetime:
        now[0] += pauses.pop(0)
        return NOON

    shared = SharedTime(ask, tick=lambda: now[0])
    pauses += [600.0, 600.0, 600.0]  # this host stood still in the middle of each

    shared.read()

    assert shared() == NOON + timedelta(seconds=1800)


def test_a_database_with_another_clock_is_followed_slowly() -> None:
    """Else the first process to read would hold every lease of the others for run out."""
    now, answer = [0.0], [NOON]
    shared = SharedTime(lambda: answer[0], tick=lambda: now[0])
    now[0], answer[0] = 30.0, NOON + timedelta(minutes=5)

    shared.read()

    assert shared() == NOON + timedelta(seconds=33)
    now[0] = 60.0
    answer[0] = NOON - timedelta(minutes=5)
    shared.read()
    assert shared() == NOON + timedelta(seconds=60)


def test_while_the_ledger_is_away_the_last_reading_goes_on() -> None:
    ticks, away = [0.0], [False]

    def ask() -> datetime:
        if away[0]:
            raise LedgerAway("no answer")
        return NOON

    shared = SharedTime(ask, tick=lambda: ticks[0])
    away[0], ticks[0] = True, 40.0

    with pytest.raises(LedgerAway):
        shared.read()
    assert shared() == NOON + timedelta(seconds=40)


def test_a_gateway_goes_by_its_database(ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    monkeypatch.setenv("LIENTHONG_LEDGER", ledger_url)
    gateway = Gateway(tmp_path)
    try:
        assert isinstance(gateway.now, SharedTime) == (not gateway.ledger.sqlite)
        assert abs(gateway.now() - datetime.now(UTC)) < timedelta(seconds=5)
    finally:
        gateway.close()

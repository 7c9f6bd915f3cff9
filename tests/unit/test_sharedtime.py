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
    ticks = iter([10.0, 14.0, 14.0, 14.0])
    shared = SharedTime(lambda: NOON, tick=lambda: next(ticks))

    assert shared() == NOON + timedelta(seconds=2)


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

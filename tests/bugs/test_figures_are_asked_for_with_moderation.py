"""Each question for statistics or delays reads much of the ledger, and a partner could put as many as it liked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gateway.dossiers.statistics import gather_statistics
from gateway.web.api import statistics
from gateway.web.costly import AT_ONCE, SAVED
from tests.conftest import Time
from tests.door import Door, faults, fresh_ledger, make_home, open_door

FIGURES = "/api/v1/statistics?from=2026-01-01&to=2026-01-31&by=channel"
DELAYS = "/api/v1/delays?from=2026-01-01&to=2026-01-31&by=agency"


@pytest.fixture
def home(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    return make_home(tmp_path)


def test_a_partner_that_asks_too_often_is_told_when_to_ask_again(home: Path, time: Time) -> None:
    with open_door(home, time) as door:
        told = [door.get((FIGURES, DELAYS)[n % 2]).status_code for n in range(int(SAVED))]
        refused = door.get(FIGURES)

        assert set(told) == {200}
        assert (refused.status_code, faults(refused), refused.headers["Retry-After"]) == (429, {"": "busy"}, "5")
        assert door.get(FIGURES, "portal").status_code == 200  # the others are not concerned
        assert door.get(FIGURES + "&to=1").status_code == 400
        time.move(seconds=5)
        assert [door.get(FIGURES).status_code for _ in range(2)] == [200, 429]


def test_few_questions_of_a_partner_are_under_way_at_a_time(
    home: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()
    gather = gather_statistics

    def slow(*given: object) -> object:
        begun.release()
        assert may_end.wait(30)
        return gather(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(statistics, "gather_statistics", slow)
    with open_door(home, time) as door:
        told: list[int] = []
        asking = [threading.Thread(target=lambda: told.append(ask(door))) for _ in range(AT_ONCE)]
        for one in asking:
            one.start()
        for _ in asking:
            assert begun.acquire(timeout=30)

        assert (door.get(DELAYS).status_code, door.get(DELAYS, "portal").status_code) == (429, 200)
        may_end.set()
        for one in asking:
            one.join(30)
        assert told == [200] * AT_ONCE
        assert door.get(DELAYS).status_code == 200


def ask(door: Door) -> int:
    """By a client of its own: each thread has one."""
    return door.app.test_client().get(FIGURES, headers=door.headers("one-stop")).status_code

"""Received after the fee was asked for, all of one instant (its system tells minutes): rank called the reception late, and it was held for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from gateway.config import Config, default_folder
from gateway.dossiers.algebra import Standing, judge
from gateway.ledger.tables import beliefs, dossiers, statuses
from tests.house import House, dossier, rows, status
from tests.unit.test_release import told

CONFIG = Config(default_folder().parent)
START = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("table", [CONFIG.statuses, *(table for _, table in CONFIG.families)])
def test_whatever_instants_coincide_each_lawful_step_moves_the_dossier(table) -> None:
    paths = [[code] for code, row in table.items() if row.first]
    for _ in range(4):
        paths = [[*path, code] for path in paths for code in (*table[path[-1]].moves, *table[path[-1]].reopens)]
    assert paths

    for path, apart in product(paths, product((0, 1), repeat=2)):
        minute, now = 0, Standing(path[0], START)
        for code, gap in zip(path[1:], (*apart, *apart), strict=False):
            minute += gap
            when = START + timedelta(minutes=minute)
            assert judge(table, now, code, when, reopens=code in table[now.status].reopens) is None, (path, apart)
            now = Standing(code, when)


@pytest.mark.parametrize("waiting", [5, 6])
def test_a_reception_of_the_instant_of_the_question_before_it_goes_on(house: House, waiting: int) -> None:
    house.accept("one-stop", dossier(1, status=1))
    house.accept("one-stop", status(1, waiting, 10))

    received = house.accept("one-stop", status(1, 2, 10))
    house.work("portal")

    assert received.held is None
    assert told(house) == [1, waiting, 2]
    assert [row.status for row in rows(house, dossiers)] == [2]


def test_an_end_that_was_taken_up_again_at_one_instant_does_not_end_it_anew(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 10))
    reopened = house.accept("one-stop", status(1, 4, 60, id="again", reopens=True))

    done = house.accept("one-stop", status(1, 9, 60))

    assert (reopened.held, done.held) == (None, "late")
    assert [row.status for row in rows(house, dossiers)] == [4]
    assert [row.status for row in rows(house, beliefs) if row.system == "one-stop"] == [4]


def test_done_taken_up_again_and_done_at_one_instant_stands_as_it_came(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 10))
    for name, code, reopens in (("done", 9, False), ("again", 4, True), ("done-again", 9, False)):
        house.accept("one-stop", status(1, code, 60, id=name, reopens=reopens))

    assert [row.held for row in rows(house, statuses)] == [None] * 5
    assert [row.status for row in rows(house, dossiers)] == [9]

"""Laws of the status algebra."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config, default_folder
from gateway.dossiers.algebra import HELD, Standing, judge

TABLE = Config(default_folder().parent).statuses
START = datetime(2026, 1, 5, tzinfo=UTC)
events = st.lists(st.tuples(st.integers(1, 10), st.integers(0, 500), st.booleans()), max_size=40)


def play(moves: list[tuple[int, int, bool]]) -> list[tuple[Standing | None, int, str | None]]:
    now: Standing | None = None
    told = []
    for code, minute, reopens in moves:
        when = START + timedelta(minutes=minute)
        held = judge(TABLE, now, code, when, reopens=reopens)
        told.append((now, code, held))
        if held is None:
            now = Standing(code, when)
    return told


@given(events)
def test_a_terminal_status_is_never_left(moves) -> None:
    for before, _, held in play(moves):
        if before is not None and TABLE[before.status].terminal:
            assert held == "terminal"


@given(events)
def test_only_lawful_moves_are_made_and_time_never_runs_back(moves) -> None:
    last: Standing | None = None
    for before, code, held in play(moves):
        if held is None and before is not None:
            assert code in TABLE[before.status].moves or code in TABLE[before.status].reopens
        if before is not None and last is not None:
            assert before.since >= last.since
        last = before


@given(events)
def test_every_reason_has_words_in_both_languages(moves) -> None:
    for _, _, held in play(moves):
        assert held is None or all(HELD[held])


def test_three_seven_and_ten_are_terminal_and_every_other_status_leads_on() -> None:
    assert {c for c, row in TABLE.items() if row.terminal} == {3, 7, 10}
    assert all(row.moves for row in TABLE.values() if not row.terminal)


def test_every_status_can_be_reached_from_the_first_ones() -> None:
    reached = {c for c, row in TABLE.items() if row.first}
    while True:
        more = reached | {m for c in reached for m in TABLE[c].moves}
        if more == reached:
            break
        reached = more
    assert reached == set(TABLE)


@pytest.mark.parametrize(
    ("here", "status", "reopens", "held"),
    [
        (4, 2, False, "late"),  # received and in process at one instant: the reception came first
        (5, 2, False, None),  # it may follow, too: as they arrived
        (8, 4, False, None),  # of one rank: as they arrived
        (4, 5, False, None),
        (4, 9, False, None),
        (9, 4, True, None),
        (9, 4, False, "late"),
        (10, 9, False, "terminal"),
    ],
)
def test_events_of_one_instant_are_told_apart_by_rank(here: int, status: int, reopens: bool, held: str | None) -> None:
    assert judge(TABLE, Standing(here, START), status, START, reopens=reopens) == held


def test_no_terminal_status_ranks_below_one_that_leads_to_it() -> None:
    for row in TABLE.values():
        assert all(TABLE[code].rank >= row.rank for code in row.moves if TABLE[code].terminal)

"""Between two readings of a list a dossier may have gone several steps: those that are made up for it are lawful, and none is made twice."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise, product

import pytest

from gateway.config import Config, default_folder
from gateway.dossiers.algebra import Standing, judge
from gateway.snapshots import steps

AT = datetime(2026, 1, 5, tzinfo=UTC)
TABLE = Config(default_folder().parent).statuses
LINE = [1, 2, 4, 9, 10]


@pytest.mark.parametrize(("start", "goal"), list(product(range(1, 11), repeat=2)))
def test_where_steps_lie_between_every_move_is_lawful(start: int, goal: int) -> None:
    way = [start, *steps(start, goal)]

    assert way[-1] == goal
    assert len(set(way)) == len(way)
    if len(way) > 2:
        assert all(judge(TABLE, Standing(here, AT), there, AT) is None for here, there in pairwise(way))


@pytest.mark.parametrize(("start", "goal"), [(s, g) for s, g in product(LINE, repeat=2) if s < g])
def test_on_the_common_way_no_step_is_left_out(start: int, goal: int) -> None:
    assert list(steps(start, goal)) == LINE[LINE.index(start) + 1 : LINE.index(goal) + 1]


@pytest.mark.parametrize(
    ("start", "goal", "way"), [(5, 9, [4, 9]), (8, 4, [4]), (5, 2, [2]), (10, 4, [4]), (9, 5, [5])]
)
def test_a_dossier_that_was_paused_goes_on_through_its_handling(start: int, goal: int, way: list[int]) -> None:
    assert list(steps(start, goal)) == way

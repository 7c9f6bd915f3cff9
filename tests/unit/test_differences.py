"""Laws of the comparison: what differs, and the fewest messages that heal it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config, default_folder
from gateway.dossiers.differences import AGREES, KINDS, Told, find_difference, moves_between
from gateway.ports import Heal, Standing

TABLE = Config(default_folder().parent).statuses
START = datetime(2026, 1, 5, tzinfo=UTC)
PORTAL = Heal(status=("dossier",), step=("progress",), anew=True)
STEP_ONLY = Heal(step=("portal_status",))
codes = st.integers(1, 10)


def told(*statuses: int) -> list[Told]:
    kinds = ["DossierSubmitted", *["StatusChanged"] * (len(statuses) - 1)]
    return [
        Told(f"m{place}", kind, code, START + timedelta(hours=place))
        for place, (kind, code) in enumerate(zip(kinds, statuses, strict=True))
    ]


def says(code: int, heal: Heal = PORTAL, lacking: tuple[str, ...] = ()) -> Standing:
    return Standing(True, str(code), (code,), lacking=lacking, heal=heal)


@pytest.mark.parametrize(
    ("statuses", "theirs", "kind"),
    [
        ((2, 4, 9), 9, AGREES),
        ((2, 4, 9), 4, "behind"),
        ((2, 4, 9), 2, "behind"),
        ((2, 4), 9, "ahead"),
        ((2, 4), 5, "ahead"),
        ((2, 4), 10, "ahead"),
        ((2, 5, 4), 5, "behind"),
        ((2, 4), 1, "behind"),
        ((2, 7), 9, "contradictory"),
        ((2, 4, 9), 3, "contradictory"),
        ((2, 4, 9, 10), 9, "behind"),
    ],
)
def test_a_status_there_is_behind_ahead_or_contradictory(statuses: tuple[int, ...], theirs: int, kind: str) -> None:
    assert find_difference(told(*statuses), says(theirs), TABLE).kind == kind


def test_what_is_gone_goes_again_and_nothing_else() -> None:
    found = find_difference(told(2, 4, 5, 4, 9), says(4, lacking=("m2",)), TABLE)

    assert [(one.message, one.documents, one.present) for one in found.plan] == [
        ("m4", ("dossier",), True),
        ("m2", ("progress",), False),
    ]


def test_a_dossier_told_anew_is_founded_once_and_its_steps_follow_in_order() -> None:
    gone = Standing(False, heal=PORTAL)

    kept = find_difference(told(2, 4, 9), gone, TABLE)
    compacted = find_difference(told(2, 4, 9), gone, TABLE, "compacted")

    assert [(one.message, one.anew) for one in kept.plan] == [("m2", True), ("m1", False), ("m2", False)]
    assert [(one.message, one.anew) for one in compacted.plan] == [("m2", True), ("m2", False)]


def test_a_word_that_no_table_knows_is_for_a_person_and_heals_by_nothing() -> None:
    found = find_difference(told(2, 4), Standing(True, "11", (), heal=PORTAL), TABLE)

    assert (found.kind, found.plan, found.careful) == ("unclassified", [], True)


def test_a_partner_that_shows_not_one_of_several_steps_may_have_stopped_showing_them() -> None:
    assert find_difference(told(2, 4, 9), says(9, lacking=("m1", "m2")), TABLE).careful
    assert not find_difference(told(2, 4, 9), says(9, lacking=("m1",)), TABLE).careful
    assert not find_difference(told(2, 4), says(4, lacking=("m1",)), TABLE).careful


@given(st.lists(codes, min_size=1, max_size=6), codes, st.sets(st.integers(0, 5)), st.sampled_from([PORTAL, STEP_ONLY]))
def test_whatever_is_told_and_answered_the_plan_is_small_lawful_and_without_a_double(
    statuses, theirs, gone, heal
) -> None:
    messages = told(*statuses)
    lacking = tuple(f"m{n}" for n in gone if 0 < n < len(messages))
    found = find_difference(messages, says(theirs, heal, lacking), TABLE)

    assert all(KINDS[found.kind])
    steps = [one.message for one in found.plan if one.documents == heal.step]
    assert set(steps) <= set(lacking)  # no step that is there goes again
    assert len(steps) == len(set(steps))
    assert len(found.plan) <= 1 + len(lacking)
    assert (found.kind == AGREES) == (theirs == statuses[-1] and not lacking)
    if found.kind not in (AGREES, "missing-steps") and TABLE[theirs].terminal:
        assert found.careful
    if found.plan and found.kind not in (AGREES, "missing-steps"):  # the last status is what the plan ends in
        assert f"m{len(messages) - 1}" in [one.message for one in found.plan]


@given(codes, codes)
def test_the_number_of_moves_is_that_of_a_lawful_way(one: int, other: int) -> None:
    count = moves_between(one, other, TABLE)

    if count is None:
        assert one != other
    elif count == 1:
        assert other in TABLE[one].moves
    elif count:
        assert (
            min(moves_between(step, other, TABLE) or 0 for step in TABLE[one].moves if _leads(step, other)) == count - 1
        )
    else:
        assert one == other


def _leads(one: int, other: int) -> bool:
    return moves_between(one, other, TABLE) is not None

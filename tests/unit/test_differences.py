"""Laws of the comparison: what differs, and the fewest messages that heal it."""

from __future__ import annotations

from dataclasses import replace
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


def test_of_overtaken_steps_a_compacting_partner_needs_the_last_alone() -> None:
    middle = find_difference(told(2, 4, 9), says(9, lacking=("m1",)), TABLE, "compacted")
    last = find_difference(told(2, 4, 9), says(9, lacking=("m2",)), TABLE, "compacted")
    none = find_difference(told(2, 4, 9), says(9, lacking=("m1", "m2")), TABLE, "compacted")

    assert (middle.kind, last.kind) == (AGREES, "missing-steps")
    assert [one.message for one in last.plan] == ["m2"]
    assert (none.careful, last.careful) == (True, False)  # it may have stopped showing any


def test_a_partner_of_messages_alone_that_has_none_of_them_is_for_a_person() -> None:
    """Its receipts may have been cleared away: what it has, it would take again as new."""
    took = [
        Told(f"m{n}", kind, 1 if n == 0 else None, START) for n, kind in enumerate(("DossierSubmitted", "PaymentPaid"))
    ]
    again = Heal(step=("message",))

    assert find_difference(took, Standing(True, lacking=("m0", "m1"), heal=again), TABLE).careful
    assert not find_difference(took, Standing(True, lacking=("m1",), heal=again), TABLE).careful


def test_what_the_partner_said_itself_counts_and_is_never_told_again() -> None:
    said = [*told(2, 4), Told("own", "StatusChanged", 7, START + timedelta(days=1), own=True)]

    agrees = find_difference(said, says(7), TABLE)
    recants = find_difference(said, says(4), TABLE)
    gone = find_difference(said, Standing(False, heal=PORTAL), TABLE)
    lacks = find_difference(said, says(7, lacking=("m1",)), TABLE)

    assert (agrees.kind, agrees.expected) == (AGREES, 7)
    assert (recants.kind, recants.plan, recants.careful) == ("behind", [], True)
    assert [(one.message, one.anew) for one in gone.plan] == [("m1", True), ("m1", False)]
    assert [one.message for one in lacks.plan] == ["m1"]


def test_where_a_status_goes_with_a_step_alone_it_goes_only_as_that_step() -> None:
    behind = find_difference(told(2, 4, 9), says(4, STEP_ONLY, ("m1",)), TABLE)
    gone = find_difference(told(2, 4, 9), says(4, STEP_ONLY, ("m1", "m2")), TABLE)

    assert (behind.plan, behind.careful) == ([], True)  # the last step is there: told again it would stand there twice
    assert [one.message for one in gone.plan] == ["m1", "m2"]


def test_what_only_the_partner_can_found_is_founded_by_nobody_else() -> None:
    for heal in (STEP_ONLY, Heal(status=("dossier",), step=("progress",))):
        found = find_difference(told(2, 4), Standing(False, heal=heal), TABLE)
        assert (found.kind, found.plan, found.careful) == ("missing-there", [], True)


def test_one_that_is_founded_by_its_messages_gets_those_that_are_lacking_again_and_no_other() -> None:
    again = Heal(step=("registration",))
    for superseded in ("kept", "compacted"):
        found = find_difference(told(2, 5, 2, 4), Standing(False, lacking=("m2",), heal=again), TABLE, superseded)
        assert (found.kind, found.careful) == ("missing-there", False)
        assert [(one.message, one.documents, one.anew) for one in found.plan] == [("m2", ("registration",), False)]


def test_one_that_spoke_of_a_dossier_last_and_lost_it_gets_it_again_only_with_a_person() -> None:
    said = [*told(2), Told("own", "StatusChanged", 4, START + timedelta(days=1), own=True)]
    found = find_difference(said, Standing(False, lacking=("m0",), heal=Heal(step=("registration",))), TABLE)

    assert ([one.message for one in found.plan], found.careful) == (["m0"], True)


@given(st.lists(codes, min_size=1, max_size=6), codes)
def test_who_works_on_a_dossier_differs_only_where_no_lawful_way_led_on(statuses: list[int], theirs: int) -> None:
    messages = told(*statuses)
    works = find_difference(messages, replace(says(theirs), works=True), TABLE)
    other = find_difference(messages, says(theirs), TABLE)

    if works.kind == AGREES:
        assert moves_between(statuses[-1], theirs, TABLE) is not None
    else:
        assert works == other
        assert works.kind != "ahead"

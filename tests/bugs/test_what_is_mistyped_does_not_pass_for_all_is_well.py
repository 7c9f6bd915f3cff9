"""A partner or a dossier that does not exist was answered by nothing and exit code 0, and each error came after sums of zeros."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from gateway.cli.main import root
from gateway.ledger.tables import lanes
from tests.unit.test_reconcile import World, make_world, world  # noqa: F401


def run(world: World, *arguments: str) -> Any:  # noqa: F811
    return CliRunner().invoke(root, [*arguments, "--home", str(world.house.gateway.config.home)])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("reconcile", "list", "portl"), 2, "portl"),
        (("reconcile", "portal", "--dossier", "H99-khong-co", "--dry-run"), 1, "H99-khong-co"),
        (("reconcile", "portal", "--since", "05/01/2026"), 2, "2026-01-05"),
        (("held", "apply", "x", "--at", "2026-01-05T11:00:00", "--reason", "thử"), 2, "+07:00"),
        (("doubts", "ask", "17", "--reason", "thử"), 1, "không có lượt gửi 17"),
        (("reconcile", "vnpost"), 2, "không hỏi được"),
    ],
)
def test_it_is_named_and_no_sum_of_nothing_stands_before_it(
    world: World,  # noqa: F811
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    told = run(world, *arguments)

    assert told.exit_code == code, told.output
    assert words in told.output
    assert "asked 0" not in told.output
    assert "%" not in told.output


def test_a_dossier_of_which_nothing_can_be_asked_is_told(world: World) -> None:  # noqa: F811
    code = world.tell()
    with world.house.gateway.ledger.write() as connection:
        connection.execute(update(lanes).values(open=1))  # something is under way

    told = run(world, "reconcile", "portal", "--dossier", code)

    assert told.exit_code == 1
    assert f"{code}: không hỏi được" in told.output


def test_a_difference_shows_its_own_word_and_what_only_the_partner_can_mend(world: World) -> None:  # noqa: F811
    """The word of a healed one stood beside the time of an answer that said otherwise; one without a cure ended in a table of nothing."""
    code = world.tell()
    world.time.move(minutes=5)
    world.plant(code, TrangThaiHoSo="77")
    world.reconciler.ask(code)
    open_ = run(world, "reconcile", "show", "1").output
    world.plant(code, TrangThaiHoSo="9")
    world.time.move(minutes=5)
    world.reconciler.ask(code)

    ended = run(world, "reconcile", "show", "1").output

    assert "statuses.toml" in open_
    assert "Would be healed by" not in open_
    assert "đối tác đã nói · it said 77 (1 lần" in ended
    assert ended.index("it said 77") < ended.index("trả lời mới nhất") < ended.index('"TrangThaiHoSo": "9"')
    assert run(world, "reconcile", "decline", "1", "--reason", "thử").output.count("đã tự hết") == 1

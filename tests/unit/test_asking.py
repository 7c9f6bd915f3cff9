"""What `lienthong reconcile run` shows while it asks: differences at once, progress for who looks on, and an end that loses nothing."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gateway.cli.asking import Round
from gateway.dossiers.differences import Finding
from gateway.flow.reconcile import Asked
from gateway.ports import Standing
from tests.house import House, dossier
from tests.house import status as moved


def answer(number: int, kind: str = "agrees") -> Asked:
    state = None if kind == "agrees" else "proposed"
    return Asked(f"000.00.01.H99-260105-{number:04}", Standing(True, "4"), Finding(kind, 9), state)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_difference_is_told_before_the_next_question_is_put(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []

    def answers() -> Iterator[Asked]:
        yield answer(1, "behind")
        said.append(capsys.readouterr().out)
        yield answer(2)

    found = Round(as_json=False)
    with found.showing():
        found.hear("portal", answers(), 2)
    found.close()

    assert "0001" in said[0]
    assert "đối tác còn ở trạng thái cũ" in said[0]
    assert "chờ duyệt" in said[0]
    assert capsys.readouterr().out == "đã hỏi · asked 2, khớp · agree 1, lệch · differ 1\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_ends_the_questions_and_keeps_what_was_found(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    def answers() -> Iterator[Asked]:
        yield answer(1, "behind")
        raise KeyboardInterrupt

    found = Round(as_json=as_json)
    with found.showing():
        found.hear("portal", answers(), 2)
        found.hear("one-stop", [answer(3)], 1)
    found.close()

    told = capsys.readouterr()
    assert found.stopped
    assert (found.count, found.differing) == (1, 1)
    assert "đã dừng" in told.err
    if as_json:
        assert [one["dossier"] for one in json.loads(told.out)] == [answer(1).dossier]
    else:
        assert "lệch · differ 1" in told.out


def test_on_a_terminal_count_total_and_rate_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    found = Round(as_json=False)

    with found.showing():
        found.hear("portal", [answer(n, "behind" if n == 2 else "agrees") for n in range(1, 4)], 3)
    found.close()

    shown = terminal.getvalue()
    assert "3/3" in shown
    assert "/s" in shown
    assert "differ 1" in shown
    assert (
        answer(2).dossier in capsys.readouterr().out
    )  # not a terminal: the difference stands there, and the bar does not


def test_where_nobody_looks_on_nothing_moves(capsys: pytest.CaptureFixture[str]) -> None:
    found = Round(as_json=False)

    with found.showing():
        found.hear("portal", [answer(1)], 1)

    assert capsys.readouterr() == ("", "")


def test_a_partner_is_asked_no_faster_than_its_file_allows() -> None:
    asked: list[datetime] = []

    def answers() -> Iterator[Asked]:
        for number in range(4):
            asked.append(datetime.now(UTC))
            yield answer(number)

    Round(as_json=True).hear("portal", answers(), 4, rate=20)

    assert (asked[-1] - asked[0]).total_seconds() > 0.14


def test_the_total_is_the_number_of_dossiers_that_will_be_asked_about(house: House) -> None:
    from gateway.ledger import reconciling

    for number in (1, 2, 3):
        house.accept("one-stop", dossier(number))
    house.work("portal")
    house.accept("one-stop", moved(3, 4, 5))  # under way: not asked about
    now, first = house.gateway.now(), datetime.min.replace(tzinfo=UTC)

    with house.gateway.ledger.read() as connection:
        codes = reconciling.next_lanes(connection, "portal", "", settled=now, rested=now, ended=[10], since=first)
        count = reconciling.count_lanes(connection, "portal", settled=now, since=first)

    assert (count, list(codes)) == (2, [dossier(1)["dossier"], dossier(2)["dossier"]])

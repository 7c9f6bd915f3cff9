"""The demo's last act is not lenient: what is not found, not healed, or healed with a row too many ends the demo badly."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from connectors.mapi.simulator import PortalTwin, _born
from gateway.cli.disagreement import Disagreement
from gateway.ledger import reconciling
from tests.conftest import Time
from tests.house import House

CODE = "000.00.10.H99-261122-0061"
ROWS = [{"ThoiDiemXuLy": f"2026112210{n}000", "TrangThai": code, "NoiDungXuLy": ""} for n, code in enumerate("49")]


class AtHand:
    """The twin without its process: what `Twin` of the stage does over HTTP."""

    def __init__(self) -> None:
        self.twin = PortalTwin()
        born = _born("local", {"MaHoSo": CODE, "TrangThaiHoSo": "9"})
        self.twin._dossiers[CODE] = {**born, "creates": 1, "progress": [dict(row) for row in ROWS]}

    def book(self) -> Any:
        return {
            "dossiers": {code: {**one, "progress": list(one["progress"])} for code, one in self.twin._dossiers.items()}
        }

    def act(self, **order: Any) -> Any:
        return self.twin.act(order)


class Api:
    """The one-stop system's look at the dossier; `status` is what the portal believes."""

    status = 4

    def get(self, _path: str) -> Any:
        sides = (("one-stop", "Một cửa", 9), ("portal", "Cổng QG", self.status))
        return {
            "beliefs": [
                {"system": system, "name": name, "status": status, "theirs": None, "agrees": status == 9, "sure": "đã hỏi", "sure_en": "asked"}
                for system, name, status in sides
            ]
        }  # fmt: skip


@pytest.fixture
def act(house: House) -> Disagreement:
    return Disagreement(house.gateway.ledger, AtHand(), Api(), CODE)  # type: ignore[arg-type]


@pytest.fixture
def note(house: House, time: Time) -> Callable[..., None]:
    def write(dossier: str = CODE, state: str = "healed") -> None:
        row = {
            "system": "portal", "dossier": dossier, "kind": "behind", "told": 9, "theirs": "4", "plan": "[{}, {}]", "state": state, "seen": 2,
            "rounds": 0, "found_at": time(), "again_at": None, "ended_at": time() if state == "healed" else None,
        }  # fmt: skip
        with house.gateway.ledger.write() as connection:
            reconciling.add_difference(connection, row)

    return write


def heal(act: Disagreement, rows: int = 1) -> None:
    there = act.portal.twin._dossiers[CODE]  # type: ignore[attr-defined]
    there["fields"]["TrangThaiHoSo"] = "9"
    there["progress"] += [dict(ROWS[1]) for _ in range(rows)]
    act.one_stop.status = 9  # type: ignore[attr-defined]


def test_what_was_planted_is_seen_and_when_all_is_as_before_it_ended_well(
    act: Disagreement, note: Callable[..., None]
) -> None:
    act.plant()
    assert not act.found()
    note()
    assert act.found()
    heal(act)

    assert act.healed()
    assert act.messages == 2
    assert act.wrong() == []
    out = io.StringIO()
    act.show(Console(file=out, width=120), {4: "Đang xử lý", 9: "Đã xử lý xong"})
    assert "4 Đang xử lý ⚠" in out.getvalue()
    assert "no row doubled" in out.getvalue()


def _nobody_saw_it(act: Disagreement, note: Callable[..., None]) -> None:
    heal(act)


def _not_healed(act: Disagreement, note: Callable[..., None]) -> None:
    note(state="proposed")


def _row_doubled(act: Disagreement, note: Callable[..., None]) -> None:
    note()
    heal(act, rows=2)


def _false_alarm(act: Disagreement, note: Callable[..., None]) -> None:
    note()
    note(dossier="000.00.10.H99-261122-0001")
    heal(act)


@pytest.mark.parametrize("story", [_nobody_saw_it, _not_healed, _row_doubled, _false_alarm])
def test_anything_else_is_told_and_does_not_end_well(
    act: Disagreement, note: Callable[..., None], story: Callable[..., None]
) -> None:
    act.plant()

    story(act, note)

    assert act.wrong() != []
    assert not act.ended_well

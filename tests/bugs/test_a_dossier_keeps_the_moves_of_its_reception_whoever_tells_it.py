"""A reception that was told as a status, not in the submission, did not count: the dossier went by the moves of its submission's day, and changed
over to those of its reception's in the middle, as soon as an amendment named it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.config import Config
from tests.house import House, dossier, status
from tests.unit.test_families import LINKED, ROWS, write

MARRIAGE = {**LINKED, "code": "1.000894", "name": "Đăng ký kết hôn"}  # from 5 January on: 4 moves to 4 and 9 alone
SUBMITTED = "2026-01-04T08:00:00+07:00"


@pytest.mark.parametrize("amended", [False, True])
def test_the_first_reception_decides_and_no_amendment_changes_it(
    make_house: Callable[[str], House], ledger_url: str, amended: bool
) -> None:
    house = make_house(ledger_url)
    write(house.gateway.config.folder, ROWS)
    house.gateway.config = Config(house.gateway.config.home)
    body = dossier(1, procedure=MARRIAGE, submitted_at=SUBMITTED, event_time=SUBMITTED, status=1)
    house.accept("one-stop", {name: value for name, value in body.items() if name != "deadlines"})
    assert house.accept("one-stop", status(1, 5, -60)).held is None
    received = house.accept("one-stop", status(1, 2, 0))
    house.accept("one-stop", status(1, 4, 10))
    if amended:
        told = {"deadlines": {"received_at": received_at()}, "status": 4, "event_time": "2026-01-05T09:45:00+07:00"}
        house.accept("one-stop", dossier(1, id="amended", procedure=MARRIAGE, submitted_at=SUBMITTED, **told))

    assert received.held is None
    assert [house.accept("one-stop", status(1, code, 20 + code)).held for code in (8, 9)] == ["not-lawful", None]


def received_at() -> str:
    return str(status(1, 2, 0)["event_time"])

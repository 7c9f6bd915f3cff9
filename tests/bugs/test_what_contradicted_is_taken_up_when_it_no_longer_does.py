"""An answer that came before its question, or a payment before its fee, was held as a contradiction and stayed so when they had come."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.flow.release import Release
from tests.house import House, dossier, sound
from tests.unit.test_agreement import FEE, paid, provided, say
from tests.unit.test_release import waiting

OFFICER = {"name": "Trần Thị Ví Dụ"}
ASKED = say("SupplementRequested", "s", request="BS-1", content="Thiếu bản sao", officer=OFFICER)
OWED = say("PaymentRequested", "r", fees=[FEE], reason="Phí thẩm định")


@pytest.mark.parametrize(("early", "cause"), [(provided("BS-1"), ASKED), (paid("p"), OWED)])
def test_what_came_too_early_is_taken_up_once_its_cause_has_come(house: House, early: dict, cause: dict) -> None:
    house.accept("one-stop", dossier())
    assert house.accept("one-stop", early, lenient=True).held == "contradicts"
    release = Release(house.gateway)
    assert release.run() == []

    house.accept("one-stop", cause)
    (made,) = release.run()

    assert (made.held, made.type) == (None, early["type"])
    assert waiting(house) == []
    assert release.run() == []
    assert sound(house)


def test_what_contradicts_still_is_tried_once_for_each_thing_that_comes(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", paid("p", amount=1), lenient=True)
    release = Release(house.gateway)
    tried: list[str] = []
    again = release._try

    def note(message: str) -> Any:
        tried.append(message)
        return again(message)

    monkeypatch.setattr(release, "_try", note)

    for _ in range(3):
        release.run()
    assert tried == []  # nothing has come since
    house.accept("one-stop", OWED)
    for _ in range(3):
        assert release.run() == []

    assert len(tried) == 1
    assert len(waiting(house)) == 1

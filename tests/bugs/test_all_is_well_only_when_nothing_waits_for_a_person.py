"""The digest said that all is well above a line of held messages, and above one that said that nothing could be reckoned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.flow.digest import gather_digest, write_digest
from tests.conftest import Time
from tests.house import House, dossier, status

WELL = "Mọi thứ đều ổn."


@pytest.fixture(autouse=True)
def a_dossier_that_everybody_has(house: House) -> None:
    house.accept("one-stop", dossier(1))
    house.work("portal")


def test_when_nothing_is_wrong_the_digest_says_so(house: House, time: Time) -> None:
    assert WELL in write_digest(gather_digest(house.gateway, time()))[1]


def test_a_held_message_is_not_well(house: House, time: Time) -> None:
    house.accept("one-stop", status(1, 10, 60))  # unlawful from 2

    text = write_digest(gather_digest(house.gateway, time()))[1]

    assert "bản tin bị giữ: 1" in text
    assert WELL not in text


def test_what_could_not_be_reckoned_is_not_well(house: House, time: Time) -> None:
    text = write_digest(replace(gather_digest(house.gateway, time()), risks=None))[1]

    assert "không tính được" in text
    assert WELL not in text

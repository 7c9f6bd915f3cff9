"""What the spine tells an inbound adapter of its dossiers, on both engines."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import TryLater
from gateway.flow.desk import OpenDesk
from gateway.ports import Parcel
from tests.house import House, dossier, status


@pytest.fixture
def desk(house: House) -> OpenDesk:
    """The portal's desk, with five dossiers delivered there, at status 2 or further on."""
    for number in range(1, 6):
        house.accept("one-stop", dossier(number))
    house.work("portal")
    house.accept("one-stop", status(2, 4, 10))
    house.accept("one-stop", status(3, 3, 10, content="x", status=8))
    return OpenDesk(house.gateway, house.gateway.config.partners["portal"])


def codes(rows: Any) -> list[str]:
    return [row["dossier"]["dossier"][-1] for row in rows]


def test_dossiers_that_stand_at_these_statuses_come_by_code_page_by_page(desk: OpenDesk) -> None:
    assert codes(desk.waiting([2], "", 10)) == ["1", "4", "5"]
    first = desk.waiting([2, 4], "", 2)
    assert codes(first) == ["1", "2"]
    assert codes(desk.waiting([2, 4], first[-1]["dossier"]["dossier"], 2)) == ["4", "5"]
    assert desk.waiting([9], "", 10) == []


def test_only_what_was_delivered_to_the_partner_waits_there(house: House, desk: OpenDesk) -> None:
    house.accept("one-stop", dossier(6))  # on its way, not there yet
    assert "6" not in codes(desk.waiting([2], "", 10))
    other = OpenDesk(house.gateway, house.gateway.config.partners["vnpost"])
    assert other.waiting([2], "", 10) == []


def test_a_dossier_is_told_with_its_standing_and_its_first_reception(house: House, desk: OpenDesk) -> None:
    code = dossier(2)["dossier"]
    known = desk.dossier(code)
    assert known is not None
    assert (known["dossier"]["dossier"], known["status"]) == (code, 4)
    assert (known["status_time"], known["received_at"]) == ("2026-01-05T02:40:00Z", "2026-01-05T02:30:00Z")

    new = dossier(7, status=1, deadlines={})
    house.accept("one-stop", new)
    found = desk.dossier(new["dossier"])
    assert found is not None
    assert found["received_at"] is None
    assert desk.dossier("000.00.01.H99-260105-0099") is None
    nobodys = OpenDesk(house.gateway, house.gateway.config.partners["vnpost"])
    assert nobodys.dossier(code) is None


def test_a_parked_file_is_read_for_a_partner_who_wants_it_inline(house: House, desk: OpenDesk) -> None:
    name = desk.keep(b"%PDF-1.4", "application/pdf")
    seen: list[Parcel] = []

    class Reader(type(house.partners["portal"])):  # type: ignore[misc]
        def deliver(self, parcel: Parcel) -> Any:
            seen.append(parcel)
            return super().deliver(parcel)

    house.gateway._outbounds["portal"] = Reader()
    house.accept("one-stop", dossier(8))
    house.work("portal")

    assert name == sha256(b"%PDF-1.4").hexdigest()
    assert seen[-1].read_file(name) == b"%PDF-1.4"
    Path(house.gateway.files.path(name)).unlink()
    with pytest.raises(TryLater):
        seen[-1].read_file(name)

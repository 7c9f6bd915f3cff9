"""What only its desk keeps stood under the heading of what turns late because of the wire."""

from __future__ import annotations

from datetime import datetime

from gateway.flow.digest import gather_digest, write_digest
from tests.conftest import Time
from tests.house import House, dossier


def test_a_dossier_on_a_desk_has_a_heading_of_its_own(house: House, time: Time) -> None:
    house.accept("one-stop", dossier(1))
    house.work("portal")
    time.at = datetime.fromisoformat("2026-01-12T07:00:00+07:00")

    vietnamese, english = write_digest(gather_digest(house.gateway, time()))[1].split("— English —")

    assert "VÌ ĐƯỜNG TRUYỀN" not in vietnamese
    assert "SẼ TRỄ HÔM NAY, KHÔNG DO ĐƯỜNG TRUYỀN\n• còn trên bàn: 1 (lienthong delays --forecast)" in vietnamese
    assert "LATE TODAY, NOT BECAUSE OF THE WIRE\n• still on a desk: 1" in english

"""The minutes named what differed, and nothing by which the other side could compare what does not."""

from __future__ import annotations

from datetime import date

from gateway.canonical.counting import digest_of
from gateway.flow.minutes import gather
from tests.house import House, dossier, status

JUSTICE, TRADE = "000.00.01.H99", "000.00.02.H99"


def test_each_agency_and_day_has_its_count_and_digest(house: House) -> None:
    codes = [dossier(number)["dossier"] for number in (1, 2, 3)]
    house.accept("one-stop", dossier(1))
    house.accept("one-stop", dossier(2, handled_by={"code": TRADE, "name": "Sở Công Thương"}))
    house.accept("one-stop", dossier(3))
    house.accept("one-stop", status(3, 4, 10))
    other = codes[0].replace("260105", "251101")
    house.accept("one-stop", dossier(1, dossier=other, id="other"))
    house.work("portal")

    told = gather(house.gateway, "portal", date(2026, 1, 5))["days"]

    assert told == [
        {"day": "2026-01-05", "agency": JUSTICE, "count": 2, "digest": digest_of({codes[0]: 2, codes[2]: 4})},
        {"day": "2026-01-05", "agency": TRADE, "count": 1, "digest": digest_of({codes[1]: 2})},
    ]
    assert gather(house.gateway, "portal", date(2026, 1, 4))["days"] == []
    assert [row["day"] for row in gather(house.gateway, "portal", date(2025, 11, 30))["days"]] == ["2025-11-01"]

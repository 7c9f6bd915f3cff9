"""A doubt is asked about a bounded number of times before a person decides. Questions that a dead partner never heard were counted too."""

from __future__ import annotations

from gateway.errors import AskFirst, TryLater
from tests.house import House, Notebook, dossier
from tests.unit.test_flow import state


def test_a_partner_that_is_away_does_not_use_up_the_questions_of_a_doubt(house: House, time) -> None:
    house.accept("one-stop", dossier())

    class Away(Notebook):
        away = True

        def find(self, parcel):
            if not self.away:
                return super().find(parcel)
            raise AskFirst("cổng tắt", code="timeout") if time.at.minute % 2 else TryLater("cổng tắt", code="connect")

    portal = house.partners["portal"] = house.gateway._outbounds["portal"] = Away()
    portal.script = [("then", AskFirst("không trả lời", code="timeout"))]
    house.work("portal")
    for _ in range(50):
        time.move(minutes=61)
        house.work("portal")
    assert state(house) == ["in_doubt"]

    portal.away = False
    time.move(days=2)
    house.work("portal")
    assert state(house) == ["delivered"]
    assert len(portal.effects) == 1

"""A mapping whose `only_when` did not hold made null, and the message that was true could not be accepted for it."""

from __future__ import annotations

from gateway.config import Route, When
from tests.house import House, dossier


class Silent:
    name, version = "silent", "1"

    def translate(self, view):
        return None


def test_nothing_follows_and_the_message_stands(house: House, monkeypatch) -> None:
    monkeypatch.setitem(vars(house.gateway), "translations", {"silent": Silent()})
    house.gateway.config.routes.append(Route(name="never", when=When(type=["DossierSubmitted"]), implies="silent"))

    accepted = house.accept("one-stop", dossier())

    assert (accepted.held, accepted.destinations) == (None, ["portal"])
    house.work("portal")
    assert [code for code, _ in house.partners["portal"].effects] == [dossier()["dossier"]]

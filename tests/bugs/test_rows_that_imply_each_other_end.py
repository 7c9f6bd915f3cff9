"""A row whose message implied another of its own kind ran until Python's stack was full: its sender was never answered."""

from __future__ import annotations

from sqlalchemy import select

from gateway.config import Route, When
from gateway.flow.entry import DEEPEST
from gateway.ledger.conservation import conserve
from gateway.ledger.tables import messages
from tests.house import House, dossier


class Again:
    name, version = "again", "1"

    def translate(self, view):
        return {**view["message"], "id": f"again-{view['meta']['id']}"}


def test_what_goes_too_far_is_kept_and_held(house: House, monkeypatch) -> None:
    house.accept("one-stop", dossier())
    monkeypatch.setitem(vars(house.gateway), "translations", {"again": Again()})
    house.gateway.config.partners["one-stop"].sends.append("RatingGiven")
    when = When(type=["RatingGiven"])
    house.gateway.config.routes.append(Route(name="mãi mãi", when=when, to=["portal"], implies="again"))
    body = {
        "type": "RatingGiven", "id": "r-1", "dossier": dossier()["dossier"], "event_time": "2026-01-05T09:45:00+07:00",
        "score": 5,
    }  # fmt: skip

    house.accept("one-stop", body)

    with house.gateway.ledger.read() as connection:
        rows = connection.execute(select(messages.c.type, messages.c.held).order_by(messages.c.seq)).all()
        assert conserve(connection) == []
    assert [r.type for r in rows] == ["DossierSubmitted"] + ["RatingGiven"] * (DEEPEST + 1) + ["Unreadable"]
    assert rows[-1].held == "unreadable"

"""A head that no mapping could translate closed the breaker of a partner that is down; a fault of a mapping opened that of one that is up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.errors import Fault, Refused, TryLater
from gateway.ledger.tables import attempts, breakers, deliveries
from tests.house import House, dossier


def rows(house: House, table):
    with house.gateway.ledger.read() as connection:
        return connection.execute(select(table)).all()


def test_it_does_not_close_the_breaker(house: House, time, monkeypatch) -> None:
    policy = house.gateway.config.delivery("portal")
    portal = house.partners["portal"]
    for number in range(1, policy.breaker_failures + 1):
        house.accept("one-stop", dossier(number))
    portal.script = [TryLater("tắt", code="connect", retry_after=60)] * policy.breaker_failures
    house.work("portal")
    house.accept("one-stop", dossier(50))
    time.at += timedelta(seconds=policy.breaker_first + 1)

    def refuse(*_):
        raise Refused([Fault("/x", "missing", "thiếu", "missing")])

    with monkeypatch.context() as patch:
        patch.setattr(house.gateway, "documents", refuse)
        house.work("portal")
    (breaker,) = rows(house, breakers)
    assert (breaker.state, portal.effects) == ("half_open", [])
    house.accept("one-stop", dossier(51))
    house.work("portal")  # the probe was given back: the next one goes at once

    assert portal.effects[0][0] == dossier(51)["dossier"]
    assert [b.state for b in rows(house, breakers)] == ["closed"]


def test_a_fault_of_a_mapping_parks_and_opens_nothing(house: House, monkeypatch) -> None:
    def fail(*_):
        raise KeyError("owner")

    monkeypatch.setattr(house.gateway, "documents", fail)
    for number in range(1, 9):
        house.accept("one-stop", dossier(number))

    house.work("portal")

    assert {d.state for d in rows(house, deliveries)} == {"parked"}
    assert {(a.kind, a.outcome, a.code) for a in rows(house, attempts)} == {("send", "unclassified", "translation")}
    assert [b.state for b in rows(house, breakers)] in ([], ["closed"])


@pytest.mark.parametrize("error", [TryLater("mất kết nối", code="connect")])
def test_an_error_of_a_shared_call_is_taken_at_its_word(house: House, error: TryLater) -> None:
    class Down(type(house.partners["portal"])):  # type: ignore[misc]
        together = 4

        def deliver_together(self, _parcels):
            raise error

    house.partners["portal"] = house.gateway._outbounds["portal"] = Down()
    for number in (1, 2):
        house.accept("one-stop", dossier(number))

    house.work("portal")

    assert {d.state for d in rows(house, deliveries)} == {"waiting"}

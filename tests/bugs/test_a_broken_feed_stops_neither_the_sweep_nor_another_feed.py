"""A connector that blew up while polling ended the clock's thread, and with it the sweep, the status feed and the whole worker."""

from __future__ import annotations

from gateway.flow.clock import Clock
from gateway.ports import Page
from tests.house import House, dossier


class Broken:
    def poll(self, cursor: str | None) -> Page:
        raise KeyError("data")


class Endless:
    asked = 0

    def poll(self, cursor: str | None) -> Page:
        self.asked += 1
        assert self.asked < 10
        return Page([], "c1", more=True)


def test_a_tick_goes_on(house: House) -> None:
    house.accept("one-stop", dossier())
    clock = Clock(house.gateway)
    clock._pollers["vnpost"] = Broken()

    clock.tick()


def test_a_feed_that_says_more_and_does_not_move_waits_its_turn(house: House) -> None:
    clock = Clock(house.gateway)
    clock._pollers["vnpost"] = feed = Endless()

    clock.poll("vnpost")

    assert feed.asked == 2

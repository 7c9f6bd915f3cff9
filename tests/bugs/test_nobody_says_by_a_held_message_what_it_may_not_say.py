"""Taking up a message that was held as unreadable asked nobody whether its sender may say such a thing at all."""

from __future__ import annotations

import json

import pytest

from gateway.errors import Forbidden
from gateway.flow.accept import Acceptance
from gateway.flow.release import Release, apply
from gateway.ledger import people
from gateway.ledger.conservation import conserve
from gateway.ports import Submission
from tests.conftest import Time
from tests.house import House, dossier, status
from tests.unit.test_release import order


@pytest.fixture(autouse=True)
def carrier(house: House) -> None:
    """The post tells of parcels, and of nothing else."""
    partners = house.gateway.config.partners
    partners["vnpost"] = partners["vnpost"].model_copy(update={"sends": ["PostalEvent"]})


def test_what_its_sender_may_not_say_stays_held(house: House, time: Time) -> None:
    """The post is polled, its mapping was changed by mistake: it now speaks of statuses."""
    time.move(days=1)
    house.accept("one-stop", dossier())
    house.accept("one-stop", order())
    body = status(1, 4, 60)
    house.gateway.translations["vnpost_event"].translate = lambda document: body  # type: ignore[method-assign]
    post = Acceptance(house.gateway, house.gateway.config.partners["vnpost"], lenient=True)
    event = post.one(Submission(body["id"], body, json.dumps(body).encode(), mapping="vnpost_event"))
    assert event.held == "unreadable"

    with pytest.raises(Forbidden):
        apply(house.gateway, event.id, who="lan", reason="thử")

    with house.gateway.ledger.read() as connection:
        assert [h.id for h in people.held(connection)] == [event.id]
        assert conserve(connection) == []


def test_what_follows_from_a_message_needs_no_right_of_its_own(house: House, time: Time) -> None:
    """The post delivered the result before anyone had said that it was ready: the return that follows is taken up after that."""
    time.move(days=10)
    house.accept("one-stop", dossier(postal={"return_to": dict(order()["receiver"])}))
    house.accept("one-stop", {**order(), "leg": "return", "order": "o-return"})
    event = {
        "type": "PostalEvent", "id": "e1", "dossier": dossier()["dossier"], "event_time": "2026-01-07T10:00:00+07:00", "order": "o-return",
        "leg": "return", "state": "delivered", "their_code": "1",
    }  # fmt: skip
    house.accept("vnpost", event)
    with house.gateway.ledger.read() as connection:
        assert [(h.type, h.held, h.source) for h in people.held(connection)] == [
            ("StatusChanged", "not-lawful", "vnpost")
        ]
    for code, minute in ((4, 10), (9, 20)):
        house.accept("one-stop", status(1, code, minute))

    made = Release(house.gateway).run()

    assert [(m.type, m.held) for m in made] == [("StatusChanged", None)]

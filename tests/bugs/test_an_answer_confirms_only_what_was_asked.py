"""A one-stop system whose receipts were all there was shown as having confirmed a status that it had said itself and was never asked about."""

from __future__ import annotations

from gateway.dossiers.beliefs import Side, lay_out
from gateway.ledger import believing, standing
from gateway.ledger import reconciling as ledger
from tests.conftest import Time
from tests.house import House, dossier, status

CODE = dossier()["dossier"]


def side(house: House, system: str) -> Side:
    with house.gateway.ledger.read() as connection:
        row, material = standing.dossier(connection, CODE), believing.gather(connection, CODE)
    assert row is not None
    (found,) = [
        s for s in lay_out(material, row.status, [], house.gateway.config, house.gateway.now()) if s.system == system
    ]
    return found


def test_its_own_word_stays_its_own_word(house: House, time: Time) -> None:
    house.accept("portal", dossier(origin="portal", status=1))
    house.work("one-stop")
    house.accept("one-stop", status(1, 2, 10))
    time.move(minutes=5)
    answer = {
        "dossier": CODE, "system": "one-stop", "at": time(), "there": True, "theirs": None, "status": 1, "since": None, "finding": "agrees",
        "answer": "",
    }  # fmt: skip
    with house.gateway.ledger.write() as connection:
        ledger.note_answer(connection, answer)

    found = side(house, "one-stop")

    assert (found.status, found.how, found.asked_at, found.agrees) == (2, "said", time(), True)

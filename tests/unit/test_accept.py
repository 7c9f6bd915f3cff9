"""Accept: one transaction, a receipt only after it, every fault at once, the same answer for the same message."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from gateway.errors import Conflicting, Forbidden, NotFound, Refused, Taken
from gateway.flow.accept import Acceptance
from gateway.ledger.tables import deliveries, messages, statuses
from gateway.ports import Submission
from tests.house import House, dossier, status


def count(house: House, table) -> int:
    with house.gateway.ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_dossier_is_stored_and_routed_before_the_receipt(house: House) -> None:
    receipt = house.accept("one-stop", dossier())

    assert receipt.destinations == ["portal"]
    assert (count(house, messages), count(house, deliveries), count(house, statuses)) == (1, 1, 1)


def test_the_same_message_gets_the_first_receipt_whatever_its_spacing(house: House) -> None:
    first = house.accept("one-stop", dossier())
    body = dict(reversed(dossier().items()))
    again = Acceptance(house.gateway, house.gateway.config.partners["one-stop"]).one(
        Submission(body["id"], body, json.dumps(body, indent=3).encode())
    )

    assert (again.id, again.destinations, again.repeated) == (first.id, first.destinations, True)
    assert count(house, messages) == 1


def test_the_same_id_with_other_content_is_a_conflict(house: House) -> None:
    house.accept("one-stop", dossier())

    with pytest.raises(Conflicting):
        house.accept("one-stop", dossier(channel=1))
    assert count(house, messages) == 1


def test_an_idempotency_key_serves_as_well_as_an_id(house: House) -> None:
    first = house.accept("one-stop", dossier(), key="k-1")

    assert house.accept("one-stop", dossier(), key="k-1").id == first.id
    with pytest.raises(Conflicting):
        house.accept("one-stop", dossier(2), key="k-1")


def test_fifty_at_once_with_one_id_are_accepted_once(house: House) -> None:
    with ThreadPoolExecutor(10) as pool:
        receipts = list(pool.map(lambda _: house.accept("one-stop", dossier()), range(50)))

    assert len({r.id for r in receipts}) == 1
    assert sum(not r.repeated for r in receipts) == 1
    assert (count(house, messages), count(house, deliveries)) == (1, 1)


def test_every_fault_is_told_at_once_and_nothing_is_stored(house: House) -> None:
    body = dossier(channel=7, submitted_at="hôm qua", unexpected=1)
    body["applicant"]["papers"][0]["number"] = "000000000000"

    with pytest.raises(Refused) as refused:
        house.accept("one-stop", body)

    assert {f.pointer for f in refused.value.faults} == {
        "/channel",
        "/submitted_at",
        "/unexpected",
        "/applicant/papers/0/number",
    }
    assert count(house, messages) == 0


def test_unknown_codes_are_errors_not_empty_strings(house: House) -> None:
    body = dossier()
    body["procedure"]["code"] = "9.999999"
    body["handled_by"]["code"] = "000.00.77.H99"

    with pytest.raises(Refused) as refused:
        house.accept("one-stop", body)

    assert {(f.pointer, f.code) for f in refused.value.faults} == {
        ("/procedure/code", "unknown-procedure"), ("/handled_by/code", "unknown-organisation"),
    }  # fmt: skip


def test_codes_times_and_shape_are_told_together(house: House) -> None:
    body = dossier(channel=7)
    body["procedure"]["code"] = "9.999999"

    with pytest.raises(Refused) as refused:
        house.accept("one-stop", body)
    assert {f.pointer for f in refused.value.faults} == {"/channel", "/procedure/code"}

    with pytest.raises(Refused) as refused:
        house.accept("one-stop", body | {"channel": 1, "deadlines": {}, "event_time": "2027-01-05T09:30:00+07:00"})
    assert {f.pointer for f in refused.value.faults} == {"/procedure/code", "/deadlines/received_at", "/event_time"}


def test_a_partner_sends_dossiers_of_its_own_origin_only(house: House) -> None:
    with pytest.raises(Forbidden):
        house.accept("one-stop", dossier(origin="portal"))


def test_an_event_from_the_future_is_refused(house: House) -> None:
    house.accept("one-stop", dossier())

    with pytest.raises(Refused) as refused:
        house.accept("one-stop", status(1, 4, 60 * 24 * 365))
    assert refused.value.faults[0].code == "future"


def test_a_file_that_was_never_uploaded_is_refused(house: House) -> None:
    body = dossier(attachments=[{"id": "1", "name": "to-khai.pdf", "sha256": "a" * 64}])

    with pytest.raises(Refused) as refused:
        house.accept("one-stop", body)
    assert refused.value.faults[0].pointer == "/attachments/0/sha256"


def test_a_partner_says_only_what_it_may(house: House) -> None:
    with pytest.raises(Forbidden):
        house.accept("vnpost", dossier())


def test_a_dossier_belongs_to_the_system_that_sent_it(house: House) -> None:
    house.accept("one-stop", dossier())

    with pytest.raises(Taken):
        house.accept("portal", dossier(id="other", origin="portal"))


def test_nobody_speaks_of_a_dossier_it_has_no_part_in(house: House) -> None:
    house.accept("one-stop", dossier())

    with pytest.raises(NotFound):
        house.accept("vnpost", status(1, 10, 30))


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([(4, 10), (9, 20), (10, 30), (4, 40)], "terminal"),
        ([(4, 10), (9, 20), (4, 15)], "late"),
        ([(10, 10)], "not-lawful"),
    ],
)
def test_an_unlawful_or_late_event_is_kept_and_held_and_goes_nowhere(house: House, steps, reason) -> None:
    house.accept("one-stop", dossier())
    receipts = [house.accept("one-stop", status(1, code, minute)) for code, minute in steps]

    assert [r.held for r in receipts[:-1]] == [None] * (len(steps) - 1)
    assert receipts[-1].held == reason
    assert receipts[-1].destinations == []


def test_a_finished_dossier_reopens_only_when_it_is_said(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 1))
    house.accept("one-stop", status(1, 9, 2))

    assert house.accept("one-stop", status(1, 4, 3)).held == "not-lawful"
    assert house.accept("one-stop", status(1, 4, 4, reopens=True)).held is None


def test_a_polled_item_that_cannot_be_taken_is_held_not_lost(house: House) -> None:
    receipt = house.accept("vnpost", {"id": "odd", "type": "Nonsense"}, lenient=True)

    assert receipt.held == "unreadable"
    assert count(house, messages) == 1


def test_a_batch_takes_the_good_and_names_the_bad(house: House) -> None:
    bodies = [dossier(1), dossier(2, channel=9), status(1, 4, 5), status(3, 4, 5)]
    results = Acceptance(house.gateway, house.gateway.config.partners["one-stop"]).many(
        [Submission(b["id"], b, json.dumps(b).encode()) for b in bodies]
    )

    assert [isinstance(r, Refused) for r in results] == [False, True, False, True]
    assert count(house, messages) == 2

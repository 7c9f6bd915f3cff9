"""What a person does about parked deliveries: see them, send them again, mend them, give them up; and each act is recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import AskFirst, NotFound, Rejected, Unclassified
from gateway.ledger import people
from gateway.ledger.tables import acts, attempts, deliveries, lanes
from tests.conftest import Run
from tests.house import House, dossier, rows, sound, status


def park(house: House, error: Exception | None = None, number: int = 1) -> int:
    """A parked delivery to the portal, with one more message waiting behind it."""
    house.accept("one-stop", dossier(number))
    house.partners["portal"].script = [error or Rejected("sai mã thủ tục", code="-1", answer="Nguyễn Văn Mẫu: sai mã")]
    house.work("portal")
    house.accept("one-stop", status(number, 4, 10))
    with house.gateway.ledger.read() as connection:
        return int(people.parked(connection)[-1].id)


def test_the_list_shows_what_why_and_how_many_wait_behind(house: House, run: Run) -> None:
    delivery = park(house)

    (found,) = json.loads(run("parked", "list", "--json").output)

    assert (found["id"], found["destination"], found["code"], found["reason"], found["behind"]) == (
        delivery, "portal", "-1", "sai mã thủ tục", 1,
    )  # fmt: skip
    assert "sai mã thủ tục" in run("parked", "list").output
    assert json.loads(run("parked", "list", "--json", "--destination", "vnpost").output) == []


def test_retry_sends_it_again_and_the_lane_goes_on_in_order(house: House, run: Run) -> None:
    delivery = park(house)

    told = run("parked", "retry", str(delivery), "--reason", "Cổng đã nạp thủ tục")
    house.work("portal")

    assert told.exit_code == 0
    assert [d.state for d in rows(house, deliveries)] == ["delivered", "delivered"]
    assert house.partners["portal"].asked == []  # a clear refusal: nobody needs to be asked
    (act,) = rows(house, acts)
    assert (act.who, act.act, act.subject, act.reason) == (
        "lan",
        "retry",
        f"delivery {delivery}",
        "Cổng đã nạp thủ tục",
    )
    assert sound(house)


@pytest.mark.parametrize("error", [Unclassified("trả lời lạ"), AskFirst("hết giờ")])
def test_retry_asks_first_when_the_last_attempt_may_have_arrived(
    house: House, run: Run, error: Exception, time: Any
) -> None:
    house.gateway.config.settings = house.gateway.config.settings.model_copy(
        update={"delivery": house.gateway.config.settings.delivery.model_copy(update={"asks": 1})}
    )
    house.accept("one-stop", dossier())
    partner = house.partners["portal"]
    partner.can_tell = False
    partner.script = [("then", error)]
    for _ in range(3):
        house.work("portal")
        time.move(hours=2)
    (row,) = rows(house, deliveries)
    assert row.state == "parked"
    assert len(partner.effects) == 1

    partner.can_tell = True
    run("parked", "retry", str(row.id), "--reason", "hỏi lại")
    house.work("portal")

    assert [d.state for d in rows(house, deliveries)] == ["delivered"]
    assert len(partner.effects) == 1  # it had arrived, and was not done twice
    assert sound(house)


def test_edit_sends_the_documents_of_the_file(house: House, run: Run, tmp_path: Path) -> None:
    delivery = park(house)
    file = tmp_path / "sửa.json"
    file.write_text(json.dumps({"message": {"sửa": "tay"}}), encoding="utf-8")

    told = run("parked", "edit", str(delivery), "--file", str(file), "--reason", "tên sai")

    assert told.exit_code == 0
    row = rows(house, deliveries)[0]
    assert (row.state, json.loads(row.edited)) == ("waiting", {"message": {"sửa": "tay"}})
    assert rows(house, acts)[0].act == "edit"
    house.work("portal")
    assert sound(house)


def test_edit_refuses_documents_of_other_names(house: House, run: Run, tmp_path: Path) -> None:
    delivery = park(house)
    file = tmp_path / "lạ.json"
    file.write_text('{"other": {}}', encoding="utf-8")

    told = run("parked", "edit", str(delivery), "--file", str(file), "--reason", "thử")

    assert told.exit_code == 2
    assert "message" in told.output
    assert rows(house, deliveries)[0].state == "parked"


def test_discard_gives_it_up_and_the_lane_goes_on(house: House, run: Run) -> None:
    delivery = park(house)

    run("parked", "discard", str(delivery), "--reason", "nộp nhầm")
    house.work("portal")

    assert [d.state for d in rows(house, deliveries)] == ["cancelled", "delivered"]
    (lane,) = rows(house, lanes)
    assert (lane.open, lane.delivered, lane.blocked) == (0, 1, False)
    assert sound(house)


def test_only_a_parked_delivery_waits_for_a_person(house: House, run: Run) -> None:
    delivery = park(house)
    run("parked", "discard", str(delivery), "--reason", "nộp nhầm")

    again, unknown = (
        run("parked", "retry", str(delivery), "--reason", "thử"),
        run("parked", "retry", "999", "--reason", "thử"),
    )

    assert (again.exit_code, unknown.exit_code) == (1, 1)
    assert "đã bị bỏ" in again.output
    assert len(rows(house, acts)) == 1
    with house.gateway.ledger.read() as connection, pytest.raises(NotFound):
        people.parked_one(connection, 999)


def test_show_covers_personal_data_until_a_reason_is_given_and_recorded(house: House, run: Run) -> None:
    delivery = park(house)

    covered = run("parked", "show", str(delivery)).output
    refused = run("parked", "show", str(delivery), "--show")
    shown = run("parked", "show", str(delivery), "--show", "--reason", "đối chiếu đơn").output

    for secret in ("Nguyễn Văn Mẫu", "001090000037", "0912345678", "tech-mau-1"):
        assert secret not in covered
        assert secret in shown
    assert "sai mã" in covered  # the rest of the partner's answer stays readable
    assert refused.exit_code == 2
    (act,) = rows(house, acts)
    assert (act.act, act.who, act.reason) == ("look", "lan", "đối chiếu đơn")


def test_a_step_of_an_edited_document_is_done_again(house: House) -> None:
    delivery = park(house)
    with house.gateway.ledger.write() as connection:
        connection.execute(deliveries.update().values(steps='{"dossier": 1, "message": 2}'))
        people.edit(connection, delivery, {"message": {}}, who="lan", reason="sửa", now=house.gateway.now())

    assert json.loads(rows(house, deliveries)[0].steps) == {"dossier": 1}
    assert len(rows(house, attempts)) == 1  # what was tried stays on record


def test_held_messages_are_listed_with_their_reason(house: House, run: Run) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 20))
    house.accept("one-stop", status(1, 4, 10))

    (found,) = json.loads(run("held", "list", "--json").output)

    assert (found["held"], found["type"], found["status"]) == ("late", "StatusChanged", 4)
    assert "đến muộn" in found["why"]
    assert "it came late" in run("parked", "list", "--held").output

"""What contradicts the dossier's record is refused by name, or held when nobody can be told."""

from __future__ import annotations

import pytest

from gateway.errors import Refused
from tests.house import House, dossier, status

CODE = dossier()["dossier"]
AT = "2026-01-05T10:00:00+07:00"
FEE = {"code": "LP-1", "name": "Lệ phí", "kind": "charge", "amount": 50_000, "paid": "unpaid"}
HOME = {
    "name": "Nguyễn Văn Mẫu",
    "phone": "0912345678",
    "address": {"detail": "Số 1 đường A, phường An Bình", "province": "19"},
}


def say(kind: str, name: str, **body) -> dict:
    return {"type": kind, "id": name, "dossier": CODE, "event_time": AT, **body}


def paid(name: str, **changes) -> dict:
    body = {"fee_codes": ["LP-1"], "amount": 50_000, "paid": "portal", "reference": "GD-1"}
    return say("PaymentPaid", name, **(body | changes))


def provided(request: str) -> dict:
    return say(
        "SupplementProvided", f"p-{request}", request=request, content="Đã nộp", received_by={"name": "Trần Thị Ví Dụ"}
    )


def refused(house: House, body: dict) -> list[str]:
    with pytest.raises(Refused) as error:
        house.accept("one-stop", body)
    return [f.code for f in error.value.faults]


def test_a_payment_pays_what_it_names_in_full(house: House) -> None:
    house.accept("one-stop", dossier(fees=[FEE]))

    assert refused(house, paid("p1", amount=1)) == ["amount-differs"]
    assert refused(house, paid("p2", fee_codes=["LP-1", "LP-9"])) == ["unknown-fee"]
    assert house.accept("one-stop", paid("p3")).held is None


def test_a_fee_asked_for_later_can_be_paid(house: House) -> None:
    house.accept("one-stop", dossier(fees=[FEE]))
    later = FEE | {"code": "LP-2", "amount": 7}
    house.accept("one-stop", say("PaymentRequested", "r", fees=[later], reason="Phí thẩm định"))

    assert house.accept("one-stop", paid("p", fee_codes=["LP-1", "LP-2"], amount=50_007)).held is None


def test_a_supplement_answers_a_request(house: House) -> None:
    house.accept("one-stop", dossier())
    officer = {"name": "Trần Thị Ví Dụ"}
    house.accept("one-stop", say("SupplementRequested", "s", request="BS-1", content="Thiếu bản sao", officer=officer))

    assert refused(house, provided("BS-2")) == ["unknown-request"]
    assert house.accept("one-stop", provided("BS-1")).held is None


def test_an_order_number_is_used_once_and_only_what_was_ordered_is_cancelled(house: House) -> None:
    house.accept("one-stop", dossier())
    order = {"order": CODE, "leg": "return", "sender": HOME, "receiver": HOME, "contents": "Kết quả"}

    assert refused(house, say("PostalCancelled", "c0", order=CODE, reason="Nhầm")) == ["unknown-order"]
    assert house.accept("one-stop", say("PostalOrdered", "o1", **order)).destinations == ["vnpost"]
    assert refused(house, say("PostalOrdered", "o2", **order)) == ["order-number-used"]
    assert house.accept("one-stop", say("PostalCancelled", "c1", order=CODE, reason="Nhầm")).held is None


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.5/a",
        "http://127.0.0.1/a",
        "https://localhost/a",
        "http://may-chu/a.pdf",
        "http://[::1]/a",
        "http://kho.internal/a",
    ],
)
def test_a_link_that_nobody_else_can_open_is_refused(house: House, url) -> None:
    assert refused(house, dossier(attachments=[{"id": "1", "name": "a.pdf", "url": url}])) == ["unreachable-link"]


def test_a_public_link_is_taken(house: House) -> None:
    files = [{"id": "1", "name": "a.pdf", "url": "https://files.example.gov.vn/a"}]
    assert house.accept("one-stop", dossier(attachments=files)).held is None


def test_what_was_paid_at_the_counter_is_not_paid_online_by_saying_so(house: House) -> None:
    house.accept("one-stop", dossier(fees=[FEE | {"paid": "direct"}]))

    again = dossier(fees=[FEE | {"paid": "portal"}], id="again", event_time="2026-01-05T11:00:00+07:00")

    assert refused(house, again) == ["paid-otherwise"]
    assert house.accept("one-stop", {**again, "fees": [FEE | {"paid": "direct"}]}).held is None


def test_a_payment_with_its_reference_is_believed_and_stays(house: House) -> None:
    house.accept("one-stop", dossier(fees=[FEE]))
    house.accept("one-stop", paid("p1", paid="direct"))

    again = dossier(fees=[FEE | {"paid": "local_gateway"}], id="again", event_time="2026-01-05T11:00:00+07:00")

    assert refused(house, paid("p2", paid="portal")) == ["paid-otherwise"]
    assert refused(house, again) == ["paid-otherwise"]


def test_a_submitted_file_is_no_result(house: House) -> None:
    submitted = {"id": "t1", "name": "to-khai.pdf", "url": "https://files.example.gov.vn/1"}
    house.accept("one-stop", dossier(attachments=[submitted]))
    result = {"id": "k1", "name": "ket-qua.pdf", "url": submitted["url"]}

    assert refused(house, say("ResultIssued", "r1", results=[result])) == ["submitted-as-result"]
    issued = result | {"url": "https://files.example.gov.vn/2"}
    assert house.accept("one-stop", say("ResultIssued", "r2", results=[issued])).held is None


@pytest.mark.parametrize("waiting", [5, 6, 8])
def test_a_dossier_that_waits_is_not_done_by_saying_so(house: House, waiting: int) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 1))
    house.accept("one-stop", status(1, waiting, 2))

    assert house.accept("one-stop", status(1, 9, 3)).held == "not-lawful"

"""Land taxes: notices row by row, vouchers, iLIS; through the real front door, and what must never happen with money."""

from __future__ import annotations

import base64
import json
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticCustomError
from werkzeug.serving import make_server

from connectors.land_tax import connector
from connectors.land_tax.client import read_notices
from connectors.land_tax.settings import Settings
from connectors.land_tax.simulator import TaxTwin, write_file
from connectors.land_tax.times import read_time
from gateway.errors import Refused
from gateway.ports import Partner
from tests.connectors.replay import DOSSIER
from tests.door import Door, fresh_ledger, open_door
from tests.house import ADDRESSES, status
from tests.land import SECRETS, land_dossier, land_home

KEY, CODE = SECRETS["LIENTHONG_TAX_KEY"], SECRETS["LIENTHONG_ILIS_CODE"]
NOW = datetime(2026, 2, 1, 3, 0, tzinfo=UTC)
INCOMING = sorted((connector.folder / "incoming").iterdir())
UNKNOWN = "000.00.01.H99-260105-0999"
LINE = {
    "MA_SO_THUE": "8000000002", "SO_QUYET_DINH": "1234/TB-CT", "NGAY_QUYET_DINH": "09-01-2026",
    "TEN_TIEUMUC": "Lệ phí trước bạ nhà đất", "SO_TIEN": "1250000",
}  # fmt: skip
OTHER = {**LINE, "SO_QUYET_DINH": "1235/TB-CT", "TEN_TIEUMUC": "Thuế thu nhập cá nhân", "SO_TIEN": "5000000"}


def row(dossier: str = DOSSIER, *lines: dict[str, str]) -> dict[str, Any]:
    return {"MA_HSO": dossier, "LIST": list(lines or (LINE,))}


def notices(*rows: dict[str, Any], ngay: str = "20260110093000", **more: Any) -> dict[str, Any]:
    return {
        "service": "NhanThongBaoThueDat", "ngay": ngay, "isUpdating": False, "SecurityKey": KEY,
        "data": {"FileThongBaoThue": base64.b64encode(write_file(rows)).decode()}, **more,
    }  # fmt: skip


def voucher(notice: str = "1234/TB-CT", amount: int = 1250000, **more: Any) -> dict[str, Any]:
    paid = {"MaThongBaoThue": notice, "ThoiGianThanhToan": "20260112100000", "SoTien": amount, "TrangThaiThanhToan": 1}
    data = {"MaHoSo": DOSSIER, "HoTenNguoiNopTien": "Nguyễn Văn Mẫu", "ThongTinThanhToan": {**paid, **more}}
    return {"SecurityKey": KEY, "data": {**data, "UrlFileChungTu": f"https://thue.example.gov.vn/ct/{notice}.pdf"}}


@pytest.fixture
def door(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The front door, with dossier 1 in process at 10:30 of the day of its reception."""
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with open_door(land_home(tmp_path), lambda: NOW) as door:
        assert door.post("/api/v1/dossiers", land_dossier(1)).status_code == 202
        assert door.post(f"/api/v1/dossiers/{DOSSIER}/statuses", status(1, 4, 60)).status_code == 202
        yield door


@pytest.fixture(scope="module")
def shut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A door of its own for calls that are all refused: they leave nothing, so they may share it."""
    folder = tmp_path_factory.mktemp("shut")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**ADDRESSES, **SECRETS, "LIENTHONG_LEDGER": fresh_ledger(folder)}.items():
            environment.setenv(name, value)
        with open_door(land_home(folder), lambda: NOW) as door:
            assert door.post("/api/v1/dossiers", land_dossier(1)).status_code == 202
            yield door


def call(door: Door, path: str, body: Any) -> dict[str, Any]:
    response = door.post(f"/hooks/land-tax/{path}", body, None)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json  # type: ignore[assignment]
    return answer


def notify(door: Door, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return call(door, "NhanThongBaoThueDat", notices(*rows, **more))


def pay(door: Door, *given: Any, **more: Any) -> dict[str, Any]:
    return call(door, "NhanChungTuThueDat", voucher(*given, **more))


def standing(door: Door) -> int:
    response = door.get(f"/api/v1/dossiers/{DOSSIER}")
    assert response.json is not None
    return int(response.json["status"]["code"])


def kept(door: Door) -> list[tuple[str, str | None]]:
    """Every message of the tax side, what follows from it too: its type and why it is held."""
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("select type, held from messages where source = 'land-tax' order by seq")
        return [(row.type, row.held) for row in rows]


def bodies(door: Door, kind: str) -> list[dict[str, Any]]:
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("select type, body from messages where source = 'land-tax' order by seq")
        return [json.loads(row.body) for row in rows if row.type == kind]


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", INCOMING, ids=lambda place: place.name)
def test_what_they_send_is_answered_and_stored_as_the_sample_says(place: Path, door: Door) -> None:
    request = json.loads((place / "request.json").read_text(encoding="utf-8"))
    body, path = dict(request["body"]), request["call"]
    if (place / "file.xml").exists():
        body["data"] = {"FileThongBaoThue": base64.b64encode((place / "file.xml").read_bytes()).decode()}
    if path == "KetQuaThue":
        path += f"?CodeGet={CODE}"
    else:
        body["SecurityKey"] = KEY

    answer = call(door, path, body)
    stored = kept(door)
    call(door, path, body)

    expected = json.loads((place / "accepted.json").read_text(encoding="utf-8"))
    assert answer == json.loads((place / "answer.json").read_text(encoding="utf-8"))
    assert [list(one) for one in stored] == expected["kept"]
    assert kept(door) == stored  # sent again, nothing is doubled
    assert standing(door) == expected["status"]


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_of_one_decision_are_one_sum_and_decisions_stay_apart() -> None:
    file = base64.b64encode(
        write_file([row(DOSSIER, LINE, OTHER, {**LINE, "TEN_TIEUMUC": "Tiền chậm nộp", "SO_TIEN": "50000"})])
    )
    first, second = read_notices(file.decode(), 1 << 20)

    assert (first["SO_QUYET_DINH"], first["SO_TIEN"]) == ("1234/TB-CT", 1300000)
    assert first["TEN_TIEUMUC"] == "Lệ phí trước bạ nhà đất; Tiền chậm nộp"
    assert (second["SO_QUYET_DINH"], second["SO_TIEN"]) == ("1235/TB-CT", 5000000)


@pytest.mark.parametrize(
    "file",
    [
        b"", b"not xml", b"<DATA/>", b"<OTHER><BODY><ROW_LIST/></BODY></OTHER>",
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><DATA><BODY><ROW_LIST><MA_HSO>&e;</MA_HSO></ROW_LIST></BODY></DATA>',
        b"<DATA><BODY>" + b"<ROW_LIST/>" * 1001 + b"</BODY></DATA>",
        b"<DATA>" * 20 + b"</DATA>" * 20,
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_whole(shut: Door, file: bytes) -> None:
    answer = call(shut, "NhanThongBaoThueDat", notices(data={"FileThongBaoThue": base64.b64encode(file).decode()}))
    assert answer["error_code"] == -1
    assert kept(shut) == []


def test_a_file_larger_than_allowed_is_refused() -> None:
    with pytest.raises(Refused):
        read_notices(base64.b64encode(write_file([row()] * 100)).decode(), 1024)


@pytest.mark.parametrize(
    "change", [{"data": {"FileThongBaoThue": "không phải base64"}}, {"data": {}}, {"ngay": "hôm qua"}]
)
def test_an_envelope_that_is_wrong_is_refused_whole(shut: Door, change: dict[str, Any]) -> None:
    assert call(shut, "NhanThongBaoThueDat", notices(row()) | change)["error_code"] == -1
    assert kept(shut) == []


def test_what_the_tax_office_adds_to_a_line_is_kept_with_it(door: Door) -> None:
    notify(door, row(DOSSIER, {**LINE, "HAN_NOP": "09-02-2026"}))
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("select original from messages where type = 'PaymentRequested'")
        [original] = [json.loads(bytes(row.original)) for row in rows]
    assert original["LIST"] == [{**LINE, "HAN_NOP": "09-02-2026"}]


# ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bad_row_spoils_no_good_one_and_both_are_kept(door: Door) -> None:
    wrong = {**OTHER, "SO_TIEN": "1.250.000"}

    answer = notify(door, row(UNKNOWN), row(DOSSIER, LINE, wrong), row("HS-7"))

    assert answer["error_code"] == -1
    assert answer["message"].startswith("Đã tiếp nhận 1/4")
    for words in (UNKNOWN, "HS-7", "/notice/SO_TIEN"):
        assert words in answer["message"]
    assert sorted(kept(door), key=str) == sorted(
        [
            ("PaymentRequested", None), ("StatusChanged", None), ("PaymentRequested", "unknown-dossier"),
            ("Unreadable", "unreadable"), ("Unreadable", "unreadable"),
        ],
        key=str,
    )  # fmt: skip
    assert standing(door) == 6


def test_a_row_that_was_held_comes_through_once_its_cause_is_mended(door: Door) -> None:
    unknown = "000.00.01.H99-260105-0002"
    assert notify(door, row(unknown))["error_code"] == -1
    door.post("/api/v1/dossiers", land_dossier(2))

    assert notify(door, row(unknown))["error_code"] == 0
    assert ("PaymentRequested", None) in kept(door)


def test_a_correction_counts_and_so_does_going_back(door: Door) -> None:
    dear, cheap = row(), row(DOSSIER, {**LINE, "SO_TIEN": "1000000"})

    notify(door, dear, ngay="20260110093000")
    notify(door, cheap, ngay="20260111093000", isUpdating=True)
    notify(door, dear, ngay="20260112093000", isUpdating=True)

    assert [body["fees"][0]["amount"] for body in bodies(door, "PaymentRequested")] == [1250000, 1000000, 1250000]
    assert pay(door, "1234/TB-CT", 1250000)["error_code"] == 0


def test_the_envelope_with_capitals_is_read_too(door: Door) -> None:
    body = notices(row())
    capitals = {
        "Service": body["service"],
        "Ngay": body["ngay"],
        "IsUpdating": False,
        "SecurityKey": KEY,
        "Data": body["data"],
    }
    assert call(door, "NhanThongBaoThueDat", capitals)["error_code"] == 0


def test_a_partner_speaks_of_foreign_dossiers_only_where_its_file_says_so(door: Door) -> None:
    file = door.gateway.config.partners["land-tax"]
    door.gateway.config.partners["land-tax"] = file.model_copy(update={"speaks_of": "own"})

    assert notify(door, row())["error_code"] == -1
    assert kept(door) == [("PaymentRequested", "unknown-dossier")]
    assert standing(door) == 4


# ── money ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_dossier_goes_on_when_the_last_notice_is_paid_and_not_before(door: Door) -> None:
    notify(door, row(DOSSIER, LINE, OTHER))
    assert standing(door) == 6

    pay(door, "1234/TB-CT", 1250000)
    assert standing(door) == 6

    pay(door, "1235/TB-CT", 5000000)
    assert standing(door) == 4
    assert [body["status"] for body in bodies(door, "StatusChanged")] == [6, 6, 4]


def test_a_voucher_sent_again_is_not_a_second_payment(door: Door) -> None:
    notify(door, row())
    assert [pay(door)["error_code"] for _ in range(3)] == [0, 0, 0]
    assert len(bodies(door, "PaymentPaid")) == 1


@pytest.mark.parametrize(
    ("given", "more", "held"),
    [
        (("1234/TB-CT", 1), {}, "contradicts"),
        (("9999/TB-CT", 1250000), {}, "contradicts"),
        (("1234/TB-CT", 1250000), {"TrangThaiThanhToan": 0}, "unreadable"),
        (("1234/TB-CT", "một triệu"), {}, "unreadable"),
    ],
)
def test_a_voucher_that_does_not_pay_what_was_asked_is_held_and_moves_nothing(
    door: Door, given: tuple[Any, ...], more: dict[str, Any], held: str
) -> None:
    notify(door, row())

    answer = pay(door, *given, **more)

    assert answer["error_code"] == -1
    assert kept(door)[-1][1] == held
    assert standing(door) == 6


def test_a_tax_is_told_to_the_portal_without_a_code_that_nobody_gave(door: Door) -> None:
    notify(door, row())
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql(
            "select d.destination from deliveries d join messages m on m.seq = d.message_seq"
            " where m.type = 'PaymentRequested' order by d.destination"
        )
        assert [row.destination for row in rows] == ["one-stop", "portal"]


# ── iLIS ────────────────────────────────────────────────────────────────────────────────────────────────────


def ilis(**more: Any) -> dict[str, Any]:
    notice = {"HoVaChu": "Nguyễn Văn Mẫu", "LoaiThue": "Lệ phí trước bạ", "SoThongBaoThue": "TB-1", "DuongDanTBT": None}
    return {
        "SoBienNhan": DOSSIER,
        "NgayCoKetQuaThue": "2026-01-10T09:30:00",
        "DanhSachThongBaoThue": [{**notice, **more}],
    }


def test_ilis_tells_of_a_notice_and_the_dossier_waits(door: Door) -> None:
    answer = call(door, f"KetQuaThue?CodeGet={CODE}", ilis())
    assert answer["Result"] == 1
    [told] = bodies(door, "StatusChanged")
    assert (told["status"], told["event_time"]) == (6, "2026-01-10T02:30:00Z")
    assert "Nguyễn" not in told["content"]


@pytest.mark.parametrize("change", [{"SoThongBaoThue": ""}, {"LoaiThue": None}])
def test_an_ilis_notice_without_its_number_is_refused(shut: Door, change: dict[str, Any]) -> None:
    assert call(shut, f"KetQuaThue?CodeGet={CODE}", ilis(**change))["Result"] == 0
    assert kept(shut) == []


# ── the door ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [None, "", KEY[:-1], KEY + "x", 5, [KEY], {"a": KEY}])
def test_without_the_key_in_the_body_nobody_comes_in(shut: Door, key: Any) -> None:
    body = notices(row()) | {"SecurityKey": key}
    assert shut.post("/hooks/land-tax/NhanThongBaoThueDat", body, None).status_code == 401
    assert shut.post("/hooks/land-tax/NhanThongBaoThueDat", [KEY], None).status_code == 401
    assert shut.post("/hooks/land-tax/NhanThongBaoThueDat", b"[" * 100_000, None).status_code == 401
    assert kept(shut) == []


@pytest.mark.parametrize("query", ["", "?CodeGet=", "?CodeGet=sai", f"?codeget={CODE}", f"?CodeGet={KEY}"])
def test_without_the_code_in_the_address_nobody_comes_in(shut: Door, query: str) -> None:
    assert shut.post(f"/hooks/land-tax/KetQuaThue{query}", ilis(), None).status_code == 401
    assert kept(shut) == []


def test_a_body_larger_than_allowed_is_refused_unread(shut: Door) -> None:
    large = json.dumps({"SecurityKey": KEY, "x": "x" * (9 << 20)}).encode()
    assert shut.post("/hooks/land-tax/NhanThongBaoThueDat", large, None).status_code == 413


def test_the_key_is_stored_nowhere(door: Door) -> None:
    notify(door, row(), row(UNKNOWN))
    pay(door, "1", 1)
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("select original, body from messages where source = 'land-tax'").fetchall()
    assert len(rows) == 4
    assert not any(KEY in str(bytes(row.original), "utf-8", "replace") + row.body for row in rows)


def test_a_hook_without_its_secret_does_not_exist() -> None:
    only = Settings.model_validate({"ilis_code": CODE})
    partner = Partner("land-tax", "Thuế đất", "Land taxes", "land_tax", only, {})
    assert connector.hooks is not None
    assert [hook.path for hook in connector.hooks(partner)] == ["KetQuaThue"]
    with pytest.raises(ValueError, match="nobody can call"):
        Settings.model_validate({})


def test_the_twin_calls_us_over_the_wire(door: Door) -> None:
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url, twin = f"http://127.0.0.1:{server.server_port}/hooks/land-tax", TaxTwin()

    told = twin.act({"notices": {"url": url, "key": KEY, "ngay": "10/01/2026 09:30:00", "rows": [row()]}})
    paid = twin.act({"voucher": {"url": url, "key": KEY, "data": voucher()["data"]}})
    seen = twin.act({"ilis": {"url": url, "code": CODE, "body": ilis()}})
    server.shutdown()

    assert [told["answer"]["error_code"], paid["answer"]["error_code"], seen["answer"]["Result"]] == [0, 0, 1]
    assert [sent["to"] for sent in twin.book()["sent"]] == ["NhanThongBaoThueDat", "NhanChungTuThueDat", "KetQuaThue"]


def test_the_status_table_says_what_the_mappings_make() -> None:
    mappings = Path(__file__).resolve().parents[2] / "mappings"
    made = {
        "NhanThongBaoThueDat": "land_tax_due/samples/a-notice-pauses-the-dossier",
        "KetQuaThue": "ilis_tax_notice/samples/a-notice-is-there",
        "NhanChungTuThueDat": "land_tax_paid/samples/the-last-voucher-lets-the-dossier-go-on",
    }
    rows = tomllib.loads((connector.folder / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert {row["theirs"]: row["ours"] for row in rows} == {
        name: json.loads((mappings / sample / "out.json").read_text(encoding="utf-8"))["status"]
        for name, sample in made.items()
    }


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("theirs", "instant"),
    [
        ("20260110093000", "2026-01-10T02:30:00Z"),
        ("10/01/2026 09:30:00", "2026-01-10T02:30:00Z"),
        ("10/01/2026", "2026-01-09T17:00:00Z"),
        ("10-01-2026", "2026-01-09T17:00:00Z"),
        ("2026-01-10T09:30:00", "2026-01-10T02:30:00Z"),
        ("2026-01-10 09:30:00.1234567", "2026-01-10T02:30:00Z"),
        ("2026-01-10T09:30:00Z", "2026-01-10T09:30:00Z"),
        ("2026-01-10T09:30:00+07:00", "2026-01-10T02:30:00Z"),
    ],
)
def test_a_time_is_vietnams_unless_it_says_otherwise(theirs: str, instant: str) -> None:
    assert read_time(theirs) == instant


@pytest.mark.parametrize(
    "wrong", ["", "20260231093000", "01/13/2026", "2026-1-1", 20260110093000, None, "0001-01-01T00:00:00"]
)
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read_time(wrong)

"""The land office: its answers against samples, its calls on us through the real front door, its times, and what must never happen."""

from __future__ import annotations

import base64
import csv
import json
import threading
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError
from werkzeug.serving import make_server

from connectors.vbdlis import connector
from connectors.vbdlis.client import Client
from connectors.vbdlis.inbound import CALLS
from connectors.vbdlis.outbound import OUTCOMES, LandOffice
from connectors.vbdlis.settings import Settings
from connectors.vbdlis.simulator import LandTwin
from connectors.vbdlis.times import read_optional_time, read_time, write_time
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.flow.deliver import Courier
from gateway.ledger.messages import history
from gateway.message import Message
from gateway.ports import Found, Parcel
from gateway.simulation import Chaos, Request, Response, Serve
from tests.connectors.replay import DOSSIER, Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.door import Door, fresh_ledger, open_door
from tests.house import ADDRESSES, status
from tests.land import SECRETS, land_dossier, land_home

FOLDER = connector.folder
SAMPLES = read_samples(FOLDER)
INCOMING = sorted((FOLDER / "incoming").iterdir())
CODE = SECRETS["LIENTHONG_LAND_CODE"]
NOW = datetime(2026, 2, 1, 3, 0, tzinfo=UTC)
TYPES = {
    "receive": "StatusChanged",
    "receive.amended": "DossierSubmitted",
    "supplement": "SupplementProvided",
    "return": "StatusChanged",
    "wrong_result": "StatusChanged",
}
PATHS = {
    "receive": "/tiepnhan",
    "supplement": "/capnhattrangthaibosunghoso",
    "return": "/capnhattrangthaitraketquahoso",
    "wrong_result": "/phanhoihososaiketqua",
}


def settings(url: str, **more: Any) -> Settings:
    given = {"url": url, "security_code": CODE, "office": "Văn phòng đăng ký đất đai", "provincial": True}
    return Settings.model_validate({**given, "total_timeout": 5, **more})


def sent(call: str) -> dict[str, Any]:
    """The document of a call, as the samples have it."""
    [document, *_] = [s.request for s in SAMPLES if s.expected["call"] == call]
    return dict(document)


def parcel_of(call: str, document: dict[str, Any], **more: Any) -> Parcel:
    name = call.partition(".")[0]
    return parcel(TYPES[call], {name: document}, known_there=call == "receive.amended", **more)


@pytest.fixture
def twin() -> LandTwin:
    return LandTwin()


@pytest.fixture
def serve(twin: LandTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


@pytest.fixture
def office(serve: Serve) -> LandOffice:
    return LandOffice(settings(serve.url))


@pytest.fixture
def door(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """The front door, with dossier 1 received and on its way to the land office."""
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with open_door(land_home(tmp_path), lambda: NOW) as door:
        assert door.post("/api/v1/dossiers", land_dossier(1)).status_code == 202
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


def call(door: Door, name: str, body: Any, code: str = CODE) -> dict[str, Any]:
    response = door.post(f"/hooks/land-office/{name}/{code}", body, None)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json  # type: ignore[assignment]
    return answer


def told(door: Door, dossier: str = DOSSIER) -> list[Message]:
    """What the land office said of the dossier, as it was stored."""
    with door.gateway.ledger.read() as connection:
        return [m for m in history(connection, dossier, 1 << 62) if m.source == "land-office"]


def standing(door: Door, dossier: str = DOSSIER) -> int:
    response = door.get(f"/api/v1/dossiers/{dossier}")
    assert response.json is not None
    return int(response.json["status"]["code"])


def kept(door: Door) -> list[tuple[str, str | None]]:
    """Every message of the land office, the unreadable too: its type and why it is held."""
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("select type, held from messages where source = 'land-office' order by seq")
        return [(row.type, row.held) for row in rows]


def waiting(door: Door) -> list[tuple[str, str]]:
    """Who will be told which type of the land office's messages."""
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql(
            "select d.destination, m.type from deliveries d join messages m on m.seq = d.message_seq"
            " where m.source = 'land-office' order by d.destination, m.seq"
        )
        return [(row.destination, row.type) for row in rows]


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("theirs", "instant"),
    [
        ("2026-01-06T03:00:00", "2026-01-06T03:00:00Z"),  # no zone: UTC, 10:00 in Hà Nội
        ("2026-01-06T03:00:00Z", "2026-01-06T03:00:00Z"),
        ("2026-01-06T10:00:00+07:00", "2026-01-06T03:00:00Z"),
        ("2026-01-06T03:00:00.1234567", "2026-01-06T03:00:00.123456Z"),
        ("2026-01-05T20:30:00", "2026-01-05T20:30:00Z"),  # the next day in Hà Nội
    ],
)
def test_a_time_without_a_zone_is_utc_and_a_zone_that_is_there_counts(theirs: str, instant: str) -> None:
    assert read_time(theirs) == instant


@pytest.mark.parametrize(
    "wrong", ["", "2026-01-06", "2026-02-30T03:00:00", "06/01/2026 03:00:00", "0001-01-01T00:00:00", 5, None]
)
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read_time(wrong)


@pytest.mark.parametrize("unset", [None, "", "0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000"])
def test_a_date_that_was_not_set_is_no_date(unset: str | None) -> None:
    assert read_optional_time(unset) is None


EARLIEST, LATEST = datetime(1991, 1, 1), datetime(2099, 1, 1)  # noqa: DTZ001 - bounds are naive, the zone is drawn


@given(st.datetimes(EARLIEST, LATEST, timezones=st.timezones()))
def test_what_we_write_is_read_as_the_same_moment(moment: datetime) -> None:
    whole = moment.replace(microsecond=0).astimezone(
        UTC
    )  # two zones compare by the clock on the wall in a doubled hour
    written = write_time(whole.isoformat())
    assert written.endswith("Z")
    assert datetime.fromisoformat(read_time(written)) == whole == datetime.fromisoformat(read_time(written[:-1]))


# ── samples of their answers ────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(verdict.rule for verdict in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    # given the land office as recorded; for a file, a store as recorded and a land office that takes everything
    name = sample.expected["call"]
    path = sample.request["url"] if name == "file" else PATHS[name.partition(".")[0]]
    recorded = Recorded(sample, path, LandTwin().answer)
    serve = Serve(recorded)
    conf = settings(serve.start())
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    office = LandOffice(conf, Client(conf), outcomes)

    # when the call of the sample is made
    if name == "file":
        file = {"TenGiayTo": "Sơ đồ", "SoBanChinh": 0, "SoBanSao": 0, "TapTin": {"name": "a", "url": serve.url + path}}
        document = {**sent("receive"), "DanhSachGiayToDinhKem": [file]}
        made = parcel_of("receive", document)
    else:
        made = parcel_of(name, sample.request)
    outcome, reason = outcome_of(lambda: office.deliver(made))
    serve.stop()

    # then it ends as the table says, and what went out is the sample's request
    assert outcomes.decided[0] == sample.expected["rule"]
    assert outcome == sample.expected["outcome"]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    assert name == "file" or asked.json() == sample.request


def test_an_answer_no_row_knows_is_parked() -> None:
    for code, text in (("1/false", ""), ("2/true", "Thành công"), ("none/none", "Thành công"), ("0/false ", "x")):
        assert OUTCOMES.judge("receive", http=200, code=code, text=text).outcome == "unclassified"


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────


def test_files_go_inline_and_papers_stand_behind_them(office: LandOffice, twin: LandTwin) -> None:
    file = {"TenGiayTo": "Sơ đồ", "SoBanChinh": 0, "SoBanSao": 0, "TapTin": {"name": "so-do.pdf", "sha256": "a" * 64}}
    paper = {"TenGiayTo": "Giấy chứng nhận", "SoBanChinh": 1, "SoBanSao": 0}
    document = {**sent("receive"), "DanhSachGiayToDinhKem": [file], "GiayToBanGiay": [paper]}

    office.deliver(parcel_of("receive", document, read_file=lambda sha256: f"content of {sha256[0]}".encode()))

    [received] = [held["received"] for held in twin.book()["dossiers"].values()]
    assert received["DanhSachGiayToDinhKem"] == [
        {**file, "TapTin": {"name": "so-do.pdf", "data": base64.b64encode(b"content of a").decode()}},
        paper,
    ]
    assert "GiayToBanGiay" not in received
    assert received["LaQuyTrinhCapTinh"] is True


def test_a_file_from_a_foreign_place_or_too_large_goes_to_a_person_before_the_call(
    office: LandOffice, twin: LandTwin, serve: Serve
) -> None:
    def with_file(**place: str) -> dict[str, Any]:
        file = {"TenGiayTo": "Sơ đồ", "SoBanChinh": 0, "SoBanSao": 0, "TapTin": {"name": "so-do.pdf", **place}}
        return {**sent("receive"), "DanhSachGiayToDinhKem": [file]}

    with pytest.raises(Rejected, match="file_hosts"):
        office.deliver(parcel_of("receive", with_file(url="http://169.254.169.254/latest")))
    small = LandOffice(settings(serve.url, file_bytes=1024))
    with pytest.raises(Rejected, match="too large"):
        small.deliver(parcel_of("receive", with_file(sha256="a" * 64), read_file=lambda _: b"x" * 1025))
    assert twin.book()["effects"] == []


def test_a_file_store_that_is_away_leaves_nothing_in_doubt(office: LandOffice, twin: LandTwin) -> None:
    class Dripping(Recorded):
        def answer(self, request: Request) -> Response:
            threading.Event().wait(2)
            return Response(200, b"late")

    store = Serve(Dripping(SAMPLES[0], "/", lambda _: Response()))
    place = store.start()
    slow = LandOffice(settings(place, total_timeout=0.3))
    file = {"TenGiayTo": "Sơ đồ", "SoBanChinh": 0, "SoBanSao": 0, "TapTin": {"name": "a", "url": f"{place}/so-do.pdf"}}

    with pytest.raises(TryLater):
        slow.deliver(parcel_of("receive", {**sent("receive"), "DanhSachGiayToDinhKem": [file]}))
    store.stop()


def test_only_what_doubles_nothing_is_sent_again_unasked(office: LandOffice) -> None:
    found = {name: office.find(parcel_of(name, sent(name), in_doubt=True)) for name in PATHS}
    assert found == {
        "receive": Found.ABSENT,
        "return": Found.ABSENT,
        "supplement": Found.UNKNOWN,
        "wrong_result": Found.UNKNOWN,
    }


def test_a_return_sent_again_changes_nothing(office: LandOffice, twin: LandTwin) -> None:
    office.deliver(parcel_of("receive", sent("receive")))
    for _ in range(3):
        office.deliver(parcel_of("return", sent("return")))

    assert [effect["call"] for effect in twin.book()["effects"]] == ["tiepnhan", "capnhattrangthaitraketquahoso"]


def test_a_message_without_a_document_is_a_receipt_that_says_so(office: LandOffice, twin: LandTwin) -> None:
    receipt = office.deliver(parcel("StatusChanged", {"receive": None, "return": None, "wrong_result": None}))

    assert receipt.code == "nothing-to-send"
    assert twin.book()["effects"] == []


# ── their calls on us ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", INCOMING, ids=lambda place: place.name)
def test_what_they_send_becomes_what_the_sample_says(place: Path, door: Door) -> None:
    # given the dossier where the sample wants it
    request, expected = (json.loads((place / f"{name}.json").read_text("utf-8")) for name in ("request", "accepted"))
    for minute, code in enumerate(expected.get("after", []), start=10):
        assert door.post(f"/api/v1/dossiers/{DOSSIER}/statuses", status(1, code, minute)).status_code == 202

    # when they call, twice
    answer = call(door, request["call"], request["body"])
    before = kept(door)
    again = call(door, request["call"], request["body"])

    # then it is stored as the sample has it, once
    shown = [{k: v for k, v in m.body.items() if k != "id"} | {"held": m.held} for m in told(door)]
    for body in shown:
        body.pop("request", None)
        if body["type"] == "NoticeWanted":
            body.pop("event_time")  # these calls carry no time: it is the time of the call
    assert shown == expected["messages"]
    assert [kind for kind, _ in before] == expected.get("kept", [m["type"] for m in expected["messages"]])
    assert kept(door) == before
    assert answer["Result"] == again["Result"] == expected["result"]
    assert expected["message"] in answer["Message"]
    assert standing(door) == expected["status"]


def test_every_call_has_a_sample(door: Door) -> None:
    shown = {json.loads((place / "request.json").read_text("utf-8"))["call"] for place in INCOMING}
    assert shown == set(CALLS)


def test_an_hour_in_the_morning_is_not_seven_hours_late(door: Door) -> None:
    """Received at 09:30 in Hà Nội; a step at 10:00, which they write as 03:00, is after that and not before."""
    step = {"SoBienNhan": DOSSIER, "MaTrangThai": "4", "NoiDungXuLy": "Đo đạc", "NgayChuyen": "2026-01-05T03:00:00"}

    assert call(door, "ChuyenHoSo", step)["Message"].startswith("Đã tiếp nhận")

    [message] = told(door)
    assert (message.held, message.event_time) == (None, datetime(2026, 1, 5, 3, 0, tzinfo=UTC))


def test_a_late_end_never_reopens_a_returned_dossier(door: Door) -> None:
    for minute, code in ((60, 4), (120, 9), (180, 10)):
        assert door.post(f"/api/v1/dossiers/{DOSSIER}/statuses", status(1, code, minute)).status_code == 202
    end = {"SoBienNhan": DOSSIER, "NgayKetThuc": "2026-01-20T03:00:00", "TrangThaiKetThuc": 0}

    answer = call(door, "KetThucHoSo", end)

    assert answer["Result"] == 1
    assert "terminal" in answer["Message"]
    assert kept(door) == [("StatusChanged", "terminal")]
    assert waiting(door) == []
    assert standing(door) == 10


@pytest.mark.parametrize("end", [1, 2, 9, -1])
def test_refused_or_withdrawn_is_never_9(door: Door, end: int) -> None:
    door.post(f"/api/v1/dossiers/{DOSSIER}/statuses", status(1, 4, 60))
    paper = {"TenGiayTo": "Đơn rút hồ sơ", "KieuFile": "pdf", "LinkFile": "https://vbdlis.example.gov.vn/don.pdf"}
    body = {"SoBienNhan": DOSSIER, "NgayKetThuc": "2026-01-20T03:00:00", "TrangThaiKetThuc": end}

    call(door, "KetThucHoSo", {**body, "DanhSachGiayToKetQua": [paper]})

    assert [(m.type, m.body.get("status")) for m in told(door)] == [("StatusChanged", 8)]
    assert standing(door) == 8


def test_a_pause_for_money_is_6_and_asks_for_no_paper(door: Door) -> None:
    body = {"SoBienNhan": DOSSIER, "NgayChoBoSung": "2026-01-07T03:00:00", "LaTamDung": True}

    call(door, "YeuCauBoSungHoSo", body)

    assert [(m.type, m.body.get("status")) for m in told(door)] == [("StatusChanged", 6)]
    assert standing(door) == 6


def test_who_is_told_what_the_land_office_says(door: Door) -> None:
    supplement = {"SoBienNhan": DOSSIER, "NgayChoBoSung": "2026-01-07T03:00:00", "LaTamDung": False, "GhiChu": "Bản vẽ"}

    call(door, "YeuCauBoSungHoSo", supplement)
    call(door, "YeuCauCapNhatHoSo", {"SoBienNhan": DOSSIER, "NoiDung": "Sai số tờ bản đồ"})

    assert waiting(door) == [
        ("one-stop", "SupplementRequested"),
        ("one-stop", "StatusChanged"),
        ("one-stop", "NoticeWanted"),
        ("portal", "SupplementRequested"),
        ("portal", "StatusChanged"),
    ]


def test_the_citizens_answer_goes_back_to_the_land_office(door: Door) -> None:
    wanted = {"SoBienNhan": DOSSIER, "NgayChoBoSung": "2026-01-07T03:00:00", "LaTamDung": False, "GhiChu": "Bản vẽ"}
    call(door, "YeuCauBoSungHoSo", wanted)
    asked = told(door)[0].body["request"]
    answer = {
        "type": "SupplementProvided", "id": "bs-1", "dossier": DOSSIER, "event_time": "2026-01-08T10:00:00+07:00",
        "request": asked, "content": "Đã nộp bản vẽ", "received_by": {"name": "Trần Thị Ví Dụ"},
    }  # fmt: skip

    response = door.post("/api/v1/messages/batch", {"messages": [answer]})

    assert response.json is not None
    assert response.json["results"][0]["receipt"]["destinations"] == ["portal", "land-office"]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("ChuyenHoSo", {"NgayChuyen": "06/01/2026"}, "/NgayChuyen"),
        ("ChuyenHoSo", {"NgayChuyen": None}, "/NgayChuyen: thiếu"),
        ("ChuyenHoSo", {"MaTrangThai": None, "NgayChuyen": "x"}, "/MaTrangThai: thiếu; /NgayChuyen"),
        ("ChuyenHoSo", {"SoBienNhan": "BN-17"}, "/said/SoBienNhan"),
        ("ChuyenHoSo", {"SoBienNhan": "000.00.01.H99-260105-0999"}, "cổng không có hồ sơ này"),
        ("ChuyenHoSo", {"NgayChuyen": "2027-01-06T03:00:00"}, "tương lai"),
        ("YeuCauBoSungHoSo", {"NgayChoBoSung": "2026-01-07T03:00:00"}, "/LaTamDung: thiếu"),
        ("KetThucHoSo", {"NgayKetThuc": "2026-01-20T03:00:00", "TrangThaiKetThuc": "0"}, "/TrangThaiKetThuc"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_nothing_of_it_is_kept(
    shut: Door, name: str, change: dict[str, Any], words: str
) -> None:
    good = {"SoBienNhan": DOSSIER, "MaTrangThai": "4", "NoiDungXuLy": "Đo đạc", "NgayChuyen": "2026-01-06T03:00:00"}

    answer = call(shut, name, {**good, **change})

    assert answer["Result"] == 0
    assert words in answer["Message"]
    assert kept(shut) == []


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b'{"SoBienNhan": "\\ud800"}', b"[" * 100_000, b'{"a":' * 50 + b"1" + b"}" * 50]
)
def test_what_is_no_object_is_refused_in_their_own_shape(shut: Door, raw: bytes) -> None:
    assert call(shut, "ChuyenHoSo", raw)["Result"] == 0
    assert kept(shut) == []


def test_a_dead_link_to_a_result_is_refused_and_the_end_waits_with_it(door: Door) -> None:
    door.post(f"/api/v1/dossiers/{DOSSIER}/statuses", status(1, 4, 60))
    paper = {"TenGiayTo": "Giấy chứng nhận", "LinkFile": "http://10.0.0.5/kq.pdf"}
    body = {"SoBienNhan": DOSSIER, "NgayKetThuc": "2026-01-20T03:00:00", "TrangThaiKetThuc": 0}

    answer = call(door, "KetThucHoSo", {**body, "DanhSachGiayToKetQua": [paper]})

    assert (answer["Result"], kept(door), standing(door)) == (0, [], 4)


def test_what_goes_wrong_after_a_part_was_stored_is_held_and_not_called_refused(door: Door) -> None:
    notice = {"LoaiThue": "Lệ phí trước bạ", "SoThongBaoThue": "TB-1"}
    endless = {**notice, "SoThongBaoThue": "TB-2", "DuongDanThongBaoThue": f"https://thue.example.gov.vn/{'x' * 2000}"}
    body = {"SoBienNhan": DOSSIER, "NgayCoKetQuaThue": "2026-01-10T03:00:00"}

    both = call(door, "GuiKetQuaThue", {**body, "DanhSachThongBaoThue": [notice, endless]})
    alone = call(door, "GuiKetQuaThue", {**body, "DanhSachThongBaoThue": [endless]})

    assert (both["Result"], alone["Result"]) == (1, 0)
    assert "giữ lại" in both["Message"]
    assert kept(door) == [("StatusChanged", None), ("Unreadable", "unreadable")]


# ── the door ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "code", ["", "/", "/sai-ma-bao-mat-000000", f"/{CODE}x", f"/{CODE[:-1]}", "/%C4%91", f"/x/{CODE}"]
)
def test_without_the_code_nobody_comes_in(shut: Door, code: str) -> None:
    response = shut.post(f"/hooks/land-office/ChuyenHoSo{code}", {}, None)
    assert response.status_code == 401
    assert kept(shut) == []


def test_a_key_of_ours_opens_the_hook_too_and_a_wrong_one_is_not_mended_by_the_code(shut: Door) -> None:
    wrong = shut.post(
        f"/hooks/land-office/ChuyenHoSo/{CODE}", {}, None, Authorization="Bearer lt_000000000000_xxxxxxxxxxxxxxxxxxxxxx"
    )
    foreign = shut.post(f"/hooks/land-office/ChuyenHoSo/{CODE}", {}, "one-stop")
    assert (wrong.status_code, foreign.status_code) == (401, 404)


def test_the_code_of_one_partner_opens_nothing_else(shut: Door) -> None:
    assert shut.post(f"/hooks/portal/direct/{CODE}", {}, None).status_code == 401
    assert shut.post(f"/hooks/nobody/ChuyenHoSo/{CODE}", {}, None).status_code == 401
    assert shut.get(f"/api/v1/dossiers/{DOSSIER}/{CODE}", None).status_code in (401, 404)
    assert shut.get(f"/hooks/land-office/ChuyenHoSo/{CODE}", None).status_code == 401


def test_the_code_is_stored_nowhere(door: Door) -> None:
    call(door, "YeuCauCapNhatHoSo", {"SoBienNhan": DOSSIER, "NoiDung": "Sai số tờ"})
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("select original, body from messages").fetchall()
    assert not any(CODE in str(bytes(row.original), "utf-8", "replace") + row.body for row in rows)


def test_the_catalogues_they_read_are_the_codes_they_are_to_write(shut: Door) -> None:
    states = shut.get(f"/hooks/land-office/GetDanhMucTrangThai/{CODE}", None).json
    users = shut.post(f"/hooks/land-office/GetDanhMucNguoiDung/{CODE}", {}, None).json
    procedures = shut.get(f"/hooks/land-office/GetDanhMucThuTuc/{CODE}", None).json

    assert states is not None
    assert [row["MaTrangThai"] for row in states["Data"]] == ["4", "5", "6"]
    assert users is not None
    assert users["Data"] == [{"MaNguoiDung": "cb-01", "TenNguoiDung": "Lê Văn Mẫu", "ChucVu": "Chuyên viên"}]
    assert procedures is not None
    assert [row["MaThuTuc"] for row in procedures["Data"]] == ["1.001193"]


def test_the_twin_calls_us_over_the_wire(door: Door, twin: LandTwin) -> None:
    server = make_server("127.0.0.1", 0, door.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hooks/land-office"
    body = {"SoBienNhan": DOSSIER, "MaTrangThai": 4, "NgayChuyen": "2026-01-06T03:00:00", "LaTrangThaiChuyenLai": True}

    good = twin.act({"call": {"url": url, "name": "ChuyenHoSo", "code": CODE, "body": body}})
    wrong = twin.act({"call": {"url": url, "name": "ChuyenHoSo", "code": "sai-ma-bao-mat-000000", "body": body}})
    read = twin.act({"read": {"url": url, "name": "GetDanhMucTrangThai", "code": CODE}})
    server.shutdown()

    assert (good["http"], good["answer"]["Result"]) == (200, 1)
    assert wrong["http"] == 401
    assert len(read["answer"]["Data"]) == 3


# ── data that must agree ────────────────────────────────────────────────────────────────────────────────────


def test_the_status_table_and_the_mappings_codes_are_one() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    codes = csv.DictReader((FOLDER.parents[1] / "mappings/vbdlis_status/codes.csv").open(encoding="utf-8"))
    fields = {"step": "MaTrangThai", "end": "TrangThaiKetThuc"}
    assert {(row["field"], row["theirs"], str(row["ours"])) for row in rows} == {
        (fields[row["table"]], row["from"], row["to"]) for row in codes
    }
    assert not any(row["theirs"] != "0" and row["ours"] == 9 for row in rows)


@pytest.mark.parametrize("wrong", ["ngan", "co khoang trang trong ma", "co/gach/cheo/trong/ma", ""])
def test_a_security_code_that_cannot_stand_in_a_path_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValueError, match="security_code"):
        settings("http://127.0.0.1:9", security_code=wrong)


def test_a_down_land_office_is_told_by_the_check(office: LandOffice, serve: Serve) -> None:
    assert [h.ok for h in office.check()] == [True]
    serve.stop()
    assert [h.ok for h in office.check()] == [False]


def test_a_call_without_an_answer_is_in_doubt(serve: Serve) -> None:
    slow = LandOffice(settings(serve.url, total_timeout=0.2))
    serve.chaos = Chaos(slow=1.0, slow_seconds=1.0)
    with pytest.raises(AskFirst):
        slow.deliver(parcel_of("receive", sent("receive")))


@pytest.mark.parametrize(
    ("mapping", "path"),
    [
        ("vbdlis_receive", "receive"),
        ("vbdlis_supplement_given", "supplement"),
        ("vbdlis_returned", "return"),
        ("vbdlis_wrong_result", "wrong_result"),
    ],
)
def test_the_twin_takes_what_the_mappings_make(mapping: str, path: str, office: LandOffice, twin: LandTwin) -> None:
    samples = (FOLDER.parents[1] / "mappings" / mapping / "samples").glob("*/out.json")
    made = [document for file in samples if (document := json.loads(file.read_text(encoding="utf-8"))) is not None]
    assert made
    if path != "receive":
        office.deliver(parcel_of("receive", sent("receive")))
    for document in made:
        for name in ("DanhSachGiayToDinhKem", "DanhSachGiayToBoSung"):
            for paper in document.get(name, []):  # a foreign link is another test's matter
                paper["TapTin"] = {"name": paper["TapTin"]["name"], "sha256": "a" * 64}
        receipt = office.deliver(parcel_of(path, document, read_file=lambda _: b"content"))
        assert receipt.code == "1/true" or receipt.duplicate


def test_a_supplement_without_an_answer_waits_for_a_person_and_is_not_doubled(serve: Serve, twin: LandTwin) -> None:
    office = LandOffice(settings(serve.url))
    office.deliver(parcel_of("receive", sent("receive")))
    serve.chaos = Chaos(drop_after=1.0)
    with pytest.raises(AskFirst):
        office.deliver(parcel_of("supplement", sent("supplement")))
    serve.chaos = Chaos()

    assert office.find(parcel_of("supplement", sent("supplement"), in_doubt=True)) is Found.UNKNOWN
    [dossier] = twin.book()["dossiers"].values()
    assert len(dossier["supplements"]) == 1


def test_a_dossier_goes_out_whole_comes_back_with_its_result_and_is_returned(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, serve: Serve, twin: LandTwin
) -> None:
    """The whole way, through the couriers: reception with a file, a step, the end, the return."""
    for name, value in {**SECRETS, "LIENTHONG_LEDGER": fresh_ledger(tmp_path), "LIENTHONG_LAND_URL": serve.url}.items():
        monkeypatch.setenv(name, value)
    with open_door(land_home(tmp_path), lambda: NOW) as door:
        # given a land dossier with a file, as the one-stop receives it
        file = door.post("/api/v1/files", b"%PDF-1.7 contract", Content_Type="application/pdf").json
        assert file is not None
        contract = {"id": "tl-1", "name": "hop-dong.pdf", "sha256": file["sha256"]}
        paper = {"name": "Giấy chứng nhận", "copies": 1, "kind": "original"}
        door.post("/api/v1/dossiers", land_dossier(1, attachments=[contract], papers=[paper]))
        work(door)

        # when the land office works on it and ends it, and the one-stop hands the result over
        end = {"SoBienNhan": DOSSIER, "NgayKetThuc": "2026-01-20T03:00:00", "TrangThaiKetThuc": 0}
        call(door, "ChuyenHoSo", {"SoBienNhan": DOSSIER, "MaTrangThai": "4", "NgayChuyen": "2026-01-06T03:00:00"})
        call(door, "KetThucHoSo", end)
        done = status(1, 10, 0) | {"event_time": "2026-01-25T09:00:00+07:00", "id": "returned"}
        assert door.post(f"/api/v1/dossiers/{DOSSIER}/statuses", done).status_code == 202
        work(door)

        # then it was received there once, whole, with times in UTC, and knows that the result was returned
        [held] = twin.book()["dossiers"].values()
        received = held["received"]
        assert received["DanhSachGiayToDinhKem"] == [
            {
                "TenGiayTo": "hop-dong.pdf",
                "SoBanChinh": 0,
                "SoBanSao": 0,
                "TapTin": {"name": "hop-dong.pdf", "data": base64.b64encode(b"%PDF-1.7 contract").decode()},
            },
            {"TenGiayTo": "Giấy chứng nhận", "SoBanChinh": 1, "SoBanSao": 0},
        ]
        assert (received["NgayTiepNhan"], received["NgayHenTra"]) == ("2026-01-05T02:30:00Z", "2026-01-12T10:00:00Z")
        assert held["returned"] == "2026-01-25T02:00:00Z"
        assert [e["call"] for e in twin.book()["effects"]] == ["tiepnhan", "capnhattrangthaitraketquahoso"]
        assert standing(door) == 10


def work(door: Door) -> None:
    courier = Courier(door.gateway, "land-office")
    while courier.step() or courier._flying:
        pass
    courier._drain()

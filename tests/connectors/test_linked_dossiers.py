"""Stories over a real gateway and the strict twins: a birth through DVCLT and the register, a criminal record through VNeID and the Ministry."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from connectors.dvclt.simulator import DvcltTwin
from connectors.hotich_btp.simulator import RegisterTwin
from connectors.lltp.simulator import LltpTwin
from gateway.canonical.scalars import write_instant
from gateway.ledger.keys import add_key
from gateway.ledger.queries import deliveries_of, held_of, messages_of, statuses_of
from gateway.simulation import Chaos, Serve
from gateway.web.app import create_app
from tests.civil import SECRETS, Day, addresses, civil_home
from tests.door import fresh_ledger

BIRTH = "000.00.20.H99-260105-0101"


@pytest.fixture
def twins() -> Iterator[dict[str, Serve]]:
    twins = {"dvclt": Serve(DvcltTwin()), "hotich_btp": Serve(RegisterTwin()), "lltp": Serve(LltpTwin())}
    for serve in twins.values():
        serve.start()
    yield twins
    for serve in twins.values():
        serve.stop()


@pytest.fixture
def day(
    twins: dict[str, Serve], tmp_path: Path, addresses_everywhere: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Day]:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for name, serve in twins.items():
        for variable, value in addresses(name, serve.url).items():
            monkeypatch.setenv(variable, value)
    day = Day(civil_home(tmp_path))
    yield day
    day.close()


@pytest.fixture
def addresses_everywhere(addresses: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def one_stop_says(day: Day, dossier: str, status: int, content: str, **more: Any) -> None:
    day.later(10)
    body = {
        "type": "StatusChanged",
        "id": f"mc-{dossier}-{status}-{day.time:%H%M}",
        "dossier": dossier,
        "event_time": write_instant(day.time),
        "status": status,
        "content": content,
        "officer": {"name": "Trần Thị Ví Dụ", "unit": "UBND phường An Bình"},
    }
    day.house.accept("one-stop", body | more)
    day.work()


def told_to(day: Day, partner: str, dossier: str) -> list[str]:
    """The types of messages that a notebook got of a dossier, in order."""
    with day.gateway.ledger.read() as connection:
        types = {row.id: row.type for row in messages_of(connection, dossier)}
    return [types[key] for key in day.house.partners[partner].keys(dossier)]


def open_ends(day: Day, dossier: str) -> list[str]:
    """What is not delivered, or held."""
    with day.gateway.ledger.read() as connection:
        undone = deliveries_of(connection, dossier, undone=True)
        return [f"{row.destination}: {row.state}: {row.reason}" for row in undone if row.destination != "portal"] + [
            f"held: {row.held}" for row in held_of(connection, dossier)
        ]


def moves(day: Day, dossier: str) -> list[int]:
    with day.gateway.ledger.read() as connection:
        return [row.status for row in statuses_of(connection, dossier)]


def test_a_birth_goes_from_the_citizen_to_the_register_and_its_number_comes_back(
    day: Day, twins: dict[str, Serve]
) -> None:
    dvclt, register = twins["dvclt"].twin, twins["hotich_btp"].twin

    # given a birth filed at DVCLT: it reaches the one-stop, and only then is it acknowledged
    dvclt.act({"born": {"code": BIRTH}})
    day.poll("dvclt")
    assert told_to(day, "one-stop", BIRTH) == ["DossierSubmitted"]
    assert dvclt.book()["received"] == [BIRTH]
    assert dvclt.book()["listed"] == []

    # when the one-stop receives it, the register gets it with its papers inline
    one_stop_says(day, BIRTH, 2, "Đã tiếp nhận")
    [registration] = register.book()["registrations"]
    assert (registration["module"], registration["maHoSoLT"], registration["maHoSoMCDT"]) == ("LTKS", BIRTH, BIRTH)
    assert json.loads(registration["data"])["nycHoTen"] == "Nguyễn Văn Mẫu"
    assert not [name for name in json.loads(registration["data"]) if name.startswith("lt:")]
    assert b64decode(registration["fileDinhKem"][0]["duLieuTepDinhKem"]) == b"%PDF-1.4 to-khai.pdf"

    # and when the register wants papers, the one-stop and DVCLT hear of it with the day
    day.later(15)
    register.act(
        {"move": {"code": BIRTH, "to": "2", "errors": ["Thiếu giấy chứng sinh"], "until": "15/01/2026 17:00:00"}}
    )
    day.poll("hotich")
    assert dvclt.book()["statuses"][-1]["trangThai"] == 2
    assert dvclt.book()["statuses"][-1]["hanBoSungHoSo"] == "15/01/2026 17:00:00"

    # and when the citizen files again, the dossier is amended and registered once more
    day.later(15)
    dvclt.act({"born": {"code": BIRTH, "files": ["to-khai.pdf", "giay-chung-sinh.pdf"]}})
    day.poll("dvclt")
    one_stop_says(day, BIRTH, 2, "Đã tiếp nhận bổ sung")
    assert len(register.book()["registrations"]) == 2
    assert len(register.book()["registrations"][1]["fileDinhKem"]) == 2

    # and when it is registered, the number and the certificate reach DVCLT and the one-stop
    day.later(15)
    register.act({"move": {"code": BIRTH, "to": "4", "number": 7}})
    day.poll("hotich")
    one_stop_says(day, BIRTH, 10, "Đã trả kết quả")
    result = json.loads(dvclt.book()["statuses"][-2]["ketQuaXuLy"])
    assert result["soDinhDanh"] == register.book()["rows"][0]["ketQuaXuLy"]["soDinhDanh"]
    assert b64decode(result["giayKhaiSinh"]).startswith(b"%PDF-1.4")
    assert told_to(day, "one-stop", BIRTH) == [
        "DossierSubmitted", "SupplementRequested", "StatusChanged", "DossierSubmitted", "ResultIssued", "StatusChanged", "StatusChanged",
    ]  # fmt: skip

    # then everybody tells the same truth, nothing is held and nothing is left over
    assert moves(day, BIRTH) == [1, 2, 5, 2, 4, 9, 10]
    assert [row["trangThai"] for row in dvclt.book()["statuses"]] == [3, 2, 3, 7, 4, 5]
    assert open_ends(day, BIRTH) == []


def test_polling_again_changes_nothing(day: Day, twins: dict[str, Serve]) -> None:
    register = twins["hotich_btp"].twin
    twins["dvclt"].twin.act({"born": {"code": BIRTH}})
    day.poll("dvclt")
    one_stop_says(day, BIRTH, 2, "Đã tiếp nhận")
    for move in ("3", "2", "6"):
        register.act({"move": {"code": BIRTH, "to": move}})
        for _ in range(3):
            day.later(15)
            day.poll("hotich")
            day.poll("dvclt")

    assert moves(day, BIRTH) == [1, 2, 4, 5, 8]
    assert [row["trangThai"] for row in twins["dvclt"].twin.book()["statuses"]] == [3, 7, 2, 6]
    assert open_ends(day, BIRTH) == []


def test_a_dossier_listed_again_with_other_content_while_it_waits_for_nothing_is_held(
    day: Day, twins: dict[str, Serve]
) -> None:
    dvclt = twins["dvclt"].twin
    dvclt.act({"born": {"code": BIRTH}})
    day.poll("dvclt")
    one_stop_says(day, BIRTH, 2, "Đã tiếp nhận")

    dvclt.act({"born": {"code": BIRTH}})  # the same again: their acknowledgement was lost
    day.poll("dvclt")
    assert open_ends(day, BIRTH) == []
    dvclt.act({"born": {"code": BIRTH, "files": []}})
    day.poll("dvclt")

    assert moves(day, BIRTH) == [1, 2]
    with day.gateway.ledger.read() as connection:
        [held] = held_of(connection, "")
    assert "status-differs" in held.body


def test_a_dossier_that_no_mapping_reads_is_not_acknowledged_and_is_taken_when_it_can_be_read(
    day: Day, twins: dict[str, Serve]
) -> None:
    dvclt = twins["dvclt"].twin
    dvclt.act({"born": {"code": BIRTH, "form": {"nksHoTen": "Trần Thị Bé Ví Dụ"}}})
    for _ in range(3):
        day.poll("dvclt")
    assert dvclt.book()["received"] == []
    with day.gateway.ledger.read() as connection:
        [held] = held_of(connection, "")
    assert "/facts/nycHoTen" in held.body

    dvclt.act({"born": {"code": BIRTH}})
    day.poll("dvclt")

    assert dvclt.book()["received"] == [BIRTH]
    assert told_to(day, "one-stop", BIRTH) == ["DossierSubmitted"]


def test_a_killed_poll_leaves_nothing_acknowledged_that_is_not_stored(day: Day, twins: dict[str, Serve]) -> None:
    # given a process that dies between the fetch and the commit
    dvclt = twins["dvclt"].twin
    dvclt.act({"born": {"code": BIRTH}})
    day.clock._poller("dvclt").poll(None)
    assert dvclt.book()["received"] == []

    # when another one polls
    day.clock._pollers.clear()
    day.poll("dvclt")

    # then the dossier is there once, and acknowledged
    assert dvclt.book()["received"] == [BIRTH]
    assert moves(day, BIRTH) == [1]


@pytest.mark.parametrize(
    "chaos",
    [
        Chaos(drop_after=0.4, seed=3),
        Chaos(error_500=0.4, seed=4),
        Chaos(wrong_type=0.4, seed=5),
        Chaos(duplicate_answer=1),
        Chaos(expired_session=0.5, seed=6),
    ],
)
def test_whatever_the_partners_do_a_birth_arrives_once(day: Day, twins: dict[str, Serve], chaos: Chaos) -> None:
    dvclt, register = twins["dvclt"], twins["hotich_btp"]
    dvclt.twin.act({"born": {"code": BIRTH}})
    dvclt.chaos = register.chaos = chaos
    for step in range(1, 40):
        day.later(20)
        day.poll("dvclt")
        day.poll("hotich")
        if step == 10:
            one_stop_says(day, BIRTH, 2, "Đã tiếp nhận")
        if step == 25:
            register.twin.act({"move": {"code": BIRTH, "to": "4"}})
    dvclt.chaos = register.chaos = Chaos()
    day.time += timedelta(days=1)
    day.poll("dvclt")
    day.poll("hotich")

    assert moves(day, BIRTH) == [1, 2, 4, 9]
    assert len(register.twin.book()["registrations"]) == 1
    assert [row["trangThai"] for row in dvclt.twin.book()["statuses"]] == [3, 7, 4]
    assert open_ends(day, BIRTH) == []


# ── criminal records ────────────────────────────────────────────────────────────────────────────────────────


def form(**more: Any) -> dict[str, Any]:
    paper = {
        "ma": "CCCD",
        "ten": "Ảnh thẻ căn cước",
        "danhSach": [{"loai": "pdf", "duLieu": b64encode(b"%PDF-1.4 the").decode()}],
    }
    return {
        "loaiPhieu": "1", "maMucDich": "01", "nycHoTen": "Nguyễn Văn Mẫu", "nycSoDinhDanh": "001090000037",
        "quaTrinhCTNNNLV": [{"tuNgay": "01/2010", "noiCuTru": "Phường An Bình"}], "giayToDinhKem": [paper], **more,
    }  # fmt: skip


def request_of(code: str, **more: Any) -> dict[str, Any]:
    return {
        "maTinh": "19", "tenTinh": "Tỉnh Mẫu", "maHoSoMCDT": code, "ngayTiepNhan": "05/01/2026 08:15:00",
        "nguonDangKy": "1", "tenNguonDangKy": "VNeID", "toKhai": form(), **more,
    }  # fmt: skip


class Vneid:
    """VNeID at the gateway's front door, over HTTP."""

    def __init__(self, day: Day, twin: LltpTwin, port: int) -> None:
        self._twin = twin
        self._url = f"http://127.0.0.1:{port}/hooks/vneid/HoSo/LLTP"
        with day.gateway.ledger.write() as connection:
            self._key = add_key(connection, "vneid", "bearer", "test", day.time)[1]

    def ask(self) -> Any:
        return self._twin.act({"ask": {"url": f"{self._url}/LayMaHoSo", "key": self._key}})

    def send(self, body: Any) -> Any:
        return self._twin.act({"send": {"url": f"{self._url}/TaoHoSo", "key": self._key, "body": body}})


@pytest.fixture
def vneid(day: Day, twins: dict[str, Serve]) -> Iterator[Vneid]:
    server = make_server("127.0.0.1", 0, create_app(day.gateway), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    twin = twins["lltp"].twin
    assert isinstance(twin, LltpTwin)
    yield Vneid(day, twin, server.port)
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_criminal_record_goes_from_vneid_to_the_ministry_and_the_slip_comes_back(
    day: Day, twins: dict[str, Serve], vneid: Vneid
) -> None:
    twin = twins["lltp"].twin
    # given a code that the one-stop gave out, and a dossier under it
    given = vneid.ask()
    assert given == {"statusCode": "00", "data": "000.00.01.H99-260105-0001", "errorDetail": ""}
    code = given["data"]
    assert vneid.send(request_of(code)) == {"statusCode": "00", "data": code, "errorDetail": ""}
    day.work()
    assert told_to(day, "one-stop", code) == ["DossierSubmitted"]

    # when it is sent again, or another under its code
    assert vneid.send(request_of(code))["statusCode"] == "00"
    refused = vneid.send(request_of(code, toKhai=form(maMucDich="02")))
    assert (refused["statusCode"], refused["errorDetail"]) == ("01", "Hồ sơ đã tồn tại và không chờ bổ sung")

    # and the one-stop receives it: the Ministry has the form as it came, its paper inline
    one_stop_says(day, code, 2, "Đã tiếp nhận", due_at="2026-01-20T10:00:00Z")
    [dossier] = twin.book()["dossiers"]
    assert dossier["toKhai"] == form()

    # and the Ministry wants papers, which VNeID sends, and then gives the slip
    day.later(15)
    twin.act({"move": {"code": code, "to": "5", "reason": "Thiếu nơi cư trú"}})
    day.poll("lltp")
    assert vneid.send(request_of(code, toKhai=form(maMucDich="02")))["statusCode"] == "00"
    one_stop_says(day, code, 2, "Đã tiếp nhận bổ sung")
    assert len(twin.book()["dossiers"]) == 2
    day.later(15)
    twin.act({"move": {"code": code, "to": "10", "number": "12/LLTP", "day": "12/01/2026"}})
    day.poll("lltp")

    # then VNeID has the slip, and everybody tells the same truth
    results = twin.book()["results"]
    assert [row["trangThaiXuLy"] for row in results] == ["2", "5", "2", "4", "9"]
    assert results[0]["ngayHenTraKetQua"] == "20/01/2026"
    assert (results[-1]["ketQuaXuLy"]["soPhieuLLTP"], results[-1]["ketQuaXuLy"]["ngayCapPhieu"]) == (
        "12/LLTP",
        "12/01/2026",
    )
    assert b64decode(results[-1]["ketQuaXuLy"]["phieuLLTP"]).startswith(b"%PDF-1.4")
    assert moves(day, code) == [1, 2, 5, 2, 4, 9]
    assert open_ends(day, code) == []


def test_a_wrong_dossier_is_answered_with_every_fault_and_nothing_is_kept(day: Day, vneid: Vneid) -> None:
    wrong = request_of("LLTP/77", ngayTiepNhan="hôm nay", toKhai=form(loaiPhieu="2", nycSoDinhDanh="123456789012"))
    answer = vneid.send(wrong)

    assert answer["statusCode"] == "01"
    for place in ("/body/maHoSoMCDT", "/body/ngayTiepNhan", "/procedure", "/body/toKhai/nycSoDinhDanh"):
        assert place in answer["errorDetail"]
    code = "000.00.01.H99-260105-0009"
    paper = {"ma": "X", "ten": "Y", "danhSach": [{"loai": "pdf", "duLieu": "không phải base64"}, {"loai": "pdf"}]}
    answer = vneid.send(request_of(code, toKhai=form(giayToDinhKem=[paper])))
    assert answer["errorDetail"].count("base64") == 2
    strange: tuple[Any, ...] = ([], {}, "x", {"maHoSoMCDT": code, "toKhai": []}, {"toKhai": {"giayToDinhKem": ["x"]}})
    for nonsense in strange:
        assert vneid.send(nonsense)["statusCode"] == "01"
    assert moves(day, code) == []


def test_no_code_is_made_up_while_the_one_stop_gives_none(twins: dict[str, Serve], vneid: Vneid) -> None:
    twins["lltp"].chaos = Chaos(error_500=1)

    assert vneid.ask()["statusCode"] == "03"
    assert vneid.ask()["data"] is None

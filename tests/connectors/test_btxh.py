"""Social protection: the dossier with its XML inside, the step, what is in doubt; against samples, the strict twin and a real gateway."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.btxh import FOLDER, connector
from connectors.btxh.client import Client, write_extent
from connectors.btxh.outbound import Btxh
from connectors.btxh.settings import Settings
from connectors.btxh.simulator import BtxhTwin
from gateway.canonical.scalars import write_instant
from gateway.errors import AskFirst, Rejected, TryLater, Unclassified
from gateway.ledger.queries import deliveries_of
from gateway.outcomes import Outcomes
from gateway.ports import RESTORED, Found, Parcel
from gateway.simulation import Chaos, Serve
from gateway.xml import read_xml
from tests.civil import Day
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.door import fresh_ledger, make_home
from tests.house import dossier
from tests.social import add_readme

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
PATHS = {"DongBoDVC.create": "/apiBTXH/DongBoDVC", "DongBoDVC.update": "/apiBTXH/DongBoDVC", "XuLyHoSo": "/apiBTXH/XuLyHoSo"}  # fmt: skip


def made(mapping: str) -> list[Path]:
    return sorted((MAPPINGS / mapping / "samples").glob("*/out.json"))


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


DOSSIER = read(MAPPINGS / "btxh_dossier/samples/a-decision-with-its-file/out.json")
STEP = read(MAPPINGS / "btxh_progress/samples/a-decision-is-signed/out.json")
CODE = DOSSIER["MaHoSo"]


@pytest.fixture
def twin() -> BtxhTwin:
    return BtxhTwin()


@pytest.fixture
def serve(twin: BtxhTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def btxh(url: str, outcomes: Outcomes = OUTCOMES, key: str = "khoa-thu") -> Btxh:
    return Btxh(Client(Settings.model_validate({"url": url, "accept_key": key, "total_timeout": 5}), outcomes))


def both(**more: Any) -> Parcel:
    return parcel("StatusChanged", {"dossier": DOSSIER, "progress": STEP}, **more)


def alone(**more: Any) -> Parcel:
    return parcel("DossierSubmitted", {"dossier": DOSSIER}, **more)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample, twin: BtxhTwin) -> None:
    call = sample.expected["call"]
    recorded = Recorded(sample, PATHS[call], twin.answer)
    serve = Serve(recorded)
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    if call == "XuLyHoSo":
        sent = parcel("StatusChanged", {"dossier": None, "progress": sample.request})
    else:
        sent = parcel("StatusChanged", {"dossier": sample.request}, known_there=call.endswith("update"))
    outcome, reason = outcome_of(lambda: btxh(serve.url, outcomes).deliver(sent) if serve.start() else None)
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    body = asked.json()
    assert body.pop("AcceptKey") == "khoa-thu"
    if call == "XuLyHoSo":
        assert body == sample.request
    else:
        assert body["MaHoSo"] == sample.request["MaHoSo"]
        assert body["LoaiDuLieu"] == "100"
        assert isinstance(body["CertificateExtentData"], str)
        assert all(isinstance(value, str) for value in body.values())


# ── what goes ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", made("btxh_dossier"), ids=lambda file: file.parent.name)
def test_the_twin_takes_every_dossier_that_the_mapping_makes(serve: Serve, twin: BtxhTwin, file: Path) -> None:
    document = read(file)
    btxh(serve.url).deliver(parcel("StatusChanged", {"dossier": document}))
    held = twin.book()["dossiers"][document["MaHoSo"]]
    assert held["CertificateExtentData"] == document["CertificateExtentData"]
    assert held["SoQuyetDinh"] == (document["KetQua"][-1]["SoQuyetDinh"] if document["KetQua"] else "")


@pytest.mark.parametrize("file", made("btxh_progress"), ids=lambda file: file.parent.name)
def test_the_twin_takes_every_step_that_the_mapping_makes(serve: Serve, twin: BtxhTwin, file: Path) -> None:
    btxh(serve.url).deliver(parcel("StatusChanged", {"dossier": DOSSIER, "progress": read(file)}))
    assert [e["kind"] for e in twin.book()["effects"]] == ["create", "step"]


def test_the_newest_of_two_results_stands_among_the_fields_and_both_in_the_list(serve: Serve, twin: BtxhTwin) -> None:
    second = DOSSIER["KetQua"][0] | {"SoQuyetDinh": "13/QĐ-UBND"}
    btxh(serve.url).deliver(parcel("ResultIssued", {"dossier": DOSSIER | {"KetQua": [*DOSSIER["KetQua"], second]}}))
    assert twin.book()["dossiers"][CODE]["SoQuyetDinh"] == "13/QĐ-UBND"


plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=30)


@given(st.lists(st.fixed_dictionaries({"TenTepDinhKem": plain, "DuongDanTaiTepTin": plain}), max_size=4))
def test_what_stands_in_the_xml_is_what_was_put_in(rows: list[dict[str, str]]) -> None:
    text = write_extent({"DanhSachTaiLieuNop": rows, "DanhSachGiayToKetQua": []})
    papers, results = read_xml(text.encode())
    assert [{str(field.tag): field.text or "" for field in row} for row in papers] == rows
    assert len(results) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("StatusId", "11"), ("HoVaTen", " "), ("NgayTiepNhan", "2026-01-05"), ("NgayTiepNhan", "31/02/2026 09:00:00"), ("x", "y")],
)  # fmt: skip
def test_the_twin_refuses_what_the_system_would_refuse(serve: Serve, twin: BtxhTwin, field: str, value: str) -> None:
    with pytest.raises(Rejected):
        btxh(serve.url).deliver(parcel("DossierSubmitted", {"dossier": DOSSIER | {field: value}}))
    assert twin.book()["effects"] == []


@pytest.mark.parametrize("documents", [{"dossier": None}, {"dossier": None, "progress": None}, {}])
def test_what_no_mapping_makes_is_not_sent(serve: Serve, twin: BtxhTwin, documents: dict[str, Any]) -> None:
    assert btxh(serve.url).deliver(parcel("StatusChanged", documents)).code == "nothing-to-send"
    assert twin.book()["effects"] == []


# ── what is in doubt ────────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_to_the_dossier_is_remembered_before_the_step(serve: Serve, twin: BtxhTwin) -> None:
    remembered: dict[str, Any] = {}
    out = btxh(serve.url)
    out.deliver(both(remember=remembered.__setitem__))
    assert list(remembered) == ["dossier"]

    out.deliver(both(steps=remembered))
    assert [e["kind"] for e in twin.book()["effects"]] == ["create", "step", "step"]


def test_a_dossier_in_doubt_goes_again_and_is_there_once(serve: Serve, twin: BtxhTwin) -> None:
    out = btxh(serve.url)
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(both())
    serve.chaos = Chaos()

    again = both(in_doubt=True)
    assert out.find(again) is Found.ABSENT
    out.deliver(again)
    assert [e["kind"] for e in twin.book()["effects"]] == ["create", "step"]


def test_a_step_in_doubt_is_for_a_person_for_it_would_be_there_twice(serve: Serve) -> None:
    out = btxh(serve.url)
    assert out.find(both(steps={"dossier": {}}, in_doubt=True)) is Found.UNKNOWN
    assert out.find(both(steps={RESTORED: {}}, in_doubt=True)) is Found.UNKNOWN
    assert out.find(alone(steps={RESTORED: {}}, in_doubt=True)) is Found.ABSENT
    assert out.find(both(steps={"dossier": {}, "progress": {}})) is Found.ARRIVED


def test_already_there_is_a_duplicate_the_first_time_and_no_receipt_for_a_change() -> None:
    serve = Serve(BtxhTwin({"once": True}))
    serve.start()
    out = btxh(serve.url)
    assert not out.deliver(alone()).duplicate
    assert out.deliver(alone()).duplicate
    with pytest.raises(Unclassified):
        out.deliver(replace(alone(), known_there=True))
    serve.stop()


def test_a_wrong_key_waits_and_the_check_says_only_what_it_knows(serve: Serve) -> None:
    with pytest.raises(TryLater, match="AcceptKey"):
        btxh(serve.url, key="sai").deliver(alone())
    [there] = btxh(serve.url).check()
    assert there.ok
    serve.stop()
    [away] = btxh(serve.url).check()
    assert not away.ok


# ── in a real gateway ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def day(serve: Serve, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """A gateway whose partner file and route are those of the README."""
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    monkeypatch.setenv("LIENTHONG_BTXH_URL", serve.url)
    monkeypatch.setenv("LIENTHONG_BTXH_KEY", "khoa-thu")
    home = make_home(tmp_path)
    add_readme(home, "btxh")
    day = Day(home)
    day.later(60)
    yield day
    day.close()


def test_a_decision_goes_from_the_ward_to_the_ministry_step_by_step(day: Day, twin: BtxhTwin) -> None:
    # given an allowance asked for at the ward
    procedure = {"code": "1.001776", "name": "Trợ cấp xã hội hằng tháng", "field_code": "G07-BT01", "field_name": "Bảo trợ xã hội"}  # fmt: skip
    body = dossier(1, procedure=procedure, facts={"GioiTinh": "2", "NgayThangNamSinh": "01/05/1950"})
    code = body["dossier"]
    day.house.accept("one-stop", body)
    day.work()

    # when it is handled, and the decision is issued
    def say(status: int, content: str) -> None:
        day.later(10)
        officer = {"name": "Trần Thị Ví Dụ", "unit": "UBND phường An Bình"}
        when = write_instant(day.time)
        event = {"type": "StatusChanged", "id": f"st-{status}", "dossier": code, "event_time": when, "status": status}
        day.house.accept("one-stop", event | {"content": content, "officer": officer})
        day.work()

    say(4, "Đang thẩm định")
    result = {"id": "kq-1", "name": "Quyết định", "symbol": "12/QĐ-UBND", "url": "https://files.example.gov.vn/kq"}
    issued = {"type": "ResultIssued", "id": "kq", "dossier": code, "event_time": write_instant(day.time), "results": [result]}  # fmt: skip
    day.house.accept("one-stop", issued)
    say(9, "Đã ký quyết định")
    say(10, "Đã trả kết quả")

    # then the Ministry has the whole of it, each step once, in order
    held = twin.book()["dossiers"][code]
    assert (held["StatusId"], held["SoQuyetDinh"], held["GioiTinhId"]) == ("10", "12/QĐ-UBND", "1035")
    assert held["CertificateExtentData"]["DanhSachGiayToKetQua"][0]["DuongDanTepTinKetQua"] == result["url"]
    effects = twin.book()["effects"]
    assert effects[0]["kind"] == "create"
    assert [e["StatusId"] for e in effects if e["kind"] == "step"] == ["4", "9", "10"]
    with day.gateway.ledger.read() as connection:
        undone = [row for row in deliveries_of(connection, code, undone=True) if row.destination == "btxh"]
    assert undone == []


def test_a_dossier_of_another_procedure_is_none_of_theirs(day: Day, twin: BtxhTwin) -> None:
    day.house.accept("one-stop", dossier(1))
    day.work()
    assert twin.book()["dossiers"] == {}


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────


def test_our_ten_states_each_have_their_row() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert [(row["theirs"], row["ours"]) for row in rows] == [(str(n), n) for n in range(1, 11)]


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.delivers
    assert isinstance(connector.simulator and connector.simulator({}), BtxhTwin)

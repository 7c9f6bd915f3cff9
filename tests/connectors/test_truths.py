"""What is sent to the portal is held against the facts, whoever made it: a mapping of ours, an operator's own, or a person's hand."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.codes import CsvCodes
from gateway.config import default_folder
from gateway.dossiers.facts import read_facts
from gateway.dossiers.truths import falsehoods, read_truths
from gateway.errors import Misconfigured, Rejected
from gateway.flow.gateway import Gateway
from gateway.ledger import people, queries
from gateway.ledger.queries import Reader
from mappings.engine import load
from tests.conftest import Time
from tests.door import fresh_ledger
from tests.house import House, dossier, status

ROOT = Path(__file__).resolve().parents[2]
CODES = CsvCodes(ROOT / "config/codelists")
MAPPINGS = load(None, CODES)
TRUTHS = read_truths(ROOT / "connectors/mapi")
NOW = datetime.fromisoformat("2026-01-07T12:00:00+07:00")


def samples(mapping: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in sorted((ROOT / f"mappings/{mapping}/samples").iterdir()):
        if (folder / "out.json").exists():
            yield folder.name, json.loads((folder / "in.json").read_text(encoding="utf-8"))


def codes_of(document: dict[str, Any], view: dict[str, Any], name: str = "dossier") -> list[str]:
    return [fault.code for fault in falsehoods(TRUTHS, {name: document}, read_facts(view, CODES, NOW))]


@pytest.mark.parametrize(
    ("mapping", "name"),
    [("mapi_dossier", "dossier"), ("mapi_progress", "progress"), ("mapi_portal_status", "portal_status")],
)
def test_what_the_shipped_mappings_make_of_their_samples_is_true(mapping: str, name: str) -> None:
    for sample, view in samples(mapping):
        made = MAPPINGS[mapping].translate(view)
        if made is not None:
            assert codes_of(made, view, name) == [], sample


FALSE: list[tuple[str, dict[str, Any]]] = [
    ("falsified-status", {"TrangThaiHoSo": "9"}),
    ("falsified-end", {"NgayKetThucXuLy": "20260106090900"}),
    ("falsified-submission", {"NgayNopHoSo": "20260106090900"}),
    ("falsified-refusal", {"NgayTuChoi": "20260106090900"}),
    ("falsified-return", {"NgayTra": "20260106090900"}),
    ("falsified-code", {"MaHoSo": "000.00.01.H99-260105-48213"}),
    ("falsified-channel", {"KenhThucHien": "3"}),
    ("falsified-identity", {"SoGiayToChuHoSo": "001090000045"}),
    ("falsified-identity", {"DinhDanhCHS": [{"LoaiDinhDanh": "2", "SoDinhDanh": "000000001"}]}),
    ("falsified-account", {"MaDoiTuong": "001090000037"}),
    ("falsified-paid-online", {"DuocThanhToanTrucTuyen": "1"}),
    ("falsified-paid-online", {"DuocThanhToanTrucTuyen": "2"}),
    ("falsified-database", {"DSKetNoiCSDL": [{"MaCSDL": "99"}]}),
    (
        "falsified-result",
        {"DanhSachGiayToKetQua": [{"DuongDanTepTinKetQua": "https://files.example.gov.vn/to-khai.pdf"}]},
    ),
    ("falsified-result-code", {"DanhSachGiayToKetQua": [{"MaGiayToKetQua": "KQ.G15.000031"}]}),
]


@pytest.mark.parametrize(("code", "changed"), FALSE, ids=[f"{code} {next(iter(c))}" for code, c in FALSE])
def test_each_pattern_of_the_field_is_refused_by_name(code: str, changed: dict[str, Any]) -> None:
    view = dict(samples("mapi_dossier"))["an-online-citizen-with-two-files"]
    view["fees"] = [{"code": "LP", "name": "Lệ phí", "kind": "charge", "amount": 8000, "paid": "direct"}]
    made = MAPPINGS["mapi_dossier"].translate(view)

    assert codes_of({**made, **changed}, view) == [code]


@pytest.mark.parametrize("waiting", [5, 6, 8])
def test_a_dossier_that_waits_is_never_told_as_done(waiting: int) -> None:
    moments = {"current_status": waiting, "moments": {str(waiting): "2026-01-06T02:00:00Z"}}
    view = dict(samples("mapi_dossier"))["an-online-citizen-with-two-files"] | moments
    made = MAPPINGS["mapi_dossier"].translate(view)

    assert codes_of(made, view) == []
    assert codes_of({**made, "TrangThaiHoSo": "9"}, view) == ["falsified-status"]


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"deadlines": {}, "status": 1}, "NgayTiepNhan", "falsified-reception"),
        ({"deadlines": {"received_at": "2026-01-05T02:30:00Z"}}, "NgayHenTra", "falsified-promise"),
    ],
)
def test_no_reception_and_no_promise_is_made_up(changes: dict[str, Any], field: str, code: str) -> None:
    view = copy.deepcopy(dict(samples("mapi_dossier"))["an-online-citizen-with-two-files"])
    view["dossier"] |= changes
    view |= {"current_status": 1, "moments": {}, "first_moments": {}}
    made = MAPPINGS["mapi_dossier"].translate(view)

    assert codes_of(made, view) == []
    assert codes_of({**made, field: "20260112170000"}, view) == [code]


def test_a_progress_row_tells_the_status_that_was_told() -> None:
    name, view = next(samples("mapi_progress"))
    made = MAPPINGS["mapi_progress"].translate(view)
    other = "9" if made["TrangThai"] != "9" else "4"

    assert codes_of({**made, "TrangThai": other}, view, "progress") == ["falsified-progress-status"], name


def test_every_truth_is_broken_here() -> None:
    told = {code for code, _ in FALSE} | {
        "falsified-reception",
        "falsified-promise",
        "falsified-progress-status",
        "falsified-moment",
        "falsified-verified",
    }

    assert {f"falsified-{truth.id}" for truth in TRUTHS} == told


def test_an_account_is_verified_only_when_it_was() -> None:
    view = copy.deepcopy(dict(samples("mapi_dossier"))["an-online-citizen-with-two-files"])
    view["dossier"]["applicant"].pop("verified_by_vneid", None)
    made = MAPPINGS["mapi_dossier"].translate(view)

    assert codes_of({**made, "TaiKhoanDuocXacThucVoiVNeID": "1"}, view) == ["falsified-verified"]


def test_a_wrong_file_of_truths_is_refused(tmp_path: Path) -> None:
    for text in ('among = "colour"', 'says = ["1"]', 'among = "status"\nsays = ["1"]', 'among = "ended_at"'):
        row = f'[[truth]]\nid = "abc"\ndocument = "d"\nfield = "f"\ndetail = "v"\ndetail_en = "e"\n{text}\n'
        (tmp_path / "truths.toml").write_text(row, encoding="utf-8")
        with pytest.raises(Misconfigured, match=r"truths\.toml"):
            read_truths(tmp_path)
    assert read_truths(tmp_path / "nowhere") == ()


# ── in a delivery ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def house(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The shipped configuration with its real mappings, the portal being a notebook; and an operator's own mapping of dossiers."""
    shutil.copytree(default_folder(), tmp_path / "home" / "config")
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    made = House(Gateway(tmp_path / "home", now=time))
    yield made
    made.gateway.close()


def reason(house: House) -> tuple[str, str]:
    with house.gateway.ledger.read() as connection:
        (row,) = queries.deliveries_page(connection, Reader("", "all"), after=0, limit=9, destination="portal").rows
    return row.state, row.reason or ""


def test_a_person_may_mend_a_document_and_not_falsify_it(house: House) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [Rejected("sai"), Rejected("sai")]
    house.work("portal")
    item = house.gateway.documents("portal", *_head(house))["dossier"]

    def edit(**changes: Any) -> tuple[str, str]:
        with house.gateway.ledger.write() as connection:
            (row,) = people.parked(connection)
            people.edit(
                connection, row.id, {"dossier": {**item, **changes}}, who="lan", reason="sửa", now=house.gateway.now()
            )
        house.work("portal")
        return reason(house)

    assert "DuocThanhToanTrucTuyen" in (told := edit(DuocThanhToanTrucTuyen="1"))[1]
    assert told[0] == "parked"
    assert edit(GhiChu="đã sửa")[1] == "sai"  # it went out, and the portal refused it again
    assert edit(GhiChu="đã sửa nữa")[0] == "delivered"


def test_an_operators_own_mapping_cannot_falsify(house: House, tmp_path: Path) -> None:
    own = tmp_path / "home" / "config" / "mappings" / "mapi_dossier"
    shutil.copytree(ROOT / "mappings/mapi_dossier", own)
    text = (own / "map.yaml").read_text(encoding="utf-8")
    assert "  TrangThaiHoSo: current_status | text\n" in text
    (own / "map.yaml").write_text(text.replace("current_status | text", '= "9"'), encoding="utf-8")
    house.gateway.__dict__.pop("translations", None)
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 5))

    house.work("portal")

    with house.gateway.ledger.read() as connection:
        rows = queries.deliveries_of(connection, dossier()["dossier"])
    assert (rows[0].state, house.partners["portal"].effects) == ("parked", [])
    assert "TrangThaiHoSo" in rows[0].reason


def _head(house: House) -> tuple[Any, Any]:
    from gateway.cli.looking import view_of

    with house.gateway.ledger.read() as connection:
        (row,) = queries.messages_of(connection, dossier()["dossier"])
    return view_of(house.gateway, row.id)

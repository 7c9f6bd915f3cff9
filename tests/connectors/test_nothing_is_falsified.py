"""What systems in the field have told the portal against the facts, and this gateway must not; and the fields that the national KPI read."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.codes import CsvCodes
from gateway.errors import Refused
from mappings.engine import load

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = load(None, CsvCodes(ROOT / "config/codelists"))
SAMPLES = ROOT / "mappings/mapi_dossier/samples"
ENDS = {3: "20260106090300", 7: "20260106090700", 8: "20260106090800", 9: "20260106090900", 10: "20260106091000"}


def view(sample: str = "an-online-citizen-with-two-files", **dossier: Any) -> dict[str, Any]:
    """The sample's view, with some fields of its dossier replaced; None takes a field away."""
    made: dict[str, Any] = copy.deepcopy(json.loads((SAMPLES / sample / "in.json").read_text(encoding="utf-8")))
    made["dossier"] = {k: v for k, v in (made["dossier"] | dossier).items() if v is not None}
    return made


def sent(made: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = MAPPINGS["mapi_dossier"].translate(made)
    return item


@pytest.mark.parametrize("status", range(1, 11))
@pytest.mark.parametrize("due", [True, False])
def test_every_status_goes_as_it_is_and_only_an_end_has_a_time_of_end(status: int, due: bool) -> None:
    deadlines = {"received_at": "2026-01-05T02:30:00Z"} | ({"due_at": "2026-01-12T10:00:00Z"} if due else {})
    made = view(deadlines=deadlines) | {
        "current_status": status,
        "moments": {str(status): f"2026-01-06T02:{status:02}:00Z"},
    }
    item = sent(made)
    assert (item["TrangThaiHoSo"], item["NgayKetThucXuLy"]) == (str(status), ENDS.get(status, ""))
    assert item["NgayHenTra"] == ("20260112170000" if due else "")
    assert (item["NgayTra"] != "", item["NgayTuChoi"] != "") == (status == 10, status == 3)


def test_processed_comes_before_returned_as_the_end() -> None:
    moments = {"9": "2026-01-10T03:00:00Z", "10": "2026-01-14T03:00:00Z"}
    item = sent(view() | {"current_status": 10, "moments": moments})
    assert (item["NgayKetThucXuLy"], item["NgayTra"]) == ("20260110100000", "20260114100000")


def fee(code: str, paid: str, amount: int = 50000) -> dict[str, Any]:
    return {"code": code, "name": "Lệ phí", "kind": "charge", "amount": amount, "paid": paid}


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        ([], "0"),
        ([("portal", 0)], "0"),
        ([("direct", 50000)], "3"),
        ([("unpaid", 50000)], "3"),
        ([("portal", 50000)], "1"),
        ([("local_gateway", 50000)], "2"),
        ([("portal", 50000), ("direct", 1)], "3"),
        ([("portal", 50000), ("unpaid", 1)], "3"),
        ([("portal", 50000), ("unpaid", 0)], "1"),
        ([("local_gateway", 50000), ("direct", 1)], "3"),
    ],
)
def test_paid_online_is_only_what_was_wholly_paid_online(ways: list[tuple[str, int]], told: str) -> None:
    fees = [fee(f"LP-{n}", paid, amount) for n, (paid, amount) in enumerate(ways)]
    item = sent(view(fees=fees) | {"fees": fees})
    assert item["DuocThanhToanTrucTuyen"] == told
    assert [row["Gia"] for row in item["DanhSachLePhi"]] == [str(amount) for _, amount in ways]


def test_reuse_is_said_of_the_paper_and_not_of_an_identity_number() -> None:
    file = {"id": "tl-1", "name": "to-khai.pdf", "url": "https://files.example.gov.vn/1"}
    [paper] = sent(view(attachments=[file]))["TaiLieuNop"]
    assert {paper[name] for name in ("DuocSoHoa", "DuocTaiSuDung", "DuocLayTuKhoDMQG")} == {"0"}
    assert sent(view(attachments=[file]))["HoSoCoThanhPhanSoHoa"] == "0"


def test_no_database_is_said_to_be_consulted_that_was_not() -> None:
    assert sent(view(national_databases=None))["DSKetNoiCSDL"] == []
    assert sent(view(national_databases=["3", "12"]))["DSKetNoiCSDL"] == [{"MaCSDL": "3"}, {"MaCSDL": "12"}]


def test_a_submitted_file_is_never_the_result_and_every_attachment_goes() -> None:
    files = [{"id": f"tl-{n}", "name": f"{n}.pdf", "url": f"https://files.example.gov.vn/{n}"} for n in range(30)]
    item = sent(view(attachments=files) | {"current_status": 10, "moments": {"10": "2026-01-14T03:00:00Z"}})
    assert item["DanhSachGiayToKetQua"] == []
    assert [paper["DuongDanTaiTepTin"] for paper in item["TaiLieuNop"]] == [file["url"] for file in files]


def test_an_account_is_named_by_its_technical_id_and_only_for_a_dossier_filed_online() -> None:
    applicant = view()["dossier"]["applicant"]
    assert sent(view())["MaDoiTuong"] == applicant["tech_id"]
    assert sent(view(channel=1))["MaDoiTuong"] == ""
    without = {k: v for k, v in applicant.items() if k not in ("tech_id", "verified_by_vneid")}
    item = sent(view(applicant=without))
    assert (item["MaDoiTuong"], item["TaiKhoanDuocXacThucVoiVNeID"]) == ("", "0")


def test_no_identity_is_made_up_and_no_code_either() -> None:
    with pytest.raises(Refused, match="DinhDanhCHS"):
        sent(view(applicant=view()["dossier"]["applicant"] | {"papers": []}))
    assert sent(view())["MaHoSo"] == view()["dossier"]["dossier"]


@pytest.mark.parametrize("summary", ["x" * 1001, "x" * 1000])
def test_nothing_is_cut(summary: str) -> None:
    if len(summary) <= 1000:
        assert sent(view(summary=summary))["TrichYeuHoSo"] == summary
        return
    with pytest.raises(Refused, match="TrichYeuHoSo"):
        sent(view(summary=summary))


def test_the_first_reception_is_the_start_however_often_it_was_received_again() -> None:
    made = view(deadlines={}) | {
        "current_status": 2,
        "moments": {"2": "2026-01-08T02:00:00Z", "5": "2026-01-06T02:00:00Z"},
        "first_moments": {"2": "2026-01-05T02:00:00Z", "5": "2026-01-06T02:00:00Z"},
    }
    assert sent(made)["NgayTiepNhan"] == "20260105090000"

"""The portal's twin refuses what the portal would refuse, and keeps its quirks."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.mapi.simulator import PortalTwin, _born
from gateway.simulation import Request

SAMPLES = Path(__file__).parents[2] / "connectors" / "mapi" / "samples"
CODE = "000.00.01.H99-260105-0001"
HEADERS = {"dstcode": "VN:GOV:000.00.00.G22:dvcqg", "content-type": "application/json", "charset": "utf-8"}


def sent(sample: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / sample / "request.json").read_text(encoding="utf-8"))
    return body


class Caller:
    """Someone who speaks to the twin without a network."""

    def __init__(self, twin: PortalTwin) -> None:
        self.twin = twin
        self.session = self.say("/mapi/login", {"username": "mot-cua", "password": "mat-khau-gia"})["session"]

    def say(self, path: str, body: Any, headers: dict[str, str] = HEADERS) -> Any:
        return self.twin.answer(Request("POST", path, {}, headers, json.dumps(body).encode())).body

    def call(self, body: dict[str, Any]) -> tuple[str, str]:
        said = self.say("/mapi/g", {**body, "session": self.session})
        return said["error_code"], said["message"]


@pytest.fixture
def caller() -> Caller:
    return Caller(PortalTwin())


def changed(path: list[str | int], value: Any) -> dict[str, Any]:
    """The sample of a new dossier with one value of its item replaced; `...` takes the field away."""
    body = copy.deepcopy(sent("a-new-dossier-is-taken"))
    place = body["data"][0]
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return body


def test_the_samples_are_what_the_twin_takes(caller: Caller) -> None:
    assert caller.call(sent("a-new-dossier-is-taken"))[0] == "0"
    assert caller.call(sent("an-update-is-taken"))[0] == "0"
    assert caller.call(sent("a-progress-row-is-taken"))[0] == "0"
    assert caller.call(sent("a-look-up-is-answered"))[0] == "0"

    dossier = caller.twin.book()["dossiers"][CODE]
    assert (dossier["creates"], dossier["updates"], dossier["fields"]["TrangThaiHoSo"]) == (1, 1, "4")
    assert [effect["kind"] for effect in caller.twin.book()["effects"]] == ["create", "update", "progress"]


def test_login_answers_a_number_and_the_services_answer_a_text(caller: Caller) -> None:
    login = caller.say("/mapi/login", {"username": "mot-cua", "password": "mat-khau-gia"})
    assert login["error_code"] == 0
    wrong = caller.say("/mapi/login", {"username": "mot-cua", "password": "sai"})
    assert wrong["error_code"] == -1
    assert "session" not in wrong
    assert caller.call(sent("a-look-up-is-answered"))[0] == "0"


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["TenTTHC"], ..., "thiếu TenTTHC"),
        (["TenTTHC"], "", "không được trống"),
        (["TenTTHC"], None, "phải là chuỗi"),
        (["TrangThaiHoSo"], 4, "phải là chuỗi"),
        (["TrangThaiHoSo"], "11", "không có trong danh mục"),
        (["KenhThucHien"], "4", "không có trong danh mục"),
        (["NgayHenTra"], "12/01/2026", "thời điểm"),
        (["NgayHenTra"], "19700101000000", "thời điểm"),
        (["NgayHenTra"], "20260231000000", "thời điểm"),
        (["NgayHenTra"], "2026010517000", "thời điểm"),
        (["TrichYeuHoSo"], "x" * 1001, "dài quá 1000"),
        (["GhiChu"], "x" * 2001, "dài quá 2000"),
        (["MaHoSo"], "HS-1", "mã hồ sơ"),
        (["La"], "x", "La: trường không có"),
        (["DinhDanhCHS"], [], "công dân phải có định danh"),
        (["DinhDanhCHS", 0, "SoDinhDanh"], "123456789", "độ dài"),
        (["TaiLieuNop", 0, "IsDeleted"], False, "phải là chuỗi"),
        (["TaiLieuNop", 0, "TenTepDinhKem"], "x" * 4001, "dài quá 4000"),
        (["TaiLieuNop", 0, "DuongDanTaiTepTin"], "ftp://kho/tep.pdf", "http"),
        (["TaiLieuNop", 0, "DuongDanTaiTepTin"], "/mnt/tep.pdf", "http"),
        (["DanhSachTepDinhKemKhac", 0, "SoLuong"], "1", "số nguyên"),
        (["DanhSachTepDinhKemKhac", 0, "TenGiayTo"], "x" * 2001, "dài quá 2000"),
        (["DanhSachGiayToKetQua"], "", "phải là danh sách"),
        (["KenhThucHien"], "1", "chỉ dành cho hồ sơ trực tuyến"),
        (["NgayHenTra"], "99991231000000", "thời điểm"),
        (["MaHoSo"], "000.00.01.H99-261399-0001", "mã hồ sơ"),
        (["MaHoSo"], "000.00.01.H99-２６０１０５-0001", "mã hồ sơ"),
        (["MaTTHC"], "1.001193.000.00.00.H99", "mã thủ tục"),
        (["MaTTHC"], "khai sinh", "mã thủ tục"),
        (["MaLinhVuc"], "Hộ tịch", "mã lĩnh vực"),
        (["MaDoiTuong"], "001099000017", "không phải mã tài khoản"),
        (["NoiNopHoSo"], "1", "nơi nộp"),
        (["TaiLieuNop", 0, "DuocTaiSuDung"], "2", "thiếu mã kết quả thay thế"),
        (["TaiLieuNop", 0, "MaKetQuaThayThe"], "giấy cũ", "mã kết quả"),
        (["DanhSachTepDinhKemKhac", 0, "SoLuong"], -1, "số nguyên"),
        (["DanhSachTepDinhKemKhac", 0, "SoLuong"], True, "số nguyên"),
    ],
)
def test_a_dossier_with_one_wrong_value_is_refused_with_words_about_it(
    caller: Caller, path: list[str | int], value: Any, words: str
) -> None:
    code, message = caller.call(changed(path, value))
    assert code == "-1"
    assert words in message
    assert caller.twin.book()["dossiers"] == {}


def test_every_fault_is_named(caller: Caller) -> None:
    body = changed(["TrangThaiHoSo"], "99")
    body["data"][0]["NgayNopHoSo"] = ""
    _, message = caller.call(body)
    assert "TrangThaiHoSo" in message
    assert "NgayNopHoSo" in message


@pytest.mark.parametrize("flag", [True, False, "true", "1", None])
def test_is_updating_must_be_one_of_two_texts(caller: Caller, flag: Any) -> None:
    code, message = caller.call({**sent("a-new-dossier-is-taken"), "isUpdating": flag})
    assert (code, "isUpdating" in message) == ("-1", True)


def test_an_unknown_procedure_is_refused_when_the_catalogue_is_known() -> None:
    row = {"TenTTHC": "Thủ tục đăng ký khai sinh", "MaLinhVuc": "G15-HT01", "TenLinhVuc": "Hộ tịch"}
    known = Caller(PortalTwin({"catalogue": {"1.001193": row}}))
    other = Caller(PortalTwin({"catalogue": {"2.000001": row}}))
    assert known.call(sent("a-new-dossier-is-taken"))[0] == "0"
    assert other.call(sent("a-new-dossier-is-taken"))[1] == "Không có thủ tục 1.001193"
    assert known.call({"madonvi": "000.00.00.H99", "service": "LayThuTuc", "maTTHC": "1.001193"})[0] == "0"


def test_a_second_create_is_refused_and_an_update_of_nothing_too(caller: Caller) -> None:
    assert caller.call(sent("an-update-is-taken"))[0] == "-1"
    assert caller.call(sent("a-progress-row-is-taken"))[0] == "-1"
    assert caller.call(sent("a-new-dossier-is-taken"))[0] == "0"
    assert caller.call(sent("a-new-dossier-is-taken")) == ("-3", "Hồ sơ đã tồn tại")


def test_a_batch_is_all_or_nothing(caller: Caller) -> None:
    body = sent("a-new-dossier-is-taken")
    bad = {**body["data"][0], "MaHoSo": "000.00.01.H99-260105-0002", "TrangThaiHoSo": "0"}
    assert caller.call({**body, "data": [*body["data"], bad]})[0] == "-1"
    assert caller.twin.book()["dossiers"] == {}


def test_a_dossier_twice_in_one_batch_is_there_already(caller: Caller) -> None:
    body = sent("a-new-dossier-is-taken")
    assert caller.call({**body, "data": body["data"] * 2}) == ("-3", "Hồ sơ đã tồn tại")
    assert caller.twin.book()["dossiers"] == {}


def test_a_repeated_progress_row_is_there_twice(caller: Caller) -> None:
    caller.call(sent("a-new-dossier-is-taken"))
    caller.call(sent("a-progress-row-is-taken"))
    caller.call(sent("a-progress-row-is-taken"))
    look_up = {**sent("a-look-up-is-answered"), "session": caller.session}
    [shown] = caller.say("/mapi/g", look_up)["result"]
    assert len(shown["TienDo"]) == 2
    assert len(caller.twin.book()["dossiers"][CODE]["progress"]) == 2


@pytest.mark.parametrize(
    ("field", "value"), [("NoiDungXuLy", None), ("NoiDungXuLy", " "), ("NguoiXuLy", "x" * 51), ("TrangThai", "0")]
)
def test_a_wrong_progress_row_is_refused(caller: Caller, field: str, value: Any) -> None:
    caller.call(sent("a-new-dossier-is-taken"))
    body = sent("a-progress-row-is-taken")
    body["data"][0][field] = value
    code, message = caller.call(body)
    assert (code, field in message) == ("-1", True)


def test_more_than_ten_progress_rows_in_a_call_are_refused(caller: Caller) -> None:
    caller.call(sent("a-new-dossier-is-taken"))
    body = sent("a-progress-row-is-taken")
    assert caller.call({**body, "data": body["data"] * 11})[0] == "-1"
    assert caller.call({**body, "data": body["data"] * 10})[0] == "0"


def test_only_a_dossier_born_on_the_portal_takes_a_told_status(caller: Caller) -> None:
    body = sent("the-status-of-a-portal-born-dossier-is-taken")
    assert caller.call(body)[0] == "-1"
    caller.call(sent("a-new-dossier-is-taken"))
    body["data"]["MaHoSo"] = CODE
    assert caller.call(body)[0] == "-1"


@pytest.mark.parametrize(("code", "taken"), [(c, c in ("2", "5", "11")) for c in map(str, range(12))])
def test_a_told_status_has_one_of_the_reduced_codes(caller: Caller, code: str, taken: bool) -> None:
    body = sent("the-status-of-a-portal-born-dossier-is-taken")
    caller.twin._dossiers[body["data"]["MaHoSo"]] = _born("portal", {})
    body["data"]["TrangThai"] = code
    assert (caller.call(body)[0] == "0") is taken


def test_a_dossier_born_on_the_portal_is_not_overwritten_as_one_of_ours(caller: Caller) -> None:
    caller.twin._dossiers[CODE] = _born("portal", {})
    code, message = caller.call(sent("an-update-is-taken"))
    assert (code, "nơi nộp" in message) == ("-1", True)


def test_a_session_ends_by_uses_by_age_and_by_force() -> None:
    clock = [0.0]
    caller = Caller(PortalTwin({"session_uses": 2, "session_seconds": 60}, now=lambda: clock[0]))
    ask = sent("a-look-up-is-answered")
    expired = ("-1", "Phiên làm việc hết hạn")
    assert [caller.call(ask)[0], caller.call(ask)[0], caller.call(ask)] == ["0", "0", expired]

    caller = Caller(caller.twin)
    clock[0] = 60
    assert caller.call(ask) == expired

    caller = Caller(caller.twin)
    caller.twin.expire()
    assert caller.call(ask) == expired


def test_a_caller_without_dstcode_or_with_a_foreign_madonvi_is_refused(caller: Caller) -> None:
    ask = {**sent("a-look-up-is-answered"), "session": caller.session}
    assert "dstcode" in caller.say("/mapi/g", ask, headers={})["message"]
    assert caller.call({**ask, "madonvi": "000.00.00.H01"})[1] == "madonvi không đúng"
    assert caller.call({**ask, "service": "XoaHoSo"})[1] == "Không có dịch vụ XoaHoSo"
    assert caller.say("/mapi/g", ["không phải đối tượng"])["error_code"] == "-1"
    assert caller.call({**ask, "La": "x"})[1] == "Trường không có trong dịch vụ: La"
    assert caller.call({"madonvi": "000.00.00.H99", "service": "LayDanhSachTTHC", "La": "x"})[0] == "-1"
    assert caller.call({"madonvi": "000.00.00.H99", "service": "LayThuTuc", "maTTHC": "1.001193", "La": "x"})[0] == "-1"


@pytest.mark.parametrize("without", ["content-type", "charset"])
def test_a_call_that_is_not_said_to_be_json_in_utf_8_is_refused(caller: Caller, without: str) -> None:
    ask = {**sent("a-look-up-is-answered"), "session": caller.session}
    assert "Content-Type" in caller.say("/mapi/g", ask, {k: v for k, v in HEADERS.items() if k != without})["message"]


def test_json_nested_without_end_is_an_answer_and_no_crash(caller: Caller) -> None:
    said = caller.twin.answer(Request("POST", "/mapi/g", {}, HEADERS, b"[" * 100_000))
    assert said.body["error_code"] == "-1"


def test_an_act_it_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="lookup"):
        PortalTwin().act({"dance": {}})

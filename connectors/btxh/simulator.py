"""The social-protection system's twin: DongBoDVC, XuLyHoSo; as strict as we believe it to be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import Refused
from gateway.simulation import Request, Response, Twin
from gateway.xml import read_xml

Filled = Annotated[str, Field(pattern=r"\S")]
Day = Annotated[str, Field(pattern=r"^([0-9]{2}/[0-9]{2}/[0-9]{4})?$")]
Moment = Annotated[str, Field(pattern=r"^[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$")]
MaybeMoment = Annotated[str, Field(pattern=r"^([0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})?$")]
Ten = Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
Flag = Literal["0", "1"]
_DATED = re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{4}( [0-9:]{8})?")
_PAPERS = {
    "DanhSachTaiLieuNop": ("TaiLieuNop", {"TenTepDinhKem", "DuongDanTaiTepTin", "DuocSoHoa", "DuocTaiSuDung"}),
    "DanhSachGiayToKetQua": ("GiayToKetQua", {"TenGiayTo", "DuongDanTepTinKetQua"}),
}


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Dossier(Part):
    """DongBoDVC."""

    AcceptKey: Filled
    LoaiDuLieu: Filled
    MaHoSo: Filled
    MaLinhVuc: Filled
    TenLinhVuc: Filled
    MaTTHC: Filled
    TenTTHC: Filled
    LoaiKetQua: str
    SoQuyetDinh: str
    CoQuanBanHanh: str
    TrichYeu: str
    NgayBanHanh: Day
    KenhThucHien: Literal["1", "2", "3"]
    LoaiDoiTuong: Literal["1", "2", "3", "4"]
    HinhThucTra: Flag
    HoVaTen: Filled
    NgayThangNamSinh: Day
    GioiTinhId: Literal["1034", "1035", ""]
    DanTocId: str
    CMND: str
    CMND_NgayCap: Day
    CMND_NoiCap: str
    MaTinh: str
    MaHuyen: str
    MaXa: str
    HKTT_MaTinh: str
    HKTT_MaHuyen: str
    HKTT_MaXa: str
    HKTT_MaThon: str
    HKTT_ChiTiet: str
    NOHT_MaTinh: str
    NOHT_MaHuyen: str
    NOHT_MaXa: str
    NOHT_MaThon: str
    NOHT_ChiTiet: str
    SoDienThoai: str
    Email: str
    NgayTiepNhan: Moment
    DonViXuLy: Filled
    NoiNopHoSo: Literal["1", "2"]
    HoSoCoThanhPhanSoHoa: Flag
    TaiKhoanDuocXacThucVoiVNeID: Flag
    DuocThanhToanTrucTuyen: Literal["0", "1", "2", "3"]
    LoaiDinhDanh: Literal["1", "2", ""]
    SoDinhDanh: str
    MaCSDL: str
    StatusId: Ten
    SubmitedDate: Moment
    UrlDetail: str
    CertificateExtentData: Filled


class Step(Part):
    """XuLyHoSo."""

    AcceptKey: Filled
    MaHoSo: Filled
    TaiKhoanXuLy: str
    NguoiXuLy: Filled
    ChucDanh: str
    ThoiDiemXuLy: Moment
    DonViXuLy: str
    NoiDungXuLy: Filled
    StatusId: Ten
    NgayBatDau: MaybeMoment
    NgayKetThucTheoQuyDinh: MaybeMoment


class BtxhTwin(Twin):
    """Addresses: POST /apiBTXH/DongBoDVC, POST /apiBTXH/XuLyHoSo. `settings`: accept_key, and once = true for a system that takes a dossier
    only once and answers `đã tồn tại` then."""

    name = "btxh"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        given = settings or {}
        self._key = given.get("accept_key", "khoa-thu")
        self._once = given.get("once", False)
        self._dossiers: dict[str, dict[str, Any]] = {}
        self._effects: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Response:
        take = {"/apiBTXH/DongBoDVC": self._take_dossier, "/apiBTXH/XuLyHoSo": self._take_step}.get(request.path)
        if take is None or request.method != "POST":
            return Response(404, "404 page not found")
        try:
            body = request.json()
        except ValueError:
            return _answer("-1", "Dữ liệu không phải JSON")
        if not isinstance(body, dict) or body.get("AcceptKey") != self._key:
            return _answer("-1", "AcceptKey không hợp lệ")
        return take(request.body)

    def _take_dossier(self, raw: bytes) -> Response:
        try:
            dossier = Dossier.model_validate_json(raw)
            _check_moments(dossier)
            papers = _read_extent(dossier.CertificateExtentData)
        except ValueError as error:
            return _answer("-1", f"Dữ liệu không hợp lệ: {_first(error)}")
        except Refused as refused:
            return _answer("-1", f"CertificateExtentData: {refused.faults[0].detail}")
        code = dossier.MaHoSo
        told = {**json.loads(raw), "CertificateExtentData": papers}
        before = self._dossiers.get(code)
        if before is not None and self._once:
            return _answer("3", "Hồ sơ đã tồn tại")
        if before != told:
            self._dossiers[code] = told
            self._effects.append({"kind": "create" if before is None else "update", "MaHoSo": code})
        return _answer("0", "Thành công")

    def _take_step(self, raw: bytes) -> Response:
        try:
            step = Step.model_validate_json(raw)
            _check_moments(step)
        except ValueError as error:
            return _answer("-1", f"Dữ liệu không hợp lệ: {_first(error)}")
        if step.MaHoSo not in self._dossiers:
            return _answer("-1", "Hồ sơ không tồn tại")
        row = {name: value for name, value in json.loads(raw).items() if name != "AcceptKey"}
        self._effects.append({"kind": "step", **row})
        return _answer("0", "Thành công")

    def book(self) -> dict[str, Any]:
        """dossiers by code, their papers read, and every effect in order; a step said twice is there twice."""
        return {"dossiers": self._dossiers, "effects": list(self._effects)}


def _read_extent(text: str) -> dict[str, list[dict[str, str]]]:
    """The papers. Raises ValueError, and `Refused` for what is no XML."""
    root = read_xml(text.encode())
    if root.tag != "ExtentData" or [place.tag for place in root] != list(_PAPERS):
        raise ValueError("ExtentData")
    found: dict[str, list[dict[str, str]]] = {}
    for place in root:
        list_name = str(place.tag)
        name, wanted = _PAPERS[list_name]
        rows = [{str(field.tag): field.text or "" for field in row} for row in place]
        if any(row.tag != name for row in place) or any(not row.get(field) for row in rows for field in wanted):
            raise ValueError(f"{list_name}: thiếu trường")
        found[list_name] = rows
    return found


def _check_moments(part: BaseModel) -> None:
    """Raises ValueError for a day that does not exist."""
    for value in part.model_dump().values():
        if _DATED.fullmatch(value):
            datetime.strptime(value[:10], "%d/%m/%Y")  # noqa: DTZ007 - only whether it exists


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _answer(code: str, words: str) -> Response:
    return Response(body={"error_code": code, "message": words})

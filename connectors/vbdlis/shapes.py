"""The shapes of the land office's calls. Shape only, nothing coerced; a field we do not know is let through, a null is an absent one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from connectors.vbdlis.times import LandTime, OptionalLandTime
from gateway.errors import Fault, Refused
from gateway.partnerjson import read_object

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Code = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
"""A code of theirs: a text on some wires, a number on others."""

_FAULT_WORDS = {
    "missing": "thiếu",
    "string_type": "phải là chuỗi",
    "string_too_short": "không được trống",
    "bool_type": "phải là true hoặc false",
    "int_type": "phải là số nguyên",
    "list_type": "phải là danh sách",
    "too_short": "không được trống",
    "land_time": "phải là thời điểm dạng 2026-01-05T02:30:00 (UTC)",
    "instant": "thời điểm không có thật",
    "instant_range": "năm phải từ 1990 đến 2100",
}


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class Call(_Body):
    """Every call names a dossier: SoBienNhan is the dossier code that went out with it."""

    SoBienNhan: Filled


class Transfer(Call):
    """ChuyenHoSo: a step inside the land office."""

    MaCanBoChuyen: str = ""
    MaTrangThai: Code
    LaTrangThaiChuyenLai: bool = False
    NoiDungXuLy: str = ""
    NgayChuyen: LandTime
    HanXuLy: OptionalLandTime = None


class SupplementWanted(Call):
    """YeuCauBoSungHoSo: papers are wanted; with LaTamDung the dossier pauses for money instead."""

    NgayChoBoSung: LandTime
    MaCanBoXuLy: str = ""
    LaTamDung: bool
    GhiChu: str = ""


class SupplementTaken(Call):
    """NhanBoSungHoSo: the papers have reached the land office."""

    NgayNhanBoSung: LandTime
    NgayHenTraMoi: OptionalLandTime = None


class TaxNotice(_Body):
    HoTenChu: str = ""
    LoaiThue: Filled
    SoThongBaoThue: Filled
    DuongDanThongBaoThue: str = ""


class TaxResult(Call):
    """GuiKetQuaThue: the tax office has answered, a notice for each owner and tax."""

    NguoiXuLy: str = ""
    NgayCoKetQuaThue: LandTime
    DanhSachThongBaoThue: Annotated[list[TaxNotice], Field(min_length=1, max_length=50)]


class ResultPaper(_Body):
    TenGiayTo: Filled
    KieuFile: str = ""
    LinkFile: Filled


class End(Call):
    """KetThucHoSo: 0 is a result, anything else is returned or withdrawn."""

    NgayKetThuc: LandTime
    MaCanBoXuLy: str = ""
    TrangThaiKetThuc: int
    DanhSachGiayToKetQua: Annotated[list[ResultPaper], Field(max_length=50)] = []


class Reception(Call):
    """TiepNhanHoSoChoMotCua: the land office has taken the dossier in, under a receipt number of its own."""

    MaHoSoMotCua: Filled
    NgayTiepNhan: LandTime
    MaCanBoXuLy: str = ""


class Notice(Call):
    """A request or a notice in words, to the officer of the one-stop."""

    NoiDung: Filled
    MaCanBoXuLy: str = ""


def read(shape: type[Call], raw: bytes) -> dict[str, Any]:
    """The body in this shape, times in RFC 3339 UTC, absent fields left out. Raises `Refused` with every fault."""
    body = read_object(raw)
    try:
        said = shape.model_validate(body).model_dump(exclude_none=True)
    except ValidationError as error:
        raise Refused(
            [
                Fault("/" + "/".join(map(str, e["loc"])), e["type"], _FAULT_WORDS.get(e["type"], e["msg"]), e["msg"])
                for e in error.errors(include_input=False, include_url=False)
            ]
        ) from None
    for number, paper in enumerate(said.get("DanhSachGiayToKetQua", ()), start=1):
        paper["number"] = str(number)  # their papers carry no id; the place in the list is the same when it comes again
    return said

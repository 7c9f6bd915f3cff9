"""The land office's twin: four calls in, as strict as we believe VBDLIS to be; and its own calls on us, times in UTC without a zone."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gateway.http import Http
from gateway.simulation import Request, Response, Twin

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?(Z|[+-]\d\d:\d\d)?")


def _time(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise ValueError("không phải thời điểm ISO 8601")
    return value


def _base64(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("không phải base64") from None
    return value


Filled = Annotated[str, Field(pattern=r"\S")]
Time = Annotated[str, AfterValidator(_time)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class File(_Part):
    name: Filled
    data: Annotated[str, Field(min_length=1), AfterValidator(_base64)]


class Paper(_Part):
    TenGiayTo: Filled
    SoBanChinh: Count
    SoBanSao: Count
    TapTin: File | None = None


class Applicant(_Part):
    HoTen: Filled
    SoChungMinh: str
    DiaChiChiTiet: str
    SoDienThoai: str
    Email: str


class Process(_Part):
    MaQuyTrinh: Filled
    TenQuyTrinh: Filled


class Parcel(_Part):
    SoThuTuThua: Filled
    SoHieuBanDo: Filled
    DienTich: str
    DiaChiChiTiet: str


class Reception(_Part):
    LaQuyTrinhCapTinh: bool
    TinhId: Filled
    HuyenId: str
    XaId: Filled
    SoBienNhan: Filled
    MaHoSoMotCua: Filled
    NguoiTiepNhan: Filled
    NgayTiepNhan: Time
    NgayHenTra: Time
    DiaChiTaiSan: str
    ThongTinNguoiNopDon: Applicant
    ThongTinQuyTrinh: Process
    ThongTinThuaDat: Annotated[list[Parcel], Field(min_length=1)]
    DanhSachGiayToDinhKem: list[Paper]


class Supplement(_Part):
    SoBienNhan: Filled
    NgayHenTraMoi: Time
    GhiChu: str
    DanhSachGiayToBoSung: list[Paper]


class Returned(_Part):
    SoBienNhan: Filled
    NgayTra: Time


class Complaint(_Part):
    SoBienNhan: Filled
    NoiDung: Filled
    DanhSachGiayToDinhKem: list[Paper]


_SHAPES: Mapping[str, type[_Part]] = {
    "/tiepnhan": Reception,
    "/capnhattrangthaibosunghoso": Supplement,
    "/capnhattrangthaitraketquahoso": Returned,
    "/phanhoihososaiketqua": Complaint,
}


class LandTwin(Twin):
    """Addresses: POST to the four paths.

    Act: ``{"call": {"url", "name", "code", "body"}}`` calls our hook ``<url>/<name>/<code>`` and gives {"http",
    "answer"}; ``{"read": {"url", "name", "code"}}`` reads a catalogue.
    """

    name = "vbdlis"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._dossiers: dict[str, dict[str, Any]] = {}
        self._effects: list[dict[str, str]] = []
        self._duplicates: list[str] = []

    def answer(self, request: Request) -> Response:
        shape = _SHAPES.get(request.path)
        if shape is None:
            return Response(404, {"Message": "No HTTP resource was found"})
        if request.method != "POST":
            return Response(405, {"Message": "The requested resource does not support http method"})
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return Response(415, {"Message": "The request entity's media type is not supported"})
        try:
            document = shape.model_validate_json(request.body).model_dump(exclude_none=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return _refuse(f"Dữ liệu không hợp lệ: {'.'.join(map(str, first['loc']))}: {first['msg']}")
        return self._take(request.path.removeprefix("/"), document)

    def _take(self, call: str, document: dict[str, Any]) -> Response:
        number = document["SoBienNhan"]
        if call == "tiepnhan":
            if number in self._dossiers:
                self._duplicates.append(number)
                return _refuse(f"Hồ sơ {number} đã tồn tại")
            self._dossiers[number] = {"received": document, "supplements": [], "returned": None, "complaints": []}
        elif number not in self._dossiers:
            return _refuse(f"Không tìm thấy hồ sơ {number}")
        elif call == "capnhattrangthaibosunghoso":
            self._dossiers[number]["supplements"].append(document)
        elif call == "phanhoihososaiketqua":
            self._dossiers[number]["complaints"].append(document)
        elif self._dossiers[number]["returned"] == document["NgayTra"]:
            return _accept()  # the same again changes nothing
        else:
            self._dossiers[number]["returned"] = document["NgayTra"]
        self._effects.append({"call": call, "SoBienNhan": number})
        return _accept()

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"call": {"url": str(url), "name": str(name), "code": str(code), "body": dict(body)}}:
                reply = Http(base_url=f"{url}/{name}/{code}").call("POST", "", json=body)
            case {"read": {"url": str(url), "name": str(name), "code": str(code)}}:
                reply = Http(base_url=f"{url}/{name}/{code}").call("GET", "")
            case _:
                return super().act(order)
        try:
            said = json.loads(reply.body)
        except ValueError:
            said = reply.excerpt()
        return {"http": reply.status, "answer": said}

    def book(self) -> dict[str, Any]:
        return {
            "dossiers": self._dossiers,
            "effects": list(self._effects),
            "duplicate_receptions": list(self._duplicates),
        }


def _accept() -> Response:
    return Response(body={"data": 1, "status": _status(True, "Thành công")})


def _refuse(message: str) -> Response:
    return Response(body={"data": 0, "status": _status(False, message)})


def _status(success: bool, message: str) -> dict[str, Any]:
    return {"success": success, "code": 200 if success else 400, "type": "vbdlis", "time": "", "message": message}

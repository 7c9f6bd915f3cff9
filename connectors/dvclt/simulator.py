"""DVCLT's twin: token, list, detail, received, status; as strict as we believe it to be, and it answers in words."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Annotated, Any, Literal

from lxml import etree
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.simulation import Request, Response, Twin
from gateway.xml import write_xml

DONE = "Cập nhật thành công"
REFUSED, RESULT, RETURNED = 6, 4, 5
_DETAIL = "/api/lienthongdvclt/hosolienthong/"

Filled = Annotated[str, Field(pattern=r"\S")]
Moment = Annotated[str, Field(pattern=r"^([0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2})?$")]


class Status(BaseModel):
    """A status as it is pushed. `ketQuaXuLy` is JSON text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    maTTHC: Filled
    soHoSoLT: Filled
    coQuanXuLy: Literal[5]
    maHoSo: Filled
    trangThai: Literal[1, 2, 3, 4, 5, 6, 7]
    thoiGianThucHien: Annotated[str, Field(min_length=19)]
    ghiChu: str
    ketQuaXuLy: str = ""
    nguoiXuLy: Filled
    chucDanh: str
    phongBanXuLy: str
    noiDungXuLy: Filled
    ngayBatDau: Moment
    ngayKetThucTheoQuyDinh: Moment
    ngayHenTraTruoc: Moment
    ngayHenTraMoi: Moment
    hanBoSungHoSo: Moment


class Born(BaseModel):
    """A dossier that a test or the demo wants at DVCLT. `form` are the fields of hoTich, `files` names of papers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: str
    module: Literal["KS", "KT"] = "KS"
    procedure: str = "2.000986"
    unit: int = 101
    at: str = "05/01/2026 08:15:00"
    form: dict[str, str] = {"nycHoTen": "Nguyễn Văn Mẫu", "nycNgayCapGiayToTuyThan": "20210502"}
    files: list[str] = ["to-khai.pdf"]


class DvcltTwin(Twin):
    """Addresses: POST /token, GET /list, GET /api/lienthongdvclt/hosolienthong/{id}, PUT /received, POST /status.

    `settings`: username, password (invented ones by default), token_life in seconds. Acts: ``{"born": {...}}``, see `Born`; the same code
    again is a dossier filed again, listed once more; ``{"raw": {"code", "detail"}}`` puts another detail in place; ``{"expire": true}``.
    """

    name = "dvclt"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        self._account = {
            "userName": settings.get("username", "mcdt-mau"),
            "password": settings.get("password", "mat-thu"),
        }
        self._token_life = settings.get("token_life", 600)
        self._tokens: dict[str, float] = {}
        self._tokens_given = 0
        self._rows: dict[str, dict[str, Any]] = {}
        self._details: dict[str, Any] = {}
        self._listed: dict[str, None] = {}
        self._received: list[str] = []
        self._statuses: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Response:
        if (request.method, request.path) == ("POST", "/token"):
            return self._give_token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= monotonic():
            return Response(401, {"message": "Phiên làm việc đã hết hạn"})
        return self._answer_known(request)

    def _answer_known(self, request: Request) -> Response:
        match (request.method, request.path):
            case "GET", "/list":
                return Response(body={"data": [self._rows[code] for code in self._listed]})
            case "GET", path if path.startswith(_DETAIL):
                return self._show(path.removeprefix(_DETAIL))
            case "PUT", "/received":
                return self._take_received(request)
            case "POST", "/status":
                return self._take_status(request)
        return Response(404, "404 page not found")

    def _give_token(self, request: Request) -> Response:
        if request.json() != self._account:
            return Response(401, {"message": "Tài khoản hoặc mật khẩu không đúng"})
        self._tokens_given += 1
        token = f"token-{self._tokens_given}"
        self._tokens[token] = monotonic() + self._token_life
        body = {"token": token, "refreshToken": f"refresh-{self._tokens_given}", "refreshTokenExpiryTime": "2026-01-12"}
        return Response(body=body)

    def _show(self, number: str) -> Response:
        for code, row in self._rows.items():
            if str(row["id"]) == number:
                return Response(body={"data": json.dumps(self._details[code], ensure_ascii=False)})
        return Response(404, {"message": "Hồ sơ không tồn tại"})

    def _take_received(self, request: Request) -> Response:
        body = request.json()
        code = body.get("maHoSo")
        if body != {"maHoSo": code, "daNhan": True}:
            return Response(400, {"message": "Dữ liệu không hợp lệ"})
        if code not in self._rows:
            return Response(body={"message": "Hồ sơ không tồn tại"})
        self._listed.pop(code, None)
        self._received.append(code)
        return Response(body={"message": DONE})

    def _take_status(self, request: Request) -> Response:
        fault = _fault_of(request)
        if fault:
            return Response(400, {"message": f"Logic xử lý không hợp lệ: {fault}"})
        status = request.json()
        code = status["soHoSoLT"]
        if code not in self._rows:
            return Response(body={"message": "Hồ sơ không tồn tại"})
        told = [row["trangThai"] for row in self._statuses if row["soHoSoLT"] == code]
        if REFUSED in told:
            return Response(body={"message": "Hồ sơ đã bị từ chối. Không thể cập nhật trạng thái"})
        if RETURNED in told:
            return Response(body={"message": "Hồ sơ đã trả kết quả, không được cập nhật"})
        if status in self._statuses:
            return Response(body={"message": DONE})  # said again: nothing changes
        self._statuses.append(status)
        return Response(body={"message": DONE})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"born": dict(wanted)}:
                return self._bear(Born.model_validate(wanted))
            case {"raw": {"code": str(code), "detail": detail}}:
                self._details[code] = detail
                return code
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def expire(self) -> None:
        self._tokens.clear()

    def _bear(self, born: Born) -> str:
        row = self._rows.setdefault(born.code, {"id": len(self._rows) + 1})
        row |= {"maDonVi": born.unit, "maTTHC": born.procedure, "module": born.module, "maHoSo": born.code}
        row |= {"ngayTiepNhan": born.at, "techId": f"tech-{row['id']}"}
        form = etree.Element("hoTich")
        for name, value in born.form.items():
            etree.SubElement(form, name).text = value
        papers = [
            {
                "id": i, "loaiGiayTo": "TK", "tenGiayTo": "Tờ khai", "tenTepDinhKem": name, "huyGiayTo": 0,
                "duLieuTepDinhKem": b64encode(f"%PDF-1.4 {name}".encode()).decode(),
            }
            for i, name in enumerate(born.files, start=1)
        ]  # fmt: skip
        self._details[born.code] = {"duLieu": write_xml(form).decode(), "fileDinhKem": papers}
        self._listed[born.code] = None
        return born.code

    def book(self) -> dict[str, Any]:
        return {
            "listed": list(self._listed),
            "received": list(self._received),
            "statuses": list(self._statuses),
            "tokens_given": self._tokens_given,
        }


def _fault_of(request: Request) -> str:
    """The first fault of a status, in words; "" when it is right."""
    try:
        status = Status.model_validate_json(request.body)
        result = json.loads(status.ketQuaXuLy) if status.ketQuaXuLy else {}
        for text in re.findall(r"\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2}", request.body.decode()):
            datetime.strptime(text, "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007 - only whether it exists
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except ValueError as error:
        return str(error)
    return "" if isinstance(result, dict) else "ketQuaXuLy"

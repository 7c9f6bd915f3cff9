"""The twin of both sides: VNeID, which hands dossiers in and takes results, and the Ministry's system. It can also stand for the one-stop's
service of dossier codes."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.http import Http
from gateway.simulation import Request, Response, Twin

Filled = Annotated[str, Field(pattern=r"\S")]
Day = Annotated[str, Field(pattern=r"^([0-9]{2}/[0-9]{2}/[0-9]{4})?$")]
Ten = Literal["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]
TAKEN = "đã được tiếp nhận, không thể cập nhật thông tin"


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Slip(Part):
    soPhieuLLTP: Filled
    ngayCapPhieu: Day
    phieuLLTP: Filled


class Result(Part):
    """traKetQuaHoSoLLTP."""

    maTinh: Filled
    tenTinh: Filled
    maHoSoMCDT: Filled
    trangThaiXuLy: Ten
    tenTrangThaiXuLy: Filled
    lyDoTuChoi: str
    ngayHenTraKetQua: Day
    type: Literal["ketqua", "thuhoi"]
    ketQuaXuLy: Slip | None = None


class Dossier(Part):
    """What the Ministry takes. The form itself is its own: only who asks for which slip is looked at."""

    authKey: Filled
    maTinh: Filled
    tenTinh: Filled
    maHoSoMCDT: Filled
    ngayTiepNhan: Annotated[str, Field(pattern=r"^[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$")]
    nguonDangKy: str
    tenNguonDangKy: str
    toKhai: dict[str, Any]


class LltpTwin(Twin):
    """Addresses: POST /vneid/result, POST /ministry/register, POST /ministry/standing, GET /one-stop/code.

    `settings`: auth_key, ma_tinh, key (of VNeID; none by default), code (the first dossier code given out). Acts:
    ``{"move": {"code", "to", "number"?, "day"?, "reason"?}}``, ``{"raw": {"code", "row"}}``, ``{"forget": code}`` (at the Ministry),
    ``{"send": {"url", "key", "body"}}`` (VNeID hands a dossier in at our hook), ``{"ask": {"url", "key"}}`` (it asks for a code).
    """

    name = "lltp"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        self._auth_key = settings.get("auth_key", "khoa-thu")
        self._province = settings.get("ma_tinh", "19")
        self._key = settings.get("key")
        self._codes = settings.get("code", "000.00.01.H99-260105")
        self._given = 0
        self._results: list[dict[str, Any]] = []
        self._dossiers: list[dict[str, Any]] = []
        self._rows: dict[str, dict[str, Any]] = {}

    def answer(self, request: Request) -> Response:
        match (request.method, request.path):
            case "GET", "/one-stop/code":
                self._given += 1
                return Response(body={"dossier": f"{self._codes}-{self._given:04d}"})
            case "POST", "/vneid/result":
                return self._take_result(request)
            case "POST", "/ministry/register":
                return self._take_dossier(request)
            case "POST", "/ministry/standing":
                return self._tell(request)
        return Response(404, "404 page not found")

    def _take_result(self, request: Request) -> Response:
        if self._key is not None and request.headers.get("apikey") != self._key:
            return Response(401, {"statusCode": "01", "errorDetail": "Sai khóa"})
        try:
            result = Result.model_validate_json(request.body)
            if result.ketQuaXuLy is not None:
                b64decode(result.ketQuaXuLy.phieuLLTP, validate=True)
        except ValueError as error:
            return Response(body={"statusCode": "01", "data": None, "errorDetail": _first(error)})
        told = json.loads(request.body)
        before = [row for row in self._results if row["maHoSoMCDT"] == result.maHoSoMCDT]
        if before[-1:] != [told]:  # said again: nothing changes
            self._results.append(told)
        return Response(body={"statusCode": "00", "data": result.maHoSoMCDT, "errorDetail": ""})

    def _take_dossier(self, request: Request) -> Response:
        try:
            dossier = Dossier.model_validate_json(request.body)
        except ValidationError as error:
            return Response(400, {"message": f"Logic xử lý không hợp lệ: {_first(error)}"})
        if dossier.authKey != self._auth_key or dossier.maTinh != self._province:
            return Response(403, {"message": "authKey hoặc maTinh không đúng"})
        if dossier.toKhai.get("loaiPhieu") not in ("1", "2", 1, 2) or not dossier.toKhai.get("nycHoTen"):
            return Response(400, {"message": "Logic xử lý không hợp lệ: toKhai"})
        row = self._rows.get(dossier.maHoSoMCDT)
        if row is not None and row["trangThaiXuLy"] != "5":
            return Response(body={"message": f"Hồ sơ {TAKEN}"})
        self._dossiers.append(json.loads(request.body))
        self._rows[dossier.maHoSoMCDT] = {"maHoSoMCDT": dossier.maHoSoMCDT, "trangThaiXuLy": "2"}
        return Response(body={"message": "Gửi thông tin thành công"})

    def _tell(self, request: Request) -> Response:
        question = request.json()
        if question.keys() != {"authKey", "maTinh", "maHoSoMCDT"} or question["authKey"] != self._auth_key:
            return Response(403, {"message": "authKey không đúng"})
        row = self._rows.get(question["maHoSoMCDT"])
        return Response(body=row if row is not None else {"message": "Hồ sơ không tồn tại"})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"move": {"code": str(code), "to": str(to)} as move} if code in self._rows:
                return self._move(code, to, {k: v for k, v in move.items() if k not in ("code", "to")})
            case {"raw": {"code": str(code), "row": dict(row)}} if code in self._rows:
                self._rows[code] = {**self._rows[code], **row}
                return code
            case {"forget": str(code)} if code in self._rows:
                self._dossiers = [one for one in self._dossiers if one["maHoSoMCDT"] != code]
                return self._rows.pop(code)
            case {"send": {"url": str(url), "key": str(key), "body": body}}:
                headers = {"Authorization": f"Bearer {key}"}
                return Http(base_url=url).call("POST", "", json=body, headers=headers).json()
            case {"ask": {"url": str(url), "key": str(key)}}:
                return Http(base_url=url).call("GET", "", headers={"Authorization": f"Bearer {key}"}).json()
        return super().act(order)

    def _move(self, code: str, to: str, more: Mapping[str, Any]) -> str:
        if more.keys() - {"number", "day", "reason"}:
            raise ValueError(f"cannot move with {sorted(more)}")
        row: dict[str, Any] = {"maHoSoMCDT": code, "trangThaiXuLy": to}
        if "reason" in more:
            row["lyDoTuChoi"] = more["reason"]
        if to in ("9", "10"):
            slip = b64encode(f"%PDF-1.4 phiếu của {code}".encode()).decode()
            number, day = more.get("number", f"{len(self._rows)}/LLTP"), more.get("day", "12/01/2026")
            row["ketQuaXuLy"] = {"soPhieuLLTP": number, "ngayCapPhieu": day, "phieuLLTP": slip}
        self._rows[code] = row
        return code

    def book(self) -> dict[str, Any]:
        return {
            "results": list(self._results),
            "dossiers": list(self._dossiers),
            "rows": list(self._rows.values()),
            "codes_given": self._given,
        }


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"

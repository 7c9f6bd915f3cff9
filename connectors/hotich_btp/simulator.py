"""The register's twin: token, NhanDKHT, LayKetQua; strict about shapes and about three dossiers a question."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from time import monotonic
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.simulation import Request, Response, Twin

SUPPLEMENT, PROCESSING, DONE, REFUSED = "2", "3", "4", "6"

Filled = Annotated[str, Field(pattern=r"\S")]
Moment = Annotated[str, Field(pattern=r"^[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Paper(Part):
    loaiGiayTo: str
    tenGiayTo: Filled
    tenTepDinhKem: Filled
    duLieuTepDinhKem: Filled


class Registration(Part):
    """NhanDKHT. `data` is JSON text of the form."""

    module: Literal["LTKS", "LTKT", "LTKH"]
    maHoSoLT: Filled
    maHoSoMCDT: Filled
    maDonVi: Filled
    data: Filled
    ngayTiepNhan: Moment
    fileDinhKem: list[Paper]


class Question(Part):
    """LayKetQua."""

    maDinhDanhHoSo: Annotated[list[Filled], Field(min_length=1, max_length=3)]
    maTinh: Filled
    module: Literal["LTKS", "LTKT", "LTKH"]


class RegisterTwin(Twin):
    """Addresses: POST /token, POST /register (NhanDKHT), POST /results (LayKetQua).

    `settings`: client_id, client_secret, ma_tinh (invented ones by default), token_life in seconds. Acts:
    ``{"move": {"code", "to": "2" | "3" | "4" | "6", "errors"?, "until"?, "number"?}}``, ``{"raw": {"code", "row"}}`` (an answer of any
    shape), ``{"forget": code}`` (a dossier lost with all that came of it), ``{"expire": true}``.
    """

    name = "hotich_btp"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        account = f"{settings.get('client_id', 'tinh-mau')}:{settings.get('client_secret', 'mat-thu')}"
        self._basic = "Basic " + b64encode(account.encode()).decode()
        self._province = settings.get("ma_tinh", "19")
        self._token_life = settings.get("token_life", 3600)
        self._tokens: dict[str, float] = {}
        self._tokens_given = 0
        self._registrations: list[dict[str, Any]] = []
        self._rows: dict[str, dict[str, Any]] = {}
        self._questions: list[list[str]] = []

    def answer(self, request: Request) -> Response:
        if request.method != "POST" or request.path not in ("/token", "/register", "/results"):
            return Response(404, "404 page not found")
        if request.path == "/token":
            return self._give_token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= monotonic():
            return Response(401, "Invalid Credentials")  # plain text, as the axis says it
        return self._register(request) if request.path == "/register" else self._tell(request)

    def _give_token(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._basic:
            return Response(401, {"error": "invalid_client"})
        if request.body != b"grant_type=client_credentials":
            return Response(400, {"error": "unsupported_grant_type"})
        self._tokens_given += 1
        token = f"token-{self._tokens_given}"
        self._tokens[token] = monotonic() + self._token_life
        return Response(body={"access_token": token, "token_type": "Bearer", "expires_in": self._token_life})

    def _register(self, request: Request) -> Response:
        try:
            registration = Registration.model_validate_json(request.body)
            form = json.loads(registration.data)
            for paper in registration.fileDinhKem:
                b64decode(paper.duLieuTepDinhKem, validate=True)
        except ValueError as error:
            return _refuse("302" if isinstance(error, ValidationError) else "500", _first(error))
        if not isinstance(form, dict) or not form.get("nycHoTen"):
            return _refuse("200", "RECORD_UNCOMPLETE: nycHoTen")
        row = self._rows.get(registration.maHoSoMCDT)
        if row is not None and row["trangThai"] != SUPPLEMENT:
            return Response(body={"status": "0", "statusDescription": "Hồ sơ đã được tiếp nhận", "errorCode": ""})
        self._registrations.append(json.loads(request.body))
        told = {"maHoSoLT": registration.maHoSoLT, "maHoSoMCDT": registration.maHoSoMCDT, "trangThai": "1"}
        self._rows[registration.maHoSoMCDT] = told | {"module": registration.module}
        return Response(body={"status": "1", "statusDescription": "Tiếp nhận thành công", "errorCode": ""})

    def _tell(self, request: Request) -> Response:
        try:
            question = Question.model_validate_json(request.body)
        except ValidationError as error:
            return _refuse("302", _first(error))
        if question.maTinh != self._province:
            return _refuse("108", "PROVINCE_ID_INCORRECT")
        self._questions.append(question.maDinhDanhHoSo)
        rows = [self._rows[code] for code in question.maDinhDanhHoSo if code in self._rows]
        found = [{k: v for k, v in row.items() if k != "module"} for row in rows if row["module"] == question.module]
        if not found:
            return _refuse("201", "RECORD_NOT_FOUND")
        return Response(body={"status": "1", "errorCode": "", "value": found})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"move": {"code": str(code), "to": str(to)} as move} if code in self._rows:
                return self._move(code, to, {k: v for k, v in move.items() if k not in ("code", "to")})
            case {"raw": {"code": str(code), "row": dict(row)}} if code in self._rows:
                self._rows[code] = {**self._rows[code], **row}
                return code
            case {"forget": str(code)} if code in self._rows:
                self._registrations = [one for one in self._registrations if one["maHoSoMCDT"] != code]
                return self._rows.pop(code)
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def _move(self, code: str, to: str, more: Mapping[str, Any]) -> str:
        if to not in (SUPPLEMENT, PROCESSING, DONE, REFUSED) or more.keys() - {"errors", "until", "number"}:
            raise ValueError(f"cannot move {code} to {to}")
        row = {k: self._rows[code][k] for k in ("maHoSoLT", "maHoSoMCDT", "module")} | {"trangThai": to}
        if to == SUPPLEMENT:
            row["hanBoSungHoSo"] = more.get("until", "")
        if "errors" in more:
            row["errors"] = more["errors"]
        if to == DONE:
            certificate = b64encode(f"%PDF-1.4 giấy chứng nhận của {code}".encode() + b" " * 200).decode()
            number = more.get("number", len(self._rows))
            row["ketQuaXuLy"] = {"soDangKy": str(number), "quyenSo": "01/2026", "trangSo": "1"}
            if row["module"] == "LTKS":
                row["ketQuaXuLy"] |= {"soDinhDanh": f"019326{number:06d}", "giayKhaiSinh": certificate}
        self._rows[code] = row
        return code

    def expire(self) -> None:
        self._tokens.clear()

    def book(self) -> dict[str, Any]:
        return {
            "registrations": list(self._registrations),
            "rows": list(self._rows.values()),
            "questions": list(self._questions),
            "tokens_given": self._tokens_given,
        }


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _refuse(code: str, words: str) -> Response:
    return Response(body={"status": "0", "errorCode": code, "errorDescription": words})

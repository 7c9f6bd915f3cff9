"""The exchange's twin: token, mailbox, profiles and steps, with the codes of its own list."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from gateway.simulation import Request, Response, Twin

PATHS = {
    "token": "/token",
    "list": "/list",
    "detail": "/detail",
    "ack": "/ack",
    "profile": "/profile",
    "status": "/status",
}
WORDS = {
    "0": "Thành công",
    "1": "Thiếu from_unit_code",
    "2": "Thiếu to_unit_code",
    "3": "Đơn vị không tồn tại",
    "4": "Thiếu source_id",
    "5": "Sai ref_code",
    "6": "Thiếu procedures_code",
    "7": "Sai creation_date",
    "9": "data_eform sai",
    "11": "Sai status",
    "12": "Không tìm thấy hồ sơ",
    "14": "Không phải base64",
    "17": "Sai type",
    "41": "Sai status_profile",
    "46": "Lấy hồ sơ quá nhiều lần",
}
_WORDS_OF_STATUS = ("TIEPNHAN", "CAPNHAT", "RUT", "TUCHOI", "KETQUA", "THANHTOAN")
_MOST_ATTEMPTS = 5
_AT = "2026/01/05 08:20:00"


class ProfileTwin(Twin):
    """`settings`: client_id, client_secret, token_life in seconds, unit_code (ours), units (whom it knows).

    Acts: ``{"put": {profile fields}}`` puts a profile into our mailbox, see `profile_of`; `at` is when; ``{"raw": {anything}}`` puts it as it is;
    ``{"expire": true}`` forgets the tokens.
    """

    name = "bttt_profile"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        account = f"{settings.get('client_id', 'tinh-mau')}:{settings.get('client_secret', 'mat-thu')}"
        self._account = f"Basic {b64encode(account.encode()).decode()}"
        self._token_life = settings.get("token_life", 3600)
        self._unit = settings.get("unit_code", "H99.MCDT")
        self._units = settings.get("units", ["H99.MCDT", "G99.DVC", "G99.PMNV"])
        self._tokens: dict[str, float] = {}
        self._tokens_given = 0
        self._profiles: dict[str, Any] = {}
        self._attempts: dict[str, int] = {}
        self._listed: dict[str, str] = {}  # when it was put there
        self._acknowledged: list[list[str]] = []
        self._taken: list[dict[str, Any]] = []
        self._steps: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Response:
        if (request.method, request.path) == ("POST", PATHS["token"]):
            return self._give_token(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= monotonic():
            return Response(401, "Invalid Credentials")
        return self._answer_known(request)

    def _answer_known(self, request: Request) -> Response:
        match (request.method, request.path):
            case "GET", "/list":
                return self._list(request)
            case "GET", "/detail":
                return self._show(request.query.get("profile_id", ""))
            case "POST", "/ack":
                return self._forget(request.query)
            case "POST", "/profile" | "/status":
                return self._take(request)
        return Response(404, "404 page not found")

    def _give_token(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._account or request.body != b"grant_type=client_credentials":
            return Response(401, {"error": "invalid_client"})
        self._tokens_given += 1
        token = f"token-{self._tokens_given}"
        self._tokens[token] = monotonic() + self._token_life
        return Response(body={"access_token": token, "token_type": "Bearer", "expires_in": self._token_life})

    def _list(self, request: Request) -> Response:
        if request.query != {"unit_code": self._unit}:
            return _said("3")
        rows = [
            {"profileId": int(number), "toUnitCode": self._unit, "createTime": at, "status": "inbox"}
            for number, at in self._listed.items()
        ]
        return _said("0", profileReceivers=rows)

    def _show(self, number: str) -> Response:
        if number not in self._profiles:
            return _said("12")
        self._attempts[number] = self._attempts.get(number, 0) + 1
        if self._attempts[number] > _MOST_ATTEMPTS:
            return _said("46")
        return _said("0", profileOutmodel=json.dumps(self._profiles[number], ensure_ascii=False))

    def _forget(self, query: Mapping[str, str]) -> Response:
        number, status = query.get("profile_id", ""), query.get("status", "")
        if status not in ("done", "fail"):
            return _said("11")
        if number not in self._listed:
            return _said("12")
        del self._listed[number]
        self._acknowledged.append([number, status])
        return _said("0")

    def _take(self, request: Request) -> Response:
        body = request.json()
        code = self._fault_of(body) or (_profile_fault(body) if request.path == PATHS["profile"] else _step_fault(body))
        if code:
            return _said(code)
        if request.path == PATHS["profile"]:
            self._taken.append(body)
        elif body not in self._steps:  # said again: one step
            self._steps.append(body)
        return _said("0")

    def _fault_of(self, body: Any) -> str:
        """The code of the first fault that both kinds can have; "" when there is none."""
        if not isinstance(body, dict) or not body.get("from_unit_code"):
            return "1"
        to = body.get("to_unit_code")
        if not isinstance(to, list) or not to:
            return "2"
        if not {body["from_unit_code"], *to} <= set(self._units):
            return "3"
        if not body.get("source_id"):
            return "4"
        return "" if _is_uuid(body.get("ref_code")) else "5"

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"put": dict(fields)}:
                at = fields.pop("at", _AT)
                return self._put(profile_of(**fields), at)
            case {"raw": profile}:
                return self._put(profile)
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def expire(self) -> None:
        self._tokens.clear()

    def _put(self, profile: Any, at: str = _AT) -> str:
        number = str(len(self._profiles) + 1)
        self._profiles[number] = profile
        self._listed[number] = at
        return number

    def book(self) -> dict[str, Any]:
        return {
            "listed": list(self._listed),
            "acknowledged": list(self._acknowledged),
            "profiles": list(self._taken),
            "steps": list(self._steps),
            "tokens_given": self._tokens_given,
        }


def profile_of(code: str, status: str = "TIEPNHAN", **more: Any) -> dict[str, Any]:
    """A profile as a unit of the Ministry sends it, its people invented. `files` are names of papers inline; other fields replace."""
    names = more.pop("files", ["to-khai"])
    files = [
        {
            "id": number, "attachment_name": name, "content_type": "pdf", "is_verified": 0, "is_deleted": 0,
            "content_transfer_encoded": b64encode(f"%PDF-1.4 {name}".encode()).decode(), "attachment_file_url": "",
        }
        for number, name in enumerate(names, start=1)
    ]  # fmt: skip
    profile = {
        "type": "profile",
        "status": status,
        "source_id": code,
        "ref_code": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "procedures_code": "1.001193",
        "creation_date": "2026/01/05 08:15:00",
        "applicants_type": "1",
        "applicants_id": "001090000037",
        "from_unit_code": "G99.DVC",
        "to_unit_code": ["H99.MCDT"],
        "profileOwner": {"name": "Nguyễn Văn Mẫu", "address": "Số 1 đường A, phường An Bình", "tel": "0912345678"},
        "profileAttachments": files,
        "note": None,
    }
    return {**profile, **more}


def _profile_fault(body: Mapping[str, Any]) -> str:
    if body.get("type") != "profile":
        return "17"
    if body.get("status") not in _WORDS_OF_STATUS:
        return "11"
    if not body.get("procedures_code"):
        return "6"
    if not _is_moment(body.get("creation_date")):
        return "7"
    return "" if all(map(_is_whole, body.get("profileAttachments", []))) else "14"


def _step_fault(body: Mapping[str, Any]) -> str:
    if body.get("type") != "status":
        return "17"
    if body.get("status_profile") not in [str(code) for code in range(1, 11)]:
        return "41"
    return "" if _is_moment(body.get("time_of_process")) and body.get("process_officials") else "11"


def _is_whole(file: Mapping[str, Any]) -> bool:
    if file.get("attachment_file_url"):
        return True
    try:
        return bool(b64decode(file.get("content_transfer_encoded", ""), validate=True))
    except ValueError:
        return False


def _is_uuid(text: Any) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text
    except ValueError:
        return False


def _is_moment(text: Any) -> bool:
    if not isinstance(text, str) or not re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", text):
        return False
    try:
        datetime.strptime(text, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - only whether it exists
    except ValueError:
        return False
    return True


def _said(code: str, **more: Any) -> Response:
    return Response(
        body={"status": "OK" if code == "0" else "FAIL", "errorCode": int(code), "errorDesc": WORDS[code], **more}
    )

"""The driving-licence system's twin: login, DanhSachHoSo, TraCuuHoSo, LayTaiLieuHoSo; as strict as we believe it to be."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.simulation import Request, Response, Twin

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = "%d/%m/%Y %H:%M:%S"
_PARAMETERS = {
    "DanhSachHoSo": {"ngayNhan1", "ngayNhan2"},
    "TraCuuHoSo": {"mahoso"},
    "LayTaiLieuHoSo": {"duongdanteptin"},
}
_NAMES = {"1": "Mới đăng ký", "2": "Được tiếp nhận", "4": "Đang xử lý", "9": "Đã xử lý xong", "10": "Đã trả kết quả"}


class Filed(BaseModel):
    """A dossier that a test or the demo wants there. `at`: when it was received; `files`: names of papers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: str
    at: Annotated[str, Field(pattern=r"^[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$")] = (
        "05/01/2026 08:15:00"
    )
    row: dict[str, Any] = {}
    detail: dict[str, Any] = {}
    files: list[str] = ["giay-kham-suc-khoe.pdf"]


class GplxTwin(Twin):
    """Addresses: POST …/mapi/login, POST …/mapi/g.

    `settings` may be the partner's own: username, password, don_vi_xu_ly, token, auth_path, service_path. Acts: ``{"file": {...}}``, see
    `Filed`, the same code again changes the dossier; ``{"raw": {"code", "row"?, "detail"?}}``; ``{"expire": true}``.
    """

    name = "gplx"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        given = settings or {}
        self._account = {
            "username": given.get("username", "tinh-mau"),
            "password": given.get("password", "mat-thu"),
        }
        self._unit = given.get("don_vi_xu_ly", "19001")
        self._token = given.get("token")
        self._login = given.get("auth_path", "/apiDVC-GPLX/tcdbdvcdata/mapi/login")
        self._service = given.get("service_path", "/apiDVC-GPLX/tcdbdvcdata/mapi/g")
        self._sessions: set[str] = set()
        self._logins = 0
        self._rows: dict[str, Any] = {}
        self._details: dict[str, Any] = {}
        self._received: dict[str, str] = {}
        self._files: dict[str, bytes] = {}
        self._asked: list[list[str]] = []

    def answer(self, request: Request) -> Response:
        if request.method != "POST" or request.path not in (self._login, self._service):
            return Response(404, "404 page not found")
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            return Response(401, "Unauthorized")
        body = request.json()
        if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
            return _refuse("Dữ liệu không hợp lệ")
        return self._log_in(body) if request.path == self._login else self._serve(body)

    def _log_in(self, body: Mapping[str, str]) -> Response:
        if body != self._account:
            return Response(body={"result": "Sai tên đăng nhập hoặc mật khẩu", "error_code": -1})
        self._logins += 1
        session = f"gplx-{self._logins}"
        self._sessions = {session}
        return Response(body={"result": "Đăng nhập thành công", "error_code": 0, "session": session})

    def _serve(self, body: Mapping[str, str]) -> Response:
        service = body.get("service", "")
        if body.get("session") not in self._sessions:
            return _refuse("Phiên làm việc hết hạn")
        if body.get("donViXuLy") != self._unit:
            return _refuse("donViXuLy không đúng")
        if body.keys() - {"session", "service", "donViXuLy"} != _PARAMETERS.get(service):
            return _refuse(f"Tham số của {service} không đúng")
        values = [body[name] for name in sorted(_PARAMETERS[service])]
        self._asked.append([service, *values])
        if service == "DanhSachHoSo":
            return self._tell_list(*values)
        return self._tell_detail(*values) if service == "TraCuuHoSo" else self._tell_file(*values)

    def _tell_detail(self, code: str) -> Response:
        found = [self._details[code]] if code in self._details else []
        return Response(body={"error_code": "0", "data": found})

    def _tell_file(self, place: str) -> Response:
        content = self._files.get(place)
        if content is None:
            return _refuse("Tệp không tồn tại")
        paper = {"Base64": b64encode(content).decode(), "DuongDan": place, "TenTaiLieu": place.rpartition("/")[2]}
        return Response(body={"error_code": "0", "TepTinDinhKem": [paper]})

    def _tell_list(self, first: str, last: str) -> Response:
        if not _DAY.fullmatch(first) or not _DAY.fullmatch(last) or first > last:
            return _refuse("ngayNhan1, ngayNhan2 phải là yyyy-MM-dd")
        rows = [row for code, row in self._rows.items() if first <= self._received[code] <= last]
        return Response(body={"error_code": "0", "data": rows or None})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"file": dict(wanted)}:
                return self._take(Filed.model_validate(wanted))
            case {"raw": {"code": str(code), **more}} if code in self._rows and not more.keys() - {"row", "detail"}:
                self._rows[code] = more.get("row", self._rows[code])
                self._details[code] = more.get("detail", self._details[code])
                return code
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def expire(self) -> None:
        self._sessions.clear()

    def _take(self, filed: Filed) -> str:
        papers = []
        for number, name in enumerate(filed.files, start=1):
            place = f"/gplx/{filed.code}/{name}"
            self._files[place] = f"%PDF-1.4 {name}".encode()
            papers.append({"magiayto": f"GT{number:02d}", "tengiayto": name, "filedinhkem": place})
        day = datetime.strptime(filed.at, _MOMENT).date().isoformat()  # noqa: DTZ007 - only the day is wanted
        status = str(filed.detail.get("MaTrangThai", "2"))
        self._received[filed.code] = day
        self._rows[filed.code] = {
            "maHoSo": filed.code, "maDangKyDvc": f"DVC-{filed.code[-4:]}", "hoTen": "Nguyễn Văn Mẫu", "hoTenIn": "NGUYEN VAN MAU",
            "gioiTinh": "M", "ngaySinh": "1990-05-01", "quocTich": "VNM", "soCmnd": "001090000037", "ngayCapCmnd": "2021-05-02",
            "noiCuTru": "Phường An Bình", "dvhcNoiCuTru": "1900100166", "anhChanDung": "QU5I", "maDonVi": self._unit,
            "ngayNhanHoSo": day, "ngayHenTraGplx": None, "loaiHoSo": "1", "lyDoDoiGplx": "Hết hạn",
            "gplxDaCap": [{"sogplx": "790000000001", "hanggplxgplx": "B2"}], "hoSoDinhKem": papers, **filed.row,
        }  # fmt: skip
        self._details[filed.code] = {
            "MaTTHC": "1.003560", "MaDVC": "1.003560.01", "MaHoSo": filed.code, "HoTenNguoiNop": "Nguyễn Văn Mẫu",
            "MaTrangThai": status, "TrangThaiHoSo": _NAMES.get(status, ""), "DonViXuLy": "Trung tâm Phục vụ hành chính công tỉnh",
            "MaDonViXuLy": self._unit, "NgayNop": "05/01/2026 07:50:00", "NgayTiepNhan": filed.at, "NgayHenTra": "12/01/2026 17:00:00",
            "HinhThucNhanKQ": "0", **filed.detail,
        }  # fmt: skip
        return filed.code

    def book(self) -> dict[str, Any]:
        return {"dossiers": self._details, "asked": list(self._asked), "logins": self._logins}


def _refuse(words: str) -> Response:
    return Response(body={"error_code": "-1", "message": words})

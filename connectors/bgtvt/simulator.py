"""The Ministry of Transport's twin: danhsachhoso, as strict as we believe it to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.simulation import Request, Response, Twin

_WANTED = {"Start", "End", "GovAgencyCode", "APIKey", "ReceiveFromDate", "ReceiveToDate"}
_NAMES = {"1": "Mới đăng ký", "2": "Được tiếp nhận", "4": "Đang xử lý", "9": "Đã xử lý xong", "10": "Đã trả kết quả"}


class Filed(BaseModel):
    """A dossier that a test or the demo wants there. `at`: when it was received."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: str
    at: Annotated[str, Field(pattern=r"^[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}$")] = (
        "05/01/2026 08:15:00"
    )
    row: dict[str, Any] = {}


class BgtvtTwin(Twin):
    """Address: GET /apiGTVT/danhsachhoso. `settings`: ma_don_vi, api_key. Acts: ``{"file": {...}}``, see `Filed`, the same code again changes
    the dossier; ``{"raw": answer}`` gives this answer from then on, null no longer."""

    name = "bgtvt"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        given = settings or {}
        self._unit = given.get("ma_don_vi", "000.00.10.H99")
        self._key = given.get("api_key", "khoa-thu")
        self._rows: dict[str, Any] = {}
        self._received: dict[str, datetime] = {}
        self._windows: list[list[str]] = []
        self._raw: Any = None

    def answer(self, request: Request) -> Response:
        if (request.method, request.path) != ("GET", "/apiGTVT/danhsachhoso"):
            return Response(404, "404 page not found")
        if self._raw is not None:
            return Response(body=self._raw)
        unit, key = request.headers.get("madonvi", ""), request.headers.get("apikey", "")
        asked = request.query
        for wrong, code, words in (
            (not unit or not asked.get("GovAgencyCode"), -300, "Mã đơn vị rỗng"),
            (not key or not asked.get("APIKey"), -301, "ApiKey rỗng"),
            ({key, asked.get("APIKey")} != {self._key}, -302, "ApiKey không đúng"),
            ({unit, asked.get("GovAgencyCode")} != {self._unit}, -303, "Mã đơn vị không đúng"),
            (request.headers.get("authorization") != f"Bearer {self._key}", -304, "ApiKey lỗi"),
        ):
            if wrong:
                return Response(body={"error_code": code, "message": words})
        return self._tell(asked)

    def _tell(self, asked: Mapping[str, str]) -> Response:
        if asked.keys() != _WANTED or (asked["Start"], asked["End"]) != ("-1", "-1"):
            return Response(400, {"message": "Tham số không đúng"})
        try:
            first, last = (_day(asked[name]) for name in ("ReceiveFromDate", "ReceiveToDate"))
        except ValueError:
            return Response(400, {"message": "Ngày phải là dd/MM/yyyy"})
        self._windows.append([asked["ReceiveFromDate"], asked["ReceiveToDate"]])
        rows = [row for code, row in self._rows.items() if first <= self._received[code] <= last]
        return Response(body={"total": len(rows), "data": rows})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"file": dict(wanted)}:
                return self._take(Filed.model_validate(wanted))
            case {"raw": answer}:
                self._raw = answer
                return True
        return super().act(order)

    def _take(self, filed: Filed) -> str:
        self._received[filed.code] = _day(filed.at[:10])
        status = str(filed.row.get("TrangThaiHoSo", "2"))
        self._rows[filed.code] = {
            "MaHoSo": filed.code, "MaTTHC": "1.002877", "TenTTHC": "Cấp phù hiệu xe ô tô kinh doanh vận tải", "TenLinhVuc": "Đường bộ",
            "TrichYeuHoSo": "Cấp phù hiệu", "KenhThucHien": "1", "DonViXuLy": "Trung tâm Phục vụ hành chính công tỉnh",
            "MaDonViXuLy": self._unit, "MaDoiTuong": "0100109106", "ChuHoSo": "Công ty Vận tải Mẫu", "SoDienThoai": "0912.345.678",
            "Email": "vantai@mau.example", "DiaChi": "Số 1 đường A", "MaTinh": "19", "TenTinh": "Tỉnh Mẫu", "MaHuyen": None,
            "NgayGuiHoSo": "05/01/2026 07:50:00", "NgayTiepNhan": filed.at, "NgayHenTra": "12/01/2026 17:00:00",
            "NgayKetThucXuLy": "", "NgayTra": None, "NgayHuyHoSo": None, "TrangThaiHoSo": status, "TenTrangThaiHoSo": _NAMES.get(status, ""),
            "NguoiNop": "Nguyễn Văn Mẫu", "MaNguoiNop": "001090000037", "DienThoaiNguoiNop": "0912345678", "EmaiNguoiNop": "",
            **filed.row,
        }  # fmt: skip
        return filed.code

    def book(self) -> dict[str, Any]:
        return {"dossiers": self._rows, "windows": list(self._windows)}


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%d/%m/%Y")  # noqa: DTZ007 - a day of the calendar, compared with its kind

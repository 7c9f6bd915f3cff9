"""The portal's twin: strict where the portal is, and with its quirks.

Its quirks: error_code is a number at login and a text elsewhere; a batch is all or nothing; a progress row
sent twice is there twice; an expired session is an ordinary failure with words about it. What it refuses is
in limits.toml and in `_odd` below.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.canonical.scalars import DOSSIER_CODE
from gateway.http import Http
from gateway.simulation import Request, Response, Twin

Check = Callable[[Any], str | None]

_PAPER_DIGITS = {"1": 12, "2": 9}
_FILED_WHERE = {"1": "portal", "2": "local"}
_MOST_ROWS = 10


class PortalTwin(Twin):
    """The portal. `settings` may be those of the partner itself; what it does not know it ignores.

    username, password, dstcode, madonvi: what callers must present. catalogue: {MaTTHC: {TenTTHC, MaLinhVuc,
    TenLinhVuc}}; without it every procedure is known. agencies: {MADONVI: {TENDONVI, CAPDONVI}}. session_uses, session_seconds: a session's life.
    progress_in_lookup: the key of the progress rows in TraCuuHoSo; "" leaves them out. `now` gives seconds,
    rising.
    """

    name = "portal"

    def __init__(self, settings: Mapping[str, Any] | None = None, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        given = settings or {}
        self._account = (given.get("username", "mot-cua"), given.get("password", "mat-khau-gia"))
        self._dstcode = given.get("dstcode", "VN:GOV:000.00.00.G22:dvcqg")
        self._madonvi = given.get("madonvi", "000.00.00.H99")
        self._catalogue: Mapping[str, Mapping[str, str]] = given.get("catalogue", {})
        self._agencies: Mapping[str, Mapping[str, str]] = given.get("agencies", {})
        self._progress_key = given.get("progress_in_lookup", "TienDo")
        self._paths = {
            given.get("auth_path", "/mapi/login"): self._log_in,
            given.get("integration_path", "/mapi/g"): self._serve,
            given.get("share_path", "/mapi/g"): self._serve,
        }
        self.session_uses: int | None = given.get("session_uses")
        self.session_seconds = float(given.get("session_seconds", 600))
        self._now = now
        self._sessions: dict[str, list[float]] = {}  # session → [uses, born]
        self._logins = 0
        self._dossiers: dict[str, dict[str, Any]] = {}
        self._effects: list[dict[str, Any]] = []
        self._refusals: deque[dict[str, str]] = deque(maxlen=1000)
        self._services: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "DongBoHoSoMC": self._sync,
            "CapNhatTienDoHoSoMC": self._progress,
            "DongBoTrangThaiHoSo": self._status,
            "TraCuuHoSo": self._look_up,
            "LayThuTuc": self._procedure,
            "LayDanhSachTTHC": self._procedures,
            "LayDanhMucLinhVuc": self._list_fields,
            "LayDanhMucCoQuan": self._list_agencies,
        }

    def answer(self, request: Request) -> Response:
        door = self._paths.get(request.path)
        if door is None or request.method != "POST":
            return Response(404, "<html><h1>404</h1></html>", {"Content-Type": "text/html"})
        if fault := self._odd_headers(request.headers):
            return Response(body=_refuse(fault))
        try:
            body = request.json()
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return Response(body=_refuse("Dữ liệu không phải đối tượng JSON"))
        return Response(body=door(body))

    def _odd_headers(self, headers: Mapping[str, str]) -> str:
        if headers.get("dstcode") != self._dstcode:
            return "Thiếu dstcode hoặc dstcode không đúng"
        json_said = headers.get("content-type", "").partition(";")[0].strip() == "application/json"
        if not json_said or headers.get("charset", "").lower() != "utf-8":
            return "Content-Type phải là application/json, Charset phải là utf-8"
        return ""

    def book(self) -> dict[str, Any]:
        """dossiers by code (fields, origin, creates, updates, progress in order, statuses told), and all
        effects in order.
        """
        return {
            "dossiers": self._dossiers,
            "effects": self._effects,
            "logins": self._logins,
            "refusals": list(self._refusals),
        }

    def act(self, order: Mapping[str, Any]) -> Any:
        """Call us, as the portal does: {"lookup": {url, key, masohoso}} or {"send_ttkm": {url, key, body}}. Or publish
        another catalogue: {"publish": {MaTTHC: {TenTTHC, MaLinhVuc, TenLinhVuc}}}. Or let somebody's hand into its book, for a difference
        to be found: {"plant": {MaHoSo, and "forget": true | "TrangThaiHoSo": code | "drop": number of a progress row, from 0}}.

        Gives {"http": status, "answer": …}. A notice sent is a dossier born on the portal: it may then be
        told its status.
        """
        match dict(order):
            case {"publish": dict(catalogue)}:
                self._catalogue = catalogue
                return {"procedures": len(catalogue)}
            case {"plant": {"MaHoSo": str(code), **how}} if code in self._dossiers:
                return self._plant(code, {str(name): value for name, value in how.items()})
            case {"lookup": {"url": url, "masohoso": code, **more}}:
                body = {"madonvi": self._madonvi, "service": "TraCuuHoSo", "masohoso": code}
            case {"send_ttkm": {"url": url, "body": body, **more}}:
                if isinstance(body, dict) and isinstance(body.get("MaHoSo"), str):
                    self._dossiers.setdefault(
                        body["MaHoSo"], _born("portal", {k: body.get(k, "") for k in ("MaHoSo", "MaTTHC")})
                    )
            case _:
                raise ValueError(
                    "the portal knows: lookup {url, key, masohoso}, send_ttkm {url, key, body}, publish {MaTTHC: …}, plant {MaHoSo, …}"
                )
        key = more.get("key")
        reply = Http(base_url=url).call(
            "POST", "", json=body, headers={"Authorization": f"Bearer {key}"} if key else {}
        )
        try:
            said = json.loads(reply.body)
        except ValueError:
            said = reply.excerpt()
        return {"http": reply.status, "answer": said}

    def _plant(self, code: str, how: Mapping[str, Any]) -> dict[str, Any]:
        dossier = self._dossiers[code]
        match dict(how):
            case {"forget": True}:
                del self._dossiers[code]
            case {"TrangThaiHoSo": str(status)}:
                dossier["fields"] = {**dossier["fields"], "TrangThaiHoSo": status}
            case {"drop": int(number)}:
                del dossier["progress"][number]
            case _:
                raise ValueError("plant wants forget, TrangThaiHoSo or drop")
        return {"planted": code}

    def expire(self) -> None:
        self._sessions.clear()

    def _log_in(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if (body.get("username"), body.get("password")) != self._account:
            return {"error_code": -1, "message": "Sai tên đăng nhập hoặc mật khẩu", "result": None}
        self._logins += 1
        session = f"s-{self._logins}"
        self._sessions[session] = [0, self._now()]
        return {"result": "Đăng nhập thành công", "error_code": 0, "session": session}

    def _serve(self, body: Mapping[str, Any]) -> dict[str, Any]:
        service = body.get("service")
        serve = self._services.get(service) if isinstance(service, str) else None
        if not self._lives(body.get("session")):
            said = _refuse("Phiên làm việc hết hạn")
        elif body.get("madonvi") != self._madonvi:
            said = _refuse("madonvi không đúng")
        elif serve is None:
            said = _refuse(f"Không có dịch vụ {service}")
        else:
            said = serve(body)
        if said["error_code"] != "0":
            self._refusals.append({"service": str(service), "message": said["message"]})
        return said

    def _lives(self, session: Any) -> bool:
        life = self._sessions.get(session) if isinstance(session, str) else None
        if life is None:
            return False
        life[0] += 1
        over = self._now() - life[1] >= self.session_seconds
        return not over and (self.session_uses is None or life[0] <= self.session_uses)

    def _sync(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if faults := _strangers(body, "isUpdating", "data"):
            return _refuse(faults)
        updating: Any = body.get("isUpdating")
        items: Any = body.get("data")
        if updating not in ("True", "False"):
            return _refuse('isUpdating phải là chuỗi "True" hoặc "False"')
        if said := _refuse_items("dossier", items) or self._refuse_procedures(items):
            return said
        met: set[str] = set()
        for item in items:
            if said := self._refuse_place(item, updating, met):
                return said
            met.add(item["MaHoSo"])
        for item in items:
            dossier = self._dossiers.setdefault(item["MaHoSo"], _born("local", {}))
            dossier["fields"] = item
            dossier["updates" if updating == "True" else "creates"] += 1
            self._note("update" if updating == "True" else "create", item["MaHoSo"], item["TrangThaiHoSo"])
        return _accept("Cập nhật hồ sơ thành công" if updating == "True" else "Thêm mới hồ sơ thành công")

    def _refuse_place(self, item: Mapping[str, Any], updating: str, met: set[str]) -> dict[str, Any] | None:
        """Is it there, when it is to be updated, and not yet, when created? `met`: named before in this call."""
        code, there = item["MaHoSo"], self._dossiers.get(item["MaHoSo"])
        if updating == "False" and (there or code in met):
            return {"error_code": "-3", "message": "Hồ sơ đã tồn tại"}
        if updating == "True" and not there:
            return _refuse(f"Không tìm thấy hồ sơ {code}")
        if _FILED_WHERE[item["NoiNopHoSo"]] != (there["origin"] if there else "local"):
            return _refuse(f"NoiNopHoSo không đúng nơi nộp của hồ sơ {code}")
        return None

    def _refuse_procedures(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        unknown = [item["MaTTHC"] for item in items if self._catalogue and item["MaTTHC"] not in self._catalogue]
        return _refuse(f"Không có thủ tục {', '.join(unknown)}") if unknown else None

    def _progress(self, body: Mapping[str, Any]) -> dict[str, Any]:
        rows: Any = body.get("data")
        if faults := _strangers(body, "data"):
            return _refuse(faults)
        if said := _refuse_items("progress", rows, most=_MOST_ROWS):
            return said
        if unknown := [row["MaHoSo"] for row in rows if row["MaHoSo"] not in self._dossiers]:
            return _refuse(f"Không tìm thấy hồ sơ {', '.join(unknown)}")
        for row in rows:
            self._dossiers[row["MaHoSo"]]["progress"].append(row)
            self._note("progress", row["MaHoSo"], row["TrangThai"])
        return _accept("Cập nhật tiến độ thành công")

    def _status(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if faults := _strangers(body, "type", "data"):
            return _refuse(faults)
        if body.get("type") != "2":
            return _refuse('type phải là chuỗi "2"')
        item: Any = body.get("data")
        if said := _refuse_items("portal_status", [item]):
            return said
        dossier = self._dossiers.get(item["MaHoSo"])
        if dossier is None or dossier["origin"] != "portal":
            return _refuse(f"Không tìm thấy hồ sơ nộp trên Cổng {item['MaHoSo']}")
        dossier["fields"] = {**dossier["fields"], "TrangThaiHoSo": item["TrangThai"]}
        dossier["statuses"].append(item)
        self._note("status", item["MaHoSo"], item["TrangThai"])
        return _accept("Cập nhật trạng thái thành công")

    def _look_up(self, body: Mapping[str, Any]) -> dict[str, Any]:
        code = body.get("mahoso")
        if faults := _strangers(body, "mahoso"):
            return _refuse(faults)
        if not isinstance(code, str) or not code:
            return _refuse("Thiếu mahoso")
        dossier = self._dossiers.get(code)
        return {**_accept("Thành công"), "result": [self._shown(dossier)] if dossier else []}

    def _shown(self, dossier: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: dossier["fields"].get(name, "") for name in _SHOWN}
        if self._progress_key:
            # A told status shows as a row as well; the shape of these rows is our assumption (README.md).
            told = [(s["NgayXuLy"], s["TrangThai"], s["NoiDung"]) for s in dossier["statuses"]]
            rows = [(p["ThoiDiemXuLy"], p["TrangThai"], p["NoiDungXuLy"]) for p in dossier["progress"]]
            shown[self._progress_key] = [
                {"ThoiDiemXuLy": when, "TrangThai": status, "NoiDungXuLy": words}
                for when, status, words in (*rows, *told)
            ]
        return shown

    def _procedure(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if faults := _strangers(body, "maTTHC"):
            return _refuse(faults)
        code = body.get("maTTHC")
        row = self._catalogue.get(code) if isinstance(code, str) else None
        if row is None:
            return _refuse(f"Không có thủ tục {code}")
        field = {"MALINHVUC": row["MaLinhVuc"], "TENLINHVUC": row["TenLinhVuc"]}
        result = {"MATTHC": code, "TENTTHC": row["TenTTHC"], "LINHVUCTHUCHIEN": [field], "TRANGTHAI": "1"}
        return {**_accept("Thành công"), "result": result}

    def _procedures(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if faults := _strangers(body):
            return _refuse(faults)
        result = [{"MATTHC": code, "TENTTHC": row["TenTTHC"]} for code, row in self._catalogue.items()]
        return {**_accept("Thành công"), "result": result}

    def _list_fields(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if faults := _strangers(body):
            return _refuse(faults)
        fields = {row["MaLinhVuc"]: row["TenLinhVuc"] for row in self._catalogue.values()}
        result = [{"MALINHVUC": c, "TENLINHVUC": n, "MANGANH": c.partition("-")[0]} for c, n in fields.items()]
        return {**_accept("Thành công"), "result": result}

    def _list_agencies(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if faults := _strangers(body):
            return _refuse(faults)
        return {**_accept("Thành công"), "result": [{"MADONVI": c, **row} for c, row in self._agencies.items()]}

    def _note(self, kind: str, dossier: str, status: str) -> None:
        self._effects.append({"kind": kind, "MaHoSo": dossier, "status": status})


_SHOWN = (
    "MaHoSo", "MaTTHC", "TenTTHC", "MaLinhVuc", "TenLinhVuc", "LoaiDoiTuong", "TrangThaiHoSo", "HinhThuc", "DonViXuLy",
)  # fmt: skip


def _born(origin: str, fields: dict[str, Any]) -> dict[str, Any]:
    if origin == "portal":
        fields = {**fields, "TrangThaiHoSo": "1"}
    return {"origin": origin, "fields": fields, "creates": 0, "updates": 0, "progress": [], "statuses": []}


def _accept(message: str) -> dict[str, Any]:
    return {"error_code": "0", "message": message}


def _refuse(message: str) -> dict[str, Any]:
    return {"error_code": "-1", "message": message}


def _strangers(body: Mapping[str, Any], *known: str) -> str:
    unknown = body.keys() - {"session", "madonvi", "service", *known}
    return f"Trường không có trong dịch vụ: {', '.join(sorted(unknown))}" if unknown else ""


def _refuse_items(table: str, items: Any, most: int | None = None) -> dict[str, Any] | None:
    if not isinstance(items, list) or not items:
        return _refuse("data phải là danh sách không rỗng")
    if most and len(items) > most:
        return _refuse(f"data có quá {most} dòng")
    faults: list[str] = []
    for number, item in enumerate(items):
        _look_over(TABLES[table], item, f"data[{number}]", faults)
        if table == "dossier" and not faults:
            _odd(item, f"data[{number}]", faults)
    return _refuse("; ".join(faults[:20])) if faults else None


def _odd(item: Mapping[str, Any], place: str, faults: list[str]) -> None:
    """What one field demands of another."""
    if item["LoaiDoiTuong"] == "1" and not item["DinhDanhCHS"]:
        faults.append(f"{place}.DinhDanhCHS: công dân phải có định danh")
    for paper in item["DinhDanhCHS"]:
        if len(paper["SoDinhDanh"]) != _PAPER_DIGITS[paper["LoaiDinhDanh"]]:
            faults.append(f"{place}.DinhDanhCHS: số định danh không đúng độ dài")
    account = item.get("MaDoiTuong")
    if account and item["KenhThucHien"] != "2":
        faults.append(f"{place}.MaDoiTuong: chỉ dành cho hồ sơ trực tuyến")
    if account and account in {item.get("SoGiayToChuHoSo"), *(paper["SoDinhDanh"] for paper in item["DinhDanhCHS"])}:
        faults.append(f"{place}.MaDoiTuong: là số định danh, không phải mã tài khoản")
    for number, file in enumerate(item["TaiLieuNop"]):
        if file.get("DuocTaiSuDung") == "2" and not file.get("MaKetQuaThayThe"):
            faults.append(f"{place}.TaiLieuNop[{number}].MaKetQuaThayThe: thiếu mã kết quả thay thế")


# ── limits.toml, compiled once ─────────────────────────────────────────────────────────────────────────────


class _Table:
    """One object on the wire: its needed fields, a check for each text field, the table of each list field."""

    def __init__(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self.open = not rows
        self.need = frozenset(name for name, row in rows.items() if row.get("need"))
        self.lists = {name: row["list"] for name, row in rows.items() if "list" in row}
        self.checks = {name: _check(row) for name, row in rows.items() if "list" not in row}


def _look_over(table: _Table, item: Any, place: str, faults: list[str]) -> None:
    if not isinstance(item, dict):
        faults.append(f"{place}: phải là đối tượng")
        return
    if not table.need <= item.keys():
        faults.append(f"{place}: thiếu {', '.join(sorted(table.need - item.keys()))}")
    for name, value in item.items():
        check = table.checks.get(name)
        if check is not None:
            if fault := check(value):
                faults.append(f"{place}.{name}: {fault}")
        elif name in table.lists:
            _look_over_list(TABLES[table.lists[name]], value, f"{place}.{name}", faults)
        elif not table.open or not isinstance(value, str):
            faults.append(f"{place}.{name}: trường không có trong danh mục hoặc không phải chuỗi")


def _look_over_list(table: _Table, value: Any, place: str, faults: list[str]) -> None:
    if not isinstance(value, list):
        faults.append(f"{place}: phải là danh sách")
        return
    for number, item in enumerate(value):
        _look_over(table, item, f"{place}[{number}]", faults)


def _check(row: Mapping[str, Any]) -> Check:
    if row.get("number"):
        return lambda value: None if type(value) is int and value >= 0 else "phải là số nguyên không âm"
    filled, most, one_of = row.get("filled", False), row.get("most", 1 << 20), frozenset(row.get("one_of", ()))
    form = _FORMS[row["form"]] if "form" in row else None

    def check(value: Any) -> str | None:
        fault = None
        if not isinstance(value, str):
            fault = "phải là chuỗi"
        elif filled and not value.strip():
            fault = "không được trống"
        elif one_of and value not in one_of:
            fault = f"giá trị {value[:50]} không có trong danh mục"
        elif len(value) > most:
            fault = f"dài quá {most} ký tự"
        elif form and value:
            fault = form(value)
        return fault

    return check


def _date(value: str) -> str | None:
    found = _MOMENT.fullmatch(value)
    if found is None:
        return _NO_DATE
    year, month, day, hour, minute, second = map(int, found.groups())
    try:  # strptime would cost as much as all other checks together
        datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - no zone on the wire
    except ValueError:
        return _NO_DATE
    return None if 1990 <= year <= 2100 else _NO_DATE


def _dossier(value: str) -> str | None:
    return None if _CODE.fullmatch(value) and not _date(f"20{value.rsplit('-', 2)[1]}000000") else _NO_CODE


def _matching(pattern: str, fault: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: None if compiled.fullmatch(value) else fault


_NO_DATE = "không phải thời điểm yyyyMMddHHmmss hợp lệ"
_MOMENT = re.compile(r"([0-9]{4})" + r"([0-9]{2})" * 5)
_NO_CODE = "không phải mã hồ sơ quốc gia"
_CODE = re.compile(DOSSIER_CODE.strip("^$"), re.ASCII)
_FORMS: Mapping[str, Check] = {
    "date": _date,
    "digits": _matching(r"[0-9]+", "chỉ gồm chữ số"),
    "url": _matching(r"https?://[^\s/]+\S*", "không phải đường dẫn http(s)"),
    "dossier": _dossier,
    "procedure": _matching(r"[0-9]\.[0-9]{6}(\.[0-9]{2})?", "không phải mã thủ tục quốc gia"),
    "field": _matching(r"G[0-9]{2}-[A-Z]{2}[0-9]{2}", "không phải mã lĩnh vực"),
    "result": _matching(r"KQ\.[A-Z][0-9]{2}\.[0-9]{6}", "không phải mã kết quả"),
}
TABLES = {
    name: _Table(rows)
    for name, rows in tomllib.loads((Path(__file__).parent / "limits.toml").read_text(encoding="utf-8")).items()
}

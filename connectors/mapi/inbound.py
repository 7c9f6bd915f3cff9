"""What the portal calls on us: look up a dossier (`direct`), hand in a promotion notice (`ttkm`).

The portal reads error_code and not the HTTP status, so every answer of ours that it can use is HTTP 200
(observed on the wire).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.mapi.settings import Settings, Ttkm
from gateway.errors import Fault, Refused
from gateway.ports import Answer, Door, Hook, Incoming, Partner, Submission

# LoaiDoiTuong (two clients agree on 1 and 2, one also has 3 and 4).
APPLICANTS = {"citizen": "1", "enterprise": "2", "agency": "3", "other": "4"}

MEDIA_TYPES = {
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "rar": "application/vnd.rar",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}

_DEEPEST = 8  # the documented bodies are four deep
_NATIONAL_PART = re.compile(r"\d\.\d{6}(?:\.\d{2}(?!\d))?")
_FAULT_WORDS = {"missing": "thiếu", "string_type": "phải là chuỗi", "string_too_short": "không được trống"}

Filled = Annotated[str, Field(min_length=1)]
M = TypeVar("M", bound=BaseModel)


class _Body(BaseModel):
    """Shape only, and nothing coerced. Fields we do not know are let through: the portal may add some. A null is an
    absent field."""

    model_config = ConfigDict(strict=True, extra="allow")


class Question(_Body):
    madonvi: str = ""
    service: str = ""
    masohoso: Filled


class Address(_Body):
    MaTinh: str = ""
    MaHuyen: str = ""
    MaXa: str = ""
    DiaChiChiTiet: str = ""


class InlineFile(_Body):
    TenTepDinhKem: Filled
    Base64: Filled


class Promotion(_Body):
    """Thông báo khuyến mại as it comes. Which business fields must be filled is the mapping's to say."""

    MaHoSo: Filled
    MaTTHC: str = ""
    SoVanBan: str = ""
    NgayNopHoSo: str = ""
    TenThuongNhan: str = ""
    DiaChiDoanhNghiep: Address | None = None
    DienThoai: str = ""
    Fax: str = ""
    Email: str = ""
    MaSoThue: str = ""
    NguoiLienHe: str = ""
    SoDienThoaiNguoiLienHe: str = ""
    TenChuongTrinhKhuyenMai: str = ""
    HinhThucKhuyenMai: str = ""
    ThoiGianKhuyenMaiTu: str = ""
    ThoiGianKhuyenMaiDen: str = ""
    HangHoaDichVuKhuyenMai: str = ""
    SoLuongHangHoaDichVu: str = ""
    KhachHang: str = ""
    CoCauGiaiThuong: str = ""
    TongGiaTriHangHoa: str = ""
    NoiDungChiTiet: str = ""
    TenCacThuongNhanCungThucHien: str = ""
    TenTepDonDangKy: str = ""
    TepDonDangKy: str = ""
    TaiLieuNop: Annotated[list[InlineFile], Field(max_length=200)] = []


PLAIN_BYTES = 1 << 18  # what a notice may hold besides its files


def hooks(partner: Partner) -> Sequence[Hook]:
    """`direct` always; `ttkm` when the partner's settings say where such dossiers go."""
    settings = cast(Settings, partner.settings)
    found = [Hook("POST", "direct", look_up)]
    if settings.ttkm:
        whole = settings.ttkm.file_bytes * 4 // 3 + PLAIN_BYTES  # the files come inline, as base64
        found.append(Hook("POST", "ttkm", partial(take_promotion, settings.ttkm), whole))
    return found


def look_up(incoming: Incoming, door: Door) -> Answer:
    """{madonvi, service, masohoso} → the dossier, flat; or error_code "-1" and why not."""
    try:
        question = _shape(Question, _read(incoming.body))
    except Refused as refused:
        return _answer("-1", _words(refused))
    known = door.dossier(question.masohoso)
    dossier = known and known.get("dossier")
    if not known or not dossier:
        return _answer("-1", f"Không tìm thấy hồ sơ {question.masohoso}")
    procedure = dossier["procedure"]
    return _json(
        {
            "MaHoSo": dossier["dossier"],
            "MaTTHC": _national_part(procedure["code"]),
            "TenTTHC": procedure["name"],
            "MaLinhVuc": procedure["field_code"],
            "TenLinhVuc": procedure["field_name"],
            "LoaiDoiTuong": APPLICANTS[dossier["applicant"]["kind"]],
            "TrangThaiHoSo": str(known["status"]),
            "HinhThuc": "1" if dossier.get("postal", {}).get("return_to") else "0",
            "DonViXuLy": dossier["handled_by"]["name"],
        }
    )


def take_promotion(settings: Ttkm, incoming: Incoming, door: Door) -> Answer:
    """A promotion notice → DossierSubmitted. error_code 0: stored and routed; 1: we have it; -1: refused.

    A refusal names every fault. MaHoSo is the key (the mapping makes the message id of it): the same notice
    again is a duplicate, another notice under the same code is refused. An amendment ({service, isUpdating,
    isSync, data}) is refused as well: it names only some fields, and no public document says which dossier,
    the old or the new one, it changes. What is refused is not kept. A failure inside the gateway is no answer
    of ours (the web says HTTP 5xx), so that the portal sends again.
    """
    code = ""
    try:
        body = _read(incoming.body)
        code = body["MaHoSo"] if isinstance(body.get("MaHoSo"), str) else ""
        if "data" in body and "MaHoSo" not in body:
            return _answer(
                -1,
                f"{_amended(body)}| Chưa nhận bản tin sửa đổi, bổ sung; hồ sơ không thay đổi. Amendments are not taken.",
            )
        _shape(Promotion, body)
        document, files = _claim(body, settings.file_bytes)
        units = {"received_by": settings.received_by.model_dump(), "handled_by": settings.handled_by.model_dump()}
        canonical = door.translate(settings.mapping, {"ttkm": document, "settings": units})
        for content, media_type in files:
            door.keep(content, media_type)
        accepted = door.accept(
            Submission(source_id=canonical["id"], body=canonical, original=incoming.body, mapping=settings.mapping)
        )
    except Refused as refused:
        return _answer(-1, f"{code}| {_words(refused)}")
    if accepted.repeated:
        return _answer(1, f"{code}| Hồ sơ đã được tiếp nhận trước đó")
    return _answer(0, f"{code}| Tiếp nhận hồ sơ thành công")


def _claim(body: Mapping[str, Any], most: int) -> tuple[dict[str, Any], list[tuple[bytes, str]]]:
    """The body with every inline file replaced by {name, sha256, media_type, size}, and the files themselves.

    Raises `Refused` for what is not base64 or larger than `most` bytes.
    """
    files: list[tuple[bytes, str]] = []
    faults: list[Fault] = []

    def claim(name: str, text: str, pointer: str) -> dict[str, Any]:
        media_type = MEDIA_TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
        try:
            content = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            faults.append(Fault(pointer, "base64", "không phải base64", "not base64"))
            return {}
        if len(content) > most:
            faults.append(Fault(pointer, "too-large", f"tệp lớn hơn {most} byte", f"larger than {most} bytes"))
            return {}
        files.append((content, media_type))
        return {
            "name": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "media_type": media_type,
            "size": len(content),
        }

    document = dict(body)
    form = document.pop("TepDonDangKy", "")
    if form:
        document["TepDonDangKy"] = claim(body.get("TenTepDonDangKy") or "TepDonDangKy", form, "/TepDonDangKy")
    document["TaiLieuNop"] = [
        {**file, "Base64": claim(file["TenTepDinhKem"], file["Base64"], f"/TaiLieuNop/{number}/Base64")}
        for number, file in enumerate(body.get("TaiLieuNop", []))
    ]
    if faults:
        raise Refused(faults)
    return document, files


def _read(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused([Fault("", "json", "nội dung không phải JSON", "not JSON")]) from None
    if not isinstance(body, dict):
        raise Refused([Fault("", "object", "nội dung phải là một đối tượng JSON", "must be a JSON object")])
    if b"\\ud" in raw.lower() and not _writable(body):
        raise Refused([Fault("", "surrogate", "có nửa ký tự (surrogate) lẻ", "holds a lone surrogate")])
    if _deeper(body, _DEEPEST):
        raise Refused([Fault("", "depth", f"lồng sâu quá {_DEEPEST} tầng", f"nested deeper than {_DEEPEST}")])
    told: dict[str, Any] = _told(body)
    return told


def _told(value: Any) -> Any:
    """Without fields that are null: many writers of JSON put one for a field they have nothing for."""
    if isinstance(value, dict):
        return {name: _told(one) for name, one in value.items() if one is not None}
    return [_told(one) for one in value] if isinstance(value, list) else value


def _writable(body: Any) -> bool:
    """False when an escape such as \\ud800 left half a character, which no file or database takes."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _deeper(value: Any, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(_deeper(v, most - 1) for v in (value.values() if isinstance(value, dict) else value))


def _shape(model: type[M], body: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise Refused(
            [
                Fault("/" + "/".join(map(str, e["loc"])), e["type"], _FAULT_WORDS.get(e["type"], e["msg"]), e["msg"])
                for e in error.errors(include_input=False, include_url=False)
            ]
        ) from None


def _amended(body: Mapping[str, Any]) -> str:
    data = body["data"]
    code = data.get("MaHoSoQG") if isinstance(data, dict) else None
    return code if isinstance(code, str) else ""


def _national_part(code: str) -> str:
    found = _NATIONAL_PART.match(code)
    return found[0] if found else code


def _words(refused: Refused) -> str:
    return "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in refused.faults)


def _answer(code: int | str, message: str) -> Answer:
    return _json({"error_code": code, "message": message})


def _json(body: Mapping[str, Any]) -> Answer:
    return Answer(200, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())

"""What comes in about land taxes: notices and vouchers through the national portal, and iLIS' word that a notice is there.

One call may carry several notices. Each stands or falls by itself: the good ones are stored and routed, a bad one
is kept and held for a person, and the answer names it. So a call sent again finds what was stored, and what was
held comes through once its cause is mended. A secret that came in the body is never stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from connectors.land_tax.client import read_notices
from connectors.land_tax.settings import Settings
from connectors.land_tax.times import TaxTime
from gateway.errors import Fault, Refused
from gateway.partnerjson import read_object
from gateway.ports import Accepted, Answer, Door, Hook, Incoming, Partner, Proof, Submission

_FAULT_WORDS = {
    "missing": "thiếu",
    "string_type": "phải là chuỗi",
    "string_too_short": "không được trống",
    "list_type": "phải là danh sách",
    "too_short": "không được trống",
    "tax_time": "phải là thời điểm, ví dụ 20260105093000",
    "instant": "thời điểm không có thật",
    "instant_range": "năm phải từ 1990 đến 2100",
}

Filled = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    """Shape only, nothing coerced; a field we do not know is let through."""

    model_config = ConfigDict(strict=True, extra="allow")


class NoticeFile(_Body):
    FileThongBaoThue: Annotated[str, Field(min_length=1)]


class Notices(_Body):
    """The envelope of NhanThongBaoThueDat. One source writes its names small, another with capitals: they are read small."""

    ngay: TaxTime
    isupdating: bool | str = False
    data: NoticeFile


class Payment(_Body):
    MaThongBaoThue: Filled
    ThoiGianThanhToan: TaxTime
    SoTien: int | str
    TrangThaiThanhToan: int | str


class PaidBy(_Body):
    MaHoSo: Filled
    UrlFileChungTu: str = ""
    ThongTinThanhToan: Payment


class Voucher(_Body):
    """The envelope of NhanChungTuThueDat."""

    data: PaidBy


class IlisNotice(_Body):
    LoaiThue: Filled
    SoThongBaoThue: Filled
    DuongDanTBT: str = ""


class IlisNotices(_Body):
    SoBienNhan: Filled
    NgayCoKetQuaThue: TaxTime
    DanhSachThongBaoThue: Annotated[list[IlisNotice], Field(min_length=1, max_length=50)]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one notice or voucher: `name` is for people, `fault` says why it was held."""

    name: str
    accepted: Accepted
    fault: str = ""


def hooks(partner: Partner) -> Sequence[Hook]:
    """The portal's two under the key in their body, iLIS' one under the code in its address."""
    settings = cast(Settings, partner.settings)
    found: list[Hook] = []
    if settings.security_key is not None:
        key = Proof("body", settings.security_key, "SecurityKey")
        found.append(
            Hook("POST", "NhanThongBaoThueDat", partial(take_notices, settings), settings.body_bytes, proof=key)
        )
        found.append(Hook("POST", "NhanChungTuThueDat", take_voucher, proof=key))
    if settings.ilis_code is not None:
        code = Proof("query", settings.ilis_code, "CodeGet")
        found.append(Hook("POST", "KetQuaThue", take_ilis, proof=code))
    return found


def take_notices(settings: Settings, incoming: Incoming, door: Door) -> Answer:
    """{ngay, isUpdating, SecurityKey, data{FileThongBaoThue}} → a PaymentRequested for each decision of each dossier."""
    try:
        said = _shape(Notices, {name.lower(): value for name, value in read_object(incoming.body).items()})
        notices = read_notices(said["data"]["FileThongBaoThue"], settings.xml_bytes)
    except Refused as refused:
        return _tell_portal(-1, _words(refused.faults))
    # An update may bring an old content back, so there its moment belongs to what it is; a mere repetition comes with a new one.
    again = str(said["isupdating"]).lower() == "true"
    rows = []
    for notice in notices:
        original = {**notice, "ngay": said["ngay"]} if again else notice
        document = {"sent": said["ngay"], "notice": notice}
        rows.append(_commit(door, "land_tax_notice", document, original, notice["MA_HSO"] or "?"))
    return _answer_portal(rows, "thông báo thuế")


def take_voucher(incoming: Incoming, door: Door) -> Answer:
    """{SecurityKey, data{MaHoSo, …, ThongTinThanhToan{…}}} → PaymentPaid."""
    try:
        said = _shape(Voucher, {name.lower(): value for name, value in read_object(incoming.body).items()})["data"]
    except Refused as refused:
        return _tell_portal(-1, _words(refused.faults))
    return _answer_portal([_commit(door, "land_tax_voucher", {"paid": said}, said, said["MaHoSo"])], "chứng từ")


def take_ilis(incoming: Incoming, door: Door) -> Answer:
    """{SoBienNhan, NgayCoKetQuaThue, DanhSachThongBaoThue[]} → a StatusChanged to 6 for each notice."""
    try:
        said = _shape(IlisNotices, read_object(incoming.body))
    except Refused as refused:
        return _json({"Result": 0, "Message": _words(refused.faults)})
    head = {name: value for name, value in said.items() if name != "DanhSachThongBaoThue"}
    rows = [
        _commit(door, "ilis_tax_notice", {"said": head | notice}, head | notice, notice["SoThongBaoThue"])
        for notice in said["DanhSachThongBaoThue"]
    ]
    wrong = [row for row in rows if row.fault]
    return _json({"Result": 0 if wrong else 1, "Message": _tell(rows, "thông báo thuế")})


def _commit(door: Door, mapping: str, document: Mapping[str, Any], content: Mapping[str, Any], name: str) -> Row:
    """Store it; what cannot be taken is held under another id, so that it may come again when its cause is mended."""
    original = json.dumps(content, ensure_ascii=False, sort_keys=True).encode()
    key = hashlib.sha256(mapping.encode() + b"\0" + original).hexdigest()[:32]
    try:
        body = door.translate(mapping, {**document, "key": key})
    except Refused as refused:
        kept = Submission(f"{mapping}-{key}-held", None, original, mapping=mapping, problem=refused.faults)
        return Row(name, door.hold(kept), _words(refused.faults))
    try:
        accepted = door.accept(Submission(body["id"], body, original, mapping=mapping))
    except Refused as refused:
        return Row(
            name, door.hold(Submission(f"{body['id']}-held", body, original, mapping=mapping)), _words(refused.faults)
        )
    return Row(name, accepted)


def _answer_portal(rows: Sequence[Row], what: str) -> Answer:
    return _tell_portal(-1 if any(row.fault for row in rows) else 0, _tell(rows, what))


def _tell(rows: Sequence[Row], what: str) -> str:
    wrong = [f"{row.name}: {row.fault} (đã giữ lại, chờ người xem)" for row in rows if row.fault]
    held = [f"{row.name}: giữ lại ({row.accepted.held})" for row in rows if not row.fault and row.accepted.held]
    return "; ".join([f"Đã tiếp nhận {len(rows) - len(wrong)}/{len(rows)} {what}", *wrong, *held])


def _words(faults: Iterable[Fault]) -> str:
    return "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in faults)


def _tell_portal(code: int, message: str) -> Answer:
    return _json({"error_code": code, "message": message})


def _json(body: Mapping[str, Any]) -> Answer:
    return Answer(200, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"))


def _shape(model: type[_Body], body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return model.model_validate(body).model_dump(exclude_none=True)
    except ValidationError as error:
        raise Refused(
            [
                Fault("/" + "/".join(map(str, e["loc"])), e["type"], _FAULT_WORDS.get(e["type"], e["msg"]), e["msg"])
                for e in error.errors(include_input=False, include_url=False)
            ]
        ) from None

"""What the land office calls on us: its steps, its requests, its end of a dossier; and the catalogues it reads here.

Each call becomes one or more canonical messages by the mappings named in `CALLS`, in that order. A call sent
again finds each of them there already. The answer is {Result, Message}: 1 is stored (or held, and says so), 0
is refused with every fault and nothing of it kept. A failure inside the gateway is no answer of ours: HTTP 5xx.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from connectors.vbdlis import shapes
from connectors.vbdlis.settings import Settings
from gateway.canonical.scalars import write_instant
from gateway.errors import Refused
from gateway.ports import Accepted, Answer, Door, Hook, Incoming, Partner, Proof, Submission


@dataclass(frozen=True, slots=True)
class Call:
    """One call of theirs: its shape, the field that names their officer, the mappings that read it, and the list
    whose rows are told one by one."""

    shape: type[shapes.Call]
    officer: str
    mappings: Sequence[str]
    rows: str = ""


_STATUS, _NOTICE = ("vbdlis_status",), ("vbdlis_notice",)
CALLS: Mapping[str, Call] = {
    "ChuyenHoSo": Call(shapes.Transfer, "MaCanBoChuyen", _STATUS),
    "YeuCauBoSungHoSo": Call(shapes.SupplementWanted, "MaCanBoXuLy", ("vbdlis_supplement", "vbdlis_status")),
    "NhanBoSungHoSo": Call(shapes.SupplementTaken, "MaCanBoXuLy", _STATUS),
    "GuiKetQuaThue": Call(shapes.TaxResult, "NguoiXuLy", _STATUS, rows="DanhSachThongBaoThue"),
    "KetThucHoSo": Call(shapes.End, "MaCanBoXuLy", ("vbdlis_result", "vbdlis_status")),
    "TiepNhanHoSoChoMotCua": Call(shapes.Reception, "MaCanBoXuLy", _STATUS),
    "YeuCauCapNhatHoSo": Call(shapes.Notice, "MaCanBoXuLy", _NOTICE),
    "ThongBaoNhapSaiThuTuc": Call(shapes.Notice, "MaCanBoXuLy", _NOTICE),
    "ThueChuyenTraHoSoDoSai": Call(shapes.Notice, "MaCanBoXuLy", _NOTICE),
}

HELD_FOR = "code-unknown"  # a code that no table has: what was said is kept for a person, neither guessed nor lost
_STATUSES = Path(__file__).parent / "statuses.toml"


def hooks(partner: Partner) -> Sequence[Hook]:
    """Every call and every catalogue, under the security code in the path."""
    settings = cast(Settings, partner.settings)
    proof = Proof("path", settings.security_code)
    found = [Hook("POST", name, partial(take, settings, name), settings.body_bytes, proof=proof) for name in CALLS]
    for name, rows in catalogues(settings).items():
        found += [Hook(method, name, partial(_show, rows), proof=proof) for method in ("GET", "POST")]
    return found


def take(settings: Settings, name: str, incoming: Incoming, door: Door) -> Answer:
    """One call, as the module says."""
    call = CALLS[name]
    try:
        said = shapes.read(call.shape, incoming.body)
        receipts: list[Accepted] = []
        for document, original in _documents(settings, name, said, incoming.body, write_instant(door.now())):
            for mapping in call.mappings:
                receipts += _commit(door, mapping, document, original, begun=bool(receipts))
    except Refused as refused:
        return _answer(0, "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in refused.faults))
    more = {"SoBienNhan": said["SoBienNhan"]} if name == "TiepNhanHoSoChoMotCua" else {}
    return _answer(1, _words(receipts), **more)


def _documents(
    settings: Settings, name: str, said: Mapping[str, Any], raw: bytes, received: str
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """What the mappings read, with the bytes it was made of: one for the call, or one for each of its rows."""
    call = CALLS[name]
    head = {key: value for key, value in said.items() if key != call.rows}
    for one in [head | row for row in said[call.rows]] if call.rows else [dict(said)]:
        original = json.dumps(one, ensure_ascii=False, sort_keys=True).encode() if call.rows else raw
        key = hashlib.sha256(name.encode() + b"\0" + original).hexdigest()[:32]
        document = {
            "call": name,
            "key": key,
            "received": received,
            "said": one,
            "officer": _officer(settings, str(said.get(call.officer, "")), named=call.officer == "NguoiXuLy"),
        }
        yield document, original


def _officer(settings: Settings, code: str, *, named: bool) -> dict[str, str]:
    """Who acted: the officer of the catalogue; a name as it was written; else the office, since no name is made up."""
    known = next((officer for officer in settings.officers if officer.code == code), None)
    if known is not None:
        title = {"title": known.title} if known.title else {}
        return {"name": known.name, **title, "unit": settings.office}
    return {"name": code if named and code.strip() else settings.office, "unit": settings.office}


def _commit(
    door: Door, mapping: str, document: Mapping[str, Any], original: bytes, *, begun: bool
) -> Sequence[Accepted]:
    """Stored, or held; nothing when the mapping has nothing to say. Raises `Refused`.

    Held is what a table has no code for, and what goes wrong when a part of the call (`begun`) is stored already: then "refused"
    would be half a lie.
    """
    try:
        body = door.translate(mapping, document)
        return [] if body is None else [door.accept(Submission(body["id"], body, original, mapping=mapping))]
    except Refused as refused:
        if not begun and any(fault.code != HELD_FOR for fault in refused.faults):
            raise
        source_id = f"{mapping}-{document['key']}"
        return [door.hold(Submission(source_id, None, original, mapping=mapping, problem=refused.faults))]


def _words(receipts: Sequence[Accepted]) -> str:
    held = sorted({receipt.held for receipt in receipts if receipt.held})
    if held:
        return f"Đã lưu và giữ lại, chờ người xem ({', '.join(held)}) · Stored and held for a person to see"
    if all(receipt.repeated for receipt in receipts):
        return "Đã nhận trước đó · Received before"
    return "Đã tiếp nhận · Received"


# ── the catalogues they read ────────────────────────────────────────────────────────────────────────────────


def catalogues(settings: Settings) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Users, procedures and states by the codes that the land office is to write."""
    states = tomllib.loads(_STATUSES.read_text(encoding="utf-8"))["status"]
    return {
        "GetDanhMucNguoiDung": [
            {"MaNguoiDung": o.code, "TenNguoiDung": o.name, "ChucVu": o.title or ""} for o in settings.officers
        ],
        "GetDanhMucThuTuc": [{"MaThuTuc": p.code, "TenThuTuc": p.name} for p in settings.procedures],
        "GetDanhMucTrangThai": [
            {"MaTrangThai": s["theirs"], "TenTrangThai": s["name"]} for s in states if s["field"] == "MaTrangThai"
        ],
    }


def _show(rows: Sequence[Mapping[str, Any]], incoming: Incoming, door: Door) -> Answer:
    return _answer(1, "", Data=rows)


def _answer(result: int, message: str, **more: Any) -> Answer:
    body = {"Result": result, "Message": message, **more}
    return Answer(200, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"))

"""What VNeID calls on us: LayMaHoSo (give me a dossier code) and TaoHoSo (here is a dossier).

VNeID reads statusCode and not the HTTP status: "00" done, "01" wrong, "03" interrupted, to be sent again. What fails inside the gateway
is no answer of ours (the web says HTTP 5xx), so that it is sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from connectors.lltp import FOLDER
from connectors.lltp.client import VneidClient
from connectors.lltp.settings import VneidSettings
from gateway import inline
from gateway.errors import DeliveryError, Fault, Refused, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Answer, Door, Hook, Incoming, Submission

DONE, WRONG, AGAIN = "00", "01", "03"
PLAIN_BYTES = 1 << 18  # what a dossier may hold besides its files
FILES = 20  # of the largest size that one dossier may hold
_DEEPEST = 12
_WAITS_FOR_PAPERS = 5


def hooks_of(settings: VneidSettings) -> Sequence[Hook]:
    """TaoHoSo always; LayMaHoSo when somebody gives out codes."""
    most = settings.file_bytes * 4 // 3 * FILES + PLAIN_BYTES
    found = [Hook("POST", "HoSo/LLTP/TaoHoSo", partial(take, settings), most)]
    if settings.code_url is not None:
        client = VneidClient(settings, Outcomes.load(FOLDER / "outcomes.toml"))
        found.append(Hook("GET", "HoSo/LLTP/LayMaHoSo", partial(allocate, client)))
    return found


def allocate(client: VneidClient, incoming: Incoming, door: Door) -> Answer:
    """A code from the one-stop; "03" while it gives none."""
    try:
        return _answer(DONE, client.allocate())
    except TryLater as trouble:
        return _answer(AGAIN, None, f"Chưa cấp được mã hồ sơ, gửi lại sau: {trouble.code}")
    except DeliveryError as trouble:
        return _answer(WRONG, None, f"Không cấp được mã hồ sơ: {trouble.code}")


def take(settings: VneidSettings, incoming: Incoming, door: Door) -> Answer:
    """A dossier → DossierSubmitted. The same again gets "00" again; another under the same code is a duplicate, unless the dossier waits for
    papers: then it amends it. A refusal names every fault, and what is refused is not kept."""
    try:
        body = _read(incoming.body)
        document, files = _document(body, settings)
        known = door.dossier(body["maHoSoMCDT"]) if isinstance(body.get("maHoSoMCDT"), str) else None
        waits = known is not None and known["status"] == _WAITS_FOR_PAPERS
        document["status"] = _WAITS_FOR_PAPERS if waits else 1
        document["received_at"] = known["received_at"] if known is not None and waits else None
        canonical = door.translate(settings.mapping, document)
        if known is not None and not waits and known["dossier"]["id"] != canonical["id"]:
            return _answer(WRONG, None, "Hồ sơ đã tồn tại và không chờ bổ sung")
        for content, media_type in files:
            door.keep(content, media_type)
        door.accept(Submission(canonical["id"], canonical, incoming.body, mapping=settings.mapping))
    except Refused as refused:
        return _answer(WRONG, None, "; ".join(f"{fault.pointer or '/'}: {fault.detail}" for fault in refused.faults))
    return _answer(DONE, canonical["dossier"])


def _document(body: Mapping[str, Any], settings: VneidSettings) -> tuple[dict[str, Any], list[tuple[bytes, str]]]:
    """What the mapping reads, and the files. Raises `Refused`."""
    form = body.get("toKhai")
    if not isinstance(form, dict):
        raise Refused.of("/toKhai", "object", "thiếu tờ khai", "the form is missing")
    files: list[tuple[bytes, str]] = []
    form, papers = _claimed(form, settings.file_bytes, files)
    kept = {**body, "toKhai": form}
    digest = hashlib.sha256(json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    document = {
        "body": kept,
        "papers": papers,
        "procedure": settings.procedures.get(str(form.get("loaiPhieu"))),  # type: ignore[call-overload]
        "unit": settings.unit.model_dump(),
        "digest": digest[:12],
        "facts": {
            "lltp:toKhai": _text(form),
            **({"lltp:bienLai": _text(body["thongTinBienLai"])} if body.get("thongTinBienLai") else {}),
            **{f"lltp:{n}": str(body[n]) for n in ("nguonDangKy", "tenNguonDangKy") if body.get(n)},
        },
    }
    return document, files


def _claimed(
    form: Mapping[str, Any], most: int, files: list[tuple[bytes, str]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The form with each file replaced by where it is parked, and its papers in one list. Raises `Refused`."""
    kinds, papers, faults = [], [], list[Fault]()
    for i, kind in enumerate(form.get("giayToDinhKem") or []):
        sheets = []
        for j, sheet in enumerate(kind.get("danhSach") or [] if isinstance(kind, dict) else []):
            place = f"/toKhai/giayToDinhKem/{i}/danhSach/{j}/duLieu"
            try:
                content = inline.decode(sheet.get("duLieu") if isinstance(sheet, dict) else None, place, most)
            except Refused as refused:
                faults += refused.faults
                continue
            where = inline.name_of(content)
            files.append((content, where["media_type"]))
            sheets.append({**sheet, "duLieu": where})
            papers.append({"id": f"{kind.get('ma')}-{j + 1}", "ma": kind.get("ma"), "ten": kind.get("ten"), **where})
        kinds.append({**kind, "danhSach": sheets} if isinstance(kind, dict) else kind)
    if faults:
        raise Refused(faults)
    return ({**form, "giayToDinhKem": kinds} if kinds else dict(form)), papers


def _read(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused.of("", "json", "nội dung không phải JSON", "not JSON") from None
    if not isinstance(body, dict):
        raise Refused.of("", "object", "nội dung phải là một đối tượng JSON", "must be a JSON object")
    if b"\\ud" in raw.lower() or _deeper(body, _DEEPEST):
        words = (
            f"lồng sâu quá {_DEEPEST} tầng, hoặc có nửa ký tự lẻ",
            f"nested deeper than {_DEEPEST}, or half a character",
        )
        raise Refused.of("", "depth", *words)
    return body


def _deeper(value: Any, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(_deeper(v, most - 1) for v in (value.values() if isinstance(value, dict) else value))


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _answer(code: str, data: str | None, detail: str = "") -> Answer:
    return Answer(200, _text({"statusCode": code, "data": data, "errorDetail": detail}).encode())

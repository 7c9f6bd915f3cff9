"""Is this input a message we may take? Every fault is found before anything is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from gateway.canonical import TYPES, Canonical, DossierSubmitted, any_message
from gateway.canonical.faults import faults_of, pointer
from gateway.canonical.rules import broken_rules
from gateway.canonical.scalars import read_instant
from gateway.config import PartnerFile
from gateway.errors import Fault, Forbidden, Refused
from gateway.ports import Codes


def read_canonical(body: Any) -> Canonical:
    """The body as its canonical type. Raises `Refused` with every fault."""
    if not isinstance(body, Mapping):
        raise Refused([Fault("", "model-type", "phải là một đối tượng JSON", "must be a JSON object")])
    kind = body.get("type")
    try:
        if isinstance(kind, str) and kind in TYPES:
            return TYPES[kind].model_validate(body)  # type: ignore[return-value]
        return any_message.validate_python(body)
    except ValidationError as error:
        raise Refused(faults_of(error, body)) from None


def shape_faults(body: Any) -> tuple[Fault, ...]:
    """What is wrong with the body's shape, to be told together with faults that were found before it was looked at."""
    try:
        read_canonical(body)
    except Refused as refused:
        return refused.faults
    return ()


def check_rights(partner: PartnerFile, message: Canonical) -> None:
    """May this partner say this? Raises `Forbidden`."""
    if message.type not in partner.sends:
        raise Forbidden(
            [
                Fault(
                    "/type",
                    "type-not-allowed",
                    f"đối tác {partner.id} không được gửi {message.type}",
                    f"partner {partner.id} may not send {message.type}",
                )
            ]
        )
    if isinstance(message, DossierSubmitted):
        if message.origin not in partner.origins:
            words = (
                f"đối tác {partner.id} không gửi hồ sơ gốc {message.origin}",
                f"partner {partner.id} sends no dossier of origin {message.origin}",
            )
            raise Forbidden([Fault("/origin", "origin-not-allowed", *words)])
        units = [
            ("/received_by/code", message.received_by.code, partner.organisations),
            ("/handled_by/code", message.handled_by.code, (*partner.organisations, *partner.receives_for)),
        ]
        foreign = [(p, c) for p, c, own in units if not any(fnmatchcase(c, pattern) for pattern in own)]
        if foreign:
            raise Forbidden(
                [
                    Fault(
                        p,
                        "unit-not-allowed",
                        f"đối tác {partner.id} không đại diện đơn vị {c}",
                        f"partner {partner.id} does not speak for {c}",
                    )
                    for p, c in foreign
                ]
            )


def check_facts(
    message: Canonical,
    body: Mapping[str, Any],
    codes: Codes,
    now: datetime,
    future_seconds: float,
    missing_files: Callable[[Collection[str]], set[str]],
) -> None:
    """Times, codes and files. Raises `Refused` with every fault."""
    faults: list[Fault] = []
    if message.event_time > now + timedelta(seconds=future_seconds):
        faults.append(
            Fault(
                "/event_time",
                "future",
                "sự kiện ở tương lai so với giờ của cổng",
                "the event lies in the future of the gateway's clock",
            )
        )
    faults += broken_rules(message)
    faults += unknown_codes(body, codes)
    faults += _unreachable_links(message)
    files = _files(message)
    absent = missing_files({sha for _, sha in files}) if files else set()
    faults += [
        Fault(
            p,
            "unknown-file",
            "chưa có tệp này: tải lên trước bằng POST /api/v1/files",
            "no such file: upload it first with POST /api/v1/files",
        )
        for p, sha in files
        if sha in absent
    ]
    if faults:
        raise Refused(faults)


_CODED = (
    ("procedures", "procedure/code", "thủ tục", "procedure"),
    ("organisations", "received_by/code", "đơn vị", "organisation"),
    ("organisations", "handled_by/code", "đơn vị", "organisation"),
    ("organisations", "filed_at/code", "đơn vị", "organisation"),
    ("provinces", "applicant/address/province", "tỉnh", "province"),
    ("provinces", "delegate/address/province", "tỉnh", "province"),
)


def unknown_codes(body: Mapping[str, Any], codes: Codes) -> list[Fault]:
    """Codes of a dossier's body that are not in the lists in force at its reception. Asked of what came, be the rest of it valid or not."""
    at = _instant(body, "deadlines/received_at") or _instant(body, "submitted_at")
    faults = []
    for listname, path, vi, en in _CODED if body.get("type") == "DossierSubmitted" else ():
        code = _at(body, path)
        if isinstance(code, str) and codes.find(listname, code, at) is None:
            words = f"không có {vi} {code} trong danh mục có hiệu lực", f"{en} {code} is not in the code list in force"
            faults.append(Fault(f"/{path}", f"unknown-{en}", *words))
    return faults


def _at(body: Any, path: str) -> Any:
    for name in path.split("/"):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _instant(body: Mapping[str, Any], path: str) -> datetime | None:
    value = _at(body, path)
    try:
        return read_instant(value) if isinstance(value, str) else None
    except PydanticCustomError:
        return None  # its own fault is told already


def _unreachable_links(message: Canonical) -> list[Fault]:
    """A link that only its sender's own network can open is a dead link to everyone else."""
    return [
        Fault(
            pointer([name, i, "url"]),
            "unreachable-link",
            "địa chỉ nội bộ: đối tác không mở được; tải tệp lên hoặc dùng địa chỉ công khai",
            "a private address: no partner can open it; upload the file or give a public address",
        )
        for name in ("attachments", "results")
        for i, file in enumerate(getattr(message, name, ()))
        if file.url and _is_private(file.url)
    ]


def _is_private(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host.strip(".") or host.endswith((".local", ".internal", ".lan"))


def _files(message: Canonical) -> list[tuple[str, str]]:
    found = []
    for name in ("attachments", "results"):
        for i, file in enumerate(getattr(message, name, ())):
            if file.sha256:
                found.append((pointer([name, i, "sha256"]), file.sha256))
    return found

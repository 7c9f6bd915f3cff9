"""What a view asks of the app it stands in, and of the request: the gateway, the caller, strict parameters, the JSON that came."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from flask import Response, current_app, g, request

from gateway.canonical.scalars import write_instant
from gateway.errors import BadRequest, Fault, NotFound
from gateway.flow.gateway import Gateway
from gateway.flow.strict import parse
from gateway.flow.trace import good_trace
from gateway.ledger.queries import Reader
from gateway.ports import Hook
from gateway.web.auth import Caller, Keyring
from gateway.web.bodies import Places, check_json_type, read_all

V = TypeVar("V", bound=Callable[..., Any])

_CURSOR = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class House:
    """What every view of one app shares."""

    gateway: Gateway
    keyring: Keyring
    places: Places
    hooks: Mapping[tuple[str, str], Mapping[str, Hook]]
    gauges: Any
    description: dict[str, str] = field(default_factory=dict)


def house() -> House:
    return cast(House, current_app.extensions["lienthong"])


def gateway() -> Gateway:
    return house().gateway


def caller() -> Caller:
    """Who calls: known since before the view began."""
    return cast(Caller, g.caller)


def reader() -> Reader:
    return caller().reader


def plain(view: V) -> V:
    """flask-openapi describes this view and leaves its parameters alone: it would coerce them, and answer in its own words."""
    view.__delay_validate_request__ = True  # type: ignore[attr-defined]
    return view


# ── what came ───────────────────────────────────────────────────────────────────────────────────────────────────


def raw_body(most: int | None = None) -> bytes:
    """The request's body, whole; of at most `most` bytes, or what the settings say. Raises what `gateway.web.bodies.read_all` raises."""
    here, who = house(), caller()
    if who.body is not None:
        return who.body
    web = here.gateway.config.settings.web
    here.places.take(who.partner.id)
    try:
        return read_all(request, most or web.body_bytes, web.read_seconds)
    finally:
        here.places.leave(who.partner.id)


def json_body() -> tuple[Any, bytes]:
    """The strict JSON that came, and its bytes. Raises `UnsupportedType`, `BadRequest` and what `raw_body` raises."""
    check_json_type(request)
    raw = raw_body()
    return parse(raw), raw


def trace() -> str | None:
    """The caller's W3C trace context, if it gave a good one. A bad one is no reason to refuse a message."""
    return good_trace(request.headers.get("Traceparent"))


def parameters(*known: str) -> Mapping[str, str]:
    """The query's parameters. Raises `BadRequest` for each that is unknown, given twice or empty: a misspelt filter filters nothing."""
    faults = []
    for name, values in request.args.lists():
        if name not in known:
            faults.append(_fault(name, f"không có tham số {name!a}", f"there is no parameter {name!a}"))
        elif len(values) > 1 or not values[0]:
            faults.append(_fault(name, f"{name} phải có đúng một giá trị", f"{name} must have one value"))
    if faults:
        raise BadRequest(faults)
    return request.args


def number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number from 1 to `most`. Raises `BadRequest`."""
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise BadRequest(
            [_fault(name, f"{name} phải là số từ 1 đến {most}", f"{name} must be a number from 1 to {most}")]
        )
    return int(text)


def one_of(given: Mapping[str, str], name: str, known: Iterable[str]) -> str | None:
    """One of the known words, or None when not given. Raises `BadRequest`."""
    text, words = given.get(name), list(known)
    if text is not None and text not in words:
        every = ", ".join(words)
        raise BadRequest([_fault(name, f"{name} phải là một trong: {every}", f"{name} must be one of: {every}")])
    return text


def cursor(given: Mapping[str, str], name: str = "after") -> int:
    """The place a cursor stands for; 0 when none was given. Raises `BadRequest`."""
    text = given.get(name)
    if text is None:
        return 0
    if not _CURSOR.fullmatch(text) or int(text, 16) >= 1 << 62:
        words = "con trỏ không phải do cổng này cấp", "this cursor is not one of ours"
        raise BadRequest([_fault(name, *words)])
    return int(text, 16)


def write_cursor(place: int) -> str:
    """Opaque to callers; of fixed width, so that cursors sort as their places do."""
    return f"{place:016x}"


def _fault(name: str, detail: str, detail_en: str) -> Fault:
    return Fault(f"?{name}", "parameter", detail, detail_en)


# ── what goes ───────────────────────────────────────────────────────────────────────────────────────────────────


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Instants are written in UTC. Never kept by caches on the way."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=write_instant)
    made = Response(text, status=status, content_type="application/json; charset=utf-8")
    made.headers["Cache-Control"] = "no-store"
    if headers:
        made.headers.update(headers)
    return made


def unknown_dossier(pointer: str = "") -> NotFound:
    """There is no such dossier, or it is none of the caller's: the same answer, so that nobody learns which codes exist."""
    words = "cổng không có hồ sơ này của đối tác", "the gateway knows no such dossier of this partner"
    return NotFound.of(pointer, "unknown-dossier", *words)

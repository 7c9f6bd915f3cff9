"""Who calls a hook without a key? The partner that shows the secret of the hook's `Proof`: in the path, the query or the body.

A key always goes first: a call that brings an Authorization header is judged by that alone.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

import structlog
from flask import Request

from gateway.errors import Unauthenticated
from gateway.ports import Hook, Proof
from gateway.web.auth import Caller
from gateway.web.bodies import read_all
from gateway.web.here import House, house

log = structlog.get_logger("web")

Table = Mapping[tuple[str, str], Mapping[str, Hook]]
"""(partner, path) → method → hook."""


def hooks_at(table: Table, partner: str, path: str) -> tuple[Mapping[str, Hook], str]:
    """The hooks at this path, by method, and the secret that stands behind them in the path; none and "" where there is nothing."""
    found = table.get((partner, path))
    if found is not None:
        return found, ""
    before, _, last = path.rpartition("/")
    under = table.get((partner, before), {})
    return {method: hook for method, hook in under.items() if hook.proof and hook.proof.place == "path"}, last


def prove_caller(request: Request) -> Caller | None:
    """The partner that a hook's secret proves. None when the call brings a key, or the hook wants one.

    Raises `Unauthenticated` for a secret that is missing or wrong, and what `read_all` raises where it stands in the body.
    """
    if request.endpoint != "hooks.call_hook" or "Authorization" in request.headers:
        return None
    here, at = house(), request.view_args or {}
    partner = here.gateway.config.partners.get(at["partner"])
    methods, last = hooks_at(here.hooks, at["partner"], at["path"])
    hook = methods.get(request.method)
    if partner is None or hook is None or hook.proof is None:
        return None
    body = _read(here, request, partner.id, hook) if hook.proof.place == "body" else None
    shown = _shown(hook.proof, request, last, body)
    if not shown or not hmac.compare_digest(
        shown.encode("utf-8", "replace"), hook.proof.secret.get_secret_value().encode()
    ):
        log.warning("hook_secret_refused", partner=partner.id, hook=hook.path)
        words = "thiếu mã bảo mật, hoặc mã không đúng", "no security code, or a wrong one"
        raise Unauthenticated.of("", "unauthenticated", *words)
    return Caller(partner, f"hook:{hook.path}", body)


def _read(here: House, request: Request, partner: str, hook: Hook) -> bytes:
    """The body of a caller who is not known yet: strangers hold no place of the partner's own."""
    web = here.gateway.config.settings.web
    with here.places.hold(f"unproven:{partner}"):
        return read_all(request, hook.body_bytes or web.body_bytes, web.read_seconds)


def _shown(proof: Proof, request: Request, last: str, body: bytes | None) -> str:
    if proof.place == "path":
        return last
    if proof.place == "query":
        return request.args.get(proof.name, "")
    try:
        document: Any = json.loads(body or b"")
    except (ValueError, RecursionError):
        return ""
    shown = document.get(proof.name) if isinstance(document, dict) else None
    return shown if isinstance(shown, str) else ""

"""The sign-on in the web application: its addresses hung in, its access tokens taken beside keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask, request

from gateway.errors import Forbidden
from gateway.flow.signon import door, open_signon
from gateway.web.bodies import Places, read_all

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway

FORM_BYTES = 64 << 10
FORM_SECONDS = 5.0
BLUEPRINTS = frozenset({"sso", "sso-pages"})
"""They guard themselves."""


class Machines:
    """Callers that show an access token of the sign-on instead of a key."""

    def __init__(self, signon: Any | None) -> None:
        self._signon = signon

    def partner_of(self, token: str) -> tuple[str, str, frozenset[str]] | None:
        """(partner, client, scopes) of a good token, None of any other."""
        found = door().machine(self._signon, token) if self._signon is not None else None
        return None if found is None else (found.partner, found.client, found.scopes)


def hang_signon(app: Flask, gateway: Gateway, places: Places) -> Machines:
    """Nothing where config/signon.toml is missing. Raises `Misconfigured`."""
    signon = open_signon(gateway)
    if signon is not None:

        def read_body() -> bytes:
            with places.hold("sign-on"):  # strangers' forms: few at a time, each for seconds
                return read_all(request, FORM_BYTES, FORM_SECONDS)

        door().hang(app, signon, read_body)
    return Machines(signon)


def check_scope(scopes: frozenset[str], blueprint: str, method: str) -> None:
    """What a token may do here. Raises `Forbidden`."""
    reading = "api.read" if method in ("GET", "HEAD") else "api.write"
    wanted = {"soap": "soap", "hooks": "hooks"}.get(blueprint.rpartition(".")[2], reading)
    if wanted not in scopes:
        words = f"mã truy cập không có quyền {wanted}", f"the access token lacks the scope {wanted}"
        raise Forbidden.of("", "insufficient-scope", *words)

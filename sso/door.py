"""What the gateway loads by name (entry point `lienthong.signon`): how to open the sign-on, and how to hang it into a web application."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sso.signon import Machine, SignOn

if TYPE_CHECKING:
    from flask import Flask


def hang(app: Flask, signon: SignOn, read_body: Callable[[], bytes]) -> None:
    """Its addresses, beside the application's own. They guard themselves: the application asks for no key there."""
    from sso.web.here import Door
    from sso.web.pages import pages
    from sso.web.programs import programs

    app.extensions["lienthong-sso"] = Door(signon, read_body)
    for blueprint in (programs, pages):
        app.register_blueprint(blueprint)


def machine(signon: SignOn, token: str) -> Machine | None:
    """Who makes the request under way with this access token; None for one that is not good."""
    from sso.web.here import certificate

    return signon.machine(token, certificate())


__all__ = ["SignOn", "hang", "machine"]

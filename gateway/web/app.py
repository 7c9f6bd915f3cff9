"""The app factory: one Flask app over one gateway."""

from __future__ import annotations

import json
from importlib.metadata import version

from flask import Blueprint, Response, current_app, g, request
from flask_openapi.openapi import OpenAPI

from gateway.errors import BadRequest
from gateway.flow.gateway import Gateway
from gateway.web import openapi
from gateway.web.api import api
from gateway.web.auth import Keyring
from gateway.web.bodies import Places
from gateway.web.here import House, gateway, house
from gateway.web.hooks import hooks, table_of
from gateway.web.hooks.proofs import prove_caller
from gateway.web.operations import Gauges, operations
from gateway.web.problems import catch_all
from gateway.web.public.files import files
from gateway.web.signon import BLUEPRINTS, hang_signon
from gateway.web.soap import soap

OPEN = frozenset(
    {
        "operations.live", "operations.ready", "operations.tell_metrics", "about.describe", "public.download", "soap.describe", "soap.call"
    }
)  # fmt: skip
"""The endpoints that need no key in the HTTP header. Whatever is not named here needs one; `soap.call` also takes proof inside the envelope."""

about = Blueprint("about", __name__)


def create_app(gateway: Gateway) -> OpenAPI:
    """The front door. Everything that can be wrong in the operator's files is found now: raises `Misconfigured`."""
    app = OpenAPI("gateway.web", doc_ui=False, static_folder=None, template_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = True
    places = Places()
    keyring = Keyring(gateway, places, hang_signon(app, gateway, places))
    app.extensions["lienthong"] = House(gateway, keyring, places, table_of(gateway), Gauges(gateway))
    catch_all(app)
    app.before_request(_know_caller)
    app.register_api(api)
    for blueprint in (hooks, files, operations, about, soap):
        app.register_blueprint(blueprint)
    return app


def _know_caller() -> None:
    """Fail closed: a view runs only for a known caller, unless it is on the open list. An unknown path needs no key to be unknown."""
    # No code of ours holds a zero byte, and PostgreSQL would fail on it.
    if "\0" in request.path or "%00" in request.environ.get("QUERY_STRING", ""):
        words = "địa chỉ có ký tự điều khiển", "a control character in the address"
        raise BadRequest.of("", "control-character", *words)
    if request.endpoint is not None and request.endpoint not in OPEN and request.blueprint not in BLUEPRINTS:
        g.caller = prove_caller(request) or house().keyring.caller(request)


@about.get("/openapi.json")
def describe() -> Response:
    """The description of the REST interface, made once."""
    made = house().description
    if "text" not in made:
        described = openapi.document(current_app, version("lienthong"), gateway().config.settings.public_url)  # type: ignore[arg-type]
        made["text"] = json.dumps(described, ensure_ascii=False)
    return Response(made["text"], content_type="application/json; charset=utf-8")

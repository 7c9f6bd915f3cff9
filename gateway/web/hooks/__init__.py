"""`/hooks/<partner>/<path>`: what partners call in their own protocol. Their connector answers; the door authenticates and caps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from gateway.canonical.scalars import write_instant
from gateway.config import PartnerFile
from gateway.flow.accept import Acceptance
from gateway.flow.gateway import Gateway
from gateway.ledger import queries
from gateway.ledger.queries import Reader
from gateway.ports import Accepted, Hook, Incoming, Submission
from gateway.web.here import caller, gateway, house, raw_body, trace

hooks = Blueprint("hooks", __name__, url_prefix="/hooks")

Table = Mapping[tuple[str, str], Mapping[str, Hook]]
"""(partner, path) → method → hook."""


def table_of(gateway: Gateway) -> Table:
    """Every hook of every partner. Raises `Misconfigured` when a partner's file is wrong."""
    found: dict[tuple[str, str], dict[str, Hook]] = {}
    for name, partner in gateway.partners.items():
        make = gateway.kinds[partner.connector].hooks
        for hook in make(partner) if make else ():
            found.setdefault((name, hook.path.strip("/")), {})[hook.method.upper()] = hook
    return found


class OpenDoor:
    """The spine as one hook call sees it (`gateway.ports.Door`)."""

    def __init__(self, gateway: Gateway, partner: PartnerFile, trace: str | None) -> None:
        self._gateway = gateway
        self._partner = partner
        self._trace = trace

    def accept(self, submission: Submission) -> Accepted:
        return Acceptance(self._gateway, self._partner).one(submission, trace=self._trace)

    def translate(self, mapping: str, document: Any) -> Any:
        return self._gateway.translate(mapping, document)

    def dossier(self, code: str) -> Mapping[str, Any] | None:
        who = Reader(self._partner.id, self._partner.reads)
        with self._gateway.ledger.read() as connection:
            row = queries.dossier_row(connection, code, who)
        if row is None:
            return None
        return {
            "dossier": queries.read_body(row),
            "status": row.status,
            "status_time": write_instant(row.status_time),
        }

    def keep(self, content: bytes, media_type: str) -> str:
        most = self._gateway.config.settings.web.file_bytes
        now, source = self._gateway.now(), self._partner.id
        return self._gateway.files.keep([content], media_type=media_type, source=source, now=now, most=most)[0]


@hooks.route(
    "/<partner>/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], provide_automatic_options=False
)
def call_hook(partner: str, path: str) -> Response:
    who = caller().partner
    methods = house().hooks.get((partner, path)) if partner == who.id else None
    if methods is None:
        raise NotFound  # another partner's hook is no business of the caller's
    hook = methods.get(request.method)
    if hook is None:
        raise MethodNotAllowed(valid_methods=list(methods))
    incoming = Incoming(
        request.method,
        path,
        {name.lower(): value for name, value in request.headers.items() if name.lower() != "authorization"},
        request.args.to_dict(),
        raw_body(hook.body_bytes),
    )
    given = hook.answer(incoming, OpenDoor(gateway(), who, trace()))
    return Response(given.body, status=given.status, content_type=given.content_type)

"""`/hooks/<partner>/<path>`: what partners call in their own protocol. Their connector answers; the door authenticates and caps."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from gateway.config import PartnerFile
from gateway.flow.accept import Acceptance
from gateway.flow.desk import OpenDesk
from gateway.flow.gateway import Gateway
from gateway.ports import Accepted, Hook, Incoming, Submission
from gateway.web.here import caller, gateway, house, raw_body, trace
from gateway.web.hooks.proofs import Table, hooks_at

hooks = Blueprint("hooks", __name__, url_prefix="/hooks")


def table_of(gateway: Gateway) -> Table:
    """Every hook of every partner. Raises `Misconfigured` when a partner's file is wrong."""
    found: dict[tuple[str, str], dict[str, Hook]] = {}
    for name, partner in gateway.partners.items():
        make = gateway.kinds[partner.connector].hooks
        for hook in make(partner) if make else ():
            found.setdefault((name, hook.path.strip("/")), {})[hook.method.upper()] = hook
    return found


class OpenDoor(OpenDesk):
    """The spine as one hook call sees it (`gateway.ports.Door`)."""

    def __init__(self, gateway: Gateway, partner: PartnerFile, trace: str | None) -> None:
        super().__init__(gateway, partner)
        self._trace = trace

    def accept(self, submission: Submission) -> Accepted:
        return Acceptance(self._gateway, self._partner).one(submission, trace=self._trace)

    def hold(self, submission: Submission) -> Accepted:
        return Acceptance(self._gateway, self._partner, lenient=True).one(submission, trace=self._trace)


@hooks.route(
    "/<partner>/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], provide_automatic_options=False
)
def call_hook(partner: str, path: str) -> Response:
    who = caller().partner
    methods = hooks_at(house().hooks, partner, path)[0] if partner == who.id else None
    if not methods:
        raise NotFound  # another partner's hook is no business of the caller's
    hook = methods.get(request.method)
    if hook is None:
        raise MethodNotAllowed(valid_methods=list(methods))
    incoming = Incoming(
        request.method,
        hook.path,
        {name.lower(): value for name, value in request.headers.items() if name.lower() != "authorization"},
        request.args.to_dict(),
        raw_body(hook.body_bytes),
    )
    given = hook.answer(incoming, OpenDoor(gateway(), who, trace()))
    return Response(given.body, status=given.status, content_type=given.content_type)

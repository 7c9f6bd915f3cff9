"""An authorization request, read strictly: who asks, where the answer goes, what is wanted.

Until client and redirect_uri are known to belong together nothing is sent anywhere: the browser gets a page. After that every error goes
back to the client, with our `iss` and its `state`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sso.clients import is_open
from sso.errors import OAuthError, Stopped
from sso.limits import count_try
from sso.office import Office
from sso.settings import MACHINE_SCOPES, Client
from sso.store import Rows
from sso.tokens import level_of
from sso.vouchers import claim, issue

PUSHED = "urn:ietf:params:oauth:request_uri:"
PUSHED_LIFE = timedelta(seconds=90)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_PLAIN = re.compile(r"[\x20-\x7e]{0,2048}")
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[1-9][0-9]{0,4})?((?:[/?][!-~]*)?)")
_KNOWN = frozenset(
    {
        "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
        "response_mode", "prompt", "max_age", "acr_values", "resource",
    }
)  # fmt: skip
"""What we read. Others are ignored, as OAuth asks, but for `request` and `request_uri`, which would change the meaning."""
_LONGEST = 2048  # of a parameter: whole requests are kept while the person signs in
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client through the browser."""

    redirect_uri: str
    mode: str
    params: Mapping[str, str]


class Declined(Exception):
    """An error that the client is told through the browser. `because` is for the journal."""

    def __init__(self, answer: Answer, client: str, because: str) -> None:
        super().__init__(because)
        self.answer = answer
        self.client = client
        self.because = because


@dataclass(frozen=True, slots=True)
class Request:
    """A good one. `level`: the least assurance wanted."""

    client: Client
    redirect_uri: str
    mode: str
    state: str | None
    scopes: tuple[str, ...]
    nonce: str | None
    challenge: str
    prompts: frozenset[str]
    max_age: int | None
    level: int
    audience: str | None
    params: Mapping[str, str]

    @property
    def again(self) -> bool:
        """The person must show himself anew, whatever session the provider has."""
        return bool(self.prompts & {"login", "select_account"}) or self.max_age is not None

    @property
    def offline(self) -> bool:
        return "offline_access" in self.scopes


class Requests:
    def __init__(self, office: Office) -> None:
        self._office = office

    def read(self, given: Mapping[str, str]) -> Request:
        """The request of an address, or the pushed one it names. Raises `Stopped`, `Declined`."""
        if "request_uri" in given:
            return self.check(self._pulled(given))
        client = self._office.clients.get(given.get("client_id", ""))
        if client is not None and client.par:
            raise Stopped(f"client {client.id} must push its requests")
        return self.check(given)

    def push(self, rows: Rows, client: Client, given: Mapping[str, str]) -> str:
        """The request_uri of a checked request. Raises `OAuthError`, `TooMany`."""
        count_try(rows, self._office.settings.limits.rule("client"), f"client:{client.id}", self._office.now())
        if "request_uri" in given:
            raise OAuthError("invalid_request", "a pushed request names another", client=client.id)
        params = {name: value for name, value in given.items() if name in _KNOWN or name == "request"}
        try:
            self.check({**params, "client_id": client.id})
        except Stopped as fault:
            raise OAuthError("invalid_request", fault.because, client=client.id) from fault
        except Declined as fault:
            raise OAuthError(fault.answer.params["error"], fault.because, client=client.id) from fault
        return PUSHED + issue(self._office, rows, "request", {**params, "client_id": client.id}, PUSHED_LIFE)

    def check(self, given: Mapping[str, str]) -> Request:
        """Raises `Stopped` while the answer has no place to go, then `Declined`."""
        client = self._client(given)
        redirect_uri = self._redirect(client, given)
        mode, state = given.get("response_mode", "query"), given.get("state")
        if state is not None and not _PLAIN.fullmatch(state):
            state = None
            self._decline(client, redirect_uri, "query", None, "invalid_request", "state")
        if mode not in ("query", "form_post"):
            self._decline(client, redirect_uri, "query", state, "invalid_request", "response_mode")
        fault = _fault(client, given, self._office.issuer)
        if fault is not None:
            self._decline(client, redirect_uri, mode, state, *fault)
        wanted = [level_of(word) for word in given.get("acr_values", "").split()]
        asked = given.get("scope", "").split()
        return Request(
            client=client,
            redirect_uri=redirect_uri,
            mode=mode,
            state=state,
            scopes=tuple(s for s in client.scopes if s in asked and s not in MACHINE_SCOPES),
            nonce=given.get("nonce"),
            challenge=given["code_challenge"],
            prompts=frozenset(given.get("prompt", "").split()),
            max_age=int(given["max_age"]) if "max_age" in given else None,
            level=max([client.least, min([w for w in wanted if w], default=1)]),
            audience=given.get("resource"),
            params={name: value for name, value in given.items() if name in _KNOWN},
        )

    def decline(self, request: Request, error: str, because: str) -> Declined:
        """The error as an answer to this request."""
        return self._declined(request.client, request.redirect_uri, request.mode, request.state, error, because)

    def _pulled(self, given: Mapping[str, str]) -> Mapping[str, str]:
        name = given["request_uri"]
        if not name.startswith(PUSHED):
            raise Stopped("a request_uri that is not ours")  # never fetched
        with self._office.store.write() as rows:
            voucher = claim(self._office, rows, "request", name.removeprefix(PUSHED))
        if voucher is None or not voucher.claimed:
            raise Stopped("a request_uri that is unknown, used or run out")
        params: Mapping[str, str] = voucher.data
        if given.get("client_id") != params["client_id"]:
            raise Stopped("a request_uri of another client")
        return params

    def _client(self, given: Mapping[str, str]) -> Client:
        name = given.get("client_id", "")
        client = self._office.clients.get(name)
        if client is None or "authorization_code" not in client.grants:
            raise Stopped("a client that is unknown or may not sign anyone in")
        with self._office.store.read() as rows:
            if not is_open(self._office, rows, name):
                raise Stopped(f"client {name} is disabled")
        return client

    def _redirect(self, client: Client, given: Mapping[str, str]) -> str:
        uri = given.get("redirect_uri", "")
        bare = _but_for_port(uri) if client.native else None
        if uri in client.redirect_uris or (bare is not None and bare in map(_but_for_port, client.redirect_uris)):
            return uri
        raise Stopped(f"client {client.id}: a redirect_uri that is not registered")

    def _decline(self, client: Client, uri: str, mode: str, state: str | None, error: str, because: str) -> None:
        raise self._declined(client, uri, mode, state, error, because)

    def _declined(self, client: Client, uri: str, mode: str, state: str | None, error: str, because: str) -> Declined:
        params = {"error": error, "iss": self._office.issuer} | ({"state": state} if state is not None else {})
        return Declined(Answer(uri, mode, params), client.id, f"{error}: {because}")


def _fault(client: Client, given: Mapping[str, str], issuer: str) -> tuple[str, str] | None:
    """(error, why) of the first thing wrong."""
    prompts = set(given.get("prompt", "").split())
    asked = given.get("scope", "").split()
    checks = (
        ("invalid_request", "too long", any(len(given.get(name, "")) > _LONGEST for name in _KNOWN)),
        ("request_not_supported", "request object", "request" in given),
        ("unsupported_response_type", "response_type", given.get("response_type") != "code"),
        ("invalid_request", "code_challenge_method", given.get("code_challenge_method") != "S256"),
        ("invalid_request", "code_challenge", not _CHALLENGE.fullmatch(given.get("code_challenge", ""))),
        ("invalid_scope", "without openid", "openid" not in asked),
        ("invalid_scope", "a scope that is not its own", not set(asked) <= set(client.scopes)),
        ("invalid_request", "nonce", not _PLAIN.fullmatch(given.get("nonce", ""))),
        ("invalid_request", "prompt", not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1)),
        ("invalid_request", "max_age", not re.fullmatch(r"\d{1,9}", given.get("max_age", "0"))),
        ("invalid_target", "resource", given.get("resource", issuer) not in (issuer, *client.audiences)),
    )
    return next(((error, why) for error, why, is_wrong in checks if is_wrong), None)


def _but_for_port(uri: str) -> str | None:
    """RFC 8252, 7.3: a native client takes whatever port is free on loopback; all else is compared letter by letter. None for every other
    address."""
    found = _LOOPBACK.fullmatch(uri)
    return f"{found[1]}{found[2]}" if found is not None else None

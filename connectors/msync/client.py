"""Speaks MSync: token, SyncDocument, UpdateDocumentTraces. Knows no message of ours."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.msync.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.sessions import Sessions

NOT_JSON = "not-json"
PATHS = {"SyncDocument": "Document/SyncDocument", "UpdateDocumentTraces": "Document/UpdateDocumentTraces"}


class Client:
    """One account. Thread-safe: one token for all threads, fetched by one of them while the others wait, who share its luck.

    `clock` counts seconds and never goes back. Every call raises what outcomes.toml says; `TryLater` when no token is to be had.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._tokens = Sessions(self._fetch_token, clock)
        self._http = Http(
            base_url=settings.url,
            hosts=[_host_and_port(settings.token_url)],
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            ca_file=settings.ca_file,
        )

    def tell(self, call: str, document: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, str]:
        """``SyncDocument`` or ``UpdateDocumentTraces``. Returns what the answer means and an excerpt of it."""
        reply = self._bearing(token := self._tokens.get(), call, document)
        if reply.status == 401:  # the call was not done, so it may be repeated, once
            reply = self._bearing(self._tokens.renew(token), call, document)
        code, text = said(reply)
        verdict = self._outcomes.settle(
            call,
            http=reply.status,
            code=code,
            text=text,
            answer=reply.excerpt(),
            again=again,
            retry_after=reply.retry_after(),
        )
        return verdict, reply.excerpt()

    def ask_for_token(self) -> None:
        """A token asked for now, whatever is kept: does the axis know us? Raises `TryLater`."""
        self._tokens.renew(self._tokens.current)

    def token(self) -> str:
        """Raises `TryLater`."""
        return self._tokens.get()

    def _bearing(self, token: str, call: str, document: Mapping[str, Any]) -> Reply:
        return self._http.call("POST", PATHS[call], json=document, headers={"Authorization": f"Bearer {token}"})

    def _fetch_token(self) -> tuple[str, float]:
        account = f"{self._settings.client_id}:{self._settings.client_secret.get_secret_value()}"
        basic = {"Authorization": f"Basic {b64encode(account.encode()).decode()}"}
        try:
            grant = {"grant_type": "client_credentials"}
            reply = self._http.call("POST", self._settings.token_url, form=grant, headers=basic)
        except AskFirst as fault:  # in doubt is the token only
            raise TryLater(f"token: {fault.reason}", code=fault.code) from fault
        answer = read_object(reply)
        token, life = ((answer or {}).get(name) for name in ("access_token", "expires_in"))
        if reply.status == 200 and isinstance(token, str) and token and str(life).isdecimal():
            return token, int(str(life)) - self._settings.token_margin
        # The answer is not kept with the error: half a token may stand in it.
        code = NOT_JSON if answer is None else "no-token"
        self._outcomes.settle("token", http=reply.status, code=code, retry_after=reply.retry_after())
        raise Unclassified("token: the answer holds no token", code="no-token")


def read_object(reply: Reply) -> dict[str, Any] | None:
    """The answer when it is a JSON object, else None."""
    try:
        answer = reply.json()
    except Unclassified:
        return None
    return answer if isinstance(answer, dict) else None


def said(reply: Reply) -> tuple[str, str]:
    """Status and Message of an answer, in either spelling; `not-json` without an answer."""
    answer = read_object(reply)
    if answer is None:
        return NOT_JSON, ""
    status, words = (answer.get(name, answer.get(name.lower())) for name in ("Status", "Message"))
    return "" if status is None else str(status), words if isinstance(words, str) else ""


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"

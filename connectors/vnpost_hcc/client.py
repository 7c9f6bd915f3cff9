"""Speaks the order service of VNPost for public administration (HCC): token, order, cancel, tracking feed."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from connectors.vnpost_hcc.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes
from gateway.sessions import is_outage

NOT_JSON = "not-json"


class _Token(NamedTuple):
    header: str
    good_until: float


class Client:
    """One customer account. Thread-safe: one token for all threads, fetched by one of them while the others
    wait.

    `clock` counts seconds and never goes back. Every call may raise `TryLater` when no token is to be had:
    then nothing was ordered.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._clock = clock
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._failure: TryLater | None = None
        self._failed_at = 0.0
        urls = (settings.token_url, settings.order_url, settings.cancel_url, settings.tracking_url)
        self._http = Http(
            base_url=settings.order_url,
            hosts=sorted({_host_and_port(url) for url in urls}),
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=16 << 20,  # a page of the feed holds up to 1000 events
            ca_file=settings.ca_file,
        )

    def order(self, order: Mapping[str, Any]) -> Reply:
        """POST an order. `order` is complete but for CustomerCode, which is ours to say."""
        body = {"CustomerCode": self._settings.customer_code, **order}
        return self._call("POST", self._settings.order_url, json=body)

    def cancel(self, order_number: str) -> Reply:
        """GET, although it changes something: so it is on the wire."""
        query = {"CustomerCode": self._settings.customer_code, "OrderNumber": order_number}
        return self._call("GET", self._settings.cancel_url, query=query)

    def events(self, after: str, most: int) -> Reply:
        """A page of the tracking feed: at most `most` events after the ObjectId `after`."""
        return self._call("GET", self._settings.tracking_url, query={"pagesize": str(most), "lastId": after})

    def token(self) -> str:
        """The token header's value; fetched anew shortly before it runs out. Raises `TryLater`."""
        came = self._clock()
        with self._lock:
            if self._token is not None and self._clock() < self._token.good_until:
                return self._token.header
            if self._failure is not None and self._failed_at > came:
                # It failed while this thread waited: no second long wait for the same answer.
                again = self._failure
                raise TryLater(again.reason, code=again.code, retry_after=again.retry_after) from again
            try:
                self._token = self._fetch_token()
            except TryLater as fault:
                self._failure, self._failed_at = fault, self._clock()
                raise
            return self._token.header

    def ask_for_token(self) -> None:
        """A token asked for now, whatever is kept: does the post know us? Raises `TryLater`."""
        token = self._fetch_token()
        with self._lock:
            self._token = token

    def _call(self, method: str, url: str, *, json: Any = None, query: Mapping[str, str] = {}) -> Reply:
        header = self.token()
        name = self._settings.auth_header
        reply = self._http.call(method, url, json=json, query=query, headers={name: header})
        if reply.status != 401:
            return reply
        self._forget(header)  # 401: the call was not done, so it may be repeated, once
        return self._http.call(method, url, json=json, query=query, headers={name: self.token()})

    def _forget(self, header: str) -> None:
        with self._lock:
            if self._token is not None and self._token.header == header:  # else another thread has a new one
                self._token = None

    def _fetch_token(self) -> _Token:
        account = f"{self._settings.customer_key}:{self._settings.customer_secret.get_secret_value()}"
        basic = b64encode(account.encode()).decode()
        asked_at = self._clock()
        try:
            reply = self._http.call(
                "POST",
                self._settings.token_url,
                form={"grant_type": "client_credentials"},
                headers={"Authorization": f"Basic {basic}"},
            )
        except AskFirst as fault:  # in doubt is the token only: nothing was ordered
            raise TryLater(f"token: {fault.reason}", code=fault.code) from fault
        answer = read_object(reply)
        kind, token, life = (answer.get(name) for name in ("token_type", "access_token", "expires_in"))
        whole = isinstance(token, str) and token and isinstance(kind, str) and kind
        if reply.status == 200 and whole and str(life).isdecimal():
            value = str(token) if self._settings.auth_header == "access_token" else f"{kind} {token}"
            return _Token(value, asked_at + int(str(life)) - self._settings.token_margin)
        # The answer is not kept with the error: half a token may stand in it.
        code = "" if is_outage(reply.status) else answer.get("error", "") if answer else NOT_JSON
        self._outcomes.settle("token", http=reply.status, code=str(code), retry_after=reply.retry_after())
        raise Unclassified("token: the answer holds no token", code="no-token")


def read_object(reply: Reply) -> dict[str, Any]:
    """The answer when it is a JSON object, else an empty one: the outcome table knows that as ``not-json``."""
    try:
        answer = reply.json()
    except Unclassified:
        return {}
    return answer if isinstance(answer, dict) else {}


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"

"""Speaks the exchange's interface: token, list, detail, acknowledge, send. Knows no message of ours."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.bttt_profile.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.sessions import Sessions

NOT_JSON = "not-json"


class Client:
    """One account. Thread-safe: one token for all threads. Every call raises what outcomes.toml says; `TryLater` when no token is to be had.

    `clock` counts seconds and never goes back.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._tokens = Sessions(self._fetch_token, clock)
        urls = (settings.token_url, settings.list_url, settings.detail_url, settings.ack_url, settings.status_url)
        self._http = Http(
            base_url=settings.profile_url,
            hosts=sorted({_host_and_port(url) for url in urls}),
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.answer_bytes,
            ca_file=settings.ca_file,
        )

    def waiting(self) -> list[Any]:
        """The rows of our mailbox that nobody has acknowledged. Raises `Unclassified` for another shape."""
        answer = self._read("list", self._settings.list_url, {"unit_code": self._settings.unit_code})
        rows = unpack(answer.get("profileReceivers"))
        if not isinstance(rows, list):
            raise Unclassified("list: no profileReceivers", code="list-shape")
        return rows

    def detail(self, number: str) -> Any:
        """One profile, as it comes. Raises `Unclassified` when the answer holds none."""
        answer = self._read("detail", self._settings.detail_url, {"profile_id": number})
        profile = unpack(answer.get("profileOutmodel"))
        if not isinstance(profile, dict):
            raise Unclassified("detail: no profileOutmodel", code="detail-shape")
        return profile

    def acknowledge(self, number: str, status: str) -> None:
        """``done`` or ``fail``: the exchange then forgets the profile. May be said again."""
        query = {"profile_id": number, "status": status}
        try:
            reply = self._call("POST", self._settings.ack_url, query=query)
        except AskFirst as fault:  # it may be said again: no doubt to clear up
            raise TryLater(f"ack: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        self._settle("ack", reply)

    def send(self, call: str, document: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, str]:
        """``profile`` or ``status``. Returns what the answer means and an excerpt of it."""
        url = self._settings.profile_url if call == "profile" else self._settings.status_url
        reply = self._call("POST", url, json=document)
        return self._settle(call, reply, again=again), reply.excerpt()

    def ask_for_token(self) -> None:
        """A token asked for now, whatever is kept: does the exchange know us? Raises `TryLater`."""
        self._tokens.renew(self._tokens.current)

    def token(self) -> str:
        """Raises `TryLater`."""
        return self._tokens.get()

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

    def _call(self, method: str, url: str, **more: Any) -> Reply:
        token = self._tokens.get()
        reply = self._http.call(method, url, headers={"Authorization": f"Bearer {token}"}, **more)
        if reply.status == 401:  # the call was not done, so it may be repeated, once
            token = self._tokens.renew(token)
            reply = self._http.call(method, url, headers={"Authorization": f"Bearer {token}"}, **more)
        return reply

    def _read(self, call: str, url: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            reply = self._call("GET", url, query=query)
        except AskFirst as fault:  # reading changes nothing: no doubt to clear up
            raise TryLater(f"{call}: {fault.reason}", code=fault.code) from fault
        self._settle(call, reply)
        return read_object(reply) or {}

    def _settle(self, call: str, reply: Reply, *, again: bool = False) -> Verdict:
        answer = read_object(reply)
        words = (answer or {}).get("errorDesc")
        return self._outcomes.settle(
            call,
            http=reply.status,
            code=NOT_JSON if answer is None else str(answer.get("errorCode", "")),
            text=words if isinstance(words, str) else "",
            answer=""
            if call in ("list", "detail")
            else reply.excerpt(),  # a profile names people: it is kept with its message
            again=again,
            retry_after=reply.retry_after(),
        )


def read_object(reply: Reply) -> dict[str, Any] | None:
    """The answer when it is a JSON object, else None."""
    try:
        answer = reply.json()
    except Unclassified:
        return None
    return answer if isinstance(answer, dict) else None


def unpack(value: Any) -> Any:
    """JSON text inside JSON, opened; other text stays text."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"

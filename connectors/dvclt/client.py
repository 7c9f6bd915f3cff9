"""Speaks DVCLT's interface: token, list, detail, received, status. Knows no message of ours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from connectors.dvclt.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.sessions import Sessions

NOT_JSON = "not-json"
_LONGEST_WORDS = 500  # of one text in an answer: longer ones are data


class Client:
    """One account. Thread-safe: one token for all threads.

    `clock` counts seconds and never goes back. Every call raises what outcomes.toml says; `TryLater` when no token is to be had.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._tokens = Sessions(self._fetch_token, clock)
        urls = (settings.token_url, settings.list_url, settings.detail_url, settings.received_url, settings.status_url)
        self._http = Http(
            base_url=settings.status_url,
            hosts=urls,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.answer_bytes,
            ca_file=settings.ca_file,
        )

    def waiting(self) -> list[Any]:
        """The rows of dossiers that the province has not acknowledged. Raises `Unclassified` for another shape."""
        answer = self._read("list", self._settings.list_url)
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise Unclassified("list: no data", code="list-shape", answer=str(answer)[:500])
        return rows

    def detail(self, number: str) -> Any:
        """One dossier, as it comes: JSON, in which JSON text and XML text may hide."""
        return self._read("detail", f"{self._settings.detail_url.rstrip('/')}/{quote(number, safe='')}")

    def receive(self, code: str) -> None:
        """Say that the dossier is stored with us. May be said again."""
        reply = self._call("PUT", self._settings.received_url, {"maHoSo": code, "daNhan": True})
        self._settle("received", reply)

    def report(self, status: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, Reply]:
        """A status of a dossier. Three of its fields are JSON or file inside text: the caller has made them so."""
        reply = self._call("POST", self._settings.status_url, status)
        return self._settle("status", reply, again=again), reply

    def ask_for_token(self) -> None:
        """A token asked for now, whatever is kept: does DVCLT know us? Raises `TryLater`."""
        self._tokens.renew(self._tokens.current)

    def token(self) -> str:
        """Raises `TryLater`."""
        return self._tokens.get()

    def _fetch_token(self) -> tuple[str, float]:
        account = {"userName": self._settings.username, "password": self._settings.password.get_secret_value()}
        try:
            reply = self._http.call("POST", self._settings.token_url, json=account)
        except AskFirst as fault:  # in doubt is the token only
            raise TryLater(f"token: {fault.reason}", code=fault.code) from fault
        answer = read_json(reply)
        token = answer.get("token") if isinstance(answer, dict) else None
        if reply.status == 200 and isinstance(token, str) and token:
            return token, self._settings.token_minutes * 60
        # The answer is not kept with the error: half a token may stand in it.
        code = NOT_JSON if answer is None else "no-token"
        self._outcomes.settle("token", http=reply.status, code=code, retry_after=reply.retry_after())
        raise Unclassified("token: the answer holds no token", code="no-token")

    def _call(self, method: str, url: str, body: Any = None) -> Reply:
        token = self._tokens.get()
        reply = self._http.call(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
        if reply.status != 401:
            return reply
        token = self._tokens.renew(token)  # 401: the call was not done, so it may be repeated, once
        return self._http.call(method, url, json=body, headers={"Authorization": f"Bearer {token}"})

    def _read(self, call: str, url: str) -> Any:
        try:
            reply = self._call("GET", url)
        except AskFirst as fault:  # reading changes nothing: no doubt to clear up
            raise TryLater(f"{call}: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        self._settle(call, reply)
        return read_json(reply)

    def _settle(self, call: str, reply: Reply, *, again: bool = False) -> Verdict:
        answer = read_json(reply)
        return self._outcomes.settle(
            call,
            http=reply.status,
            code=NOT_JSON if answer is None else "",
            text=words_of(answer) if call in ("received", "status") else "",
            answer=reply.excerpt() if call in ("received", "status") else "",
            again=again,
            retry_after=reply.retry_after(),
        )


def read_json(reply: Reply) -> Any:
    """The answer as JSON, unpacked where it is JSON text inside JSON; None when it is no JSON."""
    try:
        return unpack(reply.json())
    except Unclassified:
        return None


def unpack(value: Any) -> Any:
    """JSON text inside JSON, opened at most twice: ``"{\\"a\\": 1}"`` is ``{"a": 1}``. Other text stays text."""
    for _ in range(2):
        if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            break
    return value


def words_of(answer: Any) -> str:
    """What an answer says to people: its texts, in order. Outcomes are told by words alone."""
    texts = answer.values() if isinstance(answer, dict) else [answer]
    return " ".join(text for text in texts if isinstance(text, str) and len(text) <= _LONGEST_WORDS)

"""Speaks the register's interface behind the national axis: token, NhanDKHT, LayKetQua. Knows no message of ours."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.hotich_btp.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.sessions import Sessions

NOT_JSON = "not-json"
MOST = 3  # dossiers in one LayKetQua: the register refuses more


class Client:
    """One account. Thread-safe: one token for all threads.

    `clock` counts seconds and never goes back. Every call raises what outcomes.toml says; `TryLater` when no token is to be had.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._tokens = Sessions(self._fetch_token, clock)
        urls = (settings.token_url, settings.register_url, settings.result_url)
        self._http = Http(
            base_url=settings.register_url,
            hosts=urls,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.answer_bytes,
            ca_file=settings.ca_file,
        )

    def register(self, registration: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, str, Reply]:
        """NhanDKHT. `data` goes as JSON text. Returns what the answer means, its code, and the answer."""
        data = json.dumps(registration["data"], ensure_ascii=False, separators=(",", ":"))
        reply = self._call(self._settings.register_url, {**registration, "data": data})
        verdict, code = self._settle("NhanDKHT", reply, again=again)
        return verdict, code, reply

    def results(self, codes: Sequence[str], module: str) -> Sequence[Mapping[str, Any]]:
        """LayKetQua for at most three dossiers: one row for each that the register knows. Changes nothing there."""
        question = {"maDinhDanhHoSo": list(codes), "maTinh": self._settings.ma_tinh, "module": module}
        try:
            reply = self._call(self._settings.result_url, question)
        except AskFirst as fault:  # asking changes nothing: no doubt to clear up
            raise TryLater(f"LayKetQua: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        verdict, _ = self._settle("LayKetQua", reply)
        if verdict.then == "none":
            return []
        rows = (read_object(reply) or {}).get("value")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unclassified("LayKetQua: no value", code="result-shape")
        return rows

    def ask_for_token(self) -> None:
        """A token asked for now, whatever is kept: does the axis know us? Raises `TryLater`."""
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

    def _call(self, url: str, body: Mapping[str, Any]) -> Reply:
        token = self._tokens.get()
        reply = self._http.call("POST", url, json=body, headers={"Authorization": f"Bearer {token}"})
        if reply.status != 401:
            return reply
        token = self._tokens.renew(token)  # 401: the call was not done, so it may be repeated, once
        return self._http.call("POST", url, json=body, headers={"Authorization": f"Bearer {token}"})

    def _settle(self, call: str, reply: Reply, *, again: bool = False) -> tuple[Verdict, str]:
        code, text = said(read_object(reply))
        verdict = self._outcomes.settle(
            call,
            http=reply.status,
            code=code,
            text=text,
            answer=reply.excerpt() if call == "NhanDKHT" else "",  # a result names people: it is kept with its message
            again=again,
            retry_after=reply.retry_after(),
        )
        return verdict, code


def read_object(reply: Reply) -> dict[str, Any] | None:
    """The answer when it is a JSON object, else None."""
    try:
        answer = reply.json()
    except Unclassified:
        return None
    return answer if isinstance(answer, dict) else None


def said(answer: Mapping[str, Any] | None) -> tuple[str, str]:
    """An answer's code and words. The code is errorCode where there is one, else status; `not-json` without an answer."""
    if answer is None:
        return NOT_JSON, ""
    error, status = (str(answer.get(name) or "").strip() for name in ("errorCode", "status"))
    words = [answer.get(name) for name in ("statusDescription", "errorDescription", "message")]
    return (status if error in ("", "0") else error), " ".join(w for w in words if isinstance(w, str))

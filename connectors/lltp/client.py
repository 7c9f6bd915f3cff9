"""Speaks with VNeID (a result is handed in) and with the Ministry's system (a dossier is handed in, a result asked for). Knows no message
of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.lltp.settings import Calls, MinistrySettings, VneidSettings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict

NOT_JSON = "not-json"
_LONGEST_WORDS = 500  # of one text in an answer: longer ones are data


class VneidClient:
    """Used by several threads at once. Raises what outcomes.toml says."""

    def __init__(self, settings: VneidSettings, outcomes: Outcomes) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._http = _http(settings, settings.result_url, settings.code_url)

    def result(self, result: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, Reply]:
        """traKetQuaHoSoLLTP: how a dossier stands, with its slip when there is one."""
        body = {"maTinh": self._settings.ma_tinh, "tenTinh": self._settings.ten_tinh, **result}
        key = {self._settings.key_header: self._settings.key.get_secret_value()} if self._settings.key else {}
        reply = self._http.call("POST", self._settings.result_url, json=body, headers=key)
        return settle(self._outcomes, "traKetQua", reply, again=again), reply

    def allocate(self) -> str:
        """A dossier code from the one-stop. Raises `TryLater`, also when a code may have been given and lost: it is then never used."""
        if self._settings.code_url is None:
            raise TryLater("no code_url", code="no-code-url")
        key = self._settings.code_key
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        try:
            reply = self._http.call("GET", self._settings.code_url, headers=headers)
        except AskFirst as fault:
            raise TryLater(f"code: {fault.reason}", code=fault.code) from fault
        settle(self._outcomes, "code", reply)
        answer = read_json(reply)
        code = answer.get("dossier") if isinstance(answer, dict) else None
        if not isinstance(code, str) or not code:
            raise Unclassified("code: the answer holds no dossier code", code="no-code", answer=reply.excerpt())
        return code

    def reach(self) -> str:
        """Is there anybody? Any answer will do: no call of this service changes nothing."""
        try:
            reply = self._http.call("GET", self._settings.result_url)
        except AskFirst as fault:
            raise TryLater(fault.reason, code=fault.code) from fault
        if reply.status >= 500:
            raise TryLater(f"HTTP {reply.status}", code=str(reply.status))
        return f"HTTP {reply.status}"


class MinistryClient:
    """Used by several threads at once. Raises what outcomes.toml says."""

    def __init__(self, settings: MinistrySettings, outcomes: Outcomes) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._http = _http(settings, settings.register_url, settings.result_url)

    def register(self, dossier: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, Reply]:
        """Hand in a dossier."""
        reply = self._http.call("POST", self._settings.register_url, json={**self._who(), **dossier})
        return settle(self._outcomes, "guiHoSo", reply, again=again), reply

    def standing(self, code: str) -> Mapping[str, Any] | None:
        """How a dossier stands; None when the Ministry has no such dossier. Changes nothing there."""
        question = {name: self._who()[name] for name in ("authKey", "maTinh")} | {"maHoSoMCDT": code}
        try:
            reply = self._http.call("POST", self._settings.result_url, json=question)
        except AskFirst as fault:  # asking changes nothing: no doubt to clear up
            raise TryLater(f"layKetQua: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        if settle(self._outcomes, "layKetQua", reply).then == "none":
            return None
        answer = read_json(reply)
        row = answer.get("data", answer) if isinstance(answer, dict) else None
        if not isinstance(row, dict) or "trangThaiXuLy" not in row:
            raise Unclassified("layKetQua: no trangThaiXuLy", code="result-shape")
        return row

    def _who(self) -> dict[str, str]:
        settings = self._settings
        return {
            "authKey": settings.auth_key.get_secret_value(),
            "maTinh": settings.ma_tinh,
            "tenTinh": settings.ten_tinh,
        }


def settle(outcomes: Outcomes, call: str, reply: Reply, *, again: bool = False) -> Verdict:
    """What an answer means: by statusCode where there is one, and by its words. Raises what the table says."""
    answer = read_json(reply)
    code = str(answer.get("statusCode") or "") if isinstance(answer, dict) else ""
    told = (
        isinstance(answer, dict) and "trangThaiXuLy" in answer
    )  # how a dossier stands: its words are about the dossier
    return outcomes.settle(
        call,
        http=reply.status,
        code=NOT_JSON if answer is None else code,
        text="" if told else words_of(answer),
        answer="" if call == "layKetQua" else reply.excerpt(),  # a result names people: it is kept with its message
        again=again,
        retry_after=reply.retry_after(),
    )


def read_json(reply: Reply) -> Any:
    """The answer as JSON; None when it is none."""
    try:
        return reply.json()
    except Unclassified:
        return None


def words_of(answer: Any) -> str:
    """What an answer says to people: its texts, in order."""
    texts = answer.values() if isinstance(answer, dict) else [answer]
    return " ".join(text for text in texts if isinstance(text, str) and len(text) <= _LONGEST_WORDS)


def _http(settings: Calls, base: str, other: str | None) -> Http:
    return Http(
        base_url=base,
        hosts=[other] if other else [],
        connect_timeout=settings.connect_timeout,
        total_timeout=settings.total_timeout,
        max_bytes=settings.answer_bytes,
        ca_file=settings.ca_file,
    )

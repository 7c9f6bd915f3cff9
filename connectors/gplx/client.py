"""Speaks mapi with the driving-licence system: login, DanhSachHoSo, TraCuuHoSo, LayTaiLieuHoSo. Knows no message of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from connectors.gplx.settings import Settings
from gateway import inline
from gateway.errors import AskFirst, Refused, Rejected, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.partnerjson import read_object
from gateway.sessions import Sessions

NO_ENVELOPE = "no-envelope"
_DEEPEST = 12


class Client:
    """One account. Thread-safe: one session for all threads. `clock` counts seconds and never goes back.

    Every call only reads, so none is ever in doubt. Raises what outcomes.toml says; `TryLater` when no session is to be had.
    """

    def __init__(self, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._sessions = Sessions(self._log_in, clock)
        bearer = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.answer_bytes,
            ca_file=settings.ca_file,
            headers={"Accept": "application/json", "Charset": "utf-8", **bearer},
        )

    def dossiers(self, first: date, last: date) -> Sequence[Any]:
        """DanhSachHoSo: the dossiers that were received on these days, both included."""
        return self._list("DanhSachHoSo", {"ngayNhan1": first.isoformat(), "ngayNhan2": last.isoformat()}, "data")

    def detail(self, code: str) -> dict[str, Any]:
        """TraCuuHoSo: how one dossier stands. Raises `Rejected` when the system has none of this code, `Unclassified` for another's."""
        found = self._list("TraCuuHoSo", {"mahoso": code}, "data")
        if not found:
            raise Rejected("TraCuuHoSo: không có hồ sơ này · no such dossier", code="no-dossier")
        one = found[0]
        if not isinstance(one, dict) or one.get("MaHoSo", code) != code:
            raise Unclassified(
                "TraCuuHoSo: trả lời về hồ sơ khác · it answers about another dossier", code="detail-shape"
            )
        return one

    def file(self, place: str) -> bytes:
        """LayTaiLieuHoSo: a paper's content. Raises `Rejected` for one that is not there, is no base64, or is too large."""
        found = self._list("LayTaiLieuHoSo", {"duongdanteptin": place}, "TepTinDinhKem")
        text = found[0].get("Base64") if found and isinstance(found[0], dict) else None
        try:
            return inline.decode(text or "", "", self._settings.file_bytes)
        except Refused as refused:
            [wrong] = refused.faults
            raise Rejected(f"LayTaiLieuHoSo: {wrong.detail} · {wrong.detail_en}", code=wrong.code) from refused

    def log_in_again(self) -> None:
        """A fresh session, whatever the old one's age. Raises `TryLater`."""
        self._sessions.renew(self._sessions.current)

    def _list(self, service: str, parameters: Mapping[str, str], member: str) -> Sequence[Any]:
        answer = self._call(service, parameters)
        found = answer.get(member, [])  # a null is an absent field: nothing there
        if not isinstance(found, list):
            raise Unclassified(f"{service}: {member} is no list", code="list-shape")
        return found

    def _call(self, service: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        session = self._sessions.get()
        verdict, answer = self._once(service, parameters, session)
        if verdict.then == "login":
            verdict, answer = self._once(service, parameters, self._sessions.renew(session))
        if verdict.then == "login":
            raise TryLater(f"{service}: refused again with a fresh session", code="session")
        return answer

    def _once(self, service: str, parameters: Mapping[str, str], session: str) -> tuple[Verdict, dict[str, Any]]:
        body = {"session": session, "service": service, "donViXuLy": self._settings.don_vi_xu_ly, **parameters}
        return self._settled(service, self._settings.service_path, body)

    def _log_in(self) -> tuple[str, float]:
        settings = self._settings
        account = {"username": settings.username, "password": settings.password.get_secret_value()}
        session = self._settled("login", settings.auth_path, account)[1].get("session")
        if not isinstance(session, str) or not session:
            raise TryLater("login: code 0, but no session came with it", code="no-session")
        return session, settings.session_minutes * 60

    def _settled(self, call: str, path: str, body: Mapping[str, str]) -> tuple[Verdict, dict[str, Any]]:
        try:
            reply = self._http.call("POST", path, json=body)
        except AskFirst as fault:  # reading changes nothing: no doubt to clear up
            raise TryLater(f"{call}: {fault.reason}", code=fault.code) from fault
        answer = read_envelope(reply)
        # The answer is not kept with the error: it names people, or holds a session.
        verdict = self._outcomes.settle(
            call, http=reply.status, code=code_of(answer), text=words_of(answer), retry_after=reply.retry_after()
        )
        return verdict, answer or {}


def read_envelope(reply: Reply) -> dict[str, Any] | None:
    """The answer without its nulls; None when it is no JSON object."""
    try:
        return read_object(reply.body, _DEEPEST)
    except Refused:
        return None


def code_of(answer: Mapping[str, Any] | None) -> str:
    """error_code as text, "" when there is none: a number at login, a text elsewhere."""
    if answer is None:
        return NO_ENVELOPE
    code = answer.get("error_code")
    return str(code).strip() if isinstance(code, str | int) and not isinstance(code, bool) else ""


def words_of(answer: Mapping[str, Any] | None) -> str:
    """What it says to people."""
    words = [(answer or {}).get(name) for name in ("message", "result")]
    return " ".join(word for word in words if isinstance(word, str))

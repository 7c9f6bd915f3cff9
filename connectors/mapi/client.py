"""The mapi protocol: log in, put the call into its envelope, read the answer. Knows no message of ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.mapi.settings import Settings
from gateway.errors import DeliveryError, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes
from gateway.sessions import Sessions, is_outage

OUTCOMES = Outcomes.load(Path(__file__).parent / "outcomes.toml")

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came: error_code as text ("" when it has none), its words, and what else it carried.

    What is no JSON object has the code ``no-envelope`` and an empty body.
    """

    http: int
    code: str
    text: str
    body: Mapping[str, Any]
    excerpt: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """An answer that ended well, or that says by `then` how to go on. `result` is as the envelope had it."""

    code: str
    text: str
    result: Any
    duplicate: bool = False
    then: str | None = None


class Client:
    """One mapi endpoint. Used by several threads at once; one session between them.

    Every call raises `TryLater`, `AskFirst`, `Rejected` or `Unclassified`, as outcomes.toml has it. `now`
    gives seconds, rising.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            ca_file=settings.ca_file,
            client_cert=settings.client_cert,
            client_key=settings.client_key,
            headers={"Accept": "application/json", "Charset": "utf-8", "dstcode": settings.dstcode},
        )
        self._sessions = Sessions(self._log_in, now)

    def sync(self, items: Sequence[Item], *, updating: bool) -> Done:
        """DongBoHoSoMC: create or update dossiers, all or none.

        `then` is "update" when a create met a dossier that is already there.
        """
        judged_as = "DongBoHoSoMC.update" if updating else "DongBoHoSoMC.create"
        # The flag is a text on the wire, not a boolean.
        return self._call("DongBoHoSoMC", {"isUpdating": str(updating), "data": list(items)}, judged_as=judged_as)

    def report(self, rows: Sequence[Item]) -> Done:
        """CapNhatTienDoHoSoMC: append progress rows (at most 10). The portal does not notice a repetition."""
        return self._call("CapNhatTienDoHoSoMC", {"data": list(rows)})

    def tell_status(self, item: Item) -> Done:
        """DongBoTrangThaiHoSo: the status of one dossier born on the portal."""
        return self._call("DongBoTrangThaiHoSo", {"type": "2", "data": item})

    def look_up(self, dossier: str) -> Sequence[Item]:
        """TraCuuHoSo: what the portal holds under this code; empty when it has no such dossier."""
        said = self._call("TraCuuHoSo", {"mahoso": dossier})
        if not isinstance(said.result, list) or not all(isinstance(item, dict) for item in said.result):
            raise Unclassified(
                "TraCuuHoSo: result is no list of dossiers", code=said.code, answer=repr(said.result)[:2000]
            )
        return said.result

    def procedures(self) -> Sequence[Item]:
        """LayDanhSachTTHC: the procedures (MATTHC, TENTTHC) of the shared catalogue."""
        return self._shared("LayDanhSachTTHC")

    def fields(self) -> Sequence[Item]:
        """LayDanhMucLinhVuc: the fields (MALINHVUC, TENLINHVUC, MANGANH) of the shared catalogue."""
        return self._shared("LayDanhMucLinhVuc")

    def agencies(self) -> Sequence[Item]:
        """LayDanhMucCoQuan: the organisations (MADONVI, TENDONVI, CAPDONVI) of the shared catalogue."""
        return self._shared("LayDanhMucCoQuan")

    def procedure(self, code: str) -> Item:
        """LayThuTuc: all that the portal tells of one procedure."""
        said = self._call("LayThuTuc", {"maTTHC": code})
        found = said.result[0] if isinstance(said.result, list) and len(said.result) == 1 else said.result
        if not isinstance(found, dict):
            raise Unclassified("LayThuTuc: result is no procedure", code=said.code, answer=repr(said.result)[:2000])
        return found

    def log_in_again(self) -> None:
        """A fresh session, whatever the old one's age. Raises `TryLater` when the portal gives none."""
        self._sessions.renew(self._sessions.current)

    def _shared(self, service: str) -> Sequence[Item]:
        said = self._call(service, {}, path=self._settings.share_path)
        if not isinstance(said.result, list) or not all(isinstance(item, dict) for item in said.result):
            raise Unclassified(f"{service}: result is no list", code=said.code, answer=repr(said.result)[:2000])
        return said.result

    def _call(
        self, service: str, parameters: Mapping[str, Any], *, judged_as: str | None = None, path: str | None = None
    ) -> Done:
        call = judged_as or service
        session = self._sessions.get()
        said, done = self._once(call, service, parameters, path, session)
        if done.then == "login":
            said, done = self._once(call, service, parameters, path, self._sessions.renew(session))
        if done.then == "login":
            raise TryLater(
                f"{call}: refused again with a fresh session: {said.text}", code=said.code, answer=said.excerpt
            )
        return done

    def _once(
        self, call: str, service: str, parameters: Mapping[str, Any], path: str | None, session: str
    ) -> tuple[Said, Done]:
        envelope = {"session": session, "madonvi": self._settings.madonvi, "service": service, **parameters}
        said = read(self._http.call("POST", path or self._settings.integration_path, json=envelope))
        verdict = OUTCOMES.settle(
            call, http=said.http, code=said.code, text=said.text, answer=said.excerpt, retry_after=said.retry_after
        )
        return said, Done(said.code, said.text, said.body.get("result"), verdict.outcome == "duplicate", verdict.then)

    def _log_in(self) -> tuple[str, float]:
        settings = self._settings
        account = {"username": settings.username, "password": settings.password.get_secret_value()}
        try:
            said = read(self._http.call("POST", settings.auth_path, json=account))
        except DeliveryError as error:
            # A login delivers nothing, so whatever became of it, nothing is in doubt.
            raise TryLater(f"login: {error.reason}", code=error.code, answer=error.answer) from error
        code = "" if is_outage(said.http) else said.code
        OUTCOMES.settle("login", http=said.http, code=code, text=said.text, answer=said.excerpt)
        session = said.body.get("session")
        if not isinstance(session, str) or not session:
            raise TryLater("login: code 0, but no session came with it", code="no-session")
        return session, settings.session_minutes * 60


def read(reply: Reply) -> Said:
    """The envelope of an answer. What is no JSON object has code ``no-envelope`` and no words."""
    try:
        body = reply.json()
    except Unclassified:
        body = None  # a page, or nothing: the outcome table has a row for it
    excerpt, wait = reply.excerpt(), reply.retry_after()
    if not isinstance(body, dict):
        return Said(reply.status, "no-envelope", "", {}, excerpt, wait)
    code, words = body.get("error_code"), (body.get("message"), body.get("result"))
    code = str(code).strip() if isinstance(code, str | int) and not isinstance(code, bool) else ""
    return Said(reply.status, code, " ".join(w for w in words if isinstance(w, str)), body, excerpt, wait)

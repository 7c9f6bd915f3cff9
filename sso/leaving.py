"""One logout everywhere: ours first, then every client is told behind the browser's back, then the browser ends the provider's session.

A client that does not answer is told again, for a day; what was never taken stands in the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import structlog

from gateway.errors import DeliveryError, Misconfigured
from gateway.http import Http
from sso.claims import session_id
from sso.errors import Stopped
from sso.keys import BadToken
from sso.office import Office
from sso.sessions import Session, Sessions
from sso.settings import Client
from sso.store import Row
from sso.tokens import Tokens
from sso.upstream import Upstream
from sso.vault import same
from sso.vouchers import claim, issue, look

log = structlog.get_logger("sso")

_LIFE = timedelta(minutes=10)
_LEASE = timedelta(seconds=30)
_FIRST, _MOST = 5.0, 3600.0  # seconds between two tries
_TRIES = 30
_AT_A_TIME = 200  # notices looked at
_LONGEST = 2048  # of a `state`
_GIVE_UP = "given up"


@dataclass(frozen=True, slots=True)
class Wish:
    """A checked request to log out: where to go at the end, and what the id_token that came with it says of client and session ("")."""

    back: str
    client: str = ""
    sid: str = ""


class Leaving:
    def __init__(self, office: Office, sessions: Sessions, tokens: Tokens, upstreams: Mapping[str, Upstream]) -> None:
        self._office, self._sessions, self._tokens, self._upstreams = office, sessions, tokens, upstreams
        self._https: dict[str, Http] = {}

    # ── the browser ─────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, given: Mapping[str, str]) -> Wish:
        """Raises `Stopped`: no address is gone to that is not the asking client's own."""
        name, sid = given.get("client_id"), ""
        if "id_token_hint" in given:
            try:
                hint = self._tokens.read_hint(given["id_token_hint"])
            except BadToken as fault:
                raise Stopped(f"logout: hint: {fault}") from fault
            if name not in (None, hint["aud"]):
                raise Stopped("logout: client_id is not the hint's")
            name, sid = hint["aud"], hint["sid"]
        client = self._office.clients.get(name or "")
        back = given.get("post_logout_redirect_uri", "")
        if back and (client is None or back not in client.post_logout_redirect_uris):
            raise Stopped("logout: an address that is not registered")
        if len(given.get("state", "")) > _LONGEST:
            raise Stopped("logout: state")
        if back and "state" in given:
            back += ("&" if urlsplit(back).query else "?") + urlencode({"state": given["state"]})
        return Wish(back, client.id if client is not None else "", sid)

    def is_sure(self, wish: Wish, session: Session) -> bool:
        """It carries an id_token of this very session, so nobody else can have made it."""
        client = self._office.clients.get(wish.client)
        return client is not None and same(wish.sid, session_id(self._office, client, session.id))

    def keep(self, wish: Wish) -> str:
        """The secret of a wish that waits for the next step."""
        with self._office.store.write() as rows:
            return issue(self._office, rows, "leaving", asdict(wish), _LIFE)

    def seen(self, secret: str) -> Wish:
        """The wish that waits, without spending it. Raises `Stopped`."""
        with self._office.store.read() as rows:
            data = look(self._office, rows, "leaving", secret)
        if data is None:
            raise Stopped("a logout that was answered or has run out")
        return Wish(**data)

    def kept(self, secret: str) -> str | None:
        """Where to go at the end; None for a secret that is not good."""
        with self._office.store.write() as rows:
            voucher = claim(self._office, rows, "leaving", secret)
        return str(voucher.data["back"]) if voucher is not None and voucher.claimed else None

    def leave(self, session: Session | None, back: str) -> str:
        """End the session here, and give the address where the browser goes next ("" for our own last page)."""
        if session is None:
            return back
        with self._office.store.write() as rows:
            self._sessions.end(rows, session.id, "logged out")
        id_token = session.upstream.get("id_token")
        upstream = self._upstreams.get(session.provider)
        if upstream is None or not id_token:
            return back
        state = self.keep(Wish(back))
        try:
            there = upstream.logout_address(id_token, f"{self._office.issuer}/sso/signed-out", state)
        except Stopped as fault:  # it is away: ours has ended all the same
            log.warning("provider_keeps_its_session", provider=session.provider, error=fault.because)
            return back
        return there or back

    # ── behind its back ─────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, most: int = 20) -> int:
        """Tell clients of sessions that ended; at most `most` calls. Returns how many took it. Safe in several processes at once. A client
        that is silent is called once each time, whatever waits for it: it holds up no other."""
        now, silent, calls, taken = self._office.now(), set[str](), 0, 0
        with self._office.store.read() as rows:
            due = rows.all("notices", order="due_at", most=_AT_A_TIME, ended_at=None, due_at_until=now)
        for row in due:
            calls += row["client"] not in silent
            taken += self._tell_one(row, silent)
            if calls >= most:
                break
        return taken

    def _tell_one(self, row: Row, silent: set[str]) -> bool:
        now = self._office.now()
        mine = {"id": row["id"], "ended_at": None, "tries": row["tries"]}
        with self._office.store.write() as rows:
            if not rows.change("notices", mine, tries=row["tries"] + 1, due_at=now + _LEASE):
                return False
        client = self._office.clients.get(row["client"])
        outcome = "client gone"
        if client is not None and client.backchannel_logout_uri:
            outcome = self._post(client, row, silent)
        taken = outcome == ""
        over = taken or client is None or row["tries"] + 1 >= _TRIES
        wait = timedelta(seconds=min(_MOST, _FIRST * 2 ** row["tries"]))
        with self._office.store.write() as rows:
            rows.change(
                "notices",
                {"id": row["id"]},
                outcome="taken" if taken else outcome[:200],
                due_at=now + wait,
                ended_at=now if over else None,
            )
            if over:
                event, detail = ("logout_told", None) if taken else ("logout_untold", f"{_GIVE_UP}: {outcome}")
                self._office.note(rows, event, client=row["client"], session=row["session"], detail=detail)
        return taken

    def _post(self, client: Client, row: Row, silent: set[str]) -> str:
        """Empty when the client took it; else what happened. Whoever does not answer is put among the `silent`, who are not called."""
        if client.id in silent:
            return "not called: it had just not answered"
        token = self._tokens.logout_token(client, row["sub"], row["session"])
        try:
            reply = self._http(client).call("POST", client.backchannel_logout_uri, form={"logout_token": token})
        except (DeliveryError, Misconfigured) as fault:
            silent.add(client.id)
            return str(fault)
        return "" if reply.status in (200, 204) else f"HTTP {reply.status}"

    def _http(self, client: Client) -> Http:
        uri = client.backchannel_logout_uri
        if uri not in self._https:
            self._https[uri] = Http(base_url=uri, connect_timeout=4, total_timeout=8, max_bytes=1 << 16)
        return self._https[uri]

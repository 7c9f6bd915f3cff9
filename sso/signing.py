"""A person signs in: off to a provider, back with a code, found among the people we know, and a session begins.

State, nonce and PKCE verifier stay here, under a random state that the same browser must bring back: its cookie's digest is kept with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from sso.clients import Place
from sso.errors import Stopped
from sso.limits import count_try
from sso.office import Office
from sso.people import Known, Match, People
from sso.reading import read_known
from sso.sessions import Sessions
from sso.settings import Provider
from sso.store import Row, Rows
from sso.upstream import Upstream
from sso.vault import digest, random_text, same
from sso.vouchers import claim, issue, look

_STATE_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Signed in: the new cookie's value, the session's id, and the secret of the request that waits (or "")."""

    cookie: str
    session: str
    pending: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Accounts with the same verified number: the person must say whether they are his. `link` is the secret of the question."""

    link: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The person, or the provider, said no."""

    pending: str


class Signing:
    def __init__(self, office: Office, upstreams: Mapping[str, Upstream], people: People, sessions: Sessions) -> None:
        self._office, self._upstreams, self._people, self._sessions = office, upstreams, people, sessions

    def providers(self, people: tuple[str, ...]) -> list[Provider]:
        """Those that sign in these kinds of people."""
        return [u.provider for u in self._upstreams.values() if u.provider.people in people]

    def leave(self, provider: str, pending: str, browser: str, again: bool) -> str:
        """The provider's address to send the browser to. Raises `Stopped`."""
        upstream = self._upstream(provider)
        nonce, verifier = random_text(), random_text(48)
        upstream.endpoints()  # asked before anything is written: it may be away
        data: dict[str, Any] = {
            "since": self._office.now().timestamp() if again else None,
            "provider": provider,
            "nonce": nonce,
            "verifier": verifier,
            "pending": pending,
            "browser": digest(browser),
        }
        with self._office.store.write() as rows:
            state = issue(self._office, rows, "upstream", data, _STATE_LIFE)
        return upstream.address(state, nonce, verifier, again)

    def arrive(
        self, provider: str, given: Mapping[str, str], browser: str, cookie: str | None, place: Place
    ) -> Arrived | Doubt | Cancelled:
        """The provider has sent the browser back. Raises `Stopped`, `TooMany`."""
        upstream = self._upstream(provider)
        data = self._claimed("upstream", given.get("state", ""), browser)
        if data["provider"] != provider:
            raise Stopped("another provider answers than was asked")
        upstream.check_issuer(given.get("iss"))
        if "error" in given:
            self._note(f"provider said {given['error'][:60]!a}", place)
            return Cancelled(data["pending"])
        if not given.get("code"):
            raise Stopped("neither a code nor an error")
        returned = upstream.finish(given["code"], data["nonce"], data["verifier"], data["since"])
        known, unread = read_known(upstream.provider, returned)
        leaving = {"id_token": returned.id_token, "sid": returned.sid}
        with self._office.store.write() as rows:
            done = self._settle(rows, known, unread, leaving, data["pending"], browser, cookie, place)
        return _told(done)

    def question(self, link: str, browser: str) -> list[Row]:
        """What is to be confirmed: masked numbers of the accounts, shown to the browser that signed in. Raises `Stopped`."""
        with self._office.store.read() as rows:
            data = look(self._office, rows, "link", link)
            if data is None:
                raise Stopped("a question that was answered or has run out")
            if not same(data["browser"], digest(browser)):
                raise Stopped("a question to another browser")
            return [n for account in data["others"] for n in self._people.identifiers(rows, account) if n["masked"]]

    def answer(self, link: str, yes: bool, browser: str, cookie: str | None, place: Place) -> Arrived:
        """The person has answered whether the accounts are his. Raises `Stopped`."""
        data = self._claimed("link", link, browser)
        known = Known(**{**data["known"], "roles": tuple(data["known"]["roles"])})
        with self._office.store.write() as rows:
            self._people.take_turns(rows, known)
            match = self._people.match(rows, known)  # as things are now
            done: Arrived | Stopped | None = self._barred(rows, match, place)
            if done is None:
                person = self._linked(rows, known, match, yes, place)
                done = self._begin(rows, known, person, data["leaving"], data["pending"], cookie, place)
        arrived = _told(done)
        assert isinstance(arrived, Arrived)  # noqa: S101 - a question is not answered with a question
        return arrived

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(
        self, rows: Rows, known: Known, unread: list[str], leaving: dict[str, Any], pending: str, browser: str,
        cookie: str | None, place: Place,
    ) -> Arrived | Doubt | Stopped:  # fmt: skip
        self._people.take_turns(rows, known)
        match = self._people.match(rows, known)
        if unread:
            self._office.note(
                rows, "claims_unread", person=match.person, detail=f"{known.provider}: {', '.join(unread)}"
            )
        if match.strangers:
            detail = f"{known.provider}: {', '.join(match.strangers)}"
            self._office.note(rows, "identifier_conflict", person=match.person, place=place.told, detail=detail)
        if (barred := self._barred(rows, match, place)) is not None:
            return barred
        if match.others:
            data = {
                "known": asdict(known),
                "others": list(match.others),
                "leaving": leaving,
                "pending": pending,
                "browser": digest(browser),
            }
            return Doubt(issue(self._office, rows, "link", data, _STATE_LIFE))
        return self._begin(rows, known, self._found(rows, known, match), leaving, pending, cookie, place)

    def _barred(self, rows: Rows, match: Match, place: Place) -> Stopped | None:
        """Whoever has a disabled account opens no other, and does not take it into another: whatever he answers."""
        for account in (match.person, *match.others):
            person = self._people.get(rows, account) if account is not None else None
            if person is not None and person.disabled:
                return self._refused(rows, person.id, place)
        return None

    def _refused(self, rows: Rows, number: str, place: Place) -> Stopped:
        """It is returned, not raised: what was noted stays."""
        self._office.note(rows, "sign_in_refused", person=number, place=place.told, detail="disabled")
        return Stopped(
            "the account is disabled",
            status=403,
            words="Tài khoản này đã bị khóa.",
            words_en="This account has been disabled.",
        )

    def _linked(self, rows: Rows, known: Known, match: Match, yes: bool, place: Place) -> str:
        accounts = [a for a in (match.person, *match.others) if a]
        if yes and accounts:
            return self._people.link(rows, known, accounts, "confirmed by the person")
        if not yes:
            self._office.note(rows, "link_declined", person=match.person, place=place.told)
        return self._found(rows, known, match)

    def _found(self, rows: Rows, known: Known, match: Match) -> str:
        if match.person is None:
            return self._people.create(rows, known)
        self._people.renew(rows, match.person, known)
        return match.person

    def _begin(
        self,
        rows: Rows,
        known: Known,
        number: str,
        leaving: dict[str, Any],
        pending: str,
        cookie: str | None,
        place: Place,
    ) -> Arrived | Stopped:
        person = self._people.get(rows, number)
        if person is None or person.disabled:
            return self._refused(rows, number, place)
        count_try(rows, self._office.settings.limits.rule("person"), f"person:{person.id}", self._office.now())
        secret, session = self._sessions.begin(
            rows, person.id, known.provider, known.level, leaving, place.told, cookie, known.shown
        )
        detail = f"{known.provider}, level {known.level}"
        self._office.note(rows, "signed_in", person=person.id, session=session.id, place=place.told, detail=detail)
        return Arrived(secret, session.id, pending)

    def _upstream(self, provider: str) -> Upstream:
        if provider not in self._upstreams:
            raise Stopped("no such provider", status=404)
        return self._upstreams[provider]

    def _claimed(self, kind: str, secret: str, browser: str) -> Mapping[str, Any]:
        with self._office.store.write() as rows:
            voucher = claim(self._office, rows, kind, secret)
        if voucher is None or not voucher.claimed:
            raise Stopped(f"{kind}: unknown, used or run out")
        if not same(voucher.data["browser"], digest(browser)):
            raise Stopped(f"{kind}: another browser's")
        return voucher.data

    def _note(self, detail: str, place: Place) -> None:
        with self._office.store.write() as rows:
            self._office.note(rows, "sign_in_refused", place=place.told, detail=detail)


def _told(done: Arrived | Doubt | Stopped) -> Arrived | Doubt:
    if isinstance(done, Stopped):
        raise done
    return done


__all__ = ["Arrived", "Cancelled", "Doubt", "Signing"]

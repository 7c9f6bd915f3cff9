"""What becomes of an authorization request: sign in first, ask for consent first, or answer it with a code or an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from sso.claims import subject
from sso.office import Office
from sso.people import People, Person
from sso.requests import Answer, Request, Requests
from sso.sessions import Session
from sso.store import Rows
from sso.tokens import Tokens
from sso.vouchers import claim, issue, look

PENDING_LIFE = timedelta(minutes=15)
_PEOPLE = {"citizen": "citizens", "enterprise": "citizens", "officer": "staff"}


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for the person. `fresh`: the session he signed in with for it; `agreed`: he consented for it."""

    request: Request
    fresh: str = ""
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """The browser must go somewhere first."""

    what: Literal["sign-in", "consent"]


class Authorizing:
    def __init__(self, office: Office, requests: Requests, people: People, tokens: Tokens) -> None:
        self._office, self._requests, self._people, self._tokens = office, requests, people, tokens

    # ── requests that wait ──────────────────────────────────────────────────────────────────────────────────────

    def keep(self, rows: Rows, pending: Pending) -> str:
        data = {"params": dict(pending.request.params), "fresh": pending.fresh, "agreed": pending.agreed}
        return issue(self._office, rows, "pending", data, PENDING_LIFE)

    def find(self, secret: str, spend: bool = False) -> Pending | None:
        """The request that waits under this secret; with `spend` nobody finds it a second time."""
        if spend:
            with self._office.store.write() as rows:
                voucher = claim(self._office, rows, "pending", secret)
                data: Mapping[str, Any] | None = voucher.data if voucher and voucher.claimed else None
        else:
            with self._office.store.read() as rows:
                data = look(self._office, rows, "pending", secret)
        if data is None:
            return None
        return Pending(self._requests.check(data["params"]), data["fresh"], data["agreed"])

    # ── deciding ────────────────────────────────────────────────────────────────────────────────────────────────

    def decide(self, pending: Pending, session: Session | None, place: str) -> Answer | Need:
        """Raises `Declined`."""
        request = pending.request
        person = self._person(request, session)
        need = self._sign_in(pending, session, person)
        if need is None and session is not None and person is not None:
            if self._lacks_consent(pending, person):
                need = Need("consent")
            elif (answer := self._code(pending, session, place)) is not None:
                return answer
        if need is None:
            need = Need("sign-in")
        if "none" in request.prompts:
            error = "consent_required" if need.what == "consent" else "login_required"
            raise self._requests.decline(request, error, "prompt=none")
        return need

    def _person(self, request: Request, session: Session | None) -> Person | None:
        """Whoever is signed in, if he is one whom this client signs in."""
        if session is None:
            return None
        with self._office.store.read() as rows:
            person = self._people.get(rows, session.person)
        return person if person and not person.disabled and _PEOPLE[person.kind] in request.client.people else None

    def _sign_in(self, pending: Pending, session: Session | None, person: Person | None) -> Need | None:
        request = pending.request
        if session is None or person is None:
            return Need("sign-in")
        fresh = pending.fresh == session.id
        if not fresh and request.prompts & {"login", "select_account"}:
            return Need("sign-in")
        age = self._office.now() - session.auth_time
        if not fresh and request.max_age is not None and age > timedelta(seconds=request.max_age):
            return Need("sign-in")
        if session.level < request.level:
            if fresh:
                raise self._requests.decline(request, "unmet_authentication_requirements", "assurance too low")
            return Need("sign-in")
        return None

    def _lacks_consent(self, pending: Pending, person: Person) -> bool:
        request = pending.request
        if pending.agreed:
            return False
        if "consent" in request.prompts:
            return True
        if request.client.consent == "implied":
            return False
        with self._office.store.read() as rows:
            row = rows.first("consents", person=person.id, client=request.client.id)
        return row is None or not set(request.scopes) <= set(row["scopes"].split())

    def _code(self, pending: Pending, session: Session, place: str) -> Answer | None:
        """None when the session has ended since it was looked at: whoever ends it either finds what is granted here or comes first."""
        office, request = self._office, pending.request
        with office.store.write() as rows:
            row = rows.first("sessions", lock=True, id=session.id, ended_at=None)
            if row is None:
                return None
            person = row["person"]  # he may have been merged into another since
            family = self._tokens.found(rows, request.client, session.id, person, session.expires_at, request.offline)
            sub = subject(office, request.client, person)
            rows.add("visits", session=session.id, client=request.client.id, sub=sub, at=office.now())
            data = {
                "client": request.client.id,
                "redirect_uri": request.redirect_uri,
                "challenge": request.challenge,
                "nonce": request.nonce,
                "scopes": list(request.scopes),
                "auth_time": session.auth_time.isoformat(),
                "level": session.level,
                "audience": request.audience,
            }
            code = issue(office, rows, "code", data, timedelta(seconds=office.settings.code_seconds), family)
            office.note(rows, "signed_in_to", person=person, client=request.client.id, session=session.id, place=place)
        params = {"code": code, "iss": office.issuer} | ({"state": request.state} if request.state is not None else {})
        return Answer(request.redirect_uri, request.mode, params)

    # ── consent ─────────────────────────────────────────────────────────────────────────────────────────────────

    def consent(self, rows: Rows, pending: Pending, session: Session, place: str) -> Pending:
        """The person agrees. What he agreed to is kept, and asked again when the client wants more."""
        request = pending.request
        person = self._people.get(rows, session.person)
        who = {"person": person.id if person else session.person, "client": request.client.id}
        row = rows.first("consents", lock=True, **who)
        scopes = sorted({*request.scopes, *(row["scopes"].split() if row else [])})
        if not rows.add("consents", **who, scopes=" ".join(scopes), at=self._office.now()):
            rows.change("consents", who, scopes=" ".join(scopes), at=self._office.now())
        self._office.note(
            rows, "consented", person=who["person"], client=request.client.id, place=place, detail=" ".join(scopes)
        )
        return Pending(request, pending.fresh, True)

    def withdraw(self, rows: Rows, person: str, client: str, place: str) -> None:
        """No consent any more, and nothing that was granted on it. Where there was nothing, nothing is noted."""
        given = {"person": person, "client": client}
        agreed = rows.first("consents", person=person, client=client)
        rows.drop("consents", **given)
        now, because = self._office.now(), "consent withdrawn"
        ended = rows.change("families", {**given, "revoked_at": None}, revoked_at=now, because=because)
        if agreed is not None or ended:
            self._office.note(rows, "consent_withdrawn", **given, place=place)

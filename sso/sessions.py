"""A person's session in a browser: a row here, a random value in a cookie there. It ends by itself (idle, absolute), by its owner or by an
admin; its end is told to every client that saw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sso.office import Office
from sso.store import Row, Rows
from sso.vault import digest, random_name, random_text

_SEEN_EACH = timedelta(seconds=60)  # how exactly idleness is measured: a look costs a write at most this often


@dataclass(frozen=True, slots=True)
class Session:
    """`level` 1 to 3: how sure the provider was. `upstream`: what the provider wants back at the logout."""

    id: str
    person: str
    provider: str
    level: int
    auth_time: datetime
    expires_at: datetime
    upstream: dict[str, Any]


class Sessions:
    def __init__(self, office: Office) -> None:
        self._office = office

    def begin(
        self,
        rows: Rows,
        person: str,
        provider: str,
        level: int,
        upstream: dict[str, Any],
        place: str,
        replaced: str | None,
        shown: float | None = None,
    ) -> tuple[str, Session]:
        """A session: (the cookie's value, the session). The value is always a fresh one. Whoever signs in again goes on with his session, so
        that its clients stay; another person's session in this browser ends. `shown`: when the person showed himself (Unix seconds)."""
        now = self._office.now()
        auth_time = now if shown is None else datetime.fromtimestamp(min(shown, now.timestamp()), UTC)
        secret = random_text()
        expires = now + timedelta(hours=self._office.settings.session_hours)
        before = rows.first("sessions", lock=True, secret=digest(replaced), ended_at=None) if replaced else None
        if before is not None and before["person"] == person and self._lives(before, now):
            number = str(before["id"])
            rows.change(
                "sessions",
                {"id": number},
                secret=digest(secret),
                provider=provider,
                level=level,
                auth_time=auth_time,
                seen_at=now,
                expires_at=expires,
                upstream=self._office.vault.seal(f"sessions/{number}", upstream),
                place=place,
            )
            return secret, Session(number, person, provider, level, auth_time, expires, upstream)
        if before is not None:
            self.end(rows, before["id"], "another sign-in in this browser")
        number = random_name(12)
        rows.add(
            "sessions",
            id=number,
            secret=digest(secret),
            person=person,
            provider=provider,
            level=level,
            auth_time=auth_time,
            seen_at=now,
            expires_at=expires,
            upstream=self._office.vault.seal(f"sessions/{number}", upstream),
            place=place,
        )
        return secret, Session(number, person, provider, level, auth_time, expires, upstream)

    def find(self, secret: str) -> Session | None:
        """The live session of a cookie's value, seen now."""
        now = self._office.now()
        with self._office.store.read() as rows:
            row = rows.first("sessions", secret=digest(secret), ended_at=None)
        if row is None or not self._lives(row, now):
            return None
        if now - row["seen_at"] >= _SEEN_EACH:
            with self._office.store.write() as rows:
                rows.change("sessions", {"id": row["id"], "ended_at": None}, seen_at=now)
        return self._open(row)

    def get(self, rows: Rows, number: str) -> Session | None:
        """The live session of this id."""
        row = rows.first("sessions", id=number, ended_at=None)
        return self._open(row) if row is not None and self._lives(row, self._office.now()) else None

    def of_person(self, rows: Rows, person: str) -> list[Row]:
        """Live ones, newest first, as rows."""
        now = self._office.now()
        found = rows.all("sessions", newest="auth_time", person=person, ended_at=None)
        return [row for row in found if self._lives(row, now)]

    def end(self, rows: Rows, number: str, because: str) -> bool:
        """End it here, revoke what was granted in it, and have its clients told. False when it had ended already."""
        now = self._office.now()
        ended = rows.change("sessions", {"id": number, "ended_at": None}, ended_at=now, because=because)
        if not ended:
            return False
        rows.change(
            "families", {"session": number, "revoked_at": None, "offline": False}, revoked_at=now, because=because
        )
        for visit in rows.all("visits", session=number):
            client = self._office.clients.get(visit["client"])
            if client is not None and client.backchannel_logout_uri:
                rows.add("notices", client=visit["client"], session=number, sub=visit["sub"], due_at=now, tries=0)
        self._office.note(rows, "session_ended", person=ended[0]["person"], session=number, detail=because)
        return True

    def end_granted(self, rows: Rows, person: str, because: str, session: str | None = None) -> int:
        """End the person's sessions, or one of them, and whatever was granted there, to be used without him too. Returns how many ended."""
        chosen = {"person": person} | ({"session": session} if session is not None else {})
        ended = [self.end(rows, r["id"], because) for r in self.of_person(rows, person) if session in (None, r["id"])]
        rows.change("families", {**chosen, "revoked_at": None}, revoked_at=self._office.now(), because=because)
        return sum(ended)

    def end_stale(self, rows: Rows) -> int:
        """End those whose time is over, so that their clients hear of it."""
        now = self._office.now()
        stale = rows.all("sessions", most=200, ended_at=None, expires_at_until=now)
        stale += rows.all("sessions", most=200, ended_at=None, seen_at_until=now - self._office.settings.idle)
        return sum(self.end(rows, row["id"], "expired") for row in stale)

    def _lives(self, row: Row, now: datetime) -> bool:
        return bool(now < row["expires_at"] and now < row["seen_at"] + self._office.settings.idle)

    def _open(self, row: Row) -> Session:
        upstream = self._office.vault.unseal(f"sessions/{row['id']}", row["upstream"])
        return Session(
            row["id"], row["person"], row["provider"], row["level"], row["auth_time"], row["expires_at"], upstream
        )

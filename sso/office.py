"""What all of the sign-on shares: its settings, its clients, the store, the vault, the keys and the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sso.keys import Keys
from sso.settings import Client, Settings
from sso.store import Rows, Store
from sso.vault import Vault


@dataclass(frozen=True, slots=True)
class Office:
    """`issuer` is our public address, which names us in every token."""

    issuer: str
    settings: Settings
    clients: Mapping[str, Client]
    store: Store
    vault: Vault
    keys: Keys
    now: Callable[[], datetime]

    def note(
        self,
        rows: Rows,
        event: str,
        *,
        person: str | None = None,
        client: str | None = None,
        session: str | None = None,
        place: str | None = None,
        detail: str | None = None,
    ) -> None:
        """One line of the journal. `detail` carries no personal data and no secret; what cannot be written of a stranger's words is escaped."""
        rows.add(
            "events",
            at=self.now(),
            event=event,
            person=person,
            client=client,
            session=session,
            place=place,
            detail=_writable(detail[:500]) if detail else None,
        )


def _writable(text: str) -> str:
    """Without what no database takes (a zero byte, half a surrogate pair) and what would move a reader's cursor."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

"""Things that are good once and for a while: codes, refresh tokens, pushed requests, states of a sign-in under way, assertion ids.

The database knows a voucher by its digest; what it carries is sealed. Claiming is one statement, so that of two who come with the same
voucher one gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sso.office import Office
from sso.store import Rows
from sso.vault import digest, random_text


@dataclass(frozen=True, slots=True)
class Voucher:
    """What was found under a secret. `claimed`: it was good and unspent, and now it is spent. `spent`: it had been used before."""

    data: Mapping[str, Any]
    family: str | None
    claimed: bool
    spent: bool


def issue(
    office: Office, rows: Rows, kind: str, data: Mapping[str, Any], life: timedelta, family: str | None = None
) -> str:
    """The secret of a new voucher, which is known to its holder only."""
    secret = random_text()
    key = _key(kind, secret)
    sealed = office.vault.seal(f"vouchers/{key}", dict(data))
    rows.add("vouchers", digest=key, kind=kind, data=sealed, family=family, expires_at=office.now() + life)
    return secret


def claim(office: Office, rows: Rows, kind: str, secret: str) -> Voucher | None:
    """Spend it. None when there is none; look at `claimed` before believing `data`."""
    key, now = _key(kind, secret), office.now()
    changed = rows.change("vouchers", {"digest": key, "used_at": None, "expires_at_after": now}, used_at=now)
    row = changed[0] if changed else rows.first("vouchers", digest=key)
    if row is None:
        return None
    data = office.vault.unseal(f"vouchers/{key}", row["data"])
    return Voucher(data, row["family"], bool(changed), not changed and row["used_at"] is not None)


def look(office: Office, rows: Rows, kind: str, secret: str) -> Mapping[str, Any] | None:
    """What an unspent voucher carries, without spending it."""
    key = _key(kind, secret)
    row = rows.first("vouchers", digest=key, used_at=None, expires_at_after=office.now())
    if row is None:
        return None
    data: Mapping[str, Any] = office.vault.unseal(f"vouchers/{key}", row["data"])
    return data


def find_family(rows: Rows, kind: str, secret: str) -> str | None:
    """The family of a voucher, good or not."""
    row = rows.first("vouchers", digest=_key(kind, secret))
    return row["family"] if row else None


def spend_number(office: Office, rows: Rows, kind: str, number: str, until: datetime) -> bool:
    """Note somebody else's one-time number. False when it was spent before."""
    now = office.now()
    return rows.add("vouchers", digest=_key(kind, number), kind=kind, data="", expires_at=until, used_at=now)


def is_noted(rows: Rows, kind: str, number: str) -> bool:
    return rows.first("vouchers", digest=_key(kind, number)) is not None


def _key(kind: str, secret: str) -> str:
    return digest(f"{kind}\0{secret}")

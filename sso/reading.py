"""A provider's claims in our words, by the map in its settings. What cannot be read is left out and named, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sso.errors import Stopped
from sso.people import Known
from sso.settings import Provider
from sso.upstream import Returned
from sso.vault import is_text

_SHAPES = {
    "cccd": r"[0-9]{12}",
    "cmnd": r"[0-9]{9}",
    "tax_code": r"[0-9]{10}(-?[0-9]{3})?",
    "enterprise_code": r"[0-9A-Za-z-]{6,20}",
    "passport": r"[A-Z0-9]{6,12}",
}
_APART = ("account_kind", "organisation", "roles")


def read_known(provider: Provider, returned: Returned) -> tuple[Known, list[str]]:
    """Who was signed in, and which of our claims could not be read. Raises `Stopped` for a kind of account we do not know."""
    given = {ours: returned.claims.get(theirs) for ours, theirs in provider.claims.items()}
    kind = _kind(provider, given.get("account_kind"))
    profile, unread = {}, []
    for name, value in given.items():
        if name in _APART or value in (None, ""):
            continue
        try:
            profile[name] = _read(name, _text(value))
        except ValueError:
            unread.append(name)
    _put_old_number_right(profile, given, unread)
    organisation = None
    if given.get("organisation"):
        try:
            organisation = _read("organisation", _text(given["organisation"]))
        except ValueError:
            unread.append("organisation")
    roles = _words(given.get("roles"))
    unread += [f"role {word[:40]!a}" for word in roles if word not in provider.roles]
    known = Known(
        provider=provider.id,
        issuer=provider.issuer,
        kind=kind,
        sub=returned.claims["sub"],
        profile=profile,
        level=returned.level,
        shown=returned.shown,
        organisation=organisation,
        roles=sorted({provider.roles[word] for word in roles if word in provider.roles}),
    )
    return known, unread


def _kind(provider: Provider, given: Any) -> str:
    if provider.people == "staff":
        return "officer"
    if not provider.kinds:
        return "citizen"
    kind = provider.kinds.get(str(given))
    if kind is None:
        raise Stopped(
            f"account kind {str(given)[:40]!a}",
            status=403,
            words="Loại tài khoản này chưa được hỗ trợ.",
            words_en="This kind of account is not supported.",
        )
    return kind


def _text(value: Any) -> str:
    """One line of words, or a number as it is written. Raises `ValueError` for a list, an object, yes or no, and for what no database takes."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("no text")
    text = " ".join(str(value).split())
    if not is_text(text):
        raise ValueError("not to be written")
    return text


def _read(name: str, value: str) -> str:
    if name == "birth_date":
        return datetime.strptime(value, "%Y%m%d" if value.isdecimal() else "%Y-%m-%d").date().isoformat()  # noqa: DTZ007
    if name in _SHAPES and not re.fullmatch(_SHAPES[name], value):
        raise ValueError(name)
    if len(value) > 500:
        raise ValueError(name)
    return value


def _put_old_number_right(profile: dict[str, str], given: Mapping[str, Any], unread: list[str]) -> None:
    """Some providers put the old nine-digit number where the new one belongs."""
    number = str(given["cccd"]).strip() if isinstance(given.get("cccd"), str | int) else ""
    if "cccd" in unread and "cmnd" not in profile and re.fullmatch(_SHAPES["cmnd"], number):
        profile["cmnd"] = number
        unread.remove("cccd")


def _words(given: Any) -> list[str]:
    if isinstance(given, list):
        return [str(word) for word in given]
    return str(given).replace(",", " ").split() if given else []

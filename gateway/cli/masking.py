"""Personal data stays covered unless a person gives a reason, which is recorded.

Covered by place (a field that comes from the applicant, a delegate, a postal address or the procedure's own fields) and by content
(a name or number of these people standing anywhere else, such as in a summary, a file name or a partner's answer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

COVER = "•••"

# Where persons stand in a canonical body.
PERSONAL = ("applicant", "delegate", "postal", "sender", "receiver", "facts")
_PLACE = re.compile(rf"(^|[/\s.])({'|'.join(PERSONAL)})(/|\b)")
_HARMLESS = re.compile(r"/(kind|verified_by_vneid)$")  # what sort of person, not who
_SIGNATURE = re.compile(r"\bsign=[0-9a-f]{16,}")  # of a file's link: it opens the file
# What of them names them; their kind and province do not.
_NAMING = {"name", "number", "tax_code", "tech_id", "phone", "email", "fax", "detail", "issued_by"}
_SHORTEST = 4  # shorter pieces would cover half the page


class Mask:
    """Covers what belongs to the people of some canonical bodies. `Mask(bodies, off=True)` covers nothing."""

    def __init__(self, bodies: Iterable[Mapping[str, Any]], *, off: bool = False) -> None:
        self._off = off
        pieces = {piece for body in bodies for piece in _pieces(body) if len(piece) >= _SHORTEST}
        longest_first = sorted(pieces, key=len, reverse=True)
        self._pieces = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None

    def text(self, words: str) -> str:
        """The words with every known piece covered, and the signatures of file links."""
        if self._off:
            return words
        words = _SIGNATURE.sub(f"sign={COVER}", words)
        return words if self._pieces is None else self._pieces.sub(COVER, words)

    def value(self, source: str, value: Any) -> Any:
        """A value that came from the field `source` (a JSON pointer into a view): covered whole if that field is a person's."""
        if self._off or value is None:
            return value
        if _PLACE.search(source) and not _HARMLESS.search(source) and value != "":
            return COVER
        return self.inside(value)

    def inside(self, value: Any) -> Any:
        """Any JSON value with the texts in it covered."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.inside(one) for one in value]
        if isinstance(value, Mapping):
            return {name: self.inside(one) for name, one in value.items()}
        return value


def _pieces(body: Mapping[str, Any]) -> Iterator[str]:
    for place in PERSONAL:
        yield from _strings(body.get(place), everything=place == "facts")


def _strings(value: Any, *, everything: bool, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _strings(one, everything=everything, name=key)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one, everything=everything, name=name)
    elif isinstance(value, str) and (everything or name in _NAMING):
        yield value.strip()

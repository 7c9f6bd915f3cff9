"""The portal's own catalogue, as rows of our code lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from connectors.mapi.client import Client, Item
from connectors.mapi.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified

Rows = Mapping[str, Mapping[str, str]]
T = TypeVar("T")

_PUBLIC = "1"
_TRIES = 3  # a question may be repeated, and of some thousand in a row one is bound to meet a bad moment


class PortalCatalogue:
    """Procedures, fields of administration and organisations. One call a list, and one more for each procedure asked for whole."""

    lists: Sequence[str] = ("procedures", "fields", "organisations")

    def __init__(self, settings: Settings, client: Client | None = None) -> None:
        self._client = client or Client(settings)

    def read(self, listname: str, whole: Callable[[str], bool]) -> Rows:
        """As `gateway.ports.Catalogue`. A procedure that is listed, but not public (TRANGTHAI), is left out."""
        match listname:
            case "procedures":
                return self._procedures(whole)
            case "fields":
                return _named(_ask(self._client.fields), "MALINHVUC", "TENLINHVUC")
            case "organisations":
                return _named(_ask(self._client.agencies), "MADONVI", "TENDONVI")
        raise ValueError(f"the portal has no list {listname!r}")

    def _procedures(self, whole: Callable[[str], bool]) -> Rows:
        found = _named(_ask(self._client.procedures), "MATTHC", "TENTTHC")
        for code in list(found):
            if not whole(code):
                continue
            told = _ask(partial(self._client.procedure, code))
            if str(told.get("TRANGTHAI", _PUBLIC)) == _PUBLIC:
                found[code] = {"name": _words(told, "TENTTHC"), **_field(told)}
            else:
                del found[code]
        return found


def _ask(question: Callable[[], T], tries: int = _TRIES) -> T:
    try:
        return question()
    except (TryLater, AskFirst):
        if tries == 1:
            raise
        return _ask(question, tries - 1)


def _named(items: Sequence[Item], code: str, name: str) -> dict[str, Mapping[str, str]]:
    return {_code(item, code): {"name": _words(item, name)} for item in items}


def _field(told: Item) -> Mapping[str, str]:
    """Its field, where there is exactly one: a list of ours has room for no more, and which of several counts nobody says."""
    fields = told.get("LINHVUCTHUCHIEN")
    if not isinstance(fields, list) or len(fields) != 1 or not isinstance(fields[0], dict):
        return {}
    return {"field_code": _words(fields[0], "MALINHVUC"), "field_name": _words(fields[0], "TENLINHVUC")}


def _code(item: Item, name: str) -> str:
    if not (code := _words(item, name)):
        raise Unclassified(f"the catalogue has a row without {name}", answer=repr(item)[:2000])
    return code


def _words(item: Item, name: str) -> str:
    """Blank where it is missing or no text: the comparison shows it so."""
    value = item.get(name)
    return value.strip() if isinstance(value, str) else ""

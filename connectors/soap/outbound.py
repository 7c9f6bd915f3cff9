"""Messages out to a partner that speaks SOAP, as its file says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.soap.calling import Calls, Said
from connectors.soap.client import Client
from connectors.soap.settings import Ask, Deliver, Find, Settings
from gateway.dialect.asking import Question
from gateway.dialect.calling import fields_of
from gateway.dialect.declared import Asked, Declared, asks
from gateway.dialect.reading import Meaning, Told
from gateway.dialect.template import Fields
from gateway.errors import TryLater
from gateway.outcomes import Outcomes, Verdict
from gateway.ports import Found, Parcel

_WELL = ("delivered", "duplicate")


class Soap(Declared[Said]):
    """Over SOAP."""

    def __init__(self, client: Client, settings: Settings, own: Outcomes, place: str) -> None:
        """`own` is the connector's table, `place` names the partner's file. Raises `Misconfigured`."""
        super().__init__(settings, client.caller)
        finds = [find for find in (settings.find, *(row.find for row in settings.call)) if find is not None]
        checks = [settings.check] if settings.check is not None else []
        feeds = [feed.ask for feed in settings.poll]  # looked up with the rest, so that `check` tells of them all
        self._calls = Calls(client, settings, [*settings.call, *finds, *checks, *feeds])
        rows = [
            {"why": f"{place}: settings, rule {number}", **row} for number, row in enumerate(settings.rule, start=1)
        ]
        self._meaning = Meaning(rows, own, f"{place}: settings")
        # A fault ends well only by a row that names its code: "không thành công" holds "thành công".
        careful = [row for row in rows if row.get("outcome") not in _WELL or row.get("code")]
        self._faults = Meaning(careful, own, f"{place}: settings, faults")

    def _call(self, row: Deliver, parcel: Parcel, document: Any) -> Callable[[], Said]:
        fields, trace = fields_of(parcel, document), parcel.message.trace
        return self._calls.make(row, fields, key=parcel.key, trace=trace, read_file=parcel.read_file)

    def _question(self, find: Ask, parcel: Parcel | None, document: Any) -> Callable[[], Said]:
        return self._calls.make(find, Fields(None, {}) if parcel is None else fields_of(parcel, document))

    def _told(self, answer: Said) -> Told:
        return answer.told

    def _settle(self, call: str, answer: Said, *, again: bool = False) -> Verdict:
        return (self._faults if answer.fault else self._meaning).settle(call, answer.told, again=again)

    def _found(self, find: Find, answer: Said) -> Found:
        # Of a fault, too, only rows that name its code can tell anything.
        rows = [row for row in find.rows if row.code] if answer.fault else find.rows
        told = answer.told
        if not any(row.found is not Found.UNKNOWN for row in rows):
            raise TryLater(f"find: {told.code}: {told.text}", code=told.code, answer=told.body)
        return Question(rows, "find").found("find", told)


class AskedSoap(Soap, Asked[Said]):
    """Whose partner can be asked how a dossier stands."""


def soap_of(client: Client, settings: Settings, own: Outcomes, place: str) -> Soap:
    """As `Soap`; with `state` where the file declares a question."""
    return (AskedSoap if asks(settings) else Soap)(client, settings, own, place)

"""Messages out over declared REST calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from gateway.dialect import asking
from gateway.dialect.asking import FoundRows
from gateway.dialect.auth import Caller
from gateway.dialect.calling import Call, Line, Question, fields_of, inlined, make
from gateway.dialect.declared import Asked, Declared, Types, asks, check_one_way, check_order
from gateway.dialect.reading import Meaning, Reading, Rules, Told
from gateway.dialect.template import Fields
from gateway.outcomes import Outcomes, Verdict
from gateway.ports import Found, Parcel


class Find(Question):
    """Did it arrive? `rows` say what the answer means; an answer that none of them knows is asked for again."""

    rows: Annotated[FoundRows, Field(min_length=1)]


class Deliver(Call):
    """`[[settings.call]]`: for which messages; without `type` for all that no row above it took. `find` and `repeat_is_harmless` go before
    those of the whole partner."""

    type: Types
    find: Find | None = None
    repeat_is_harmless: bool | None = None

    @model_validator(mode="after")
    def _one_way_to_find(self) -> Self:
        check_one_way(self.find, self.repeat_is_harmless)
        return self


class Partnership(Line):
    """What is declared of one partner: the connection, the calls, and what its answers mean."""

    answer: Reading = Reading()
    call: list[Deliver] = Field(default=[])
    rule: Rules = Field(default=[])
    find: Find | None = None
    repeat_is_harmless: bool = False
    check: Question | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_order(self.call)
        self.check_places([*self.call, *(row.find for row in self.call), self.find, self.check])
        check_one_way(self.find, self.repeat_is_harmless)
        return self


class Rest(Declared[Told]):
    """Over HTTP."""

    def __init__(self, caller: Caller, settings: Partnership, own: Outcomes, place: str) -> None:
        """`own` is the connector's table, `place` names the partner's file. Raises `Misconfigured`."""
        super().__init__(settings, caller)
        self._answer = settings.answer
        self._meaning = Meaning(settings.rule, own, f"{place}: settings")

    def _call(self, row: Deliver, parcel: Parcel, document: Any) -> Callable[[], Told]:
        whole = inlined(document, row.inline, parcel.read_file)
        send = make(row, self._caller, fields_of(parcel, whole), parcel.message.trace, parcel.original)
        return lambda: (row.answer or self._answer).read(send())

    def _question(self, find: Question, parcel: Parcel | None, document: Any) -> Callable[[], Told]:
        fields = Fields() if parcel is None else fields_of(parcel, document)
        ask = make(find, self._caller, fields)
        return lambda: (find.answer or self._answer).read(ask())

    def _told(self, answer: Told) -> Told:
        return answer

    def _settle(self, call: str, answer: Told, *, again: bool = False) -> Verdict:
        return self._meaning.settle(call, answer, again=again)

    def _found(self, find: Find, answer: Told) -> Found:
        return asking.Question(find.rows, "find").found("find", answer)


class AskedRest(Rest, Asked[Told]):
    """Whose partner can be asked how a dossier stands."""


def rest_of(caller: Caller, settings: Partnership, own: Outcomes, place: str) -> Rest:
    """As `Rest`; with `state` where the file declares a question."""
    return (AskedRest if asks(settings) else Rest)(caller, settings, own, place)

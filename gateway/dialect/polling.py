"""Feeds read on a schedule: with a cursor, in an overlapping window, or dossier by dossier. A page and its cursor are committed together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, TypeAdapter, model_validator

from gateway.canonical.scalars import write_instant
from gateway.dialect.cursors import read_cursor
from gateway.dialect.pointers import Pointer, text_at
from gateway.dialect.reading import Told
from gateway.dialect.row import Row
from gateway.dialect.taking import NAME, Taking, take_each, things_in
from gateway.dialect.template import Fields
from gateway.errors import AskFirst, DeliveryError, Refused, TryLater, Unclassified
from gateway.ports import Desk, Page, Submission

_SPAN = re.compile(r"([1-9][0-9]{0,3}) ?(d|h|m)")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_ASKED_AT_ONCE = 20  # dossiers a page, where each costs a call


def _read_span(value: Any) -> Any:
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{value!r}: phải như · must be such as "3d", "12h", "90m"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _checked_instant(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without an offset")
    return text


Span = Annotated[timedelta, BeforeValidator(_read_span), PlainSerializer(str)]


class Feed(Taking):
    """One feed; `name` is its own for ever, for its cursor and the ids of its messages begin with it.

    One of four ways: `cursor` (where in the page the next one stands), `last` (the field of the last thing that is the next one), `window`
    (how far back each round looks, `{$from}` to `{$to}`), `about` (statuses: each dossier at the partner that stands at one of them is asked
    about, `{$dossier}`); none of them: the whole list each time. `more`, or a page as long as `page_size`: the next page is asked for at once.
    `ok`: codes of a good page, where the answer has codes. `nothing`: HTTP statuses that mean that there is nothing.
    """

    name: str = Field(pattern=NAME)
    cursor: Pointer | None = None
    last: Pointer | None = None
    start: str | None = Field(default=None, min_length=1)
    window: Span | None = None
    first_page: int = 1
    about: list[Annotated[int, Field(ge=1, le=10)]] = Field(default=[])
    more: Pointer | None = None
    page_size: int | None = Field(default=None, ge=1, le=10_000)
    ok: list[str] = Field(default=[])
    nothing: list[int] = Field(default=[204])

    @model_validator(mode="after")
    def _one_way(self) -> Feed:
        ways = [self.cursor is not None, self.last is not None, self.window is not None, bool(self.about)]
        if sum(ways) > 1:
            words = "chọn một trong cursor, last, window, about · choose one of cursor, last, window, about"
            raise ValueError(words)
        return self


F = TypeVar("F", bound=Feed)


_Instant = Annotated[str, AfterValidator(_checked_instant)]


class _State(Row):
    """Of one feed, as the cursor holds it."""

    cursor: str | None = None
    to: _Instant | None = None
    done: _Instant | None = None
    page: int | None = None
    after: str | None = None


_CURSOR: TypeAdapter[dict[str, _State | str]] = TypeAdapter(dict[str, _State | str])


class Polling(Generic[F]):
    """Reads a partner's feeds in rounds, a page at a time. What goes wrong with one holds up no other; it is raised at the end of the round.

    `ask(feed, fields)` is one call, read; it raises a `DeliveryError`, or `Refused` for a template. The cursor is a JSON object with the
    state of each feed: `cursor`, or `to`, `page` and `done` of a window, or `after`, a dossier's code.
    """

    def __init__(self, feeds: Sequence[F], ask: Callable[[F, Fields], Told], desk: Desk) -> None:
        self._feeds = feeds
        self._ask = ask
        self._desk = desk
        self._at = 0
        self._trouble: DeliveryError | None = None
        self._owes_trouble = False

    def poll(self, cursor: str | None) -> Page:
        """The next page of the round. Raises `TryLater` and `Unclassified`."""
        if self._owes_trouble:
            self._tell_trouble()
        told = read_cursor(_CURSOR, cursor, {})
        stored = {name: one.model_dump(exclude_unset=True) for name, one in told.items() if isinstance(one, _State)}
        feed = self._feeds[self._at]
        state: Mapping[str, Any] = stored.get(feed.name, {})
        items: list[Submission] = []
        more = False
        try:
            items, state, more = self._page(feed, state)
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
        self._at = self._at if more else (self._at + 1) % len(self._feeds)
        ended = not more and self._at == 0
        if ended and not items:
            self._tell_trouble()
        self._owes_trouble = ended and self._trouble is not None
        known = {one.name: stored[one.name] for one in self._feeds if one.name in stored}
        next_one = self._feeds[self._at].name  # so that a page that moved no cursor of its own is still another one
        written = json.dumps({**known, feed.name: state, "": next_one})
        return Page(items, written, more=not ended or self._owes_trouble)

    def _tell_trouble(self) -> None:
        self._owes_trouble = False
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble

    def _page(self, feed: F, state: Mapping[str, Any]) -> tuple[list[Submission], Mapping[str, Any], bool]:
        if feed.about:
            return self._about(feed, state)
        if feed.window is not None:
            return self._window(feed, feed.window, state)
        old = state.get("cursor", feed.start)
        told = self._told(feed, {"cursor": old, "page": str(feed.first_page)})
        things = self._things(feed, told)
        new = old
        if feed.cursor is not None:
            new = text_at(told.document, feed.cursor) or old
        elif feed.last is not None and things:
            new = self._field(feed, things[-1], feed.last)
        more = bool(things) and self._goes_on(feed, told, things, otherwise=feed.cursor is not None)
        if more and new == old:
            more = False
            if feed.last is not None or feed.more is not None:
                self._trouble = self._trouble or self._stuck(feed, new)
        return self._taken(feed, things), {} if new is None else {"cursor": new}, more

    def _stuck(self, feed: F, at: str | None) -> DeliveryError:
        """There is more, and no way to it: as when more things of one moment than a page holds come after that moment's cursor."""
        words = f"còn nữa nhưng con trỏ đứng ở {at}: tăng page_size · there is more, and the cursor stays there: a larger page"
        return Unclassified(f"{feed.name}: {words}", code="feed-stuck")

    def _window(
        self, feed: F, window: timedelta, state: Mapping[str, Any]
    ) -> tuple[list[Submission], Mapping[str, Any], bool]:
        """A round begins where the last whole one ended, less the window: what changed late, or during an outage, is seen."""
        to = datetime.fromisoformat(state["to"]) if "to" in state else self._desk.now()
        since = datetime.fromisoformat(state["done"]) if "done" in state else to
        page = int(state.get("page", feed.first_page))
        told = self._told(feed, {"from": since - window, "to": to, "page": str(page)})
        things = self._things(feed, told)
        more = bool(things) and self._goes_on(feed, told, things, otherwise=False)
        done = {"done": state["done"]} if "done" in state else {}
        after = {**done, "to": write_instant(to), "page": page + 1} if more else {"done": write_instant(to)}
        return self._taken(feed, things), after, more

    def _about(self, feed: F, state: Mapping[str, Any]) -> tuple[list[Submission], Mapping[str, Any], bool]:
        most = feed.page_size or _ASKED_AT_ONCE
        rows = self._desk.waiting(feed.about, state.get("after", ""), most)
        items: list[Submission] = []
        for row in rows:
            code = row["dossier"]["dossier"]
            try:
                told = self._told(feed, {"dossier": code}, row["dossier"])
                items += self._taken(feed, self._things(feed, told), code)
            except DeliveryError as trouble:
                self._trouble = self._trouble or trouble
        more = len(rows) == most
        return items, {"after": rows[-1]["dossier"]["dossier"]} if more else {}, more

    def _told(self, feed: F, names: Mapping[str, str | datetime | None], document: Any = None) -> Told:
        try:
            told = self._ask(feed, Fields(document, names))
        except AskFirst as fault:  # reading changes nothing: no doubt to clear up
            raise TryLater(f"{feed.name}: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        except Refused as refused:
            raise Unclassified(f"{feed.name}: {refused}", code="template") from refused
        good = 200 <= told.http < 300 and told.readable and (not feed.ok or told.code in feed.ok)
        if not good and told.http not in feed.nothing:
            words = told.text[:160] if told.readable else ""  # a page that nobody could read may name anybody
            raise TryLater(
                f"{feed.name}: HTTP {told.http} {told.code} {words}".strip(),
                code=told.code or str(told.http),
                retry_after=told.retry_after,
            )
        return told

    def _things(self, feed: F, told: Told) -> list[Any]:
        """Raises `Unclassified` when the page is not what it was: going on would lose messages without a trace."""
        if told.http in feed.nothing:
            return []
        try:
            return things_in(feed, told.document)
        except Refused as refused:
            raise Unclassified(f"{feed.name}: {refused}", code="feed-shape") from refused

    def _field(self, feed: F, thing: Any, pointer: str) -> str:
        found = text_at(thing, pointer)
        if found is None:
            words = f"mục cuối không có {pointer} · the last item has no {pointer}"
            raise Unclassified(f"{feed.name}: {words}", code="feed-shape")
        return found

    def _goes_on(self, feed: F, told: Told, things: Sequence[Any], *, otherwise: bool) -> bool:
        if feed.more is not None:
            return text_at(told.document, feed.more) in ("true", "1")
        return len(things) >= feed.page_size if feed.page_size else otherwise

    def _taken(self, feed: F, things: Sequence[Any], dossier: str = "") -> list[Submission]:
        return [item for taken in take_each(feed, things, self._desk, feed.name, dossier) for item in taken]

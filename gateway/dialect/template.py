"""Texts with fields: `{/pointer}` from the translated document, `{$name}` from the message or the poll.

`{$event_time|dd/MM/yyyy HH:mm:ss}` writes a time in a pattern (yyyy MM dd HH mm ss SSS in Vietnam's time, `epoch`, `epoch_ms`, or
`rfc3339`, which is the default). `{/pointer?}` may be absent: it is then empty. `{{` and `}}` are braces. Anything else that is absent is a fault
that names the template: "None" is never sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import PlainValidator

from gateway.canonical.scalars import HANOI, write_instant
from gateway.dialect.pointers import text_at
from gateway.errors import Refused, Rejected

OUTGOING = ("key", "dossier", "type", "event_time")
"""The names that every delivery knows: our message id, the dossier's code, the message's type, when it happened."""
POLLING = ("cursor", "from", "to", "page", "dossier")
"""… and a page of a feed: where it begins, a window's two ends, the page's number, the dossier that is asked about."""
ITEM = ("item", "digest", "now", "dossier")
"""… and one thing that came in: its id, a digest of its content, when it came, the dossier that was asked about."""
ANSWER = ("item", "dossier", "receipt", "faults", "faults_en", "now", "rows")
"""… and our answer to a call: the thing's id, its dossier, our message id, what is wrong with it, the answers to each row."""

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_TIME = re.compile(r"yyyy|MM|dd|HH|mm|ss|SSS|T|[^A-Za-z%]")
_STRFTIME = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
_CONTROL = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class Fields:
    """What a template may name: a document, and names with their values. `lenient`: what is absent is empty, as in our answers."""

    document: Any = None
    names: Mapping[str, str | datetime | None] = field(default_factory=dict)
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class _Hole:
    source: str  # "/a/b" or "$name"
    pattern: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A text, read once. `fill` makes the text of one message."""

    text: str
    pieces: tuple[str | _Hole, ...]

    @classmethod
    def read(cls, text: Any, known: Collection[str] = OUTGOING) -> Template:
        """Raises ValueError naming what is wrong; `known` are the names that may stand behind `$`."""
        if isinstance(text, Template):
            return text
        if not isinstance(text, str):
            raise ValueError(f"{text!r}: phải là chuỗi · must be a text")
        pieces: list[str | _Hole] = []
        end = 0
        for match in _FIELD.finditer(text):
            pieces.append(text[end : match.start()])
            pieces.append(match[0][0] if match[0] in ("{{", "}}") else _hole(match[1], known))
            end = match.end()
        return cls(text, tuple(piece for piece in (*pieces, text[end:]) if piece != ""))

    @property
    def sources(self) -> list[str]:
        """What its fields name, such as `/ma` and `$key`."""
        return [piece.source for piece in self.pieces if not isinstance(piece, str)]

    def fill(self, fields: Fields, write: Callable[[str], str] = str) -> str:
        """The text; each field's value goes through `write`. Raises `Refused`, naming the template, for one that is absent."""
        return "".join(piece if isinstance(piece, str) else write(self._value(piece, fields)) for piece in self.pieces)

    def fill_path(self, fields: Fields) -> str:
        """As `fill`, every value percent-encoded whole. Raises `Refused` also for a value that would be another path."""
        return self.fill(fields, partial(_segment, self.text))

    def fill_header(self, fields: Fields) -> str:
        """As `fill`, for a header: printable ASCII only, anything else is `Refused`."""
        text = self.fill(fields)
        if _CONTROL.search(text):
            words = (f"{self.text}: giá trị không ghi được vào header", f"{self.text}: the value fits into no header")
            raise Refused.of("", "header-text", *words)
        return text

    def _value(self, hole: _Hole, fields: Fields) -> str:
        if hole.source.startswith("/"):
            value: str | datetime | None = text_at(fields.document, hole.source)
        else:
            value = fields.names.get(hole.source[1:])
        if value is None or value == "":
            if hole.optional or fields.lenient:
                return ""
            where = hole.source if hole.source.startswith("/") else ""
            words = f"{self.text}: không có {hole.source}", f"{self.text}: there is no {hole.source}"
            raise Refused.of(where, "absent", *words)
        if isinstance(value, datetime):
            return write_time(value, hole.pattern)
        return value


def _hole(inside: str | None, known: Collection[str]) -> _Hole:
    if inside is None:
        raise ValueError("ngoặc nhọn đứng một mình, hãy viết đôi · a brace alone; write it twice")
    source, bar, pattern = inside.partition("|")
    optional, source = source.endswith("?"), source.removesuffix("?")
    named = source.startswith("$") and source[1:] in known and (not bar or _writes_time(pattern))
    if not (named or (source.startswith("/") and not bar)):
        names = ", ".join(f"{{${name}}}" for name in known)
        raise ValueError(f"không hiểu {{{inside}}} · not understood; có · known: {{/pointer}}, {names}")
    return _Hole(source, pattern, optional)


def _segment(template: str, value: str) -> str:
    if value in (".", ".."):
        raise Refused.of("", "path", f"{template}: {value} làm đổi đường dẫn", f"{template}: {value} is another path")
    return quote(value, safe="")


def _writes_time(pattern: str) -> bool:
    return pattern in ("rfc3339", "epoch", "epoch_ms") or "".join(_TIME.findall(pattern)) == pattern != ""


def write_time(moment: datetime, pattern: str = "rfc3339") -> str:
    """The moment in a pattern that `Template` takes."""
    if pattern in ("", "rfc3339"):
        return write_instant(moment)
    if pattern == "epoch":
        return str(int(moment.timestamp()))
    if pattern == "epoch_ms":
        return str(int(moment.timestamp() * 1000))
    local = moment.astimezone(HANOI)
    pieces = [f"{local.microsecond // 1000:03d}" if t == "SSS" else _STRFTIME.get(t, t) for t in _TIME.findall(pattern)]
    return local.strftime("".join(pieces))


@contextmanager
def sending() -> Iterator[None]:
    """Around what is done before a call: what is `Refused` there was certainly not sent, and a person must look."""
    try:
        yield
    except Refused as refused:
        words = "\n".join(f"{f.pointer or '/'}: {f.detail} / {f.detail_en}" for f in refused.faults)
        raise Rejected(words, code="template") from refused


def _named(*names: str) -> Any:
    return PlainValidator(partial(Template.read, known=(*names,)))


Text = Annotated[Template, _named(*OUTGOING)]
PollText = Annotated[Template, _named(*POLLING)]
ItemText = Annotated[Template, _named(*ITEM)]


def fill_all(value: Any, fields: Fields, instead: Mapping[str, Any] = {}) -> Any:
    """A JSON value whose texts are templates, filled in at any depth. Texts must have been read by `read_all`.

    `instead`: values, of any kind, for texts that are nothing but the template named.
    """
    match value:
        case Template():
            return instead[value.text] if value.text in instead else value.fill(fields)
        case dict():
            return {name: fill_all(one, fields, instead) for name, one in value.items()}
        case list():
            return [fill_all(one, fields, instead) for one in value]
    return value


def read_all(value: Any, known: Collection[str]) -> Any:
    """A JSON value with each text read as a template. Raises ValueError."""
    match value:
        case str():
            return Template.read(value, known)
        case dict():
            return {name: read_all(one, known) for name, one in value.items()}
        case list():
            return [read_all(one, known) for one in value]
    return value


def templates_in(value: Any) -> Iterator[Template]:
    """Every template in a value that `read_all` read."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from templates_in(one)

"""A strict twin made of a partner's own file: the same paths, the same account, the answers that its rows and pointers describe.

It refuses what does not fit the documents that the partner's mappings make (`out.schema.json`, else the samples' `out.json`), knows a message
again by our key wherever a call carries `{$key}`, and answers `find` and the feeds.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.dialect.auth import reveal
from gateway.dialect.calling import Call
from gateway.dialect.delivering import Deliver, Partnership
from gateway.dialect.doorkeeper import Doorkeeper
from gateway.dialect.pointers import put, text_at
from gateway.dialect.polling import Feed
from gateway.dialect.reading import Reading
from gateway.dialect.shapes import Schema, faults_in, schema_of
from gateway.dialect.template import Template
from gateway.dialect.trees import is_element, write_tree
from gateway.dialect.unwrap import unwrap
from gateway.errors import Misconfigured, Refused
from gateway.ports import Found
from gateway.simulation import Request, Response, Twin

_HTTP = {"delivered": 200, "duplicate": 200, "rejected": 422}
_WORDS = re.compile(r"\\s[+*]?")


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing done at the partner. `holes`: what stood in the call's templates, by their source."""

    key: str
    call: int
    body: Any
    holes: Mapping[str, str] = field(default_factory=dict)


class DialectTwin(Twin):
    """`settings` as the connector has checked them; `schemas`: by message type, what a document must be; `feeds` with the question of each.

    Acts: ``{"publish": {"feed": name, "item": …}}`` puts something into a feed, ``{"forget": key}`` loses what came under that key.
    """

    name = "twin"

    def __init__(
        self, settings: Partnership, schemas: Mapping[str, Schema] = {}, feeds: Sequence[tuple[Feed, Call]] = ()
    ) -> None:
        super().__init__()
        self.settings = settings
        self._schemas = schemas
        self._feeds = feeds
        self._base = urlsplit(settings.url).path.rstrip("/")
        self._doorkeeper = Doorkeeper(settings.auth)
        self.effects: list[Effect] = []
        self.repeats: list[str] = []
        self.refused: list[str] = []
        self.published: dict[str, list[Any]] = {feed.name: [] for feed, _ in feeds}

    # ── what comes in ───────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, request: Request) -> Response:
        if (signed_in := self._doorkeeper.sign_in(request)) is not None:
            return signed_in
        if not self._doorkeeper.knows(request):
            return Response(401, {"error": "unauthorized"})
        for number, call in enumerate(self.settings.call):
            holes = self.match(call, request)
            if holes is not None:
                return self._take(number, call, request, holes)
        # A question with a field for a whole segment fits much: it comes last.
        found = self.more(request) or self._shown(request) or self._asked(request)
        return found or Response(404, "404 page not found")

    def more(self, request: Request) -> Response | None:
        """What a connector of its own adds; None: nothing is here."""
        return None

    def _shown(self, request: Request) -> Response | None:
        check = self.settings.check
        if check is not None and self.match(check, request) is not None:
            return self.say(check.answer or self.settings.answer, self._row("delivered"))
        for feed, question in self._feeds:
            holes = self.match(question, request)
            if holes is not None:
                return self._page(feed, question, holes)
        there = request.path.rstrip("/") == self._base and request.method == "GET"
        return Response(200, {"status": "ok"}) if there else None

    def _asked(self, request: Request) -> Response | None:
        for find in [*(call.find for call in self.settings.call), self.settings.find]:
            holes = self.match(find, request) if find is not None else None
            if find is not None and holes is not None:
                there = any(_same(effect, holes) for effect in self.effects)
                wanted = Found.ARRIVED if there else Found.ABSENT
                row = next((row for row in find.rows if row.found is wanted), None)
                conditions = row.model_dump(include={"http", "code", "text"}, exclude_none=True) if row else {}
                return self.say(find.answer or self.settings.answer, conditions, http=200 if there else 404)
        return None

    def match(self, call: Call, request: Request) -> dict[str, str] | None:
        """What stands in the call's templates, by their source; None when this is another call."""
        if call.method != request.method:
            return None
        path, given = self._path(call), request.path if call.path.text else request.path.rstrip("/")
        holes = _read(path, given)
        places = [(template, request.query.get(name, "")) for name, template in call.query.items()]
        places += [(template, request.headers.get(name.lower(), "")) for name, template in call.headers.items()]
        for template, given in places:
            found = _read(template, given) if given else {} if _optional(template) else None
            if holes is None or found is None:
                return None
            holes |= found
        return holes

    def _path(self, call: Call) -> Template:
        first, *rest = call.path.pieces or ("",)
        if isinstance(first, str) and "://" in first:
            return Template(call.path.text, (urlsplit(first).path, *rest))
        return Template(call.path.text, (self._base, first, *rest))

    def _take(self, number: int, call: Deliver, request: Request, holes: dict[str, str]) -> Response:
        reading = call.answer or self.settings.answer
        try:
            document = _document(call, request)
        except Refused as refused:
            return self._refuse(reading, str(refused))
        for name, template in call.beside.items():
            told = text_at(document, f"/{name}") if isinstance(document, dict) else None
            read = _read(template, told or "") if isinstance(template, Template) else {}
            if read is None:
                return self._refuse(reading, f"/{name}: is missing or not ours")
            holes |= read
        for name, secret in reveal(call.secrets).items():
            if not isinstance(document, dict) or document.get(name) != secret:
                return self._refuse(reading, f"/{name}: wrong")
        beside = {*call.beside, *call.secrets}
        own = {k: v for k, v in document.items() if k not in beside} if isinstance(document, dict) else document
        schemas = [self._schemas[one] for one in (call.type or self._schemas) if one in self._schemas]
        wrong = [list(faults_in(own, schema)) for schema in schemas]
        if wrong and all(wrong):
            return self._refuse(reading, "; ".join(sorted(wrong, key=len)[0]))
        return self._keep(number, call, reading, Effect(holes.get("$key", ""), number, own, holes))

    def _keep(self, number: int, call: Deliver, reading: Reading, effect: Effect) -> Response:
        harmless = self.settings.repeat_is_harmless if call.repeat_is_harmless is None else call.repeat_is_harmless
        known = [one for one in self.effects if one.call == number and _repeats(one, effect, harmless)]
        if known and known[0].body != effect.body:
            return Response(409, {"error": "the same key with other content"})
        if known:
            self.repeats.append(effect.key)
            row = self._row("duplicate") or self._row("delivered")
            return self.say(reading, row, reference=f"twin-{self.effects.index(known[0]) + 1}")
        self.effects.append(effect)
        return self.say(reading, self._row("delivered"), reference=f"twin-{len(self.effects)}")

    def _refuse(self, reading: Reading, words: str) -> Response:
        self.refused.append(words)
        row = self._row("rejected")
        return self.say(reading, row, http=_HTTP["rejected"], code="twin-refused", text=words)

    # ── what goes out ───────────────────────────────────────────────────────────────────────────────────────────

    def _row(self, outcome: str) -> Mapping[str, Any]:
        """The first row of the partner's with this outcome that an answer can be made of."""
        rows = [row for row in self.settings.rule if row.get("outcome") == outcome and not row.get("again")]
        return rows[0] if rows else {}

    def say(
        self,
        reading: Reading,
        row: Mapping[str, Any],
        *,
        http: int = 200,
        code: str = "",
        text: str = "",
        reference: str | None = None,
        document: Any = None,
    ) -> Response:
        """An answer that fits the row, where the pointers of `reading` look for it."""
        status = _status(row["http"][0]) if row.get("http") else http
        made: Any = {} if document is None else document
        told = str(row["code"][0]) if row.get("code") else code
        if reading.code is not None and told not in ("", "absent"):
            made = put(made, reading.code, told)
        words = text or (_words(row["text"]) if row.get("text") else "")
        if reading.text is not None and words:
            made = put(made, reading.text, words)
        if reading.reference is not None and reference is not None:
            made = put(made, reading.reference, reference)
        body = pack(made, reading.unwrap)
        xml = body.lstrip()[:1] == b"<"
        return Response(status, body, {"Content-Type": "application/xml" if xml else "application/json"})

    def _page(self, feed: Feed, question: Call, holes: Mapping[str, str]) -> Response:
        items, start = self.published[feed.name], 0
        if "$dossier" in holes:
            items = [one for one in items if holes["$dossier"] in json.dumps(one, ensure_ascii=False)]
            if not items and 404 in feed.nothing:
                return Response(404, {"error": "not found"})
        size = feed.page_size or len(items) or 1
        if feed.cursor is not None and holes.get("$cursor", "").isdecimal():
            start = int(holes["$cursor"])
        elif feed.last is not None and "$cursor" in holes:
            seen = [text_at(one, feed.last) for one in items]
            start = seen.index(holes["$cursor"]) + 1 if holes["$cursor"] in seen else 0
        elif "$page" in holes:
            start = (int(holes["$page"]) - feed.first_page) * size
        page = items[start : start + size]
        place = (feed.items or "").removesuffix("?")
        document = put({}, place, page) if feed.items is not None else (page[0] if page else None)
        if feed.cursor is not None and page:
            document = put(document, feed.cursor, str(start + len(page)))
        if feed.more is not None:
            document = put(document, feed.more, start + size < len(items))
        reading = question.answer or self.settings.answer
        return self.say(reading, {}, code=feed.ok[0] if feed.ok else "", document=document)

    # ── what it does by itself ──────────────────────────────────────────────────────────────────────────────────

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"publish": {"feed": str(name), "item": item}} if name in self.published:
                self.published[name].append(item)
                return len(self.published[name])
            case {"forget": str(key)}:
                self.effects = [effect for effect in self.effects if effect.key != key]
                return len(self.effects)
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def expire(self) -> None:
        self._doorkeeper.expire()

    def book(self) -> dict[str, Any]:
        """`keys`: of every effect, in order; `repeats`: keys that came again; `refused`: why, in order."""
        return {
            "keys": [effect.key for effect in self.effects],
            "bodies": [effect.body for effect in self.effects],
            "repeats": list(self.repeats),
            "refused": list(self.refused),
            "feeds": {name: len(items) for name, items in self.published.items()},
        }


def read_file(file: Mapping[str, Any], model: Callable[[Any], Any]) -> tuple[Any, dict[str, Schema]]:
    """Settings and schemas from a partner file (with `folder`, the configuration's), or from bare settings."""
    if "settings" not in file:
        return model(file), {}
    folder = Path(file["folder"]) if "folder" in file else None
    schemas: dict[str, Schema] = {}
    for kind, documents in file.get("mappings", {}).items():
        place = folder / "mappings" / documents["message"] if folder else None
        schema = _schema(place) if place is not None and "message" in documents else None
        schemas |= {kind: schema} if schema is not None else {}
    return model(file["settings"]), schemas


def _schema(mapping: Path) -> Schema | None:
    if (mapping / "out.schema.json").is_file():
        return cast(Schema, json.loads((mapping / "out.schema.json").read_text(encoding="utf-8")))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(mapping.glob("samples/*/out.json"))]
    samples = [one for one in found if one is not None]
    return schema_of(samples) if samples else None


def pack(document: Any, steps: Sequence[str]) -> bytes:
    """What `unwrap` opens by these steps. Raises `Misconfigured` for a step that no twin can undo."""
    value = document
    for step in reversed(steps):
        name, _, rest = step.partition(" ")
        match name:
            case "json":
                value = json.dumps(value, ensure_ascii=False)
            case "xml":
                value = value if isinstance(value, str) else write_tree("answer", value)
            case "base64":
                value = base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
            case "at":
                value = put(None, rest, value)
            case "gzip" | "zip":
                raise Misconfigured(f"bản mô phỏng không gói được · the twin cannot pack {step!r}")
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()


def _document(call: Call, request: Request) -> Any:
    """What was wrapped into the request. Raises `Refused`."""
    send = call.send or ("json" if call.method in ("POST", "PUT", "PATCH") else "none")
    if send == "none":
        return None
    steps = {"json": ["json"], "xml": ["xml"], "text": ["text"]}
    if send == "form":
        value: Any = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    elif call.wrap and call.wrap[-1] == "gzip":
        value = request.body
    else:
        value = unwrap(request.body, steps[send])
    back = {"json": "json", "base64": "base64", "gzip": "gzip"}
    opened = [step if step.startswith("at ") else back.get(step, "xml") for step in reversed(call.wrap)]
    found = unwrap(value, opened)
    return found if not is_element(found) else unwrap(found, ["tree"])


def _read(template: Template, text: str) -> dict[str, str] | None:
    """What stands in the template's fields when it reads `text`; None when it does not."""
    pattern = "".join(re.escape(unquote(p)) if isinstance(p, str) else "(.+)" for p in template.pieces)
    found = re.fullmatch(pattern, text, re.DOTALL)
    return dict(zip(template.sources, found.groups(), strict=True)) if found else None


def _optional(template: Template) -> bool:
    return any(not isinstance(piece, str) and piece.optional for piece in template.pieces)


def _same(effect: Effect, holes: Mapping[str, str]) -> bool:
    """Is this what the question names?"""
    if not holes:
        return False
    text = json.dumps(effect.body, ensure_ascii=False)
    for source, value in holes.items():
        told = text_at(effect.body, source) if source.startswith("/") else effect.holes.get(source)
        if told != value and not (told is None and json.dumps(value, ensure_ascii=False) in text):
            return False
    return True


def _repeats(known: Effect, new: Effect, harmless: bool) -> bool:
    """The same message again? By our key where the calls carry it; by its content where sending twice changes nothing."""
    if new.key:
        return known.key == new.key
    return harmless and known.body == new.body and known.holes == new.holes


def _status(value: int | str) -> int:
    return value if isinstance(value, int) else int(value[0]) * 100


def _words(pattern: str) -> str:
    """Words that the pattern finds: its first branch, read plainly. Raises `Misconfigured` where that is no answer."""
    text = _WORDS.sub(" ", re.sub(r"[()^$?]", "", pattern.split("|", maxsplit=1)[0]))
    if not re.search(pattern, text, re.IGNORECASE):
        raise Misconfigured(f"bản mô phỏng không đặt được lời cho · the twin finds no words for {pattern!r}")
    return text

"""Calls of a partner's, as an operator declares them: what stands in them, and what they are answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from html import escape as escape_xml
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from gateway.dialect.row import Row
from gateway.dialect.taking import NAME, Taking, take_each, things_in
from gateway.dialect.template import ANSWER, Fields, Template, fill_all, read_all
from gateway.dialect.unwrap import InSteps, read_json, unwrap
from gateway.errors import Fault, Refused
from gateway.ports import Accepted, Answer, Door, Hook, Incoming, Proof, Submission

MOST_THINGS = 1000  # in one call: each is a transaction of its own, and they wait for the answer
_MOST_FAULTS = 50  # told in one answer
_ROWS = "{$rows}"
_Body = Annotated[Any, BeforeValidator(lambda value: read_all(value, ANSWER))]
_Page = Annotated[Template | None, BeforeValidator(lambda v: None if v is None else Template.read(v, ANSWER))]


class Said(Row):
    """An answer of ours. In `json` the text `{$rows}` alone stands for the list of the rows' answers; in `xml` every value is escaped."""

    status: int = Field(default=200, ge=200, le=599)
    json_: _Body = Field(default=None, alias="json")
    xml: _Page = None
    text: _Page = None


class Shown(Row):
    """Where a partner without a key of ours shows the secret that it was given."""

    place: Literal["path", "query", "body"]
    name: str = ""
    secret: Annotated[SecretStr, Field(min_length=16)]

    @model_validator(mode="after")
    def _named(self) -> Shown:
        if self.place != "path" and not self.name:
            raise ValueError("query và body cần name · query and body want a name")
        return self


class HookRow(Taking):
    """`POST /hooks/<partner>/<path>`. `unwrap`: steps into the body; of a GET the query is the document.

    `accepted`: what they hear when everything is stored and routed. `refused`: when nothing is; without it, a problem document with status 422
    or what the fault says. `partly`: when some of several are; without it `refused`. `row_accepted`, `row_refused`: the answer of each of several.
    `hold`: they will not say it again, so what cannot be taken is kept and held, and counts as accepted.
    """

    name: str = Field(pattern=NAME)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = Field(pattern=r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$")
    unwrap: InSteps = Field(default=["json"])
    accepted: Said = Said.model_validate({"json": {"id": "{$receipt}"}})
    refused: Said | None = None
    partly: Said | None = None
    row_accepted: _Body = None
    row_refused: _Body = None
    hold: bool = False
    proof: Shown | None = None
    body_bytes: int | None = Field(default=None, ge=1024, le=512 << 20)


@dataclass(frozen=True, slots=True)
class _Ended:
    """What became of one thing of a call."""

    thing: Any
    accepted: Sequence[Accepted]
    faults: Sequence[Fault]


def hooks_of(rows: Sequence[HookRow]) -> list[Hook]:
    return [
        Hook(row.method, row.path, partial(answer, row), row.body_bytes, _proof(row.proof) if row.proof else None)
        for row in rows
    ]


def _proof(shown: Shown) -> Proof:
    return Proof(shown.place, shown.secret, shown.name)


def answer(row: HookRow, incoming: Incoming, door: Door) -> Answer:
    """Take what came, each thing on its own merits. A failure of ours is no answer of ours: the web says 503, so that they say it again.

    Raises `Refused` where the file declares no answer to what is refused.
    """
    incoming = _without_proof(row.proof, incoming) if row.proof else incoming
    try:
        document = dict(incoming.query) if row.method == "GET" else unwrap(incoming.body, row.unwrap)
        things = things_in(row, document)
        if not things:
            raise Refused.of(row.items or "", "empty", "không có gì trong lời gọi", "there is nothing in the call")
        if len(things) > MOST_THINGS:
            words = f"quá {MOST_THINGS} mục trong một lời gọi", f"more than {MOST_THINGS} things in one call"
            raise Refused.of(row.items or "", "too-many", *words)
    except Refused as refused:
        if not row.hold:
            return _refusal(row, _Ended(None, (), refused.faults), refused, [], door)
        kept = door.hold(_unreadable(row, incoming.body, refused.faults))
        return _write(row.accepted, _fields(_Ended(None, [kept], ()), door), [])
    each = zip(things, take_each(row, things, door, row.name), strict=True)
    ended = [_end(row, thing, taken, door) for thing, taken in each]
    faults = [fault for one in ended for fault in one.faults]
    rows = [fill_all(_row(row, one), _fields(one, door)) for one in ended]
    whole = _Ended(document, [one for each in ended for one in each.accepted], faults)
    if not faults:
        return _write(row.accepted, _fields(whole, door), rows)
    if row.partly is not None and whole.accepted:
        return _write(row.partly, _fields(whole, door), rows)
    return _refusal(row, whole, Refused(faults[:_MOST_FAULTS]), rows, door)


def _without_proof(shown: Shown, incoming: Incoming) -> Incoming:
    """The call as it is read and kept: a secret is no part of what they say. Where the body cannot be read it is blotted out."""
    query = {name: value for name, value in incoming.query.items() if (shown.place, name) != ("query", shown.name)}
    if shown.place != "body":
        return replace(incoming, query=query)
    try:
        told = read_json(incoming.body)
    except Refused:
        return replace(incoming, body=incoming.body.replace(shown.secret.get_secret_value().encode(), b"***"))
    if isinstance(told, dict) and shown.name in told:
        left = {name: value for name, value in told.items() if name != shown.name}
        return replace(incoming, body=json.dumps(left, ensure_ascii=False).encode())
    return incoming


def _end(row: HookRow, thing: Any, taken: Sequence[Submission], door: Door) -> _Ended:
    """The messages of one thing, in order. The first that is refused ends it: the rest would come before what they follow on."""
    accepted: list[Accepted] = []
    try:
        for submission in taken:
            if submission.problem and not row.hold:
                raise Refused(submission.problem)
            accepted.append(door.hold(submission) if row.hold else door.accept(submission))
    except Refused as refused:
        return _Ended(thing, accepted, refused.faults)
    return _Ended(thing, accepted, ())


def _unreadable(row: HookRow, body: bytes, faults: Sequence[Fault]) -> Submission:
    digest = hashlib.sha256(body).hexdigest()[:12]
    return Submission(f"{row.name}-{digest}", None, body, "application/octet-stream", problem=faults)


def _row(row: HookRow, one: _Ended) -> Any:
    return row.row_refused if one.faults else row.row_accepted


def _refusal(row: HookRow, ended: _Ended, refused: Refused, rows: list[Any], door: Door) -> Answer:
    if row.refused is None:
        raise refused
    return _write(row.refused, _fields(ended, door), rows)


def _fields(ended: _Ended, door: Door) -> Fields:
    first = ended.accepted[0] if ended.accepted else None
    names: dict[str, str | datetime | None] = {
        "item": first.source_id if first else None,
        "dossier": first.dossier if first else None,
        "receipt": first.id if first else None,
        "faults": _told((fault.pointer, fault.detail) for fault in ended.faults),
        "faults_en": _told((fault.pointer, fault.detail_en) for fault in ended.faults),
        "now": door.now(),
    }
    return Fields(ended.thing, names, lenient=True)


def _told(faults: Iterable[tuple[str, str]]) -> str:
    words = [f"{pointer or '/'}: {detail}" for pointer, detail in faults]
    more = [f"… +{len(words) - _MOST_FAULTS}"] if len(words) > _MOST_FAULTS else []
    return "; ".join([*words[:_MOST_FAULTS], *more])


def _write(said: Said, fields: Fields, rows: list[Any]) -> Answer:
    if said.xml is not None:
        text = said.xml.fill(fields, partial(escape_xml, quote=True))
        return Answer(said.status, text.encode(), "application/xml; charset=utf-8")
    if said.text is not None:
        return Answer(said.status, said.text.fill(fields).encode(), "text/plain; charset=utf-8")
    body = fill_all(said.json_, fields, {_ROWS: rows})
    return Answer(said.status, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())

"""Messages in what a partner sends or shows: where the list is, what names each thing in it, which mapping reads it.

A thing is known by its id and by a digest of its content: unchanged it is the message that came before, changed it is a new one, and so is what
comes back after other content (`gateway.flow.returning`). Without an id its content is all that names it. What the mapping refuses is handed on
with its faults, never left out.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.dialect.pointers import Pointer, every, has, list_at, text_at, without
from gateway.dialect.row import Row
from gateway.dialect.template import ITEM, Fields, fill_all, read_all
from gateway.dialect.trees import is_element
from gateway.dialect.unwrap import InSteps, text_of_any, unwrap
from gateway.errors import Fault, Refused
from gateway.ports import Desk, Submission

NAME = r"^[a-z0-9][a-z0-9-]{0,29}$"
_LONGEST_ID = 120


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Taking(Row):
    """`items`: where the list is; without it the whole is one thing. With a `?` at its end the list may be absent.

    `open`: steps into each thing. `id`: places that together name it; without any, its content does. `ignore`: places thrown away first, such
    as the hour of the question. `keep`: places that hold a file in base64, parked and replaced by its sha256. `mapping`: one, or several
    that each make a message of it. `with`: members laid beside it for the mapping.
    """

    items: Pointer | None = None
    open: InSteps = Field(default=[])
    id: Annotated[list[Pointer], BeforeValidator(_listed)] = Field(default=[])
    ignore: list[Annotated[Pointer, AfterValidator(lambda p: p or "/")]] = Field(default=[])
    keep: list[Pointer] = Field(default=[])
    mapping: Annotated[list[str], BeforeValidator(_listed), Field(min_length=1, max_length=20)]
    beside: Annotated[dict[str, Any], BeforeValidator(lambda v: read_all(v, ITEM))] = Field(default={}, alias="with")


def things_in(taking: Taking, document: Any) -> list[Any]:
    """The things of a page or a call. Raises `Refused` when the list is not where it should be."""
    if taking.items is None:
        return [] if document is None else [document]
    pointer = taking.items.removesuffix("?")
    if not taking.items.endswith("?") and not has(document, pointer):
        raise Refused.of(pointer, "items", f"không có danh sách ở {pointer}", f"there is no list at {pointer}")
    return list_at(document, pointer)


def take(
    taking: Taking, thing: Any, desk: Desk, name: str, dossier: str = "", known: str | None = None
) -> list[Submission]:
    """The messages that one thing makes, in the mappings' order; none where a mapping's `only_when` says so.

    `name` begins their ids, `dossier` is the one that was asked about, `known` the thing's id where it does not stand in the thing itself. A thing
    that cannot be read is a submission with its faults, under a name of its own: when the mapping is mended, it may still come.
    """
    return next(take_each(taking, [thing], desk, name, dossier, known))


def take_each(
    taking: Taking, things: Sequence[Any], desk: Desk, name: str, dossier: str = "", known: str | None = None
) -> Iterator[list[Submission]]:
    """The messages of each thing of a page or a call, as `take` makes them. Where several carry one id, the last tells how it stands now; the
    others are what came before, and known by their content alone: the same page read again is no news."""
    opened = [_open(taking, thing, desk, known) for thing in things]
    newest = {one.known: number for number, one in enumerate(opened)}
    for number, one in enumerate(opened):
        stands = one.known is not None and newest[one.known] == number
        yield _messages(taking, one, desk, name, dossier, stands=stands)


@dataclass(frozen=True, slots=True)
class _Opened:
    """`known`: what names it. `faults`: why `content` is the thing as it came."""

    content: Any
    known: str | None
    faults: Sequence[Fault] = ()


def _open(taking: Taking, thing: Any, desk: Desk, known: str | None) -> _Opened:
    try:
        content = _opened(taking, thing, desk)
    except Refused as refused:
        return _Opened(thing, None, refused.faults)
    return _Opened(content, known or name_of(taking.id, content))


def _messages(taking: Taking, one: _Opened, desk: Desk, name: str, dossier: str, *, stands: bool) -> list[Submission]:
    content, known = one.content, one.known
    original = _written(content)
    digest = _digest(original)
    if one.faults:
        return [Submission(f"{name}-{digest}-unread", None, original, problem=one.faults)]
    start = f"{name}-{known}-" if known else f"{name}-"
    kind = "application/xml" if is_element(content) else "application/json"
    made = []
    for number, mapping in enumerate(taking.mapping):
        each = f"{start}{digest}" if number == 0 else f"{start}{digest}-{number + 1}"
        try:
            if taking.id and known is None:
                places = ", ".join(taking.id)
                raise Refused.of(taking.id[0], "id", f"không có mã ở {places}", f"there is no id at {places}")
            body = desk.translate(mapping, _for_mapping(taking, content, desk, known or digest, digest, dossier))
        except Refused as refused:
            made.append(Submission(f"{each}-unread", None, original, kind, mapping, refused.faults))
            continue
        if body is not None:
            made.append(Submission(each, body, original, kind, mapping, thing=start if stands else None))
    return made


def name_of(pointers: Sequence[str], content: Any) -> str | None:
    """What stands at all these places, as one name; None where one is empty, or there are none."""
    parts = [text_at(content, pointer) for pointer in pointers]
    if not parts or None in parts:
        return None
    name = "-".join(part.strip() for part in parts if part)
    return name if len(name) <= _LONGEST_ID else _digest(name.encode())


def _opened(taking: Taking, thing: Any, desk: Desk) -> Any:
    content = unwrap(thing, taking.open)
    for pointer in taking.ignore:
        content = without(content, pointer)
    return claimed(content, taking.keep, desk)


def claimed(content: Any, pointers: Sequence[str], desk: Desk) -> Any:
    """The content with each file named there parked, and its sha256 in its place. Raises `Refused`, before anything is parked."""
    if not pointers:
        return content
    made = copy.deepcopy(content)
    found = []
    for pointer in pointers:
        for holder, key, place in list(every(made, pointer)):
            if holder[key] != "":
                found.append((holder, key, _decoded(holder[key], place)))
    for holder, key, raw in found:
        holder[key] = desk.keep(raw, "application/pdf" if raw.startswith(b"%PDF-") else "application/octet-stream")
    return made


def _decoded(text: Any, place: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Refused.of(place, "base64", "không phải base64", "not base64") from None
    if not raw:
        raise Refused.of(place, "empty", "tệp rỗng", "an empty file")
    return raw


def _for_mapping(taking: Taking, content: Any, desk: Desk, item: str, digest: str, dossier: str) -> Any:
    """What the mapping reads: an object for `map.yaml`, a text for `map.xsl`."""
    if not isinstance(content, dict):
        return text_of_any(content) if is_element(content) else content
    names: Mapping[str, Any] = {"item": item, "digest": digest, "now": desk.now(), "dossier": dossier or None}
    return {**content, **fill_all(taking.beside, Fields(content, names))}


def _written(content: Any) -> bytes:
    """As it is kept, and as its digest is made: JSON in one order of keys, XML and texts as they came."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str) or is_element(content):
        return text_of_any(content).encode("utf-8", "surrogatepass")
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:12]

"""A REST call as an operator declares it, and the connection it goes over."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.canonical.scalars import WebLink
from gateway.dialect.auth import Auth, Caller, Nothing, Secrets, hosts_of, place_of, reveal
from gateway.dialect.pointers import Pointer, escape, every, text_at
from gateway.dialect.reading import Reading, Told
from gateway.dialect.row import Row, Seconds
from gateway.dialect.template import (
    ITEM,
    OUTGOING,
    POLLING,
    Fields,
    ItemText,
    PollText,
    Template,
    Text,
    fill_all,
    read_all,
    templates_in,
)
from gateway.dialect.unwrap import OutSteps, wrap
from gateway.errors import Refused
from gateway.http import Http, Reply
from gateway.message import utc_now
from gateway.ports import Original, Parcel

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]
_TYPES = {
    "json": "application/json; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
    "form": "application/x-www-form-urlencoded",
}


class Line(Row):
    """The connection: what every settings table of a generic connector begins with."""

    url: WebLink = Field(description="the address that paths stand behind")
    hosts: list[str] = Field(default=[], description="further places that a path may name whole: name or name:port")
    auth: Auth = Nothing()
    headers: dict[str, str] = Field(default={})
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 30
    answer_bytes: int = Field(default=4 << 20, ge=1024, le=256 << 20)
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    def check_places(self, calls: Iterable[Call | None]) -> None:
        """Raises ValueError for a whole address whose place is none of the partner's."""
        known = {place_of(self.url), *(host.lower() for host in self.hosts)}
        for call in calls:
            text = call.path.text if call is not None else ""
            if "://" in text and not {place_of(text), place_of(text).rpartition(":")[0]} & known:
                raise ValueError(f"{place_of(text)} không có trong hosts · is not in hosts")

    def open(self, folder: Path, now: Callable[[], datetime] = utc_now) -> Caller:
        """The client. Files are named relative to `folder`, the configuration's."""

        def named(file: Path | None) -> str | None:
            return str(folder / file) if file else None

        http = Http(
            base_url=self.url,
            hosts=[*self.hosts, *hosts_of(self.auth)],
            connect_timeout=self.connect_timeout,
            total_timeout=self.total_timeout,
            max_bytes=self.answer_bytes,
            ca_file=named(self.ca_file),
            client_cert=named(self.client_cert),
            client_key=named(self.client_key),
            headers=self.headers,
        )
        return Caller(http, self.url, self.auth, now=now)


def _path(template: Template) -> Template:
    text = template.text
    fixed = "".join(piece for piece in template.pieces if isinstance(piece, str))
    host = text.partition("://")[2].partition("/")[0]
    whole = text.startswith(("http://", "https://")) and "{" not in host
    right = text == "" or text.startswith("/") or whole
    if not right or not fixed.isascii() or not fixed.isprintable() or any(mark in fixed for mark in " ?#\\"):
        words = "phải bắt đầu bằng /, không dấu tiếng Việt, tham số ghi ở query"
        raise ValueError(f"{text!r}: {words} · must begin with /, in plain ASCII, parameters stand in query")
    return template


def _members(*names: str) -> Any:
    return BeforeValidator(partial(read_all, known=names))


Beside = Annotated[dict[str, Any], _members(*OUTGOING)]


class Call(Row):
    """One call. `send` says what becomes of the document: `json` (the default where the method has a body), `xml`, `text`, `form`, `none`.

    `inline`: places that hold the sha256 of a parked file, each replaced by its content in base64. `wrap`: see `gateway.dialect.unwrap`.
    `with`: members laid beside the document, their texts templates; `secrets`: members taken as they are.
    """

    method: Method = "POST"
    path: Annotated[Text, AfterValidator(_path)]
    query: dict[str, Text] = Field(default={})
    headers: dict[str, Text] = Field(default={})
    send: Literal["json", "xml", "text", "form", "none"] | None = None
    content_type: str | None = None
    inline: list[Pointer] = Field(default=[])
    wrap: OutSteps = Field(default=[])
    beside: Beside = Field(default={}, alias="with")
    secrets: Secrets = Field(default={})
    answer: Reading | None = None
    total_timeout: Seconds | None = None

    @property
    def pointers(self) -> set[str]:
        """The places of the document that its templates name."""
        found = templates_in([self.path, self.query, self.headers, self.beside])
        return {source for one in found for source in one.sources if source.startswith("/")}


class Question(Call):
    """A call that changes nothing there: a GET unless it says otherwise."""

    method: Method = "GET"


class PageQuestion(Question):
    """A question about a page of a feed."""

    path: Annotated[PollText, AfterValidator(_path)]
    query: dict[str, PollText] = Field(default={})
    headers: dict[str, PollText] = Field(default={})
    beside: Annotated[dict[str, Any], _members(*POLLING)] = Field(default={}, alias="with")


class ItemCall(Question):
    """A call about one thing of a list."""

    path: Annotated[ItemText, AfterValidator(_path)]
    query: dict[str, ItemText] = Field(default={})
    headers: dict[str, ItemText] = Field(default={})
    beside: Annotated[dict[str, Any], _members(*ITEM)] = Field(default={}, alias="with")


def fields_of(parcel: Parcel, document: Any) -> Fields:
    """What templates may name about a delivery."""
    message = parcel.message
    names: dict[str, str | datetime | None] = {
        "key": parcel.key,
        "dossier": message.dossier,
        "type": message.type,
        "event_time": message.event_time,
    }
    return Fields(document, names)


def inlined(document: Any, pointers: list[str], read_file: Callable[[str], bytes]) -> Any:
    """The document with each file named there by its sha256 inline, in base64. Raises what `read_file` raises."""
    if not pointers:
        return document
    made = copy.deepcopy(document)
    for pointer in pointers:
        for holder, key, _ in list(every(made, pointer)):
            holder[key] = base64.b64encode(read_file(str(holder[key]))).decode()
    return made


def body_of(call: Call, fields: Fields) -> tuple[bytes | None, str]:
    """The request's body and its content type. Raises `Refused`."""
    send = call.send or ("json" if call.method in ("POST", "PUT", "PATCH") else "none")
    if send == "none":
        return None, ""
    value = wrap(fields.document, call.wrap)
    if call.beside or call.secrets:
        if not isinstance(value, dict | None):
            words = "with cần tài liệu là một đối tượng JSON", "with wants a document that is a JSON object"
            raise Refused.of("", "with", *words)
        value = {**(value or {}), **fill_all(call.beside, fields), **reveal(call.secrets)}
    content_type = call.content_type or _TYPES[send]
    if isinstance(value, bytes):
        return value, content_type
    if send == "json":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), content_type
    if send == "form":
        return urlencode(_pairs(value)).encode(), content_type
    if not isinstance(value, str):
        raise Refused.of("", "not-text", f"send = {send} cần chuỗi: map.xsl, hoặc wrap", f"send = {send} wants a text")
    return value.encode(), content_type


def _pairs(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        raise Refused.of("", "form", "send = form cần một đối tượng", "send = form wants an object")
    pairs = []
    for name in value:
        text = text_at(value, "/" + escape(name))
        if text is None and value[name] not in (None, ""):
            raise Refused.of(f"/{name}", "form", "phải là một giá trị", "must be a plain value")
        pairs.append((name, text or ""))
    return pairs


def make(
    call: Call, caller: Caller, fields: Fields, trace: str | None = None, original: Original | None = None
) -> Callable[[], Reply]:
    """The call, ready to go; everything in it is checked before anything is sent. `original` goes in place of a body that would be made.

    Raises `Refused`.
    """
    path = call.path.fill_path(fields)
    query = {name: text for name, one in call.query.items() if (text := one.fill(fields))}
    headers = {name: text for name, one in call.headers.items() if (text := one.fill_header(fields))}
    headers |= {"traceparent": trace} if trace else {}
    body, content_type = (original.content, original.content_type) if original is not None else body_of(call, fields)
    if content_type:
        headers = {"Content-Type": content_type, **headers}
    return lambda: caller.call(
        call.method, path, query=query, headers=headers, body=body, total_timeout=call.total_timeout
    )


def ask(question: Call, caller: Caller, fields: Fields, answer: Reading) -> Told:
    """The answer to a question, read. Raises `Refused` before anything is sent, and what the call raises."""
    return (question.answer or answer).read(make(question, caller, fields)())

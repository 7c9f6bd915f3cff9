"""A call as the operator declares it, put together for one message, and what its answer says."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from connectors.soap.client import Client, Heard, Operation
from connectors.soap.settings import Call, Header, Settings, SoapReading
from gateway.dialect.auth import reveal
from gateway.dialect.calling import inlined
from gateway.dialect.pointers import text_at
from gateway.dialect.reading import UNREADABLE, Told
from gateway.dialect.template import Fields, fill_all
from gateway.dialect.unwrap import unwrap, wrap
from gateway.errors import Misconfigured, Refused
from gateway.soap.names import Version

_WORDS_MOST = 2000


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, read, and whether it is a fault: no row takes a fault for a success unless it names the code."""

    told: Told
    fault: bool = False


class Calls:
    """Makes a partner's calls. Every operation that the file names is looked up at once: raises `Misconfigured`."""

    def __init__(self, client: Client, settings: Settings, named: Sequence[Call]) -> None:
        self._client = client
        self._settings = settings
        self._operations: dict[tuple[str, str | None], Operation] = {}
        wrong: dict[str, None] = {}
        for call in named:
            try:
                self._operations[call.operation, call.port] = client.operation(call.operation, call.port)
            except Misconfigured as error:  # told with those of the other calls
                wrong[str(error)] = None
        if wrong:
            raise Misconfigured("\n".join(wrong))

    def make(
        self,
        call: Call,
        fields: Fields,
        *,
        key: str | None = None,
        trace: str | None = None,
        read_file: Callable[[str], bytes] | None = None,
    ) -> Callable[[], Said]:
        """The call, ready to go. `key` is the message's id, a fresh one where there is none. Raises `Refused`."""
        operation = self._operations[call.operation, call.port]
        document = _document(call, fields, read_file)
        headers = [write_header(row, operation.version, fields) for row in self._settings.header]
        heard = self._client.make(operation, document, headers, key or str(uuid.uuid4()), call.url, trace)
        reading = call.answer or self._settings.answer
        return lambda: said(reading, heard())


def _document(call: Call, fields: Fields, read_file: Callable[[str], bytes] | None) -> Any:
    """What the operation's element holds. Raises `Refused`."""
    value: Any = None
    if call.send == "document":
        document = inlined(fields.document, call.inline, read_file) if read_file is not None else fields.document
        value = wrap(document, call.wrap)
    more: Mapping[str, Any] = {
        **fill_all(call.beside, fields),
        **reveal(call.secrets),
    }
    if not more:
        return value
    if not isinstance(value, dict | None):
        words = "with cần tài liệu là một đối tượng JSON", "with wants a document that is a JSON object"
        raise Refused.of("", "with", *words)
    return {**(value or {}), **more}


def write_header(row: Header, version: Version, fields: Fields) -> etree._Element:
    """One header. Raises `Refused` for a field that is absent."""
    space = etree.QName(row.element).namespace
    made = etree.Element(row.element, nsmap={"h": space} if space else None)
    if row.must_understand:
        made.set(version.tag("mustUnderstand"), "1")
    if row.text is not None:
        _write(made, row.text.fill(fields))
    secrets = {name: secret.get_secret_value() for name, secret in row.secrets.items()}
    for name, text in ({name: one.fill(fields) for name, one in row.fields.items()} | secrets).items():
        _write(etree.SubElement(made, f"{{{space}}}{name}" if space and row.qualified else name), text)
    return made


def _write(element: etree._Element, text: str) -> None:
    try:
        element.text = text
    except ValueError:
        raise Refused.of("", "not-xml-text", "có ký tự XML không chứa được", "XML cannot carry this text") from None


def said(reading: SoapReading, heard: Heard) -> Said:
    """An answer, read. A fault's code and words come from the fault; what is no answer to us is ``unreadable``."""
    reply = heard.reply
    shown, wait = reply.excerpt(_WORDS_MOST), reply.retry_after()
    if heard.wrong:
        return Said(Told(reply.status, None, UNREADABLE, f"{heard.wrong}: {shown}", None, shown, wait))
    if heard.fault:
        code, words = (_first(heard.document, *places) for places in _fault_places(reading))
        finer = text_at(heard.document, "/subcode")
        words = f"{finer}: {words}" if finer else words
        return Said(Told(reply.status, heard.document, code or "fault", words, None, shown, wait), fault=True)
    try:
        document = unwrap(heard.document, reading.unwrap)
    except Refused as refused:
        words = f"{refused.faults[0].detail} · {refused.faults[0].detail_en}: {shown}"
        return Said(Told(reply.status, None, UNREADABLE, words, None, shown, wait))
    return Said(reading.told(document, http=reply.status, body=shown, retry_after=wait))


def _fault_places(reading: SoapReading) -> tuple[Sequence[str], Sequence[str]]:
    """Where a fault's code and words may stand: where the file says, then where SOAP does."""
    code = [reading.fault_code] if reading.fault_code is not None else []
    words = [reading.fault_text] if reading.fault_text is not None else []
    return [*code, "/faultcode"], [*words, "/faultstring"]


def _first(document: Any, *pointers: str) -> str:
    return next((text for pointer in pointers if (text := text_at(document, pointer))), "")

"""What the four operations do. Each is given its element and returns its answer as the contract's field names and values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from pydantic import ValidationError

from gateway.canonical.faults import faults_of
from gateway.config import PartnerFile
from gateway.errors import Fault, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.answers import receipt
from gateway.flow.gateway import Gateway
from gateway.flow.validate import shape_faults
from gateway.ledger import queries
from gateway.ledger.messages import history
from gateway.ledger.queries import Reader
from gateway.ports import Submission
from gateway.soap.names import TYPES
from gateway.web.here import unknown_dossier
from gateway.web.soap.contract import ASKS, CARRIES, messages, questions
from gateway.web.soap.envelope import Envelope, Unreadable
from gateway.web.soap.reading import Inline, Reading, xpath_of
from gateway.web.soap.shapes import Record
from gateway.web.standing import tell_standing, tell_status

_NEWEST = (1 << 62) - 1
_UNTOLD = ("axes", "deliveries")  # what the contract of `AskStatus` has no place for


@dataclass
class Request:
    """An operation's element as canonical JSON. `base` is the XPath of the element that `body` was read from."""

    name: str
    base: str
    record: Record
    body: dict[str, Any]
    faults: list[Fault] = field(default_factory=list)
    files: list[Inline] = field(default_factory=list)

    def place(self, pointer: str) -> str:
        """The XPath of a JSON pointer into the body."""
        return xpath_of(self.base, self.record, pointer, self.body)


def read_request(envelope: Envelope) -> Request:
    """Raises `BadRequest` for an operation that we do not have, or one that holds no message."""
    name, reading = envelope.name, Reading()
    if etree.QName(envelope.operation).namespace != TYPES or name not in (*CARRIES, *ASKS):
        known = ", ".join((*CARRIES, *ASKS))
        words = f"không có thao tác {name}; có: {known}", f"there is no operation {name}; known: {known}"
        raise Unreadable.of("", "unknown-operation", *words)
    if name in ASKS:
        record = questions()[name]
        return Request(name, envelope.xpath, record, reading.read(envelope.operation, record), reading.faults)
    (element, kind) = _message(envelope, CARRIES[name])
    record = messages()[kind]
    body = {"type": kind, **reading.read(element, record)}
    return Request(name, f"{envelope.xpath}/lt:{kind}", record, body, reading.faults, reading.files)


def _message(envelope: Envelope, wanted: tuple[str, ...]) -> tuple[etree._Element, str]:
    """The one message that the operation's element holds."""
    kinds = {f"{{{TYPES}}}{kind}": kind for kind in wanted}
    found = [(child, kinds[child.tag]) for child in envelope.operation if child.tag in kinds]
    if len(found) != 1 or len(envelope.operation) != 1:
        every = ", ".join(wanted)
        words = f"{envelope.name} phải chứa đúng một trong: {every}", f"{envelope.name} must hold one of: {every}"
        raise Unreadable.of("", "message", *words)
    return found[0]


class Desk:
    """Answers one caller."""

    def __init__(self, gateway: Gateway, partner: PartnerFile) -> None:
        self._gateway = gateway
        self._partner = partner

    def answer(
        self, request: Request, original: bytes, content_type: str, key: str | None, trace: str | None
    ) -> Mapping[str, Any]:
        """Raises `Refused` with every fault, and `LedgerAway`."""
        if request.name in CARRIES:
            return self._accept(request, original, content_type, key, trace)
        _check_question(request)
        asks: dict[str, Callable[[str], Mapping[str, Any]]] = {"AskStatus": self._status, "FetchResults": self._results}
        return asks[request.name](request.body["dossier"])

    def _accept(
        self, request: Request, original: bytes, content_type: str, key: str | None, trace: str | None
    ) -> Mapping[str, Any]:
        if request.faults:
            told = {fault.pointer for fault in request.faults}
            raise Refused([*request.faults, *(f for f in shape_faults(request.body) if f.pointer not in told)])
        given = request.body.get("id")
        submission = Submission(given if isinstance(given, str) else "", request.body, original, content_type)
        return receipt(Acceptance(self._gateway, self._partner).one(submission, key=key, trace=trace))

    def _status(self, code: str) -> Mapping[str, Any]:
        with self._gateway.ledger.read() as connection:
            row = self._row(connection, code)
            standing = tell_standing(self._gateway, connection, row)
        return {name: value for name, value in standing.items() if name not in _UNTOLD}

    def _results(self, code: str) -> Mapping[str, Any]:
        with self._gateway.ledger.read() as connection:
            row = self._row(connection, code)
            told = history(connection, code, _NEWEST)
        issued = [
            {
                **paper, "url": paper.get("url") or self._gateway.link(paper, message),
                "issued_at": message.event_time, "message": message.id, "source": message.source,
            }
            for message in told if message.type == "ResultIssued" and message.held is None
            for paper in message.body["results"]
        ]  # fmt: skip
        return {"dossier": code, "status": tell_status(self._gateway, row), "results": issued}

    def _row(self, connection: Any, code: str) -> Any:
        row = queries.dossier_row(connection, code, Reader(self._partner.id, self._partner.reads))
        if row is None:
            raise unknown_dossier("/dossier")
        return row


def _check_question(request: Request) -> None:
    faults = list(request.faults)
    try:
        ASKS[request.name].model_validate(request.body)
    except ValidationError as error:
        told = {fault.pointer for fault in faults}
        faults += [fault for fault in faults_of(error, request.body) if fault.pointer not in told]
    if faults:
        raise Refused(faults)

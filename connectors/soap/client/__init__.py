"""Speaks SOAP by a partner's contract; knows no Message.

The contract is read once. An envelope is written from its shapes and one call is one POST over libcurl; an answer is read by the safe
reader. zeep takes the contract apart and makes no call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.soap.client.contract import Contract, Operation
from connectors.soap.client.envelope import (
    Answered,
    http_headers,
    open_answer,
    write_addressing,
    write_envelope,
)
from connectors.soap.client.security import (
    Signer,
    check_answer,
    read_certificates,
    write_security,
    write_timestamp,
    write_token,
)
from connectors.soap.client.shapes import write
from connectors.soap.settings import Security, Settings
from gateway.dialect.auth import Caller
from gateway.errors import Refused
from gateway.http import Reply
from gateway.message import utc_now
from gateway.soap.names import WSA
from gateway.xml import read_xml, write_xml

_RELATES_TO = f"{{{WSA}}}RelatesTo"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. `document`: what the Body holds, as JSON, or what a fault says. `wrong`: why it is no answer of theirs to us."""

    reply: Reply
    document: Any = None
    fault: bool = False
    wrong: str = ""


class Client:
    """One partner. Thread-safe."""

    def __init__(self, settings: Settings, folder: Path, now: Callable[[], datetime] = utc_now) -> None:
        """Files are relative to `folder`. Raises `Misconfigured`."""
        self.contract = Contract(folder / settings.wsdl, folder, validate=settings.validate_)
        self._settings = settings
        self._now = now
        self._caller = settings.open(folder, now)
        self._security = settings.security
        self._signer = _signer(settings.security, folder)
        self._answers = [one for file in settings.security.answers for one in read_certificates(folder / file)]

    @property
    def caller(self) -> Caller:
        return self._caller

    def operation(self, name: str, port: str | None = None) -> Operation:
        """Raises `Misconfigured`."""
        return self.contract.operation(name, port or self._settings.port)

    def make(
        self,
        operation: Operation,
        document: Any,
        headers: Sequence[etree._Element],
        message_id: str,
        url: str | None = None,
        trace: str | None = None,
    ) -> Callable[[], Heard]:
        """The call, ready to go; everything in it is checked before anything is sent. Raises `Refused`.

        `document`: JSON shaped as the operation's element, or that element as XML text. `message_id` goes out as the wsa:MessageID.
        """
        content = content_of(operation, document)
        to = url or self._settings.url
        sent = dict(http_headers(operation)) | ({"traceparent": trace} if trace else {})
        more = list(headers)
        if self._settings.addressing:
            more += write_addressing(operation.version, operation.addressing, to, message_id)

        def call() -> Heard:
            body = self._written(operation, more, content)
            return self._heard(operation, self._caller.call("POST", to, headers=sent, body=body), message_id)

        return call

    def _written(
        self, operation: Operation, headers: Sequence[etree._Element], content: etree._Element | None
    ) -> bytes:
        secured = self._secured(operation)
        root = write_envelope(operation.version, [*headers, *secured], content)
        if self._signer is not None:
            security = secured[0]
            self._signer.sign(security, [root[-1], security[0]])
        return write_xml(root)

    def _secured(self, operation: Operation) -> list[etree._Element]:
        """The Security header, if there is one: its Timestamp first."""
        told, now = self._security, self._now()
        parts = []
        if told.timestamp or self._signer is not None:
            parts.append(write_timestamp(now, told.seconds))
        if told.username is not None and told.password is not None:
            parts.append(write_token(told.username, told.password.get_secret_value(), digest=told.digest, now=now))
        return [write_security(operation.version, parts)] if parts else []

    def _heard(self, operation: Operation, reply: Reply, message_id: str) -> Heard:
        answered = open_answer(reply)
        if answered is None:
            return Heard(reply, wrong="không phải SOAP · not SOAP")
        try:
            self._check(answered, message_id)
            answered.check(operation)
        except Refused as refused:
            return Heard(reply, wrong=f"{refused.faults[0].detail} · {refused.faults[0].detail_en}")
        return Heard(reply, answered.document(operation), answered.fault)

    def _check(self, answered: Answered, message_id: str) -> None:
        """Proven, where that is wanted, and an answer to this message. Raises `Refused`."""
        relates_to = answered.header(_RELATES_TO) if self._settings.addressing else None
        if self._answers:
            check_answer(answered, self._answers, self._now(), self._security.seconds, relates_to)
        # A service that fails before it reads our headers cannot name the message; where answers are signed that could be another's fault.
        silent = relates_to is None and answered.fault and not self._answers
        if not self._settings.addressing or silent:
            return
        if relates_to is None or (relates_to.text or "").strip() != f"urn:uuid:{message_id}":
            words = "không phải trả lời cho bản tin này (RelatesTo)", "no answer to this message (RelatesTo)"
            raise Refused.of("", "not-ours", *words)


def content_of(operation: Operation, document: Any) -> etree._Element | None:
    """The element in the Body, checked against the contract. Raises `Refused`."""
    if operation.question is None:
        return None
    if isinstance(document, str | bytes):
        content = read_xml(document.encode() if isinstance(document, str) else document)
        if content.tag != operation.question.tag:
            wanted, found = operation.question.tag, str(content.tag)
            words = f"cần {wanted}, gặp {found}", f"{wanted} belongs here, not {found}"
            raise Refused.of("", "wrong-element", *words)
    elif operation.encoded:
        words = f"{operation.name}: rpc/encoded cần map.xsl", f"{operation.name}: rpc/encoded wants a map.xsl"
        raise Refused.of("", "encoded", *words)
    else:
        content = write(operation.question, document if document is not None else {}, operation.prefixes)
    if operation.schema is not None:
        operation.schema.check(content)
    return content


def _signer(security: Security, folder: Path) -> Signer | None:
    if security.certificate is None:
        return None
    password = security.key_password.get_secret_value() if security.key_password else None
    return Signer(folder / security.certificate, folder / (security.key or security.certificate), password)


__all__ = ["Client", "Contract", "Heard", "Operation", "content_of"]

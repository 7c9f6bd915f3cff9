"""Every error of the SOAP door as a SOAP fault: the problem document that REST would give, with each fault's XPath beside its pointer."""

from __future__ import annotations

import json
from collections.abc import Callable

from flask import Response
from werkzeug.exceptions import HTTPException

from gateway.errors import Refused
from gateway.soap.names import SOAP11, SOAP12, TYPES, WSSE, Version
from gateway.soap.signature import BadSignature
from gateway.web.problems import answer_error
from gateway.web.soap.contract import problem
from gateway.web.soap.envelope import Unreadable, action_of, write_envelope, write_fault
from gateway.web.soap.writing import write

_TRANSPORT = {400, 401, 405, 408, 411, 413, 415, 429, 503, 507}
"""What HTTP itself has a word for keeps its status. Every other fault is 500 in SOAP 1.1; in 1.2, 400 when the sender is to blame."""


def answer_fault(error: Exception, version: Version, place: Callable[[str], str], relates_to: str | None) -> Response:
    """`place` makes an XPath of a JSON pointer. Headers of the problem (Retry-After, WWW-Authenticate) are kept."""
    response = answer_error(error)
    document = json.loads(response.get_data())
    told = [{**fault, "xpath": place(fault["pointer"])} for fault in document["faults"]]
    sender = document["status"] < 500
    body = write_fault(
        version, sender=sender, code=error.code if isinstance(error, Unreadable) else None, subcode=_subcode(error, version),
        words=(_reason(document, ""), _reason(document, "_en")), detail=write("Problem", problem(), {**document, "faults": told}),
    )  # fmt: skip
    made = Response(
        write_envelope(version, body, action_of("Problem"), relates_to), status=_status(error, document["status"], version, sender)
    )  # fmt: skip
    made.content_type = f"{version.media_type}; charset=utf-8"
    for name in ("Retry-After", "WWW-Authenticate", "Allow"):
        if name in response.headers and (name != "WWW-Authenticate" or made.status_code == 401):
            made.headers[name] = response.headers[name]
    made.headers["Cache-Control"] = "no-store"
    return made


def _status(error: Exception, status: int, version: Version, sender: bool) -> int:
    special = isinstance(error, Unreadable) and error.code is not None
    if isinstance(error, HTTPException) or (
        status in _TRANSPORT and not isinstance(error, BadSignature) and not special
    ):
        return status
    return 400 if sender and version is not SOAP11 and not special else 500


def _subcode(error: Exception, version: Version) -> tuple[str, str] | None:
    """A finer code. SOAP 1.1 has only one place for a code, and there its own say more."""
    if isinstance(error, BadSignature):
        return WSSE, "FailedAuthentication"
    if version is SOAP12 and isinstance(error, Refused) and not isinstance(error, Unreadable):
        return TYPES, error.kind
    return None


def _reason(document: dict[str, str], language: str) -> str:
    title, detail = document[f"title{language}"], document[f"detail{language}"]
    return title if detail == title else f"{title}: {detail}"

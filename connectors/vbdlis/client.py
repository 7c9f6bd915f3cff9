"""Speaks VBDLIS: four calls, each one POST of JSON under the base address, each answered {data, status{success, message}}."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.vbdlis.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply

NOT_JSON = "not-json"
PATHS = {
    "receive": "tiepnhan",
    "supplement": "capnhattrangthaibosunghoso",
    "return": "capnhattrangthaitraketquahoso",
    "wrong_result": "phanhoihososaiketqua",
}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came: `code` is ``data/success``, such as ``1/true``; what is no JSON object has ``not-json``."""

    http: int
    code: str
    text: str
    excerpt: str
    retry_after: float | None


class Client:
    """One land office. Thread-safe. It has no login: who may call is a matter of the network."""

    def __init__(self, settings: Settings) -> None:
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            ca_file=settings.ca_file,
        )
        self._files = Http(
            base_url=settings.url,
            hosts=settings.file_hosts,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.file_bytes,
            ca_file=settings.ca_file,
        )

    def send(self, call: str, document: Mapping[str, Any]) -> Said:
        """POST a document. Raises `TryLater` or `AskFirst` as `gateway.http` has it."""
        return read(self._http.call("POST", PATHS[call], json=document))

    def knock(self) -> int:
        """The HTTP status of a GET where only POST is served: nothing is changed. Raises as `send`."""
        return self._http.call("GET", PATHS["receive"]).status

    def fetch(self, url: str) -> Reply:
        """A file. Raises `TryLater`: whatever went wrong, the land office was not called yet; `Misconfigured` for a foreign host."""
        try:
            return self._files.call("GET", url)
        except AskFirst as fault:
            raise TryLater(f"tệp {url[:200]} · file: {fault.reason}", code=fault.code) from fault


def read(reply: Reply) -> Said:
    try:
        body = reply.json()
    except Unclassified:
        body = None  # a page: the outcome table has a row for it
    if not isinstance(body, dict):
        return Said(reply.status, NOT_JSON, "", reply.excerpt(), reply.retry_after())
    status = body.get("status")
    status = status if isinstance(status, dict) else {}
    code = f"{_word(body.get('data'))}/{_word(status.get('success'))}"
    message = status.get("message")
    return Said(reply.status, code, message if isinstance(message, str) else "", reply.excerpt(), reply.retry_after())


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | str) else "none"

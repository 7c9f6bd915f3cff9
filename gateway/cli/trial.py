"""A partner's twin made of its own file, and the samples of its mappings delivered to it: tried before anything is sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from gateway.config import Config, PartnerFile, parse, read_toml, resolve_secrets
from gateway.errors import DeliveryError, Misconfigured, Refused
from gateway.message import Message, utc_now
from gateway.ports import Kind, Parcel, Partner, Receipt
from gateway.simulation import Chaos, Serve, Twin

_INVENTED = "thu-nghiem-{}-0123456789"
_MISSING = re.compile(r"^env:([A-Za-z0-9_]+)$")


@dataclass(frozen=True, slots=True)
class Tried:
    """One sample of a mapping, delivered. `outcome` as in an outcome table; `words`: the partner's, or why it could not be."""

    type: str
    sample: str
    outcome: str
    words: str
    well: bool
    sent: Any = None


class Trial:
    """A partner of this home, enabled or not, and its twin. Secrets that the environment lacks are invented, for both alike."""

    def __init__(self, home: Path, partner: str, *, port: int = 0, chaos: Chaos | None = None) -> None:
        """Raises `Misconfigured`."""
        self.config = Config(home)
        self.file = self.config.folder / "partners" / f"{partner}.toml"
        self._table = read_toml(self.file)
        self.row = parse(PartnerFile, self._table, self.file)
        self.kind = find_kind(self.row.connector)
        check_settings(
            self.row.connector, self.row.settings, str(self.file)
        )  # told as everywhere, and without the values
        self.invented: dict[str, str] = {}
        self._settings = resolve_secrets(invent(self.row.settings, self.invented), str(self.file))
        told = {**self._table, "settings": self._settings, "folder": str(self.config.folder)}
        self.serve = Serve(find_simulator(self.row.connector)(told), port=port, chaos=chaos)

    def start(self) -> str:
        """The twin's address, with the path that the partner's own has."""
        return (
            self._at_twin(self._settings["url"], self.serve.start()) if "url" in self._settings else self.serve.start()
        )

    def environment(self, address: str) -> Mapping[str, str]:
        """What a shell must set for the gateway to talk to the twin."""
        found = dict(self.invented)
        for value in _texts(self.row.settings):
            match = re.fullmatch(r"env:([A-Za-z0-9_]+)\|(https?://.*)", value)
            if match:
                found[match[1]] = self._at_twin(match[2], address)
        return found

    def deliver_samples(self, address: str) -> Iterator[Tried]:
        """Every sample of every mapping, as its message would be sent. Raises `Misconfigured`."""
        from gateway.flow.gateway import Setup

        settings = _mapped(
            self._settings,
            lambda text: self._at_twin(text, address) if text.startswith(("http://", "https://")) else text,
        )
        partner = Partner(
            self.row.id, self.row.name, self.row.name_en, self.row.connector,
            check_settings(self.row.connector, settings, str(self.file)), self.row.mappings, self.config.folder,
        )  # fmt: skip
        if self.kind.outbound is None:
            raise Misconfigured(f"{self.file}: đầu nối {self.kind.name} không gửi gì · the connector delivers nothing")
        outbound, setup = self.kind.outbound(partner), Setup(self.config)
        for kind, documents in self.row.mappings.items():
            for sample in sorted(
                (self.config.folder / "mappings" / documents["message"] / "samples").glob("*/in.json")
            ):
                view = json.loads(sample.read_text(encoding="utf-8"))
                try:
                    made = {name: setup.translate(mapping, view) for name, mapping in documents.items()}
                except Refused as refused:
                    meant = (sample.parent / "error.txt").exists()
                    yield Tried(kind, sample.parent.name, "refused by the mapping", str(refused), meant)
                    continue
                yield _deliver(outbound, kind, sample.parent.name, view, made)

    def notes(self) -> Iterator[str]:
        """What the file leaves to chance."""
        told = self._settings
        if self.row.connector in ("rest", "soap", "mailbox"):
            if not told.get("rule") and not any(told.get("answer", {}).get(name) for name in ("code", "text")):
                yield "chưa khai mã trả lời (answer, rule): mọi 2xx đọc được là đã nhận · no codes declared: every readable 2xx counts as taken"
            if (
                not told.get("find")
                and not told.get("repeat_is_harmless")
                and not all(
                    row.get("find") or row.get("repeat_is_harmless") is not None for row in told.get("call", [])
                )
            ):
                yield (
                    "khi chưa rõ họ đã nhận chưa, người phải quyết định: khai find hoặc repeat_is_harmless · every doubt waits for a person: "
                    "declare find or repeat_is_harmless"
                )

    def _at_twin(self, url: str, address: str) -> str:
        twin = urlsplit(address)
        return urlunsplit((twin.scheme, twin.netloc, *urlsplit(url)[2:])).rstrip("/")


def _deliver(outbound: Any, kind: str, sample: str, view: Mapping[str, Any], made: Mapping[str, Any]) -> Tried:
    body = view["message"]
    message = Message(
        1, view["meta"]["id"], view["meta"]["source"], body["id"], kind, body["dossier"],
        datetime.fromisoformat(body["event_time"]), utc_now(), body,
    )  # fmt: skip
    try:
        receipt: Receipt = outbound.deliver(Parcel(1, message.id, message, made))
    except DeliveryError as error:
        return Tried(kind, sample, _outcome(error), error.reason, False, made)
    outcome = "duplicate" if receipt.duplicate else "delivered"
    return Tried(kind, sample, outcome, " ".join(filter(None, (receipt.code, receipt.reference))), True, made)


def _outcome(error: DeliveryError) -> str:
    return re.sub(r"(?<!^)([A-Z])", r" \1", type(error).__name__).lower()


def find_kind(connector: str) -> Kind:
    """Raises `Misconfigured`."""
    points = {point.name: point for point in entry_points(group="lienthong.connectors")}
    if connector not in points:
        raise Misconfigured(f"không có kết nối · no connector {connector!r}; có · known: {', '.join(sorted(points))}")
    found: Kind = points[connector].load()
    return found


def find_simulator(connector: str) -> Callable[..., Twin]:
    """What makes its twin of settings, or of a partner file. Raises `Misconfigured`."""
    others = {point.name: point for point in entry_points(group="lienthong.simulators")}
    if connector in others:  # an outside system that is no partner
        twin: Callable[..., Twin] = others[connector].load()
        return twin
    found = find_kind(connector).simulator
    if found is None:
        raise Misconfigured(f"kết nối {connector} không có bản mô phỏng · the connector has no simulator")
    return found


def check_settings(connector: str, settings: Mapping[str, Any], place: str) -> Any:
    """The connector's own model of them; what the environment lacks is invented. Raises `Misconfigured`."""
    try:
        return find_kind(connector).settings.model_validate(resolve_secrets(invent(settings, {}), place))
    except ValidationError as error:
        lines = [
            f"settings.{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors(include_input=False)
        ]
        raise Misconfigured(f"{place}: {'; '.join(lines)}") from None


def invent(settings: Any, invented: dict[str, str]) -> Any:
    """The settings, with a value for each variable that they name and the environment lacks; noted in `invented`."""

    def one(text: str) -> str:
        match = _MISSING.match(text)
        if match is None or match[1] in os.environ:
            return text
        address = match[1].endswith("_URL")
        value = (
            "http://127.0.0.1/" + match[1].lower() if address else _INVENTED.format(match[1].lower().replace("_", "-"))
        )
        return invented.setdefault(match[1], value)

    return _mapped(settings, one)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mapped(one, change) for key, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, change) for one in value]
    return change(value) if isinstance(value, str) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value

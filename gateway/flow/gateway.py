"""The gateway put together: configuration, ledger, files, mappings, connectors and channel. Everything is found by name."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from gateway.channels import open_channel
from gateway.codes import CsvCodes
from gateway.config import Config, resolve_secrets
from gateway.dossiers.view import send_as_is
from gateway.errors import Fault, Misconfigured, Refused
from gateway.ledger import Ledger, open_ledger
from gateway.ledger.files import Files
from gateway.ledger.schema import require_schema
from gateway.message import Message, utc_now
from gateway.ports import Channel, Kind, Outbound, Partner, Translation


class Gateway:
    """One process's hold on everything. `home` is the folder with `config/` and `data/`."""

    def __init__(
        self,
        home: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        channel: Channel | None = None,
        config: Config | None = None,
    ) -> None:
        self.now = now
        self.config = config or Config(home)
        self.config.data.mkdir(parents=True, exist_ok=True)
        self.ledger: Ledger = open_ledger(self.config.settings.ledger_url)
        require_schema(self.ledger)
        self.codes = CsvCodes(self.config.folder / "codelists")
        self.files = Files(self.config.data / "files", self.ledger)
        self.channel = channel or open_channel(self.config.settings.channel, self.config.data / "tickets")
        self._outbounds: dict[str, Outbound] = {}

    # ── mappings and connectors, loaded when first used ─────────────────────────────────────────────────────────

    @cached_property
    def translations(self) -> Mapping[str, Translation]:
        """Every mapping: those installed, and over them the operator's own in `config/mappings`."""
        (load,) = [e.load() for e in entry_points(group="lienthong.mappings", name="yaml")]
        found: dict[str, Translation] = dict(load(None, self.codes))
        own = self.config.folder / "mappings"
        if own.is_dir():
            found |= load(own, self.codes)
        return found

    def translation(self, name: str) -> Translation:
        if name not in self.translations:
            raise Misconfigured(f"there is no mapping {name!r}; known: {', '.join(sorted(self.translations))}")
        return self.translations[name]

    def translate(self, mapping: str, document: Any) -> Any:
        return self.translation(mapping).translate(document)

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        wanted = {p.connector for p in self.config.partners.values()}
        found = {e.name: e.load() for e in entry_points(group="lienthong.connectors") if e.name in wanted}
        for name in sorted(wanted - set(found)):
            raise Misconfigured(f"no connector {name!r} is installed")
        return found

    @cached_property
    def partners(self) -> Mapping[str, Partner]:
        found, wrong = {}, []
        for name in self.config.partners:
            try:
                found[name] = self._partner(name)
            except Misconfigured as error:  # told with those of the other partners
                wrong.append(str(error))
        if wrong:
            raise Misconfigured("\n".join(wrong))
        return found

    def _partner(self, name: str) -> Partner:
        row, place = self.config.partners[name], f"config/partners/{name}.toml"
        kind = self.kinds[row.connector]
        try:
            settings = kind.settings.model_validate(resolve_secrets(row.settings, f"{place}: settings"))
        except ValidationError as error:  # never with the values: some are secrets
            lines = [f"settings.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
            raise Misconfigured(f"{place}: {'; '.join(lines)}") from None
        for kind_of_message, documents in row.mappings.items():
            for mapping in documents.values():
                if mapping not in self.translations:
                    raise Misconfigured(
                        f"{place}: {kind_of_message} wants the mapping {mapping!r}, which does not exist"
                    )
        return Partner(row.id, row.name, row.name_en, row.connector, settings, row.mappings)

    def outbound(self, destination: str) -> Outbound:
        """The connector that delivers to this partner; one for the whole process."""
        if destination not in self._outbounds:
            partner = self.partners[destination]
            make = self.kinds[partner.connector].outbound
            if make is None:
                raise Misconfigured(
                    f"the connector {partner.connector!r} cannot deliver, yet a route leads to {destination!r}"
                )
            self._outbounds[destination] = make(partner)
        return self._outbounds[destination]

    # ── translating for a destination ───────────────────────────────────────────────────────────────────────────

    def mapped(self, to: Sequence[str], message_type: str) -> bool:
        return any(self.config.partners[d].mappings.get(message_type) for d in to)

    def documents(self, destination: str, message: Message, view: Mapping[str, Any]) -> dict[str, Any]:
        """The documents a destination gets, by name. A partner without mappings gets the canonical message. Raises `Refused`."""
        rows = self.config.partners[destination].mappings
        if not rows:
            return {"message": send_as_is(message, self.link)}
        if message.type not in rows:
            raise Refused(
                [
                    Fault(
                        "",
                        "no-mapping",
                        f"chưa có ánh xạ {message.type} cho {destination}",
                        f"no mapping of {message.type} for {destination}",
                    )
                ]
            )
        return {name: self.translation(mapping).translate(view) for name, mapping in rows[message.type].items()}

    def lint(self, destination: str, message_type: str, view: Mapping[str, Any]) -> Sequence[Fault]:
        """What this destination would refuse; empty when all is well."""
        faults: list[Fault] = []
        for mapping in self.config.partners[destination].mappings.get(message_type, {}).values():
            try:
                self.translation(mapping).translate(view)
            except Refused as refused:
                faults += refused.faults
        return faults

    # ── the gateway's own secret, and what is signed with it ────────────────────────────────────────────────────

    @cached_property
    def secret(self) -> bytes:
        """`LIENTHONG_SECRET`, or `data/secret`, made at the first start and readable by its owner only."""
        given = os.environ.get("LIENTHONG_SECRET")
        if given:
            if len(given) < 32:
                raise Misconfigured("LIENTHONG_SECRET is shorter than 32 characters")
            return given.encode()
        file = self.config.data / "secret"
        if not file.exists():  # written aside: of two processes that start together, neither may read half a secret
            aside = file.with_name(f"secret-{secrets.token_hex(8)}")
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(secrets.token_hex(32).encode())
                out.flush()
                os.fsync(out.fileno())
            with suppress(FileExistsError):
                os.link(aside, file)
            aside.unlink()
        found = file.read_bytes()
        if len(found) < 32:
            raise Misconfigured(
                f"{file} is shorter than 32 characters: remove it, and links given out before end with it"
            )
        return found

    def sign(self, purpose: str, text: str) -> str:
        return hmac.new(self.secret, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()

    def link(self, file: Mapping[str, Any], message: Message) -> str:
        """The public link of an uploaded file; good for `link_days` after the message was received."""
        until = int((message.received_time + timedelta(days=self.config.settings.link_days)).timestamp())
        path = f"/files/{file['sha256']}/{quote(file['name'], safe='')}"
        query = urlencode({"until": until, "sign": self.sign("link", f"{path}|{until}")})
        return f"{self.config.settings.public_url.rstrip('/')}{path}?{query}"

    def good_link(self, path: str, until: str, sign: str) -> bool:
        """Was this link made by us, and is it still good?"""
        whole = hmac.compare_digest(self.sign("link", f"{path}|{until}").encode(), sign.encode())
        return whole and until.isdigit() and int(until) >= self.now().timestamp()

    def close(self) -> None:
        self.channel.close()
        self.ledger.close()

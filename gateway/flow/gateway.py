"""The gateway put together: configuration, ledger, files, mappings, connectors and channel. Everything is found by name."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from gateway.channels import open_broker, open_channel
from gateway.codes import CsvCodes
from gateway.config import Config, resolve_secrets
from gateway.dossiers.deadlines import judge_clock
from gateway.dossiers.facts import read_facts
from gateway.dossiers.families import check_families
from gateway.dossiers.kpi import Kpi, Loss, view_of
from gateway.dossiers.truths import Truth, falsehoods, read_truths
from gateway.dossiers.view import build_heading, send_as_is
from gateway.errors import Fault, Misconfigured, Refused
from gateway.flow.notices import Notices
from gateway.flow.reckoning import Reckoner
from gateway.flow.route import check_levels
from gateway.ledger import Ledger, open_ledger
from gateway.ledger.files import Files
from gateway.ledger.lives import CLOSED
from gateway.ledger.messages import message_by_id
from gateway.ledger.restoring import Restored, restores
from gateway.ledger.rulings import was_taken_up
from gateway.ledger.schema import require_schema
from gateway.ledger.sharedtime import SharedTime, database_time
from gateway.message import Message, utc_now
from gateway.ports import Bus, Channel, Kind, Original, Outbound, Partner, Translation


class Setup:
    """The operator's files, with the mappings and connectors that they name. It asks nothing of the ledger."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.codes = CsvCodes(config.folder / "codelists")
        self.kpi = Kpi(config.folder / "kpi.toml")
        self.reckoner = Reckoner(config, self.codes)
        self.notices = Notices(config.folder / "notices.toml")
        if config.families:
            check_families([family for family, _ in config.families], self.codes.file("procedures").rows)
        if any(route.when.level for route in config.routes):
            check_levels(config.routes, [row.values for row in self.codes.file("organisations").rows])

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
    def truths(self) -> Mapping[str, Sequence[Truth]]:
        """By partner, what its documents may say only when it is so."""
        return {name: read_truths(self.kinds[row.connector].folder) for name, row in self.config.partners.items()}

    def check_truths(self, destination: str, documents: Mapping[str, Any], view: Mapping[str, Any]) -> None:
        """Raises `Refused` naming every field of the documents that says what is not so."""
        truths = self.truths[destination]
        if truths and view["dossier"] is not None:
            faults = falsehoods(truths, documents, read_facts(view, self.codes, utc_now()))
            if faults:
                raise Refused(faults)

    def losses(self, told: Sequence[Message], now: datetime) -> list[Loss]:
        """What a dossier of these messages loses by the national index as it stands; in time or late goes by the index's own clock."""
        view, clocks = view_of(told), self.reckoner.reckon(told, now)
        if view is None:
            return []
        closed = view["current_status"] in CLOSED  # refused, withdrawn or stopped: not done, so never late by the index
        judged = judge_clock(clocks.kpi, now) if clocks is not None and not closed else None
        return self.kpi.lint(view, self.codes, now, judged=judged)

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
            lines = [
                f"settings.{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors(include_input=False)
            ]
            raise Misconfigured(f"{place}: {'; '.join(lines)}") from None
        if row.catalogue.lists and kind.catalogue is None:
            raise Misconfigured(f"{place}: catalogue.lists: the connector {row.connector!r} tells no code lists")
        for kind_of_message, documents in row.mappings.items():
            for mapping in documents.values():
                if mapping not in self.translations:
                    raise Misconfigured(
                        f"{place}: {kind_of_message} wants the mapping {mapping!r}, which does not exist"
                    )
        named = kind.settings_mappings(settings) if kind.settings_mappings else ()
        for mapping in named:
            if mapping not in self.translations:
                raise Misconfigured(f"{place}: settings want the mapping {mapping!r}, which does not exist")
        if name in self.config.proxied and not kind.passes_on:
            raise Misconfigured(
                f'{place}: a route of mode "proxy" leads to it, but the connector {row.connector!r} sends only documents of mappings'
            )
        return Partner(row.id, row.name, row.name_en, row.connector, settings, row.mappings, self.config.folder)


class Gateway(Setup):
    """One process's hold on everything. `home` is the folder with `config/` and `data/`."""

    def __init__(
        self,
        home: Path,
        *,
        now: Callable[[], datetime] | None = None,
        channel: Channel | None = None,
        bus: Bus | None = None,
        config: Config | None = None,
        patience: float | None = None,
    ) -> None:
        """`patience`: see `open_ledger`. Raises `Misconfigured`, `SchemaBehind` and `LedgerAway`."""
        super().__init__(config or Config(home))
        self.config.data.mkdir(parents=True, exist_ok=True)
        self.ledger: Ledger = open_ledger(self.config.settings.ledger_url, patience=patience)
        try:
            require_schema(self.ledger)
            self.now: Callable[[], datetime] = now or self._time()
        except BaseException:
            self.ledger.close()  # whoever waits for it opens it again and again
            raise
        self.files = Files(self.config.data / "files", self.ledger)
        kind = self.config.settings.channel
        self.broker = open_broker(self.config) if channel is None and kind == "rabbitmq" else None
        self.channel = channel or open_channel(kind, self.config.data / "tickets", self.broker)
        self._bus = bus or self.broker
        self._outbounds: dict[str, Outbound] = {}

    def take(self, config: Config) -> None:
        """From now on by these files. For a gateway that nobody uses yet: see `gateway.flow.renewal`."""
        for made in ("translations", "kinds", "partners", "truths"):
            vars(self).pop(made, None)
        super().__init__(config)
        self._outbounds = {}

    @property
    def bus(self) -> Bus:
        """Messages over the broker. Raises `Misconfigured` when the channel is not RabbitMQ."""
        if self._bus is None:
            raise Misconfigured(
                'cần RabbitMQ: đặt channel = "rabbitmq" trong config/gateway.toml · '
                'this needs RabbitMQ: set channel = "rabbitmq" in config/gateway.toml'
            )
        return self._bus

    def outbound(self, destination: str) -> Outbound:
        """The connector that delivers to this partner; one for the whole process."""
        if destination not in self._outbounds:
            partner = self.partners[destination]
            kind = self.kinds[partner.connector]
            if kind.over_bus is not None:
                self._outbounds[destination] = kind.over_bus(partner, self.bus)
            elif kind.outbound is not None:
                self._outbounds[destination] = kind.outbound(partner)
            else:
                raise Misconfigured(
                    f"the connector {partner.connector!r} cannot deliver, yet a route leads to {destination!r}"
                )
        return self._outbounds[destination]

    # ── translating for a destination ───────────────────────────────────────────────────────────────────────────

    def mapped(self, to: Sequence[str], message_type: str) -> bool:
        return any(self.config.partners[d].mappings.get(message_type) for d in to)

    def documents(self, destination: str, message: Message, view: Mapping[str, Any]) -> dict[str, Any]:
        """The documents a destination gets, by name. A partner without mappings gets the canonical message; an event gets its heading.

        Raises `Refused`.
        """
        if destination in self.config.proxied:
            return {"message": read_original(self.original(destination, message))}
        partner = self.config.partners[destination]
        rows = partner.mappings
        heading = {"heading": build_heading(view)} if self.kinds[partner.connector].over_bus else {}
        if not rows:
            return {"message": send_as_is(message, self.link), **heading}
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
        made = {name: self.translation(mapping).translate(view) for name, mapping in rows[message.type].items()}
        self.check_truths(destination, made, view)
        return {**made, **heading}

    def original(self, destination: str, message: Message) -> Original:
        """What its sender sent, for a destination that gets just that. Raises `Refused` for what no route would pass on to it: a message that
        was routed by other rows and waited, or one that nobody sent."""
        with self.ledger.read() as connection:
            row = message_by_id(connection, message.id)
            sent = row is not None and (row.because is None or was_taken_up(connection, row))
        if row is None or not sent or not self.config.passes_on(message.source, destination):
            words = (
                "tuyến chỉ chuyển nguyên văn bản tin của bên gửi khác",
                "its route passes on what another sender sent, and this is not that",
            )
            raise Refused.of("", "not-what-came", *words)
        return Original(bytes(row.original), row.content_type)

    def lint(self, destination: str, message_type: str, view: Mapping[str, Any]) -> Sequence[Fault]:
        """What this destination would refuse; empty when all is well."""
        faults: list[Fault] = []
        for mapping in self.config.partners[destination].mappings.get(message_type, {}).values():
            try:
                self.translation(mapping).translate(view)
            except Refused as refused:
                faults += refused.faults
        return faults

    # ── copies of the ledger that were put back ─────────────────────────────────────────────────────────────────────

    @cached_property
    def restores(self) -> Sequence[Restored]:
        """Oldest first. Read once: nothing runs while a copy is put back."""
        with self.ledger.read() as connection:
            return restores(connection)

    @property
    def doubtful_until(self) -> datetime:
        """An event up to this moment may have been delivered by a life of the ledger that is lost."""
        ahead = timedelta(seconds=self.config.settings.future_seconds)
        return self.restores[-1].at + ahead if self.restores else datetime.min.replace(tzinfo=UTC)

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

    def _time(self) -> Callable[[], datetime]:
        """One time for all hosts. SQLite has only one host."""
        if self.ledger.sqlite:
            return utc_now
        shared = SharedTime(lambda: database_time(self.ledger))
        shared.keep()
        return shared

    def close(self) -> None:
        if isinstance(self.now, SharedTime):
            self.now.close()
        self.channel.close()
        self.ledger.close()


def read_original(original: Original) -> Any:
    """As JSON, if it is JSON; else as text, for reading."""
    try:
        return json.loads(original.content)
    except (ValueError, RecursionError):
        return original.content.decode("utf-8", "replace")

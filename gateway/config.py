"""The operator's files, read once and checked: `gateway.toml`, `partners/*.toml`, `routes.toml`, `statuses.toml`, `postal.toml`.

A wrong file is refused when it is loaded, with the file, the place in it and what is expected there.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, time
from fnmatch import fnmatchcase
from functools import cached_property
from importlib.resources import files as package_files
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from gateway.canonical import TYPES, PostalEvent
from gateway.errors import Misconfigured

M = TypeVar("M", bound=BaseModel)
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    threads: int = Field(default=8, ge=1, le=256)
    body_bytes: int = Field(default=1 << 20, ge=1024, le=64 << 20, description="largest JSON body")
    file_bytes: int = Field(default=200 << 20, ge=1024, description="largest uploaded file")
    batch: int = Field(default=500, ge=1, le=5000, description="most messages in one batch")
    read_seconds: Seconds = 30
    forwarded: bool = Field(
        default=False,
        description="a proxy in front sets X-Forwarded-Proto and -Host itself: the WSDL then names that address",
    )


class Delivery(Section):
    """How one destination is served; `[delivery]` in gateway.toml, and over it in the partner's file."""

    concurrency: int = Field(default=8, ge=1, le=256)
    batch: int = Field(default=32, ge=1, le=1000, description="lanes taken in one go")
    lease_seconds: Seconds = 120
    backoff_first: Seconds = 1
    backoff_most: Seconds = 3600
    rate: float = Field(
        default=0,
        ge=0,
        le=10_000,
        description="most lanes a second, over all workers; 0: as fast as the partner answers",
    )
    calls: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="most calls under way at a time, over all workers; 0: `concurrency` in each",
    )
    asks: int = Field(
        default=12, ge=1, description="how often an unanswered doubt is asked about before a person decides"
    )
    breaker_failures: int = Field(default=5, ge=1)
    breaker_first: Seconds = 2
    breaker_most: Seconds = 300


class RabbitMQ(Section):
    """How the broker is reached. Every string may be `env:NAME` or `file:/path`; it is resolved when the broker is used."""

    addresses: list[str] = Field(
        default=["amqp://guest:guest@127.0.0.1:5672/%2F"],
        min_length=1,
        description="amqp(s)://user:password@host:port/vhost of each node; tried in turn",
    )
    management: str = Field(
        default="", description="http(s)://user:password@host:port of the management API; empty: none"
    )
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    heartbeat: int = Field(default=30, ge=5, le=300, description="seconds")
    connect_seconds: Seconds = 5
    delivery_limit: int = Field(
        default=20, ge=1, le=1000, description="deliveries of one broker message before it goes to the dead letters"
    )
    tickets: int = Field(default=64, ge=1, le=10_000, description="most tickets waiting in one destination's queue")
    answers: int = Field(default=100_000, ge=1, description="most answers and events waiting in one agency's queue")
    inbox_bytes: int = Field(default=256 << 20, ge=1 << 20, description="most bytes waiting in one agency's inbox")


class Settings(Section):
    """gateway.toml"""

    public_url: str = "http://127.0.0.1:8080"
    data: Path = Path("data")
    ledger: str = ""
    channel: str = Field(default="filesystem", pattern=r"^(memory|filesystem|rabbitmq)$")
    future_seconds: Seconds = 300
    signature_seconds: Seconds = 300
    link_days: int = Field(default=30, ge=1, le=365)
    reload_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="look so often whether these files were changed, and take them; 0: when told (lienthong reload)",
    )
    web: Web = Web()
    delivery: Delivery = Delivery()
    rabbitmq: RabbitMQ = RabbitMQ()

    @property
    def ledger_url(self) -> str:
        return self.ledger or f"sqlite:///{self.data / 'lienthong.db'}"


_WORD = r"([A-Za-z0-9_-]+|\*|#)"


class Amqp(Section):
    """What a partner may do over the broker: `inbox`, publish to the queue `inbox.<id>`; `events`, bind these keys to `events.<id>`."""

    inbox: bool = False
    events: list[Annotated[str, Field(pattern=rf"^{_WORD}(\.{_WORD})*$", max_length=255)]] = Field(
        default=[], description="routing keys, `*` one word, `#` any number"
    )


class Soap(Section):
    """How a partner proves over SOAP who it is, beside its keys. Paths of PEM files are relative to the configuration's folder."""

    certificates: list[str] = []
    signed: bool = Field(default=False, description="it must sign every message with one of them")


class Compared(Section):
    """Which of our code lists are compared each night with the partner's own, and when (Vietnam's time)."""

    lists: list[str] = []
    at: time = time(2, 30)


class Reconcile(Section):
    """How a partner's truth is compared with ours, and what is done about a difference: docs/reconciliation.md.

    `mode`: ``show`` what differs, heal it once a person has said ``approve``, or ``heal`` it. A difference counts when `sure` answers in a
    row say so, `again_seconds` apart. A round over all unfinished dossiers begins every `every_seconds`; one that was told something less
    than `after_seconds` ago waits. At `at`, Vietnam's time, those of the last `days` are asked about, and the day's minutes are written.
    """

    mode: Literal["off", "show", "approve", "heal"] = "off"
    every_seconds: Seconds = 600
    after_seconds: Seconds = 60
    again_seconds: Seconds = 120
    sure: int = Field(default=2, ge=1, le=10)
    rate: float = Field(default=5, gt=0, le=1000, description="most questions a second")
    superseded: Literal["kept", "compacted"] = Field(
        default="kept", description="steps that were overtaken: told again with the rest, or left out"
    )
    most: int = Field(default=50, ge=1, description="open differences from which on nothing is healed without a person")
    at: time = time(1, 30)
    days: int = Field(default=30, ge=1, le=3660)


class PartnerFile(Section):
    """partners/<id>.toml, before its connector has checked `settings`."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")
    name: str
    name_en: str
    connector: str
    enabled: bool = True
    sends: list[str] = []
    reads: Literal["all", "own", "none"] = "own"
    speaks_of: Literal["all", "own"] = Field(
        default="own", description="all: also of dossiers that were never sent to it, as a tax office does"
    )
    origins: list[Literal["local", "portal"]] = Field(default=["local"], description="where its dossiers are filed")
    organisations: list[str] = Field(default=["*"], description="units it may speak for, as patterns")
    receives_for: list[str] = Field(
        default=[],
        description="units, as patterns, whose dossiers its own units may receive (reception regardless of boundary)",
    )
    poll_seconds: Seconds | None = None
    silent_minutes: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="working minutes without a message from it that are trouble; none: it may be silent",
    )
    settings: dict[str, Any] = {}
    mappings: dict[str, dict[str, str]] = {}
    delivery: dict[str, Any] = {}
    amqp: Amqp = Amqp()
    soap: Soap = Soap()
    catalogue: Compared = Compared()
    reconcile: Reconcile = Reconcile()


class Facts(Protocol):
    """What is known of a message that a route may ask about."""

    def get(self, name: str) -> Any:
        """The fact of this name: one value, or several of which one must fit; None when there is none."""


class When(Section):
    """The condition of a route. Every field given must match; a list matches any of its patterns.

    `organisation` is the competent agency and `level` its level; `received_by` is the receiving unit, `filed_at` the submit point.
    """

    type: list[str] = []
    source: list[str] = []
    origin: list[str] = []
    procedure: list[str] = []
    organisation: list[str] = []
    level: list[Literal["ministry", "province", "commune"]] = []
    received_by: list[str] = []
    filed_at: list[str] = []
    channel: list[int] = []
    status: list[int] = []
    leg: list[str] = []
    state: list[str] = []
    wishes: list[Literal["collect", "return"]] = []
    _given: list[tuple[str, Any]] = PrivateAttr(default_factory=list)  # asked of every message: found once

    def model_post_init(self, _context: Any) -> None:
        self._given = [(name, wanted) for name, wanted in self if wanted]

    def first_unmet(self, facts: Facts) -> tuple[str, Any, Any] | None:
        """The first condition that does not hold: its name, what is wanted, what is so. None when all hold."""
        for name, wanted in self._given:
            value = facts.get(name)
            values = value if isinstance(value, list | tuple) else (value,)
            if not any(_matches(v, w) for v in values for w in wanted):
                return name, wanted, value
        return None

    def holds(self, facts: Facts) -> bool:
        return self.first_unmet(facts) is None


def _matches(value: Any, wanted: Any) -> bool:
    return value == wanted or (isinstance(value, str) and isinstance(wanted, str) and fnmatchcase(value, wanted))


class Route(Section):
    """A row: when → to whom, and what it implies. Rows are read in order and add up; a message never goes back to its sender.

    `from` and `until`: the first and the last day, in Vietnam, of the receptions it is for; a dossier that was not received yet counts by
    its submission. Modes: docs/decisions/route-modes.md.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: str
    when: When
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None
    mode: Literal["translate", "replicate", "proxy"] = "translate"
    to: list[str] = []
    implies: str | None = Field(default=None, description="mapping that makes a further message of this one")

    def first_unmet(self, facts: Facts) -> tuple[str, Any, Any] | None:
        """As `When.first_unmet`, of the days too."""
        for name, day in (("from", self.from_), ("until", self.until)):
            if day is not None:
                received = facts.get("received_on")
                if (received < day) if name == "from" else (received > day):
                    return name, day, received
        return self.when.first_unmet(facts)

    def holds(self, facts: Facts) -> bool:
        return self.first_unmet(facts) is None


class StatusRow(Section):
    code: int = Field(ge=1, le=10)
    name: str
    name_en: str
    clock: Literal["not_started", "runs", "paused", "ends"]
    rank: int = Field(default=0, description="of two events of one instant the one with the lower rank came first")
    first: bool = False
    terminal: bool = False
    moves: list[int] = []
    reopens: list[int] = []


class OwnMoves(Section):
    """One status of a family. What is not given is as for every dossier."""

    code: int = Field(ge=1, le=10)
    moves: list[int] | None = None
    reopens: list[int] | None = None


class Family(Section):
    """Procedures whose dossiers move otherwise than the others. `procedures` are patterns of their codes.

    `from` and `until`: the first and the last day, in Vietnam, of the receptions it is for; a dossier that was not received yet counts by
    its submission.
    """

    model_config = ConfigDict(populate_by_name=True)

    name: str
    name_en: str
    why: str = Field(min_length=1, description="who says that these moves happen")
    procedures: list[str] = Field(min_length=1)
    from_: date | None = Field(default=None, alias="from")
    until: date | None = None
    status: list[OwnMoves] = Field(min_length=1)

    def holds(self, procedure: Sequence[str], day: date) -> bool:
        """Is it for a dossier of this procedure, by any of its codes, that was received on this day?"""
        return ((self.from_ or date.min) <= day <= (self.until or date.max)) and any(
            _matches(code, pattern) for code in procedure for pattern in self.procedures
        )


class PostalRow(Section):
    """A state of a postal order. `by`: what puts it there; `rank`: which of two events of one instant came first."""

    code: Literal["ordered", "collected", "on_the_way", "delivered", "returned", "cancelled", "lost"]
    name: str
    name_en: str
    rank: int
    by: list[str] = Field(min_length=1)
    terminal: bool = False
    moves: list[str] = []


POSTAL_EVENTS = frozenset(
    {"ordered", "called_back", *get_args(PostalEvent.model_fields["state"].annotation)} - {"unlisted"}
)
"""What moves a postal order: our order, our cancellation once it was taken, and the states that a post tells."""


class Config:
    """All of it. `home` holds `config/`; relative paths in it are relative to `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "config" if (home / "config").is_dir() else default_folder()
        self.version = version_of(
            self.folder
        )  # before anything is read: what is changed meanwhile is seen at the next look
        self.settings = self._settings()
        self.partners = self._partners()
        self.routes = self._routes()
        self.statuses = self._statuses()
        self.families = self._families()
        self.postal = self._postal()
        for partner in self.partners:
            self.delivery(partner)  # a wrong one is found now

    def delivery(self, partner: str) -> Delivery:
        row = self.partners[partner]
        return parse(
            Delivery,
            {**self.settings.delivery.model_dump(), **row.delivery},
            self.folder / "partners" / f"{partner}.toml",
            "delivery",
        )

    @cached_property
    def replicas(self) -> frozenset[str]:
        """The partners that get copies, for comparison, and nothing in earnest."""
        return _led_to(self.routes, "replicate")

    def passes_on(self, source: str, partner: str) -> bool:
        """Does a route pass on to this partner what that one sent?"""
        rows = [row for row in self.routes if row.mode == "proxy" and partner in row.to]
        return any(_matches(source, wanted) for row in rows for wanted in row.when.source)

    @cached_property
    def proxied(self) -> frozenset[str]:
        """Partners that get what the sender sent, as it came."""
        return _led_to(self.routes, "proxy")

    @cached_property
    def data(self) -> Path:
        return self.settings.data if self.settings.data.is_absolute() else self.home / self.settings.data

    def _settings(self) -> Settings:
        file = self.folder / "gateway.toml"
        raw = read_toml(file) if file.exists() else {}
        for name, place in (
            ("LIENTHONG_PUBLIC_URL", ("public_url",)),
            ("LIENTHONG_LEDGER", ("ledger",)),
            ("LIENTHONG_CHANNEL", ("channel",)),
            ("LIENTHONG_DATA", ("data",)),
            ("LIENTHONG_PORT", ("web", "port")),
            ("LIENTHONG_HOST", ("web", "host")),
        ):
            if name in os.environ:
                _put(raw, place, os.environ[name])
        settings = parse(Settings, raw, file)
        data = settings.data if settings.data.is_absolute() else (self.home / settings.data).resolve()
        return settings.model_copy(update={"data": data})

    def _partners(self) -> dict[str, PartnerFile]:
        found = {}
        for file in sorted((self.folder / "partners").glob("*.toml")):
            row = parse(PartnerFile, read_toml(file), file)
            if row.id != file.stem:
                raise Misconfigured(f"{file}: id is {row.id!r}, but the file is named {file.stem!r}: make them equal")
            for kind in (*row.sends, *row.mappings):
                if kind not in TYPES:
                    raise Misconfigured(f"{file}: {kind!r} is not a message type; known: {', '.join(TYPES)}")
            if row.enabled:
                found[row.id] = row
        return found

    def _routes(self) -> list[Route]:
        file = self.folder / "routes.toml"
        rows = [parse(Route, raw, file, f"route {i + 1}") for i, raw in enumerate(read_toml(file).get("route", []))]
        for row in rows:
            self._check_route(row, file)
        ways: dict[str, str] = {}
        for row in rows:
            for partner in row.to:
                if ways.setdefault(partner, row.mode) != row.mode:
                    raise Misconfigured(
                        f"{file}: {partner!r} is led to by a route of mode {ways[partner]!r} and by one of mode {row.mode!r}: give each a "
                        "partner file of its own"
                    )
        if len({r.name for r in rows}) != len(rows):
            raise Misconfigured(f"{file}: two routes carry the same name")
        return rows

    def _check_route(self, row: Route, file: Path) -> None:
        place = f"{file}: route {row.name!r}"
        for kind in row.when.type:
            if kind not in TYPES:
                raise Misconfigured(f"{place}: {kind!r} is not a message type; known: {', '.join(TYPES)}")
        for partner in row.to:
            if not (self.folder / "partners" / f"{partner}.toml").exists():
                raise Misconfigured(f"{place} goes to {partner!r}, but there is no partners/{partner}.toml")
        if not row.to and not row.implies:
            raise Misconfigured(f"{place} leads nowhere: give `to` or `implies`")
        if row.from_ and row.until and row.until < row.from_:
            raise Misconfigured(f"{place}: `until` lies before `from`")
        if row.mode == "replicate" and row.implies:
            raise Misconfigured(f"{place}: a copy implies nothing: take out `implies` or the mode")
        if row.mode == "proxy":
            self._check_proxy(row, place)

    def _check_proxy(self, row: Route, place: str) -> None:
        if not row.when.source:
            raise Misconfigured(f'{place}: mode "proxy" passes on what a sender sent: name whose in `when.source`')
        for partner in row.to:
            if partner in self.partners and self.partners[partner].mappings:
                raise Misconfigured(
                    f"{place}: {partner!r} has mappings, but by this route it gets what came, as it came"
                )

    def _statuses(self) -> dict[int, StatusRow]:
        file = self.folder / "statuses.toml"
        rows = [
            parse(StatusRow, raw, file, f"status {i + 1}") for i, raw in enumerate(read_toml(file).get("status", []))
        ]
        table = {row.code: row for row in rows}
        if len(rows) != 10 or len(table) != 10:
            raise Misconfigured(f"{file}: the ten national codes 1 to 10 must stand in it, each once")
        _check_moves(table, f"{file}")
        return table

    def _families(self) -> list[tuple[Family, Mapping[int, StatusRow]]]:
        """Each with its whole table of moves. Which procedures it names is checked with the code lists: `check_families`."""
        file = self.folder / "statuses.toml"
        rows = [parse(Family, raw, file, f"family {i + 1}") for i, raw in enumerate(read_toml(file).get("family", []))]
        if len({row.name for row in rows}) != len(rows):
            raise Misconfigured(f"{file}: two families carry the same name")
        return [(row, self._table_of(row, f"{file}: family {row.name!r}")) for row in rows]

    def _table_of(self, family: Family, place: str) -> Mapping[int, StatusRow]:
        if family.from_ and family.until and family.until < family.from_:
            raise Misconfigured(f"{place}: `until` lies before `from`")
        table = dict(self.statuses)
        for own in family.status:
            base = self.statuses[own.code]
            if table[own.code] is not base:
                raise Misconfigured(f"{place}: status {own.code} stands in it twice")
            table[own.code] = base.model_copy(update=own.model_dump(exclude={"code"}, exclude_none=True))
            if table[own.code] == base:
                raise Misconfigured(f"{place}: status {own.code} moves as it does anyway: write only what differs")
        _check_moves(table, place)
        return table

    def _postal(self) -> dict[str, PostalRow]:
        """By code. Those that ship with the project, where the operator has no such file."""
        file = self.folder / "postal.toml"
        file = file if file.exists() else default_folder() / "postal.toml"
        rows = [parse(PostalRow, raw, file, f"state {i + 1}") for i, raw in enumerate(read_toml(file).get("state", []))]
        table = {row.code: row for row in rows}
        codes = set(get_args(PostalRow.model_fields["code"].annotation))
        if len(rows) != len(table) or set(table) != codes:
            raise Misconfigured(f"{file}: each of these states must stand in it once: {', '.join(sorted(codes))}")
        if len({row.rank for row in rows}) != len(rows):
            raise Misconfigured(f"{file}: two states carry the same rank")
        told = [word for row in rows for word in row.by]
        if sorted(told) != sorted(POSTAL_EVENTS):
            raise Misconfigured(f"{file}: `by` must name each of these once: {', '.join(sorted(POSTAL_EVENTS))}")
        for row in rows:
            if row.terminal != (not row.moves):
                raise Misconfigured(f"{file}: state {row.code!r} must either be terminal or have moves")
            if strange := sorted(set(row.moves) - codes):
                raise Misconfigured(f"{file}: state {row.code!r} moves to {strange[0]!r}, which is no state")
        return {str(row.code): row for row in rows}

    def lawful(self, procedure: Sequence[str], day: date) -> Mapping[int, StatusRow]:
        """The table of moves for a dossier of this procedure, by any of its codes, received on this day."""
        return next((table for family, table in self.families if family.holds(procedure, day)), self.statuses)


def _check_moves(table: Mapping[int, StatusRow], place: str) -> None:
    """Raises `Misconfigured` unless every move leads to a status, the terminal ones lead nowhere, and from all others an end is reached."""
    for row in table.values():
        if row.terminal and (row.moves or row.reopens):
            raise Misconfigured(f"{place}: status {row.code} is terminal and yet moves on")
        for other in (*row.moves, *row.reopens):
            if other not in table:
                raise Misconfigured(f"{place}: status {row.code} moves to {other}, which is no status")
    ends = {code for code, row in table.items() if row.terminal}
    while more := {code for code, row in table.items() if code not in ends and ends & set(row.moves)}:
        ends |= more
    stuck = sorted(table.keys() - ends)
    if stuck:
        raise Misconfigured(f"{place}: from status {', '.join(map(str, stuck))} no terminal status can be reached")


def version_of(folder: Path) -> str:
    """Twelve characters that stand for every file in the folder as it is now: processes with the same ones go by the same files."""
    told = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and not _passing(path)):
        told.update(f"{file.relative_to(folder)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()[:12]


def _passing(path: Path) -> bool:
    """What editors and Python leave lying about, and nobody reads."""
    return (
        "__pycache__" in path.parts
        or path.name.startswith(".")
        or path.suffix in (".swp", ".tmp")
        or path.name.endswith("~")
    )


def _led_to(routes: Sequence[Route], mode: str) -> frozenset[str]:
    return frozenset(partner for route in routes if route.mode == mode for partner in route.to)


def default_folder() -> Path:
    """The configuration that ships with the project: `config/` of a checkout, or the copy inside an installed package."""
    checkout = Path(__file__).resolve().parent.parent / "config"
    return checkout if checkout.is_dir() else Path(str(package_files("gateway") / "_config"))


def resolve_secrets(value: Any, place: str) -> Any:
    """Replace `env:NAME`, `env:NAME|default` and `file:/path` strings, at any depth. All that are missing are refused at once, by name."""
    missing: list[str] = []
    unset: list[tuple[str, str]] = []
    resolved = _resolve(value, place, missing, unset)
    if unset:
        names = ", ".join(f"{name} ({where.removeprefix(place + '.')})" for where, name in unset)
        missing.insert(
            0, f"{place}: chưa đặt biến môi trường · environment variables that are not set: {names}{REMEDY}"
        )
    if missing:
        raise Misconfigured("\n".join(missing))
    return resolved


REMEDY = (
    " → trước hết hãy · first:  set -a; . ./lienthong.env; set +a  (theo mẫu · made from deploy/lienthong.env.example)"
)
"""What to do about variables that are not set."""


def _resolve(value: Any, place: str, missing: list[str], unset: list[tuple[str, str]]) -> Any:
    if isinstance(value, dict):
        return {k: _resolve(v, f"{place}.{k}", missing, unset) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolve(v, place, missing, unset) for v in value]
    if isinstance(value, str) and value.startswith("env:"):
        name, _, default = value[4:].partition("|")
        found = os.environ.get(name, default or None)
        if found is None:
            unset.append((place, name))
        return found
    if isinstance(value, str) and value.startswith("file:"):
        try:
            return Path(value[5:]).read_text(encoding="utf-8").strip()
        except OSError as error:
            missing.append(f"{place} wants the secret file {value[5:]}: {error.strerror}")
    return value


def read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: not valid TOML: {error}") from error


def parse(model: type[M], raw: Any, file: Path, place: str = "") -> M:
    """`raw` as `model`; every mistake in one `Misconfigured`."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(p) for p in e['loc']) or '(whole)'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise Misconfigured(f"{file}{': ' + place if place else ''}: " + "; ".join(lines)) from error


def _put(raw: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    for name in place[:-1]:
        raw = raw.setdefault(name, {})
    raw[place[-1]] = value

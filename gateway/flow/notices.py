"""`config/notices.toml`: from when on a trouble counts, who is told of it, and by which channel."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator, Sequence
from datetime import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from gateway.config import Section, parse, read_toml, resolve_secrets
from gateway.errors import Misconfigured
from gateway.flow.troubles import OPERATOR, TROUBLES

UNITS = ("minutes", "count", "days", "seconds")
PREFIX = "whsec_"
SHORTEST = 24  # bytes of a webhook's secret
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
Address = Annotated[str, Field(pattern=r"^[^\s@<>,;\"]{1,64}@[^\s@<>,;\"]{1,255}$")]
Bound = Annotated[float, Field(gt=0, le=60)]


class Email(Section):
    """A mailbox or several, by one mail server. `user`, `password` and `ca_file` may be `env:NAME` or `file:/path`.

    `tls`: ``starttls``, ``implicit`` (a port of its own, 465), or ``none`` for a server on this very host. `seconds` bounds a whole mail.
    """

    name: Name
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: str = ""
    password: str = ""
    ca_file: str = ""
    sender: Address = Field(alias="from")
    to: list[Address] = Field(min_length=1)
    seconds: Bound = 20

    @model_validator(mode="after")
    def _plain_stays_here(self) -> Email:
        if self.tls == "none" and self.host not in LOOPBACK:
            raise ValueError('tls = "none" is for a server on this host only')
        return self


class Webhook(Section):
    """A web address that is told in JSON, signed. `url`, `secret` and `ca_file` may be `env:NAME` or `file:/path`."""

    name: Name
    url: str = Field(min_length=1)
    secret: str = Field(min_length=1)
    ca_file: str = ""
    seconds: Bound = 10


class Row(Section):
    """When a trouble counts for these owners; the first row that fits goes before the trouble's own limit. `codes`: see ``refused``."""

    trouble: str
    owner: list[str] = Field(default=["*"], min_length=1)
    off: bool = False
    minutes: float | None = Field(default=None, ge=0, le=100_000)
    count: int | None = Field(default=None, ge=1)
    days: int | None = Field(default=None, ge=1, le=3660)
    seconds: float | None = Field(default=None, gt=0, le=3600)
    codes: list[str] | None = None

    @field_validator("trouble")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in TROUBLES:
            raise ValueError(f"there is no trouble {value!r}; known: {', '.join(TROUBLES)}")
        return value

    @model_validator(mode="after")
    def _own_unit(self) -> Row:
        unit = TROUBLES[self.trouble].unit
        strange = [name for name in UNITS if name != unit and getattr(self, name) is not None]
        if strange:
            raise ValueError(f"{self.trouble!r} is measured in {unit}, not in {', '.join(strange)}")
        if self.trouble == "silent" and self.minutes is not None:
            raise ValueError("how long a source may be silent stands in its own file: silent_minutes")
        if self.codes is not None and self.trouble != "refused":
            raise ValueError("only 'refused' goes by codes")
        return self


class Tell(Section):
    """Who is told: patterns of owners and troubles, and the channels. Rows add up."""

    owner: list[str] = Field(default=["*"], min_length=1)
    trouble: list[str] = Field(default=["*"], min_length=1)
    channels: list[Name] = Field(min_length=1)

    @field_validator("trouble")
    @classmethod
    def _any_known(cls, value: list[str]) -> list[str]:
        for pattern in value:
            if not any(fnmatchcase(key, pattern) for key in TROUBLES):
                raise ValueError(f"{pattern!r} fits no trouble; known: {', '.join(TROUBLES)}")
        return value


class DigestRule(Section):
    """The morning digest: at what time (Vietnam's), on which days, by which channels."""

    at: time = time(7)
    days: Literal["working", "all"] = "working"
    channels: list[Name] = Field(default=[])


class NoticesFile(Section):
    """`look_seconds`: between two looks. `well_seconds`: an incident closes when it was well for so long, and is the same one until then."""

    look_seconds: float = Field(default=60, gt=0, le=3600)
    well_seconds: float = Field(default=300, ge=0, le=86_400)
    digest: DigestRule = DigestRule()
    trouble: list[Row] = Field(default=[])
    email: list[Email] = Field(default=[])
    webhook: list[Webhook] = Field(default=[])
    tell: list[Tell] = Field(default=[])


REFUSED_CODES = (
    "401",
    "403",
    "407",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "no-session",
    "session",
    "no-token",
)
"""Codes of a delivery that was turned away at the door; any code of a failed sign-in is besides, but for those of a partner that is away."""


class Notices:
    """The file, read once. Without one nobody is told of anything, and every trouble counts by its own limit. Raises `Misconfigured`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.settings = parse(NoticesFile, read_toml(file), file) if file.exists() else NoticesFile()
        rows: list[Email | Webhook] = [*self.settings.email, *self.settings.webhook]
        self.channels = {row.name: row for row in rows}
        if len(self.channels) != len(rows):
            raise Misconfigured(f"{file}: two channels carry the same name")
        for row in self.settings.tell:
            self._check_channels(row.channels, "tell")
        self._check_channels(self.settings.digest.channels, "digest")

    def _check_channels(self, names: Sequence[str], place: str) -> None:
        for name in names:
            if name not in self.channels:
                known = ", ".join(self.channels) or "none"
                raise Misconfigured(f"{self._file}: {place}: there is no channel {name!r}; known: {known}")

    def limit(self, trouble: str, owner: str) -> float | None:
        """From how much on it counts, in the trouble's unit; None when it does not count at all."""
        known = TROUBLES[trouble]
        row = self._row(trouble, owner)
        if row is None:
            return known.limit
        if row.off:
            return None
        given: float | None = getattr(row, known.unit)
        return known.limit if given is None else given

    def refused_codes(self, owner: str) -> Collection[str]:
        row = self._row("refused", owner)
        return REFUSED_CODES if row is None or row.codes is None else row.codes

    def _row(self, trouble: str, owner: str) -> Row | None:
        rows = (row for row in self.settings.trouble if row.trouble == trouble and fits(owner, row.owner))
        return next(rows, None)

    def channels_for(self, trouble: str, owner: str) -> list[str]:
        """Each once, in the order of the rows."""
        rows = (row for row in self.settings.tell if fits(owner, row.owner) and fits(trouble, row.trouble))
        return list(dict.fromkeys(name for row in rows for name in row.channels))

    def opened(self, name: str) -> Email | Webhook:
        """A channel with its secrets in place. Raises `Misconfigured` for one that is not there, for each secret that is missing, and for one
        that is none."""
        if name not in self.channels:
            known = ", ".join(self.channels) or "–"
            raise Misconfigured(f"{self._file}: không có kênh · there is no channel {name!r}; có · known: {known}")
        row = self.channels[name]
        values: dict[str, Any] = resolve_secrets(row.model_dump(by_alias=True), f"{self._file}: {name}")
        found = parse(type(row), values, self._file, name)
        if isinstance(found, Webhook):
            try:
                secret_of(found.secret)
            except ValueError as error:
                raise Misconfigured(f"{self._file}: {name}: secret: {error}") from error
        return found

    def prove(self) -> None:
        """Raises `Misconfigured` naming every secret that a channel lacks."""
        wrong = list(self._missing())
        if wrong:
            raise Misconfigured("\n".join(wrong))

    def _missing(self) -> Iterator[str]:
        for name in self.channels:
            try:
                self.opened(name)
            except Misconfigured as error:  # told with those of the other channels
                yield from str(error).splitlines()

    def faults(self, partners: Collection[str]) -> Iterator[str]:
        """What is wrong besides the file's form: owners that are nobody, channels that nobody uses, secrets that are missing."""
        owners = (OPERATOR, *partners)
        used = set(self.settings.digest.channels)
        patterns = {
            "trouble": [row.owner for row in self.settings.trouble],
            "tell": [row.owner for row in self.settings.tell],
        }
        for place, rows in patterns.items():
            for number, row in enumerate(rows, 1):
                for pattern in row:
                    if not any(fnmatchcase(owner, pattern) for owner in owners):
                        yield (
                            f"{self._file}: {place} {number}: không có đối tác · there is no partner {pattern!r}; "
                            f"có · known: {', '.join(owners)}"
                        )
        used.update(name for told in self.settings.tell for name in told.channels)
        for name in self.channels:
            if name not in used:
                yield f"{self._file}: {name}: kênh không ai dùng · no [[tell]] and no [digest] uses this channel"
        yield from self._missing()


def fits(word: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(word, pattern) for pattern in patterns)


def secret_of(text: str) -> bytes:
    """A webhook's: bytes in base64 behind ``whsec_``, or else the characters as they are. Raises `ValueError` for one that is too short."""
    if text.startswith(PREFIX):
        try:
            found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(f"sau {PREFIX} phải là base64 · what follows {PREFIX} is not base64") from error
    else:
        found = text.encode()
    if len(found) < SHORTEST:
        raise ValueError(f"ngắn hơn {SHORTEST} byte · is shorter than {SHORTEST} bytes")
    return found

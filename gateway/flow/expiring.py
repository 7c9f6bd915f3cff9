"""What ends one day and breaks something then: certificates, partners' keys, codes of lists, the reviewed calendar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from gateway.canonical.scalars import HANOI
from gateway.codes import CsvCodes
from gateway.config import Config
from gateway.dossiers.calendar import Calendar
from gateway.flow.notices import NoticesFile
from gateway.flow.troubles import OPERATOR
from gateway.ledger.keys import Key

LARGEST = 1 << 20  # bytes of a file that may be a certificate
BUNDLE = 5  # certificates in one file: more are somebody's collection of authorities, of which one may end at any time
SUFFIXES = (".pem", ".crt", ".cer")
KEY_SHOWN = timedelta(days=30)  # a key that has ended and that nobody disabled is shown for so long
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expiring:
    """`what` ends at `until`, which may have gone by."""

    trouble: str
    owner: str
    what: str
    until: datetime


def expiring_certificates(config: Config, notices: NoticesFile) -> Iterator[Expiring]:
    """Every certificate that the operator's files hold or name, with its end. A partner's are its own, all others the operator's."""
    seen: set[Path] = set()
    for owner, names in _named(config, notices):
        for name in names:
            file = (config.folder / name.removeprefix("file:")).resolve()
            if file not in seen and (found := read_certificates(file)):
                seen.add(file)
                yield from _ends(owner, file, found)
    for file in sorted(path for path in config.folder.rglob("*") if path.suffix in SUFFIXES):
        if file.resolve() not in seen:
            yield from _ends(OPERATOR, file, read_certificates(file))


def _named(config: Config, notices: NoticesFile) -> Iterator[tuple[str, Iterable[str]]]:
    for name, row in config.partners.items():
        yield name, [*_files(row.settings), *row.soap.certificates]
    yield OPERATOR, _files(config.settings.rabbitmq.model_dump(include={"ca_file", "client_cert"}))
    yield OPERATOR, [one.ca_file for one in notices.email if one.ca_file]
    yield OPERATOR, [one.ca_file for one in notices.webhook if one.ca_file]


def _files(value: Any) -> Iterator[str]:
    return (one for one in strings_in(value) if one.startswith("file:") or one.endswith(SUFFIXES))


def strings_in(value: Any) -> Iterator[str]:
    """Every string in settings, at any depth."""
    if isinstance(value, dict):
        for one in value.values():
            yield from strings_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings_in(one)
    elif isinstance(value, str):
        yield value


def _ends(owner: str, file: Path, found: Sequence[x509.Certificate]) -> Iterator[Expiring]:
    if len(found) <= BUNDLE:
        for one in found:
            yield Expiring("certificate", owner, file.name, one.not_valid_after_utc)


def read_certificates(file: Path) -> Sequence[x509.Certificate]:
    """Those in a PEM file; none in any other, and in one that cannot be read: whoever needs it says so."""
    try:
        if not file.is_file() or file.stat().st_size > LARGEST:
            return []
        content = file.read_bytes()
        return x509.load_pem_x509_certificates(content) if b"-----BEGIN CERTIFICATE-----" in content else []
    except (OSError, ValueError):
        return []


def expiring_keys(keys: Sequence[Key], now: datetime) -> Iterator[Expiring]:
    """Keys with an end, unless somebody disabled them or a newer one of the same partner, kind and note took their place."""
    for key in keys:
        if key.expires_at is None or key.disabled_at is not None or key.expires_at < now - KEY_SHOWN:
            continue
        if not any(_replaces(other, key, now) for other in keys):
            yield Expiring("key", key.partner, f"{key.id}{f' ({key.note})' if key.note else ''}", key.expires_at)


def _replaces(other: Key, key: Key, now: datetime) -> bool:
    same = (other.partner, other.kind, other.note) == (key.partner, key.kind, key.note)
    lasts = other.expires_at is None or (key.expires_at is not None and other.expires_at > key.expires_at)
    return same and lasts and other.created_at > key.created_at and other.good(now)


def expiring_codes(codes: CsvCodes, now: datetime) -> Iterator[Expiring]:
    """By list, when the first code ends that has no row after it; and a list of which nothing is in force any more."""
    today = now.astimezone(HANOI).date()
    for name in codes.names:
        rows = codes.file(name).rows
        if not rows:
            continue
        ends: dict[date, int] = {}
        for key, row in codes.in_force(name, now).items():
            last = max(other.last for other in codes.history(name, key))
            if row.last == last < date.max:
                ends[last] = ends.get(last, 0) + 1
        for last, count in ends.items():
            yield Expiring("codelist", OPERATOR, f"{name} ({count} mã)", _end_of(last))
        newest = max(row.last for row in rows)
        if newest < today:
            yield Expiring("codelist", OPERATOR, f"{name} (toàn bộ)", _end_of(newest))


def unreviewed_years(calendar: Calendar, now: datetime) -> Iterator[Expiring]:
    """This year and the next, where nobody has reviewed the file: each breaks deadlines from its first day on."""
    year = now.astimezone(HANOI).year
    for one in (year, year + 1):
        if one not in calendar.reviewed:
            yield Expiring("calendar", OPERATOR, f"calendar/{one}.toml", _begin_of(date(one, 1, 1)))


def _end_of(day: date) -> datetime:
    """Its last second in Vietnam, so that this day is what is shown."""
    return _begin_of(day + DAY) - timedelta(seconds=1)


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, time(), HANOI).astimezone(UTC)

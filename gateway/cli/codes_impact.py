"""What an import into a code list would touch: routes, mappings, dossiers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gateway.codes.changes import Change, Plan
    from gateway.config import Config

_ASKED: Mapping[str, tuple[str, ...]] = {
    "procedures": ("procedure",),
    "organisations": ("organisation", "received_by", "filed_at"),
}
"""Of a list, the conditions of a route that name its codes."""
_COLUMNS: Mapping[str, Literal["procedure", "organisation"]] = {
    "procedures": "procedure",
    "organisations": "organisation",
}
"""Of a list, the column of the ledger's dossiers that holds its codes."""


def impact_of(config: Config, home: Path, plan: Plan) -> dict[str, Any]:
    """``routes`` that name a changed code; ``mappings`` that look into the list, with who uses them; ``dossiers``, None where the ledger
    keeps no such code (or there is no ledger): how many are ``open``, how many came in since the first day of the change (``newer``:
    received on or after that day they would take the new rows), with ``examples``."""
    return {
        "routes": [name for name, _ in _routes(config, plan)],
        "mappings": dict(_mappings(config, home, plan.name)),
        "dossiers": _dossiers(config, plan),
    }


def _routes(config: Config, plan: Plan) -> Iterator[tuple[str, str]]:
    codes = {value for change in plan.changes for value in _codes(change)}
    for route in config.routes:
        for name in _ASKED.get(plan.name, ()):
            if any(fnmatchcase(code, pattern) for pattern in getattr(route.when, name) for code in codes):
                yield route.name, name
                break
        else:
            if plan.name == "organisations" and route.when.level:
                yield route.name, "level"


def _codes(change: Change) -> Iterator[str]:
    for row in (change.before, change.after):
        if row is not None:
            yield from (value for column, value in row.values.items() if column.startswith("code") and value)


def _mappings(config: Config, home: Path, listname: str) -> Iterator[tuple[str, list[str]]]:
    from gateway.cli.mapping import load_all

    for name, translation in sorted(load_all(home).items()):
        if listname in translation.lists:
            out = [p.id for p in config.partners.values() if any(name in docs.values() for docs in p.mappings.values())]
            yield name, [*out, *(f"tuyến · route {r.name}" for r in config.routes if r.implies == name)]


def _dossiers(config: Config, plan: Plan) -> dict[str, Any] | None:
    from gateway.codes import key_of
    from gateway.ledger import open_ledger
    from gateway.ledger.schema import require_schema
    from gateway.ledger.touched import dossiers_by

    column = _COLUMNS.get(plan.name)
    if column is None or (not config.settings.ledger and not (config.data / "lienthong.db").exists()):
        return None
    wanted = {key_of(plan.name, code) for change in plan.changes for code in _codes(change)}
    ended = [code for code, status in config.statuses.items() if status.clock == "ends"]
    ledger = open_ledger(config.settings.ledger_url)
    try:
        require_schema(ledger)
        with ledger.read() as connection:
            rows = dossiers_by(connection, column, ended, _midnight(min(map(_first_day, plan.changes))))
    finally:
        ledger.close()
    mine = [row for row in rows if key_of(plan.name, row.code) in wanted]
    examples = {e for row in mine for e in (row.example, row.newer_example) if e}
    return {
        "open": sum(row.open for row in mine),
        "newer": sum(row.newer for row in mine),
        "examples": sorted(examples)[:5],
    }


def _first_day(change: Change) -> date:
    """The first day on which something is otherwise than before."""
    if change.kind in ("ended", "extended") and change.before and change.after:
        return min(change.before.last, change.after.last) + timedelta(days=1)
    return change.after.first if change.after else date.min


def _midnight(day: date) -> datetime:
    from gateway.canonical.scalars import HANOI

    if day.year <= 1990:
        return datetime(1990, 1, 1, tzinfo=UTC)  # before every message
    return datetime(day.year, day.month, day.day, tzinfo=HANOI)


def show_impact(impact: Mapping[str, Any]) -> None:
    from gateway.cli.show import table

    rows: list[tuple[str, str, str | None]] = [("tuyến · route", name, None) for name in impact["routes"]]
    rows += [("ánh xạ · mapping", name, ", ".join(used) or None) for name, used in impact["mappings"].items()]
    told = impact["dossiers"]
    if told is None:
        rows.append(
            (
                "hồ sơ · dossiers",
                "không đếm được · not counted",
                "chưa có sổ cái, hoặc sổ cái không giữ mã này · no ledger here, or it keeps no such code",
            )
        )
    else:
        examples = ", ".join(told["examples"]) or None
        rows.append(("hồ sơ đang mở · open dossiers", str(told["open"]), examples))
        if told["newer"]:
            words = "nếu tiếp nhận từ ngày ấy, sẽ theo dòng mới · if received since then, they take the new rows"
            rows.append(("đã vào từ ngày hiệu lực · came in since", str(told["newer"]), words))
    table("Chạm đến · Touches", ("Gì", "Tên", "Nơi dùng"), rows)

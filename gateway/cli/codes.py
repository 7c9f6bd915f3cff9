"""`lienthong codes`: the code lists, their history, imports, and how they compare with a partner's own."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, read_config
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.codes import CsvCodes, Row
    from gateway.codes.changes import Plan
    from gateway.flow.catalogue import Comparison

MOST_SHOWN = 20


class Day(click.ParamType[date]):
    """A day such as 2026-07-01."""

    name = "NGÀY"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from gateway.codes import read_day

        try:
            return value if isinstance(value, date) else read_day(value)
        except ValueError:
            self.fail(f"{value!r} không phải ngày như 2026-07-01 · is not a day such as 2026-07-01", param, ctx)


@click.group(epilog="Ví dụ · Example:  lienthong codes show procedures 1.001193")
def codes() -> None:
    """Danh mục mã: xem, nạp, so với danh mục của đối tác.

    Code lists with effective dates: list, show, import with a preview, compare with a partner's own. A dossier keeps the rows that were
    in force at its reception.
    """


@codes.command("list", epilog="Ví dụ · Example:  lienthong codes list")
@at_home
@as_json
def list_(home: Path, as_json: bool) -> None:
    """Liệt kê các danh mục.

    List the code lists: rows in force today, all rows, those that begin later, columns.
    """
    from gateway.cli.show import print_json, table

    found = _open(home)
    today = found.day(None)
    rows = []
    for name in found.names:
        every = found.file(name)
        later = sum(row.first > today for row in every.rows)
        columns = [c for c in every.columns if c not in ("from", "until")]
        in_force = len(found.in_force(name))
        rows.append({"name": name, "in_force": in_force, "rows": len(every.rows), "later": later, "columns": columns})
    if as_json:
        print_json(rows)
    else:
        table(
            "Danh mục · Code lists",
            ("Tên", "#Hiệu lực", "#Mọi dòng", "#Sắp tới", "Cột"),
            [(r["name"], r["in_force"], r["rows"], r["later"], ", ".join(r["columns"])) for r in rows],  # type: ignore[arg-type]
        )


@codes.command(
    epilog="Ví dụ · Example:  lienthong codes show provinces --at 2025-06-30   ·   lienthong codes show organisations H99.1"
)
@click.argument("name", metavar="DANH_MỤC")
@click.argument("code", required=False, metavar="[MÃ]")
@click.option("--at", type=Day(), metavar="NGÀY", help="Hiệu lực ngày này (mặc định: hôm nay) · in force on that day.")
@at_home
@as_json
def show(name: str, code: str | None, at: date | None, home: Path, as_json: bool) -> None:
    """Xem một danh mục tại một ngày, hoặc lịch sử của một mã.

    Show a list as it is in force on a day; or all that one code ever was, found by any of its forms. Exit code 1 for an unknown code.
    """
    from gateway.cli.show import print_json, table

    found = _open(home)
    every = found.history(name, code) if code is not None else found.in_force(name, _noon(at)).values()
    rows = [row for row in every if at is None or row.holds(at)]
    if as_json:
        print_json([_told(row) for row in rows])
    else:
        columns = [*(c for c in found.file(name).columns if c not in ("from", "until")), "from", "until"]
        title = f"{name} {code or f'ngày · on {at or found.day(None)}'}"
        told = [_told(row) for row in rows]
        table(title, ("!code", *columns[1:]), [[one.get(c) or None for c in columns] for one in told])
    sys.exit(int(code is not None and not rows))


@codes.command(
    "import",
    epilog="Ví dụ · Example:  lienthong codes import procedures.csv --from 2026-07-01   ·   … --yes",
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="TỆP")
@click.option("--list", "name", metavar="DANH_MỤC", help="Vào danh mục nào (mặc định: tên tệp) · into which list.")
@click.option(
    "--from",
    "since",
    type=Day(),
    metavar="NGÀY",
    help="Ngày bắt đầu, khi tệp không có cột from · the first day, where the file has no column `from`.",
)
@click.option(
    "--whole",
    is_flag=True,
    help="Tệp là toàn bộ danh mục: mã vắng mặt hết hiệu lực từ --from · the file is the whole list: what it lacks ends.",
)
@click.option("--yes", is_flag=True, help="Ghi thật; không có thì chỉ xem trước · write it; without it only a preview.")
@at_home
@as_json
def import_(
    file: Path, name: str | None, since: date | None, whole: bool, yes: bool, home: Path, as_json: bool
) -> None:
    """Nạp một tệp CSV vào danh mục, sau khi xem trước.

    Import a CSV file into a list. Shows every fault by its line, what would change, and which routes, mappings and dossiers that touches;
    writes only with --yes. A changed row is closed and a new one put beside it. The same file again changes nothing. Exit code 1 for faults.
    """
    from gateway.cli.codes_impact import impact_of
    from gateway.cli.show import print_json
    from gateway.codes.changes import write_whole

    config = read_config(home)
    if config.folder != home / "config":
        raise Misconfigured(f"{home}: không có thư mục config ở đây · there is no folder `config` here")
    target = config.folder / "codelists" / f"{_fit(name or file.stem)}.csv"
    plan = _plan(file, target, since, whole=whole)
    impact = impact_of(config, home, plan) if plan.changes and not plan.faults else {}
    written = bool(yes and plan.changes and not plan.faults)
    if written:
        write_whole(target, plan.text())
    if as_json:
        print_json(
            {
                "list": plan.name,
                "faults": [{"line": line, "words": words} for line, words in plan.faults],
                "changes": [_change(c) for c in plan.changes],
                "impact": impact,
                "written": written,
            }
        )
    else:
        _show_plan(file, plan, impact)
        _tell(plan, target, written)
    sys.exit(int(bool(plan.faults)))


@codes.command(
    epilog="Ví dụ · Example:  lienthong codes diff portal   ·   lienthong codes diff portal --import procedures.csv"
)
@click.argument("partner", metavar="ĐỐI_TÁC")
@click.option(
    "--list", "name", default="procedures", show_default=True, metavar="DANH_MỤC", help="Danh mục nào · which list."
)
@click.option(
    "--cached", is_flag=True, help="Theo lần hỏi trước, không hỏi lại · by what it told last; it is not asked."
)
@click.option(
    "--import",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="TỆP",
    help="Soạn tệp để nạp · write a file for `codes import`.",
)
@click.option(
    "--from",
    "since",
    type=Day(),
    metavar="NGÀY",
    help="Ngày bắt đầu trong tệp ấy (mặc định: ngày mai) · its first day (default: tomorrow).",
)
@at_home
@as_json
def diff(
    partner: str, name: str, cached: bool, target: Path | None, since: date | None, home: Path, as_json: bool
) -> None:
    """So danh mục của ta với danh mục của đối tác.

    Compare a list with the partner's own: what is new there, gone, changed. What it told is kept in data/catalogues with its date.
    --import prepares a file for `codes import`, for a person to look through. Exit code 1 when they differ.
    """
    from gateway.cli.show import print_json, when
    from gateway.flow.catalogue import codes_of, compare, kept_reading, read_catalogue, rows_to_import
    from gateway.flow.gateway import Setup
    from gateway.message import utc_now
    from gateway.signals import keep_stdout_clean

    if target is not None and target.exists():
        raise Misconfigured(f"{target}: đã có, không ghi đè · is there already, and is not overwritten")
    keep_stdout_clean()
    setup, now = Setup(read_config(home)), utc_now()
    reading = (
        kept_reading(setup, partner, name)
        if cached
        else read_catalogue(setup, partner, name, now, whole=target is not None)
    )
    if reading is None:
        raise Misconfigured(f"chưa hỏi {partner} về {name} lần nào · {partner} was never asked about {name}")
    found = compare(codes_of(setup), reading, now)
    if target is not None:
        first = since or codes_of(setup).day(now) + timedelta(days=1)
        _write_rows(target, *rows_to_import(codes_of(setup), found, now, first))
    if as_json:
        print_json({"partner": partner, "list": name, "at": reading.at, **_differences(found)})
    else:
        click.echo(f"{partner}: {name}, {len(reading.rows)} dòng · rows, {when(reading.at)}")
        _show_comparison(found)
        if target is not None:
            click.echo(f"đã ghi · written: {target}\ntiếp theo · next: lienthong codes import {target} --list {name}")
    sys.exit(int(found.differs))


def _open(home: Path) -> CsvCodes:
    from gateway.codes import CsvCodes

    return CsvCodes(read_config(home).folder / "codelists")


def _noon(day: date | None) -> datetime | None:
    from gateway.canonical.scalars import HANOI

    return datetime(day.year, day.month, day.day, 12, tzinfo=HANOI) if day else None


def _fit(name: str) -> str:
    import re

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name):
        raise Misconfigured(
            f"{name!r}: tên danh mục gồm chữ thường, số và _; dùng --list · a list's name is lower-case letters, digits and _; give --list"
        )
    return name


def _plan(file: Path, target: Path, since: date | None, *, whole: bool) -> Plan:
    from gateway.codes import scan
    from gateway.codes.changes import plan_import

    name = target.stem
    current = scan(target, name) if target.exists() else None
    if current is not None and current.faults:
        line, words = current.faults[0]
        raise Misconfigured(f"{target}:{line}: {words}")
    given = scan(file, name, need=("code",), since=since)
    if since is None and (whole or ("from" not in given.columns and not given.faults)):
        raise Misconfigured(
            "từ ngày nào? thêm --from NGÀY, hoặc cột from trong tệp · from which day? give --from, or a column `from` in the file"
            if not whole
            else "--whole cần --from NGÀY · --whole wants --from"
        )
    return plan_import(current, given, since if whole else None)


def _told(row: Row) -> dict[str, str]:
    from gateway.codes.changes import days_of

    return {**row.values, **days_of(row)}


def _change(change: Any) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "code": change.code,
        "before": _told(change.before) if change.before else None,
        "after": _told(change.after) if change.after else None,
    }


_KINDS = {
    "added": "mới · added",
    "changed": "đổi · changed",
    "ended": "hết hiệu lực · ended",
    "extended": "kéo dài · extended",
}


def _show_plan(file: Path, plan: Plan, impact: Mapping[str, Any]) -> None:
    from gateway.cli.codes_impact import show_impact
    from gateway.cli.show import table

    for line, words in plan.faults:
        click.echo(f"✗ {file}:{line}: {words}" if line else f"✗ {words}")
    rows = [(_KINDS[c.kind], c.code, "\n".join(_words(c))) for c in plan.changes[:MOST_SHOWN]]
    more = len(plan.changes) - len(rows)
    table(
        f"Thay đổi trong {plan.name} · Changes: {len(plan.changes)}",
        ("Loại", "!Mã", "Gì"),
        rows,
        caption=f"và {more} nữa · and {more} more: --json" if more else None,
    )
    if impact:
        show_impact(impact)


def _words(change: Any) -> Iterator[str]:
    """What differs, column by column."""
    before = _told(change.before) if change.before else {}
    after = _told(change.after)
    for column, value in after.items():
        if change.before is None:
            if value and column in ("name", "from", "until"):
                yield f"{column}: {value}"
        elif before.get(column, "") != value:
            yield f"{column}: {before.get(column) or '–'} → {value or '–'}"


def _tell(plan: Plan, target: Path, written: bool) -> None:
    if plan.faults:
        click.echo(f"{len(plan.faults)} lỗi, không ghi gì · faults, nothing is written")
    elif not plan.changes:
        click.echo("không có gì thay đổi · nothing changes")
    elif written:
        click.echo(f"đã ghi · written: {target}\ntiếp theo · next: lienthong reload")
    else:
        click.echo("chưa ghi; nếu đúng, thêm --yes · not written; if it is right, add --yes")


def _differences(found: Comparison) -> dict[str, Any]:
    changed = {
        code: {column: {"ours": ours, "theirs": theirs} for column, (ours, theirs) in columns.items()}
        for code, columns in found.changed.items()
    }
    return {"same": found.same, "new": found.new, "gone": found.gone, "changed": changed}


def _show_comparison(found: Comparison) -> None:
    from gateway.cli.show import table

    rows: list[tuple[str, str, str]] = []
    for code, columns in found.changed.items():
        words = "\n".join(f"{c}: {ours or '–'} → {theirs or '–'}" for c, (ours, theirs) in columns.items())
        rows.append(("khác · differs", code, words))
    rows += [("mất · gone there", code, row.get("name", "")) for code, row in found.gone.items()]
    rows += [("mới · new there", code, row.get("name", "")) for code, row in found.new.items()]
    more = len(rows) - MOST_SHOWN
    table(
        f"{found.listname}: giống · same {found.same}, mới · new {len(found.new)}, mất · gone {len(found.gone)}, khác · changed {len(found.changed)}",
        ("Gì", "!Mã", "Ở đó"),
        rows[:MOST_SHOWN],
        caption=f"và {more} nữa · and {more} more: --json" if more > 0 else None,
    )


def _write_rows(target: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    import csv
    import io

    from gateway.codes.changes import write_whole

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_whole(target, out.getvalue())

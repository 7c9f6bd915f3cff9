"""`lienthong stats`: what came in and what was settled, in time or not, in some days."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_books, read_config
from gateway.flow.sheets import write_csv

if TYPE_CHECKING:
    from gateway.dossiers.statistics import Statistics, Tally


@click.command(epilog="Ví dụ · Example:  lienthong stats --from 2026-01-01 --to 2026-06-30 --by procedure")
@click.option(
    "--from", "first", metavar="NGÀY", help="Ngày đầu (mặc định: đầu năm) · the first day (default: 1 January)."
)
@click.option("--to", "last", metavar="NGÀY", help="Ngày cuối (mặc định: hôm nay) · the last day (default: today).")
@click.option(
    "--by",
    type=click.Choice(("agency", "procedure", "channel", "level")),
    default="agency",
    show_default=True,
    help="Một dòng cho mỗi cơ quan, thủ tục, kênh hay cấp · a line for each of these.",
)
@as_json
@click.option("--csv", "as_csv", is_flag=True, help="In CSV · print CSV.")
@click.option(
    "--xlsx",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="TỆP",
    help="Ghi bảng tính · write a spreadsheet.",
)
@at_home
def stats(
    first: str | None, last: str | None, by: str, as_json: bool, as_csv: bool, xlsx: Path | None, home: Path
) -> None:
    """Thống kê: tiếp nhận, giải quyết, trước hạn, đúng hạn, quá hạn, trực tuyến, bưu chính, bổ sung, hài lòng.

    Statistics of some days, both included, in Vietnam's time: received, resolved, early, on time, late, open and overdue, online and postal
    shares, supplements, satisfaction. What each figure counts: docs/statistics.md.
    """
    from gateway.cli.show import print_json
    from gateway.codes import CsvCodes
    from gateway.dossiers.statistics import gather_statistics
    from gateway.ledger.queries import Reader
    from gateway.message import utc_now

    begin, end = read_days(first, last, utc_now())
    config = read_config(home)
    codes = CsvCodes(config.folder / "codelists")
    found = gather_statistics(open_books(home), config, codes, Reader("", "all"), begin, end, by, utc_now())
    if xlsx is not None:
        write_spreadsheet(xlsx, found)
        click.echo(f"đã ghi · written: {xlsx}")
    elif as_json:
        print_json(found.as_json())
    elif as_csv:
        click.echo(write_csv(rows_of(found)), nl=False)
    else:
        show_statistics(found)


def read_days(first: str | None, last: str | None, now: datetime) -> tuple[date, date]:
    """Both included; what is not given is 1 January of the last day's year, and today. Raises `click.BadParameter`."""
    from gateway.canonical.scalars import HANOI

    end = _day("--to", last) if last else now.astimezone(HANOI).date()
    begin = _day("--from", first) if first else date(end.year, 1, 1)
    if begin > end:
        raise click.BadParameter(f"--from {begin} sau --to {end} · lies after --to")
    return begin, end


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text) if len(text) == 10 else date.fromisoformat("-")
    except ValueError:
        raise click.BadParameter(
            f"{name}: {text!r} không phải là ngày như 2026-01-31 · is no day such as 2026-01-31"
        ) from None


# ── one shape for the table, CSV and the spreadsheet ────────────────────────────────────────────────────────────

COLUMNS = {
    "received": "Tiếp nhận",
    "resolved": "Đã giải quyết",
    "early": "Trước hạn",
    "on_time": "Đúng hạn",
    "in_time": "Trước và đúng hạn",
    "late": "Quá hạn",
    "unpromised": "Không hẹn ngày",
    "closed": "Từ chối, rút, dừng",
    "open": "Đang giải quyết",
    "overdue": "trong đó quá hạn",
    "judged": "Đến hạn",
    "online": "Trực tuyến",
    "postal": "Bưu chính",
    "supplemented": "Phải bổ sung",
    "ratings": "Lượt đánh giá",
    "satisfied": "Hài lòng",
    "dissatisfied": "Không hài lòng",
}
SHARES = ("online", "postal", "supplemented", "early", "on_time", "in_time", "late", "overdue", "satisfied")


def rows_of(found: Statistics) -> list[list[Any]]:
    """A head, a line a group, and the total. Numbers are numbers; a share of nothing is None."""
    head = ["key", "name", "name_en", *COLUMNS, *(f"{share}_percent" for share in SHARES)]
    lines = [[group.key, group.name, group.name_en, *_cells(group.tally)] for group in found.groups]
    return [head, *lines, ["", "Tổng cộng", "Total", *_cells(found.total)]]


def _cells(tally: Tally) -> list[Any]:
    told = tally.as_json()
    return [*(told[name] for name in COLUMNS), *(told["shares"][share] for share in SHARES)]


def write_spreadsheet(file: Path, found: Statistics) -> None:
    from gateway.cli.spreadsheet import write_xlsx

    head, *lines = rows_of(found)
    named = [*head[:3], *COLUMNS.values(), *(f"{COLUMNS[share]} %" for share in SHARES)]
    title = f"{found.first.isoformat()} – {found.last.isoformat()}"
    file.write_bytes(write_xlsx(title, [named, *lines]))


_HEADS = (
    "Giải\nquyết", "Trước\nhạn", "Đúng\nhạn", "Quá\nhạn", "Đang\nlàm", "quá\nhạn", "Trực\ntuyến", "Bưu\nchính", "Bổ\nsung", "Hài\nlòng",
)  # fmt: skip


def show_statistics(found: Statistics) -> None:
    from gateway.cli.show import table, when

    lines = [(group.name, group.tally) for group in found.groups]
    lines += [("Tổng cộng · Total", found.total)]
    days = f"{found.first:%d/%m/%Y} – {found.last:%d/%m/%Y}"
    table(
        f"Thống kê · Statistics {days} (tính đến · as of {when(found.as_of)})",
        ("", "#Nhận", *(f"#{name}" for name in _HEADS)),
        [_line(name, tally) for name, tally in lines],
        caption="Trước hạn, đúng hạn, quá hạn: % của số đến hạn; trực tuyến, bưu chính, bổ sung: % của số nhận · of those due; of those received",
    )  # fmt: skip


def _line(name: str, tally: Tally) -> tuple[Any, ...]:
    told = tally.as_json()
    shares = told["shares"]

    def both(count: str) -> str:
        return f"{told[count]}" if shares[count] is None else f"{told[count]}\n{shares[count]:.2f}%"

    satisfied = None if shares["satisfied"] is None else f"{shares['satisfied']:.2f}%"
    return (
        name, told["received"], told["resolved"], both("early"), both("on_time"), both("late"), told["open"], both("overdue"), both("online"),
        both("postal"), both("supplemented"), satisfied,
    )  # fmt: skip

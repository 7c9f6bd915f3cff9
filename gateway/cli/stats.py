"""`lienthong stats`: what came in and what was settled, in time or not, in some days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_books, read_config
from gateway.errors import Misconfigured

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
    from gateway.canonical.scalars import HANOI
    from gateway.cli.show import print_csv, print_json
    from gateway.codes import CsvCodes
    from gateway.dossiers.statistics import gather_statistics
    from gateway.ledger.queries import Reader
    from gateway.message import utc_now

    if sum((as_json, as_csv, xlsx is not None)) > 1:
        raise click.UsageError("chọn một trong --json, --csv, --xlsx · choose one of them")
    begin, end = read_days(first, last, utc_now())
    if (today := utc_now().astimezone(HANOI).date()) < begin:
        raise click.BadParameter(
            f"--from {begin}: chưa đến ngày đó, hôm nay là {today} · has not come yet, today is {today}"
        )
    config = read_config(home)
    codes = CsvCodes(config.folder / "codelists")
    found = gather_statistics(open_books(home), config, codes, Reader("", "all"), begin, end, by, utc_now())
    if xlsx is not None:
        write_spreadsheet(xlsx, found)
        click.echo(f"đã ghi · written: {xlsx}")
    elif as_json:
        print_json(found.as_json())
    elif as_csv:
        print_csv(rows_of(found))
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

KEYS = ("Mã", "Tên", "Tên tiếng Anh")
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
    """Raises `Misconfigured` where it cannot be written."""
    from gateway.cli.spreadsheet import write_xlsx

    _, *lines = rows_of(found)
    named = [*KEYS, *COLUMNS.values(), *(f"{COLUMNS[share]} %" for share in SHARES)]
    title = f"{found.first.isoformat()} – {found.last.isoformat()}"
    try:
        file.write_bytes(write_xlsx(title, [named, *lines]))
    except OSError as error:
        raise Misconfigured(f"{file}: không ghi được · cannot be written: {error.strerror}") from error


def show_statistics(found: Statistics) -> None:
    """What came in, and what became of what was there: two tables, a line a group in each."""
    from gateway.cli.show import console, table, when

    lines = [*((group.name, group.tally) for group in found.groups), ("Tổng cộng · Total", found.total)]
    told = [(name, tally.as_json()) for name, tally in lines]
    days = f"{found.first:%d/%m/%Y} – {found.last:%d/%m/%Y}"
    console().print(f"[bold]Thống kê · Statistics  {days}[/] (tính đến · as of {when(found.as_of)})")
    table(
        "Tiếp nhận · Received",
        (
            "", "#Tiếp nhận\nreceived", "#Trực tuyến\nonline", "#Bưu chính\nby post", "#Phải bổ sung\nsupplemented", "#Đánh giá\nratings",
            "#Hài lòng\nsatisfied",
        ),
        [
            (name, one["received"], _both(one, "online"), _both(one, "postal"), _both(one, "supplemented"), one["ratings"], _both(one, "satisfied"))
            for name, one in told
        ],
        caption="Trực tuyến, bưu chính, bổ sung: % của số tiếp nhận; hài lòng: % của lượt đánh giá\n"
        "Online, by post, supplemented: % of those received; satisfied: % of ratings",
    )  # fmt: skip
    table(
        "Kết quả · What became of them",
        (
            "", "#Giải quyết\nresolved", "#trước hạn\nearly", "#đúng hạn\non time", "#quá hạn\nlate", "#không hẹn\nunpromised",
            "#Đóng\nclosed", "#Đang làm\nopen", "#quá hạn\noverdue",
        ),
        [
            (
                name, one["resolved"], _both(one, "early"), _both(one, "on_time"), _both(one, "late"), one["unpromised"], one["closed"], one["open"],
                _both(one, "overdue"),
            )
            for name, one in told
        ],
        caption="Giải quyết = trước hạn + đúng hạn + quá hạn + không hẹn ngày. Đóng: từ chối, rút, dừng\n"
        "%: của số đến hạn (trước, đúng, quá hạn, và đang làm mà quá hạn)\n"
        "Tổng cộng: tiếp nhận + còn từ trước kỳ = giải quyết + đóng + đang làm\n"
        "Resolved = early + on time + late + unpromised. Closed: refused, withdrawn, stopped\n"
        "%: of those due (early, on time, late, overdue)\n"
        "Total: received + left over from before = resolved + closed + open",
    )  # fmt: skip


def _both(told: Mapping[str, Any], count: str) -> str:
    """The count, and its share below it."""
    share = told["shares"][count]
    return f"{told[count]}" if share is None else f"{told[count]}\n{share:.2f}%"

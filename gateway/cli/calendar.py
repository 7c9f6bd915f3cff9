"""`lienthong calendar`: which days and hours are worked, and when a time limit ends, with its reckoning."""

from __future__ import annotations

import sys
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, read_config
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.dossiers.calendar import Calendar, DayWorked, Doubt

WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
AT_REST = "nghỉ hằng tuần · day of rest"


class Moment(click.ParamType[datetime]):
    """2026-02-13T16:00, in Vietnam's time unless it says otherwise."""

    name = "LÚC"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from gateway.canonical.scalars import HANOI

        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} không phải lúc như 2026-02-13T16:00 · is no moment such as 2026-02-13T16:00", param, ctx
            )
        return moment if moment.tzinfo else moment.replace(tzinfo=HANOI)


unit_ = click.option(
    "--unit",
    metavar="MÃ",
    help="Đơn vị nào, mã theo hệ nào cũng được (mặc định: giờ chung) · which unit, by either code.",
)


@click.group(epilog="Ví dụ · Example:  lienthong calendar due 2026-02-13T16:00 --hours 8")
def calendar() -> None:
    """Lịch làm việc: ngày nghỉ, giờ làm, tính hạn trả kết quả.

    The working calendar: days off, office hours, and when a time limit ends, with its reckoning. Files: config/calendar.
    """


@calendar.command(epilog="Ví dụ · Example:  lienthong calendar show 2026 --unit H99.10")
@click.argument("year", type=click.IntRange(1990, 2100), metavar="NĂM")
@unit_
@at_home
@as_json
def show(year: int, unit: str | None, home: Path, as_json: bool) -> None:
    """Xem một năm: ngày nghỉ, ngày làm bù kèm nguồn, giờ làm mỗi tháng.

    Show a year: each day that is not like its weekday, with its source; working days and hours of each month; whether a person has reviewed
    it. Exit code 1 when nobody has.
    """
    from gateway.cli.show import print_json, table
    from gateway.dossiers.worktime import days_of

    config = read_config(home)
    days = open_calendar(config)
    hours = days.hours_of(*_codes_of(config, unit))
    marked = [(day, mark) for day in days_of(year) if (mark := days.mark(day))]
    months = _months(days, hours, year)
    doubts = [d for d in days.undecided if d.first.year == year]
    if year not in days.reviewed:
        doubts.insert(0, days.doubt(year))
    if as_json:
        told = [{"day": d, "off": m.off, "name": m.name, "source": m.source} for d, m in marked]
        counted = [{"month": n, "days": count, "hours": worked} for n, count, worked in months]
        print_json({"year": year, "hours": hours, "reviewed": year in days.reviewed, "marked": _plain(told), "months": counted,
                    "doubts": _doubts(doubts)})  # fmt: skip
    else:
        rows = [(_day(d), "nghỉ · off" if m.off else "làm · works", m.name, m.source) for d, m in marked]
        table(f"Năm {year}: giờ · hours {hours!r}", ("!Ngày", "!Là", "Vì", "Nguồn"), rows)
        total = (sum(count for _, count, _ in months), sum(worked for _, _, worked in months))
        counted_rows = [(f"{n:02d}", count, f"{worked:g}") for n, count, worked in months]
        table(
            "Tháng · Months",
            ("!Tháng", "#Ngày làm", "#Giờ làm"),
            [*counted_rows, ("cả năm", total[0], f"{total[1]:g}")],
        )
        _show_doubts(doubts)
    sys.exit(int(year not in days.reviewed))


@calendar.command(
    epilog="Ví dụ · Example:  lienthong calendar due 2026-02-13T16:00 --hours 8   ·   … --days 5   ·   … --same-day"
)
@click.argument("start", type=Moment(), metavar="TỪ")
@click.option(
    "--hours",
    type=click.FloatRange(0, 20_000, min_open=True),
    metavar="N",
    help="Bao nhiêu giờ làm việc · working hours.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, 2_500, min_open=True),
    metavar="N",
    help="Bao nhiêu ngày làm việc · working days.",
)
@click.option("--same-day", is_flag=True, help="Trả trong ngày, theo giờ chốt · the same-day rule.")
@unit_
@at_home
@as_json
def due(
    start: datetime,
    hours: float | None,
    days: float | None,
    same_day: bool,
    unit: str | None,
    home: Path,
    as_json: bool,
) -> None:
    """Tính hạn trả kết quả, kèm cách tính từng ngày.

    When a time limit ends that begins at that moment, reckoned day by day. A year that nobody has reviewed is said so.
    """
    from gateway.cli.show import print_json, when
    from gateway.dossiers.calendar import reckon_days
    from gateway.dossiers.clocks import Limit, first_due

    if [hours is not None, days is not None, same_day].count(True) != 1:
        raise click.UsageError(
            "cho đúng một: --hours, --days hoặc --same-day · give one of --hours, --days, --same-day"
        )
    limit = Limit("same_day") if same_day else Limit("hours", hours) if hours is not None else Limit("days", days or 0)
    config = read_config(home)
    calendar = open_calendar(config)
    kept = calendar.hours_of(*_codes_of(config, unit))
    at = first_due(limit, start, calendar, kept, calendar.rules(start))
    lines = list(reckon_days(calendar, kept, start, at))
    doubts = calendar.doubts(start, at)
    if as_json:
        told = [{"day": one.day, "parts": one.parts, "minutes": _minutes(one.worked), "why": one.why} for one in lines]
        print_json({"from": start, "due": at, "hours": kept, "minutes": sum(_minutes(one.worked) for one in lines),
                    "lines": _plain(told), "doubts": _doubts(doubts)})  # fmt: skip
    else:
        _show_reckoning(lines, kept)
        click.echo(f"Hạn · due: {WEEKDAYS[_local(at).weekday()]} {when(at)}")
        _show_doubts(doubts)


def open_calendar(config: Config) -> Calendar:
    """Raises `Misconfigured` with every fault of the files."""
    from gateway.dossiers.calendar import Calendar

    return Calendar(config.folder / "calendar")


def _codes_of(config: Config, unit: str | None) -> list[str]:
    """Both codes of a unit of the code list. Raises `Misconfigured` for one that is not in it."""
    from gateway.codes import CsvCodes

    if unit is None:
        return []
    rows = CsvCodes(config.folder / "codelists").history("organisations", unit)
    if not rows:
        raise Misconfigured(
            f"{unit}: không có trong danh mục organisations · is not in the code list: lienthong codes show organisations"
        )
    return [value for row in rows for column, value in row.values.items() if column.startswith("code") and value]


def _months(days: Calendar, hours: str, year: int) -> list[tuple[int, int, float]]:
    """Number, working days and working hours of each month."""
    from gateway.dossiers.worktime import at, days_of

    counts: Counter[int] = Counter()
    worked: Counter[int] = Counter()
    for day in days_of(year):
        sessions = days.sessions(hours, day)
        counts[day.month] += bool(sessions)
        worked[day.month] += sum(_minutes(at(day, b) - at(day, a)) for a, b in sessions)
    return [(month, counts[month], worked[month] / 60) for month in range(1, 13)]


def _show_reckoning(lines: list[DayWorked], hours: str) -> None:
    from gateway.cli.show import table

    total, rows = 0, []
    for one in lines:
        total += _minutes(one.worked)
        parts = ", ".join(f"{_local(a):%H:%M}–{_local(b):%H:%M}" for a, b in one.parts)
        why = one.why or ("" if one.parts else AT_REST if one.day.weekday() >= 5 else "")
        rows.append(
            (_day(one.day), parts or None, _length(_minutes(one.worked)) if one.parts else None, _length(total), why)
        )
    table(f"Cách tính · Reckoning: giờ · hours {hours!r}", ("!Ngày", "!Giờ", "#Được", "#Cộng", "Vì"), rows)


def _show_doubts(doubts: list[Doubt] | tuple[Doubt, ...]) -> None:
    for doubt in doubts:
        click.echo(click.style("!", fg="yellow") + f" {doubt.words} · {doubt.words_en}")


def _doubts(doubts: list[Doubt] | tuple[Doubt, ...]) -> list[dict[str, str]]:
    return [{"from": str(d.first), "until": str(d.last), "words": d.words, "words_en": d.words_en} for d in doubts]


def _plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: str(value) if type(value) is date else value for name, value in row.items()} for row in rows]


def _local(moment: datetime) -> datetime:
    from gateway.canonical.scalars import HANOI

    return moment.astimezone(HANOI)


def _day(day: date) -> str:
    return f"{day:%d/%m/%y} {WEEKDAYS[day.weekday()]}"


def _minutes(amount: timedelta) -> int:
    return round(amount / timedelta(minutes=1))


def _length(minutes: int) -> str:
    """3:05 is three hours and five minutes."""
    return f"{minutes // 60}:{minutes % 60:02d}"

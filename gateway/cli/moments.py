"""Days and moments as a person types them, and what is said when one cannot be read."""

from __future__ import annotations

from datetime import date, datetime

import click


class Day(click.ParamType[date]):
    """A day, as 2026-01-05."""

    name = "NGÀY"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: viết ngày theo năm-tháng-ngày · write the day as 2026-01-05", param, ctx)


class Moment(click.ParamType[datetime]):
    """A moment with its offset, as 2026-01-05T11:00:00+07:00."""

    name = "LÚC"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: viết thời điểm như · write the moment as 2026-01-05T11:00:00+07:00", param, ctx)
        if found.tzinfo is None:
            self.fail(f"{value!r}: thiếu múi giờ · its offset is missing: {value}+07:00", param, ctx)
        return found

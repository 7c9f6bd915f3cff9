"""The clocks of a dossier as `lienthong trace` shows them: side by side, and how each was reckoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from gateway.flow.gateway import Setup
    from gateway.message import Message

CLOCKS = {"legal": "Pháp lý · legal", "local": "Địa phương · local", "kpi": "Quốc gia · QĐ 766"}
STATES = {
    "not_started": "chưa tiếp nhận · not received",
    "runs": "đang tính · runs",
    "paused": "tạm dừng · paused",
    "ended": "đã dừng hẳn · ended",
}
VERDICTS = {
    "early": "trước hạn · early",
    "on_time": "đúng hạn · on time",
    "late": "TRỄ HẠN · late",
    "open": "còn hạn · open",
    "overdue": "QUÁ HẠN · overdue",
    "unpromised": "không có ngày hẹn · never promised",
}


def clocks_of(told: Sequence[Message], setup: Setup, now: datetime) -> dict[str, Any] | None:
    """Of a dossier's messages, with the lines of each reckoning; None where there are none.

    `statistics`: how it counts there, by the promise as it is recorded. Raises `Misconfigured`.
    """
    from gateway.dossiers.deadlines import judge_deadline
    from gateway.dossiers.facts import read_life
    from gateway.dossiers.kpi import view_of

    clocks = setup.reckoner.reckon(told, now)
    view = view_of(told)
    if clocks is None or view is None:
        return None
    found = clocks.as_json()
    for clock in (clocks.legal, clocks.local, clocks.kpi):
        found[clock.name]["lines"] = [line.as_json() for line in clock.lines]
    life = read_life(view)
    if life is not None:
        found["statistics"] = {"due": life.due_at, "judged": judge_deadline(life, now)}
    return found


def show_clocks(found: Mapping[str, Any], *, reckoning: bool) -> None:
    """`found` as `clocks_of` gives it. With `reckoning` line by line."""
    from gateway.cli.show import table

    clocks = [found[name] for name in CLOCKS]
    rows = [
        ("Đồng hồ · clock", *(STATES[c["state"]] for c in clocks)),
        ("Tính từ · from", *(_short(c["start"]) for c in clocks)),
        ("Hạn đầu · first due", *(_short(c["first_due"]) for c in clocks)),
        ("Hạn nay · due now", *(_short(c["due"]) for c in clocks)),
        ("Kết thúc · ended", *(_short(c["ended"]) for c in clocks)),
        ("Đã dùng · used", *(_length(c["used_minutes"]) for c in clocks)),
        ("Còn · left", *(_length(c["left_minutes"]) for c in clocks)),
        ("Kết luận · verdict", *(_verdict(c["verdict"]) for c in clocks)),
    ]
    table(
        "Thời hạn · Deadlines (giờ làm việc · in working hours)",
        ("!", *(f"!{name}" for name in CLOCKS.values())),
        rows,
        caption=_caption(found.get("statistics")),
    )
    _show_doubts(found)
    if reckoning:
        for name, title in CLOCKS.items():
            lines = [
                (
                    _short(line["from"]), _short(line["to"]), f"{line['detail']} · {line['detail_en']}",
                    _length(line["minutes"]), _short(line["due"]),
                )
                for line in found[name]["lines"]
            ]  # fmt: skip
            table(f"Cách tính · Reckoning: {title}", ("!Từ", "!Đến", "Việc", "#Giờ làm", "!Hạn sau đó"), lines)


def _caption(judged: Mapping[str, Any] | None) -> str | None:
    if judged is None:
        return None
    due = f"{_short(judged['due'])}: " if judged["due"] else ""
    return f"Thống kê theo ngày hẹn đã ghi · statistics, by the recorded promise: {due}{VERDICTS[judged['judged']]}"


def _show_doubts(found: Mapping[str, Any]) -> None:
    """Each once, with the clocks that it is about unless those are all."""
    from gateway.cli.show import write_lines

    about: dict[str, list[str]] = {}
    for name in CLOCKS:
        for doubt in found[name]["doubts"]:
            about.setdefault(f"{doubt['detail']} · {doubt['detail_en']}", []).append(name)
    lines = (
        (f"{', '.join(CLOCKS[name] for name in names)}: " if len(names) < len(CLOCKS) else "") + words
        for words, names in about.items()
    )
    write_lines("!", "yellow", lines)


def _verdict(verdict: str | None) -> Text:
    from rich.text import Text

    if verdict is None:
        return Text("–", style="dim")
    return Text(VERDICTS[verdict], style="bold red" if verdict == "late" else "green")


def _short(moment: datetime | None) -> str | None:
    """To the minute, in Vietnam's time."""
    from gateway.cli.show import when

    return when(moment)[:-3] if moment else None


def _length(minutes: int | None) -> str | None:
    """3:05 is three hours and five minutes of working time; -3:05 of them too many."""
    if minutes is None:
        return None
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else ''}{hours}:{rest:02d}"

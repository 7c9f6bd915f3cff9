"""The status algebra: which event moves a dossier, and which is kept and held. Pure; the table is data (`statuses.toml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.config import StatusRow


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a dossier stands: its status, and the event time of what put it there. `overtook`: that was a reopening, and what it took up
    again has not come yet."""

    status: int
    since: datetime
    overtook: bool = False


def judge(
    table: Mapping[int, StatusRow], now: Standing | None, status: int, event_time: datetime, *, reopens: bool = False
) -> str | None:
    """None when the event moves the dossier; otherwise the reason for holding it.

    Reasons are stable words: ``not-first``, ``terminal``, ``late``, ``not-lawful``. `now` is None for a dossier not seen before.
    Of one instant the event of the lower rank came first, whichever arrived first; of one rank, and where it may follow lawfully too, arrival
    decides.
    """
    if now is None:
        return None if table[status].first else "not-first"
    here = table[now.status]
    if here.terminal:
        return "terminal"
    reopening = reopens and status in here.reopens
    lawful = status in here.moves or reopening
    came_first = (table[status].rank < here.rank and not lawful) or (
        now.overtook and now.status in table[status].reopens
    )
    if event_time < now.since or (event_time == now.since and came_first):
        return "late"
    return None if lawful else "not-lawful"


HELD = {
    "not-first": ("hồ sơ mới phải bắt đầu ở trạng thái 1 hoặc 2", "a new dossier starts at status 1 or 2"),
    "terminal": (
        "hồ sơ đã kết thúc, trạng thái không bị ghi đè",
        "the dossier has ended; its status is never overwritten",
    ),
    "late": (
        "sự kiện xảy ra trước trạng thái hiện tại (đến muộn)",
        "the event happened before the present status (it came late)",
    ),
    "not-lawful": ("bước chuyển trạng thái không hợp lệ", "this move is not lawful from the present status"),
    "unknown-dossier": ("hồ sơ chưa có trong cổng", "the gateway does not know this dossier"),
    "contradicts": ("trái với điều đã ghi của hồ sơ", "it contradicts what the dossier's record says"),
    "unreadable": ("không đọc được nội dung đối tác gửi", "what the partner sent could not be read"),
    "no-route": ("không có tuyến nào cho bản tin này", "no route leads anywhere for this message"),
}
"""The words of each reason, Vietnamese and English."""

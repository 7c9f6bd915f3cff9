"""`lienthong delays`: whose minutes were lost, on a desk or on the wire; and which dossiers turn late today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_books, read_config

if TYPE_CHECKING:
    from gateway.dossiers.delays import Delay, Stretch
    from gateway.dossiers.ways import Proof
    from gateway.flow.delays import Risk
    from gateway.flow.gateway import Setup
    from gateway.flow.lateness import Lateness, Names


@click.command(
    epilog="Ví dụ · Examples:  lienthong delays 000.00.01.H99-260105-0001 · lienthong delays --from 2026-01-01 --to 2026-03-31 --by agency"
)
@click.argument("dossier", required=False, metavar="[MÃ_HỒ_SƠ]")
@click.option(
    "--from", "first", metavar="NGÀY", help="Ngày đầu (mặc định: đầu năm) · the first day (default: 1 January)."
)
@click.option("--to", "last", metavar="NGÀY", help="Ngày cuối (mặc định: hôm nay) · the last day (default: today).")
@click.option(
    "--by",
    type=click.Choice(("owner", "agency", "destination")),
    default="owner",
    show_default=True,
    help="Một dòng cho mỗi bên giữ phút, cơ quan hay đối tác nhận · a line for each of these.",
)
@click.option(
    "--forecast",
    "ahead",
    is_flag=True,
    help="Hồ sơ nào trễ hôm nay, hồ sơ nào chỉ vì đường truyền · what turns late today, and what only because of the wire.",
)
@as_json
@click.option("--csv", "as_csv", is_flag=True, help="In CSV · print CSV.")
@at_home
def delays(
    dossier: str | None,
    first: str | None,
    last: str | None,
    by: str,
    ahead: bool,
    as_json: bool,
    as_csv: bool,
    home: Path,
) -> None:
    """Phút của ai: hồ sơ trễ tại bàn hay trễ trên đường truyền, mỗi phút ở đâu, có bằng chứng.

    Whose minutes: of one dossier each stretch of its time with its owner and its proofs, and whether it was late on a desk or on the wire; of
    all that were due in some days (Vietnam's, both included) how many were late, and where. What each owner means: docs/delays.md.
    """
    from gateway.flow.gateway import Setup
    from gateway.message import utc_now

    if as_json and as_csv:
        raise click.UsageError("--json và --csv không đi cùng nhau · do not go together")
    if ahead and (dossier or first or last):
        raise click.UsageError("--forecast xem mọi hồ sơ của hôm nay · is of all dossiers, today")
    setup, now = Setup(read_config(home)), utc_now()
    shape = "json" if as_json else "csv" if as_csv else "table"
    if ahead:
        _forecast(setup, home, now, shape)
    elif dossier is not None:
        if first or last:
            raise click.UsageError("--from, --to không đi cùng mã hồ sơ · do not go with a dossier")
        _one(setup, home, dossier, now, shape)
    else:
        _all(setup, home, (first, last), by, now, shape)


# ── one dossier ─────────────────────────────────────────────────────────────────────────────────────────────────


def _one(setup: Setup, home: Path, code: str, now: datetime, shape: str) -> None:
    from gateway.cli.show import print_csv, print_json
    from gateway.flow.delays import explain
    from gateway.flow.lateness import Names, delay_json

    found, names = explain(setup, open_books(home), code, now), Names(setup)
    if shape == "json":
        print_json(delay_json(found, names, now))
    elif shape == "csv":
        head = ("begin", "end", "minutes", "worked", "owner", "who", "towards", "runs", "proofs")
        print_csv([head, *(_row(one) for one in found.stretches)])
    else:
        show_delay(found, names)


def _row(one: Stretch) -> Sequence[Any]:
    begin, end = _instant(one.begin), _instant(one.end)
    proofs = " ".join(f"{proof.what}:{proof.id}" for proof in one.proofs)
    return begin, end, one.minutes, one.worked, one.owner.kind, one.owner.who, one.towards, int(one.runs), proofs


def _instant(moment: datetime) -> str:
    """As everywhere a person looks, in Vietnam's time."""
    from gateway.canonical.scalars import HANOI

    return moment.astimezone(HANOI).isoformat()


def show_delay(found: Delay, names: Names) -> None:
    """What it was measured by, the verdict, its time piece by piece, and the sum of each owner."""
    from gateway.cli.show import console, table, when
    from gateway.flow.lateness import verdict_words

    out = console()
    name, name_en = names.of(found.organisation)
    out.print(f"{found.code}   {name} · {name_en}", style="bold", markup=False)
    line = f"tiếp nhận · received {when(found.start)}   hạn · due {when(found.due)}   xong · ended {when(found.ended)}"
    out.print(line, markup=False)
    if found.ended is not None and found.viewer:
        out.print(f"{' · '.join(names.of(found.viewer))}: biết · knew {when(found.known)}", markup=False)
    words, words_en = verdict_words(found, names)
    out.print(f"[bold]{words}[/]\n{words_en}")
    if found.verdict.late:
        out.print(_over(found))
    for doubt in found.doubts:
        out.print(f"! {doubt.words} · {doubt.words_en}", markup=False, style="yellow")
    table(
        "Từng khoảng thời gian · Stretch by stretch",
        ("!Từ · From", "#Giờ:phút\nhours", "#làm việc\nworking", "Của ai · Whose", "Bằng chứng · Proofs"),
        [
            (one.begin, _long(one.minutes), _long(one.worked) if one.runs else f"({_long(one.worked)})", _whose(one, names), _proofs(one))
            for one in found.stretches
        ],
        caption="Làm việc: phần trong giờ làm việc; ( ): đồng hồ Bộ chỉ số không chạy\n"
        "Working: the part in office hours; ( ): the index's clock stood still",
    )  # fmt: skip
    totals = sorted(found.minutes().items(), key=lambda item: -item[1][0])
    table(
        "Cộng lại · In all",
        ("Của ai · Whose", "#Giờ:phút\nhours", "#làm việc\nworking"),
        [(" · ".join(names.owner(owner)), _long(wall), _long(worked)) for owner, (wall, worked) in totals],
    )


def _over(found: Delay) -> str:
    over, wire = _long(_minutes(found.verdict.over)), _long(_minutes(found.verdict.wire))
    return (
        f"quá hạn {over} giờ làm việc, đến lúc đó mất trên đường truyền {wire} · "
        f"over by {over} of working time, with {wire} lost on the wire by then"
    )


def _minutes(time: Any) -> int:
    from gateway.flow.lateness import minutes_of

    return minutes_of(time)


def _long(minutes: int) -> str:
    """1 234 → 20:34, hours and minutes."""
    return f"{minutes // 60}:{minutes % 60:02}"


def _whose(one: Stretch, names: Names) -> str:
    words = " · ".join(names.owner(one.owner))
    return f"{words} → {one.towards}" if one.owner.kind == "gateway" and one.towards else words


def _proofs(one: Stretch) -> str:
    """A line a kind; attempts are many, and told as the first, the last and how many."""
    tried = [proof for proof in one.proofs if proof.what == "attempt"]
    lines = [_proof(proof) for proof in one.proofs if proof.what in ("message", "delivery", "difference")]
    if tried:
        lines.append(_tried(tried))
    return "\n".join([*lines, *(_away(proof) for proof in one.proofs if proof.what == "away")])


def _proof(proof: Proof) -> str:
    from gateway.cli.show import when

    if proof.what == "message":
        late = f" (nhận lúc · came {when(proof.until)})" if proof.until and proof.until > proof.at else ""
        return f"bản tin · message {proof.id}{late}"
    words = "lượt gửi · delivery" if proof.what == "delivery" else "chênh lệch · difference"
    ended = f" → {when(proof.until)}" if proof.until else " → …"
    return f"{words} {proof.id} {when(proof.at)}{ended}"


def _tried(tried: Sequence[Proof]) -> str:
    from gateway.cli.show import when

    codes = sorted({proof.code for proof in tried if proof.code})
    numbers = tried[0].id if len(tried) == 1 else f"{tried[0].id}…{tried[-1].id}"
    told = f"{len(tried)} lần thử · attempts {numbers}, {when(tried[0].at)} → {when(tried[-1].at)}"
    return f"{told}, mã · codes {', '.join(codes)}" if codes else told


def _away(proof: Proof) -> str:
    from gateway.cli.show import when

    until = when(proof.until) if proof.until else "…"
    told = f"{proof.system} vắng · away {when(proof.at)} → {until}: {proof.count} lần thử của mọi hồ sơ · attempts of all dossiers {proof.id}"
    return f"{told}, mã · codes {proof.code}" if proof.code else told


# ── all of some days ────────────────────────────────────────────────────────────────────────────────────────────


def _all(setup: Setup, home: Path, days: tuple[str | None, str | None], by: str, now: datetime, shape: str) -> None:
    from gateway.cli.show import print_csv, print_json
    from gateway.cli.stats import read_days
    from gateway.flow.lateness import Line, Names, gather_lateness, lateness_json
    from gateway.ledger.queries import Reader

    first, last = read_days(*days, now)
    found = gather_lateness(setup, open_books(home), Reader("", "all"), first, last, by, now)
    names = Names(setup)
    if shape == "json":
        print_json(lateness_json(found, names))
    elif shape == "csv":
        head = [one.name for one in fields(Line)]
        print_csv([head, *(list(asdict(line).values()) for line in found.lines)])
    else:
        show_lateness(found, names)


_KEYS = {
    "owner": "Của ai · Whose",
    "agency": "Cơ quan · Agency",
    "destination": "Đối tác · Partner",
}
_TITLES = {
    "owner": "Của ai · Whose",
    "agency": "Theo cơ quan · By agency",
    "destination": "Trên đường tới đâu · On the way to whom",
}
_HEADS = (
    "#Đến hạn\ndue", "#Trễ\nlate", "#tại bàn\ndesk", "#đường\ntruyền\nwire", "#Giờ:phút\nhours", "#trong giờ\nlàm việc\nworking",
    "#Đường\ntruyền\nwire h.", "#đường truyền,\nlàm việc\nwire, working",
)  # fmt: skip
_CAPTION = (
    "Giờ:phút của các hồ sơ trễ, và phần trong giờ làm việc; rồi phần trên đường truyền\n"
    "Hours of late dossiers, and of them in office hours; then of those on the wire"
)
_EACH = (
    "Một hồ sơ trễ được đếm ở mỗi dòng mà nó có phút, nên cột Trễ cộng lại có thể hơn tổng; các cột khác cộng đúng\n"
    "A late dossier counts in each line in which it has minutes: that column may add up to more than its total, the others do not"
)


def show_lateness(found: Lateness, names: Names) -> None:
    """How many were late and where, a line for each owner, agency or partner, and the worst ones."""
    from gateway.cli.show import console, table, when
    from gateway.flow.lateness import PLACES

    out = console()
    out.print(
        f"[bold]Phút của ai · Whose minutes  {found.first:%d/%m/%Y} – {found.last:%d/%m/%Y}[/] (tính đến · as of {when(found.as_of)})"
    )
    share = "–" if found.wire_percent is None else f"{found.wire_percent:.2f}%"
    out.print(
        f"đến hạn · due {found.total.due}   trễ · late {found.total.late}   sát hạn · nearly late {found.near}",
        markup=False,
    )
    out.print(
        f"trễ tại bàn · on a desk {found.total.desk}   [bold]trễ trên đường truyền · on the wire {found.total.wire} ({share})[/]"
        f"   trong đó xong đúng hạn · ended in time {found.index_only}"
    )
    table(
        _TITLES[found.by],
        (_KEYS[found.by], *_HEADS),
        [
            (
                f"{line.name} · {line.name_en}", line.due or None, line.late, line.desk, line.wire, _long(line.minutes), _long(line.worked),
                _long(line.wire_minutes), _long(line.wire_worked),
            )
            for line in [*found.lines, *([found.total] if found.lines else [])]
        ],
        caption=_CAPTION if found.by == "agency" else f"{_CAPTION}\n{_EACH}",
    )  # fmt: skip
    table(
        "Trễ nhiều nhất · The worst",
        ("!Hồ sơ", "!Hạn · Due", "#Quá (giờ l.v.)", "Trễ ở đâu · Where", "Nhiều nhất là · Most of it"),
        [
            (
                one.code, one.due, _long(_minutes(one.verdict.over)), " · ".join(PLACES[one.verdict.place or "desk"]),
                " · ".join(names.owner(one.verdict.blamed)) if one.verdict.blamed else None,
            )
            for one in found.worst
        ],
    )  # fmt: skip


# ── what turns late today ───────────────────────────────────────────────────────────────────────────────────────


def _forecast(setup: Setup, home: Path, now: datetime, shape: str) -> None:
    from gateway.cli.show import print_csv, print_json
    from gateway.flow.delays import Risk, foresee
    from gateway.flow.lateness import Names

    risks = foresee(setup, open_books(home), now)
    if shape == "json":
        print_json({"as_of": now, "risks": [{**asdict(risk), "on_the_wire": risk.on_the_wire} for risk in risks]})
    elif shape == "csv":
        head = [*(one.name for one in fields(Risk)), "on_the_wire"]
        rows = ([*_plain(asdict(one)).values(), int(one.on_the_wire)] for one in risks)
        print_csv([head, *rows])
    else:
        show_risks(risks, Names(setup), now)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Instants as text, yes and no as 1 and 0."""
    return {
        name: _instant(value) if isinstance(value, datetime) else int(value) if isinstance(value, bool) else value
        for name, value in row.items()
    }


def show_risks(risks: Sequence[Risk], names: Names, now: datetime) -> None:
    """Those of the wire first: somebody can still do something about them."""
    from gateway.cli.show import console, table

    wire = [risk for risk in risks if risk.on_the_wire]
    console().print(
        f"[bold]Trễ hôm nay nếu không có gì thay đổi · late today if nothing changes: {len(risks)}[/]   "
        f"chỉ vì đường truyền · only because of the wire: {len(wire)}"
    )
    table(
        "Chỉ vì đường truyền · Only because of the wire",
        ("!Hồ sơ", "!Hạn · Due", "Vì sao · Why", "Trừ khi · Unless"),
        [(risk.dossier, _clock(risk.due), _why(risk), _unless(risk, names, now)) for risk in wire],
    )
    table(
        "Còn lại · The others",
        ("!Hồ sơ", "!Hạn · Due", "Vì sao · Why", "Chờ · Waits for"),
        [(r.dossier, _clock(r.due), _why(r), _waits(r, names)) for r in risks if not r.on_the_wire],
    )


def _why(risk: Risk) -> str:
    from gateway.flow.delays import WHY

    words, words_en = WHY[risk.why]
    over = "đã xong, " if risk.over else ""
    over_en = "ended already; " if risk.over else ""
    return f"{over}{words} · {over_en}{words_en}"


def _waits(risk: Risk, names: Names) -> str:
    """Whom it waits for; and the partner that could not be told in time if he were done now."""
    words = " · ".join(names.of(risk.waits_for))
    if risk.stuck:
        words += (
            f"\nvà đường tới {names.of(risk.stuck)[0]} đang tắc · and the way to {names.of(risk.stuck)[1]} is blocked"
        )
    return words


def _unless(risk: Risk, names: Names, now: datetime) -> str:
    name, name_en = names.of(risk.waits_for)
    if risk.needed_by <= now:
        return f"{name}: không còn kịp, trừ khi thông ngay · too late unless it goes now: {name_en}"
    when = _clock(risk.needed_by)
    return f"{name} thông trước {when} · {name_en} is back by {when}"


def _clock(moment: datetime) -> str:
    from gateway.canonical.scalars import HANOI

    return f"{moment.astimezone(HANOI):%H:%M}"

"""`lienthong people`: who signs in, where he is signed in, and how an administrator ends that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import answerable, as_json, at_home, open_gateway
from gateway.errors import Fault, Misconfigured, NotFound

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway


@click.group(epilog="Ví dụ · Example:  lienthong people find citizen:cccd")
def people() -> None:
    """Người đã đăng nhập qua cổng: phiên, nhật ký, khóa.

    The people of the one sign-on: their sessions and journal; end a session, disable an account. Numbers are shown masked.
    """


@people.command(epilog="Ví dụ · Example:  lienthong people find citizen:cccd")
@click.argument("kind", metavar="LOẠI")
@click.option(
    "--number",
    prompt="Số · number",
    hide_input=True,
    help="Số giấy tờ (hỏi khi chạy) · the number; asked for when not given.",
)
@at_home
def find(kind: str, number: str, home: Path) -> None:
    """Tìm mã người theo số giấy tờ; lần tìm được ghi lại.

    Find a person's id by a number, such as citizen:cccd, citizen:cmnd, enterprise:tax_code, officer:staff_number. The look is recorded.
    """
    gateway = open_gateway(home)
    signon = _signon(gateway)
    with signon.office.store.write() as rows:
        row = rows.first("identifiers", kind=kind, hash=signon.office.vault.hash(kind, number.strip()))
        person = row["person"] if row else None
        signon.office.note(rows, "looked_up", person=person, place="lienthong", detail=kind)
    if person is None:
        raise NotFound([Fault("", "unknown-person", "không có ai mang số này", "nobody has this number")])
    click.echo(person)


@people.command(epilog="Ví dụ · Example:  lienthong people show 3kd93kfj2")
@click.argument("person", metavar="MÃ")
@at_home
@as_json
def show(person: str, home: Path, as_json: bool) -> None:
    """Xem phiên, giấy tờ (che bớt) và nhật ký của một người.

    Show a person's live sessions, identifiers (masked), merged accounts and journal.
    """
    from gateway.cli.show import print_json, table

    gateway = open_gateway(home)
    signon = _signon(gateway)
    with signon.office.store.read() as rows:
        found = signon.people.get(rows, person)
        if found is None:
            raise _unknown(person)
        sessions = signon.sessions.of_person(rows, found.id)
        numbers = [r for r in signon.people.identifiers(rows, found.id) if r["masked"]]
        events = rows.all("events", newest="id", most=30, person=found.id)
        former = signon.people.former(rows, found.id)
    if as_json:
        sessions = [{k: s[k] for k in ("id", "provider", "level", "auth_time", "seen_at", "place")} for s in sessions]
        numbers = [{k: n[k] for k in ("kind", "masked", "provider", "since")} for n in numbers]
        print_json({"id": found.id, "kind": found.kind, "roles": list(found.roles), "disabled": found.disabled, "formerly": former,
                    "sessions": sessions, "identifiers": numbers, "events": events})  # fmt: skip
        return
    click.echo(
        f"{found.id} · {found.kind} · {' '.join(found.roles) or '–'}{' · đã khóa · disabled' if found.disabled else ''}"
    )
    table("Phiên · Sessions", ("!Mã", "Nơi đăng nhập", "Lúc", "Thấy lần cuối", "Từ"),
          [(s["id"], s["provider"], s["auth_time"], s["seen_at"], s["place"]) for s in sessions])  # fmt: skip
    table(
        "Giấy tờ · Identifiers",
        ("!Loại", "Số", "Do", "Từ"),
        [(n["kind"], n["masked"], n["provider"], n["since"]) for n in numbers],
    )
    table(
        "Nhật ký · Journal",
        ("Lúc", "!Việc", "Hệ thống", "Chi tiết"),
        [(e["at"], e["event"], e["client"], e["detail"]) for e in events],
    )


@people.command("sign-out", epilog="Ví dụ · Example:  lienthong people sign-out 3kd93kfj2 --reason 'mất máy'")
@click.argument("person", metavar="MÃ")
@click.option("--session", metavar="PHIÊN", help="Chỉ phiên này · this session only.")
@answerable
@at_home
def sign_out(person: str, session: str | None, who: str, reason: str, home: Path) -> None:
    """Kết thúc các phiên của một người, ở mọi hệ thống.

    End a person's sessions, or one of them, everywhere, and what was granted there for use without him: the clients are told within
    seconds, while a clock is running.
    """
    gateway = open_gateway(home)
    signon = _signon(gateway)
    with signon.office.store.write() as rows:
        person = _id_of(signon, rows, person)
        ended = signon.sessions.end_granted(rows, person, f"ended by an administrator: {reason}", session)
        signon.office.note(rows, "signed_out_by_admin", person=person, place="lienthong", detail=f"{who}: {reason}")
    click.echo(f"{ended} phiên đã kết thúc · sessions ended")


@people.command(epilog="Ví dụ · Example:  lienthong people disable 3kd93kfj2 --reason 'nghỉ việc'")
@click.argument("person", metavar="MÃ")
@answerable
@at_home
def disable(person: str, who: str, reason: str, home: Path) -> None:
    """Khóa một tài khoản: không đăng nhập được nữa, mọi phiên kết thúc.

    Disable an account: it signs in no more, its sessions end, its tokens are good no longer.
    """
    gateway = open_gateway(home)
    signon = _signon(gateway)
    with signon.office.store.write() as rows:
        person = _id_of(signon, rows, person)
        rows.change("people", {"id": person}, disabled_at=gateway.now())
        signon.sessions.end_granted(rows, person, "disabled")
        signon.office.note(rows, "disabled", person=person, place="lienthong", detail=f"{who}: {reason}")
    click.echo(f"{person}: đã khóa · disabled")


@people.command(epilog="Ví dụ · Example:  lienthong people enable 3kd93kfj2 --reason 'trở lại'")
@click.argument("person", metavar="MÃ")
@answerable
@at_home
def enable(person: str, who: str, reason: str, home: Path) -> None:
    """Mở lại một tài khoản đã khóa.

    Let a disabled account sign in again.
    """
    gateway = open_gateway(home)
    signon = _signon(gateway)
    with signon.office.store.write() as rows:
        person = _id_of(signon, rows, person)
        rows.change("people", {"id": person}, disabled_at=None)
        signon.office.note(rows, "enabled", person=person, place="lienthong", detail=f"{who}: {reason}")
    click.echo(f"{person}: đã mở · enabled")


def _signon(gateway: Gateway) -> Any:
    from gateway.flow.signon import open_signon

    signon = open_signon(gateway)
    if signon is None:
        raise Misconfigured(
            "không có config/signon.toml: đăng nhập một lần đang tắt · there is no config/signon.toml: the sign-on is off"
        )
    return signon


def _id_of(signon: Any, rows: Any, person: str) -> str:
    """Of an account that was merged: the person's who has it now. Raises `NotFound`."""
    found = signon.people.get(rows, person)
    if found is None:
        raise _unknown(person)
    return str(found.id)


def _unknown(person: str) -> NotFound:
    return NotFound([Fault("", "unknown-person", f"không có người {person}", f"there is no person {person}")])

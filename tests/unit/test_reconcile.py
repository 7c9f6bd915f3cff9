"""Reconciliation against the portal's twin: whatever is planted there is found within a quarter of an hour, and healed without a duplicate."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from connectors.mapi.simulator import PortalTwin, _born
from connectors.one_stop_rest.simulator import OneStopTwin
from gateway.cli.main import root
from gateway.config import Config, default_folder
from gateway.errors import AskFirst, Misconfigured
from gateway.flow.clock import Clock
from gateway.flow.counting import compare_days
from gateway.flow.gateway import Gateway
from gateway.flow.minutes import Night, check_minutes, folder_of
from gateway.flow.reconcile import Asked, Permit, Reconciler
from gateway.ledger import reconciling
from gateway.ledger.conservation import conserve
from gateway.ledger.tables import RETOLD, asked, deliveries, differences, messages
from gateway.message import utc_now
from gateway.simulation import Chaos, Serve
from tests.commands import until
from tests.conftest import Time
from tests.house import ADDRESSES, House, dossier, status

QUARTER = 15  # minutes within which a difference is found
BY_LAN = Permit("lan", "một cửa xác nhận")
STEPS = ((4, 60), (5, 90), (4, 150), (9, 200))


class World:
    """A gateway with its shipped mappings, the portal's twin behind it, and dossiers that were told of and settled."""

    def __init__(self, house: House, server: Serve, time: Time) -> None:
        self.house, self.server, self.time = house, server, time
        self.reconciler = Reconciler(house.gateway, "portal")

    @property
    def twin(self) -> PortalTwin:
        assert isinstance(self.server.twin, PortalTwin)
        return self.server.twin

    def tell(self, number: int = 1, steps: Any = STEPS) -> str:
        """A dossier of the one-stop system, with these statuses, all of them taken by the portal."""
        body = dossier(number)
        self.house.accept("one-stop", body)
        for code, minute in steps:
            self.house.accept("one-stop", status(number, code, minute))
        self.work()
        return str(body["dossier"])

    def work(self) -> None:
        self.house.work("portal")

    def plant(self, code: str, **how: Any) -> None:
        self.twin.act({"plant": {"MaHoSo": code, **how}})

    def pass_minutes(self, minutes: float, *, beat: float = 0.5) -> None:
        """The clock's work for so long, and the couriers'."""
        for _ in range(int(minutes / beat)):
            self.time.move(minutes=beat)
            self.reconciler.step()
            self.work()

    def rows(self, table: Any) -> list[Any]:
        with self.house.gateway.ledger.read() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)))

    def held_there(self, code: str) -> dict[str, Any]:
        found: dict[str, Any] = self.twin.book()["dossiers"].get(
            code, {"fields": {"TrangThaiHoSo": None}, "progress": []}
        )
        return found

    def history_there(self, code: str) -> Counter[tuple[str, str]]:
        return Counter((row["ThoiDiemXuLy"], row["TrangThai"]) for row in self.held_there(code)["progress"])

    def is_sound(self) -> bool:
        with self.house.gateway.ledger.read() as connection:
            return conserve(connection) == []

    def is_whole(self, code: str, steps: Any = STEPS) -> bool:
        """The portal shows the last status, and each step once."""
        there = self.held_there(code)
        once = set(self.history_there(code).values()) <= {1} and len(there["progress"]) == len(steps)
        return once and there["fields"]["TrangThaiHoSo"] == str(steps[-1][0] if steps else 2)


Make = Callable[..., World]


@pytest.fixture
def make_world(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., World]]:
    opened: list[tuple[Gateway, Serve]] = []

    def make(url: str, **rules: Any) -> World:
        account = {
            "username": ADDRESSES["LIENTHONG_PORTAL_USERNAME"],
            "password": ADDRESSES["LIENTHONG_PORTAL_PASSWORD"],
        }
        server = Serve(PortalTwin(account))
        monkeypatch.setenv("LIENTHONG_PORTAL_URL", server.start())
        monkeypatch.setenv("LIENTHONG_LEDGER", url)
        home = tmp_path / f"world{len(opened)}"
        shutil.copytree(default_folder(), home / "config")
        file = home / "config" / "partners" / "portal.toml"
        text = "".join(f"{name} = {value!r}\n".replace("'", '"') for name, value in {"mode": "heal", **rules}.items())
        file.write_text(
            re.sub(r"(\[reconcile\][^\n]*\n)mode = .*\n", lambda m: m[1] + text, file.read_text(encoding="utf-8")),
            encoding="utf-8",
        )
        gateway = Gateway(home, now=time)
        house = House(gateway)
        del gateway._outbounds["portal"]  # the real one, towards the twin
        opened.append((gateway, server))
        return World(house, server, time)

    yield make
    for gateway, server in opened:
        gateway.close()
        server.stop()


@pytest.fixture
def world(make_world: Make, ledger_url: str) -> World:
    return make_world(ledger_url)


def test_what_agrees_is_asked_about_and_left_alone(world: World) -> None:
    code = world.tell()
    effects = len(world.twin.book()["effects"])

    world.pass_minutes(QUARTER)

    (answer,) = world.rows(asked)
    assert (answer.finding, answer.status, answer.theirs) == ("agrees", 9, "9")
    assert world.rows(differences) == []
    assert len(world.twin.book()["effects"]) == effects
    assert world.is_whole(code)


PLANTED: dict[str, tuple[dict[str, Any], str, int]] = {
    "a dropped row": ({"drop": 1}, "missing-steps", 1),
    "the last row dropped": ({"drop": 3}, "missing-steps", 1),
    "a status set back": ({"TrangThaiHoSo": "4"}, "behind", 1),
    "a dossier deleted": ({"forget": True}, "missing-there", 5),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_found_within_a_quarter_of_an_hour_and_healed_without_a_duplicate(
    world: World, planted: str
) -> None:
    how, kind, fewest = PLANTED[planted]
    others = [world.tell(number, STEPS[:1]) for number in (2, 3)]
    code = world.tell()
    world.pass_minutes(20)
    world.plant(code, **how)
    assert not world.is_whole(code)

    world.pass_minutes(QUARTER)

    (found,) = world.rows(differences)
    assert (found.dossier, found.kind, found.state in ("healing", "healed")) == (code, kind, True)
    world.pass_minutes(5)
    (found,) = world.rows(differences)
    assert (found.state, found.rounds) == ("healed", 0)
    assert sum(m.type == RETOLD for m in world.rows(messages)) == fewest
    assert world.is_whole(code)
    assert all(world.is_whole(other, STEPS[:1]) for other in others)
    assert world.is_sound()
    assert {a.finding for a in world.rows(asked)} == {"agrees"}


def test_a_status_set_ahead_is_set_back_to_what_the_owner_says(world: World) -> None:
    code = world.tell(steps=STEPS[:1])
    world.plant(code, TrangThaiHoSo="9")

    world.pass_minutes(20)

    (found,) = world.rows(differences)
    assert (found.kind, found.state, found.theirs, found.told) == ("ahead", "healed", "9", 4)
    assert world.is_whole(code, STEPS[:1])
    assert world.is_sound()


def test_what_is_told_again_is_the_dossier_as_it_stands_with_all_that_came_after(world: World) -> None:
    """The status is an old one's; the amendment and the promise that came after it are not taken back."""
    code = world.tell(steps=STEPS[:1])
    later = {"event_time": "2026-01-05T11:00:00+07:00", "status": 4}
    amended = {
        **dossier(1, **later),
        "id": "sub-again",
        "summary": "Đã sửa tên đệm",
        "deadlines": {"received_at": "2026-01-05T09:00:00+07:00", "due_at": "2026-01-20T17:00:00+07:00"},
    }
    world.house.accept("one-stop", amended)
    world.work()
    world.plant(code, TrangThaiHoSo="2")

    world.pass_minutes(20)

    there = world.held_there(code)["fields"]
    assert [d.state for d in world.rows(differences)] == ["healed"]
    assert (there["TrangThaiHoSo"], there["TrichYeuHoSo"], there["NgayHenTra"]) == (
        "4",
        "Đã sửa tên đệm",
        "20260120170000",
    )


def test_a_terminal_status_there_is_overwritten_only_by_a_persons_word(world: World) -> None:
    code = world.tell(steps=STEPS[:1])
    world.plant(code, TrangThaiHoSo="10")

    world.pass_minutes(30)
    (found,) = world.rows(differences)
    assert (found.kind, found.state) == ("ahead", "proposed")
    assert world.held_there(code)["fields"]["TrangThaiHoSo"] == "10"

    with world.house.gateway.ledger.write() as connection:
        reconciling.decide(connection, found.id, "approved", who="lan", reason="một cửa xác nhận", now=world.time())
    world.pass_minutes(5)

    assert world.rows(differences)[0].state == "healed"
    assert world.is_whole(code, STEPS[:1])


def test_a_dossier_told_anew_is_compacted_where_the_partner_wants_it_so(make_world: Make, sqlite_url: str) -> None:
    world = make_world(sqlite_url, superseded="compacted")
    code = world.tell()
    world.plant(code, forget=True)

    world.pass_minutes(20)

    assert [row["TrangThai"] for row in world.held_there(code)["progress"]] == ["9"]
    assert world.held_there(code)["fields"]["TrangThaiHoSo"] == "9"
    assert [(d.kind, d.state) for d in world.rows(differences)] == [("missing-there", "healed")]


def test_a_dry_run_tells_what_it_would_do_and_changes_nothing(world: World) -> None:
    code = world.tell()
    world.plant(code, forget=True)

    (told,) = Reconciler(world.house.gateway, "portal", dry=True).ask_all()

    assert isinstance(told, Asked)
    assert (told.finding.kind, len(told.finding.plan)) == ("missing-there", 5)
    assert world.rows(asked) == world.rows(differences) == []
    assert len(world.rows(messages)) == 5


def test_with_approval_nothing_goes_out_before_a_person_has_said_so(make_world: Make, ledger_url: str) -> None:
    world = make_world(ledger_url, mode="approve")
    code = world.tell()
    world.plant(code, TrangThaiHoSo="4")

    world.pass_minutes(40)
    (found,) = world.rows(differences)
    assert (found.state, world.held_there(code)["fields"]["TrangThaiHoSo"]) == ("proposed", "4")
    with world.house.gateway.ledger.write() as connection:
        reconciling.decide(connection, found.id, "approved", who="lan", reason="đã đối chiếu", now=world.time())
    world.pass_minutes(5)

    assert world.rows(differences)[0].state == "healed"
    assert world.is_whole(code)


def test_what_a_person_declined_is_left_until_it_changes(make_world: Make, sqlite_url: str) -> None:
    world = make_world(sqlite_url, mode="approve")
    code = world.tell()
    world.plant(code, TrangThaiHoSo="4")
    world.pass_minutes(20)
    with world.house.gateway.ledger.write() as connection:
        reconciling.decide(connection, 1, "declined", who="lan", reason="Cổng đang sửa tay", now=world.time())

    world.pass_minutes(40)
    assert [d.state for d in world.rows(differences)] == ["declined"]
    world.plant(code, TrangThaiHoSo="9")
    world.pass_minutes(20)

    assert [d.state for d in world.rows(differences)] == ["gone"]


def test_only_showing_heals_nothing(make_world: Make, sqlite_url: str) -> None:
    world = make_world(sqlite_url, mode="show")
    code = world.tell()
    world.plant(code, drop=0)

    world.pass_minutes(60)

    assert [d.state for d in world.rows(differences)] == ["open"]
    assert not world.is_whole(code)


def test_a_difference_that_one_answer_alone_shows_is_not_healed(world: World) -> None:
    code = world.tell()
    world.pass_minutes(2)
    world.plant(code, TrangThaiHoSo="4")
    world.reconciler.ask(code)
    world.plant(code, TrangThaiHoSo="9")

    world.pass_minutes(20)

    assert [d.state for d in world.rows(differences)] == ["gone"]
    assert all(m.type != RETOLD for m in world.rows(messages))


def test_many_differences_at_once_wait_for_a_person(make_world: Make, sqlite_url: str) -> None:
    """A partner that put back an old copy of its own is no matter of single dossiers."""
    world = make_world(sqlite_url, most=2, rate=1000)
    codes = [world.tell(number, STEPS[:1]) for number in range(1, 6)]
    for code in codes:
        world.plant(code, forget=True)

    world.pass_minutes(30)

    assert {d.state for d in world.rows(differences)} == {"proposed"}
    assert world.twin.book()["dossiers"] == {}


def test_what_is_under_way_is_not_asked_about(world: World) -> None:
    code = world.tell(steps=())
    world.house.accept("one-stop", status(1, 4, 60))

    assert world.reconciler.ask(code) is None
    assert world.rows(asked) == []


def test_an_answer_counts_for_nothing_when_the_dossier_moved_while_it_was_asked(world: World) -> None:
    code = world.tell(steps=STEPS[:1])
    world.plant(code, TrangThaiHoSo="2")
    ask = world.reconciler.outbound.state

    class Meanwhile:
        def state(self, told: Any) -> Any:
            says = ask(told)
            world.house.accept("one-stop", status(1, 9, 200))
            return says

    world.reconciler.outbound = Meanwhile()  # type: ignore[assignment]

    assert world.reconciler.ask(code) is None
    assert world.rows(asked) == world.rows(differences) == []


def test_two_processes_that_find_the_same_difference_heal_it_once(world: World) -> None:
    code = world.tell()
    world.plant(code, drop=2)
    world.time.move(minutes=2)
    first, second = (Reconciler(world.house.gateway, "portal", permit=BY_LAN) for _ in range(2))

    states = [one.ask(code) for one in (first, second)]

    assert [s.state if s else None for s in states] == ["healing", None]
    world.work()
    assert world.is_whole(code)


def test_a_partner_that_is_away_is_asked_later_and_its_silence_is_no_difference(world: World) -> None:
    code = world.tell()
    world.server.chaos = Chaos(down=True)
    world.pass_minutes(5)
    assert world.rows(asked) == []

    world.server.chaos = Chaos()
    world.pass_minutes(QUARTER)

    assert [a.finding for a in world.rows(asked)] == ["agrees"]
    assert world.is_whole(code)


def test_a_healing_whose_outcome_is_not_known_is_not_doubled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row arrives, the answer is lost: the partner is asked before anything goes again."""
    code = world.tell()
    world.plant(code, drop=1)
    outbound: Any = world.house.gateway.outbound("portal")
    report = outbound._client.report
    failed: list[bool] = []

    def lost(rows: Any) -> Any:
        said = report(rows)
        if not failed:
            failed.append(True)
            raise AskFirst("hết giờ chờ", code="timeout")
        return said

    monkeypatch.setattr(outbound._client, "report", lost)
    world.pass_minutes(25)

    assert failed
    assert [d.state for d in world.rows(differences)] == ["healed"]
    assert {d.state for d in world.rows(deliveries)} == {"delivered"}
    assert world.is_whole(code)
    assert world.is_sound()


def test_what_was_healed_in_vain_three_times_is_for_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner that takes the update, says so, and does nothing."""
    code = world.tell()
    world.plant(code, TrangThaiHoSo="4")
    monkeypatch.setattr(world.twin, "_sync", lambda body: {"error_code": "0", "message": "Cập nhật hồ sơ thành công"})
    world.twin._services["DongBoHoSoMC"] = world.twin._sync

    world.pass_minutes(60)

    (found,) = world.rows(differences)
    assert (found.state, found.rounds) == ("person", 3)
    assert sum(m.type == RETOLD for m in world.rows(messages)) == 3


# ── a dossier born on the portal, and the one-stop system ───────────────────────────────────────────────────────


def test_a_dossier_born_on_the_portal_shows_reduced_codes_and_agrees(world: World) -> None:
    code = born_there(world)

    asked_ = world.reconciler.ask(code)

    assert asked_ is not None
    assert (asked_.finding.kind, list(asked_.says.statuses or ())) == ("agrees", [2, 4])
    assert str(asked_.says.theirs).startswith("2 (bộ mã rút gọn: không phân biệt 2, 4")


def test_a_status_of_a_dossier_born_there_is_told_again_only_where_it_left_no_trace(world: World) -> None:
    code = born_there(world)
    world.twin._dossiers[code]["fields"]["TrangThaiHoSo"] = "1"
    kept = Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code)
    assert kept is not None
    assert (kept.finding.kind, kept.finding.plan) == (
        "behind",
        [],
    )  # its rows are there: told again they would stand there twice

    world.twin._dossiers[code]["statuses"].pop()
    world.time.move(minutes=2)
    healed = Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code)
    world.work()

    assert healed is not None
    assert healed.state == "healing"
    there = world.twin.book()["dossiers"][code]
    assert (there["fields"]["TrangThaiHoSo"], [s["TrangThai"] for s in there["statuses"]]) == ("2", ["2", "2"])


def born_there(world: World) -> str:
    """Filed on the portal, received and taken up by the one-stop system, the portal told of both."""
    body = dossier(7, origin="portal", status=1)
    world.house.accept("portal", body)
    world.twin._dossiers[body["dossier"]] = _born("portal", {"MaHoSo": body["dossier"]})
    world.house.work("one-stop")
    for code, minute in ((2, 10), (4, 20)):
        world.house.accept("one-stop", status(7, code, minute))
    world.work()
    return str(body["dossier"])


def test_a_one_stop_system_that_lost_its_newest_messages_gets_them_again_under_their_own_keys(
    make_world: Make, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Serve(OneStopTwin({"key": ADDRESSES["LIENTHONG_ONE_STOP_KEY"]}))
    monkeypatch.setenv("LIENTHONG_ONE_STOP_URL", server.start())
    world = make_world(sqlite_url)
    del world.house.gateway._outbounds["one-stop"]
    code = dossier(7)["dossier"]
    world.house.accept("portal", dossier(7, origin="portal", status=1))
    world.house.work("one-stop")
    twin: Any = server.twin
    (key,) = twin.book()["keys"]
    twin._receipts.clear()
    twin._bodies.clear()
    world.time.move(minutes=2)

    asked_ = Reconciler(world.house.gateway, "one-stop", permit=BY_LAN).ask(code)
    world.house.work("one-stop")

    assert asked_ is not None
    assert (asked_.finding.kind, asked_.state) == ("missing-steps", "healing")
    assert twin.book()["keys"] == [key]
    again = Reconciler(world.house.gateway, "one-stop").ask(code)
    assert again is not None
    assert again.finding.kind == "agrees"
    server.stop()


def test_days_are_compared_as_a_whole_and_only_those_that_differ_dossier_by_dossier(
    make_world: Make, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = Serve(OneStopTwin({"key": ADDRESSES["LIENTHONG_ONE_STOP_KEY"]}))
    monkeypatch.setenv("LIENTHONG_ONE_STOP_URL", server.start())
    world = make_world(sqlite_url)
    file = world.house.gateway.config.home / "config" / "partners" / "one-stop.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[settings]", "[settings]\ndays = true"), encoding="utf-8")
    world.house.gateway.take(Config(world.house.gateway.config.home))
    world.house.gateway._outbounds = {n: p for n, p in world.house.partners.items() if n == "vnpost"}
    codes = [world.tell(number, ((4, 60),)) for number in (1, 2, 3)]
    new = "000.00.01.H99-260105-0099"
    server.twin.act({"stands": {codes[0]: 4, codes[1]: 9, new: 2}})
    one = Reconciler(world.house.gateway, "one-stop")

    found = compare_days(one, date(2026, 1, 1), date(2026, 1, 31))

    assert {a.dossier: a.finding.kind for a in found} == {
        codes[1]: "ahead",
        codes[2]: "missing-there",
        new: "missing-here",
    }
    assert {(d.dossier, d.state) for d in world.rows(differences)} == {(c, "person") for c in (codes[1], codes[2], new)}
    server.twin.act({"stands": {codes[1]: 4, codes[2]: 4}})
    world.house.accept("one-stop", dossier(99))
    assert compare_days(one, date(2026, 1, 1), date(2026, 1, 31)) == []
    assert {d.state for d in world.rows(differences)} == {"gone"}
    server.stop()


# ── the night, the minutes, the commands ────────────────────────────────────────────────────────────────────────


def test_the_nights_round_asks_about_finished_dossiers_too_and_ends_in_signed_minutes(world: World) -> None:
    finished = (*STEPS, (10, 300))
    code = world.tell(steps=finished)
    night = Night(world.house.gateway, "portal")
    for _ in range(90):
        world.time.move(minutes=1)
        night.step()
    assert [a.finding for a in world.rows(asked)] == ["agrees"]
    world.plant(code, TrangThaiHoSo="9")  # after its last answer: the rounds of the day leave it alone

    for _ in range(24 * 12):
        world.time.move(minutes=5)
        night.step()
        world.work()

    (found,) = world.rows(differences)
    assert (found.kind, found.state) == ("behind", "healed")
    folder = folder_of(world.house.gateway, "portal")
    day = json.loads((folder / "2026-01-05.json").read_text(encoding="utf-8"))
    assert (day["asked"], [d["state"] for d in day["differences"]]) == (
        1,
        ["healed"],
    )  # of that night, and made at its noon
    assert check_minutes(world.house.gateway, folder / "2026-01-05.csv") == []
    lines = (folder / "2026-01-05.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[1].split(",")[1] == code
    (folder / "2026-01-05.csv").write_text("khác", encoding="utf-8")
    assert check_minutes(world.house.gateway, folder / "2026-01-05.json") == ["2026-01-05.csv"]
    sign = folder / "2026-01-05.sign.json"
    sign.write_text(
        sign.read_text(encoding="utf-8").replace("portal", "portaI").replace('.csv": "', '.csv": "0'), encoding="utf-8"
    )
    with pytest.raises(Misconfigured, match="none of this gateway's"):
        check_minutes(world.house.gateway, folder / "2026-01-05.json")


def test_the_clock_asks_by_itself(world: World) -> None:
    world.tell()
    world.time.move(minutes=5)
    clock = Clock(world.house.gateway)
    thread = threading.Thread(target=clock.run)
    thread.start()
    try:
        until(lambda: bool(world.rows(asked)), 20)
    finally:
        clock.stop()
        thread.join()

    assert [a.finding for a in world.rows(asked)] == ["agrees"]


def test_a_person_reconciles_by_the_commands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG_WHO", "lan")
    code = world.tell()
    home = str(world.house.gateway.config.home)

    def run(*arguments: str) -> Any:
        told = CliRunner().invoke(root, ["reconcile", *arguments, "--home", home])
        world.time.at = max(world.time.at, utc_now())  # the command read the real clock
        return told

    assert run("portal").exit_code == 0
    world.plant(code, TrangThaiHoSo="10")
    dry = run("portal", "--dry-run", "--json", "--dossier", code)
    assert dry.exit_code == 1
    assert [(d["kind"], d["state"]) for d in json.loads(dry.output)] == [("ahead", None)]
    assert run("portal", "--dry-run", "--heal").exit_code == 2
    run("portal")
    with world.house.gateway.ledger.write() as connection:
        reconciling.change_difference(connection, 1, again_at=utc_now())  # two minutes later
    run("portal")
    (listed,) = json.loads(run("list", "portal", "--json").output)
    assert (listed["state"], listed["seen"], len(listed["plan"])) == ("proposed", 2, 1)
    shown = run("show", str(listed["id"])).output
    assert "đối tác nói · it says 10" in shown
    assert run("approve", str(listed["id"])).exit_code == 2  # without a reason nothing is approved
    assert run("approve", str(listed["id"]), "--reason", "một cửa xác nhận").exit_code == 0
    run("portal", "--dossier", code)
    world.work()
    assert run("portal").exit_code == 0
    assert [d.state for d in world.rows(differences)] == ["healed"]
    assert run("decline", str(listed["id"]), "--reason", "thử").exit_code == 1
    said = run("minutes", "portal", "--day", "2026-01-05")
    assert said.exit_code == 0, said.output
    file = said.output.split(": đã lập")[0]
    assert run("verify", file).exit_code == 0
    assert run("vnpost").exit_code == 2
    assert run("nobody").exit_code == 2

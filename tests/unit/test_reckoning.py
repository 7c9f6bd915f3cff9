"""The clocks wired in: a dossier's messages to its three due dates, to the urgency of its lanes, to warnings at the door, to those who ask.

Office hours 07:00–11:30 and 13:30–17:00; 2026-01-05 is a Monday, and Saturday the 10th is worked. See docs/worktime.md.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.canonical import any_message
from gateway.canonical.scalars import HANOI
from gateway.cli.main import root
from gateway.codes import CsvCodes
from gateway.config import Config, default_folder
from gateway.dossiers.clocks import Clocks
from gateway.dossiers.deadlines import judge_clock, judge_deadline
from gateway.dossiers.facts import read_life
from gateway.dossiers.kpi import view_of
from gateway.errors import Misconfigured
from gateway.flow.reckoning import Reckoner
from gateway.flow.renewal import renew
from gateway.ledger.lanes import take
from gateway.ledger.tables import FAR, lanes
from gateway.message import Message
from gateway.web.shapes import DossierAnswer, Receipt
from tests.conftest import Time
from tests.door import fresh_ledger, make_home, open_door
from tests.house import House, dossier, status

CONFIG = Config(default_folder().parent)
RECKONER = Reckoner(CONFIG, CsvCodes(CONFIG.folder / "codelists"))
CODE = dossier()["dossier"]
NOTICE = {
    "code": "2.000033",
    "name": "Thông báo hoạt động khuyến mại",
    "field_code": "G02-XT01",
    "field_name": "Xúc tiến",
}  # 8 hours
RECEIVED = {"received_at": "2026-01-05T09:30:00+07:00"}
OFFICER = {"name": "Trần Thị Ví Dụ"}
DAY = 24 * 60  # minutes


def at(text: str) -> datetime:
    """12T17:00, of January 2026 in Vietnam."""
    return datetime.fromisoformat(f"2026-01-{text}").replace(tzinfo=HANOI)


def told(*bodies: dict[str, Any], held: Sequence[str] = ()) -> list[Message]:
    """As the ledger keeps them; `held`: the ids of those that moved nothing."""
    found = []
    for seq, raw in enumerate(bodies, start=1):
        said = any_message.validate_python(raw)
        body = json.loads(said.model_dump_json(exclude_none=True))
        why = "late" if said.id in held else None
        found.append(Message(seq, said.id, "", said.id, said.type, CODE, said.event_time, said.event_time, body, why))
    return found


def reckon(*bodies: dict[str, Any], now: str = "31T12:00", held: Sequence[str] = ()) -> Clocks:
    clocks = RECKONER.reckon(told(*bodies, held=held), at(now))
    assert clocks is not None
    return clocks


def dues(clocks: Clocks) -> list[str]:
    """Of legal, local, kpi: the day and hour of January."""
    return [f"{c.due.astimezone(HANOI):%dT%H:%M}" if c.due else "–" for c in (clocks.legal, clocks.local, clocks.kpi)]


def doubts(clocks: Clocks) -> str:
    return "\n".join(doubt.words_en for doubt in clocks.local.doubts)


# ── from messages to clocks ─────────────────────────────────────────────────────────────────────────────────────


def test_a_supplement_and_an_apology_move_the_clocks_that_they_should() -> None:
    """Promised for the 12th; paused from Tuesday 09:30 to Thursday 09:30, 16 working hours, two days; then form 04 for the 16th at 17:00."""
    course = [
        dossier(procedure=NOTICE),
        status(1, 4, 10),
        status(1, 5, DAY),
        status(1, 4, 3 * DAY),
        status(1, 4, 4 * DAY, due_at="2026-01-16T17:00:00+07:00", apology=True, content="Xin lỗi: chờ xác minh"),
        status(1, 9, 9 * DAY),
    ]

    clocks = reckon(*course)

    # legal: 8 hours from Monday 09:30 end on Tuesday 09:30, the moment at which the pause begins: over, so nothing is given back
    assert dues(clocks) == ["06T09:30", "16T17:00", "14T17:00"]
    assert [c.verdict for c in (clocks.legal, clocks.local, clocks.kpi)] == ["late", "early", "on_time"]
    assert clocks.local.original_due == at("12T17:00")
    assert "Xin lỗi: chờ xác minh" in " ".join(line.words for line in clocks.local.lines)
    assert doubts(clocks) == ""


@pytest.mark.parametrize("by", ["the supplement", "the status that ends the pause"])
def test_a_date_that_comes_with_the_end_of_a_pause_is_no_extension(by: str) -> None:
    new = "2026-01-14T17:00:00+07:00"
    given = {
        "type": "SupplementProvided", "id": "sp", "dossier": CODE, "event_time": "2026-01-08T09:20:00+07:00", "request": "r", "content": "đủ",
        "received_by": OFFICER,
    }  # fmt: skip
    end = status(1, 4, 3 * DAY)
    course = [given | {"new_due_at": new}, end] if by == "the supplement" else [given, end | {"due_at": new}]

    clocks = reckon(dossier(), status(1, 5, DAY), *course, status(1, 9, 7 * DAY))

    assert dues(clocks)[1:] == ["14T17:00", "14T17:00"]  # moved once, by the pause
    assert doubts(clocks) == ""


def test_a_new_date_by_no_form_moves_no_clock_and_is_named() -> None:
    clocks = reckon(dossier(), status(1, 4, 10, due_at="2026-01-20T17:00:00+07:00"))

    assert dues(clocks)[1:] == ["12T17:00", "12T17:00"]
    assert "the date 20/01/2026 17:00 came without an apology (form 04): it moves no clock" in doubts(clocks)


def test_the_same_date_told_again_is_nothing_new() -> None:
    promised = dossier()["deadlines"]["due_at"]
    late = "2026-01-20T17:00:00+07:00"
    apology = status(1, 4, 20, due_at=late, apology=True)
    again = dossier(id="again", status=4, event_time="2026-01-05T10:00:00+07:00", deadlines=RECEIVED | {"due_at": late})

    clocks = reckon(dossier(), status(1, 4, 10, due_at=promised), apology, again)

    assert dues(clocks)[1:] == ["20T17:00", "12T17:00"]
    assert doubts(clocks) == ""


def test_a_first_date_told_after_a_pause_is_not_moved_by_that_pause_again() -> None:
    clocks = reckon(
        dossier(procedure=NOTICE, deadlines=RECEIVED),
        status(1, 5, 30),
        status(1, 4, 90),
        status(1, 4, 100, due_at="2026-01-09T17:00:00+07:00"),
    )

    assert dues(clocks) == ["06T10:30"] * 3  # 8 hours and one of pause
    assert "came without an apology" in doubts(clocks)


def test_the_first_date_may_come_with_a_later_message() -> None:
    clocks = reckon(dossier(deadlines=RECEIVED), status(1, 4, 10, due_at="2026-01-09T17:00:00+07:00"))

    assert dues(clocks)[1:] == ["09T17:00", "09T17:00"]


def test_held_messages_move_nothing() -> None:
    pause, end = status(1, 5, 10), status(1, 4, 3 * DAY, due_at="2026-01-30T17:00:00+07:00")

    clocks = reckon(dossier(), pause, end, held=[pause["id"], end["id"]])

    assert clocks == reckon(dossier())


def test_an_amendment_begins_no_clock_anew_and_asks_for_no_second_supplement() -> None:
    amended: dict[str, Any] = {"id": "a", "status": 5, "event_time": "2026-01-06T11:00:00+07:00"}
    later = {"received_at": "2026-01-06T08:00:00+07:00", "due_at": "2026-01-12T17:00:00+07:00"}

    clocks = reckon(dossier(), status(1, 5, DAY), dossier(**amended, deadlines=later))

    assert clocks.legal.start == at("05T09:30")
    assert clocks.kpi.verdict != "late"  # status 5 in it is where the dossier stands, and no further request


def test_before_the_reception_no_clock_has_started() -> None:
    clocks = reckon(dossier(status=1, deadlines={}))

    assert (clocks.legal.state, clocks.legal.due) == ("not_started", None)
    assert RECKONER.reckon(told(status(1, 4, 10)), at("05T12:00")) is None


# ── what a dossier is measured by ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The operator's files, to be changed."""
    shutil.copytree(default_folder(), tmp_path / "config")
    return tmp_path / "config"


def reckoner(folder: Path) -> Reckoner:
    config = Config(folder.parent)
    return Reckoner(config, CsvCodes(config.folder / "codelists"))


def put_row(folder: Path, **changes: str) -> None:
    """Another procedure, 1.999999."""
    file = folder / "codelists" / "procedures.csv"
    names = file.read_text(encoding="utf-8").splitlines()[0].split(",")
    row = {
        "code": "1.999999",
        "name": "Thử",
        "name_en": "Test",
        "field_code": "G02-XT01",
        "field_name": "Thử",
        **changes,
    }
    if "local_hours" in row:
        lines = file.read_text(encoding="utf-8").splitlines()
        file.write_text(
            "\n".join([f"{lines[0]},local_hours", *(f"{line}," for line in lines[1:])]) + "\n", encoding="utf-8"
        )
        names.append("local_hours")
    with file.open("a", encoding="utf-8") as out:
        out.write(",".join(row.get(name, "") for name in names) + "\n")


def other(**changes: Any) -> list[Message]:
    return told(dossier(procedure={**NOTICE, "code": "1.999999"}, **changes))


def test_a_procedure_without_a_known_limit_has_no_legal_date_and_says_why(folder: Path) -> None:
    put_row(folder)

    promised = reckoner(folder).reckon(other(), at("13T12:00"))
    unpromised = reckoner(folder).reckon(other(deadlines=RECEIVED), at("13T12:00"))

    assert promised is not None
    assert unpromised is not None
    assert dues(promised) == ["–", "12T17:00", "12T17:00"]
    assert (promised.legal.verdict, promised.local.verdict) == (None, "late")
    assert "time limit is not known" in promised.legal.doubts[0].words_en
    assert dues(unpromised) == ["–", "–", "–"]
    assert unpromised.local.used == promised.local.used > timedelta(hours=40)


def test_the_provinces_own_limit_stands_in_a_column_of_its_own(folder: Path) -> None:
    put_row(folder, hours="40", local_hours="16")

    clocks = reckoner(folder).reckon(other(deadlines=RECEIVED), at("05T12:00"))

    assert clocks is not None
    assert dues(clocks) == ["10T09:30", "07T09:30", "10T09:30"]


@pytest.mark.parametrize("hours", ["bốn", "0", "-8", "nan", "inf", "1e6"])
def test_a_limit_that_is_none_is_refused_by_its_line(folder: Path, hours: str) -> None:
    put_row(folder, hours=hours)
    line = len((folder / "codelists" / "procedures.csv").read_text(encoding="utf-8").splitlines())

    with pytest.raises(Misconfigured, match=rf"procedures\.csv:{line}: hours = '{hours}'"):
        reckoner(folder)


def test_the_local_clock_keeps_the_hours_of_the_unit_that_handles_it() -> None:
    """H99.10 works on Saturday mornings: 8 hours from Friday the 16th at 16:00 are 1 + 4 + 3."""
    when: dict[str, Any] = {"event_time": "2026-01-16T16:00:00+07:00", "submitted_at": "2026-01-16T15:00:00+07:00"}
    unit = {"code": "000.00.10.H99", "name": "Sở"}
    deadlines = {"received_at": "2026-01-16T16:00:00+07:00"}

    clocks = reckon(dossier(procedure=NOTICE, handled_by=unit, deadlines=deadlines, **when), now="16T16:30")

    assert dues(clocks) == ["19T16:00", "19T10:00", "19T16:00"]


# ── laws ────────────────────────────────────────────────────────────────────────────────────────────────────────

law = settings(deadline=None, max_examples=150)
MOVES = {code: row.moves for code, row in CONFIG.statuses.items()}


@st.composite
def courses(draw: st.DrawFn, *, pauses: bool = True, dates: bool = True) -> list[dict[str, Any]]:
    """A dossier that went a lawful way, as its sender tells it."""
    deadlines = RECEIVED | draw(
        st.sampled_from([{}, {"due_at": "2026-01-07T17:00:00+07:00"}, {"due_at": "2026-01-12T17:00:00+07:00"}])
    )
    course = [dossier(deadlines=deadlines, procedure=draw(st.sampled_from([NOTICE, dossier()["procedure"]])))]
    here, minute = 2, 0
    for _ in range(draw(st.integers(0, 6))):
        ways = [code for code in MOVES[here] if pauses or code not in (5, 6, 8)]
        if not ways:
            break
        here, minute = draw(st.sampled_from(ways)), minute + draw(st.integers(1, 3000))
        more: dict[str, Any] = {}
        if dates and draw(st.booleans()):
            more = {"due_at": f"2026-01-{draw(st.integers(8, 28)):02}T17:00:00+07:00", "apology": draw(st.booleans())}
        course.append(status(1, here, minute, **more))
    return course


nows = st.integers(0, 30 * DAY).map(lambda minute: at("05T09:30") + timedelta(minutes=minute))


@law
@given(courses(), nows, st.randoms(use_true_random=False))
def test_messages_in_any_order_are_reckoned_alike(course: list[dict[str, Any]], now: datetime, random: Any) -> None:
    messages = told(*course)
    mixed = random.sample(messages, len(messages))

    assert RECKONER.reckon(mixed, now) == RECKONER.reckon(messages, now)


@law
@given(courses(pauses=False), nows)
def test_without_a_pause_only_an_apology_moves_a_date_and_only_the_local_one(
    course: list[dict[str, Any]], now: datetime
) -> None:
    clocks = RECKONER.reckon(told(*course), now)

    assert clocks is not None
    assert clocks.legal.due == clocks.legal.original_due
    assert clocks.kpi.due == clocks.kpi.original_due
    if not any(one.get("apology") for one in course):
        assert clocks.local.due == clocks.local.original_due


@law
@given(courses(dates=False), nows)
def test_the_urgency_of_the_lanes_is_the_legal_date(course: list[dict[str, Any]], now: datetime) -> None:
    messages = told(*course)
    clocks = RECKONER.reckon(messages, now)
    moves = [(one.body["status"], one.event_time) for one in messages]

    assert clocks is not None
    assert RECKONER.legal_due(messages[0].body, moves, now) == clocks.legal.due


@law
@given(courses(pauses=False, dates=False), nows)
def test_statistics_and_the_local_clock_agree_where_one_date_was_promised_and_nothing_stood_still(
    course: list[dict[str, Any]], now: datetime
) -> None:
    messages = [one for one in told(*course) if one.event_time < now]
    if not messages or "due_at" not in messages[0].body["deadlines"] or messages[-1].body["status"] in (7, 8):
        return
    clocks, view = RECKONER.reckon(messages, now), view_of(messages)
    assert clocks is not None
    assert view is not None
    life = read_life(view)
    assert life is not None

    assert judge_clock(clocks.local, now) == judge_deadline(life, now)


# ── the urgency of lanes ────────────────────────────────────────────────────────────────────────────────────────


def urgencies(house: House) -> dict[tuple[str, str], datetime]:
    """By destination and the last figure of the dossier's code."""
    with house.gateway.ledger.read() as connection:
        rows = connection.execute(select(lanes.c.destination, lanes.c.dossier, lanes.c.urgency))
        return {(row.destination, row.dossier[-1]): row.urgency for row in rows}


def test_a_dossier_without_a_promise_is_urgent_by_its_legal_date(house: House) -> None:
    house.accept("one-stop", dossier(1))
    house.accept("one-stop", dossier(2, deadlines=RECEIVED))
    house.accept("one-stop", dossier(3, deadlines=RECEIVED, procedure=NOTICE))
    house.accept("one-stop", dossier(4, deadlines={}, status=1))

    found = urgencies(house)

    assert found["portal", "1"] == at("12T17:00")  # as it was promised
    assert found["portal", "2"] == at("05T17:00")  # due the same day
    assert found["portal", "3"] == at("06T09:30")  # 8 hours
    assert found["portal", "4"] == at("05T17:00")  # not received yet: as if it had been when it was submitted
    with house.gateway.ledger.write() as connection:
        now = house.gateway.now()
        leases = [take(connection, "portal", 1, worker="w", now=now, lease_seconds=60)[0] for _ in range(4)]
    assert [one.dossier[-1] for one in leases] in (["2", "4", "3", "1"], ["4", "2", "3", "1"])


@pytest.mark.parametrize("pause", [5, 6])
def test_the_end_of_a_pause_moves_the_urgency_and_a_promise_takes_its_place(house: House, pause: int) -> None:
    house.accept("one-stop", dossier(deadlines=RECEIVED, procedure=NOTICE))
    house.accept("one-stop", status(1, pause, 30))
    assert urgencies(house)["portal", "1"] == at("06T15:30")  # it is 16:00: as if it went on at once

    house.accept("one-stop", status(1, 4, 90))  # an hour of working time
    assert urgencies(house)["portal", "1"] == at("06T10:30")

    house.accept("one-stop", status(1, 4, 120))
    assert urgencies(house)["portal", "1"] == at("06T10:30")

    house.accept("one-stop", status(1, 4, 130, due_at="2026-01-09T17:00:00+07:00"))
    assert urgencies(house)["portal", "1"] == at("09T17:00")


def test_a_dossier_of_which_no_limit_is_known_comes_last(make_house: Callable[[str], House], ledger_url: str) -> None:
    house = make_house(ledger_url)
    put_row(house.gateway.config.folder)
    house.gateway.take(Config(house.gateway.config.home))
    house.gateway._outbounds = dict(house.partners)

    house.accept("one-stop", dossier(deadlines=RECEIVED, procedure={**NOTICE, "code": "1.999999"}))

    assert urgencies(house)["portal", "1"] == FAR


# ── at the door ─────────────────────────────────────────────────────────────────────────────────────────────────


def warned(house: House, *bodies: dict[str, Any]) -> list[tuple[str, str]]:
    """Pointer and code of each doubt in the last one's receipt."""
    receipts = [house.accept("one-stop", body) for body in bodies]
    return [(one.pointer, one.code) for one in receipts[-1].doubts]


@pytest.fixture
def one_house(make_house: Callable[[str], House], sqlite_url: str) -> House:
    return make_house(sqlite_url)


@pytest.mark.parametrize(
    ("due", "codes"),
    [
        ("2026-01-12T17:00:00", []),
        ("2026-01-12T07:00:00", []),
        ("2026-01-12T23:59:59", []),  # by the end of that day
        ("2026-01-10T16:00:00", []),  # a Saturday that is worked
        ("2026-01-12T12:15:00", ["promise-outside-hours"]),
        ("2026-01-12T18:00:00", ["promise-outside-hours"]),
        ("2026-01-12T00:00:00", ["promise-outside-hours"]),
        ("2026-01-11T10:00:00", ["promise-on-day-off"]),
        ("2026-02-17T10:00:00", ["promise-on-day-off"]),  # Tết
        ("2026-11-23T10:00:00", ["day-undecided"]),
        ("2027-03-02T10:00:00", ["calendar-not-reviewed"]),
        ("2027-05-01T10:00:00", ["calendar-not-reviewed", "promise-on-day-off"]),
    ],
)
def test_a_doubtful_promise_is_kept_and_its_sender_is_told(one_house: House, due: str, codes: list[str]) -> None:
    found = warned(one_house, dossier(deadlines=RECEIVED | {"due_at": f"{due}+07:00"}))

    assert found == [("/deadlines/due_at", code) for code in codes]


def test_an_event_in_a_year_that_nobody_reviewed_is_taken_and_its_year_named(one_house: House) -> None:
    old: dict[str, Any] = {"submitted_at": "2024-03-04T08:00:00+07:00", "event_time": "2024-03-04T09:00:00+07:00"}
    deadlines = {"received_at": "2024-03-04T09:00:00+07:00", "due_at": "2024-03-08T17:00:00+07:00"}

    accepted = one_house.accept("one-stop", dossier(deadlines=deadlines, **old))

    (doubt,) = accepted.doubts
    assert (doubt.pointer, doubt.code) == ("/event_time", "calendar-not-reviewed")
    assert "2024" in doubt.detail
    assert "2024" in doubt.detail_en
    assert accepted.destinations == ["portal"]


def test_a_promise_before_the_reception_is_named(one_house: House) -> None:
    found = warned(one_house, dossier(), status(1, 4, 10, due_at="2026-01-05T08:00:00+07:00"))

    assert found == [("/due_at", "promise-before-reception")]


def test_receipt_and_answer_keep_their_shapes_and_the_first_receipt_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addresses: None, time: Time
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    body = dossier(deadlines=RECEIVED | {"due_at": "2026-01-11T10:00:00+07:00"})
    with open_door(make_home(tmp_path), time) as door:
        first, again = (door.post("/api/v1/dossiers", body) for _ in range(2))
        answer = DossierAnswer.model_validate(door.get(f"/api/v1/dossiers/{CODE}").json)

    assert [one.code for one in Receipt.model_validate(first.json).doubts] == ["promise-on-day-off"]
    assert again.json == {**first.get_json(), "repeated": True}
    assert answer.clocks is not None
    assert (answer.clocks.legal.due, answer.clocks.local.due) == (at("05T17:00"), at("11T10:00"))
    assert (answer.clocks.legal.used_minutes, answer.clocks.legal.left_minutes) == (270, 60)  # it is 16:00
    assert answer.clocks.local.verdict is None


def test_a_trace_shows_the_clocks_beside_each_other_and_how_they_were_reckoned(tmp_path: Path, addresses: None) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    home = ("--home", str(tmp_path))
    assert CliRunner().invoke(root, ["db", "upgrade", *home]).exit_code == 0
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([dossier(procedure=NOTICE), status(1, 5, 30), status(1, 4, 90), status(1, 9, 10 * DAY)]))
    sent = CliRunner().invoke(root, ["send", str(file), *home])
    assert sent.exit_code == 0

    plain, long = (CliRunner().invoke(root, ["trace", CODE, *more, *home]).output for more in ([], ["--reckoning"]))
    found = json.loads(CliRunner().invoke(root, ["trace", CODE, "--json", *home]).output)["clocks"]

    row = next(line for line in plain.splitlines() if "Hạn nay" in line)
    assert row.split("due now")[1].split() == ["06/01/26", "10:30", "13/01/26", "08:00", "13/01/26", "08:00"]
    assert "tạm dừng: Yêu cầu bổ sung giấy tờ" in long
    assert "tạm dừng: Yêu cầu" not in plain
    assert found["statistics"]["judged"] == "late"  # by the 12th, as it was promised and recorded
    assert [line["minutes"] for line in found["legal"]["lines"]] == [
        30,
        60,
        4230,
    ]  # the rest of Monday: 4:30; 8 hours on each of 8 days; 2 on the last


# ── the operator's files, edited while it runs ──────────────────────────────────────────────────────────────────


def test_an_edited_calendar_is_taken_up_and_a_wrong_one_is_not(house: House) -> None:
    house.accept("one-stop", dossier(deadlines=RECEIVED, procedure=NOTICE))
    year = house.gateway.config.folder / "calendar" / "2026.toml"
    off = '\n[[off]]\nday = {day}\nname = "Nghỉ bão"\nsource = "Công điện thử nghiệm"\n'
    good = year.read_text(encoding="utf-8") + off.format(day="2026-01-06")

    year.write_text(good, encoding="utf-8")
    house.gateway = renew(house.gateway)
    house.accept("one-stop", status(1, 4, 10))
    assert urgencies(house)["portal", "1"] == at("07T09:30")

    year.write_text(good + off.format(day="2027-01-06"), encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"2026\.toml"):
        renew(house.gateway)
    house.accept("one-stop", status(1, 4, 20))
    assert urgencies(house)["portal", "1"] == at("07T09:30")

"""The Ministry of Transport's list: its errors, its window, what is news of a dossier; against samples, the strict twin and a real gateway."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.bgtvt import FOLDER, connector
from connectors.bgtvt.client import Client
from connectors.bgtvt.inbound import people_of
from connectors.bgtvt.settings import Settings
from connectors.bgtvt.simulator import BgtvtTwin
from gateway.errors import TryLater, Unclassified
from gateway.ledger.queries import held_of, messages_of, statuses_of
from gateway.outcomes import Outcomes
from gateway.simulation import Chaos, Serve
from tests.civil import Day
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, read_samples, words_of
from tests.door import fresh_ledger, make_home
from tests.social import add_readme

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
CODE = "000.00.10.H99-260105-0501"
FIRST, LAST = date(2026, 1, 3), date(2026, 1, 6)


def client(serve: Serve, outcomes: Outcomes = OUTCOMES, **more: Any) -> Client:
    conf = {"url": serve.url, "ma_don_vi": "000.00.10.H99", "api_key": "khoa-thu", "total_timeout": 5, **more}
    return Client(Settings.model_validate(conf), outcomes)


@pytest.fixture
def twin() -> BgtvtTwin:
    return BgtvtTwin()


@pytest.fixture
def serve(twin: BgtvtTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample, twin: BgtvtTwin) -> None:
    recorded = Recorded(sample, "/apiGTVT/danhsachhoso", twin.answer)
    serve = Serve(recorded)
    serve.start()
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    rows: list[Any] = []
    outcome, reason = outcome_of(lambda: rows.extend(client(serve, outcomes).dossiers(FIRST, LAST)))
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    assert len(rows) == (1 if outcome == "delivered" else 0)
    if outcome != "delivered":
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    assert asked.query == sample.request
    assert (asked.headers["madonvi"], asked.headers["apikey"]) == ("000.00.10.H99", "khoa-thu")


@pytest.mark.parametrize("code", [-300, -301, -302, -303, -304])
@pytest.mark.parametrize("shape", ["error_code", "errorCode", "code", "status", None])
def test_an_error_is_known_wherever_it_stands(serve: Serve, twin: BgtvtTwin, code: int, shape: str | None) -> None:
    twin.act({"raw": {shape: code, "message": "lỗi"} if shape else str(code)})
    with pytest.raises(TryLater) as failed:
        client(serve).dossiers(FIRST, LAST)
    assert (failed.value.code, failed.value.retry_after) == (str(code), 900)


@pytest.mark.parametrize(
    ("field", "value", "code"), [("api_key", "sai", "-302"), ("ma_don_vi", "000.00.11.H99", "-303")]
)
def test_the_twin_knows_unit_and_key(serve: Serve, field: str, value: str, code: str) -> None:
    with pytest.raises(TryLater) as failed:
        client(serve, OUTCOMES, **{field: value}).dossiers(FIRST, LAST)
    assert failed.value.code == code
    assert f"={value}" not in failed.value.reason


@pytest.mark.parametrize("raw", [{"total": 2, "data": [{}]}, {"data": {"a": 1}}])
def test_a_list_that_is_none_or_falls_short_stops_loudly(serve: Serve, twin: BgtvtTwin, raw: Any) -> None:
    twin.act({"raw": raw})
    with pytest.raises(Unclassified):
        client(serve).dossiers(FIRST, LAST)


@pytest.mark.parametrize("chaos", [Chaos(down=True), Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
def test_what_cannot_be_read_is_read_later(serve: Serve, chaos: Chaos) -> None:
    serve.chaos = chaos
    with pytest.raises(TryLater):
        client(serve).dossiers(FIRST, LAST)


@pytest.mark.parametrize(
    ("own", "other", "numbers", "delegate"),
    [
        ("001090000037", "001090000037", {"cccd": "001090000037"}, None),
        ("0100109106-001", None, {"tax": "0100109106-001"}, None),
        (" 012345678 ", "0100109106", {"cmnd": "012345678"}, {"tax": "0100109106"}),
        (None, "HC-7", {}, {}),
    ],
)
def test_papers_are_told_by_their_form(own: Any, other: Any, numbers: Any, delegate: Any) -> None:
    row = {name: value for name, value in (("MaDoiTuong", own), ("MaNguoiNop", other)) if value is not None}
    assert people_of(row) == {"numbers": numbers, "delegate": delegate}


# ── in a real gateway ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def day(serve: Serve, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """A gateway whose partner file and route are those of the README; the shipped code list has no transport procedure."""
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    monkeypatch.setenv("LIENTHONG_BGTVT_URL", serve.url)
    monkeypatch.setenv("LIENTHONG_BGTVT_KEY", "khoa-thu")
    home = make_home(tmp_path)
    add_readme(home, "bgtvt")
    with (home / "config/codelists/procedures.csv").open("a", encoding="utf-8") as file:
        file.write("1.002877,Cấp phù hiệu xe,Vehicle badge,G04-DB01,Đường bộ,16,,,\n")
    day = Day(home)
    day.later(60)
    yield day
    day.close()


def put(twin: BgtvtTwin, status: Any = "2", **row: Any) -> None:
    twin.act({"file": {"code": CODE, "row": {"TrangThaiHoSo": status, **row}}})


def hourly(day: Day, times: int = 1) -> None:
    for _ in range(times):
        day.later(60)
        day.clock.poll("bgtvt")
        day.house.work("one-stop")


def kinds(day: Day) -> list[str]:
    with day.gateway.ledger.read() as connection:
        return [row.type for row in messages_of(connection, CODE)]


def moves(day: Day) -> list[tuple[int, str]]:
    with day.gateway.ledger.read() as connection:
        return [(row.status, f"{row.event_time:%d %H:%M}") for row in statuses_of(connection, CODE)]


def held(day: Day, code: str = "") -> list[str]:
    with day.gateway.ledger.read() as connection:
        return [row.body for row in held_of(connection, code)]


def newest(day: Day) -> Any:
    known = day.clock._poller("bgtvt")._desk.dossier(CODE)  # type: ignore[attr-defined]
    return known["dossier"]


def test_a_dossier_comes_in_once_and_changes_come_in_later(day: Day, twin: BgtvtTwin) -> None:
    put(twin)
    hourly(day, 3)
    assert kinds(day) == ["DossierSubmitted"]
    dossier = newest(day)
    assert (dossier["applicant"]["kind"], dossier["applicant"]["tax_code"]) == ("enterprise", "0100109106")
    assert (dossier["applicant"]["phone"], dossier["delegate"]["papers"][0]["number"]) == ("0912345678", "001090000037")
    assert (dossier["channel"], dossier["facts"]["gtvt:MaTinh"]) == (2, "19")

    put(twin, ChuHoSo="Công ty Vận tải Mẫu Mới")
    hourly(day, 3)
    assert kinds(day) == ["DossierSubmitted"] * 2
    assert newest(day)["applicant"]["name"] == "Công ty Vận tải Mẫu Mới"
    assert len(day.house.partners["one-stop"].keys(CODE)) == 2


def test_steps_happened_at_their_own_moments_where_the_list_has_them(day: Day, twin: BgtvtTwin) -> None:
    put(twin)
    hourly(day)
    put(twin, 10, NgayKetThucXuLy="06/01/2026 15:00:00", NgayTra="06/01/2026 16:30:00")
    day.later(48 * 60)
    hourly(day, 2)

    # of 4 nothing is known but that it lies between
    assert moves(day) == [(2, "05 01:15"), (4, "05 01:15"), (9, "06 08:00"), (10, "06 09:30")]
    assert held(day, CODE) == []


def test_a_reception_is_told_with_its_own_moment_and_a_return_without_one_ends_when_it_was_learnt(
    day: Day, twin: BgtvtTwin
) -> None:
    put(twin, "1", NgayTiepNhan="")
    hourly(day)
    put(twin, "10")
    hourly(day)

    assert moves(day) == [(1, "05 00:50"), (2, "05 01:15"), (4, "05 01:15"), (9, "05 05:00"), (10, "05 05:00")]
    assert held(day, CODE) == []


def test_a_list_that_cannot_be_read_for_weeks_leaves_no_gap(day: Day, twin: BgtvtTwin, serve: Serve) -> None:
    hourly(day)
    serve.chaos = Chaos(down=True)
    put(twin)
    day.later(45 * 24 * 60)
    hourly(day, 2)
    serve.chaos = Chaos()
    hourly(day, 2)

    assert [status for status, _ in moves(day)] == [2]
    assert twin.book()["windows"][-2:] == [["06/11/2025", "19/02/2026"], ["16/02/2026", "19/02/2026"]]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"TrangThaiHoSo": "77"}, "unlisted"),
        ({"KenhThucHien": "9"}, "code-unknown"),
        ({"MaDonViXuLy": "SGTVT"}, "organisation_code"),
        ({"NgayGuiHoSo": "2026-01-05"}, "not-a-time"),
        ({"MaDoiTuong": "0100109107"}, "check digit"),
    ],
)
def test_what_cannot_be_read_is_held_once_and_taken_when_it_can(
    day: Day, twin: BgtvtTwin, row: dict[str, Any], fault: str
) -> None:
    twin.act({"file": {"code": CODE, "row": row}})
    hourly(day, 3)
    assert len(held(day)) == 1
    assert fault in held(day)[0]

    put(twin)
    hourly(day)
    assert [status for status, _ in moves(day)] == [2]


def test_a_row_of_another_shape_is_kept_and_holds_up_no_other(day: Day, twin: BgtvtTwin) -> None:
    twin.act({"raw": {"total": 3, "data": ["khác", {"MaTTHC": "1"}, {**_row(), "MaHoSo": CODE}]}})
    hourly(day, 2)
    assert len(held(day)) == 2
    assert [status for status, _ in moves(day)] == [2]


def _row() -> dict[str, Any]:
    twin = BgtvtTwin()
    put(twin)
    row: dict[str, Any] = twin.book()["dossiers"][CODE]
    return row


@pytest.mark.parametrize(
    "chaos", [Chaos(drop_after=0.4, seed=3), Chaos(wrong_type=0.4, seed=5), Chaos(duplicate_answer=1), Chaos(error_500=0.4, seed=6)]
)  # fmt: skip
def test_whatever_the_ministry_does_each_change_comes_in_once(
    day: Day, twin: BgtvtTwin, serve: Serve, chaos: Chaos
) -> None:
    put(twin)
    serve.chaos = chaos
    hourly(day, 8)
    put(twin, "4")
    hourly(day, 8)
    assert kinds(day) == ["DossierSubmitted", "DossierSubmitted", "StatusChanged"]
    assert [status for status, _ in moves(day)] == [2, 4]


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────


def test_every_status_of_theirs_is_one_of_ours() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert [(row["theirs"], row["ours"]) for row in rows] == [(str(n), n) for n in range(1, 11)]


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.desk_poller is not None
    assert not connector.delivers
    assert isinstance(connector.simulator and connector.simulator({}), BgtvtTwin)

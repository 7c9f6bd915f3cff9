"""Driving licences: the window, the session, what is news of a dossier; against samples, the strict twin and a real gateway."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.gplx import FOLDER, connector
from connectors.gplx.client import Client
from connectors.gplx.inbound import feed
from connectors.gplx.settings import Settings
from connectors.gplx.simulator import GplxTwin
from gateway.errors import Rejected, TryLater, Unclassified
from gateway.ledger.queries import held_of, messages_of, statuses_of
from gateway.outcomes import Outcomes
from gateway.ports import Page
from gateway.simulation import Chaos, Response, Serve
from gateway.snapshots import SnapshotFeed
from tests.civil import Day
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, read_samples, words_of
from tests.door import fresh_ledger, make_home
from tests.social import add_readme

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
CODE = "000.00.10.H99-260105-0301"
UNIT = {"code": "000.00.10.H99", "name": "Trung tâm Phục vụ hành chính công tỉnh"}


def settings(url: str, **more: Any) -> Settings:
    account = {"username": "tinh-mau", "password": "mat-thu", "don_vi_xu_ly": "19001", "units": {"19001": UNIT}}
    return Settings.model_validate({"url": url, **account, "total_timeout": 5, **more})


@pytest.fixture
def twin() -> GplxTwin:
    return GplxTwin()


@pytest.fixture
def serve(twin: GplxTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def client(serve: Serve, **more: Any) -> Client:
    return Client(settings(serve.url, **more), OUTCOMES)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call = sample.expected["call"]
    path = "/apiDVC-GPLX/tcdbdvcdata/mapi/" + ("login" if call == "login" else "g")
    twin = GplxTwin()
    recorded = Recorded(sample, path, twin.answer)
    serve = Serve(recorded)
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    asked = Client(settings(serve.start()), outcomes)
    request = sample.request

    def make() -> None:
        if call == "login":
            asked.log_in_again()
        elif call == "DanhSachHoSo":
            asked.dossiers(date.fromisoformat(request["ngayNhan1"]), date.fromisoformat(request["ngayNhan2"]))
        elif call == "TraCuuHoSo":
            asked.detail(request["mahoso"])
        else:
            asked.file(request["duongdanteptin"])

    outcome, reason = outcome_of(make)
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert sample.expected["rule"] in outcomes.decided
    assert recorded.asked[0].json() == request
    if outcome == "try_later" and "phiên" not in sample.reply.excerpt().lower():
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────


def test_many_threads_log_in_once_and_an_expired_session_costs_one_login(serve: Serve, twin: GplxTwin) -> None:
    asked = client(serve)
    threads = [threading.Thread(target=asked.dossiers, args=(date(2026, 1, 1), date(2026, 1, 2))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twin.book()["logins"] == 1

    twin.expire()
    assert asked.dossiers(date(2026, 1, 1), date(2026, 1, 2)) == []
    assert twin.book()["logins"] == 2


def test_a_session_that_never_holds_is_tried_later_and_not_for_ever(serve: Serve) -> None:
    serve.chaos = Chaos(expired_session=1)
    with pytest.raises(TryLater, match="fresh session"):
        client(serve).dossiers(date(2026, 1, 1), date(2026, 1, 2))


def test_a_bearer_token_goes_with_every_call_where_an_axis_wants_one() -> None:
    serve = Serve(GplxTwin({"token": "the-truc"}))
    serve.start()
    with pytest.raises(TryLater):
        client(serve).log_in_again()
    assert client(serve, token="the-truc").dossiers(date(2026, 1, 1), date(2026, 1, 2)) == []
    serve.stop()


@pytest.mark.parametrize("chaos", [Chaos(down=True), Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
def test_what_cannot_be_read_is_read_later(serve: Serve, chaos: Chaos) -> None:
    asked = client(serve)
    asked.log_in_again()
    serve.chaos = chaos
    with pytest.raises(TryLater):
        asked.dossiers(date(2026, 1, 1), date(2026, 1, 2))


def test_a_file_is_its_content_or_a_reason(serve: Serve, twin: GplxTwin) -> None:
    twin.act({"file": {"code": CODE}})
    assert client(serve).file(f"/gplx/{CODE}/giay-kham-suc-khoe.pdf") == b"%PDF-1.4 giay-kham-suc-khoe.pdf"
    twin._files["/rong"] = b""
    for place, most in (("/rong", 1024), (f"/gplx/{CODE}/x.pdf", 1024)):
        with pytest.raises(Rejected):
            client(serve, file_bytes=most).file(place)
    twin._files["/to"] = b"x" * 2000
    with pytest.raises(Rejected, match="1024"):
        client(serve, file_bytes=1024).file("/to")


# ── in a real gateway ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def day(serve: Serve, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    """A gateway whose partner file and route are those of the README; the shipped code list has no driving licence."""
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for name, value in {"URL": serve.url, "USERNAME": "tinh-mau", "PASSWORD": "mat-thu"}.items():
        monkeypatch.setenv(f"LIENTHONG_GPLX_{name}", value)
    home = make_home(tmp_path)
    add_readme(home, "gplx")
    with (home / "config/codelists/procedures.csv").open("a", encoding="utf-8") as file:
        file.write("1.003560,Đổi giấy phép lái xe,Exchange of a driving licence,G04-DB01,Đường bộ,40,,,\n")
    day = Day(home)
    day.later(60)
    yield day
    day.close()


def put(twin: GplxTwin, status: str = "2", **more: Any) -> None:
    twin.act({"file": {"code": CODE, "detail": {"MaTrangThai": status, **more.pop("detail", {})}, **more}})


def kinds(day: Day) -> list[str]:
    with day.gateway.ledger.read() as connection:
        return [row.type for row in messages_of(connection, CODE)]


def moves(day: Day) -> list[int]:
    with day.gateway.ledger.read() as connection:
        return [row.status for row in statuses_of(connection, CODE)]


def held(day: Day, code: str = "") -> list[str]:
    with day.gateway.ledger.read() as connection:
        return [row.body for row in held_of(connection, code)]


def newest(day: Day) -> Any:
    known = day.clock._poller("gplx")._desk.dossier(CODE)  # type: ignore[attr-defined]
    return known["dossier"]


def hourly(day: Day, times: int = 1) -> None:
    for _ in range(times):
        day.later(60)
        day.clock.poll("gplx")
        day.house.work("one-stop")


def test_a_dossier_comes_in_with_its_papers_and_reaches_the_one_stop(day: Day, twin: GplxTwin) -> None:
    put(twin)
    hourly(day)

    dossier = newest(day)
    assert dossier["procedure"]["code"] == "1.003560"
    assert dossier["received_by"] == UNIT
    assert dossier["facts"]["gplx:gplxDaCap"] == '[{"sogplx":"790000000001","hanggplxgplx":"B2"}]'
    assert "gplx:anhChanDung" not in dossier["facts"]
    assert [file["name"] for file in dossier["attachments"]] == ["giay-kham-suc-khoe.pdf"]
    assert len(day.house.partners["one-stop"].keys(CODE)) == 1
    assert moves(day) == [2]
    assert held(day) == []


def test_reading_again_what_is_unchanged_says_nothing_and_fetches_no_file(day: Day, twin: GplxTwin) -> None:
    put(twin)
    hourly(day, 5)

    assert kinds(day) == ["DossierSubmitted"]
    assert [row[0] for row in twin.book()["asked"]].count("LayTaiLieuHoSo") == 1


def test_a_later_change_of_a_dossier_seen_before_comes_in(day: Day, twin: GplxTwin) -> None:
    put(twin)
    hourly(day)
    put(twin, row={"hoTen": "Nguyễn Văn Mẫu Đổi"}, files=["giay-kham-suc-khoe.pdf", "anh.jpg"])
    hourly(day, 2)

    assert kinds(day) == ["DossierSubmitted"] * 2
    assert newest(day)["applicant"]["name"] == "Nguyễn Văn Mẫu Đổi"
    assert len(newest(day)["attachments"]) == 2
    assert len(day.house.partners["one-stop"].keys(CODE)) == 2


def test_content_that_comes_back_is_a_change_too(day: Day, twin: GplxTwin) -> None:
    for name in ("A", "B", "A", "B"):
        put(twin, row={"hoTen": name})
        hourly(day, 2)
        assert newest(day)["applicant"]["name"] == name

    assert kinds(day) == ["DossierSubmitted"] * 4
    assert held(day) == []


def test_a_status_of_theirs_moves_the_dossier_once_with_the_steps_between(day: Day, twin: GplxTwin) -> None:
    put(twin)
    hourly(day)
    put(twin, "9")
    hourly(day, 3)
    put(twin, "10")
    hourly(day, 3)

    assert moves(day) == [2, 4, 9, 10]
    assert held(day, CODE) == []


def test_what_the_one_stop_did_meanwhile_is_not_undone_by_a_status_said_before(day: Day, twin: GplxTwin) -> None:
    # given a dossier in process there, of which the one-stop asks for papers
    put(twin, "4")
    hourly(day)
    day.house.accept(
        "one-stop",
        {
            "type": "StatusChanged", "id": "mc-5", "dossier": CODE, "event_time": day.time.isoformat(), "status": 5,
            "content": "Thiếu giấy khám sức khỏe", "officer": {"name": "Trần Thị Ví Dụ"},
        },
    )  # fmt: skip

    # when something else of it changes there, and its status does not
    put(twin, "4", row={"lyDoDoiGplx": "Mất"})
    hourly(day, 2)

    # then it is amended, and still waits for papers
    assert moves(day) == [2, 4, 5]
    assert kinds(day)[-1] == "DossierSubmitted"
    assert newest(day)["status"] == 5
    assert held(day, CODE) == []


@pytest.mark.parametrize(
    ("status", "received", "expected"),
    [("1", "", [1]), ("3", "", [1, 3]), ("7", "", [1, 7]), ("5", "05/01/2026 08:15:00", [2, 5]), ("10", "05/01/2026 08:15:00", [2, 4, 9, 10])],
)  # fmt: skip
def test_a_dossier_seen_late_begins_where_it_must_have_begun(
    day: Day, twin: GplxTwin, status: str, received: str, expected: list[int]
) -> None:
    put(twin, status, detail={"NgayTiepNhan": received})
    hourly(day)

    assert moves(day) == expected
    assert held(day) == []


@pytest.mark.parametrize(
    ("detail", "fault"),
    [
        ({"MaTrangThai": "99"}, "unlisted"),
        ({"MaTrangThai": None}, "unlisted"),
        ({"NgayTiepNhan": ""}, "missing"),
        ({"MaDonViXuLy": "79001"}, "/unit/code"),
        ({"MaTTHC": "9.999999"}, "code-unknown"),
    ],
)
def test_what_cannot_be_read_is_held_once_and_taken_when_it_can(
    day: Day, twin: GplxTwin, detail: dict[str, Any], fault: str
) -> None:
    twin.act({"file": {"code": CODE, "detail": detail}})
    hourly(day, 3)
    assert len(held(day)) == 1
    assert fault in held(day)[0]
    assert moves(day) == []

    put(twin)
    hourly(day)
    assert moves(day) == [2]


def test_a_code_of_another_form_is_held_and_never_rewritten(day: Day, twin: GplxTwin) -> None:
    twin.act({"file": {"code": "79001-20260105-0815"}})
    hourly(day, 2)
    assert len(held(day)) == 1
    assert "dossier_code" in held(day)[0]


def test_a_dossier_without_its_detail_or_file_holds_up_no_other(day: Day, twin: GplxTwin) -> None:
    other = f"{CODE[:-1]}2"
    twin.act({"file": {"code": other}})
    twin._files.clear()
    put(twin)
    twin.act({"file": {"code": f"{CODE[:-1]}3"}})
    twin._details.pop(f"{CODE[:-1]}3")
    twin._rows["x"], twin._received["x"] = "khác", "2026-01-05"
    hourly(day, 2)

    assert moves(day) == [2]
    assert len(held(day)) == 3


def test_a_change_of_a_dossier_that_left_the_window_comes_in_the_next_day(day: Day, twin: GplxTwin) -> None:
    put(twin)
    hourly(day)
    day.later(10 * 24 * 60)
    hourly(day)  # the first of this day reads far back
    put(twin, "4")
    hourly(day)
    assert moves(day) == [2]

    day.later(24 * 60)
    hourly(day)
    assert moves(day) == [2, 4]


def test_after_an_outage_of_weeks_nothing_is_missing(day: Day, twin: GplxTwin, serve: Serve) -> None:
    hourly(day)
    serve.chaos = Chaos(down=True)
    put(twin)
    day.later(45 * 24 * 60)
    hourly(day)
    serve.chaos = Chaos()
    assert moves(day) == []
    hourly(day)
    assert moves(day) == [2]


def test_a_day_not_read_to_its_end_is_read_again(serve: Serve, twin: GplxTwin, day: Day) -> None:
    put(twin)
    hourly(day)
    day.later(10 * 24 * 60)
    put(twin, "4")
    serve.chaos = Chaos(error_500=0.7, seed=4)
    for _ in range(20):
        hourly(day)
    serve.chaos = Chaos()
    hourly(day)
    assert moves(day) == [2, 4]


@pytest.mark.parametrize(
    "chaos",
    [Chaos(drop_after=0.3, seed=3), Chaos(wrong_type=0.3, seed=5), Chaos(duplicate_answer=1), Chaos(expired_session=0.5, seed=6)],
)  # fmt: skip
def test_whatever_the_system_does_each_change_comes_in_once(
    day: Day, twin: GplxTwin, serve: Serve, chaos: Chaos
) -> None:
    put(twin)
    serve.chaos = chaos
    hourly(day, 12)
    put(twin, "4")
    hourly(day, 12)
    serve.chaos = Chaos()
    hourly(day)

    assert moves(day) == [2, 4]
    assert kinds(day) == ["DossierSubmitted", "DossierSubmitted", "StatusChanged"]
    assert held(day) == []


def test_a_process_that_dies_in_the_middle_of_a_round_doubles_nothing(day: Day, twin: GplxTwin) -> None:
    for number in range(1, 8):
        twin.act({"file": {"code": f"{CODE[:-4]}{number:04d}"}})
    poller = day.clock._poller("gplx")
    first = poller.poll(None)
    assert first.more
    day.clock._pollers.clear()
    hourly(day, 2)
    with day.gateway.ledger.read() as connection:
        found = [messages_of(connection, f"{CODE[:-4]}{number:04d}") for number in range(1, 8)]
    assert [len(rows) for rows in found] == [1] * 7


# ── the whole ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_list_of_another_shape_stops_loudly() -> None:
    class Odd(GplxTwin):
        def _tell_list(self, first: str, last: str) -> Response:
            return Response(body={"error_code": "0", "data": {"a": 1}})

    serve = Serve(Odd())
    serve.start()
    with pytest.raises(Unclassified, match="no list"):
        client(serve).dossiers(date(2026, 1, 1), date(2026, 1, 2))
    serve.stop()


def test_every_status_of_theirs_is_one_of_ours() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert [(row["theirs"], row["ours"]) for row in rows] == [(str(n), n) for n in range(1, 11)]


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.desk_poller is not None
    assert not connector.delivers
    assert isinstance(connector.simulator and connector.simulator({}), GplxTwin)


def reader(serve: Serve, day: Day) -> SnapshotFeed:
    conf = settings(serve.url, page_size=2)
    return feed(Client(conf, OUTCOMES), conf, day.clock._poller("gplx")._desk)  # type: ignore[attr-defined]


def read_all(reader: SnapshotFeed, cursor: str | None = None) -> list[Page]:
    pages, more = list[Page](), True
    while more:
        pages.append(reader.poll(cursor))
        cursor, more = pages[-1].cursor, pages[-1].more
    return pages


def test_a_round_is_read_a_page_at_a_time_and_its_end_is_the_day(serve: Serve, twin: GplxTwin, day: Day) -> None:
    for number in range(1, 6):
        twin.act({"file": {"code": f"{CODE[:-4]}{number:04d}"}})
    pages = read_all(reader(serve, day))
    assert [len(page.items) for page in pages] == [2, 2, 1, 0]
    assert [page.cursor.partition("+")[0] for page in pages] == ["never"] * 3 + ["2026-01-05"]
    assert len({page.cursor for page in pages}) == 4


def test_a_reader_that_another_overtook_reads_anew_and_undoes_nothing(serve: Serve, twin: GplxTwin, day: Day) -> None:
    # given a reader in the middle of its round, when another process takes over and reads a change
    for number in range(1, 6):
        twin.act({"file": {"code": f"{CODE[:-4]}{number:04d}"}})
    slow = reader(serve, day)
    slow.poll(None)
    twin.act({"file": {"code": f"{CODE[:-4]}0005", "row": {"hoTen": "Đổi"}}})
    hourly(day)

    # then what the first one still has in hand is not taken for a change
    day.later(60)
    cursor = read_all(reader(serve, day))[-1].cursor
    assert [item for page in read_all(slow, cursor) for item in page.items] == []


def test_two_rows_of_one_dossier_do_not_undo_each_other_hour_by_hour(day: Day, twin: GplxTwin) -> None:
    put(twin)
    twin._rows["again"] = {**twin._rows[CODE], "hoTen": "Người khác"}
    twin._rows["once more"] = twin._rows[CODE]
    twin._received |= {"again": "2026-01-05", "once more": "2026-01-05"}
    hourly(day, 4)

    assert kinds(day) == ["DossierSubmitted"]
    assert len(held(day)) == 1
    assert "listed-twice" in held(day)[0]


def test_an_answer_about_another_dossier_is_not_taken_for_this_one(day: Day, twin: GplxTwin) -> None:
    put(twin)
    twin.act({"raw": {"code": CODE, "detail": {**twin._details[CODE], "MaHoSo": f"{CODE[:-1]}9"}}})
    hourly(day, 2)
    assert moves(day) == []
    assert len(held(day)) == 1

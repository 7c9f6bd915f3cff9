"""The morning digest: once a day, as an operator reads it at seven; and the commands that show incidents, notices and the digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from gateway.cli.main import root
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.flow.digest import gather_digest, write_digest
from gateway.flow.incidents import Watch
from gateway.flow.notices import Notices
from gateway.ledger.keys import add_key
from gateway.ledger.tables import notices
from gateway.message import utc_now
from tests.conftest import Run, Time
from tests.house import House, dossier, status
from tests.receivers import SECRET, Receiver, receiving

CHANNEL = """
[digest]
at = 07:00:00
days = "{days}"
channels = ["truc"]

[[webhook]]
name = "truc"
url = "{url}"
secret = "{secret}"
"""
TELL = '\n[[tell]]\nchannels = ["truc"]\n[[trouble]]\ntrouble = "unwatched"\noff = true\n[[trouble]]\ntrouble = "calendar"\noff = true\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def configure(house: House, receiver: Receiver, more: str = "", days: str = "working") -> None:
    file = house.gateway.config.folder / "notices.toml"
    file.write_text(CHANNEL.format(url=receiver.url, secret=SECRET, days=days) + more, encoding="utf-8")
    house.gateway.notices = Notices(file)


def morning(house: House) -> None:
    watch = Watch(house.gateway)
    watch.digest_if_due()
    watch.send_due()


def test_the_digest_goes_out_once_a_day_from_its_hour_on_whoever_leads(
    house: House, receiver: Receiver, time: Time
) -> None:
    configure(house, receiver)
    time.at = datetime.fromisoformat("2026-01-06T06:59:00+07:00")  # a Tuesday
    morning(house)
    assert receiver.calls == []
    for minutes in (1, 1, 600):
        time.move(minutes=minutes)
        morning(house)
        morning(house)
    assert [call.data["subject"] for call in receiver.calls] == ["[Liên thông] Sáng 06/01: không có sự cố"]

    time.at = datetime.fromisoformat("2026-01-07T09:30:00+07:00")  # nobody led at seven
    morning(house)

    assert [call.data["at"] for call in receiver.calls] == ["2026-01-06T00:00:00Z", "2026-01-07T02:30:00Z"]


@pytest.mark.parametrize(("days", "sent"), [("working", 1), ("all", 3)])
def test_on_a_day_of_rest_it_goes_out_only_if_it_says_so(
    house: House, receiver: Receiver, time: Time, days: str, sent: int
) -> None:
    configure(house, receiver, days=days)
    for day in ("2026-01-09", "2026-01-11", "2026-01-01"):  # a Friday, a Sunday, a holiday
        time.at = datetime.fromisoformat(f"{day}T08:00:00+07:00")
        morning(house)

    assert len(receiver.calls) == sent


def test_an_operator_reads_what_is_down_what_waits_and_what_turns_late(
    house: House, receiver: Receiver, time: Time
) -> None:
    configure(house, receiver, TELL)
    time.at = datetime.fromisoformat("2026-01-11T16:00:00+07:00")
    house.accept("one-stop", dossier(1))
    house.accept("one-stop", status(1, 4, 60))
    house.work("portal")
    house.partners["portal"].script = [AskFirst("hết giờ", code="timeout"), *[TryLater("x", code="503")] * 50]
    house.accept("one-stop", dossier(2))
    house.work("portal")
    house.accept("one-stop", status(1, 9, 120))
    house.accept("one-stop", status(1, 3, 125))  # unlawful: held
    house.partners["portal"].can_tell = False
    for _ in range(8):
        time.move(minutes=5)
        house.work("portal")
    with house.gateway.ledger.write() as connection:
        add_key(
            connection, "one-stop", "bearer", "máy chủ 1", time(), datetime.fromisoformat("2026-01-20T00:00:00+07:00")
        )
    time.at = datetime.fromisoformat("2026-01-12T07:00:00+07:00")
    Watch(house.gateway).look()

    found = gather_digest(house.gateway, time())
    subject, text = write_digest(found)

    assert {one.trouble for one in found.down} == {"breaker-open", "undelivered", "in-doubt"}
    assert subject == "[Liên thông] Sáng 12/01: 3 sự cố, 2 lượt chờ, 1 hồ sơ sắp trễ"
    vietnamese, english = text.split("— English —")
    for words in (
        "LIÊN THÔNG, thứ Hai 12/01/2026 07:00",
        "• Cổng Dịch vụ công Quốc gia: Đối tác không trả lời: từ ",
        "• 000.00.01.H99-260105-0001: đối tác không trả lời; trừ khi Cổng Dịch vụ công Quốc gia trở lại trước 16:",
        "• Cổng Dịch vụ công Quốc gia: 2 lượt, lâu nhất 15 giờ 00 phút (từ 16:00 11/01/2026)",
        "• chưa rõ kết quả: 1 (lienthong doubts list)",
        "• bản tin bị giữ: 1 (lienthong held list)",
        "máy chủ 1), 20/01/2026",
        "• nhận 2 hồ sơ, 5 bản tin; đã gửi 2 lượt",
        "• hồ sơ đến hạn bị trễ: tại bàn 0, trên đường truyền 0",
    ):
        assert words in vietnamese, (words, vietnamese)
    assert f"unless {found.names['portal'][1]} is back by 16:" in english
    assert "YESTERDAY 11/01" in english
    assert "Mẫu" not in text
    assert json.loads(json.dumps(found.as_json()))["risks"][0]["why"] == "away"


def test_a_list_that_is_long_is_cut_and_counted(house: House, time: Time) -> None:
    for number in range(1, 14):
        house.accept("one-stop", dossier(number))
    with house.gateway.ledger.write() as connection:
        for number in range(13):
            add_key(
                connection,
                "one-stop",
                "bearer",
                f"máy {number}",
                time(),
                datetime.fromisoformat("2026-01-08T00:00:00+07:00"),
            )

    text = write_digest(gather_digest(house.gateway, time()))[1]

    assert text.count("• Khóa truy cập") == 10
    assert "• và 3 nữa" in text
    assert "• and 3 more" in text


# ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_tells_what_is_open_and_what_could_not_be_told(
    house: House, receiver: Receiver, run: Run, time: Time
) -> None:
    configure(house, receiver, TELL)
    time.at = utc_now()
    receiver.script = [500]
    parked(house)
    watch = Watch(house.gateway)
    watch.look()
    watch.send_due()

    told, found = run("incidents").output, json.loads(run("incidents", "--json").output)

    assert "Đối tác" not in told.split("Thông báo chưa gửi được")[1]
    for words in (
        "Sự cố · Incidents",
        "portal",
        "Lượt gửi chờ người xử lý",
        "1 lượt (mã 17)",
        "HTTP 500",
        "truc",
    ):
        assert words in told
    assert [(one["trouble"], one["owner"]) for one in found["incidents"]] == [("parked", "portal")]
    assert [(one["channel"], one["tries"], one["state"]) for one in found["unsent"]] == [("truc", 1, "waiting")]
    shown = run("incidents", "show", str(found["incidents"][0]["id"])).output
    assert "lienthong parked list --destination portal" in shown
    assert "truc" in shown
    assert run("incidents", "show", "99").exit_code == 1
    assert [
        one["data"]["trouble"] for one in json.loads(run("incidents", "show", "1", "--json").output)["notices"]
    ] == ["parked"]


def parked(house: House) -> None:
    house.partners["portal"].script = [Rejected("không nhận", code="17")]
    house.accept("one-stop", dossier())
    house.work("portal")


def test_what_is_over_is_listed_when_asked_for(house: House, receiver: Receiver, run: Run, time: Time) -> None:
    configure(house, receiver, TELL)
    parked(house)
    watch = Watch(house.gateway)
    watch.look()
    with house.gateway.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET state = 'cancelled', ended_at = created_at")
    for _ in range(2):
        time.move(minutes=6)
        watch.look()

    assert "không có gì" in run("incidents").output
    told = run("incidents", "list", "--all").output

    assert "Lượt gửi chờ người xử lý" in told
    assert "05/01/26 16:06" in told


def test_a_channel_is_tried_at_once_and_what_is_wrong_is_said(house: House, receiver: Receiver, run: Run) -> None:
    configure(house, receiver)

    assert run("incidents", "test", "truc").exit_code == 0
    assert [told[0] for told in receiver.told] == ["trial"]
    receiver.script = [401]
    refused = run("incidents", "test", "truc")
    assert (refused.exit_code, "HTTP 401" in refused.output) == (1, True)
    unknown = run("incidents", "test", "khac")
    assert (unknown.exit_code, "truc" in unknown.output) == (2, True)


def test_the_digest_is_shown_or_sent_by_hand(house: House, receiver: Receiver, run: Run) -> None:
    assert run("digest", "--send").exit_code == 2  # no channel is named
    configure(house, receiver)

    assert "LIÊN THÔNG" in run("digest").output
    assert "yesterday" in json.loads(run("digest", "--json").output)
    assert run("digest", "--send").exit_code == 0
    assert [told[0] for told in receiver.told] == ["digest"]
    receiver.script = [500]
    failed = run("digest", "--send")

    assert (failed.exit_code, "HTTP 500" in failed.output) == (1, True)
    with house.gateway.ledger.read() as connection:
        states = connection.execute(select(notices.c.state).order_by(notices.c.id)).scalars().all()
    assert states == ["sent", "waiting"]


def test_check_names_what_is_wrong_with_the_notices(
    make_house: Callable[[str], House], sqlite_url: str, receiver: Receiver
) -> None:
    house = make_house(sqlite_url)
    configure(house, receiver, '\n[[tell]]\nowner = ["portall"]\nchannels = ["truc"]\n')
    file = house.gateway.config.folder / "notices.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(SECRET, "env:LIENTHONG_NO_SUCH"), encoding="utf-8")

    def check() -> Result:
        return CliRunner().invoke(root, ["check", "--home", str(house.gateway.config.home)])

    told = check().output
    file.write_text('[[trouble]]\ntrouble = "nothing"\n', encoding="utf-8")
    wrong = check()

    assert "portall" in told
    assert "LIENTHONG_NO_SUCH" in told
    assert receiver.calls == []
    assert wrong.exit_code == 1
    assert "notices.toml" in wrong.output
    assert "breaker-open" in wrong.output  # those that there are

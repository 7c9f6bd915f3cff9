"""Incidents: one opening and one close for each trouble and owner, told once to each channel, whatever happens in between."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from gateway.errors import AskFirst, Misconfigured, Rejected, TryLater
from gateway.flow.clock import Clock
from gateway.flow.incidents import Watch
from gateway.flow.notices import Notices
from gateway.flow.signs import Lookout
from gateway.ledger import incidents as ledger
from gateway.ledger import open_ledger
from gateway.ledger.keys import add_key, disable_key, rotate_key
from gateway.ledger.opening import LedgerAway
from gateway.ledger.tables import breakers, deliveries, differences, incidents, messages, notices
from tests.certificates import make_certificates
from tests.conftest import Time
from tests.house import House, dossier
from tests.receivers import SECRET, Receiver, receiving
from tests.unit.test_web_metrics import Scrape

TO_ALL = """
[[webhook]]
name = "truc"
url = "{url}"
secret = "{secret}"

[[tell]]
channels = ["truc"]
"""
UNWATCHED = """
[[trouble]]
trouble = "unwatched"
off = true
"""
"""A test moves the time as it likes."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def configure(house: House, text: str, receiver: Receiver | None = None) -> None:
    """From now on by this `notices.toml`."""
    file = house.gateway.config.folder / "notices.toml"
    file.write_text(text.format(url=receiver.url if receiver else "", secret=SECRET), encoding="utf-8")
    house.gateway.notices = Notices(file)


@pytest.fixture
def watch(house: House, receiver: Receiver) -> Watch:
    configure(house, TO_ALL + UNWATCHED, receiver)
    return Watch(house.gateway)


def round_of(watch: Watch) -> None:
    """What the clock does each minute."""
    watch.look_if_due()
    watch.send_due()


def rows(house: House, table: Any = incidents) -> list[Any]:
    with house.gateway.ledger.read() as connection:
        return list(connection.execute(select(table).order_by(table.c.id)))


def seen(house: House) -> dict[tuple[str, str], Any]:
    """The signs of one look, by trouble and owner."""
    return {(sign.trouble, sign.owner): sign for sign in Lookout(house.gateway).look()}


def silence(house: House, partner: str = "portal", count: int = 6, error: Any = None) -> None:
    """The partner answers nothing for a while: its breaker opens."""
    house.partners[partner].script = [error or TryLater("không trả lời", code="connect") for _ in range(50)]
    for number in range(1, count + 1):
        house.accept("one-stop", dossier(number))
    house.work(partner)


def back(house: House, time: Time, partner: str = "portal") -> None:
    house.partners[partner].script = []
    time.move(minutes=10)
    house.work(partner)
    house.work(partner)


# ── opening and closing ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_outage_is_one_opening_and_one_close_however_often_is_looked(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    silence(house)
    round_of(watch)
    assert receiver.calls == []  # not long enough to be told of

    for _ in range(30):
        time.move(minutes=1)
        round_of(watch)
    assert receiver.told == [("incident.opened", "breaker-open", "portal")]
    back(house, time)
    for _ in range(30):
        time.move(minutes=1)
        round_of(watch)

    assert receiver.told == [
        ("incident.opened", "breaker-open", "portal"),
        ("incident.closed", "breaker-open", "portal"),
    ]
    (row,) = rows(house)
    assert (row.trouble, row.owner, row.count, row.again) == ("breaker-open", "portal", 6, 0)
    assert row.opened_at < row.well_at < row.closed_at
    opened, closed = (call.data for call in receiver.calls)
    assert (
        "Cổng Dịch vụ công Quốc gia (portal): từ 16:00 05/01/2026 (mã connect); 6 lượt gửi đang chờ." in opened["text"]
    )
    assert "lienthong partners check portal" in opened["cure"]
    assert (opened["incident"], opened["count"], opened["closed_at"]) == (row.id, 6, None)
    assert closed["closed_at"] is not None
    assert "đến 16:41 05/01/2026, 41 phút" in closed["text"]


def test_a_trouble_that_comes_and_goes_is_one_incident_until_it_was_well_for_a_while(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    for number in range(3):
        delivery = park(house, time, number)
        round_of(watch)
        time.move(minutes=2)
        unpark(house, delivery)
        round_of(watch)
        time.move(minutes=2)
    assert [row.again for row in rows(house)] == [2]
    assert len(receiver.calls) == 1

    time.move(minutes=6)
    round_of(watch)
    delivery = park(house, time, 9)
    time.move(minutes=1)
    round_of(watch)

    first, second = rows(house)
    assert first.closed_at is not None
    assert second.closed_at is None
    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed", "incident.opened"]


def park(house: House, time: Time, number: int, partner: str = "portal") -> int:
    """One delivery that waits for a person."""
    house.partners[partner].script = [Rejected("không nhận", code="17")]
    house.accept("one-stop", dossier(100 + number))
    house.work(partner)
    with house.gateway.ledger.read() as connection:
        return int(connection.execute(select(deliveries.c.id).where(deliveries.c.state == "parked")).scalar_one())


def unpark(house: House, delivery: int) -> None:
    with house.gateway.ledger.write() as connection:
        connection.execute(
            update(deliveries)
            .where(deliveries.c.id == delivery)
            .values(state="cancelled", ended_at=house.gateway.now())
        )


def test_two_owners_have_an_incident_each_and_each_hears_of_its_own(
    house: House, receiver: Receiver, time: Time
) -> None:
    text = TO_ALL.replace('name = "truc"', 'name = "cong"').replace('"truc"', '"cong"')
    with receiving() as other:
        post = TO_ALL.split("[[tell]]", maxsplit=1)[0].replace("{url}", other.url)
        rule = '\n[[tell]]\nowner = ["vnpost"]\ntrouble = ["breaker-*"]\nchannels = ["truc"]\n'
        configure(house, text.replace("[[tell]]", '[[tell]]\nowner = ["portal"]') + post + rule, receiver)
        watch = Watch(house.gateway)
        with house.gateway.ledger.write() as connection:
            for name in ("portal", "vnpost"):
                connection.execute(
                    insert(breakers).values(destination=name, state="open", failures=5, opened_at=time())
                )
        house.accept("one-stop", dossier())
        order = dossier(1)["dossier"]
        with house.gateway.ledger.write() as connection:
            message = connection.execute(select(messages.c.seq)).scalar_one()
            connection.execute(insert(deliveries).values(**open_delivery(message, order, "vnpost", time())))
        time.move(minutes=11)
        round_of(watch)
        time.move(minutes=1)
        round_of(watch)

        assert [(row.trouble, row.owner) for row in rows(house)] == [
            ("breaker-open", "portal"),
            ("breaker-open", "vnpost"),
        ]
        assert receiver.told == [("incident.opened", "breaker-open", "portal")]
        assert other.told == [("incident.opened", "breaker-open", "vnpost")]


def open_delivery(message: int, of: str, destination: str, at: datetime, **changes: Any) -> dict[str, Any]:
    row = {
        "message_seq": message, "dossier": of, "destination": destination, "state": "waiting", "duplicate": False, "attempts": 0,
        "asks": 0, "created_at": at,
    }  # fmt: skip
    return row | changes


def test_a_restart_opens_nothing_again_and_closes_what_was_open(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    delivery = park(house, time, 1)
    round_of(watch)

    for _ in range(3):
        time.move(minutes=2)
        round_of(Watch(house.gateway))
    assert len(receiver.calls) == 1
    unpark(house, delivery)
    for _ in range(4):
        time.move(minutes=2)
        round_of(Watch(house.gateway))

    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed"]


def test_clocks_that_look_at_the_same_moment_open_and_close_once(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    delivery = park(house, time, 1)
    watches = [Watch(house.gateway) for _ in range(4)]

    together(watches)
    unpark(house, delivery)
    time.move(minutes=1)
    together(watches)
    time.move(minutes=6)
    together(watches)

    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed"]
    assert len(rows(house, notices)) == 2


def together(watches: list[Watch]) -> None:
    """All at once. One that another was in the way of looks again, as the clock does."""
    start = threading.Barrier(len(watches))

    def look(watch: Watch) -> None:
        start.wait()
        for _ in range(5):
            try:
                watch.look()
                break
            except LedgerAway:
                continue
        watch.send_due()

    threads = [threading.Thread(target=look, args=(watch,)) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_storm_of_ten_thousand_failed_deliveries_is_told_of_twice(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    house.accept("one-stop", dossier())
    with house.gateway.ledger.write() as connection:
        row = connection.execute(select(messages)).one()._mapping
        number = insert(messages).values({k: v for k, v in row.items() if k not in ("seq", "id", "source_id")})
        many = [{"id": f"storm-{n}", "source_id": f"storm-{n}", "seq": row["seq"] + 1 + n} for n in range(10_000)]
        connection.execute(number, many)
        storm = [
            open_delivery(one["seq"], row["dossier"], "portal", time(), state="parked", code="17", reason="Nguyễn Văn Mẫu đã có hồ sơ")
            for one in many
        ]  # fmt: skip
    for first in range(0, 10_000, 1000):  # they fail one after another while the clock looks
        with house.gateway.ledger.write() as connection:
            connection.execute(insert(deliveries), storm[first : first + 1000])
        time.move(minutes=1)
        round_of(watch)
    with house.gateway.ledger.write() as connection:
        parked = update(deliveries).where(deliveries.c.state == "parked")
        connection.execute(parked.values(state="cancelled", ended_at=time()))
    for _ in range(10):
        time.move(minutes=1)
        round_of(watch)

    assert [told for told in receiver.told if told[1] == "parked"] == [
        ("incident.opened", "parked", "portal"),
        ("incident.closed", "parked", "portal"),
    ]
    (row,) = (one for one in rows(house) if one.trouble == "parked")
    assert row.most == 10_000
    assert "Mẫu" not in str([call.data for call in receiver.calls])


LOOKS = st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=30)


@pytest.fixture(scope="module")
def bare_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    from gateway.ledger.schema import upgrade

    url = f"sqlite:///{tmp_path_factory.mktemp('law') / 'ledger.db'}"
    upgrade(url)
    return url


@settings(max_examples=40, deadline=None)
@given(looks=LOOKS, well=st.integers(0, 300))
def test_openings_and_closes_alternate_and_a_close_comes_only_after_the_while(
    bare_url: str, looks: list[tuple[bool, int]], well: int
) -> None:
    owner = str(uuid4())  # each example's own, also of one that is run again
    books, now = open_ledger(bare_url), datetime.fromisoformat("2026-01-05T09:00:00+00:00")
    told: list[str] = []
    well_since: datetime | None = None
    for there, seconds in looks:
        now += timedelta(seconds=seconds)
        with books.write() as connection:
            number = None
            if there:
                number = ledger.note_seen(connection, "parked", owner, what="", what_en="", count=1, since=now, now=now)
            found = {("parked", owner)} if there else set()
            closed = ledger.note_well(connection, found, now=now, well_since=now - timedelta(seconds=well))
            connection.execute(update(incidents).where(incidents.c.owner != owner).values(closed_at=now))
        told += ["opened"] * (number is not None) + ["closed"] * len([row for row in closed if row.owner == owner])
        if told[-1:] == ["closed"] and well_since is not None and closed:
            assert now - well_since >= timedelta(seconds=well)
        well_since = None if there else well_since or now
    books.close()

    assert told == (["opened", "closed"] * 20)[: len(told)]


# ── signs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_partner_that_refuses_our_account_is_told_as_that_and_not_as_away(house: House, time: Time) -> None:
    silence(house, error=TryLater("login: HTTP 200 -1 sai mật khẩu của Trần Thị Ví Dụ", code="-1"))
    lookout = Lookout(house.gateway)
    assert lookout.look() == []
    time.move(minutes=11)

    (sign,) = lookout.look()

    assert (sign.trouble, sign.owner, sign.count) == ("refused", "portal", 6)
    assert sign.words[0] == "từ 16:00 05/01/2026 (mã -1); 6 lượt gửi đang chờ"


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (TryLater("x", code="401"), "refused"),
        (TryLater("token: x", code="invalid_client"), "refused"),
        (TryLater("token: connection refused", code="connect"), "breaker-open"),
        (TryLater("login: busy", code="503"), "breaker-open"),
        (TryLater("x", code="503"), "breaker-open"),
    ],
)
def test_what_kind_of_silence_it_is_shows_in_the_code(house: House, time: Time, error: TryLater, trouble: str) -> None:
    silence(house, error=error)
    lookout = Lookout(house.gateway)
    lookout.look()
    time.move(minutes=11)

    assert [sign.trouble for sign in lookout.look()] == [trouble]


def test_old_and_doubtful_and_differing_things_count_from_their_limits_on(house: House, time: Time) -> None:
    configure(
        house, '[[trouble]]\ntrouble = "differences"\ncount = 3\n[[trouble]]\ntrouble = "breaker-open"\noff = true\n'
    )
    house.partners["portal"].script = [AskFirst("hết giờ", code="timeout"), *[TryLater("x", code="connect")] * 40]
    house.partners["portal"].can_tell = False
    house.accept("one-stop", dossier())
    house.work("portal")
    assert seen(house) == {}
    with house.gateway.ledger.write() as connection:
        for number in range(3):
            connection.execute(insert(differences).values(**difference(number, time(), "open")))
        connection.execute(insert(differences).values(**difference(3, time(), "declined")))
    assert [(s.trouble, s.count) for s in seen(house).values()] == [("differences", 3)]

    time.move(minutes=61)
    assert {trouble for trouble, _ in seen(house)} == {"differences", "in-doubt"}
    time.move(minutes=60)
    found = seen(house)

    assert {trouble for trouble, _ in found} == {"differences", "in-doubt", "undelivered"}
    assert (
        found["undelivered", "portal"].words[1].startswith("the oldest has waited 2 h 01 min, since 16:00 05/01/2026")
    )


def difference(number: int, at: datetime, state: str) -> dict[str, Any]:
    return {
        "system": "portal", "dossier": f"d-{number}", "kind": "behind", "state": state, "seen": 2, "rounds": 0, "plan": "[]", "found_at": at,
    }  # fmt: skip


def test_a_limit_may_differ_by_owner_and_the_first_row_that_fits_counts(house: House) -> None:
    configure(
        house,
        '[[trouble]]\ntrouble = "undelivered"\nowner = ["vnpost"]\nminutes = 480\n'
        '[[trouble]]\ntrouble = "undelivered"\nminutes = 30\n[[trouble]]\ntrouble = "key"\noff = true\n',
    )
    found = house.gateway.notices

    assert [found.limit("undelivered", owner) for owner in ("vnpost", "portal")] == [480, 30]
    assert found.limit("key", "portal") is None
    assert found.limit("parked", "portal") == 1


def test_a_source_is_silent_by_working_minutes_and_only_if_its_file_says_that_it_should_not_be(
    house: House, time: Time
) -> None:
    house.accept("one-stop", dossier())  # Monday, 16:00
    house.work("portal")
    lookout = Lookout(house.gateway)
    time.move(days=30)
    assert ("silent", "one-stop") not in seen(house)
    time.move(days=-30)
    rows = house.gateway.config.partners
    rows["one-stop"] = rows["one-stop"].model_copy(update={"silent_minutes": 90})

    time.move(hours=14, minutes=50)  # Tuesday, 06:50: an hour of Monday was worked
    assert lookout.look() == []
    time.move(minutes=41)
    (sign,) = (one for one in lookout.look() if one.trouble == "silent")

    assert sign.words[0] == "không gửi gì từ 16:00 05/01/2026 (1 giờ 31 phút làm việc)"
    house.accept("one-stop", dossier(2))
    assert "silent" not in {one.trouble for one in lookout.look()}
    assert ("silent", "one-stop") not in seen(house)  # one that has just begun to look knows it too


def test_a_feed_that_is_not_read_is_the_partners_trouble(house: House, time: Time) -> None:
    from gateway.ledger import facts

    with house.gateway.ledger.write() as connection:
        facts.set_cursor(connection, "vnpost", "c1", time())
        facts.set_cursor(connection, "vnpost minutes", "x", time())
    time.move(minutes=59)
    assert seen(house) == {}
    time.move(minutes=2)

    assert list(seen(house)) == [("feed-unread", "vnpost")]


def test_a_copy_for_a_system_on_trial_troubles_nobody(house: House, time: Time) -> None:
    park(house, time, 1)
    vars(house.gateway.config)["replicas"] = frozenset({"portal"})

    assert seen(house) == {}


def test_certificates_are_told_of_before_they_end_with_whose_they_are(house: House, time: Time, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "pem")  # good for two days from now on
    folder = house.gateway.config.folder
    (folder / "ca.pem").write_bytes(made.ca.read_bytes())
    rows = house.gateway.config.partners
    rows["portal"] = rows["portal"].model_copy(update={"settings": {"client_cert": str(made.client)}})
    from gateway.message import utc_now

    time.at = utc_now()
    found = {key: sign.words[0] for key, sign in seen(house).items() if key[0] == "certificate"}

    assert set(found) == {("certificate", "portal"), ("certificate", "operator")}
    assert found["certificate", "portal"].startswith("lienthong.pem: ")
    assert found["certificate", "operator"].startswith("ca.pem: ")
    time.at -= timedelta(days=40)
    assert "certificate" not in {trouble for trouble, _ in seen(house)}


def test_a_key_about_to_end_is_told_of_unless_it_was_rotated_or_disabled(house: House, time: Time) -> None:
    with house.gateway.ledger.write() as connection:
        ends = time() + timedelta(days=20)
        first, _ = add_key(connection, "one-stop", "bearer", "máy chủ 1", time(), ends)
        second, _ = add_key(connection, "one-stop", "bearer", "máy chủ 2", time(), ends)
        third, _ = add_key(connection, "one-stop", "bearer", "máy chủ 3", time(), ends)
        add_key(connection, "one-stop", "bearer", "máy chủ 4", time())
    assert seen(house) == {}
    time.move(days=10)
    assert seen(house)["key", "one-stop"].count == 3
    with house.gateway.ledger.write() as connection:
        rotate_key(connection, first, time(), time() + timedelta(days=3))
        disable_key(connection, second, time())

    sign = seen(house)["key", "one-stop"]

    assert sign.words[0] == f"{third} (máy chủ 3): 25/01/2026"


def test_codes_that_end_without_a_successor_and_a_year_nobody_reviewed_are_told_of(house: House, time: Time) -> None:
    from gateway.codes import CsvCodes

    folder = house.gateway.config.folder / "codelists"
    text = "code,name,from,until\nA,một,2020-01-01,2026-01-15\nA,một mới,2026-01-16,\nB,hai,2020-01-01,2026-01-15\nC,ba,2020-01-01,2026-06-30\n"
    (folder / "thu.csv").write_text(text, encoding="utf-8")
    house.gateway.codes = CsvCodes(folder, time)

    assert seen(house)["codelist", "operator"].words[0] == "thu (1 mã): 15/01/2026"
    time.at = datetime.fromisoformat("2026-12-01T00:00:00+00:00")
    assert seen(house)["calendar", "operator"].words[0] == "calendar/2027.toml: 01/01/2027"


def test_a_ledger_that_was_away_is_told_of_afterwards_by_whoever_looks_first(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    other = Watch(house.gateway)
    round_of(watch)
    for one in (watch, other):
        one.note_ledger(there=False)
    time.move(minutes=12)
    for one in (watch, other):
        one.note_ledger(there=False)
        one.note_ledger(there=True)

    round_of(watch)
    time.move(minutes=10)
    round_of(watch)
    time.move(minutes=10)
    round_of(watch)
    time.move(minutes=1)
    round_of(other)  # it leads now, and knows of the same absence

    assert [(row.trouble, row.what, row.closed_at is not None) for row in rows(house)] == [
        ("ledger-away", "từ 16:00 05/01/2026 đến 16:12 05/01/2026", True)
    ]
    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed"]


def test_a_short_absence_is_none_and_a_time_in_which_nobody_looked_is_one(
    house: House, receiver: Receiver, time: Time
) -> None:
    configure(house, TO_ALL, receiver)
    watch = Watch(house.gateway)
    round_of(watch)
    watch.note_ledger(there=False)
    time.move(seconds=20)
    watch.note_ledger(there=True)
    time.move(minutes=1)
    round_of(watch)
    assert rows(house) == []

    time.move(hours=2)
    round_of(Watch(house.gateway))

    assert [row.trouble for row in rows(house)] == ["unwatched"]


def test_the_clock_looks_and_tells_while_it_leads(
    make_house: Callable[[str], House], sqlite_url: str, receiver: Receiver
) -> None:
    from gateway.message import utc_now
    from tests.commands import until

    house = make_house(sqlite_url)
    configure(house, TO_ALL, receiver)
    house.gateway.now = utc_now
    house.partners["portal"].script = [Rejected("không nhận", code="17")]
    house.accept("one-stop", dossier())
    house.work("portal")
    clock = Clock(house.gateway)
    clock._pollers["vnpost"] = Quiet()
    thread = threading.Thread(target=clock.run)
    thread.start()
    try:
        until(lambda: ("incident.opened", "parked", "portal") in receiver.told, 20)
    finally:
        clock.stop()
        thread.join()


class Quiet:
    """A feed without items."""

    def poll(self, cursor: str | None) -> Any:
        from gateway.ports import Page

        return Page([], "c", more=False)


# ── telling ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_is_signed_and_a_repeat_has_the_same_id(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    receiver.script = [503]
    park(house, time, 1)
    round_of(watch)
    time.move(minutes=1)
    round_of(watch)

    first, second = receiver.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{second.headers['webhook-id']}.{second.headers['webhook-timestamp']}.".encode() + second.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert second.headers["webhook-signature"] == f"v1,{wanted}"
    assert [(row.state, row.tries, row.error) for row in rows(house, notices)] == [("sent", 2, None)]


def test_a_channel_that_is_away_is_tried_with_growing_pauses_then_given_up_and_loses_nothing_silently(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    receiver.script = [503] * 10_000
    park(house, time, 1)
    watch.look()
    tried = []
    for _ in range(8):
        time.at = rows(house, notices)[0].due_at
        tried.append(time())
        assert watch.herald.send_due() == 0
    time.move(days=3)
    watch.send_due()

    (row,) = rows(house, notices)
    gaps = [(b - a).total_seconds() / 60 for a, b in pairwise(tried)]
    assert gaps[:7] == [0.5, 1, 2, 4, 8, 15, 15]
    assert (row.state, row.error[:8]) == ("given_up", "HTTP 503")
    with house.gateway.ledger.read() as connection:
        assert ledger.count_notices(connection, time() - timedelta(days=7))["given_up"] == 1
        assert len(ledger.troubled_notices(connection, time() - timedelta(days=7))) == 1


def test_what_waits_for_a_dead_channel_keeps_its_order_and_holds_up_no_other(
    house: House, receiver: Receiver, time: Time
) -> None:
    dead = TO_ALL.replace("{url}", "http://127.0.0.1:9/").replace("truc", "hong")
    configure(house, dead + TO_ALL, receiver)
    watch = Watch(house.gateway)
    delivery = park(house, time, 1)
    round_of(watch)
    unpark(house, delivery)
    for _ in range(8):
        time.move(minutes=1)
        round_of(watch)

    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed"]
    waiting = [row for row in rows(house, notices) if row.channel == "hong"]
    assert [(row.kind, row.state) for row in waiting] == [("opened", "waiting"), ("closed", "waiting")]
    assert waiting[1].tries <= waiting[0].tries
    assert waiting[0].error

    configure(house, (dead + TO_ALL).replace("http://127.0.0.1:9/", "{url}"), receiver)  # somebody mended the address
    receiver.calls.clear()
    time.move(minutes=16)
    Watch(house.gateway).send_due()
    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed"]


def test_a_notice_that_is_refused_by_itself_does_not_keep_the_next_ones_waiting(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    receiver.script = [422]
    delivery = park(house, time, 1)
    unpark_later = delivery
    watch.look()
    unpark(house, unpark_later)
    time.move(minutes=1)
    watch.look()
    time.move(minutes=6)
    watch.look()

    watch.send_due()

    assert [told[0] for told in receiver.told] == ["incident.opened", "incident.closed"]
    assert [(row.kind, row.state) for row in rows(house, notices)] == [("opened", "waiting"), ("closed", "sent")]


def test_a_missing_secret_stops_nothing_and_is_shown(
    house: House, receiver: Receiver, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIENTHONG_WEBHOOK_SECRET", raising=False)
    configure(house, TO_ALL.replace("{secret}", "env:LIENTHONG_WEBHOOK_SECRET"), receiver)
    watch = Watch(house.gateway)
    park(house, time, 1)

    round_of(watch)

    assert "LIENTHONG_WEBHOOK_SECRET" in rows(house, notices)[0].error
    with pytest.raises(Misconfigured, match="LIENTHONG_WEBHOOK_SECRET"):
        house.gateway.notices.prove()


def test_a_monitor_sees_what_is_open_and_what_could_not_be_told(
    house: House, watch: Watch, receiver: Receiver, time: Time
) -> None:
    scrape = Scrape(house)
    assert scrape("lienthong_notices_unsent", state="failing") == 0
    receiver.script = [503]
    park(house, time, 1)

    round_of(watch)

    assert scrape("lienthong_incidents_open", trouble="parked", owner="portal") == 1
    assert scrape("lienthong_notices_unsent", state="failing") == 1
    assert scrape("lienthong_notices_unsent", state="waiting") == 0


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("secret", ["ngan", "whsec_ngan", "whsec_!!!"])
def test_a_webhooks_secret_that_is_none_is_named(tmp_path: Path, secret: str) -> None:
    file = tmp_path / "notices.toml"
    file.write_text(TO_ALL.replace("{url}", "http://x/").replace("{secret}", secret), encoding="utf-8")

    with pytest.raises(Misconfigured, match="truc: secret: "):
        Notices(file).prove()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[trouble]]\ntrouble = "nothing"\n', "there is no trouble 'nothing'"),
        ('[[trouble]]\ntrouble = "parked"\nminutes = 5\n', "measured in count"),
        ('[[trouble]]\ntrouble = "silent"\nminutes = 5\n', "silent_minutes"),
        ('[[trouble]]\ntrouble = "parked"\ncodes = ["1"]\n', "only 'refused' goes by codes"),
        ('[[tell]]\nchannels = ["truc"]\n', "no channel 'truc'"),
        ('[digest]\nchannels = ["truc"]\n', "no channel 'truc'"),
        ('[[tell]]\ntrouble = ["breaker"]\nchannels = ["truc"]\n', "fits no trouble"),
        ('[[email]]\nname = "m"\nhost = "h"\nfrom = "a@b"\nto = ["a@b"]\n', "name"),
        ('[[email]]\nname = "mail"\nhost = "h.vn"\ntls = "none"\nfrom = "a@b"\nto = ["a@b"]\n', "on this host only"),
        ('[[email]]\nname = "mail"\nhost = "h.vn"\nfrom = "a@b"\nto = ["a@b\\r\\nBcc: x@y"]\n', "to"),
        (TO_ALL + TO_ALL, "two channels carry the same name"),
        ("look_seconds = 0\n", "look_seconds"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "notices.toml"
    file.write_text(text.replace("{url}", "http://x/").replace("{secret}", SECRET), encoding="utf-8")

    with pytest.raises(Misconfigured, match=words) as told:
        Notices(file)

    assert str(file) in str(told.value)


def test_an_owner_that_is_nobody_and_a_channel_that_nobody_uses_are_named(tmp_path: Path) -> None:
    file = tmp_path / "notices.toml"
    text = (
        TO_ALL.replace("[[tell]]", '[[tell]]\nowner = ["portall"]')
        .replace("{url}", "http://x/")
        .replace("{secret}", SECRET)
    )
    spare = '[[email]]\nname = "thu"\nhost = "h.vn"\npassword = "env:LIENTHONG_NO_SUCH"\nfrom = "a@b"\nto = ["a@b"]\n'
    file.write_text(text + spare, encoding="utf-8")

    faults = list(Notices(file).faults(["portal"]))

    words = ("portall", "thu:", "LIENTHONG_NO_SUCH")
    assert [word for word in words if any(word in fault for fault in faults)] == [*words]
    assert len(faults) == 3


def test_without_the_file_nobody_is_told_and_incidents_are_kept_all_the_same(house: House, time: Time) -> None:
    (house.gateway.config.folder / "notices.toml").unlink()
    house.gateway.notices = Notices(house.gateway.config.folder / "notices.toml")
    park(house, time, 1)

    Watch(house.gateway).look()

    assert [row.trouble for row in rows(house)] == ["parked"]
    assert rows(house, notices) == []

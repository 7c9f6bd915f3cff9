"""The post: orders, cancels and the feed, against its strict twin and against samples of what it answers."""

from __future__ import annotations

import csv
import json
import threading
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.vnpost_hcc import FOLDER, connector
from connectors.vnpost_hcc.client import Client
from connectors.vnpost_hcc.inbound import Feed
from connectors.vnpost_hcc.outbound import FIRST_OBJECT_ID, Post, settle
from connectors.vnpost_hcc.settings import Settings
from connectors.vnpost_hcc.simulator import VnpostTwin, item_code
from gateway.errors import AskFirst, Fault, Refused, Rejected, TryLater, Unclassified
from gateway.http import Http
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Partner
from gateway.simulation import Chaos, Request, Response, Serve, Twin
from tests.connectors.replay import DOSSIER, Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
ORDER = {
    "OrderNumber": DOSSIER,
    "CODAmount": 35000,
    "SenderProvince": 99,
    "SenderDistrict": 0,
    "SenderAddress": "Số 2 đường B",
    "SenderName": "Trung tâm Phục vụ hành chính công tỉnh Mẫu",
    "SenderTel": "02030000000",
    "ReceiverName": "Nguyễn Văn Mẫu",
    "ReceiverAddress": "Số 1 đường A",
    "ReceiverTel": "0912345678",
    "ReceiverProvince": 99,
    "FlagConfig": 2,
}


def settings(url: str, **more: Any) -> Settings:
    addresses = {f"{name}_url": f"{url}/{name}" for name in ("token", "order", "cancel", "tracking")}
    account = {"customer_key": "khoa-thu", "customer_secret": "mat-thu", "customer_code": "C0001"}
    return Settings.model_validate({**addresses, **account, "lag": 0, "total_timeout": 5, **more})


def order(number: str = DOSSIER, **more: Any) -> Parcel:
    return parcel("PostalOrdered", {"order": {**ORDER, "OrderNumber": number}}, **more)


def cancel(number: str = DOSSIER) -> Parcel:
    return parcel("PostalCancelled", {"cancel": {"OrderNumber": number}})


def plain(mapping: str, document: Any) -> Any:
    """Stands where the mapping stands: reads an event, and refuses an order number that is no dossier's."""
    number = document["OrderNumber"]
    if not number.startswith("000."):
        raise Refused([Fault("/OrderNumber", "order", "không phải mã hồ sơ", "not a dossier code")])
    return {"mapping": mapping, "order": number, "code": document["StatusCode"]}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def twin() -> VnpostTwin:
    return VnpostTwin()


@pytest.fixture
def serve(twin: VnpostTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


@pytest.fixture
def post(serve: Serve) -> Post:
    return Post(Client(settings(serve.url), OUTCOMES), OUTCOMES)


def feed(serve: Serve, **more: Any) -> Feed:
    conf = settings(serve.url, **more)
    return Feed(Client(conf, OUTCOMES), conf, OUTCOMES, plain)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_a_sample_that_hits_it() -> None:
    assert {sample.expected["rule"] for sample in SAMPLES} == {verdict.rule for verdict in OUTCOMES.verdicts}


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.expected["call"] != "token"], ids=lambda s: s.name)
def test_a_sample_hits_its_row(sample: Sample) -> None:
    outcomes = Watched.load(FOLDER / "outcomes.toml")

    def judged() -> None:
        settle(outcomes, sample.expected["call"], sample.reply)

    outcome_of(judged)
    assert outcomes.decided == [sample.expected["rule"]]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    # given the post as recorded, and a twin that gives tokens
    call = sample.expected["call"]
    recorded = Recorded(sample, f"/{call}", VnpostTwin().answer)
    serve = Serve(recorded)
    conf = settings(serve.start())
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    client = Client(conf, outcomes)

    # when the call of the sample is made
    def make() -> Any:
        if call == "tracking":
            Feed(client, conf, outcomes, plain).poll(sample.request["lastId"])
            return None
        if call == "cancel":
            return Post(client, outcomes).deliver(parcel("PostalCancelled", {"cancel": sample.request}))
        document = {k: v for k, v in (sample.request if call == "order" else ORDER).items() if k != "CustomerCode"}
        return Post(client, outcomes).deliver(parcel("PostalOrdered", {"order": document}))

    outcome, reason = outcome_of(make)
    serve.stop()

    # then it ends as the table says, and what went out is the sample's request
    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    assert sent(asked) == sample.request


def sent(request: Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return request.query
    if request.path == "/token":
        name, _, value = request.body.decode().partition("=")
        return {name: value}
    body: dict[str, Any] = request.json()
    return body


def test_the_twin_takes_the_orders_of_the_samples_and_refuses_the_wrong_one(serve: Serve) -> None:
    client = Client(settings(serve.url), OUTCOMES)
    for sample in SAMPLES:
        if sample.expected["call"] == "order":
            assert client.order(sample.request).status == (400 if sample.expected["http"] == 400 else 200)


# ── orders ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_accepted_and_carries_our_customer_code(post: Post, twin: VnpostTwin) -> None:
    receipt = post.deliver(order())

    assert (receipt.code, receipt.duplicate, receipt.reference) == ("100", False, None)
    assert twin.book()["orders"] == [{"CustomerCode": "C0001", **ORDER}]


def test_the_same_order_again_doubles_nothing(post: Post, twin: VnpostTwin) -> None:
    post.deliver(order())

    receipt = post.deliver(order(in_doubt=True))

    assert (receipt.code, receipt.duplicate) == ("101", True)
    assert len(twin.book()["orders"]) == 1
    assert twin.book()["duplicate_orders"] == [DOSSIER]


def test_an_order_cut_off_after_it_was_taken_is_sent_again_and_is_there_once(
    post: Post, serve: Serve, twin: VnpostTwin
) -> None:
    post.deliver(order(f"{DOSSIER}-TG"))
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        post.deliver(order())
    serve.chaos = Chaos()

    assert post.find(order()) is Found.ABSENT
    assert post.deliver(order(in_doubt=True)).duplicate
    assert [o["OrderNumber"] for o in twin.book()["orders"]] == [f"{DOSSIER}-TG", DOSSIER]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ReceiverTel", ""),
        ("ReceiverProvince", "99"),
        ("ReceiverProvince", 0),
        ("CODAmount", 35000.0),
        ("SenderDistrict", True),
        ("ItemCode", "RA000000015VN"),
        ("FlagConfig", 1),
        ("SenderName", None),
    ],
)
def test_a_wrong_order_goes_to_a_person_with_the_posts_words(
    post: Post, twin: VnpostTwin, field: str, value: Any
) -> None:
    with pytest.raises(Rejected, match=field):
        post.deliver(parcel("PostalOrdered", {"order": {**ORDER, field: value}}))
    assert twin.book()["orders"] == []


def test_an_order_is_cancelled_once_however_often_it_is_asked(post: Post, twin: VnpostTwin) -> None:
    post.deliver(order())

    assert post.deliver(cancel()).code == "100"
    assert post.deliver(cancel()).duplicate
    assert twin.book()["cancels"] == [DOSSIER]
    with pytest.raises(Rejected, match="Không tìm thấy"):
        post.deliver(cancel("000.00.01.H99-260105-0009"))


def test_a_delivered_order_cannot_be_cancelled(post: Post, twin: VnpostTwin) -> None:
    post.deliver(order())
    twin.act({"deliver": DOSSIER})

    with pytest.raises(Rejected, match="đã phát"):
        post.deliver(cancel())


@pytest.mark.parametrize("chaos", [Chaos(error_500=1), Chaos(wrong_type=1), Chaos(drop_before=1), Chaos(down=True)])
def test_whatever_goes_wrong_is_never_taken_for_good(post: Post, serve: Serve, twin: VnpostTwin, chaos: Chaos) -> None:
    post.deliver(order(f"{DOSSIER}-TG"))
    serve.chaos = chaos

    with pytest.raises(TryLater if chaos.down else AskFirst):
        post.deliver(order())

    assert [o["OrderNumber"] for o in twin.book()["orders"]] == [f"{DOSSIER}-TG"]


# ── the token ───────────────────────────────────────────────────────────────────────────────────────────────


def at_once(deliver: Callable[[int], object]) -> list[Exception]:
    """Do it in 16 threads at the same time; returns what they raised."""
    raised: list[Exception] = []
    start = threading.Barrier(16)

    def one(number: int) -> None:
        start.wait()
        try:
            deliver(number)
        except TryLater as fault:
            raised.append(fault)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_many_threads_fetch_one_token(post: Post, serve: Serve, twin: VnpostTwin) -> None:
    serve.chaos = Chaos(slow=1, slow_seconds=0.05)

    assert at_once(lambda n: post.deliver(order(f"{DOSSIER[:-2]}{n + 10}"))) == []

    assert len(twin.book()["orders"]) == 16
    assert twin.book()["tokens_given"] == 1


def test_threads_that_waited_for_a_token_share_its_failure() -> None:
    class Broken(Twin):
        asked = 0

        def answer(self, request: Request) -> Response:
            self.asked += 1
            return Response(502)

    twin = Broken()
    serve = Serve(twin, chaos=Chaos(slow=1, slow_seconds=0.2))
    client = Client(settings(serve.start()), OUTCOMES)
    raised = at_once(lambda _: client.token())
    serve.stop()

    assert [type(fault) for fault in raised] == [TryLater] * 16
    assert twin.asked == 1


def test_a_token_is_renewed_before_it_runs_out(serve: Serve, twin: VnpostTwin) -> None:
    clock = Clock()
    client = Client(settings(serve.url, token_margin=60), OUTCOMES, clock)

    first = client.token()
    clock.now += 3539
    assert client.token() == first
    clock.now += 1
    assert client.token() != first
    assert twin.book()["tokens_given"] == 2


def test_a_token_forgotten_by_the_post_is_renewed_and_the_order_sent_once_more(post: Post, twin: VnpostTwin) -> None:
    post.deliver(order())
    twin.expire()

    assert post.deliver(order(f"{DOSSIER}-TG")).code == "100"
    assert twin.book()["tokens_given"] == 2
    assert twin.book()["duplicate_orders"] == []


def test_a_token_that_is_never_good_is_renewed_once_only(post: Post, serve: Serve, twin: VnpostTwin) -> None:
    serve.chaos = Chaos(expired_session=1)

    with pytest.raises(TryLater) as caught:
        post.deliver(order())

    assert caught.value.retry_after == 900
    assert twin.book()["tokens_given"] == 2


@pytest.mark.parametrize("chaos", [Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
def test_a_token_that_did_not_come_leaves_no_doubt_about_the_order(post: Post, serve: Serve, chaos: Chaos) -> None:
    serve.chaos = chaos
    with pytest.raises(TryLater, match="token"):
        post.deliver(order())


@pytest.mark.parametrize(
    "answer",
    [
        {"token_type": "Bearer", "expires_in": 60},
        {"access_token": "", "token_type": "Bearer", "expires_in": 60},
        {"access_token": "bi-mat", "expires_in": 60},
        {"access_token": "bi-mat", "token_type": "Bearer"},
        ["bi-mat"],
    ],
)
def test_an_answer_without_a_whole_token_means_later_and_is_not_kept(answer: Any) -> None:
    class Odd(Twin):
        def answer(self, request: Request) -> Response:
            return Response(body=answer)

    serve = Serve(Odd())
    client = Client(settings(serve.start()), OUTCOMES)
    with pytest.raises(TryLater) as caught:
        client.token()
    serve.stop()
    assert "bi-mat" not in caught.value.reason + caught.value.answer


def test_the_twin_gives_tokens_to_the_right_account_only(serve: Serve) -> None:
    http = Http(base_url=serve.url)
    right = {"Authorization": "Basic " + b64encode(b"khoa-thu:mat-thu").decode()}
    wrong = {"Authorization": "Basic " + b64encode(b"khoa-thu:sai").decode()}
    grant = {"grant_type": "client_credentials"}

    assert http.call("POST", "/token", form=grant, headers=right).status == 200
    assert http.call("POST", "/token", form=grant, headers=wrong).status == 401
    assert http.call("POST", "/token", form={"grant_type": "password"}, headers=right).status == 400
    assert http.call("POST", "/token", json=grant, headers=right).status == 400
    assert http.call("GET", "/token", query=grant, headers=right).status == 405
    assert http.call("POST", "/order", json=ORDER).status == 401
    assert http.call("GET", "/nowhere").status == 404


def test_behind_a_provincial_bus_the_bare_token_goes_in_its_own_header() -> None:
    twin = VnpostTwin({"auth_header": "access_token"})
    serve = Serve(twin)
    url = serve.start()
    with pytest.raises(TryLater):
        Post(Client(settings(url), OUTCOMES), OUTCOMES).deliver(order())
    Post(Client(settings(url, auth_header="access_token"), OUTCOMES), OUTCOMES).deliver(order())
    serve.stop()
    assert [o["OrderNumber"] for o in twin.book()["orders"]] == [DOSSIER]


def test_a_token_of_the_twin_runs_out() -> None:
    twin = VnpostTwin({"token_life": 0})
    serve = Serve(twin)
    post = Post(Client(settings(serve.start()), OUTCOMES), OUTCOMES)
    with pytest.raises(TryLater):
        post.deliver(order())
    serve.stop()
    assert twin.book()["orders"] == []


# ── the feed ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_feed_is_read_page_by_page_in_its_order_with_one_cursor(serve: Serve, twin: VnpostTwin) -> None:
    numbers = [twin.act({"event": {"order": DOSSIER, "code": n, "message": f"lời {n}"}}) for n in range(5)]
    reader = feed(serve, page_size=2)

    first = reader.poll(None)
    second = reader.poll(first.cursor)
    third = reader.poll(second.cursor)
    fourth = reader.poll(third.cursor)

    assert [page.more for page in (first, second, third, fourth)] == [True, True, False, False]
    assert [item.source_id for page in (first, second, third) for item in page.items] == [
        f"vnpost-{number}" for number in numbers
    ]
    assert (fourth.items, fourth.cursor) == ([], numbers[-1])
    item = first.items[1]
    assert item.body == {"mapping": "vnpost_event", "order": DOSSIER, "code": 1}
    assert json.loads(item.original)["StatusMessage"] == "lời 1"


def test_an_empty_feed_keeps_the_first_cursor(serve: Serve) -> None:
    page = feed(serve).poll(None)

    assert (page.items, page.cursor, page.more) == ([], FIRST_OBJECT_ID, False)


def test_an_event_that_no_mapping_can_read_is_handed_on_with_its_faults(serve: Serve, twin: VnpostTwin) -> None:
    twin.act({"event": {"order": "HOA-DON-1", "code": 4, "message": "Phát thành công"}})
    twin.act({"event": {"order": DOSSIER, "code": 4, "message": "Phát thành công"}})

    unread, read = feed(serve).poll(None).items

    assert unread.body is None
    assert [fault.pointer for fault in unread.problem] == ["/OrderNumber"]
    assert json.loads(unread.original)["OrderNumber"] == "HOA-DON-1"
    assert (read.body is not None, read.problem) == (True, ())


def test_the_newest_seconds_are_left_for_the_next_poll(serve: Serve, twin: VnpostTwin) -> None:
    # ObjectIds made within one second by several machines may appear out of order
    twin.act({"event": {"order": DOSSIER, "code": 1, "message": "x"}})
    conf = settings(serve.url, lag=10, page_size=1)
    now = datetime.now(UTC)
    fresh = Feed(Client(conf, OUTCOMES), conf, OUTCOMES, plain, lambda: now)
    later = Feed(Client(conf, OUTCOMES), conf, OUTCOMES, plain, lambda: now + timedelta(seconds=12))

    assert (fresh.poll(None).items, fresh.poll(None).cursor, fresh.poll(None).more) == ([], FIRST_OBJECT_ID, False)
    assert len(later.poll(None).items) == 1


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([{"_id": {"$oid": "6" * 24}}, {"_id": {"$oid": "5" * 24}}], "feed-order"),
        ([{"_id": {"$oid": "0" * 24}}], "feed-order"),
        ([{"_id": "6" * 24}], "feed-shape"),
        ([{"OrderNumber": DOSSIER}], "feed-shape"),
        (["x"], "feed-shape"),
        ({}, "feed-shape"),
    ],
)
def test_a_feed_that_is_not_what_it_was_stops_loudly(events: Any, code: str) -> None:
    class Strange(VnpostTwin):
        def answer(self, request: Request) -> Response:
            if request.path != "/tracking":
                return super().answer(request)
            if isinstance(events, list):
                for event in events:
                    if isinstance(event, dict):
                        event.setdefault("OrderNumber", DOSSIER)
                        event.setdefault("StatusCode", 1)
            return Response(body={"_embedded": {"rh:doc": events}})

    serve = Serve(Strange())
    serve.start()
    with pytest.raises(Unclassified) as caught:
        feed(serve).poll(None)
    serve.stop()
    assert caught.value.code == code


@pytest.mark.parametrize("chaos", [Chaos(error_500=1), Chaos(wrong_type=1), Chaos(drop_after=1), Chaos(down=True)])
def test_a_feed_that_cannot_be_read_is_read_later_from_the_same_place(
    serve: Serve, twin: VnpostTwin, chaos: Chaos
) -> None:
    reader = feed(serve)
    twin.act({"event": {"order": DOSSIER, "code": 1, "message": "x"}})
    cursor = reader.poll(None).cursor
    twin.act({"repeat": cursor})

    serve.chaos = chaos
    with pytest.raises(TryLater):
        reader.poll(cursor)
    serve.chaos = Chaos()

    assert len(reader.poll(cursor).items) == 1


def test_the_twin_refuses_a_page_that_is_too_large_and_a_cursor_that_is_none(serve: Serve) -> None:
    client = Client(settings(serve.url), OUTCOMES)

    assert client.events(FIRST_OBJECT_ID, 1000).status == 200
    assert client.events(FIRST_OBJECT_ID, 1001).status == 400
    assert client.events(FIRST_OBJECT_ID, 0).status == 400
    assert client.events("0", 10).status == 400


def test_the_twin_delivers_each_order_once_and_can_repeat_itself(post: Post, serve: Serve, twin: VnpostTwin) -> None:
    for number in (DOSSIER, f"{DOSSIER}-TG", "000.00.01.H99-260105-0003"):
        post.deliver(order(number))
    post.deliver(cancel("000.00.01.H99-260105-0003"))

    first = twin.act({"deliver": DOSSIER})
    [second] = twin.act({"deliver_all": True})
    third = twin.act({"repeat": first})

    assert twin.act({"deliver_all": True}) == []
    events = twin.book()["events"]
    assert [e["OrderNumber"] for e in events] == [DOSSIER, f"{DOSSIER}-TG", DOSSIER]
    assert first < second < third
    assert {e["StatusCode"] for e in events} == {4}
    for wrong in ({"deliver": DOSSIER}, {"repeat": "x"}, {"event": {"order": DOSSIER}}, {"dance": True}):
        with pytest.raises(ValueError, match=r"."):
            twin.act(wrong)


def test_an_item_code_has_the_check_digit_of_the_universal_postal_union() -> None:
    assert item_code(47312482) == "RA473124829VN"  # the example of UPU S10


# ── the folder ──────────────────────────────────────────────────────────────────────────────────────────────


def statuses() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))


def test_only_the_code_for_delivered_is_known_and_all_others_are_unlisted() -> None:
    table = statuses()

    assert {row["theirs"]: row["ours"] for row in table["status"]} == {"4": "delivered"}
    assert table["otherwise"] == "unlisted"


@pytest.mark.skipif(not (MAPPINGS / "vnpost_event").exists(), reason="the mapping is not in this checkout")
def test_the_mapping_of_events_knows_the_same_status_codes_and_the_same_fields(twin: VnpostTwin) -> None:
    lines = (MAPPINGS / "vnpost_event" / "codes.csv").read_text(encoding="utf-8").splitlines()
    codes = {row["from"]: row["to"] for row in csv.DictReader(lines) if row["table"] == "state"}
    table = statuses()

    assert codes == {row["theirs"]: row["ours"] for row in table["status"]} | {"*": table["otherwise"]}
    twin.act({"event": {"order": DOSSIER, "code": 4, "message": "Phát thành công"}})
    for sample in (MAPPINGS / "vnpost_event" / "samples").glob("*/in.json"):
        document = json.loads(sample.read_text(encoding="utf-8"))
        assert document.keys() <= twin.book()["events"][0].keys(), sample


@pytest.mark.skipif(not (MAPPINGS / "vnpost_order").exists(), reason="the mapping is not in this checkout")
def test_the_twin_takes_what_the_mapping_of_orders_makes(post: Post) -> None:
    made = sorted((MAPPINGS / "vnpost_order" / "samples").glob("*/out.json"))

    assert made
    for sample in made:
        assert post.deliver(parcel("PostalOrdered", {"order": json.loads(sample.read_text("utf-8"))})).code == "100"


def test_the_connection_check_says_who_is_to_blame(serve: Serve, post: Post, twin: VnpostTwin) -> None:
    assert [health.ok for health in post.check()] == [True, True]
    stranger = Post(Client(settings(serve.url, customer_secret="sai"), OUTCOMES), OUTCOMES)
    assert [health.ok for health in stranger.check()] == [False]
    serve.chaos = Chaos(error_500=1)
    assert [health.ok for health in post.check()] == [False]
    assert twin.book()["orders"] == []


def test_the_connector_builds_its_parts_from_a_partner_file(serve: Serve) -> None:
    partner = Partner("vnpost", "Bưu điện", "VNPost", "vnpost_hcc", settings(serve.url), {})
    assert connector.outbound is not None
    assert connector.poller is not None
    assert connector.simulator is not None
    assert isinstance(connector.simulator({}), VnpostTwin)

    assert connector.outbound(partner).deliver(order()).code == "100"
    assert connector.poller(partner, plain).poll(None).items == []
    assert connector.folder == FOLDER

"""The one-stop system over REST: the canonical model as it is, a key for every message, and a twin that checks both."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.one_stop_rest import FOLDER, connector
from connectors.one_stop_rest.client import Client
from connectors.one_stop_rest.outbound import OneStop, settle
from connectors.one_stop_rest.settings import Settings
from connectors.one_stop_rest.simulator import OneStopTwin
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater
from gateway.http import Http
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Partner
from gateway.simulation import Chaos, Response, Serve
from tests.connectors.replay import DOSSIER, Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
KEY = "0199aa00-0000-7000-8000-000000000001"
UNIT = {"code": "H99.1", "name": "Ủy ban nhân dân xã Mẫu"}
SUBMITTED: dict[str, Any] = {
    "type": "DossierSubmitted",
    "id": "cong-0001",
    "dossier": DOSSIER,
    "event_time": "2026-01-05T01:15:00Z",
    "origin": "portal",
    "channel": 2,
    "procedure": {
        "code": "1.001193",
        "name": "Thủ tục đăng ký khai sinh",
        "field_code": "G15-HT01",
        "field_name": "Hộ tịch",
    },
    "received_by": UNIT,
    "handled_by": UNIT,
    "applicant": {"kind": "citizen", "name": "Nguyễn Văn Mẫu", "phone": "0912345678"},
    "submitted_at": "2026-01-05T01:15:00Z",
    "status": 1,
}
CHANGED: dict[str, Any] = {
    "type": "StatusChanged",
    "id": "tt-0001",
    "dossier": DOSSIER,
    "event_time": "2026-01-05T02:30:00Z",
    "status": 4,
    "content": "Đã chuyển bộ phận chuyên môn",
    "officer": {"name": "Lê Văn Thử"},
}


def settings(url: str, **more: Any) -> Settings:
    return Settings.model_validate({"url": url, "key": "khoa-mot-cua", "total_timeout": 5, **more})


def submitted(**more: Any) -> Parcel:
    return parcel("DossierSubmitted", {}, SUBMITTED, **{"key": "k-submitted", **more})


def changed(**more: Any) -> Parcel:
    return parcel("StatusChanged", {}, CHANGED, **{"key": "k-changed", **more})


@pytest.fixture
def twin() -> OneStopTwin:
    return OneStopTwin()


@pytest.fixture
def serve(twin: OneStopTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


@pytest.fixture
def one_stop(serve: Serve) -> OneStop:
    return OneStop(Client(settings(serve.url)), OUTCOMES)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_a_sample_that_hits_it() -> None:
    assert {sample.expected["rule"] for sample in SAMPLES} == {verdict.rule for verdict in OUTCOMES.verdicts}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_hits_its_row_and_ends_as_expected_over_the_wire(sample: Sample) -> None:
    recorded = Recorded(sample, "/messages", lambda _: Response(404))
    serve = Serve(recorded)
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    one_stop = OneStop(Client(settings(serve.start())), outcomes)

    outcome, reason = outcome_of(lambda: one_stop.deliver(parcel("StatusChanged", {}, sample.request)))
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    else:
        assert settle(OUTCOMES, sample.reply).reference == sample.reply.json()["id"]
    [asked] = recorded.asked
    assert asked.json() == sample.request


def test_the_time_a_busy_system_asks_for_is_kept() -> None:
    [busy] = [sample for sample in SAMPLES if sample.expected["http"] == 429]

    with pytest.raises(TryLater) as caught:
        settle(OUTCOMES, busy.reply)
    assert caught.value.retry_after == 30


# ── delivering ──────────────────────────────────────────────────────────────────────────────────────────────


def test_messages_arrive_as_they_are_and_in_order(one_stop: OneStop, twin: OneStopTwin) -> None:
    first = one_stop.deliver(submitted())
    second = one_stop.deliver(changed())

    assert [(r.code, r.reference, r.duplicate) for r in (first, second)] == [
        ("202", "mc-1", False),
        ("202", "mc-2", False),
    ]
    book = twin.book()
    assert book["dossiers"] == {DOSSIER: SUBMITTED}
    assert book["messages"] == {
        DOSSIER: [
            {"key": "k-submitted", "id": "cong-0001", "type": "DossierSubmitted", "status": 1},
            {"key": "k-changed", "id": "tt-0001", "type": "StatusChanged", "status": 4},
        ]
    }


def test_the_key_and_the_trace_go_along() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    [sample] = [s for s in SAMPLES if s.expected["http"] == 202]
    recorded = Recorded(sample, "/goc/messages", lambda _: Response(404))
    serve = Serve(recorded)
    one_stop = OneStop(Client(settings(serve.start() + "/goc/")), OUTCOMES)

    one_stop.deliver(changed(trace=trace))
    one_stop.deliver(changed())
    serve.stop()

    with_trace, without = (request.headers for request in recorded.asked)
    assert with_trace["authorization"] == "Bearer khoa-mot-cua"
    assert with_trace["idempotency-key"] == "k-changed"
    assert with_trace["traceparent"] == trace
    assert "traceparent" not in without


def test_a_document_of_a_mapping_goes_instead_of_the_canonical_body() -> None:
    [sample] = [s for s in SAMPLES if s.expected["http"] == 202]
    recorded = Recorded(sample, "/messages", lambda _: Response(404))
    serve = Serve(recorded)

    OneStop(Client(settings(serve.start())), OUTCOMES).deliver(parcel("StatusChanged", {"message": {"ma": 1}}, CHANGED))
    serve.stop()

    assert recorded.asked[0].json() == {"ma": 1}


def test_a_message_again_under_its_key_gets_the_first_receipt(one_stop: OneStop, twin: OneStopTwin) -> None:
    one_stop.deliver(submitted())

    receipt = one_stop.deliver(submitted(in_doubt=True))

    assert (receipt.duplicate, receipt.reference) == (True, "mc-1")
    assert len(twin.book()["messages"][DOSSIER]) == 1
    assert twin.book()["repeats"] == ["k-submitted"]


def test_another_body_under_the_same_key_goes_to_a_person(one_stop: OneStop) -> None:
    one_stop.deliver(submitted())

    with pytest.raises(Rejected, match="409"):
        one_stop.deliver(parcel("DossierSubmitted", {}, {**SUBMITTED, "channel": 1}, key="k-submitted"))


def test_an_event_of_a_dossier_they_do_not_know_goes_to_a_person_until_they_know_it(
    one_stop: OneStop, twin: OneStopTwin
) -> None:
    with pytest.raises(Rejected, match=DOSSIER):
        one_stop.deliver(changed())

    assert twin.act({"knows": [DOSSIER]}) == 1
    assert one_stop.deliver(changed()).code == "202"


def test_a_message_that_is_not_canonical_goes_to_a_person(one_stop: OneStop, twin: OneStopTwin) -> None:
    with pytest.raises(Rejected) as caught:
        one_stop.deliver(parcel("StatusChanged", {}, {**CHANGED, "status": 11, "x": 1}))

    assert '"/status"' in caught.value.answer
    assert '"/x"' in caught.value.answer
    assert twin.book()["keys"] == []


def test_a_wrong_key_waits_for_the_operator_and_parks_nothing(serve: Serve) -> None:
    with pytest.raises(TryLater) as caught:
        OneStop(Client(settings(serve.url, key="sai")), OUTCOMES).deliver(submitted())
    assert caught.value.retry_after == 900


@pytest.mark.parametrize(
    ("chaos", "error", "arrived"),
    [
        (Chaos(error_500=1), AskFirst, Found.ABSENT),
        (Chaos(wrong_type=1), AskFirst, Found.ABSENT),
        (Chaos(drop_before=1), AskFirst, Found.ABSENT),
        (Chaos(drop_after=1), AskFirst, Found.ARRIVED),
        (Chaos(down=True), TryLater, Found.ABSENT),
    ],
)
def test_in_doubt_they_are_asked_and_it_is_there_once(
    one_stop: OneStop, serve: Serve, twin: OneStopTwin, chaos: Chaos, error: type[Exception], arrived: Found
) -> None:
    serve.chaos = chaos
    with pytest.raises(error):
        one_stop.deliver(submitted())
    with pytest.raises(DeliveryError):
        one_stop.find(submitted())
    serve.chaos = Chaos()

    assert one_stop.find(submitted()) is arrived
    one_stop.deliver(submitted(in_doubt=True))
    assert len(twin.book()["messages"][DOSSIER]) == 1


def test_a_question_that_nobody_answered_is_not_absent(serve: Serve, one_stop: OneStop) -> None:
    lost = OneStop(Client(settings(serve.url + "/khong-co-gi-o-day")), OUTCOMES)
    with pytest.raises(TryLater):  # a 404 that is a page
        lost.find(submitted())
    stranger = OneStop(Client(settings(serve.url, key="sai")), OUTCOMES)
    with pytest.raises(TryLater):
        stranger.find(submitted())
    serve.stop()
    with pytest.raises(TryLater):
        one_stop.find(submitted())


# ── the twin and the folder ─────────────────────────────────────────────────────────────────────────────────


def test_the_twin_wants_a_key_json_and_a_known_order(serve: Serve, twin: OneStopTwin) -> None:
    http = Http(base_url=serve.url, headers={"Authorization": "Bearer khoa-mot-cua"})

    assert http.call("POST", "/messages", json=SUBMITTED).status == 400
    assert http.call("POST", "/messages", body=b"{", headers={"Idempotency-Key": "a"}).status == 415
    typed = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    assert http.call("POST", "/messages", body=b"{", headers=typed).status == 400
    assert http.call("POST", "/messages", json=[], headers={"Idempotency-Key": "a"}).status == 422
    with pytest.raises(ValueError, match="dance"):
        twin.act({"dance": True})
    assert twin.book()["keys"] == []


def test_the_ten_statuses_are_the_same_on_both_sides() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]

    assert [(row["theirs"], row["ours"]) for row in rows] == [(str(n), n) for n in range(1, 11)]


def test_the_connection_check_asks_who_is_there_and_changes_nothing(serve: Serve, one_stop: OneStop) -> None:
    assert [health.ok for health in one_stop.check()] == [True]
    assert [health.ok for health in OneStop(Client(settings(serve.url, key="sai")), OUTCOMES).check()] == [False]
    serve.stop()
    assert [health.ok for health in one_stop.check()] == [False]


def test_the_connector_builds_its_outbound_from_a_partner_file(serve: Serve) -> None:
    partner = Partner("one-stop", "Một cửa", "One-stop", "one_stop_rest", settings(serve.url), {})
    assert connector.outbound is not None
    assert connector.simulator is not None
    assert isinstance(connector.simulator({}), OneStopTwin)

    assert connector.outbound(partner).deliver(submitted()).code == "202"

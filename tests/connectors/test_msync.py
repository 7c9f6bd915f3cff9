"""MSync: its answers, its moments, dossier and step in one delivery; against samples and the strict twin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.msync import FOLDER, connector
from connectors.msync.client import Client
from connectors.msync.outbound import Axis
from connectors.msync.settings import Settings
from connectors.msync.simulator import MsyncTwin
from connectors.msync.times import read_time, write_time
from gateway.canonical.scalars import write_instant
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel
from gateway.simulation import Chaos, Serve
from tests.civil import MAPPINGS
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.connectors.test_mappings import made, read
from tests.trunks import OFFICER, ROOT, TrunkDay, status_rows

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
DOCUMENT = read(ROOT / "mappings/msync_document/samples/a-received-dossier-with-file-fee-and-paper/out.json")
TRACE = read(ROOT / "mappings/msync_trace/samples/a-step-of-an-officer-with-a-title/out.json")
PATHS = {
    "token": "/token",
    "SyncDocument": "/Document/SyncDocument",
    "UpdateDocumentTraces": "/Document/UpdateDocumentTraces",
}
CODE = DOCUMENT["DocCode"]


def settings(url: str, **more: Any) -> Settings:
    account = {"client_id": "tinh-mau", "client_secret": "mat-thu"}
    return Settings.model_validate({"url": url, "token_url": f"{url}/token", **account, "total_timeout": 5, **more})


@pytest.fixture
def twin() -> MsyncTwin:
    return MsyncTwin()


@pytest.fixture
def serve(twin: MsyncTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def axis(serve: Serve, **more: Any) -> Axis:
    conf = settings(serve.url, **more)
    return Axis(conf, Client(conf, OUTCOMES))


def told(document: Any = DOCUMENT, trace: Any = TRACE, **more: Any) -> Parcel:
    content = {"document": document, "trace": trace}
    return parcel("StatusChanged", content, read_file=lambda name: b"%PDF-1.4", **more)


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call = sample.expected["call"]
    recorded = Recorded(sample, PATHS[call], MsyncTwin().answer)
    serve = Serve(recorded)
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    client = Client(settings(serve.start()), outcomes)

    def make() -> None:
        if call == "token":
            client.token()
        else:
            client.tell(call, sample.request)

    outcome, reason = outcome_of(make)
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome != "delivered":
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    if call != "token":
        assert [asked.json() for asked in recorded.asked] == [sample.request]


def test_a_status_goes_as_dossier_and_step_with_its_file_inline(serve: Serve, twin: MsyncTwin) -> None:
    axis(serve).deliver(told())

    book = twin.book()
    document = book["documents"][CODE]
    assert document["Attachments"][0] | {"Base64": ""} == {
        "Attachmentld": 1, "AttachmentName": "to-khai.pdf", "IsDeleted": False, "Base64": "", "IsVerified": False,
    }  # fmt: skip
    assert document["Attachments"][0]["Base64"] == "JVBERi0xLjQ="
    assert document["DateReceived"] == "2026-01-05T09:30:00.000+0700"
    assert [trace["DateCreated"] for trace in book["traces"]] == ["2026-01-06T09:30:00.000+0700"]


def test_what_the_first_call_did_is_remembered_and_not_done_again(serve: Serve, twin: MsyncTwin) -> None:
    remembered: dict[str, Any] = {}
    out = axis(serve)
    with pytest.raises(Rejected, match="UserName"):
        out.deliver(told(trace=TRACE | {"UserName": " "}, remember=remembered.__setitem__))
    assert remembered == {"document": "delivered"}

    out.deliver(told(steps=remembered))

    assert twin.book()["effects"] == [f"create {CODE}"]
    assert len(twin.book()["traces"]) == 1


def test_said_again_in_doubt_nothing_is_doubled(serve: Serve, twin: MsyncTwin) -> None:
    out = axis(serve)
    out.deliver(told(trace=None))
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(told())
    serve.chaos = Chaos()

    again = told(in_doubt=True)
    assert out.find(again) is Found.ABSENT
    out.deliver(again)
    out.deliver(again)

    assert list(twin.book()["documents"]) == [CODE]
    assert len(twin.book()["traces"]) == 1


def test_nothing_to_tell_is_not_sent(serve: Serve, twin: MsyncTwin) -> None:
    assert axis(serve).deliver(told(None, None)).code == "nothing-to-send"
    assert twin.book()["effects"] == []


def test_a_step_of_a_dossier_the_axis_does_not_have_goes_to_a_person(serve: Serve) -> None:
    with pytest.raises(Rejected, match="chưa được đồng bộ"):
        axis(serve).deliver(told(document=None))


def test_a_file_elsewhere_or_too_large_goes_to_a_person(serve: Serve, twin: MsyncTwin) -> None:
    elsewhere = {key: value for key, value in DOCUMENT["Attachments"][0].items() if key != "sha256"}
    with pytest.raises(Rejected, match="không nằm trong cổng"):
        axis(serve).deliver(told(DOCUMENT | {"Attachments": [elsewhere]}))
    with pytest.raises(Rejected, match="lớn hơn 1024 byte"):
        axis(serve, file_bytes=1024).deliver(replace(told(), read_file=lambda name: b"x" * 2000))
    with pytest.raises(TryLater, match="không có tệp"):
        axis(serve).deliver(parcel("StatusChanged", {"document": DOCUMENT}))
    assert twin.book()["documents"] == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ApplicantsType", 5),
        ("IsReturned", "false"),
        ("DateAppointed", ""),
        ("CitizenName", " "),
        ("Status", 3),
        ("La", "x"),
    ],
)
def test_the_twin_refuses_what_the_axis_would_refuse(serve: Serve, twin: MsyncTwin, field: str, value: Any) -> None:
    with pytest.raises(Rejected, match=field):
        axis(serve).deliver(told(DOCUMENT | {field: value}))
    assert twin.book()["documents"] == {}


@pytest.mark.parametrize("file", made("msync_document"), ids=lambda file: file.parent.name)
def test_the_twin_takes_every_dossier_the_mapping_makes(serve: Serve, twin: MsyncTwin, file: Any) -> None:
    axis(serve).deliver(told(read(file), None))
    assert list(twin.book()["documents"]) == [CODE]


def test_many_threads_fetch_one_token_and_one_forgotten_is_renewed_once(serve: Serve, twin: MsyncTwin) -> None:
    client = Client(settings(serve.url), OUTCOMES)
    threads = [threading.Thread(target=client.token) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twin.book()["tokens_given"] == 1
    twin.expire()
    Axis(settings(serve.url), client).deliver(told())
    assert twin.book()["tokens_given"] == 2


def test_the_check_says_whether_the_axis_knows_us(serve: Serve) -> None:
    assert [h.ok for h in axis(serve).check()] == [True]
    assert [h.ok for h in axis(serve, client_secret="sai").check()] == [False]


@given(st.integers(631_238_400_000, 4_133_894_400_000))  # milliseconds, from 1990 to 2100
def test_a_moment_written_is_the_moment_read(milliseconds: int) -> None:
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)
    assert read_time(write_time(write_instant(moment))) == moment
    assert write_time("") == ""


def test_our_ten_states_each_have_their_row_and_the_mapping_has_the_same() -> None:
    view = read(ROOT / "mappings/msync_document/samples/a-received-dossier-with-file-fee-and-paper/in.json")
    rows = status_rows("msync")
    assert [row["ours"] for row in rows] == list(range(1, 11))
    for row in rows:
        received = row["ours"] not in (1, 3)
        moment = {str(row["ours"]): "2026-01-08T02:00:00Z"}
        now = {
            "current_status": row["ours"],
            "moments": moment,
            "first_moments": {"2": "2026-01-05T02:30:00Z"} if received else moment,
        }
        document = MAPPINGS["msync_document"].translate(view | now)
        assert row["theirs"] == ("none" if document is None else str(document["Status"]))


@pytest.mark.parametrize(
    "chaos",
    [
        Chaos(),
        Chaos(drop_after=0.4, seed=3),
        Chaos(drop_before=0.2, error_500=0.2, wrong_type=0.2, seed=4),
        Chaos(duplicate_answer=1),
        Chaos(expired_session=0.5, seed=6),
    ],
)
def test_whatever_the_axis_does_dossier_and_steps_arrive_once_and_in_order(
    serve: Serve, twin: MsyncTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, chaos: Chaos
) -> None:
    day = TrunkDay(tmp_path, "axis", serve.url, monkeypatch)
    serve.chaos = chaos
    day.receive()
    for status in (4, 5, 4, 9, 10):
        day.say("StatusChanged", status=status, content="Xử lý hồ sơ", officer=OFFICER)
        for _ in range(4):
            day.later(60)
            day.work()
    serve.chaos = Chaos()
    day.later(24 * 60)
    day.work()

    book = twin.book()
    assert list(book["documents"]) == [CODE]
    assert (book["documents"][CODE]["Status"], book["documents"][CODE]["IsReturned"]) == (2, True)
    moments = [read_time(trace["DateCreated"]) for trace in book["traces"]]
    assert len(moments) == len(set(moments)) == 5
    assert moments == sorted(moments)
    assert day.open_ends() == []
    day.close()


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.delivers
    assert isinstance(connector.simulator and connector.simulator({}), MsyncTwin)

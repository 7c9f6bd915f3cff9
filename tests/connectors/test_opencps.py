"""OpenCPS: dossiers, files, actions, inform, and how a dossier stands; against samples and the strict twin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.opencps import FOLDER, connector
from connectors.opencps.client import Client, reference_of
from connectors.opencps.outbound import Dossiers
from connectors.opencps.polling import Standings
from connectors.opencps.settings import Settings
from connectors.opencps.simulator import STATUSES, OpenCpsTwin
from connectors.opencps.times import read_time, write_time
from gateway.canonical.scalars import write_instant
from gateway.errors import AskFirst, Rejected, TryLater, Unclassified
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Submission
from gateway.simulation import Chaos, Request, Response, Serve, Twin
from tests.civil import Desk
from tests.connectors.replay import DOSSIER, Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.connectors.test_mappings import made, read
from tests.trunks import CODE, OFFICER, ROOT, TrunkDay, status_rows

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
DOCUMENT = read(ROOT / "mappings/opencps_dossier/samples/a-received-dossier-with-a-file/out.json")
WITHDRAWN = read(ROOT / "mappings/opencps_step/samples/withdrawn-by-the-citizen/out.json")
GIVEN = read(ROOT / "mappings/opencps_step/samples/papers-given-with-a-file/out.json")
ACTIONS = {
    "withdrawn": {"code": "1300", "leads_to": "cancelled"},
    "supplemented": {"code": "1500", "leads_to": "processing"},
}
REFERENCE = reference_of(DOSSIER)
_DOSSIERS = "/o/rest/v2/dossiers"
PATHS = {
    "dossier": _DOSSIERS,
    "look": f"{_DOSSIERS}/{REFERENCE}",
    "action": f"{_DOSSIERS}/{REFERENCE}/actions",
    "inform": f"{_DOSSIERS}/inform/{REFERENCE}",
}


def settings(url: str, **more: Any) -> Settings:
    account = {"username": "mot-cua", "password": "mat-thu", "group_id": "35166"}
    return Settings.model_validate({"url": f"{url}/o/rest/v2", **account, "total_timeout": 5, **more})


@pytest.fixture
def twin() -> OpenCpsTwin:
    return OpenCpsTwin()


@pytest.fixture
def serve(twin: OpenCpsTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def dossiers(serve: Serve, **more: Any) -> Dossiers:
    conf = settings(serve.url, **more)
    return Dossiers(conf, Client(conf, OUTCOMES))


def standings(serve: Serve, desk: Desk, **more: Any) -> Standings:
    conf = settings(serve.url, **more)
    return Standings(Client(conf, OUTCOMES), conf, desk)


def dossier(content: Any = DOCUMENT, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"dossier": content, "step": None}, read_file=lambda name: b"%PDF-1.4", **more)


def step(content: Any = WITHDRAWN, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"dossier": None, "step": content}, read_file=lambda name: b"%PDF-1.4", **more)


def known(code: str = DOSSIER, status: int = 2) -> dict[str, Any]:
    return {"dossier": {"dossier": code}, "status": status, "status_time": "2026-01-05T02:30:00Z", "received_at": None}


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call = sample.expected["call"]
    recorded = Recorded(sample, PATHS[call], OpenCpsTwin().answer)
    serve = Serve(recorded)
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    client = Client(settings(serve.start()), outcomes)

    def make() -> None:
        match call:
            case "look":
                client.standing(REFERENCE)
            case "dossier":
                client.put_dossier(sample.request)
            case "action":
                client.act(REFERENCE, sample.request)
            case _:
                client.inform(REFERENCE, sample.request)

    outcome, reason = outcome_of(make)
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome != "delivered":
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    assert dict(parse_qsl(asked.body.decode(), keep_blank_values=True)) == sample.request


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "means"), [({"code": "404"}, "delivered"), (None, "delivered"), ("<html>404</html>", "try_later")]
)
def test_a_dossier_is_not_there_by_their_own_word_and_not_by_a_page(body: Any, means: str) -> None:
    class Answering(Twin):
        def answer(self, request: Request) -> Response:
            return Response(404, body)

    serve = Serve(Answering())
    client = Client(settings(serve.start()), OUTCOMES)

    def ask() -> None:
        client.standing(REFERENCE)

    outcome = outcome_of(ask)[0]
    serve.stop()

    assert outcome == means


def test_a_dossier_goes_with_its_files_and_replaces_itself(serve: Serve, twin: OpenCpsTwin) -> None:
    out = dossiers(serve)
    receipt = out.deliver(dossier())
    out.deliver(dossier(in_doubt=True))

    book = twin.book()
    assert (receipt.reference, book["effects"]) == (REFERENCE, [f"create {CODE}", f"update {CODE}"])
    assert [file["displayName"] for file in book["files"][CODE]] == ["to-khai.pdf"]
    assert read_time(book["dossiers"][CODE]["receiveDate"]) == datetime(2026, 1, 5, 2, 30, tzinfo=UTC)


def test_what_was_done_is_remembered_and_not_done_again(serve: Serve, twin: OpenCpsTwin) -> None:
    remembered: dict[str, Any] = {}
    two = {
        **DOCUMENT,
        "files": [*DOCUMENT["files"], {"id": "2", "displayName": " ", "fileType": "x", "sha256": "6f" * 32}],
    }
    out = dossiers(serve)
    with pytest.raises(Rejected, match="Invalid file"):
        out.deliver(dossier(two, remember=remembered.__setitem__))
    assert sorted(remembered) == ["dossier", f"file {reference_of(DOSSIER, '1')}"]

    two["files"][1] = {**two["files"][1], "displayName": "so-do.pdf"}
    out.deliver(dossier(two, steps=remembered))

    assert twin.book()["effects"] == [f"create {CODE}"]
    assert [file["displayName"] for file in twin.book()["files"][CODE]] == ["to-khai.pdf", "so-do.pdf"]


def test_a_supplement_is_its_files_and_an_action_where_there_is_one(serve: Serve, twin: OpenCpsTwin) -> None:
    dossiers(serve).deliver(dossier())
    dossiers(serve).deliver(step(GIVEN))
    assert twin.book()["dossiers"][CODE]["dossierStatus"] == "receiving"
    dossiers(serve, actions=ACTIONS).deliver(step(GIVEN))
    assert twin.book()["dossiers"][CODE]["dossierStatus"] == "processing"
    assert [file["displayName"] for file in twin.book()["files"][CODE]] == ["to-khai.pdf", "so-do.pdf"]


@pytest.mark.parametrize(("actions", "status"), [({}, "cancelling"), (ACTIONS, "cancelled")])
def test_a_withdrawal_in_doubt_is_looked_up_by_the_status_it_leads_to(
    serve: Serve, twin: OpenCpsTwin, actions: Any, status: str
) -> None:
    out = dossiers(serve, actions=actions)
    out.deliver(dossier())
    steps: dict[str, Any] = {}

    def remember(
        name: str, answer: Any
    ) -> None:  # the dossier was looked at: from now on the server does it, and does not answer
        steps[name] = answer
        serve.chaos = Chaos(drop_after=1)

    with pytest.raises(AskFirst):
        out.deliver(step(remember=remember))
    serve.chaos = Chaos()
    assert out.find(step(in_doubt=True, steps=steps)) is Found.ARRIVED
    assert twin.book()["effects"] == [f"create {CODE}", f"{status} {CODE}"]


@pytest.mark.parametrize("there", [True, False])
def test_inform_is_not_believed(there: bool) -> None:
    serve = Serve(OpenCpsTwin({"deaf": True}))
    serve.start()
    out = dossiers(serve)
    if there:
        out.deliver(dossier())
    with pytest.raises(Unclassified, match="báo thành công"):
        out.deliver(step())
    serve.stop()


def test_an_action_of_another_step_goes_to_a_person(serve: Serve) -> None:
    out = dossiers(serve, actions={"withdrawn": {"code": "9999", "leads_to": "cancelled"}})
    out.deliver(dossier())
    with pytest.raises(Rejected, match="not enabled"):
        out.deliver(step())


def test_nothing_to_send_is_not_sent(serve: Serve, twin: OpenCpsTwin) -> None:
    without = read(ROOT / "mappings/opencps_step/samples/another-status-has-no-occasion/out.json")
    assert dossiers(serve).deliver(step(without)).code == "nothing-to-send"
    assert dossiers(serve).deliver(step(None)).code == "nothing-to-send"
    assert dossiers(serve).find(step(GIVEN)) is Found.ABSENT
    assert twin.book()["effects"] == []


def test_a_file_elsewhere_or_too_large_goes_to_a_person(serve: Serve) -> None:
    elsewhere = {key: value for key, value in DOCUMENT["files"][0].items() if key != "sha256"}
    with pytest.raises(Rejected, match="không nằm trong cổng"):
        dossiers(serve).deliver(dossier({**DOCUMENT, "files": [elsewhere]}))
    with pytest.raises(Rejected, match="lớn hơn 1024 byte"):
        dossiers(serve, file_bytes=1024).deliver(replace(dossier(), read_file=lambda name: b"x" * 2000))


@pytest.mark.parametrize("name", ['a"b.pdf', "a\\b.pdf", "a\r\nX: y.pdf", "đơn đề nghị.pdf"])
def test_a_file_name_breaks_no_form(serve: Serve, twin: OpenCpsTwin, name: str) -> None:
    dossiers(serve).deliver(dossier({**DOCUMENT, "files": [{**DOCUMENT["files"][0], "displayName": name}]}))
    assert len(twin.book()["files"][CODE]) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("applicantIdType", "other"), ("applicantIdNo", ""), ("originality", "3"), ("la", "x")]
)
def test_the_twin_refuses_what_opencps_would_refuse(serve: Serve, twin: OpenCpsTwin, field: str, value: str) -> None:
    with pytest.raises(Rejected, match=field):
        dossiers(serve).deliver(dossier({**DOCUMENT, field: value}))
    assert twin.book()["dossiers"] == {}


@pytest.mark.parametrize("file", made("opencps_dossier"), ids=lambda file: file.parent.name)
def test_the_twin_takes_every_dossier_the_mapping_makes(serve: Serve, twin: OpenCpsTwin, file: Any) -> None:
    document = read(file)
    dossiers(serve).deliver(dossier({**document, "files": [one for one in document["files"] if "sha256" in one]}))
    assert list(twin.book()["dossiers"]) == [CODE]


def test_the_check_says_whether_opencps_knows_us(serve: Serve) -> None:
    assert [h.ok for h in dossiers(serve).check()] == [True]
    assert [h.ok for h in dossiers(serve, password="sai").check()] == [False]


def test_references_are_the_same_for_the_same_and_differ_for_others() -> None:
    assert reference_of(DOSSIER) == REFERENCE
    assert len({reference_of(DOSSIER), reference_of(DOSSIER, "1"), reference_of(DOSSIER, "2"), reference_of("x")}) == 4


@given(st.integers(631_238_400_000, 4_133_894_400_000))  # milliseconds, from 1990 to 2100
def test_a_moment_written_is_the_moment_read(milliseconds: int) -> None:
    assert write_time(write_instant(read_time(str(milliseconds)))) == str(milliseconds)
    assert write_time("") == ""


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def there(serve: Serve) -> Serve:
    """The dossier is at OpenCPS."""
    dossiers(serve).deliver(dossier())
    return serve


def told(items: Any) -> list[tuple[str, Any]]:
    return [(item.body["type"], item.body.get("status")) for item in items]


def news(serve: Serve, desk: Desk, cursor: str | None = None) -> list[Submission]:
    return list(standings(serve, desk).poll(cursor).items)


def test_a_step_there_is_told_once(there: Serve, twin: OpenCpsTwin) -> None:
    twin.act({"move": {"code": CODE, "to": "processing"}})
    assert told(news(there, Desk(rows=[known()]))) == [("StatusChanged", 4)]
    assert news(there, Desk(rows=[known(status=4)])) == []


def test_a_result_comes_with_the_agencys_papers_and_through_in_process(there: Serve, twin: OpenCpsTwin) -> None:
    twin.act({"issue": {"code": CODE, "file": "giay-phep.pdf"}})
    twin.act({"move": {"code": CODE, "to": "releasing"}})
    desk = Desk(rows=[known()])

    items = news(there, desk)

    assert told(items) == [("ResultIssued", None), ("StatusChanged", 4), ("StatusChanged", 9)]
    assert items[0].body is not None
    [paper] = items[0].body["results"]
    assert (paper["name"], desk.files[paper["sha256"]]) == ("giay-phep.pdf", b"%PDF-1.4 giay-phep.pdf")
    assert told(news(there, Desk(rows=[known(status=4)]))) == [("ResultIssued", None), ("StatusChanged", 9)]


@pytest.mark.parametrize("files", [{}, {"data": ["x"]}, {"data": [{"dossierPartType": 2, "displayName": "x"}]}])
def test_files_of_another_shape_hold_the_result_back_loudly(files: Any) -> None:
    class Odd(OpenCpsTwin):
        def _look(self, names: list[str]) -> Response:
            return Response(body=files) if names[1:] == ["files"] else super()._look(names)

    odd = Odd()
    serve = Serve(odd)
    serve.start()
    dossiers(serve).deliver(dossier())
    odd.act({"move": {"code": CODE, "to": "releasing"}})
    with pytest.raises(Unclassified, match="look"):
        standings(serve, Desk(rows=[known(status=4)])).poll(None)
    serve.stop()


def test_a_pause_is_told_once_also_after_it_was_answered_here(there: Serve, twin: OpenCpsTwin) -> None:
    twin.act({"move": {"code": CODE, "to": "waiting", "note": "Thiếu sơ đồ"}})
    page = standings(there, Desk(rows=[known()])).poll(None)
    assert told(page.items) == [("SupplementRequested", None), ("StatusChanged", 5)]
    assert page.items[0].body is not None
    assert page.items[0].body["content"] == "Thiếu sơ đồ"

    again = standings(there, Desk(rows=[known(status=4)])).poll(page.cursor)  # supplemented here, not looked at there
    assert (list(again.items), again.cursor) == ([], page.cursor)
    twin.act({"move": {"code": CODE, "to": "processing"}})
    after = standings(there, Desk(rows=[known(status=4)])).poll(again.cursor)
    assert (list(after.items), after.cursor) == ([], "{}")
    twin.act({"move": {"code": CODE, "to": "waiting", "note": "Thiếu bản vẽ"}})
    assert told(standings(there, Desk(rows=[known(status=4)])).poll(after.cursor).items) == [
        ("SupplementRequested", None),
        ("StatusChanged", 5),
    ]


def test_a_dossier_that_has_ended_is_forgotten(there: Serve) -> None:
    page = standings(there, Desk(rows=[known()])).poll(json.dumps({"cũ": "waiting"}))
    assert page.cursor == "{}"


@pytest.mark.parametrize("word", ["pausing", "correcting", "cancelled", "chưa-từng-thấy"])
def test_what_only_a_person_can_judge_is_held_under_a_name_of_its_own(
    there: Serve, twin: OpenCpsTwin, word: str
) -> None:
    twin.act({"move": {"code": CODE, "to": word}})
    [item] = news(there, Desk(rows=[known()]))
    assert (item.body, [f.code for f in item.problem]) == (None, ["for-a-person"])
    [again] = news(there, Desk(rows=[known()]))
    assert (again.source_id, again.original) == (item.source_id, item.original)


def test_what_no_mapping_reads_is_handed_on_with_its_fault(there: Serve, twin: OpenCpsTwin) -> None:
    twin.act({"move": {"code": CODE, "to": "processing"}})
    desk = Desk(rows=[known()])
    desk.refuse = True
    [item] = news(there, desk)
    assert (item.body, [f.code for f in item.problem]) == (None, ["x"])


def test_a_dossier_they_do_not_have_or_that_says_nothing_new_is_no_news(there: Serve) -> None:
    assert news(there, Desk(rows=[known(), known("000.00.01.H99-260105-0777")])) == []


def test_the_clock_of_an_event_never_runs_behind_what_it_follows_on(there: Serve, twin: OpenCpsTwin) -> None:
    twin.act({"move": {"code": CODE, "to": "processing"}})
    later = known() | {"status_time": "2026-01-07T00:00:00Z"}
    [item] = news(there, Desk(rows=[later]))
    assert item.body is not None
    assert item.body["event_time"] == "2026-01-07T00:00:00Z"


def test_one_question_that_fails_holds_up_no_other_and_is_told_at_the_end_of_the_round() -> None:
    class Half(OpenCpsTwin):
        def _look(self, names: list[str]) -> Response:
            return Response(500, "<html></html>") if names[0] == REFERENCE else super()._look(names)

    half = Half()
    serve = Serve(half)
    serve.start()
    other = "000.00.01.H99-260105-0002"
    out = dossiers(serve)
    out.deliver(dossier())
    out.deliver(replace(dossier({**DOCUMENT, "dossierNo": other}), message=replace(dossier().message, dossier=other)))
    half.act({"move": {"code": other, "to": "processing"}})
    feed = standings(serve, Desk(rows=[known(), known(other)]))
    page = feed.poll(None)
    assert [item.body and item.body["dossier"] for item in page.items] == [other]
    feed._desk = Desk(rows=[known(), known(other, 4)])
    with pytest.raises(TryLater, match="look"):
        feed.poll(page.cursor)
    serve.stop()


def test_pages_go_through_all_dossiers(there: Serve, twin: OpenCpsTwin) -> None:
    twin.act({"move": {"code": CODE, "to": "processing"}})
    rows = sorted(
        [known(f"000.00.01.H99-260105-{n:04d}") for n in range(2, 6)] + [known()], key=lambda r: r["dossier"]["dossier"]
    )
    feed = standings(there, Desk(rows=rows), page_size=2)
    pages = [feed.poll(None)]
    while pages[-1].more:
        pages.append(feed.poll(pages[-1].cursor))
    assert [len(page.items) for page in pages] == [1, 0, 0]


@pytest.mark.parametrize("answer", [{"dossierNo": "x"}, [1]])
def test_an_answer_of_another_shape_stops_loudly(answer: Any) -> None:
    class Odd(OpenCpsTwin):
        def answer(self, request: Request) -> Response:
            return Response(body=answer)

    serve = Serve(Odd())
    serve.start()
    with pytest.raises((Unclassified, TryLater)):
        standings(serve, Desk(rows=[known()])).poll(None)
    serve.stop()


@pytest.mark.parametrize("chaos", [Chaos(down=True), Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
def test_a_server_that_cannot_be_asked_is_asked_later(there: Serve, chaos: Chaos) -> None:
    there.chaos = chaos
    with pytest.raises(TryLater):
        news(there, Desk(rows=[known()]))


# ── a whole day, tables ─────────────────────────────────────────────────────────────────────────────────────


def test_a_dossier_goes_to_opencps_and_its_result_comes_back(
    serve: Serve, twin: OpenCpsTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a dossier that the one-stop has received: it is at OpenCPS
    day = TrunkDay(tmp_path, "opencps", serve.url, monkeypatch)
    day.receive()
    assert list(twin.book()["dossiers"]) == [CODE]

    # when papers are wanted there, given here, and a paper is made
    day.later(60)
    twin.act({"move": {"code": CODE, "to": "waiting", "note": "Thiếu sơ đồ"}})
    day.poll("opencps")
    request = next(iter(twin.book()["dossiers"].values()))["dossierNote"]
    assert request == "Thiếu sơ đồ"
    day.say("StatusChanged", status=4, content="Đã bổ sung", officer=OFFICER)
    day.poll("opencps")
    day.later(60)
    twin.act({"issue": {"code": CODE, "file": "giay-phep.pdf"}})
    twin.act({"move": {"code": CODE, "to": "releasing"}})
    day.poll("opencps")
    day.poll("opencps")

    # then the one-stop has heard of everything, once, and nothing is left over
    assert day.told() == ["SupplementRequested", "StatusChanged", "ResultIssued", "StatusChanged"]
    assert day.moves() == [2, 5, 4, 9]
    assert day.open_ends() == []
    day.close()


@pytest.mark.parametrize(
    "chaos",
    [
        Chaos(drop_after=0.4, seed=3),
        Chaos(drop_before=0.3, error_500=0.3, seed=4),
        Chaos(wrong_type=0.4, seed=5),
        Chaos(expired_session=0.5, slow=0.1, slow_seconds=0.01, seed=6),
    ],
)
def test_whatever_the_server_does_everything_arrives_once(
    serve: Serve, twin: OpenCpsTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, chaos: Chaos
) -> None:
    day = TrunkDay(tmp_path, "opencps", serve.url, monkeypatch)
    serve.chaos = chaos
    day.receive()
    for turn in range(30):
        day.later(60)
        day.poll("opencps")
        if turn == 15:
            twin.act({"issue": {"code": CODE, "file": "giay-phep.pdf"}})
            twin.act({"move": {"code": CODE, "to": "releasing"}})
    serve.chaos = Chaos()
    day.later(24 * 60)
    day.poll("opencps")
    day.poll("opencps")

    assert list(twin.book()["dossiers"]) == [CODE]
    assert day.told() == ["ResultIssued", "StatusChanged", "StatusChanged"]
    assert day.moves() == [2, 4, 9]
    assert day.open_ends() == []
    day.close()


def test_every_word_of_theirs_has_its_row() -> None:
    rows: Mapping[str, Any] = {row["theirs"]: row["ours"] for row in status_rows("opencps")}
    assert sorted(rows) == sorted(STATUSES)
    assert {ours for ours in rows.values() if isinstance(ours, int)} == {4, 5, 6, 8, 9}
    assert {ours for ours in rows.values() if not isinstance(ours, int)} == {"nothing", "held"}


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.desk_poller is not None
    assert isinstance(connector.simulator and connector.simulator({}), OpenCpsTwin)

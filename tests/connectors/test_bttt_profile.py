"""The Ministry's exchange of profiles: mailbox, steps, dossiers, and the codes of its list; against samples and the strict twin."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.bttt_profile import FOLDER, connector
from connectors.bttt_profile.client import Client
from connectors.bttt_profile.inbound import ProfileBox
from connectors.bttt_profile.outbound import Profiles
from connectors.bttt_profile.settings import Settings
from connectors.bttt_profile.simulator import PATHS, ProfileTwin, profile_of
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater, Unclassified
from gateway.outcomes import Outcomes
from gateway.ports import Found, Page, Parcel, Submission
from gateway.simulation import Chaos, Request, Response, Serve
from tests.civil import Desk
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.connectors.test_mappings import made, read
from tests.trunks import CODE, OFFICER, ROOT, TrunkDay, addresses, status_rows

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
PROFILE = read(ROOT / "mappings/bttt_profile/samples/a-received-dossier-with-a-file-a-fee-and-a-paper/out.json")
STEP = read(ROOT / "mappings/bttt_status/samples/a-step-of-a-dossier-of-theirs/out.json")


def settings(url: str, **more: Any) -> Settings:
    where = {
        name.removeprefix("LIENTHONG_PROFILES_").lower(): value for name, value in addresses("profiles", url).items()
    }
    unit = {"code": "000.00.01.H99", "name": "Trung tâm Phục vụ hành chính công"}
    account = {"client_id": "tinh-mau", "client_secret": "mat-thu", "unit_code": "H99.MCDT", "to_units": ["G99.PMNV"]}
    return Settings.model_validate({**where, **account, "unit": unit, "total_timeout": 5, **more})


@pytest.fixture
def twin() -> ProfileTwin:
    return ProfileTwin()


@pytest.fixture
def serve(twin: ProfileTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def profiles(serve: Serve, **more: Any) -> Profiles:
    conf = settings(serve.url, **more)
    return Profiles(conf, Client(conf, OUTCOMES))


def mailbox(serve: Serve, desk: Desk | None = None, **more: Any) -> ProfileBox:
    conf = settings(serve.url, **more)
    return ProfileBox(Client(conf, OUTCOMES), conf, desk or Desk())


def profile(content: Any = PROFILE, **more: Any) -> Parcel:
    return parcel("DossierSubmitted", {"profile": content}, read_file=lambda name: b"%PDF-1.4", **more)


def step(content: Any = STEP, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"profile": None, "status": content}, **more)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call, again = sample.expected["call"], sample.expected.get("again", False)
    recorded = Recorded(sample, PATHS[call], ProfileTwin().answer)
    serve = Serve(recorded)
    outcomes = Watched.load(FOLDER / "outcomes.toml")
    client = Client(settings(serve.start()), outcomes)
    verdicts: list[str] = []

    def make() -> None:
        match call:
            case "token":
                client.token()
            case "list":
                client.waiting()
            case "detail":
                client.detail("1")
            case "ack":
                client.acknowledge("1", "done")
            case _:
                verdicts.append(client.send(call, sample.request, again=again)[0].outcome)

    outcome, reason = outcome_of(make)
    serve.stop()

    done = sample.expected["outcome"] in (
        "delivered",
        "duplicate",
    )  # a call has no receipt: done and done before are one
    assert outcome == ("delivered" if done else sample.expected["outcome"])
    assert verdicts in ([], [sample.expected["outcome"]])
    assert outcomes.decided == [sample.expected["rule"]]
    if not done:
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    if call in ("profile", "status"):
        assert [asked.json() for asked in recorded.asked] == [sample.request]


@pytest.mark.parametrize("code", ["10", "13", "30", "45", "", "x"])
def test_a_code_nobody_has_published_is_unclassified(code: str) -> None:
    assert OUTCOMES.judge("status", http=200, code=code).outcome == "unclassified"


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_said_again_is_one_step(serve: Serve, twin: ProfileTwin) -> None:
    out = profiles(serve)
    out.deliver(step(STEP | {"status_profile": "2"}))
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(step())
    serve.chaos = Chaos()

    assert out.find(step(in_doubt=True)) is Found.ABSENT
    out.deliver(step(in_doubt=True))
    assert [row["status_profile"] for row in twin.book()["steps"]] == ["2", "4"]
    assert twin.book()["steps"][0]["from_unit_code"] == "H99.MCDT"


def test_a_dossier_of_ours_goes_with_its_file_inline_and_always_the_same_reference(
    serve: Serve, twin: ProfileTwin
) -> None:
    out = profiles(serve)
    first, again = (out.deliver(profile()).reference for _ in range(2))

    sent = twin.book()["profiles"][0]
    assert first == again == sent["ref_code"]
    assert sent["to_unit_code"] == ["G99.PMNV"]
    assert sent["profileAttachments"][0]["content_transfer_encoded"] == "JVBERi0xLjQ="


def test_a_dossier_in_doubt_waits_for_a_person_since_nobody_can_be_asked(serve: Serve) -> None:
    assert profiles(serve).find(profile(in_doubt=True)) is Found.UNKNOWN


def test_a_file_elsewhere_goes_by_its_address_and_one_too_large_to_a_person(serve: Serve, twin: ProfileTwin) -> None:
    file = read(
        ROOT / "mappings/bttt_profile/samples/an-enterprise-through-its-delegate-with-a-file-elsewhere/out.json"
    )
    profiles(serve).deliver(profile(file))
    [sent] = twin.book()["profiles"][0]["profileAttachments"]
    assert sent["attachment_file_url"] == "https://kho.example.vn/ban-ve.dwg"
    with pytest.raises(Rejected, match="lớn hơn 1024 byte"):
        profiles(serve, file_bytes=1024).deliver(replace(profile(), read_file=lambda name: b"x" * 2000))


def test_nothing_to_send_is_not_sent(serve: Serve, twin: ProfileTwin) -> None:
    assert profiles(serve).deliver(step(None)).code == "nothing-to-send"
    assert profiles(serve).find(step(None)) is Found.ABSENT
    assert twin.book()["steps"] == []


@pytest.mark.parametrize(
    ("parcel", "code"),
    [
        (step(STEP | {"to_unit_code": []}), "2"),
        (step(STEP | {"to_unit_code": ["LA"]}), "3"),
        (step(STEP | {"source_id": ""}), "4"),
        (step(STEP | {"ref_code": "sai"}), "5"),
        (step(STEP | {"type": "khác"}), "17"),
        (step(STEP | {"status_profile": "11"}), "41"),
        (profile(PROFILE | {"procedures_code": ""}), "6"),
        (profile(PROFILE | {"creation_date": "2026/02/31 08:15:00"}), "7"),
        (profile(PROFILE | {"status": "LA"}), "11"),
    ],
)
def test_the_twin_refuses_what_the_exchange_would_refuse(
    serve: Serve, twin: ProfileTwin, parcel: Parcel, code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        profiles(serve).deliver(parcel)
    assert refused.value.code == code
    assert (twin.book()["steps"], twin.book()["profiles"]) == ([], [])


@pytest.mark.parametrize("file", made("bttt_profile"), ids=lambda file: file.parent.name)
def test_the_twin_takes_every_dossier_the_mapping_makes(serve: Serve, twin: ProfileTwin, file: Any) -> None:
    profiles(serve).deliver(profile(read(file)))
    assert len(twin.book()["profiles"]) == 1


def test_many_threads_fetch_one_token_and_one_forgotten_is_renewed_once(serve: Serve, twin: ProfileTwin) -> None:
    client = Client(settings(serve.url), OUTCOMES)
    threads = [threading.Thread(target=client.waiting) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twin.book()["tokens_given"] == 1
    twin.expire()
    client.waiting()
    assert twin.book()["tokens_given"] == 2


def test_the_check_says_who_is_to_blame_and_acknowledges_nothing(serve: Serve, twin: ProfileTwin) -> None:
    twin.act({"put": {"code": CODE}})
    assert [h.ok for h in profiles(serve).check()] == [True, True]
    assert [h.ok for h in profiles(serve, client_secret="sai").check()] == [False]
    assert [h.ok for h in profiles(serve, list_url=f"{serve.url}/la").check()] == [True, False]
    assert twin.book()["acknowledged"] == []


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────


def known(status: int) -> Mapping[str, Any]:
    return {"dossier": {}, "status": status, "status_time": "x", "received_at": "2026-01-05T02:30:00Z"}


def read_all(feed: ProfileBox) -> list[Submission]:
    pages, cursor, more = list[Page](), None, True
    while more:
        pages.append(feed.poll(cursor))
        cursor, more = pages[-1].cursor, pages[-1].more
    return [item for page in pages for item in page.items]


def codes(item: Submission) -> list[str]:
    return [fault.code for fault in item.problem]


def test_a_page_is_acknowledged_by_the_next_poll_and_not_before(serve: Serve, twin: ProfileTwin) -> None:
    for number in range(1, 5):
        twin.act({"put": {"code": f"{CODE[:-1]}{number}"}})
    feed = mailbox(serve, page_size=3)

    first = feed.poll(None)
    assert (len(first.items), first.more, twin.book()["acknowledged"]) == (3, True, [])
    second = feed.poll(first.cursor)
    assert (len(second.items), [n for n, _ in twin.book()["acknowledged"]]) == (1, ["1", "2", "3"])
    third = feed.poll(second.cursor)
    assert (third.items, third.more, json.loads(third.cursor)) == ([], False, [])
    assert {status for _, status in twin.book()["acknowledged"]} == {"done"}


def test_files_and_form_are_parked_and_texts_are_facts(serve: Serve, twin: ProfileTwin) -> None:
    deleted = {
        "id": 7,
        "attachment_name": "cũ",
        "content_type": "pdf",
        "is_deleted": 1,
        "content_transfer_encoded": "x",
    }
    elsewhere = {"id": 8, "attachment_name": "bản vẽ", "attachment_file_url": "https://kho.example.vn/ban-ve"}
    files = [*profile_of(CODE)["profileAttachments"], deleted, elsewhere]
    form = b64encode(b'{"hoTen":"..."}').decode()
    twin.act({"put": {"code": CODE, "profileAttachments": files, "data_eform": form}})
    desk = Desk()

    [item] = read_all(mailbox(serve, desk))

    assert item.body is not None, item.problem
    first, plan, eform = item.body["attachments"]
    assert (first["name"], desk.files[first["sha256"]]) == ("to-khai.pdf", b"%PDF-1.4 to-khai")
    assert plan["url"] == "https://kho.example.vn/ban-ve"
    assert desk.files[eform["sha256"]] == b'{"hoTen":"..."}'
    assert item.body["facts"]["bttt:from_unit_code"] == "G99.DVC"
    assert b"content_transfer_encoded" not in item.original
    assert form.encode() not in item.original


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"status": "RUT"}, [("StatusChanged", 7)]),
        ({"status": "TUCHOI"}, [("StatusChanged", 8)]),
        ({"status": "KETQUA"}, [("ResultIssued", None), ("StatusChanged", 9)]),
        ({"status": "KETQUA", "files": []}, [("StatusChanged", 9)]),
        ({"type": "status", "status_profile": "4"}, [("StatusChanged", 4)]),
        ({"type": "status", "status_profile": "10"}, [("StatusChanged", 9)]),
        ({"type": "status", "status_profile": "2"}, []),
    ],
)
def test_each_word_becomes_what_the_table_says_and_is_acknowledged_done(
    serve: Serve, twin: ProfileTwin, fields: dict[str, Any], told: Any
) -> None:
    number = twin.act({"put": {"code": CODE, **fields}})
    items = read_all(mailbox(serve))
    assert [(item.body and item.body["type"], item.body and item.body.get("status")) for item in items] == told
    assert twin.book()["acknowledged"] == [[number, "done"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "THANHTOAN"},
        {"status": "LA"},
        {"status": "CAPNHAT"},
        {"status": None},
        {"type": "status", "status_profile": "11"},
    ],
)
def test_what_only_a_person_can_judge_is_held_and_acknowledged_done(
    serve: Serve, twin: ProfileTwin, fields: dict[str, Any]
) -> None:
    number = twin.act({"put": {"code": CODE, **fields}})
    [item] = read_all(mailbox(serve, Desk(known(4))))
    assert (item.body, codes(item)) == (None, ["for-a-person"])
    assert twin.book()["acknowledged"] == [[number, "done"]]


def test_an_update_amends_a_dossier_that_waits_for_papers(serve: Serve, twin: ProfileTwin) -> None:
    twin.act({"put": {"code": CODE, "status": "CAPNHAT", "at": "2026/01/07 09:00:00"}})
    [item] = read_all(mailbox(serve, Desk(known(5))))
    assert item.body is not None, item.problem
    assert (item.body["status"], item.body["event_time"]) == (5, "2026-01-07T02:00:00Z")
    assert item.body["deadlines"] == {"received_at": "2026-01-05T02:30:00Z"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (profile_of("HS-15"), "wrong-form"),
        (profile_of(CODE, creation_date="2026/02/31 08:15:00"), "not-a-time"),
        (profile_of(CODE, org_impl_code="LA"), "unknown-agency"),
        (profile_of(CODE, profileAttachments={}), ""),
        (profile_of(CODE, profileAttachments=["x"]), "files"),
        (
            profile_of(
                CODE, profileAttachments=[{"id": 1, "attachment_name": "x", "content_transfer_encoded": "không"}]
            ),
            "base64",
        ),
        (profile_of(CODE, data_eform="!"), "base64"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_fault_and_its_sender_hears_of_it(
    serve: Serve, twin: ProfileTwin, raw: Any, code: str
) -> None:
    number = twin.act({"raw": raw})
    [item] = read_all(mailbox(serve))
    if not code:  # an empty object is no file at all
        assert item.body is not None
        return
    assert item.body is None
    assert code in codes(item)
    assert twin.book()["acknowledged"] == [[number, "fail"]]


def test_an_agency_that_is_named_handles_the_dossier(serve: Serve, twin: ProfileTwin) -> None:
    twin.act({"put": {"code": CODE, "org_impl_code": "G99.01"}})
    agencies = {"G99.01": {"code": "000.00.07.H99", "name": "Sở Nông nghiệp và Môi trường"}}
    [item] = read_all(mailbox(serve, agencies=agencies))
    assert item.body is not None, item.problem
    assert item.body["handled_by"] == agencies["G99.01"]


@pytest.mark.parametrize("row", ["x", {"createTime": "2026/01/05 08:20:00"}])
def test_a_row_without_a_number_is_kept_with_its_fault_and_cannot_be_acknowledged(row: Any) -> None:
    class Odd(ProfileTwin):
        def _list(self, request: Request) -> Response:
            return Response(body={"errorCode": 0, "profileReceivers": [row]})

    odd = Odd()
    serve = Serve(odd)
    serve.start()
    [item] = read_all(mailbox(serve))
    serve.stop()
    assert (item.body, codes(item)) == (None, ["list-row"])
    assert odd.book()["acknowledged"] == []


def test_a_profile_the_exchange_gives_no_more_is_told_to_a_person(serve: Serve, twin: ProfileTwin) -> None:
    number = twin.act({"put": {"code": CODE}})
    for _ in range(5):
        mailbox(serve).poll(None)
    [item] = read_all(mailbox(serve))
    assert (item.body, codes(item)) == (None, ["not-given"])
    assert twin.book()["acknowledged"] == [[number, "fail"]]


def test_what_follows_waits_three_rounds_for_a_profile_that_cannot_be_fetched() -> None:
    """It may be about the same dossier, and must not overtake."""

    class Half(ProfileTwin):
        def _show(self, number: str) -> Response:
            return Response(500, "<html></html>") if number == "1" else super()._show(number)

    half = Half()
    half.act({"put": {"code": CODE}})
    half.act({"put": {"code": f"{CODE[:-1]}2"}})
    serve = Serve(half)
    serve.start()
    feed = mailbox(serve)
    for _ in range(3):
        assert feed.poll("[]").items == []
        with pytest.raises(TryLater, match="detail"):
            feed.poll("[]")
    page = feed.poll("[]")
    assert [item.body and item.body["dossier"] for item in page.items] == [f"{CODE[:-1]}2"]
    feed.poll(page.cursor)
    serve.stop()
    assert half.book()["acknowledged"] == [["2", "done"]]


def test_the_same_profile_has_the_same_name_and_an_unread_one_a_name_of_its_own(
    serve: Serve, twin: ProfileTwin
) -> None:
    twin.act({"put": {"code": CODE}})
    [first], [again] = (mailbox(serve).poll(None).items for _ in range(2))
    assert (first.source_id, first.original) == (again.source_id, again.original)
    desk = Desk()
    desk.refuse = True
    [unread] = mailbox(serve, desk).poll(None).items
    assert unread.source_id != first.source_id
    assert "-unread-" in unread.source_id


@pytest.mark.parametrize("answer", [{"errorCode": 0}, {"errorCode": 0, "profileReceivers": "không"}])
def test_an_answer_that_is_no_list_stops_loudly(answer: Any) -> None:
    class Odd(ProfileTwin):
        def _list(self, request: Request) -> Response:
            return Response(body=answer)

    serve = Serve(Odd())
    serve.start()
    with pytest.raises(Unclassified, match="profileReceivers"):
        mailbox(serve).poll(None)
    serve.stop()


@pytest.mark.parametrize("chaos", [Chaos(down=True), Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
def test_a_mailbox_that_cannot_be_read_is_read_later_and_nothing_is_acknowledged(
    serve: Serve, twin: ProfileTwin, chaos: Chaos
) -> None:
    twin.act({"put": {"code": CODE}})
    feed = mailbox(serve)
    page = feed.poll(None)
    serve.chaos = chaos
    with pytest.raises(DeliveryError):
        feed.poll(page.cursor)
    assert (twin.book()["listed"] == ["1"]) is (chaos != Chaos(drop_after=1))
    serve.chaos = Chaos()
    feed.poll(page.cursor)
    assert twin.book()["listed"] == []


# ── a whole day, tables ─────────────────────────────────────────────────────────────────────────────────────


def test_a_dossier_of_the_ministrys_portal_is_handled_here_and_every_step_is_told(
    serve: Serve, twin: ProfileTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a profile in the mailbox: it reaches the one-stop, and only then is it acknowledged
    day = TrunkDay(tmp_path, "profiles", serve.url, monkeypatch)
    number = twin.act({"put": {"code": CODE}})
    day.later(60)
    day.poll("profiles")
    assert day.told() == ["DossierSubmitted"]
    assert twin.book()["acknowledged"] == [[number, "done"]]

    # when the one-stop works on it
    for status in (2, 4, 9, 10):
        day.say("StatusChanged", status=status, content="Xử lý hồ sơ", officer=OFFICER)

    # then the Ministry's unit has heard of each step, polling again changes nothing, and nothing is left over
    day.poll("profiles")
    assert [row["status_profile"] for row in twin.book()["steps"]] == ["2", "4", "9", "10"]
    assert {tuple(row["to_unit_code"]) for row in twin.book()["steps"]} == {("G99.DVC",)}
    assert day.moves() == [1, 2, 4, 9, 10]
    assert [end for end in day.open_ends() if not end.startswith("portal")] == []
    day.close()


def test_a_dossier_of_ours_goes_to_the_unit_and_its_result_comes_back(
    serve: Serve, twin: ProfileTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = TrunkDay(tmp_path, "profiles", serve.url, monkeypatch)
    day.receive()
    assert [row["source_id"] for row in twin.book()["profiles"]] == [CODE]

    day.later(48 * 60)
    twin.act({"put": {"code": CODE, "type": "status", "status_profile": "4", "time_of_process": "2026/01/06 09:00:00"}})
    day.poll("profiles")
    twin.act({"put": {"code": CODE, "status": "KETQUA", "at": "2026/01/07 09:00:00"}})
    day.poll("profiles")

    assert day.told() == ["StatusChanged", "ResultIssued", "StatusChanged"]
    assert day.moves() == [2, 4, 9]
    assert day.open_ends() == []
    day.close()


@pytest.mark.parametrize(
    "chaos",
    [
        Chaos(drop_after=0.4, seed=3),
        Chaos(drop_before=0.2, error_500=0.2, seed=4),
        Chaos(wrong_type=0.4, seed=5),
        Chaos(duplicate_answer=1),
        Chaos(expired_session=0.5, slow=0.1, slow_seconds=0.01, seed=6),
    ],
)
def test_whatever_the_exchange_does_everything_arrives_once(
    serve: Serve, twin: ProfileTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, chaos: Chaos
) -> None:
    day = TrunkDay(tmp_path, "profiles", serve.url, monkeypatch)
    twin.act({"put": {"code": CODE}})
    serve.chaos = chaos
    for turn in range(30):
        day.later(60)
        day.poll("profiles")
        if turn in (14, 18, 22):
            day.say("StatusChanged", status={14: 2, 18: 4, 22: 9}[turn], content="Xử lý hồ sơ", officer=OFFICER)
    serve.chaos = Chaos()
    day.later(24 * 60)
    day.poll("profiles")
    day.poll("profiles")

    assert day.told() == ["DossierSubmitted"]
    assert day.moves() == [1, 2, 4, 9]
    assert [row["status_profile"] for row in twin.book()["steps"]] == ["2", "4", "9"]
    assert day.open_ends() == []
    assert twin.book()["listed"] == []
    day.close()


def test_every_word_and_number_has_its_row() -> None:
    rows = [(row["field"], row["theirs"]) for row in status_rows("bttt_profile")]
    words = ["TIEPNHAN", "CAPNHAT", "RUT", "TUCHOI", "KETQUA", "THANHTOAN"]
    assert rows == [*(("status", word) for word in words), *(("status_profile", str(code)) for code in range(1, 11))]


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.desk_poller is not None
    assert isinstance(connector.simulator and connector.simulator({}), ProfileTwin)

"""The civil-status register: registrations, questions of three, results; against samples and the strict twin."""

from __future__ import annotations

import json
import threading
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.hotich_btp import FOLDER, connector
from connectors.hotich_btp.client import Client
from connectors.hotich_btp.inbound import ASKED, Results
from connectors.hotich_btp.outbound import Register
from connectors.hotich_btp.settings import Settings
from connectors.hotich_btp.simulator import RegisterTwin
from gateway.config import Config
from gateway.dossiers.algebra import Standing, judge
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Submission
from gateway.simulation import Chaos, Request, Response, Serve
from tests.civil import Desk, addresses
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
ROOT = Path(__file__).resolve().parents[2]
MADE = ROOT / "mappings/hotich_registration/samples/a-birth-is-received/out.json"
REGISTRATION: dict[str, Any] = json.loads(MADE.read_text(encoding="utf-8"))
CODE = REGISTRATION["maHoSoMCDT"]
PATHS = {"token": "/token", "NhanDKHT": "/register", "LayKetQua": "/results"}
PAPER = b64encode(b"%PDF-1.4 x").decode()


def settings(url: str, **more: Any) -> Settings:
    where = {name.removeprefix("LIENTHONG_HOTICH_").lower(): at for name, at in addresses("hotich_btp", url).items()}
    account = {"client_id": "tinh-mau", "client_secret": "mat-thu", "ma_tinh": "19"}
    return Settings.model_validate({**where, **account, "total_timeout": 5, **more})


@pytest.fixture
def twin() -> RegisterTwin:
    return RegisterTwin()


@pytest.fixture
def serve(twin: RegisterTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def register(serve: Serve, **more: Any) -> Register:
    return Register(Client(settings(serve.url, **more), OUTCOMES))


def registration(number: int = 101, **more: Any) -> Parcel:
    code = f"{CODE[:-4]}{number:04d}"
    document = {**REGISTRATION, "maHoSoMCDT": code, "maHoSoLT": code, **more.pop("fields", {})}
    return parcel("StatusChanged", {"registration": document}, read_file=lambda sha: b"%PDF-1.4 x", **more)


def row(number: int, status: int = 2, module: str = "KS") -> dict[str, Any]:
    """A dossier as the spine tells a poller of it."""
    facts = {"lt:module": module} if module else {}
    dossier = {"dossier": f"{CODE[:-4]}{number:04d}", "facts": facts}
    return {"dossier": dossier, "status": status, "status_time": "2026-01-05T02:30:00Z", "received_at": None}


def results(serve: Serve, *rows: Mapping[str, Any], **more: Any) -> Results:
    conf = settings(serve.url, **more)
    return Results(Client(conf, OUTCOMES), conf, Desk(rows=rows))


def told(items: Any) -> list[Any]:
    return [item.body.get("status", item.body["type"]) if item.body else item.problem[0].code for item in items]


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call = sample.expected["call"]
    recorded = Recorded(sample, PATHS[call], RegisterTwin().answer)
    serve = Serve(recorded)
    conf, outcomes = settings(serve.start()), Watched.load(FOLDER / "outcomes.toml")
    client = Client(conf, outcomes)

    def make() -> Any:
        if call == "token":
            client.token()
        elif call == "LayKetQua":
            client.results(sample.request["maDinhDanhHoSo"], sample.request["module"])
        else:
            wire = sample.request
            papers = [{**paper, "duLieuTepDinhKem": "5f"} for paper in wire["fileDinhKem"]]
            document = {**wire, "data": json.loads(wire["data"]), "fileDinhKem": papers}
            content = b"%PDF-1.4 m\xe1\xba\xabu"
            return Register(client).deliver(
                parcel("StatusChanged", {"registration": document}, read_file=lambda sha: content)
            )
        return None

    outcome, reason = outcome_of(make)
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    sent = {"grant_type": asked.body.decode().partition("=")[2]} if call == "token" else asked.json()
    assert sent == sample.request


# ── registrations ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_registration_carries_the_form_as_json_text_and_its_papers(serve: Serve, twin: RegisterTwin) -> None:
    assert register(serve).deliver(registration()).code == "1"

    [taken] = twin.book()["registrations"]
    assert json.loads(taken["data"])["nycHoTen"] == "Nguyễn Văn Mẫu"
    assert "lt:" not in taken["data"]
    assert [paper["duLieuTepDinhKem"] for paper in taken["fileDinhKem"]] == [PAPER]


def test_the_same_registration_again_doubles_nothing(serve: Serve, twin: RegisterTwin) -> None:
    register(serve).deliver(registration())
    assert register(serve).deliver(registration(in_doubt=True)).duplicate
    assert len(twin.book()["registrations"]) == 1


def test_in_doubt_the_register_is_asked(serve: Serve, twin: RegisterTwin) -> None:
    out = register(serve)
    out.check()
    assert out.find(registration()) is Found.ABSENT
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(registration())
    serve.chaos = Chaos()
    assert out.find(registration(in_doubt=True)) is Found.ARRIVED

    twin.act({"move": {"code": CODE, "to": "2"}})  # it waits for papers: the second registration has not arrived
    assert out.find(registration(in_doubt=True, known_there=True)) is Found.ABSENT
    serve.stop()
    with pytest.raises(TryLater):
        out.find(registration(in_doubt=True))


@pytest.mark.parametrize(
    "fields",
    [
        {"maDonVi": ""},
        {"module": "KS"},
        {"ngayTiepNhan": "2026-01-05"},
        {"data": {"nksHoTen": "x"}},
        {"data": {}},
        {"x": 1},
    ],
)
def test_a_wrong_registration_goes_to_a_person(serve: Serve, twin: RegisterTwin, fields: Mapping[str, Any]) -> None:
    with pytest.raises(Rejected):
        register(serve).deliver(registration(fields=fields))
    assert twin.book()["registrations"] == []


def test_what_is_not_for_the_register_is_not_sent(serve: Serve, twin: RegisterTwin) -> None:
    nothing = parcel("StatusChanged", {"registration": None})
    assert register(serve).deliver(nothing).code == "nothing-to-send"
    assert register(serve).find(nothing) is Found.ABSENT
    assert twin.book()["registrations"] == []


def test_many_threads_fetch_one_token_and_one_that_ran_out_is_renewed_once(serve: Serve, twin: RegisterTwin) -> None:
    client = Client(settings(serve.url), OUTCOMES)
    threads = [threading.Thread(target=client.token) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twin.book()["tokens_given"] == 1
    twin.expire()
    Register(client).deliver(registration())
    assert twin.book()["tokens_given"] == 2
    serve.chaos = Chaos(expired_session=1)
    with pytest.raises(TryLater):
        Register(client).deliver(registration(102))


def test_the_check_says_who_is_to_blame_and_registers_nothing(serve: Serve, twin: RegisterTwin) -> None:
    assert [h.ok for h in register(serve).check()] == [True, True]
    assert [h.ok for h in register(serve, client_secret="sai").check()] == [False]
    assert [h.ok for h in register(serve, ma_tinh="99").check()] == [True, False]
    assert twin.book()["registrations"] == []


# ── results ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_question_names_more_than_three_dossiers_and_the_twin_would_refuse_it(
    serve: Serve, twin: RegisterTwin
) -> None:
    rows = [row(number, module="KT" if number > 107 else "KS") for number in range(101, 111)]
    feed = results(serve, *rows, page_size=8)

    first = feed.poll(None)
    second = feed.poll(first.cursor)

    assert (first.more, second.more, second.cursor) == (True, False, "")
    assert [len(codes) for codes in twin.book()["questions"]] == [3, 3, 1, 1, 2]
    assert sorted(code for codes in twin.book()["questions"] for code in codes) == [
        r["dossier"]["dossier"] for r in rows
    ]
    with pytest.raises(TryLater, match="302"):
        Client(settings(serve.url), OUTCOMES).results(["a", "b", "c", "d"], "LTKS")


@pytest.mark.parametrize(
    ("to", "standing", "expected"),
    [
        ("3", 2, [4]),
        ("3", 4, []),
        ("2", 2, ["SupplementRequested", 5]),
        ("2", 5, []),
        ("4", 2, ["ResultIssued", 4, 9]),
        ("4", 4, ["ResultIssued", 9]),
        ("4", 5, ["ResultIssued", 4, 9]),
        ("6", 2, [8]),
        ("6", 4, [8]),
        ("6", 8, []),
    ],
)
def test_a_move_is_told_once_and_as_lawful_steps(
    serve: Serve, twin: RegisterTwin, to: str, standing: int, expected: list[Any]
) -> None:
    register(serve).deliver(registration())
    twin.act({"move": {"code": CODE, "to": to}})

    items = results(serve, row(101, standing)).poll(None).items

    assert told(items) == expected
    assert all(b"JVBERi" not in item.original for item in items)  # the certificate is parked, not kept with the row
    table, here = Config(ROOT).statuses, standing
    for item in items:
        if item.body and item.body["type"] == "StatusChanged":
            at = item.body["event_time"]
            assert (
                judge(table, Standing(here, _instant("2026-01-05T02:30:00Z")), item.body["status"], _instant(at))
                is None
            )
            here = item.body["status"]


def _instant(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_the_same_answer_has_the_same_names_until_the_dossier_moves(serve: Serve, twin: RegisterTwin) -> None:
    register(serve).deliver(registration())
    twin.act({"move": {"code": CODE, "to": "2"}})

    def names(known: dict[str, Any]) -> list[str]:
        return [item.source_id for item in results(serve, known).poll(None).items]

    later = row(101) | {"status_time": "2026-01-07T02:30:00Z"}
    assert names(row(101)) == names(row(101))
    assert not set(names(row(101))) & set(names(later))  # asked for papers a second time: another event


def test_a_dossier_that_is_none_of_the_registers_is_not_asked_about(serve: Serve, twin: RegisterTwin) -> None:
    assert results(serve, row(101, module=""), row(102, module="KH")).poll(None).items == []
    assert twin.book()["questions"] == []
    assert 9 not in ASKED
    assert 10 not in ASKED


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"trangThai": "5"}, "unlisted"),
        ({"trangThai": None}, "unlisted"),
        ({"maHoSoMCDT": "000.00.20.H99-260105-0999", "trangThai": "4"}, "not-asked"),
        ({"trangThai": "2", "hanBoSungHoSo": "2026-01-15"}, "not-a-time"),
        ({"trangThai": "4", "ketQuaXuLy": {"giayKhaiSinh": "không" * 60}}, "base64"),
        ({"trangThai": "4", "ketQuaXuLy": {"a": PAPER * 30, "b": PAPER * 30}}, "files"),
        ({"trangThai": "4", "ketQuaXuLy": {"giayKhaiSinh": b64encode(b"x" * 3000).decode()}}, "missing"),
    ],
)
def test_an_answer_that_nobody_knows_is_kept_whole_with_its_fault(
    serve: Serve, twin: RegisterTwin, answer: dict[str, Any], code: str
) -> None:
    register(serve).deliver(registration())
    twin.act({"raw": {"code": CODE, "row": answer}})

    [item] = results(serve, row(101)).poll(None).items

    assert told([item]) == [code]
    assert json.loads(item.original).items() >= answer.items()
    again: list[Submission] = list(results(serve, row(101)).poll(None).items)
    assert [one.source_id for one in again] == [item.source_id]


def test_a_death_without_a_file_is_done_without_a_result(serve: Serve, twin: RegisterTwin) -> None:
    register(serve).deliver(registration(fields={"module": "LTKT"}))
    twin.act({"move": {"code": CODE, "to": "4"}})
    assert told(results(serve, row(101, module="KT")).poll(None).items) == [4, 9]


@pytest.mark.parametrize(
    ("errors", "words"),
    [("Thiếu giấy", "Thiếu giấy"), (["a", "b"], "a; b"), ([{"truong": "nksHoTen", "loi": "trống"}], "nksHoTen; trống")],
)
def test_what_it_complains_of_is_told_whatever_its_shape(
    serve: Serve, twin: RegisterTwin, errors: Any, words: str
) -> None:
    register(serve).deliver(registration())
    twin.act({"move": {"code": CODE, "to": "2", "errors": errors}})
    asked, moved = results(serve, row(101)).poll(None).items
    assert asked.body
    assert moved.body
    assert asked.body["content"] == words
    assert words in moved.body["content"]


def test_a_question_that_fails_holds_up_no_other_and_is_told_at_the_end() -> None:
    class Half(RegisterTwin):
        def _tell(self, request: Request) -> Response:
            return Response(500) if CODE in request.body.decode() else super()._tell(request)

    twin = Half()
    serve = Serve(twin)
    serve.start()
    register(serve).deliver(registration(104))
    twin.act({"move": {"code": f"{CODE[:-4]}0104", "to": "3"}})
    known = [row(number) for number in (101, 102, 103, 104)]
    feed = results(serve, *known)

    assert told(feed.poll(None).items) == [4]
    feed._desk = Desk(rows=[*known[:3], row(104, 4)])
    with pytest.raises(TryLater, match="LayKetQua"):
        feed.poll("")
    serve.stop()


def test_the_table_knows_five_states_and_no_other() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert {r["theirs"]: r["ours"] for r in rows} == {"1": "waiting", "2": 5, "3": 4, "4": 9, "6": 8}
    assert connector.desk_poller is not None
    assert isinstance(connector.simulator and connector.simulator({}), RegisterTwin)

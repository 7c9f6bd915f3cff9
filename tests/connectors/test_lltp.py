"""Criminal records: both sides' answers against samples and the strict twin. The hooks are tried over HTTP in `test_linked_dossiers`."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.lltp import FOLDER, connector
from connectors.lltp.client import MinistryClient, VneidClient
from connectors.lltp.files import fetched
from connectors.lltp.outbound import Ministry, Vneid
from connectors.lltp.polling import ASKED, Results
from connectors.lltp.settings import Settings
from connectors.lltp.simulator import LltpTwin
from gateway import inline
from gateway.config import Config
from gateway.dossiers.algebra import Standing, judge
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Partner
from gateway.simulation import Chaos, Serve
from tests.civil import Desk, addresses
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
ROOT = Path(__file__).resolve().parents[2]
PATHS = {
    "code": "/one-stop/code",
    "traKetQua": "/vneid/result",
    "guiHoSo": "/ministry/register",
    "layKetQua": "/ministry/standing",
}


def made(mapping: str, sample: str) -> dict[str, Any]:
    file = ROOT / "mappings" / mapping / "samples" / sample / "out.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))


DOSSIER = made("lltp_registration", "received-and-handed-to-the-ministry")
RESULT = made("lltp_result", "done-with-the-slip")
CODE = DOSSIER["maHoSoMCDT"]


def settings(url: str, side: str, **more: Any) -> Settings:
    where = addresses("lltp", url)
    calls = {"ma_tinh": "19", "ten_tinh": "Tỉnh Mẫu", "total_timeout": 5, **more}
    if side == "vneid":
        unit = {"code": "000.00.01.H99", "name": "Sở Tư pháp"}
        vneid = {
            "result_url": where["LIENTHONG_VNEID_RESULT_URL"],
            "code_url": where["LIENTHONG_CODE_URL"],
            "unit": unit,
        }
        return Settings.model_validate({"vneid": {**vneid, "procedures": {"1": "2.000488"}, **calls}})
    ministry = {
        "register_url": where["LIENTHONG_LLTP_REGISTER_URL"],
        "result_url": where["LIENTHONG_LLTP_RESULT_URL"],
        "auth_key": "khoa-thu",
    }
    return Settings.model_validate({"ministry": {**ministry, **calls}})


def vneid_client(url: str, outcomes: Outcomes = OUTCOMES, **more: Any) -> VneidClient:
    side = settings(url, "vneid", **more).vneid
    assert side
    return VneidClient(side, outcomes)


def ministry_client(url: str, outcomes: Outcomes = OUTCOMES, **more: Any) -> MinistryClient:
    side = settings(url, "ministry", **more).ministry
    assert side
    return MinistryClient(side, outcomes)


@pytest.fixture
def twin() -> LltpTwin:
    return LltpTwin()


@pytest.fixture
def serve(twin: LltpTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def sending(document: Any, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"lltp": document}, read_file=lambda sha: b"%PDF-1.4 m\xe1\xba\xabu", **more)


def row(status: int = 2) -> dict[str, Any]:
    dossier = {"dossier": CODE, "facts": {"lltp:toKhai": "{}"}}
    return {"dossier": dossier, "status": status, "status_time": "2026-01-05T02:30:00Z", "received_at": None}


def results(serve: Serve, *rows: Mapping[str, Any]) -> Results:
    side = settings(serve.url, "ministry").ministry
    assert side
    return Results(MinistryClient(side, OUTCOMES), side, Desk(rows=rows))


def told(items: Any) -> list[Any]:
    return [item.body.get("status", item.body["type"]) if item.body else item.problem[0].code for item in items]


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call, request = sample.expected["call"], sample.request
    recorded = Recorded(sample, PATHS[call], LltpTwin().answer)
    serve = Serve(recorded)
    url, outcomes = serve.start(), Watched.load(FOLDER / "outcomes.toml")

    def make() -> Any:
        ours = {k: v for k, v in request.items() if k not in ("authKey", "maTinh", "tenTinh")}
        match call:
            case "code":
                vneid_client(url, outcomes).allocate()
            case "layKetQua":
                ministry_client(url, outcomes).standing(request["maHoSoMCDT"])
            case "traKetQua":
                return Vneid(vneid_client(url, outcomes)).deliver(sending(ours))
            case _:
                document = {**ours, "toKhai": json.dumps(ours["toKhai"])}
                return Ministry(ministry_client(url, outcomes, auth_key=request["authKey"])).deliver(sending(document))
        return None

    outcome, reason = outcome_of(make)
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    assert (asked.json() if asked.body else {}) == request


# ── VNeID ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_vneid_gets_the_slip_inline_and_a_repetition_changes_nothing(serve: Serve, twin: LltpTwin) -> None:
    out = Vneid(vneid_client(serve.url))
    assert out.deliver(sending(RESULT)).code == "9"
    assert out.find(sending(RESULT, in_doubt=True)) is Found.ABSENT
    out.deliver(sending(RESULT, in_doubt=True))

    [taken] = twin.book()["results"]
    assert taken["ketQuaXuLy"]["phieuLLTP"] == b64encode(b"%PDF-1.4 m\xe1\xba\xabu").decode()
    assert taken["tenTinh"] == "Tỉnh Mẫu"


def test_vneid_gets_its_key_in_the_header_it_wants() -> None:
    twin = LltpTwin({"key": "khoa-vneid"})
    serve = Serve(twin)
    url = serve.start()
    with pytest.raises(TryLater):
        Vneid(vneid_client(url)).deliver(sending(RESULT))
    Vneid(vneid_client(url, key="khoa-vneid")).deliver(sending(RESULT))
    serve.stop()
    assert len(twin.book()["results"]) == 1


@pytest.mark.parametrize(("field", "value"), [("trangThaiXuLy", "11"), ("ngayHenTraKetQua", "2026-01-12"), ("x", "")])
def test_a_wrong_result_goes_to_a_person(serve: Serve, twin: LltpTwin, field: str, value: str) -> None:
    with pytest.raises(Rejected, match=field):
        Vneid(vneid_client(serve.url)).deliver(sending(RESULT | {field: value}))
    assert twin.book()["results"] == []


def test_an_answer_without_a_code_makes_none_up(serve: Serve, twin: LltpTwin) -> None:
    assert vneid_client(serve.url).allocate() == "000.00.01.H99-260105-0001"
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(TryLater):
        vneid_client(serve.url).allocate()


# ── the Ministry ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_ministry_gets_the_form_opened_and_its_files_inline(serve: Serve, twin: LltpTwin) -> None:
    out = Ministry(ministry_client(serve.url))
    assert out.deliver(sending(DOSSIER)).code == "delivered"
    assert out.deliver(sending(DOSSIER, in_doubt=True)).duplicate

    [taken] = twin.book()["dossiers"]
    paper = taken["toKhai"]["giayToDinhKem"][0]["danhSach"][0]
    assert paper["duLieu"] == b64encode(b"%PDF-1.4 m\xe1\xba\xabu").decode()
    assert (taken["authKey"], taken["maHoSoMCDT"]) == ("khoa-thu", CODE)


def test_in_doubt_the_ministry_is_asked(serve: Serve, twin: LltpTwin) -> None:
    out = Ministry(ministry_client(serve.url))
    assert out.find(sending(DOSSIER)) is Found.ABSENT
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(sending(DOSSIER))
    serve.chaos = Chaos()
    assert out.find(sending(DOSSIER, in_doubt=True)) is Found.ARRIVED

    twin.act({"move": {"code": CODE, "to": "5"}})
    assert out.find(sending(DOSSIER, in_doubt=True, known_there=True)) is Found.ABSENT
    serve.stop()
    with pytest.raises(TryLater):
        out.find(sending(DOSSIER))


@pytest.mark.parametrize("side", ["vneid", "ministry"])
def test_what_is_not_theirs_is_not_sent_and_a_check_changes_nothing(serve: Serve, twin: LltpTwin, side: str) -> None:
    partner = Partner(side, side, side, "lltp", settings(serve.url, side), {})
    assert connector.outbound
    out = connector.outbound(partner)
    assert out.deliver(sending(None)).code == "nothing-to-send"
    assert out.find(sending(None)) is Found.ABSENT
    assert [h.ok for h in out.check()] == [True]
    serve.stop()
    assert [h.ok for h in out.check()] == [False]
    book = twin.book()
    assert (book["dossiers"], book["results"]) == ([], [])


def test_a_wrong_key_is_seen_by_the_check(serve: Serve) -> None:
    assert [h.ok for h in Ministry(ministry_client(serve.url, auth_key="sai")).check()] == [False]


@pytest.mark.parametrize(
    ("to", "standing", "expected"),
    [
        ("1", 2, []),
        ("2", 5, []),
        ("3", 2, [8]),
        ("4", 2, [4]),
        ("4", 4, []),
        ("5", 4, [5]),
        ("6", 4, [6]),
        ("7", 4, [7]),
        ("8", 2, [8]),
        ("9", 4, ["ResultIssued", 9]),
        ("9", 2, ["ResultIssued", 4, 9]),
        ("10", 5, ["ResultIssued", 4, 9]),
        ("11", 2, ["unlisted"]),
    ],
)
def test_a_move_is_told_once_and_as_lawful_steps(
    serve: Serve, twin: LltpTwin, to: str, standing: int, expected: list[Any]
) -> None:
    Ministry(ministry_client(serve.url)).deliver(sending(DOSSIER))
    twin.act({"move": {"code": CODE, "to": to}})

    items = results(serve, row(standing)).poll(None).items

    assert told(items) == expected
    assert [i.source_id for i in items] == [i.source_id for i in results(serve, row(standing)).poll(None).items]
    table, here = Config(ROOT).statuses, standing
    for item in items:
        if item.body and item.body["type"] == "StatusChanged":
            since, at = datetime.fromisoformat("2026-01-05T02:30:00Z"), datetime.fromisoformat(item.body["event_time"])
            assert judge(table, Standing(here, since), item.body["status"], at) is None
            here = item.body["status"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"ketQuaXuLy": {"soPhieuLLTP": "1", "phieuLLTP": "không"}}, "base64"),
        ({"ketQuaXuLy": {"phieuLLTP": b64encode(b"%PDF-1.4").decode()}}, "missing"),
    ],
)
def test_a_slip_that_cannot_be_read_is_kept_with_its_fault(
    serve: Serve, twin: LltpTwin, answer: dict[str, Any], code: str
) -> None:
    Ministry(ministry_client(serve.url)).deliver(sending(DOSSIER))
    twin.act({"move": {"code": CODE, "to": "9"}})
    twin.act({"raw": {"code": CODE, "row": answer}})
    [item] = results(serve, row(4)).poll(None).items
    assert told([item]) == [code]


def test_a_question_that_fails_is_told_at_the_end_of_the_round(serve: Serve) -> None:
    serve.chaos = Chaos(down=True)
    with pytest.raises(TryLater):
        results(serve, row()).poll(None)
    assert 9 not in ASKED


# ── files, tables, settings ─────────────────────────────────────────────────────────────────────────────────


@given(st.binary(min_size=1, max_size=200))
def test_a_file_comes_out_as_it_went_in(content: bytes) -> None:
    text = b64encode(content).decode()
    where = inline.name_of(inline.decode(text, "", 200))
    assert fetched([{"a": {"duLieu": where}}], {where["sha256"]: content}.__getitem__) == [{"a": {"duLieu": text}}]


def test_all_ten_of_their_states_have_a_row_and_vneid_is_told_all_ten_of_ours() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert [r["theirs"] for r in rows] == [str(n) for n in range(1, 11)]
    codes = (ROOT / "mappings/lltp_result/codes.csv").read_text(encoding="utf-8")
    assert all(f"name,{r['theirs']},{r['name']}," in codes for r in rows)


def test_a_partner_file_has_one_side() -> None:
    both = {**settings("http://a.vn", "vneid").model_dump(), "ministry": settings("http://a.vn", "ministry").ministry}
    for wrong in ({}, both):
        with pytest.raises(ValidationError, match=r"settings\.vneid"):
            Settings.model_validate(wrong)
    vneid = Partner("vneid", "", "", "lltp", settings("http://a.vn", "vneid"), {})
    assert connector.desk_poller
    assert connector.hooks
    assert {hook.path for hook in connector.hooks(vneid)} == {"HoSo/LLTP/TaoHoSo", "HoSo/LLTP/LayMaHoSo"}
    assert connector.hooks(Partner("lltp", "", "", "lltp", settings("http://a.vn", "ministry"), {})) == ()
    with pytest.raises(ValueError, match="not polled"):
        connector.desk_poller(vneid, Desk())

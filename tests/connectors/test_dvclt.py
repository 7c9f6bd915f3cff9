"""DVCLT: its answers in words, its list and details, its token; against samples and the strict twin."""

from __future__ import annotations

import json
import threading
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dvclt import FOLDER, connector
from connectors.dvclt.client import Client
from connectors.dvclt.dates import days_of, read_day
from connectors.dvclt.inbound import Dossiers
from connectors.dvclt.outbound import Statuses
from connectors.dvclt.settings import Settings
from connectors.dvclt.simulator import DvcltTwin
from gateway.errors import AskFirst, Rejected, TryLater, Unclassified
from gateway.outcomes import Outcomes
from gateway.ports import Found, Page, Parcel
from gateway.simulation import Chaos, Request, Response, Serve
from tests.civil import MAPPINGS, Desk, addresses
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
ROOT = Path(__file__).resolve().parents[2]
STATUS = next(s.request for s in SAMPLES if s.name == "a-status-is-recorded")
CODE = STATUS["soHoSoLT"]
PATHS = {"token": "/token", "list": "/list", "received": "/received", "status": "/status"}


def settings(url: str, **more: Any) -> Settings:
    where = {name.removeprefix("LIENTHONG_DVCLT_").lower(): value for name, value in addresses("dvclt", url).items()}
    units = {"101": {"code": "000.01.20.H99", "name": "Ủy ban nhân dân phường An Bình"}}
    account = {"username": "mcdt-mau", "password": "mat-thu"}
    return Settings.model_validate({**where, **account, "units": units, "total_timeout": 5, **more})


@pytest.fixture
def twin() -> DvcltTwin:
    twin = DvcltTwin()
    twin.act({"born": {"code": CODE}})
    return twin


@pytest.fixture
def serve(twin: DvcltTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def statuses(serve: Serve, **more: Any) -> Statuses:
    return Statuses(Client(settings(serve.url, **more), OUTCOMES))


def dossiers(serve: Serve, desk: Desk | None = None, **more: Any) -> Dossiers:
    conf = settings(serve.url, **more)
    return Dossiers(Client(conf, OUTCOMES), conf, desk or Desk())


def status(content: Mapping[str, Any] = STATUS, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"status": dict(content)}, **more)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call = sample.expected["call"]
    recorded = Recorded(sample, PATHS[call], DvcltTwin().answer)
    serve = Serve(recorded)
    conf, outcomes = settings(serve.start()), Watched.load(FOLDER / "outcomes.toml")
    client = Client(conf, outcomes)

    def make() -> Any:
        match call:
            case "token":
                client.token()
            case "list":
                client.waiting()
            case "received":
                client.receive(sample.request["maHoSo"])
            case _:
                return Statuses(client).deliver(status(sample.request))
        return None

    outcome, reason = outcome_of(make)
    serve.stop()

    # an acknowledgement has no receipt: done and done before are one
    assert outcome == ("delivered" if call == "received" else sample.expected["outcome"])
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    assert (asked.json() if asked.body else {}) == sample.request


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("CẬP NHẬT THÀNH CÔNG", "delivered"),
        ("Cập nhật  không  thành công", "unclassified"),
        ("Chưa thành công", "unclassified"),
        ("Hồ sơ đã trả kết quả, không được cập nhật", "duplicate"),
        ("Đã hoàn thành đăng ký khai sinh", "duplicate"),
        ("Hồ sơ không tồn tại", "rejected"),
        ("Hồ sơ chưa được gửi", "try_later"),
        ("Đang bảo trì định kỳ", "unclassified"),
    ],
)
def test_words_decide_whatever_their_case_spaces_and_unicode_form(form: Any, words: str, outcome: str) -> None:
    assert OUTCOMES.judge("status", http=200, text=unicodedata.normalize(form, words)).outcome == outcome


# ── statuses out ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_status_said_again_is_there_once(serve: Serve, twin: DvcltTwin) -> None:
    out = statuses(serve)
    assert out.deliver(status()).code == "3"
    serve.chaos = Chaos(drop_after=1)
    again = status(STATUS | {"trangThai": 2})
    with pytest.raises(AskFirst):
        out.deliver(again)
    serve.chaos = Chaos()

    assert out.find(again) is Found.ABSENT
    out.deliver(again)
    assert [row["trangThai"] for row in twin.book()["statuses"]] == [3, 2]


def test_the_newest_result_goes_as_json_text_with_its_file_inline(serve: Serve, twin: DvcltTwin) -> None:
    results = [{"soDangKy": "1"}, {"soDangKy": "2", "giayKhaiSinh": "5f" * 32}]
    statuses(serve).deliver(status(STATUS | {"trangThai": 4, "ketQuaXuLy": results}, read_file=lambda sha: b"%PDF-1.4"))

    assert json.loads(twin.book()["statuses"][0]["ketQuaXuLy"]) == {"soDangKy": "2", "giayKhaiSinh": "JVBERi0xLjQ="}


def test_a_result_whose_file_cannot_be_read_is_not_sent(serve: Serve, twin: DvcltTwin) -> None:
    with pytest.raises(TryLater):
        statuses(serve).deliver(status(STATUS | {"ketQuaXuLy": [{"giayKhaiSinh": "5f" * 32}]}))
    assert twin.book()["statuses"] == []


@pytest.mark.parametrize("content", [None, {k: v for k, v in STATUS.items() if k != "trangThai"}])
def test_a_status_without_a_counterpart_is_not_sent(serve: Serve, twin: DvcltTwin, content: Any) -> None:
    receipt = statuses(serve).deliver(parcel("StatusChanged", {"status": content}))
    assert receipt.code == "nothing-to-send"
    assert twin.book()["statuses"] == []


@pytest.mark.parametrize(("field", "value"), [("trangThai", 8), ("coQuanXuLy", 4), ("nguoiXuLy", " "), ("x", "y")])
def test_the_twin_refuses_what_dvclt_would_refuse(serve: Serve, field: str, value: Any) -> None:
    with pytest.raises(Rejected, match="Logic"):
        statuses(serve).deliver(status(STATUS | {field: value}))
    with pytest.raises(Rejected, match="Logic"):
        statuses(serve).deliver(status(STATUS | {"thoiGianThucHien": "31/02/2026 09:00:00"}))


def test_many_threads_fetch_one_token_and_one_forgotten_is_renewed_once(serve: Serve, twin: DvcltTwin) -> None:
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


def test_the_check_says_who_is_to_blame_and_acknowledges_nothing(serve: Serve, twin: DvcltTwin) -> None:
    assert [h.ok for h in statuses(serve).check()] == [True, True]
    assert [h.ok for h in statuses(serve, password="sai").check()] == [False]
    assert twin.book()["received"] == []


# ── dossiers in ─────────────────────────────────────────────────────────────────────────────────────────────


def read_all(feed: Dossiers) -> list[Page]:
    pages, cursor, more = list[Page](), None, True
    while more:
        pages.append(feed.poll(cursor))
        cursor, more = pages[-1].cursor, pages[-1].more
    return pages


def test_a_page_is_acknowledged_by_the_next_poll_and_not_before(serve: Serve, twin: DvcltTwin) -> None:
    for number in range(102, 105):
        twin.act({"born": {"code": f"{CODE[:-4]}{number:04d}"}})
    feed = dossiers(serve, page_size=3)

    first = feed.poll(None)
    assert (len(first.items), first.more, twin.book()["received"]) == (3, True, [])
    second = feed.poll(first.cursor)
    assert (len(second.items), twin.book()["received"]) == (1, [CODE, *json.loads(first.cursor)[1:]])
    third = feed.poll(second.cursor)
    assert (third.items, third.more, json.loads(third.cursor), len(twin.book()["received"])) == ([], False, [], 4)


def test_papers_and_form_are_read_and_files_are_parked(serve: Serve, twin: DvcltTwin) -> None:
    twin.act({"born": {"code": CODE, "form": {"nycHoTen": "Nguyễn Văn Mẫu & con", "trong": " "}}})
    desk = Desk()

    [item] = dossiers(serve, desk).poll(None).items

    assert item.body is not None
    assert item.body["facts"]["nycHoTen"] == "Nguyễn Văn Mẫu & con"
    assert "trong" not in item.body["facts"]
    assert list(desk.files.values()) == [b"%PDF-1.4 to-khai.pdf"]
    assert item.body["attachments"][0]["sha256"] in desk.files
    assert b"duLieuTepDinhKem" not in item.original


WRAPPED = {"duLieu": "<hoTich><nycHoTen>A</nycHoTen></hoTich>", "fileDinhKem": []}


@pytest.mark.parametrize(
    "detail",
    [
        WRAPPED,
        {"a": {"b": [WRAPPED["duLieu"]]}, "fileDinhKem": None},
        {"form": "<?xml version='1.0' encoding='utf-8'?><x><hoTich><nycHoTen>A</nycHoTen></hoTich></x>"},
    ],
)
def test_the_form_is_found_wherever_the_detail_has_it(serve: Serve, twin: DvcltTwin, detail: Any) -> None:
    twin.act({"raw": {"code": CODE, "detail": detail}})
    [item] = dossiers(serve).poll(None).items
    assert item.body is not None, item.problem
    assert item.body["facts"]["nycHoTen"] == "A"


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ({"fileDinhKem": []}, "form"),
        ("không phải JSON", "detail-shape"),
        ({"a": WRAPPED["duLieu"], "b": "<hoTich><x>2</x></hoTich>"}, "form"),
        ({"a": "<hoTich><x>"}, "not-xml"),
        ({"a": '<!DOCTYPE a [<!ENTITY b "c">]><hoTich><x>&b;</x></hoTich>'}, "doctype"),
        ({"a": "<hoTich>" + "<a>" * 100 + "</a>" * 100 + "</hoTich>"}, "too-deep"),
        ({**WRAPPED, "fileDinhKem": [{"duLieuTepDinhKem": "không"}]}, "base64"),
        ({**WRAPPED, "fileDinhKem": [{"duLieuTepDinhKem": ""}]}, "size"),
        ({**WRAPPED, "fileDinhKem": {}}, "files"),
    ],
)
def test_a_detail_that_cannot_be_read_is_handed_on_with_its_fault_and_not_acknowledged(
    serve: Serve, twin: DvcltTwin, detail: Any, code: str
) -> None:
    twin.act({"raw": {"code": CODE, "detail": detail}})

    pages = read_all(dossiers(serve))

    [item] = [item for page in pages for item in page.items]
    assert (item.body, [f.code for f in item.problem]) == (None, [code])
    assert twin.book()["received"] == []


def test_one_dossier_that_cannot_be_fetched_holds_up_no_other_and_is_told_at_the_end() -> None:
    class Half(DvcltTwin):
        def _show(self, number: str) -> Response:
            return Response(500, "<html></html>") if number == "1" else super()._show(number)

    twin, other = Half(), f"{CODE[:-4]}0102"
    twin.act({"born": {"code": CODE}})
    twin.act({"born": {"code": other}})
    serve = Serve(twin)
    serve.start()
    feed = dossiers(serve)

    first = feed.poll(None)
    assert [item.body and item.body["dossier"] for item in first.items] == [other]
    second = feed.poll(first.cursor)  # what was acknowledged is progress, and is committed
    feed.poll(second.cursor)
    with pytest.raises(TryLater, match="detail"):
        feed.poll("[]")
    serve.stop()
    assert twin.book()["received"] == [other]


def test_a_row_of_another_shape_is_kept_with_its_fault(serve: Serve, twin: DvcltTwin) -> None:
    twin._listed = {"x": None}
    twin._rows["x"] = {"ma": "khác"}
    [strange] = dossiers(serve).poll(None).items
    assert [f.code for f in strange.problem] == ["list-row"]


def test_an_answer_that_is_no_list_stops_loudly() -> None:
    class Odd(DvcltTwin):
        def _answer_known(self, request: Request) -> Response:
            return Response(body=[])

    serve = Serve(Odd())
    serve.start()
    with pytest.raises(Unclassified, match="no data"):
        dossiers(serve).poll(None)
    serve.stop()


@pytest.mark.parametrize("chaos", [Chaos(down=True), Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
def test_a_list_that_cannot_be_read_is_read_later(serve: Serve, chaos: Chaos) -> None:
    serve.chaos = chaos
    with pytest.raises(TryLater):
        dossiers(serve).poll(None)


def test_filed_again_while_it_waits_for_papers_it_amends_the_dossier(serve: Serve) -> None:
    known = {"dossier": {}, "status": 5, "status_time": "x", "received_at": "2026-01-05T02:30:00Z"}
    [item] = dossiers(serve, Desk(known)).poll(None).items
    assert item.body is not None
    assert (item.body["status"], item.body["deadlines"]) == (5, {"received_at": "2026-01-05T02:30:00Z"})


def test_the_same_content_has_the_same_name_and_an_unread_one_has_a_name_of_its_own(serve: Serve) -> None:
    desk = Desk()
    feed = dossiers(serve, desk)
    [first] = feed.poll(None).items
    [again] = dossiers(serve, desk).poll(None).items
    assert (first.source_id, first.original) == (again.source_id, again.original)
    desk.refuse = True
    [unread] = dossiers(serve, desk).poll(None).items
    assert unread.source_id != first.source_id
    assert "-unread-" in unread.source_id


# ── dates, tables ───────────────────────────────────────────────────────────────────────────────────────────


@given(st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_both_forms_of_a_day_are_the_same_day(day: date) -> None:
    assert read_day(day.strftime("%d.%m.%Y")) == read_day(day.strftime("%Y%m%d")) == day


@pytest.mark.parametrize(
    "text", ["", "1941", "31.02.2026", "20260231", "02/01/2026", "2026-01-02", "00.00.0000", "18991231"]
)
def test_what_is_no_day_is_left_as_given(text: str) -> None:
    assert read_day(text) is None
    assert days_of({"nksNgaySinh": text, "soNha": "20210502"}) == {}


def test_our_ten_states_each_have_their_row_and_the_mapping_has_the_same() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    plain = {row["ours"]: row["theirs"] for row in rows if "when" not in row}
    assert set(plain) == set(range(1, 11))

    view = json.loads((ROOT / "mappings/dvclt_status/samples/accepted-at-the-one-stop/in.json").read_text("utf-8"))
    for ours, theirs in plain.items():
        made = MAPPINGS["dvclt_status"].translate({**view, "message": {**view["message"], "status": ours}})
        assert str(made.get("trangThai", "none")) == theirs
    for row in rows:
        if "when" in row:
            word = row["when"].rpartition("sub_status ")[2].rstrip(")")
            message = {**view["message"], "status": row["ours"], "sub_status": word}
            assert str(MAPPINGS["dvclt_status"].translate({**view, "message": message})["trangThai"]) == row["theirs"]


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.desk_poller is not None
    assert isinstance(connector.simulator and connector.simulator({}), DvcltTwin)

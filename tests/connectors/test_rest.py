"""REST by configuration: the README's own partner against the twin that is made of its file, and every row of the cautious table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from connectors.rest import FOLDER, connector
from connectors.rest.settings import Settings
from connectors.rest.simulator import twin_of
from gateway.dialect.delivering import Rest
from gateway.dialect.twin import DialectTwin
from gateway.errors import AskFirst, Misconfigured, Rejected, TryLater, Unclassified
from gateway.flow.clock import Clock
from gateway.flow.gateway import Gateway
from gateway.ledger.keys import add_key
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Partner
from gateway.simulation import Chaos, Request, Response, Serve, Twin
from tests import generic
from tests.conftest import Time
from tests.connectors.replay import DOSSIER, Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.door import Door, fresh_ledger, make_home
from tests.house import House, dossier

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
XML_HEAD = b"<?xml version='1.0' encoding='UTF-8'?>\n"


class Page(Twin):
    """Gives each question the answer that the test put there, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Response] = []
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        return self.answers.pop(0)


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def url(page: Page) -> Iterator[str]:
    serve = Serve(page)
    yield serve.start()
    serve.stop()


def rest(url: str, **settings: Any) -> Rest:
    told = {"url": url, "total_timeout": 5, "call": [{"path": "/ho-so"}], **settings}
    partner = Partner("so-y-te", "Sở Y tế", "Health", "rest", Settings.model_validate(told), {})
    assert connector.outbound is not None
    made = connector.outbound(partner)
    assert isinstance(made, Rest)
    return made


def sending(document: Any = None, **more: Any) -> Parcel:
    return parcel("DossierSubmitted", {"message": {"ma": "1"} if document is None else document}, **more)


# ── samples of the cautious table ───────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_over_the_wire(sample: Sample) -> None:
    recorded = Recorded(sample, "/ho-so", lambda _: Response(404))
    serve = Serve(recorded)
    settings = Settings.model_validate({"url": serve.start(), "call": [{"path": "/ho-so"}]})
    made = Rest(settings.open(Path()), settings, Watched.load(FOLDER / "outcomes.toml"), "test")

    outcome, reason = outcome_of(lambda: made.deliver(sending(sample.request)))
    serve.stop()

    assert outcome == sample.expected["outcome"]
    if outcome != "delivered":
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    assert recorded.asked[0].json() == sample.request


def test_the_mailbox_has_the_same_table_and_samples() -> None:
    other = FOLDER.parent / "mailbox"
    assert (other / "outcomes.toml").read_bytes() == (FOLDER / "outcomes.toml").read_bytes()
    assert [(s.name, s.expected) for s in read_samples(other)] == [(s.name, s.expected) for s in SAMPLES]


# ── what an answer means ────────────────────────────────────────────────────────────────────────────────────

CODED = {"answer": {"code": "/ma", "text": "/loi"}, "rule": [{"http": ["2xx"], "code": ["00"], "outcome": "delivered"}]}


@pytest.mark.parametrize(
    ("settings", "status", "body", "expected"),
    [
        ({}, 200, "", "delivered"),
        ({}, 204, None, "delivered"),
        ({}, 200, "{}", "delivered"),
        ({}, 409, "{}", Unclassified),
        (CODED, 200, '{"ma": "00"}', "delivered"),
        (CODED, 200, '{"ma": 0}', Unclassified),
        (CODED, 200, '{"ma": "99"}', Unclassified),
        (CODED, 200, "{}", Unclassified),
        (CODED, 200, "", Unclassified),
        (CODED, 200, "<html>", AskFirst),
        (CODED, 500, '{"ma": "00"}', AskFirst),
        ({"rule": [{"http": [200], "outcome": "delivered"}]}, 200, "<html>bảo trì</html>", AskFirst),
        ({"rule": [{"http": [409], "outcome": "duplicate"}]}, 409, "<html>", Unclassified),
        ({"rule": [{"http": [409], "outcome": "duplicate"}]}, 409, "{}", "duplicate"),
        ({"rule": [{"http": [200], "code": ["unreadable"], "outcome": "delivered"}]}, 200, "OK", "delivered"),
        ({"answer": {"unwrap": ["text"], "text": ""}, "rule": [{"text": "^OK$", "outcome": "delivered"}]}, 200, "OK", "delivered"),
        ({"answer": {"unwrap": ["text"], "text": ""}, "rule": [{"text": "^OK$", "outcome": "delivered"}]}, 200, "Lỗi", Unclassified),
        ({"answer": {"unwrap": ["xml"], "code": "/@ma"}, "rule": [{"code": ["0"], "outcome": "delivered"}]}, 200, '<t ma="0"/>', "delivered"),
        ({"rule": [{"http": [500], "outcome": "rejected"}]}, 500, "<html>", Rejected),
    ],
)  # fmt: skip
def test_an_answer_ends_well_only_when_the_file_says_so(
    page: Page, url: str, settings: dict[str, Any], status: int, body: Any, expected: Any
) -> None:
    page.answers = [Response(status, body)]
    made = rest(url, **settings)

    if isinstance(expected, str):
        assert made.deliver(sending()).duplicate is (expected == "duplicate")
    else:
        with pytest.raises(expected):
            made.deliver(sending())


def test_the_receipt_has_the_partners_code_and_its_own_reference(page: Page, url: str) -> None:
    page.answers = [Response(200, {"ma": "00", "soTiepNhan": 17})]

    receipt = rest(url, **(CODED | {"answer": {"code": "/ma", "reference": "/soTiepNhan"}})).deliver(sending())

    assert (receipt.code, receipt.reference, receipt.duplicate) == ("00", "17", False)


# ── what is sent ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_is_made_as_it_is_declared(page: Page, url: str) -> None:
    page.answers = [Response(200, "{}")]
    call = {
        "method": "PUT",
        "path": "/tinh/{/tinh}/ho-so/{$dossier}",
        "query": {"luc": "{$event_time|yyyyMMddHHmmss}", "trong": "{/khong?}"},
        "headers": {"Idempotency-Key": "{$key}"},
        "with": {"loai": "{$type}", "phienBan": 2},
        "secrets": {"authKey": "k{1}"},
        "wrap": ["json", "base64", "at /goi/duLieu"],
    }
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    rest(url + "/goc", headers={"X-Unit": "H99"}, call=[call]).deliver(
        sending({"tinh": "a/b", "ten": "Mẫu"}, trace=trace)
    )

    [asked] = page.asked
    assert (asked.method, asked.path) == ("PUT", f"/goc/tinh/a/b/ho-so/{DOSSIER}")
    assert dict(asked.query) == {"luc": "20260105120000"}
    assert (asked.headers["idempotency-key"], asked.headers["x-unit"]) == (
        "0199aa00-0000-7000-8000-000000000001",
        "H99",
    )
    assert asked.headers["traceparent"] == trace
    packed = "eyJ0aW5oIjoiYS9iIiwidGVuIjoiTeG6q3UifQ=="
    assert asked.json() == {"goi": {"duLieu": packed}, "loai": "DossierSubmitted", "phienBan": 2, "authKey": "k{1}"}


@pytest.mark.parametrize(
    ("call", "document", "body", "kind"),
    [
        ({"send": "xml"}, "<HoSo/>", b"<HoSo/>", "application/xml; charset=utf-8"),
        ({"send": "xml", "wrap": ["xml HoSo"]}, {"Ma": "1"}, XML_HEAD + b"<HoSo><Ma>1</Ma></HoSo>", "application/xml; charset=utf-8"),
        ({"send": "form"}, {"a": "b c", "d": 1}, b"a=b+c&d=1", "application/x-www-form-urlencoded"),
        ({"send": "text", "content_type": "text/csv"}, "a;b", b"a;b", "text/csv"),
        ({"send": "none", "method": "DELETE"}, {"ma": "1"}, b"", None),
        ({"inline": ["/tep/*/d"]}, {"tep": [{"d": "5f"}]}, b'{"tep":[{"d":"JVBERg=="}]}', "application/json; charset=utf-8"),
    ],
)  # fmt: skip
def test_a_document_goes_in_the_form_that_the_partner_wants(
    page: Page, url: str, call: dict[str, Any], document: Any, body: bytes, kind: str | None
) -> None:
    page.answers = [Response(200, "{}")]

    rest(url, call=[{"path": "/x", **call}]).deliver(sending(document, read_file=lambda sha: b"%PDF"))

    assert page.asked[0].body == body
    assert page.asked[0].headers.get("content-type") == kind


@pytest.mark.parametrize(
    ("call", "document"),
    [
        ({"path": "/{/ma}"}, {"khac": 1}),
        ({"path": "/{/ma}"}, {"ma": ".."}),
        ({"path": "/x", "headers": {"X": "{/ma}"}}, {"ma": "Nguyễn"}),
        ({"path": "/x", "with": {"a": "1"}}, ["danh sách"]),
        ({"path": "/x", "send": "xml"}, {"ma": 1}),
        ({"path": "/x", "send": "form"}, {"ma": {"a": 1}}),
        ({"path": "/x", "wrap": ["base64"]}, {"ma": 1}),
        ({"path": "/x", "type": "StatusChanged"}, {"ma": 1}),
    ],
)
def test_what_cannot_be_put_into_the_call_goes_to_a_person_and_nothing_is_sent(
    page: Page, url: str, call: dict[str, Any], document: Any
) -> None:
    with pytest.raises(Rejected):
        rest(url, call=[call]).deliver(sending(document))
    assert page.asked == []


def test_each_type_has_its_call_and_the_last_row_takes_the_rest(page: Page, url: str) -> None:
    calls = [{"path": "/ho-so", "type": ["DossierSubmitted"]}, {"path": "/khac"}]
    page.answers = [Response(200, "{}"), Response(200, "{}")]
    made = rest(url, call=calls)

    made.deliver(sending())
    made.deliver(parcel("StatusChanged", {"message": {}}))

    assert [request.path for request in page.asked] == ["/ho-so", "/khac"]


def test_a_document_that_its_mapping_left_null_is_not_sent(page: Page, url: str) -> None:
    null = parcel("DossierSubmitted", {"message": None})

    assert rest(url).deliver(null).code == "nothing-to-send"
    assert rest(url).find(null) is Found.ABSENT
    assert page.asked == []


# ── did it arrive? ──────────────────────────────────────────────────────────────────────────────────────────

FIND = {
    "path": "/ho-so/{$key}",
    "rows": [
        {"http": [200], "found": "arrived"},
        {"http": [404], "found": "absent"},
        {"http": [300], "found": "unknown"},
    ],
}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "{}", Found.ARRIVED),
        (404, "{}", Found.ABSENT),
        (300, "{}", Found.UNKNOWN),
        (200, "<html>", TryLater),
        (404, "<html>404 nginx</html>", TryLater),
        (500, "{}", TryLater),
        (401, "{}", TryLater),
    ],
)
def test_only_an_answer_of_the_partners_own_says_whether_it_arrived(
    page: Page, url: str, status: int, body: str, expected: Any
) -> None:
    page.answers = [Response(status, body)] * 2
    made = rest(url, find=FIND)

    if isinstance(expected, Found):
        assert made.find(sending()) is expected
    else:
        with pytest.raises(expected):
            made.find(sending())


def test_a_partner_that_can_be_asked_nothing_leaves_it_to_a_person_unless_sending_twice_is_harmless(url: str) -> None:
    assert rest(url).find(sending()) is Found.UNKNOWN
    assert rest(url, repeat_is_harmless=True).find(sending()) is Found.ABSENT


def test_a_call_may_say_otherwise_than_the_partner(page: Page, url: str) -> None:
    page.answers = [Response(404, "{}")]
    harmful = {"path": "/a", "type": "DossierSubmitted", "repeat_is_harmless": False}
    asked = {"path": "/b", "type": "DossierSubmitted", "find": FIND}

    assert rest(url, repeat_is_harmless=True, call=[harmful]).find(sending()) is Found.UNKNOWN
    assert rest(url, repeat_is_harmless=True, call=[asked]).find(sending()) is Found.ABSENT
    assert len(page.asked) == 1


# ── the connection check ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("status", "bare", "declared"), [(200, True, True), (404, True, False), (503, False, False)])
def test_the_check_asks_the_declared_question_or_whether_anybody_is_there(
    page: Page, url: str, status: int, bare: bool, declared: bool
) -> None:
    page.answers = [Response(status, "{}")] * 2

    assert [h.ok for h in rest(url).check()] == [bare]
    assert [h.ok for h in rest(url, check={"path": "/health"}).check()] == [declared]
    assert [(r.method, r.path) for r in page.asked] == [("GET", "/"), ("GET", "/health")]


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "ftp://x"}, "url"),
        ({"khac": 1}, "khac"),
        ({"call": [{"path": "ho-so"}]}, "call.0.path"),
        ({"call": [{"path": "/hồ-sơ"}]}, "call.0.path"),
        ({"call": [{"path": "/a?b=1"}]}, "call.0.path"),
        ({"call": [{"path": "/{ma}"}]}, "call.0.path"),
        ({"call": [{"path": "/{$cursor}"}]}, "call.0.path"),
        ({"call": [{"path": "/a", "type": "HoSo"}]}, "call.0.type"),
        ({"call": [{"path": "/a"}, {"path": "/b"}]}, "cuối"),
        ({"call": [{"path": "/a", "wrap": ["zip"]}]}, "call.0.wrap"),
        ({"call": [{"path": "/a", "with": {"x": "{$no}"}}]}, "call.0.with"),
        ({"answer": {"code": "ma"}}, "answer.code"),
        ({"answer": {"unwrap": ["yaml"]}}, "answer.unwrap"),
        ({"rule": [{"outcome": "ok"}]}, "rule 1"),
        ({"rule": [{"outcome": "delivered"}, {"http": [200], "outcome": "rejected"}]}, "never reached"),
        ({"rule": [{"text": "(", "outcome": "rejected"}]}, "regular expression"),
        ({"find": {"path": "/a", "rows": []}}, "find.rows"),
        ({"find": {"path": "/a", "rows": [{"http": [404], "found": "gone"}]}}, "find.rows.0.found"),
        ({"find": {"path": "/a", "rows": [{"http": [999], "found": "absent"}]}}, "999"),
        ({"find": FIND, "repeat_is_harmless": True}, "find hoặc"),
        ({"poll": [{"name": "a", "ask": {"path": "/a"}, "mapping": "m", "cursor": "/c", "window": "3d"}]}, "poll.0"),
        ({"poll": [{"name": "a", "ask": {"path": "/a"}, "mapping": "m", "window": "3 tuần"}]}, "poll.0.window"),
        ({"poll": [{"name": "A b", "ask": {"path": "/a"}, "mapping": "m"}]}, "poll.0.name"),
        ({"poll": [{"name": "a", "ask": {"path": "/a"}, "mapping": []}]}, "poll.0.mapping"),
        ({"hook": [{"name": "a", "path": "a b", "mapping": "m"}]}, "hook.0.path"),
        ({"hook": [{"name": "a", "path": "a", "mapping": "m", "proof": {"place": "query", "secret": "x" * 16}}]}, "hook.0.proof"),
        ({"hook": [{"name": "a", "path": "a", "mapping": "m"}], "poll": [{"name": "a", "ask": {"path": "/"}, "mapping": "m"}]}, "name"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_found_when_it_is_loaded_with_its_place(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"url": "http://127.0.0.1:9", **settings})

    lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in caught.value.errors(include_input=False)]
    assert any(told in line for line in lines), lines


def test_what_is_wrong_is_told_without_the_secrets() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"url": "http://x", "call": [{"path": "/a", "with": {"khoa": "mat{thu"}}]})

    assert "mat{thu" not in str([e["msg"] for e in caught.value.errors(include_input=False)])


def test_a_host_that_the_file_does_not_name_is_refused_and_one_that_it_names_is_called(page: Page, url: str) -> None:
    call = [{"path": f"{url}/x/{{/ma}}"}]
    with pytest.raises(ValidationError, match="hosts"):
        rest("http://127.0.0.1:9", call=call)
    page.answers = [Response(200, "{}")]

    rest("http://127.0.0.1:9", hosts=[url.removeprefix("http://")], call=call).deliver(sending())

    assert page.asked[0].path == "/x/1"


# ── the README's own partner, in a real gateway ─────────────────────────────────────────────────────────────


class Agency:
    """The Department of Health of the README: its twin, and a gateway that knows it by its file."""

    def __init__(self, home: Path, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(home.parent))
        for name, value in generic.SECRETS.items():
            monkeypatch.setenv(name, value)
        file = generic.add_partner(home, "rest")
        self.twin: DialectTwin = twin_of(generic.partner_file(file))
        self.serve = Serve(self.twin)
        for name, value in generic.addresses("so-y-te", self.serve.start()).items():
            monkeypatch.setenv(name, value)
        self.time = time
        self.gateway = Gateway(home, now=time)
        self.house = House(self.gateway)
        del self.gateway._outbounds["so-y-te"]  # this one is real
        self.clock = Clock(self.gateway)

    def publish(self, **told: Any) -> None:
        self.twin.act({"publish": {"feed": "trang-thai", "item": generic.row(**told)}})

    def events(self) -> list[tuple[str, str | None]]:
        """Type and why it is held, of everything that the agency told."""
        with self.gateway.ledger.read() as connection:
            rows = connection.execute(text("SELECT type, held FROM messages WHERE source = 'so-y-te' ORDER BY seq"))
            return [(row.type, row.held) for row in rows]

    def status(self, number: int = 1) -> int:
        with self.gateway.ledger.read() as connection:
            code = f"000.00.01.H99-260105-{number:04d}"
            found = connection.execute(text("SELECT status FROM dossiers WHERE code = :code"), {"code": code})
            return int(found.scalar_one())


@pytest.fixture
def agency(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agency]:
    made = Agency(make_home(tmp_path), time, monkeypatch)
    made.house.accept("one-stop", dossier(1))
    made.house.work()
    yield made
    made.serve.stop()
    made.gateway.close()


def test_a_dossier_goes_to_the_agency_by_its_file_alone(agency: Agency) -> None:
    assert agency.twin.book()["bodies"] == [
        {"maHoSo": DOSSIER, "nguoiNop": "Nguyễn Văn Mẫu", "ngayNop": "05/01/2026 08:15:00"}
    ]
    assert agency.twin.book()["refused"] == []


def test_what_the_feed_shows_moves_the_dossier_once_however_often_it_is_read(agency: Agency) -> None:
    agency.publish()
    for _ in range(3):
        agency.clock.poll("so-y-te")

    assert agency.events() == [("StatusChanged", None)]
    assert agency.status() == 4


def test_an_item_that_changed_comes_in_again_and_one_the_mapping_refuses_is_kept_and_held(agency: Agency) -> None:
    agency.publish()
    agency.publish(status="LA", ngay="05/01/2026 14:40:00")
    agency.publish(status="XONG", ngay="05/01/2026 14:50:00")
    agency.clock.poll("so-y-te")

    assert agency.events() == [("StatusChanged", None), ("Unreadable", "unreadable"), ("StatusChanged", None)]
    assert agency.status() == 9


def test_a_feed_in_trouble_loses_nothing(agency: Agency) -> None:
    agency.publish()
    for chaos in ({"error_500": 1.0}, {"wrong_type": 1.0}, {"drop_after": 1.0}, {"down": True}):
        agency.serve.chaos = Chaos(**chaos)
        assert agency.clock.poll("so-y-te") == 0
    agency.serve.chaos = Chaos()

    assert agency.clock.poll("so-y-te") == 1


def test_the_feed_is_read_page_by_page_to_its_end(agency: Agency) -> None:
    for number in range(1, 121):
        agency.twin.act({"publish": {"feed": "trang-thai", "item": generic.row(number)}})

    assert agency.clock.poll("so-y-te") == 120
    assert agency.clock.poll("so-y-te") == 0


# ── what they call ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def door(agency: Agency) -> Door:
    made = Door(agency.gateway)
    with agency.gateway.ledger.write() as connection:
        made.keys["so-y-te"] = add_key(connection, "so-y-te", "bearer", "test", agency.time())[1]
    return made


def tell(door: Door, *rows: Any) -> Any:
    answer = door.post("/hooks/so-y-te/trang-thai", {"hoSo": list(rows)}, "so-y-te")
    return answer.status_code, answer.json


def test_a_call_is_answered_row_by_row_in_the_partners_own_words(agency: Agency, door: Door) -> None:
    good, bad = generic.row(), generic.row(2, status="LA")

    assert tell(door, good) == (200, {"ma": "00", "dong": [{"maHoSo": DOSSIER, "ma": "00"}]})
    status, told = tell(door, bad, good)

    assert (status, told["ma"]) == (200, "01")
    assert [row["ma"] for row in told["dong"]] == ["01", "00"]
    assert "trangThai" in told["noiDung"]
    assert agency.events() == [("StatusChanged", None)]  # the good one again is the same one


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"hoSo": []}', b'{"hoSo": [{}]}', b"[]", b'{"hoSo": [5]}'])
def test_a_call_without_anything_in_it_is_refused_in_their_words(agency: Agency, door: Door, body: bytes) -> None:
    answer = door.post("/hooks/so-y-te/trang-thai", body, "so-y-te")

    assert (answer.status_code, answer.json["ma"]) == (200, "01")  # type: ignore[index]
    assert agency.events() == []


def test_only_the_partner_itself_may_call(agency: Agency, door: Door) -> None:
    assert door.post("/hooks/so-y-te/trang-thai", {"hoSo": []}, None).status_code == 401
    assert door.post("/hooks/so-y-te/trang-thai", {"hoSo": []}, "one-stop").status_code == 404


def test_a_mapping_that_does_not_exist_is_found_when_the_file_is_loaded(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for name, value in generic.SECRETS.items():
        monkeypatch.setenv(name, value)
    home = make_home(tmp_path)
    generic.add_partner(home, "rest", lambda text: text.replace('mapping = "so_y_te_status"', 'mapping = "khong_co"'))
    gateway = Gateway(home)

    with pytest.raises(Misconfigured, match="khong_co"):
        _ = gateway.partners
    gateway.close()


# ── the twin ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_twin_refuses_what_no_sample_shows(agency: Agency) -> None:
    outbound = agency.gateway.outbound("so-y-te")
    whole = {"maHoSo": "1", "nguoiNop": "Mẫu", "ngayNop": "05/01/2026 08:15:00"}
    for wrong in ({**whole, "thua": 1}, {"maHoSo": "1"}, {**whole, "maHoSo": 1}):
        with pytest.raises(Rejected):
            outbound.deliver(sending(wrong, key=f"k-{len(str(wrong))}"))
    assert len(agency.twin.book()["refused"]) == 3
    outbound.deliver(sending(whole, key="k-1"))
    with pytest.raises(Unclassified):
        outbound.deliver(sending({**whole, "nguoiNop": "Khác"}, key="k-1"))
    assert outbound.deliver(sending(whole, key="k-1")).duplicate
    assert agency.twin.book()["repeats"] == ["k-1"]


def test_the_readmes_other_examples_are_right() -> None:
    for block in generic.blocks("rest")[2:]:
        Settings.model_validate({"url": "http://127.0.0.1:9", **tomllib.loads(block)})


# ── how a dossier stands ────────────────────────────────────────────────────────────────────────────────────

BY_KEY = {"path": "/ho-so/{$key}", "rows": [{"http": [200], "found": "arrived"}, {"http": [404], "found": "absent"}]}
BY_DOSSIER = {**BY_KEY, "path": "/ho-so/{$dossier}"}
YES, NO, PAGE = Response(200, {}), Response(404, {}), Response(404, "<html>không thấy</html>")


def state(url: str, number: int = 3, **settings: Any) -> Any:
    made: Any = rest(url, **settings)
    return made.state([sending(key=f"m{n}") for n in range(1, number + 1)])


def test_without_a_question_nobody_can_be_asked(url: str) -> None:
    assert not hasattr(rest(url), "state")
    assert not hasattr(rest(url, repeat_is_harmless=True), "state")


def test_messages_are_asked_about_from_the_newest_back_to_the_first_that_they_have(page: Page, url: str) -> None:
    page.answers = [NO, YES]

    says = state(url, find=BY_KEY)

    assert (says.there, says.lacking, says.statuses) == (True, ["m3"], None)
    assert [request.path for request in page.asked] == ["/ho-so/m3", "/ho-so/m2"]


def test_receipts_that_are_gone_are_no_lost_dossier_but_a_dossier_that_is_not_found_is(page: Page, url: str) -> None:
    page.answers = [NO] * 6

    assert state(url, find=BY_KEY).there
    lost = state(url, find=BY_DOSSIER)

    assert (lost.there, lost.lacking) == (False, ["m3", "m2", "m1"])


def test_what_no_question_is_declared_for_is_not_asked_about(page: Page, url: str) -> None:
    calls = [{"path": "/b", "type": ["StatusChanged"], "find": BY_KEY}, {"path": "/a"}]

    assert state(url, call=calls) is None
    assert page.asked == []


def test_an_answer_that_no_row_knows_is_no_difference(page: Page, url: str) -> None:
    for answer in (PAGE, Response(500, {})):
        page.answers = [answer]
        with pytest.raises(TryLater):
            state(url, find=BY_KEY)
    unknown = {**BY_KEY, "rows": [*BY_KEY["rows"], {"http": [410], "found": "unknown"}]}
    page.answers = [Response(410, {})] * 3
    assert state(url, find=unknown) is None

"""Any partner that speaks SOAP: calls, faults, questions, feeds; against samples and the strict twin made of its own file."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from pydantic import ValidationError
from sqlalchemy import text

from connectors.soap import FOLDER, connector
from connectors.soap.calling import Calls
from connectors.soap.client import Client
from connectors.soap.client.shapes import read
from connectors.soap.inbound import polling_of
from connectors.soap.outbound import Soap
from connectors.soap.settings import Settings
from connectors.soap.simulator import SoapTwin
from gateway.dialect.calling import fields_of
from gateway.errors import AskFirst, DeliveryError, Misconfigured, Rejected, TryLater, Unclassified
from gateway.flow.accept import Acceptance
from gateway.flow.clock import Clock
from gateway.flow.deliver import Courier
from gateway.flow.gateway import Gateway
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Partner, Submission
from gateway.simulation import Chaos, Request, Response, Serve, Twin
from mappings.engine import load
from tests.civil import Desk
from tests.connectors.replay import DOSSIER, Recorded, Sample, outcome_of, parcel, read_samples, words_of
from tests.department import EXAMPLE, PATH, add_department, raw_settings, settings, twin_settings
from tests.department import addresses as where
from tests.door import fresh_ledger, make_home
from tests.house import dossier

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
V11 = "http://schemas.xmlsoap.org/soap/envelope/"
RULES = raw_settings("http://127.0.0.1")["rule"]


@pytest.fixture
def twin() -> SoapTwin:
    return SoapTwin(twin_settings())


@pytest.fixture
def serve(twin: SoapTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def soap(serve: Serve, folder: Path = EXAMPLE, **more: Any) -> Soap:
    conf = settings(serve.url, **more)
    return Soap(Client(conf, folder), conf, OUTCOMES, "so-vi-du.toml")


def submission(**more: Any) -> Parcel:
    return parcel("DossierSubmitted", {"message": {**dossier(1), **more.pop("fields", {})}}, dossier(1), **more)


def moved(status: Any = 4, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"message": {"status": status}}, **more)


class Says(Twin):
    """Gives one answer to everything, and keeps what it was asked."""

    name = "says"

    def __init__(self, body: bytes | str, status: int = 200, kind: str = "text/xml") -> None:
        super().__init__()
        self.response = Response(status, body, {"Content-Type": kind})
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        return self.response


@pytest.fixture
def says() -> Iterator[Any]:
    open_ones: list[Serve] = []

    def start(body: bytes | str, status: int = 200, kind: str = "text/xml") -> Serve:
        open_ones.append(Serve(Says(body, status, kind)))
        open_ones[-1].start()
        return open_ones[-1]

    yield start
    for one in open_ones:
        one.stop()


def enveloped(inside: str, version: str = V11) -> str:
    return f'<s:Envelope xmlns:s="{version}"><s:Body>{inside}</s:Body></s:Envelope>'


def result(code: str = "00", text: str = "Thành công") -> str:
    inside = f"<CapNhatTrangThaiResult><MaLoi>{code}</MaLoi><MoTa>{text}</MoTa></CapNhatTrangThaiResult>"
    return enveloped(f'<CapNhatTrangThaiResponse xmlns="urn:vi-du:ho-so">{inside}</CapNhatTrangThaiResponse>')


def fault(code: str, words: str, detail: str = "") -> str:
    return enveloped(f"<s:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring>{detail}</s:Fault>")


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    recorded = Recorded(sample, PATH, lambda request: Response(404))
    serve = Serve(recorded)
    serve.start()
    values = {"maBanTin": "{$key}", "maHoSo": "{$dossier}", "trangThai": "{/status}"}
    row = {"operation": "CapNhatTrangThai", "send": "nothing", "with": values}
    conf = settings(serve.url, rule=[], answer={}, call=[row])
    client = Client(conf, EXAMPLE)

    outcome, reason = outcome_of(lambda: Soap(client, conf, OUTCOMES, "so-vi-du.toml").deliver(moved()))
    told = Calls(client, conf, conf.call).make(conf.call[0], fields_of(moved(), {"status": 4}))().told
    serve.stop()

    assert outcome == sample.expected["outcome"]
    assert OUTCOMES.judge("send", http=told.http, code=told.code, text=told.text).rule == sample.expected["rule"]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    assert read(etree.fromstring(recorded.asked[0].body)[0][0]) == sample.request


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("port", [None, "HoSoSoap", "HoSoSoap12"])
def test_a_dossier_arrives_with_its_reference_and_once(port: str | None) -> None:
    twin = SoapTwin(twin_settings(port=port))
    serve = Serve(twin)
    serve.start()
    out = soap(serve, port=port)
    receipt = out.deliver(submission())

    assert (receipt.code, receipt.reference, receipt.duplicate) == ("00", "TN-1", False)
    [effect] = twin.book()["effects"]
    assert effect["document"]["hoSo"]["MaHoSo"] == DOSSIER
    assert effect["document"]["hoSo"]["NguoiNop"] == dossier(1)["applicant"]["name"]
    assert out.deliver(submission(in_doubt=True)).duplicate
    assert len(twin.book()["effects"]) == 1
    serve.stop()


def test_each_type_has_its_operation_and_one_without_goes_to_a_person(serve: Serve, twin: SoapTwin) -> None:
    out = soap(serve)
    out.deliver(moved())
    with pytest.raises(Rejected, match="ResultIssued"):
        out.deliver(parcel("ResultIssued", {"message": {}}))

    assert [(e["operation"], e["document"]["trangThai"]) for e in twin.book()["effects"]] == [("CapNhatTrangThai", "4")]


def test_what_the_mapping_left_null_is_not_sent(serve: Serve, twin: SoapTwin) -> None:
    assert soap(serve).deliver(parcel("StatusChanged", {"message": None})).code == "nothing-to-send"
    assert soap(serve).find(parcel("StatusChanged", {"message": None})) is Found.ABSENT
    assert twin.book()["questions"] == 0


def test_a_mapping_may_give_all_the_arguments_and_an_xsl_the_whole_element(serve: Serve, twin: SoapTwin) -> None:
    whole = {"maBanTin": "m-1", "maHoSo": DOSSIER, "trangThai": 4}
    fields = f"<a:maBanTin>m-2</a:maBanTin><a:maHoSo>{DOSSIER}</a:maHoSo><a:trangThai>5</a:trangThai>"
    text = f'<a:CapNhatTrangThai xmlns:a="urn:vi-du:ho-so">{fields}</a:CapNhatTrangThai>'
    call = [{"operation": "CapNhatTrangThai"}]
    answer = {"code": "/CapNhatTrangThaiResult/MaLoi"}
    out = soap(serve, call=call, answer=answer)
    for document in (whole, text):
        out.deliver(parcel("StatusChanged", {"message": document}))

    assert [effect["document"]["trangThai"] for effect in twin.book()["effects"]] == ["4", "5"]


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"maBanTin": "m", "maHoSo": DOSSIER, "trangThai": "bốn"}, "/trangThai"),
        ({"maBanTin": "m", "maHoSo": "", "trangThai": 4}, "/maHoSo"),
        ({"maBanTin": "m", "maHoSo": DOSSIER}, "trangThai"),
        ({"maBanTin": "m", "maHoSo": [DOSSIER], "trangThai": 4}, "/maHoSo"),
        ({"maBanTin": {"a": 1}, "maHoSo": DOSSIER, "trangThai": 4}, "/maBanTin"),
        ({"maBanTin": "m\x00", "maHoSo": DOSSIER, "trangThai": 4}, "/maBanTin"),
        ({"maBanTin": "m", "maHoSo": DOSSIER, "trangThai": 4, "them": 1}, "/them"),
        ("<a/>", "CapNhatTrangThai"),
        ("<a", "XML"),
        ("<!DOCTYPE a []><a/>", "DTD"),
        ([1], "/"),
    ],
)
def test_what_the_contract_does_not_allow_is_not_sent_and_names_its_place(
    serve: Serve, twin: SoapTwin, document: Any, named: str
) -> None:
    with pytest.raises(Rejected, match=named) as refused:
        soap(serve, call=[{"operation": "CapNhatTrangThai"}]).deliver(parcel("StatusChanged", {"message": document}))

    assert refused.value.code == "template"
    assert "bốn" not in refused.value.reason  # a value may be somebody's
    assert twin.book()["questions"] == 0


def test_a_template_without_its_field_sends_nothing(serve: Serve, twin: SoapTwin) -> None:
    with pytest.raises(Rejected, match="applicant/name"):
        soap(serve).deliver(submission(fields={"applicant": {}}))
    assert twin.book()["questions"] == 0


def test_files_go_inline_and_a_document_may_be_wrapped(says: Any) -> None:
    call = {"operation": "TraCuu", "inline": ["/papers/*/content"], "wrap": ["json", "base64", "at /maBanTin"]}
    serve = says(enveloped('<TraCuuResponse xmlns="urn:vi-du:ho-so"/>'))
    out = soap(serve, call=[call], find=None, answer={}, rule=[])
    document = {"papers": [{"content": "5f"}]}
    out.deliver(parcel("DossierSubmitted", {"message": document}, read_file=lambda sha: b"%PDF"))

    [asked] = serve.twin.asked
    sent = read(etree.fromstring(asked.body)[0][0])["maBanTin"]
    assert json.loads(base64.b64decode(sent)) == {"papers": [{"content": base64.b64encode(b"%PDF").decode()}]}


def test_secrets_are_arguments_that_no_template_touches(says: Any) -> None:
    call = {"operation": "TraCuu", "send": "nothing", "secrets": {"maBanTin": "{$mat} & <khau>"}}
    serve = says(enveloped('<TraCuuResponse xmlns="urn:vi-du:ho-so"/>'))
    soap(serve, call=[call], find=None, answer={}, rule=[]).deliver(moved())

    assert read(etree.fromstring(serve.twin.asked[0].body)[0][0])["maBanTin"] == "{$mat} & <khau>"


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (lambda: result("00"), None),
        (lambda: result("02", "Mã hồ sơ sai"), Rejected),
        (lambda: result("77", "?"), Unclassified),  # a code that nobody listed
        (lambda: result("", "?"), Unclassified),  # the file says where a code stands, and there is none
        (lambda: enveloped(""), AskFirst),  # the contract declares an answer
        (lambda: fault("s:Client", "Hồ sơ đã tồn tại"), Rejected),
        (lambda: fault("s:Server", "không thành công"), AskFirst),
        (lambda: fault("00", "một lỗi mang mã thành công"), None),  # the row names the code: the operator wants it so
        (lambda: fault("x:Other", "lỗi khác"), AskFirst),
        (lambda: "<html>Bảo trì</html>", AskFirst),
        (lambda: "", AskFirst),
        (lambda: "<!DOCTYPE a [<!ENTITY x 'y'>]>" + result(), AskFirst),
        (lambda: result() + "<a/>", AskFirst),
        (lambda: result().replace("</s:Envelope>", '<s:Body/></s:Envelope>'), AskFirst),
        (lambda: result().replace(V11, "urn:other"), AskFirst),
        (lambda: "<a>" * 300 + "</a>" * 300, AskFirst),
    ],
)  # fmt: skip
def test_an_answer_means_what_the_file_and_the_table_say(says: Any, answer: Any, outcome: Any) -> None:
    text = answer()
    status = 500 if "Fault" in text else 200
    # a row without a code: it must take neither a fault nor a page for success
    loose = [*RULES, {"text": "thành công|tồn tại", "outcome": "delivered"}]
    serve = says(text, status)
    out = soap(serve, rule=loose)
    if outcome is None:
        assert out.deliver(moved()).code == "00"
        return
    with pytest.raises(outcome):
        out.deliver(moved())


def test_a_fault_of_theirs_has_its_code_in_the_detail(says: Any) -> None:
    detail = (
        '<detail><e:LoiNghiepVu xmlns:e="urn:e"><e:Ma>HS02</e:Ma><e:MoTa>Trùng hồ sơ</e:MoTa></e:LoiNghiepVu></detail>'
    )
    serve = says(fault("s:Server", "Lỗi", detail), 500)
    places = {"fault_code": "/detail/LoiNghiepVu/Ma", "fault_text": "/detail/LoiNghiepVu/MoTa"}
    call = [{**raw_settings(serve.url)["call"][1], "answer": places}]
    rules = [{"code": ["HS01"], "outcome": "duplicate"}, {"code": ["HS02"], "outcome": "rejected"}]

    with pytest.raises(Rejected, match="HS02 Trùng hồ sơ"):
        soap(serve, call=call, rule=rules).deliver(moved())


def test_a_result_that_is_json_in_xml_is_unwrapped(says: Any) -> None:
    inside = json.dumps({"status": {"ma": 0, "loi": None}, "id": "TN-9"}).replace('"', "&quot;")
    serve = says(
        enveloped(f'<TraCuuResponse xmlns="urn:vi-du:ho-so"><TraCuuResult>{inside}</TraCuuResult></TraCuuResponse>')
    )
    answer = {"unwrap": ["at /TraCuuResult", "json"], "code": "/status/ma", "reference": "/id"}
    call = [{"operation": "TraCuu", "send": "nothing", "with": {"maBanTin": "{$key}"}}]
    out = soap(serve, call=call, answer=answer, rule=[{"code": [0], "outcome": "delivered"}], find=None)

    assert out.deliver(moved()).reference == "TN-9"


def test_one_wrapped_result_that_cannot_be_read_leaves_it_in_doubt(says: Any) -> None:
    serve = says(
        enveloped('<TraCuuResponse xmlns="urn:vi-du:ho-so"><TraCuuResult>không</TraCuuResult></TraCuuResponse>')
    )
    answer = {"unwrap": ["at /TraCuuResult", "json"], "code": "/status/ma"}
    call = [{"operation": "TraCuu", "send": "nothing", "with": {"maBanTin": "{$key}"}}]
    with pytest.raises(AskFirst):
        soap(serve, call=call, answer=answer, find=None).deliver(moved())


def test_an_answer_larger_than_allowed_leaves_it_in_doubt(says: Any) -> None:
    with pytest.raises(AskFirst, match="larger"):
        soap(says(result("00", "x" * 20_000)), answer_bytes=10_000).deliver(moved())


# ── questions ───────────────────────────────────────────────────────────────────────────────────────────────


def test_in_doubt_the_partner_is_asked(serve: Serve) -> None:
    out = soap(serve)
    assert out.find(submission()) is Found.ABSENT
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(submission())
    serve.chaos = Chaos()
    assert out.find(submission(in_doubt=True)) is Found.ARRIVED
    serve.stop()
    with pytest.raises(TryLater):
        out.find(submission(in_doubt=True))


def test_where_nothing_can_be_asked_a_person_decides_unless_repeating_is_harmless(serve: Serve) -> None:
    assert soap(serve, find=None).find(submission(in_doubt=True)) is Found.UNKNOWN
    assert soap(serve, find=None, repeat_is_harmless=True).find(submission(in_doubt=True)) is Found.ABSENT
    calls = raw_settings(serve.url)["call"]
    each = [{**calls[0], "repeat_is_harmless": True}, calls[1]]
    assert soap(serve, call=each).find(submission(in_doubt=True)) is Found.ABSENT


@pytest.mark.parametrize("answer", [fault("s:Server", "Không tồn tại"), "<html>không tồn tại</html>", enveloped("")])
def test_a_question_that_failed_is_no_answer(says: Any, answer: str) -> None:
    rows = [{"text": "không tồn tại", "found": "absent"}, {"http": [200], "code": ["00"], "found": "arrived"}]
    find = {**raw_settings("http://127.0.0.1")["find"], "rows": rows}
    with pytest.raises(TryLater):
        soap(says(answer), find=find).find(submission(in_doubt=True))


def test_a_fault_may_say_that_there_is_none_when_its_code_is_named(says: Any) -> None:
    find = {**raw_settings("http://127.0.0.1")["find"], "rows": [{"code": ["KhongCo"], "found": "absent"}]}
    serve = says(fault("ns:KhongCo", "Không có"), 500)

    assert soap(serve, find=find).find(submission(in_doubt=True)) is Found.ABSENT


def test_a_check_asks_what_is_declared_or_only_whether_somebody_answers(serve: Serve, twin: SoapTwin) -> None:
    assert [health.ok for health in soap(serve).check()] == [True]
    assert [health.ok for health in soap(serve, check=None).check()] == [True]
    wrong = {"kind": "basic", "user": "ai", "password": "sai"}
    [health] = soap(serve, auth=wrong).check()
    assert not health.ok
    assert twin.book()["effects"] == []
    serve.stop()
    assert [health.ok for health in (*soap(serve).check(), *soap(serve, check=None).check())] == [False, False]


def test_a_wrong_account_waits_for_the_operator(serve: Serve) -> None:
    with pytest.raises(TryLater) as failed:
        soap(serve, auth={"kind": "basic", "user": "lien-thong", "password": "sai"}).deliver(moved())
    assert failed.value.retry_after == 900


# ── headers ─────────────────────────────────────────────────────────────────────────────────────────────────

HEADER = {
    "element": "{urn:vi-du:ho-so}XacThuc",
    "fields": {"MaBanTin": "{$key}", "DonVi": "H99"},
    "secrets": {"MatKhau": "{không phải} mẫu"},
    "must_understand": True,
}


def test_a_header_carries_templates_and_secrets() -> None:
    twin = SoapTwin(twin_settings(header=[HEADER]))
    serve = Serve(twin)
    serve.start()
    soap(serve, header=[HEADER]).deliver(moved())
    assert len(twin.book()["effects"]) == 1
    for wrong in ([], [{**HEADER, "secrets": {"MatKhau": "khác"}}]):
        with pytest.raises(Rejected):
            soap(serve, header=wrong).deliver(moved())
    serve.stop()


def test_a_header_nobody_declared_there_is_not_understood(serve: Serve) -> None:
    with pytest.raises(TryLater, match="MustUnderstand"):
        soap(serve, header=[HEADER]).deliver(moved())


# ── feeds ───────────────────────────────────────────────────────────────────────────────────────────────────


def event(number: int, status: int = 1) -> dict[str, str]:
    return {
        "So": str(number), "MaHoSo": DOSSIER, "TrangThai": str(status), "ThoiDiem": "2026-01-05T10:30:00+07:00",
        "CanBo": "Lê Văn Cán", "NoiDung": "Đang xử lý",
    }  # fmt: skip


class Departments(Desk):
    """The spine in memory, with the example's mapping."""

    def translate(self, mapping: str, document: Any) -> Any:
        return load(EXAMPLE / "mappings", None)[mapping].translate(document)  # type: ignore[arg-type]


def feed(serve: Serve, desk: Desk, **more: Any) -> Any:
    conf = settings(serve.url, **more)
    return polling_of(Client(conf, EXAMPLE), conf, desk, "so-vi-du.toml")


def test_a_feed_is_read_from_its_cursor_and_one_item_is_a_list_too(serve: Serve, twin: SoapTwin) -> None:
    poller = feed(serve, Departments())
    empty = poller.poll(None)
    twin.act({"publish": {"feed": "su-kien", "item": event(7)}})
    first = poller.poll(empty.cursor)
    again = poller.poll(first.cursor)

    assert [item.body["status"] for item in first.items] == [4]
    assert (empty.items, again.items) == ([], [])
    assert first.items[0].source_id.startswith("su-kien-7-")


def test_an_item_that_no_mapping_reads_is_kept_with_its_faults(serve: Serve, twin: SoapTwin) -> None:
    for item in (event(1), event(2, 9), event(3, 2)):
        twin.act({"publish": {"feed": "su-kien", "item": item}})
    page = feed(serve, Departments()).poll(None)

    assert [item.body and item.body["status"] for item in page.items] == [4, None, 9]
    assert page.items[1].problem


def test_a_feed_that_fails_is_read_again_and_moves_no_cursor(says: Any) -> None:
    for answer, status in ((fault("s:Server", "Lỗi"), 200), ("<html/>", 200), ("", 503)):
        with pytest.raises((TryLater, Unclassified)):
            feed(says(answer, status), Departments()).poll('{"su-kien": {"cursor": "5"}}')


# ── the operator's file ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"wsdl": 5}, "wsdl"),
        ({"call": [{"operation": "NhanHoSo", "type": "Khac"}]}, "no such message type"),
        ({"call": [{"operation": "NhanHoSo"}, {"operation": "TraCuu", "type": "StatusChanged"}]}, "put it last"),
        ({"call": [{"operation": "NhanHoSo", "with": {"a": {"b": "{$ai}"}}}]}, "not understood"),
        ({"call": [{"operation": "NhanHoSo", "wrap": ["yaml"]}]}, "no such step"),
        ({"repeat_is_harmless": True}, "one of them"),
        ({"rule": [{"code": ["1"], "outcome": "tot"}]}, "outcome"),
        ({"header": [{"element": "a b"}]}, "element"),
        ({"security": {"username": "a"}}, "go together"),
        ({"security": {"key": "k.pem"}}, "certificate"),
        ({"find": {"operation": "TraCuu", "rows": [{"code": ["1"], "found": "unknown"}]}}, "arrived or absent"),
        ({"timeout": 5}, "timeout"),
    ],
)
def test_a_mistake_in_the_file_is_found_when_it_is_read(change: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(raw_settings("http://127.0.0.1", **change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"call": [{"operation": "NhanHoSoo"}]}, "NhanHoSo, CapNhatTrangThai, TraCuu"),
        ({"call": [{"operation": "Nhan"}], "check": {"operation": "Thu"}}, "'Nhan'(.|\n)*'Thu'"),  # all at once
        ({"port": "HoSoSoap13"}, "HoSoSoap, HoSoSoap12"),
        ({"wsdl": "KhongCo.wsdl"}, "KhongCo.wsdl"),
        ({"wsdl": "../../soap/example/HoSo.wsdl"}, None),
        ({"wsdl": "../samples/x.wsdl"}, "outside"),
        ({"wsdl": "partner.toml"}, "XML"),
    ],
)
def test_a_contract_that_does_not_fit_names_what_there_is(change: Mapping[str, Any], said: str | None) -> None:
    partner = Partner("so-vi-du", "", "", "soap", settings("http://127.0.0.1", **change), {}, EXAMPLE)
    assert connector.outbound is not None
    if said is None:
        connector.outbound(partner)
        return
    with pytest.raises(Misconfigured, match=said):
        connector.outbound(partner)


def test_what_an_answer_should_be_made_up_from_must_be_declared() -> None:
    answer = {"unwrap": ["at /X", "xml"], "code": "/Ma"}
    twin = SoapTwin(twin_settings(answer=answer, call=raw_settings("")["call"][:1]))
    serve = Serve(twin)
    serve.start()
    with pytest.raises(DeliveryError):
        soap(serve).deliver(submission())
    serve.stop()


# ── a whole gateway ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_dossier_goes_out_and_a_status_comes_in_without_any_python(
    tmp_path: Path, serve: Serve, twin: SoapTwin, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for variable, value in where(serve.url).items():
        monkeypatch.setenv(variable, value)
    gateway = Gateway(add_department(make_home(tmp_path)), now=lambda: datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
    body = dossier(1)
    accepted = Acceptance(gateway, gateway.config.partners["one-stop"]).one(
        Submission(body["id"], body, json.dumps(body).encode())
    )
    assert "so-vi-du" in accepted.destinations
    courier = Courier(gateway, "so-vi-du")
    while courier.step() or courier._flying:
        pass
    courier._drain()
    twin.act({"publish": {"feed": "su-kien", "item": event(7)}})
    clock = Clock(gateway)
    counts = [clock.poll("so-vi-du"), clock.poll("so-vi-du")]
    with gateway.ledger.read() as connection:
        told = [row[0] for row in connection.execute(text("SELECT status FROM dossiers"))]
    gateway.close()

    [effect] = twin.book()["effects"]
    assert effect["document"]["hoSo"]["MaHoSo"] == body["dossier"]
    assert effect["document"]["hoSo"]["MaBanTin"] == accepted.id
    assert counts == [1, 0]
    assert told == [4]

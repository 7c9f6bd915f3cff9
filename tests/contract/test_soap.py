"""The SOAP contract: what REST takes, SOAP takes; every fault has its place; nobody gets in who does not prove who they are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy import select

from gateway.canonical import TYPES as MESSAGES
from gateway.canonical import DossierSubmitted
from gateway.errors import Misconfigured
from gateway.flow.validate import read_canonical
from gateway.ledger.messages import message_by_id
from gateway.ledger.opening import LedgerAway
from gateway.ledger.tables import files, messages
from gateway.web.soap.contract import messages as contract_of
from gateway.web.soap.contract import write_xsd
from gateway.web.soap.door import write_wsdl
from gateway.web.soap.writing import write
from tests.conftest import Time
from tests.door import Door, fresh_ledger, make_home, open_door
from tests.house import dossier, status
from tests.soap import (
    DS,
    LT,
    NAMES,
    PATH,
    V11,
    V12,
    WSA,
    WSU,
    Signer,
    User,
    answer,
    codes,
    element,
    envelope,
    message,
    post,
    raw,
    security,
    text,
    timestamp,
    told,
)  # fmt: skip
from tests.unit.test_xml import HOSTILE

ROOT = Path(__file__).resolve().parents[2]
CODE = "000.00.01.H99-260105-0001"
BASE = "/soap:Envelope/soap:Body/lt:SubmitDossier/lt:DossierSubmitted"
AGENCY = """
id = "agency"
name = "Sở mẫu"
name_en = "A sample department"
connector = "one_stop_rest"
sends = ["DossierSubmitted", "StatusChanged", "ResultIssued", "SupplementRequested"]
reads = "own"
[settings]
url = "env:LIENTHONG_ONE_STOP_URL"
key = "env:LIENTHONG_ONE_STOP_KEY"
[soap]
certificates = ["certs/agency.pem", "certs/agency-ec.pem"]
"""
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Signer]:
    folder, at = tmp_path_factory.mktemp("certs"), Time().at
    made = {name: Signer.of(folder, name, at) for name in ("agency", "stranger")}
    return made | {"agency-ec": Signer.of(folder, "agency-ec", at, "ec")}


@pytest.fixture
def door(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    addresses: None,
    time: Time,
    signers: dict[str, Signer],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Door]:
    home = make_home(tmp_path)
    (home / "config" / "partners" / "agency.toml").write_text(AGENCY, encoding="utf-8")
    (home / "config" / "certs").symlink_to(signers["agency"].certificate.parent)
    with ExitStack() as stack:
        if getattr(request, "param", "sqlite") == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgresql_server").database())
        else:
            url = fresh_ledger(tmp_path)
        monkeypatch.setenv("LIENTHONG_LEDGER", url)
        yield stack.enter_context(open_door(home, time))


both = pytest.mark.parametrize(
    "door", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
versions = pytest.mark.parametrize("version", [V11, V12])


def set_web(door: Door, **changes: Any) -> None:
    config = door.gateway.config
    config.settings = config.settings.model_copy(update={"web": config.settings.web.model_copy(update=changes)})


def stored(door: Door) -> int:
    with door.gateway.ledger.read() as connection:
        return len(connection.execute(select(messages.c.seq)).all())


# ── the contract itself ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_committed_contract_is_that_of_the_model() -> None:
    assert (ROOT / "docs" / "schemas" / "dossiers.xsd").read_bytes() == write_xsd()


def test_the_contract_is_served_with_the_configured_address(door: Door) -> None:
    wsdl = door.client.get(f"{PATH}?wsdl", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    root = etree.fromstring(wsdl.data)
    assert wsdl.content_type == "text/xml; charset=utf-8"
    assert {a.get("location") for a in root.iter("{*}address")} == {f"http://127.0.0.1:8080{PATH}"}
    assert {i.get("schemaLocation") for i in root.iter("{*}import")} == {f"http://127.0.0.1:8080{PATH}?xsd=dossiers"}
    xsd = door.client.get(f"{PATH}?XSD=dossiers")
    etree.XMLSchema(etree.fromstring(xsd.data))


def test_behind_a_trusted_proxy_the_callers_own_address_is_served(door: Door) -> None:
    set_web(door, forwarded=True)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "lienthong.example.vn"}
    assert f'location="https://lienthong.example.vn{PATH}"' in door.client.get(f"{PATH}?WSDL", headers=headers).text
    # what is no host is not written into a document
    bad = {**headers, "X-Forwarded-Host": 'a"/><evil'}
    assert "evil" not in door.client.get(f"{PATH}?wsdl", headers=bad).text


def test_the_wsdl_follows_the_basic_profile() -> None:
    root = etree.fromstring(write_wsdl("http://a"))
    wsdl, parts = "{http://schemas.xmlsoap.org/wsdl/}", list(root.iter("{*}part"))
    elements = etree.fromstring(write_xsd()).xpath("/*/*[local-name()='element']/@name")
    assert all(p.get("element", "").removeprefix("lt:") in elements and p.get("type") is None for p in parts)  # R2204
    assert all(len(m.findall(f"{wsdl}part")) == 1 for m in root.iter(f"{wsdl}message"))  # R2201
    requests = [
        p.get("element") for m in root.iter(f"{wsdl}message") if m.get("name", "").endswith("Request") for p in m
    ]
    assert len(set(requests)) == len(requests) == 4  # R2710
    assert {e.get("use") for e in root.iter("{*}body", "{*}fault") if e.get("use")} == {"literal"}  # R2706
    assert {b.get("transport") for b in root.iter("{*}binding") if b.get("transport")} == {
        "http://schemas.xmlsoap.org/soap/http"
    }  # R2702


def test_a_get_without_a_question_is_not_a_call(door: Door) -> None:
    response = door.client.get(PATH)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert door.client.get(f"{PATH}?xsd=other").status_code == 404


# ── what REST takes, SOAP takes ─────────────────────────────────────────────────────────────────────────────────

FULL = dossier(
    1, summary="Đăng ký <khai> sinh & nhận kết quả", facts={"Họ tên mẹ": "Lê Thị Mẫu", "ghi chú": " có khoảng trắng "},
    fees=[{"code": "LP1", "name": "Lệ phí", "kind": "charge", "amount": 15000, "paid": "direct"}],
    papers=[{"name": "Giấy chứng sinh", "copies": 1, "kind": "original"}], national_databases=["1", "02"],
    attachments=[{"id": "a1", "name": "đơn.pdf", "url": "https://tep.example.vn/a1", "digitised": True}],
)  # fmt: skip
MESSAGE_BODIES = [
    FULL,
    status(1, 4, 30),
    {
        "type": "SupplementRequested", "id": "sr-1", "dossier": CODE, "event_time": "2026-01-05T10:10:00.250+07:00", "request": "r1",
        "content": "Bổ sung giấy chứng sinh", "papers": ["Giấy chứng sinh", "Đơn"], "officer": {"name": "Trần Thị Ví Dụ"},
    },
    {
        "type": "ResultIssued", "id": "ri-1", "dossier": CODE, "event_time": "2026-01-05T10:20:00+07:00",
        "results": [{"id": "k1", "name": "Giấy khai sinh", "url": "https://tep.example.vn/k1", "code": "KQ.G15.000031"}],
    },
]  # fmt: skip


@both
@versions
def test_a_message_gets_the_receipt_and_the_stored_form_that_rest_gives(door: Door, version: str) -> None:
    # given: every message over SOAP
    for body in MESSAGE_BODIES:
        etree.XMLSchema(etree.fromstring(write_xsd())).assertValid(
            write(body["type"], contract_of()[body["type"]], body)
        )
        response = post(door, envelope(message(body), version=version))
        found = answer(response)
        assert (response.status_code, response.mimetype) == (
            200,
            {V11: "text/xml", V12: "application/soap+xml"}[version],
        )
        assert (text(found, "lt:source_id"), text(found, "lt:source"), text(found, "lt:repeated")) == (
            body["id"],
            "one-stop",
            "false",
        )
        # when: the same over REST
        again = door.post("/api/v1/messages/batch", {"messages": [body]})
        # then: it is the same message
        receipt = again.json["results"][0]["receipt"]  # type: ignore[index]
        assert (receipt["repeated"], receipt["id"]) == (True, text(found, "lt:id"))
        with door.gateway.ledger.read() as connection:
            row = message_by_id(connection, receipt["id"])
        assert json.loads(row.body) == json.loads(read_canonical(body).model_dump_json(exclude_none=True))  # type: ignore[union-attr]


def test_sent_again_the_first_receipt_comes_again(door: Door) -> None:
    first, second = (answer(post(door, envelope(message(FULL)))) for _ in range(2))
    assert text(first, "lt:id") == text(second, "lt:id")
    assert text(second, "lt:repeated") == "true"


def test_elements_may_come_in_any_order(door: Door) -> None:
    mixed = message(dict(sorted(FULL.items(), key=lambda item: item[0][::-1])))
    assert post(door, envelope(mixed)).status_code == 200


def test_where_a_dossier_stands_is_told_to_its_own_partners_only(door: Door) -> None:
    post(door, envelope(message(FULL)))
    ask = envelope(element("AskStatus", {"dossier": CODE}))
    found = answer(post(door, ask))
    assert (text(found, "lt:status/lt:code"), text(found, "lt:owner")) == ("2", "one-stop")
    assert "one-stop" in found.xpath("lt:beliefs/lt:system/text()", namespaces=NAMES)
    assert etree.XMLSchema(etree.fromstring(write_xsd())).validate(found)
    stranger = post(door, ask, "agency")
    assert stranger.status_code == 500
    assert told(stranger) == {"/soap:Envelope/soap:Body/lt:AskStatus/lt:dossier": ("/dossier", "unknown-dossier")}


def test_results_are_fetched_by_their_links(door: Door) -> None:
    sha = door.client.post(
        "/api/v1/files", data=PDF, headers=door.headers("one-stop", {"Content-Type": "application/pdf"})
    ).json["sha256"]  # type: ignore[index]
    results = [{"id": "k1", "name": "Giấy khai sinh.pdf", "sha256": sha, "symbol": "12/KS"}]
    issued = {**MESSAGE_BODIES[3], "results": results}
    for body in (FULL, issued):
        assert post(door, envelope(message(body))).status_code == 200
    found = answer(post(door, envelope(element("FetchResults", {"dossier": CODE}))))
    assert etree.XMLSchema(etree.fromstring(write_xsd())).validate(found)
    link = text(found, "lt:results/lt:url").removeprefix("http://127.0.0.1:8080")
    assert door.client.get(link).data == PDF


def test_every_message_type_has_its_element() -> None:
    root = etree.fromstring(write_xsd())
    named = root.xpath("/*/*[local-name()='element']/@name")
    assert set(MESSAGES) <= set(named)
    assert "CatalogueChanged" not in named


# ── faults ──────────────────────────────────────────────────────────────────────────────────────────────────────


@versions
def test_every_fault_is_told_at_once_with_pointer_and_xpath(door: Door, version: str) -> None:
    body = {
        **FULL,
        "status": 77,
        "channel": "hai",
        "papers": [FULL["papers"][0], {"name": "", "copies": -1, "kind": "original"}],
    }
    del body["applicant"]
    root = envelope(message(body), version=version)
    (place,) = root.xpath("//lt:DossierSubmitted", namespaces=NAMES)
    place.append(element("extra", "x"))
    place.append(element("summary", "hai lần"))
    place.append(etree.fromstring("<note>không có không gian tên</note>"))
    place.find(f"{{{LT}}}procedure").set("kind", "x")
    response = post(door, root)
    assert told(response) == {
        f"{BASE}/lt:status": ("/status", "literal-error"),
        f"{BASE}/lt:channel": ("/channel", "literal-error"),
        f"{BASE}/lt:papers[2]/lt:name": ("/papers/1/name", "string-too-short"),
        f"{BASE}/lt:papers[2]/lt:copies": ("/papers/1/copies", "greater-than-equal"),
        f"{BASE}/lt:applicant": ("/applicant", "missing"),
        f"{BASE}/lt:extra": ("/extra", "extra-forbidden"),
        f"{BASE}/lt:summary": ("/summary", "element-twice"),
        f"{BASE}/lt:note": ("/note", "wrong-namespace"),
        f"{BASE}/lt:procedure": ("/procedure", "unexpected-attribute"),
    }
    assert response.status_code == {V11: 500, V12: 400}[version]
    assert stored(door) == 0


def test_a_fault_of_soap_11_has_its_four_children_and_one_of_12_its_own(door: Door) -> None:
    bad = {**FULL, "status": 77}
    found = answer(post(door, envelope(message(bad))))
    assert [child.tag for child in found] == ["faultcode", "faultstring", "detail"]
    prefix, _, local = text(found, "faultcode").partition(":")
    assert (found.nsmap[prefix], local) == (V11, "Client")
    assert "status" not in text(found, "faultstring")
    assert "phải là một trong" in text(found, "faultstring")
    found = answer(post(door, envelope(message(bad), version=V12)))
    assert [etree.QName(child).localname for child in found] == ["Code", "Reason", "Detail"]
    assert text(found, "s12:Code/s12:Value").endswith(":Sender")
    languages = [t.get("{http://www.w3.org/XML/1998/namespace}lang") for t in found.iter(f"{{{V12}}}Text")]
    assert languages == ["vi", "en"]
    assert etree.XMLSchema(etree.fromstring(write_xsd())).validate(found.xpath("//lt:Problem", namespaces=NAMES)[0])


@pytest.mark.parametrize(
    ("pointer", "change"),
    [("/origin", {"origin": "portal"}), ("/procedure/code", {"procedure": {**FULL["procedure"], "code": "9.999999"}})],
)
def test_rights_and_codes_are_those_of_rest(door: Door, pointer: str, change: dict[str, Any]) -> None:
    body = {**FULL, **change}
    rest = door.post("/api/v1/dossiers", body)
    over_soap = told(post(door, envelope(message(body))))
    assert {(f["pointer"], f["code"]) for f in rest.json["faults"]} == set(over_soap.values())  # type: ignore[index]
    assert pointer in {p for p, _ in over_soap.values()}


def test_a_partner_sends_only_the_types_it_may(door: Door) -> None:
    order = {
        "type": "PostalCancelled",
        "id": "c1",
        "dossier": CODE,
        "event_time": "2026-01-05T10:00:00+07:00",
        "order": CODE,
        "reason": "thôi",
    }
    assert (
        told(post(door, envelope(message(order)), "agency"))[
            "/soap:Envelope/soap:Body/lt:ReportStatus/lt:PostalCancelled/lt:type"
        ][1]
        == "type-not-allowed"
    )


def test_while_the_ledger_is_away_the_caller_is_told_when_to_come_back(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(door, envelope(message(FULL)))  # the key is remembered

    def away(*_: Any) -> Any:
        raise LedgerAway("connection refused")

    monkeypatch.setattr(door.gateway.ledger, "write_together", away)
    for version, fault in ((V11, "Server"), (V12, "Receiver")):
        response = post(door, envelope(message(status(1, 4, 30)), version=version))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert fault in response.text


# ── envelopes ───────────────────────────────────────────────────────────────────────────────────────────────────


def edited(edit: Any, version: str = V11) -> etree._Element:
    root = envelope(message(FULL), version=version)
    edit(root)
    return root


def two_bodies(root: etree._Element) -> None:
    root.append(deepcopy(root[-1]))


def two_operations(root: etree._Element) -> None:
    root[-1].append(deepcopy(root[-1][0]))


def encoded(root: etree._Element) -> None:
    root[-1][0].set(f"{{{V11}}}encodingStyle", "http://schemas.xmlsoap.org/soap/encoding/")


def trailing(root: etree._Element) -> None:
    root.append(etree.Element("more"))


def other_operation(root: etree._Element) -> None:
    root[-1][0].tag = f"{{{LT}}}DropAllDossiers"


def other_namespace(root: etree._Element) -> None:
    root[-1][0].tag = "{urn:other}SubmitDossier"


def two_messages(root: etree._Element) -> None:
    root[-1][0].append(deepcopy(root[-1][0][0]))


BROKEN = {two_bodies: "envelope", two_operations: "body", encoded: "encoding-style", trailing: "envelope", other_operation: "unknown-operation",
          other_namespace: "unknown-operation", two_messages: "message"}  # fmt: skip


@pytest.mark.parametrize("edit", BROKEN)
def test_an_envelope_of_another_form_is_refused(door: Door, edit: Any) -> None:
    response = post(door, edited(edit))
    assert (response.status_code, codes(response)) == (400, {BROKEN[edit]})


@versions
def test_a_header_that_must_be_understood_and_is_not_stops_everything(door: Door, version: str) -> None:
    strange = etree.Element("{urn:x}Transaction", {f"{{{version}}}mustUnderstand": "1"})
    response = post(door, envelope(message(FULL), strange, version=version))
    assert response.status_code == 500
    assert ":MustUnderstand<" in response.text
    assert stored(door) == 0
    # for somebody else on the way, or without insisting, it is none of our business
    strange.set(f"{{{version}}}{'actor' if version == V11 else 'role'}", "urn:somebody-else")
    assert post(door, envelope(message(FULL), strange, version=version)).status_code == 200


def test_what_is_no_soap_envelope_is_a_version_mismatch(door: Door) -> None:
    response = post(door, etree.fromstring('<e:Envelope xmlns:e="urn:soap-from-mars"><e:Body/></e:Envelope>'))
    assert (response.status_code, "VersionMismatch" in response.text) == (500, True)


@pytest.mark.parametrize(("kind", "version"), [("application/json", V11), ("text/xml", V12), ("application/soap+xml", V11),
                                               ("text/xml; charset=utf-16", V11), ("multipart/related", V11), ("", V11)])  # fmt: skip
def test_another_media_type_is_refused(door: Door, kind: str, version: str) -> None:
    response = post(door, envelope(message(FULL), version=version), Content_Type=kind)
    assert (response.status_code, codes(response)) == (415, {"unsupported-type"})


def test_an_action_that_is_not_the_bodys_is_refused(door: Door) -> None:
    assert post(door, envelope(message(FULL)), SOAPAction=f'"{LT}/SubmitDossier"').status_code == 200
    assert codes(post(door, envelope(message(FULL)), SOAPAction='"urn:x/AskStatus"')) == {"action-differs"}
    kind = f'application/soap+xml; action="{LT}/AskStatus"'
    assert codes(post(door, envelope(message(FULL), version=V12), Content_Type=kind)) == {"action-differs"}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_answered_with_a_fault(door: Door, name: str) -> None:
    code, make = HOSTILE[name]
    data = make()
    response = door.client.post(PATH, data=data, headers=door.headers("one-stop", {"Content-Type": "text/xml"}))
    most = door.gateway.config.settings.web.body_bytes
    assert response.status_code == (413 if len(data) > most else 400)
    assert b"Fault>" in response.data
    assert codes(response) == {"too-large" if len(data) > most else code}
    assert b"root:" not in response.data


def test_hostile_parts_inside_an_envelope_change_nothing(door: Door) -> None:
    head = f'<s:Envelope xmlns:s="{V11}" xmlns:i="http://www.w3.org/2001/XInclude"><s:Body>'
    inside = (
        raw(message(FULL))
        .split(b"?>", 1)[1]
        .replace("Đăng ký".encode(), b'<i:include href="file:///etc/passwd" parse="text"/>', 1)
    )
    response = post(door, head.encode() + inside + b"</s:Body></s:Envelope>")
    assert response.status_code == 500
    assert b"root:" not in response.data
    with_dtd = (
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + raw(envelope(message(FULL))).split(b"?>", 1)[1]
    )
    assert codes(post(door, with_dtd)) == {"doctype"}


XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), max_size=30)
FIELDS = sorted({*DossierSubmitted.model_fields, "name", "code"} - {"facts"})
JSONISH = st.recursive(
    XML_TEXT | st.integers() | st.booleans(),
    lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner | st.lists(inner, max_size=3), max_size=6),
    max_leaves=15,
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(list(FULL)), JSONISH, max_size=8))
def test_whatever_stands_in_the_body_is_accepted_or_told_with_a_place_for_each_fault(
    door: Door, changes: dict[str, Any]
) -> None:
    body = {**FULL, **{k: v for k, v in changes.items() if k not in ("type", "facts")}}
    response = post(door, envelope(message(body)))
    assert response.status_code in (200, 500)
    if response.status_code == 500:
        assert ":Client<" in response.text
        assert all(xpath.startswith(BASE) and pointer.startswith("/") for xpath, (pointer, _) in told(response).items())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_bytes_make_the_door_fail(door: Door, data: st.DataObject) -> None:
    whole = raw(envelope(message(FULL), security(), version=data.draw(st.sampled_from([V11, V12]))))
    at = data.draw(st.integers(0, len(whole)))
    cut = data.draw(st.integers(0, 40))
    response = post(door, whole[:at] + data.draw(st.binary(max_size=20)) + whole[at + cut :])
    assert b":Server<" not in response.data
    assert b":Receiver<" not in response.data


# ── addressing ──────────────────────────────────────────────────────────────────────────────────────────────────


def address(name: str, value: str) -> etree._Element:
    made = etree.Element(f"{{{WSA}}}{name}")
    made.text = value
    return made


@pytest.mark.parametrize("number", ["urn:uuid:3fe0b8a1-0000-4000-8000-000000000001", "http://a.example/~x?y#z ü"])
def test_a_message_id_is_the_idempotency_key_and_comes_back(door: Door, number: str) -> None:
    first = post(door, envelope(message(FULL), address("MessageID", number), address("Action", f"{LT}/SubmitDossier")))
    root = etree.fromstring(first.data)
    assert root.xpath("//wsa:RelatesTo/text()", namespaces=NAMES) == [number]
    assert root.xpath("//wsa:Action/text()", namespaces=NAMES) == [f"{LT}/SubmitDossierResponse"]
    # another message under the same id is refused, and told under that id
    other = post(door, envelope(message(dossier(2)), address("MessageID", number)))
    assert "urn:lienthong:problem:conflict" in other.text
    assert etree.fromstring(other.data).xpath("//wsa:RelatesTo/text()", namespaces=NAMES) == [number]


def test_an_answer_is_sent_nowhere_else(door: Door) -> None:
    reply = etree.Element(f"{{{WSA}}}ReplyTo")
    reply.append(address("Address", "http://evil.example/"))
    assert codes(post(door, envelope(message(FULL), reply))) == {"only-anonymous-address"}
    reply[0].text = f"{WSA}/anonymous"
    assert post(door, envelope(message(FULL), reply)).status_code == 200
    twice = [address("MessageID", "urn:a"), address("MessageID", "urn:b")]
    assert codes(post(door, envelope(message(FULL), *twice))) == {"header-twice"}


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────


def with_file(**fields: Any) -> dict[str, Any]:
    return {**FULL, "attachments": [{"id": "a1", "name": "đơn.pdf", "media_type": "application/pdf", **fields}]}


def kept(door: Door, data: bytes) -> bool:
    sha = hashlib.sha256(data).hexdigest()
    there = door.gateway.files.path(sha).exists()
    assert not there or door.gateway.files.path(sha).read_bytes() == data
    return there


LARGE = bytes(range(256)) * 12_000  # 3 MB: more than an envelope may have


@pytest.mark.parametrize("data", [b"", b"x", PDF, LARGE], ids=len)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_inside_the_message_goes_to_the_store(door: Door, data: bytes, wrapped: bool) -> None:
    text64 = (base64.encodebytes(data).replace(b"\n", b"\r\n") if wrapped else base64.b64encode(data)).decode()
    whole = raw(envelope(message(with_file(content="@"))).getroottree().getroot()).replace(b"@", text64.encode(), 1)
    response = post(door, whole)
    assert response.status_code == 200, response.text
    assert kept(door, data)
    with door.gateway.ledger.read() as connection:
        (row,) = connection.execute(select(messages)).all()
    assert json.loads(row.body)["attachments"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert len(row.original) < 10_000 + len(PDF) * 2


@pytest.mark.parametrize("place", ["summary", "content"])
def test_a_long_text_that_is_no_file_is_told(door: Door, place: str) -> None:
    bad = {**with_file(content="!" + "A" * 5000)} if place == "content" else {**FULL, "summary": "A" * 5000}
    response = post(door, envelope(message(bad)))
    assert response.status_code in (400, 500)
    assert codes(response) & {"base64", "string-too-long"}


def test_a_files_digest_is_checked_when_it_was_given(door: Door) -> None:
    content = base64.b64encode(PDF).decode()
    right = hashlib.sha256(PDF).hexdigest()
    assert told(post(door, envelope(message(with_file(content=content, sha256="0" * 64))))) == {
        f"{BASE}/lt:attachments[1]/lt:content": ("/attachments/0/content", "digest-differs")
    }
    assert post(door, envelope(message(with_file(content=content, sha256=right)))).status_code == 200


def test_a_file_too_large_is_refused_and_nothing_is_left(door: Door) -> None:
    set_web(door, file_bytes=5000)
    response = post(door, envelope(message(with_file(content=base64.b64encode(PDF).decode()))))
    assert (response.status_code, codes(response)) == (413, {"too-large"})
    assert list((door.gateway.files.folder / "incoming").iterdir()) == []


def include(cid: str) -> etree._Element:
    return etree.Element("{http://www.w3.org/2004/08/xop/include}Include", href=f"cid:{cid}")


def mtom(
    body: dict[str, Any], parts: dict[str, bytes], version: str = V12, *headers: etree._Element, **more: str
) -> tuple[bytes, str]:
    """A multipart/related body and its media type; every `content` of the message names its part."""
    root = envelope(message(body), *headers, version=version)
    for place in root.iter(f"{{{LT}}}content"):
        place.append(include((place.text or "").replace("@", "%40")))
        place.text = None
    return pack(raw(root), parts, version, **more)


def pack(envelope: bytes, parts: dict[str, bytes], version: str = V12, **more: str) -> tuple[bytes, str]:
    kind = {V11: "text/xml", V12: "application/soap+xml"}[version]
    chunks = [
        f'--=_b\r\nContent-Type: application/xop+xml; charset=UTF-8;\r\n type="{kind}"\r\nContent-ID: <root@x>\r\n\r\n'.encode(),
        envelope,
    ]
    for cid, data in parts.items():
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in more.items())
        chunks += [f"\r\n--=_b\r\nContent-ID: <{cid}>\r\nContent-Type: application/pdf\r\n{extra}\r\n".encode(), data]
    return b"".join(
        [*chunks, b"\r\n--=_b--\r\n"]
    ), f'multipart/related; boundary="=_b"; type="application/xop+xml"; start="<root@x>"; start-info="{kind}"'


@versions
@pytest.mark.parametrize("data", [b"", PDF, b"\r\n--=_", b"\r\n--=_b"[:-1] * 9, LARGE], ids=len)
def test_a_file_beside_the_message_goes_to_the_store(door: Door, version: str, data: bytes) -> None:
    body, kind = mtom(with_file(content="f1@x"), {"f1@x": data}, version)
    response = post(door, body, Content_Type=kind)
    assert response.status_code == 200, response.text
    assert kept(door, data)
    with door.gateway.ledger.read() as connection:
        assert connection.execute(select(files.c.media_type)).scalars().all() == ["application/pdf"]


def test_one_part_may_be_two_files_and_a_base64_part_is_decoded(door: Door) -> None:
    two = {**FULL, "attachments": [{"id": i, "name": i, "content": "f"} for i in "ab"]}
    body, kind = mtom(two, {"f": base64.encodebytes(PDF)}, Content_Transfer_Encoding="base64")
    assert post(door, body, Content_Type=kind).status_code == 200
    assert kept(door, PDF)


def test_parts_and_message_must_name_the_same_files(door: Door) -> None:
    body, kind = mtom(with_file(content="f1"), {})
    assert told(post(door, body, Content_Type=kind)) == {
        f"{BASE}/lt:attachments[1]/lt:content": ("/attachments/0/content", "missing-part")
    }
    body, kind = mtom(FULL, {"f1": PDF})
    assert codes(post(door, body, Content_Type=kind)) == {"unnamed-part"}
    body, kind = mtom(with_file(content="f1"), {"f1": PDF})
    assert codes(post(door, body.replace(b"\r\n--=_b--\r\n", b""), Content_Type=kind)) == {"multipart"}
    assert codes(post(door, body.replace(b"<f1>", b""), Content_Type=kind)) == {"multipart"}
    assert codes(post(door, body.replace(b"cid:f1", b"file:///etc/passwd"), Content_Type=kind)) == {"include"}
    assert stored(door) == 0


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_files_are_found_however_the_bytes_arrive(size: int, tmp_path: Path) -> None:
    from gateway.web.soap.parts import Cutter, Multipart, join

    body, _ = mtom(with_file(content="f1"), {"f1": PDF, "f2": b"\r\n\r\n--=_b"[:-1]})
    split = Multipart(iter([body[i : i + size] for i in range(0, len(body), size)]), "=_b", "root@x")
    assert join(split.root, 1 << 20).startswith(b"<?xml")
    assert [(part.cid, b"".join(part.chunks)) for part in split.parts()] == [("f1", PDF), ("f2", b"\r\n\r\n--=_")]

    inline = raw(
        envelope(
            message(
                {
                    **FULL,
                    "attachments": [{"id": i, "name": i, "content": base64.b64encode(PDF).decode()} for i in "abc"],
                }
            )
        )
    )
    cutter = Cutter(tmp_path)
    left = join(cutter.cut(iter([inline[i : i + size] for i in range(0, len(inline), size)])), 1 << 20)
    assert len(left) < 4000
    names = re.findall(rb"cid:(inline-[0-9a-f]+)", left)
    assert [b"".join(cutter.read(name.decode())) for name in names] == [PDF] * 3
    cutter.close()


# ── who sends ───────────────────────────────────────────────────────────────────────────────────────────────────


def secured(content: dict[str, Any], *children: etree._Element, version: str = V11) -> etree._Element:
    return envelope(message(content), security(*children, version=version), version=version)


OWN = dossier(1)


@both
@versions
def test_a_user_name_with_a_digest_opens_the_door_once(door: Door, time: Time, version: str) -> None:
    user = User.of(door)
    root = secured(OWN, user.token(time()), version=version)
    response = post(door, root, None)
    assert (response.status_code, text(answer(response), "lt:source")) == (200, "agency")
    again = post(door, root, None)
    assert codes(again) == {"replayed"}
    assert again.status_code == {V11: 500, V12: 400}[version]
    assert "FailedAuthentication" in again.text


def test_a_password_as_text_opens_the_door_and_is_not_kept(door: Door, time: Time) -> None:
    for number, user in enumerate((User.of(door), User.of(door, kind="bearer")), start=1):
        response = post(door, secured(dossier(number), user.token(time(), digest=False)), None)
        assert response.status_code == 200
        with door.gateway.ledger.read() as connection:
            for row in connection.execute(select(messages)).all():
                assert user.secret.encode() not in bytes(row.original)
                assert b"Security" in bytes(row.original)


def test_what_proves_nothing_opens_nothing(door: Door, time: Time) -> None:
    user, other = User.of(door), User.of(door, "one-stop")
    bearer = User.of(door, kind="bearer")
    wrong = {
        "no proof": [],
        "another secret": [user.token(time(), secret=other.secret)],
        "another user": [User(other.id, user.secret).token(time())],
        "no such user": [User("0" * 12, user.secret).token(time())],
        "a bearer key's digest": [bearer.token(time())],
        "another bearer key": [User(user.id, bearer.secret).token(time(), digest=False)],
        "too old": [user.token(time() - timedelta(minutes=6))],
        "from the future": [user.token(time() + timedelta(minutes=6))],
        "a short nonce": [user.token(time(), b"abc")],
        "two tokens": [user.token(time(), b"1" * 16), user.token(time(), b"2" * 16)],
        "an expired message": [
            timestamp(time() - timedelta(minutes=2), time() - timedelta(minutes=1)),
            user.token(time()),
        ],
        "two users": [user.token(time())],
        "an assertion of ours": [etree.Element("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")],
    }
    for name, children in wrong.items():
        response = post(door, secured(OWN, *children), "one-stop" if name == "two users" else None)
        assert response.status_code in (401, 500), name
        assert "problem:security" in response.text or "problem:unauthenticated" in response.text, name
    assert stored(door) == 0
    assert (
        post(door, envelope(message(OWN), security(user.token(time())), security(user.token(time()))), None).status_code
        == 400
    )


def signed(door: Door, signer: Signer, time: Time, body: dict[str, Any] = OWN, **how: Any) -> etree._Element:
    return signer.sign(secured(body, timestamp(time(), time() + timedelta(minutes=5))), **how)


@both
@pytest.mark.parametrize(("name", "how"), [("agency", {}), ("agency", {"digest": "Sha512", "method": "RsaSha512"}), ("agency", {"binary": False}),
                                           ("agency-ec", {"method": "EcdsaSha256"})])  # fmt: skip
def test_a_signed_message_opens_the_door_once(
    door: Door, time: Time, signers: dict[str, Signer], name: str, how: dict[str, Any]
) -> None:
    root = signed(door, signers[name], time, **how)
    response = post(door, root, None)
    assert (response.status_code, text(answer(response), "lt:source")) == (200, "agency"), response.text
    assert codes(post(door, root, None)) == {"replayed"}


def test_a_signature_of_old_methods_or_of_a_stranger_opens_nothing(
    door: Door, time: Time, signers: dict[str, Signer]
) -> None:
    assert codes(post(door, signed(door, signers["agency"], time, method="RsaSha1"), None)) == {"algorithm"}
    assert codes(post(door, signed(door, signers["agency"], time, digest="Sha1"), None)) == {"algorithm"}
    assert codes(post(door, signed(door, signers["stranger"], time), None)) == {"unknown-certificate"}
    assert codes(post(door, signed(door, signers["agency"], time), "one-stop")) == {"two-senders"}
    time.move(days=200)
    assert codes(post(door, signed(door, signers["agency"], time), None)) == {"certificate-ended"}
    assert stored(door) == 0


# Each takes a well-signed envelope with a forged one beside it and returns what an attacker would send.


def find(root: etree._Element, name: str) -> etree._Element:
    (found,) = root.xpath(f"//*[local-name()='{name}']")
    return cast(etree._Element, found)


def forge(body: etree._Element) -> None:
    place = body[0][0].find(f"{{{LT}}}id")
    assert place is not None
    place.text = "forged"


def changed(root: etree._Element) -> None:
    forge(find(root, "Body"))


def body_moved_into_a_header(root: etree._Element) -> None:
    body = find(root, "Body")
    forged = deepcopy(body)
    forge(forged)
    forged.attrib.pop(f"{{{WSU}}}Id")
    wrapper = etree.SubElement(find(root, "Header"), "{urn:x}Wrapper")
    wrapper.append(body)
    root.append(forged)


def body_copied_with_its_id(root: etree._Element) -> None:
    body = find(root, "Body")
    wrapper = etree.SubElement(find(root, "Header"), "{urn:x}Wrapper")
    wrapper.append(deepcopy(body))
    forge(body)


def body_as_a_header(root: etree._Element) -> None:
    """The signed Body becomes a header itself; a forged Body without an id takes its place."""
    body = find(root, "Body")
    forged = deepcopy(body)
    forged.attrib.pop(f"{{{WSU}}}Id")
    forge(forged)
    find(root, "Header").append(body)
    root.append(forged)


def body_inside_the_body(root: etree._Element) -> None:
    body = find(root, "Body")
    inner = deepcopy(body)
    body.attrib.pop(f"{{{WSU}}}Id")
    forge(body)
    body[0][0].append(inner)


def timestamp_moved(root: etree._Element) -> None:
    old = find(root, "Timestamp")
    fresh = deepcopy(old)
    fresh.attrib.pop(f"{{{WSU}}}Id")
    old.getparent().replace(old, fresh)  # type: ignore[union-attr]
    etree.SubElement(find(root, "Header"), "{urn:x}Wrapper").append(old)


def body_not_signed(root: etree._Element) -> None:
    references = [
        r for r in root.iter(f"{{{DS}}}Reference") if r.get("URI") == "#" + find(root, "Body").get(f"{{{WSU}}}Id", "")
    ]
    references[0].getparent().remove(references[0])  # type: ignore[union-attr]


def whole_document(root: etree._Element) -> None:
    next(iter(root.iter(f"{{{DS}}}Reference"))).set("URI", "")


def other_file(root: etree._Element) -> None:
    next(iter(root.iter(f"{{{DS}}}Reference"))).set("URI", "file:///etc/passwd")


def a_stylesheet(root: etree._Element) -> None:
    transforms = next(iter(root.iter(f"{{{DS}}}Transforms")))
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116")


def keyed_by_a_secret(root: etree._Element) -> None:
    next(iter(root.iter(f"{{{DS}}}SignatureMethod"))).set(
        "Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    )


def two_signatures(root: etree._Element) -> None:
    signature = find(root, "Signature")
    signature.addnext(deepcopy(signature))


def own_certificate(root: etree._Element) -> None:
    token = find(root, "BinarySecurityToken")
    token.text = (token.text or "")[:-8] + "AAAAAAA="


def no_signature_at_all(root: etree._Element) -> None:
    signature = find(root, "Signature")
    signature.getparent().remove(signature)  # type: ignore[union-attr]


def signature_for_somebody_else(root: etree._Element) -> None:
    find(root, "Security").set(f"{{{V11}}}actor", "urn:somebody-else")


ATTACKS = [
    changed, body_moved_into_a_header, body_copied_with_its_id, body_as_a_header, body_inside_the_body, timestamp_moved, body_not_signed,
    whole_document, other_file, a_stylesheet, keyed_by_a_secret, two_signatures, own_certificate, no_signature_at_all, signature_for_somebody_else,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_signed_message_that_was_rearranged_is_refused(
    door: Door, time: Time, signers: dict[str, Signer], attack: Any
) -> None:
    root = signed(door, signers["agency"], time)
    attack(root)
    response = post(door, root, None)
    assert response.status_code in (400, 401, 500)
    assert ":Client<" in response.text or "FailedAuthentication" in response.text
    assert stored(door) == 0


@pytest.mark.parametrize("large", [False, True])
def test_a_signature_covers_the_files_beside_the_message(
    door: Door, time: Time, signers: dict[str, Signer], large: bool
) -> None:
    # given: a message signed with its file inside, and then sent with the file beside it
    data = LARGE if large else PDF
    root = signed(door, signers["agency"], time, with_file(content=base64.b64encode(data).decode()))
    inside = raw(root)
    content = find(root, "content")
    content.text = None
    content.append(include("f1"))
    forged, kind = pack(raw(root), {"f1": data[:-1] + b"!"}, V11)
    good, _ = pack(raw(root), {"f1": data}, V11)
    # then: another file is refused, and it spent the signature; the same message with its own file is a new one
    assert codes(post(door, forged, None, Content_Type=kind)) == {"bad-signature"}
    assert codes(post(door, good, None, Content_Type=kind)) == {"replayed"}
    time.move(seconds=2)
    root = signed(door, signers["agency"], time, with_file(content=base64.b64encode(data).decode()))
    if large:
        inside = raw(root)
        assert post(door, inside, None).status_code == 200
    else:
        content = find(root, "content")
        content.text = None
        content.append(include("f1"))
        good, _ = pack(raw(root), {"f1": data}, V11)
        assert post(door, good, None, Content_Type=kind).status_code == 200
    assert kept(door, data)


def test_a_message_id_that_is_not_signed_is_no_key(door: Door, time: Time, signers: dict[str, Signer]) -> None:
    header = address("MessageID", "urn:uuid:1")
    for number in (1, 2):
        root = signers["agency"].sign(envelope(message(dossier(number)), security(timestamp(time())), header))
        assert post(door, root, None).status_code == 200
        time.move(seconds=1)


def test_a_partner_that_must_sign_is_not_heard_without(door: Door, time: Time, signers: dict[str, Signer]) -> None:
    agency = door.gateway.config.partners["agency"]
    must = agency.model_copy(update={"soap": agency.soap.model_copy(update={"signed": True})})
    door.gateway.config.partners["agency"] = must
    assert codes(post(door, envelope(message(OWN)), "agency")) == {"unsigned"}
    assert post(door, signed(door, signers["agency"], time), "agency").status_code == 200


def test_certificates_that_are_not_there_are_found_at_the_start(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    home = make_home(tmp_path)
    (home / "config" / "partners" / "agency.toml").write_text(AGENCY, encoding="utf-8")
    with (
        pytest.raises(Misconfigured, match=r"agency\.toml: soap\.certificates: certs/agency\.pem"),
        open_door(home, time),
    ):
        pass


def test_a_callers_places_are_given_back(door: Door) -> None:
    for _ in range(30):
        post(door, envelope(message(FULL)))
        post(door, b"<a", None)
    assert post(door, envelope(message(FULL))).status_code == 200

"""The document trunk: envelopes and signatures, both transports, the mailbox; against samples and the strict twin."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from connectors.edxml import FOLDER, connector
from connectors.edxml.client import Client
from connectors.edxml.envelope import DS, NS, read_document, write_document
from connectors.edxml.inbound import DocumentBox
from connectors.edxml.outbound import Documents
from connectors.edxml.settings import Settings
from connectors.edxml.signature import Proof
from connectors.edxml.simulator import EdxmlTwin, answer_document, status_message
from gateway.errors import AskFirst, DeliveryError, Misconfigured, Refused, Rejected, TryLater, Unclassified
from gateway.outcomes import Outcomes
from gateway.ports import Found, Page, Parcel, Partner, Submission
from gateway.simulation import Chaos, Request, Response, Serve
from gateway.xml import read_xml, write_xml
from tests.civil import MAPPINGS
from tests.civil import Desk as AnyDesk
from tests.connectors.replay import Recorded, Sample, Watched, outcome_of, parcel, read_samples, words_of
from tests.trunks import OFFICER, TrunkDay, status_rows

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
DOCUMENT = next(s.request["document"] for s in SAMPLES if s.name == "a-document-is-taken")
CODE = DOCUMENT["MessageHeader"]["Code"]["CodeNumber"]
PAPER = {"AttachmentName": "to-khai.pdf", "ContentType": "application/pdf", "sha256": "5f" * 32}
RECALL = {
    "MessageHeader": {
        "To": [{"OrganId": "000.00.07.H99"}],
        "ResponseFor": {"Code": f"{CODE}/MCDT", "PromulgationDate": "2026/01/05"},
        "StatusCode": "13",
        "Description": "Công dân rút hồ sơ",
        "Timestamp": "2026/01/07 09:00:00",
    }
}
AGENCY = "000.00.07.H99"
NOW = datetime(2026, 1, 6, 2, 0, tzinfo=UTC)
TRANSPORTS = ["vxp", "province"]


class Desk(AnyDesk):
    """Knows the dossier, which the agency handles."""

    def __init__(self) -> None:
        super().__init__(known={"dossier": {"dossier": CODE, "handled_by": {"code": AGENCY}}})


def settings(url: str, transport: str = "vxp", **more: Any) -> Settings:
    how = {
        "vxp": {"vxp": {"url": f"{url}/vxp", "system_id": "MCDT-H99", "secret": "mat-thu"}},
        "province": {"province": {"url": url, "system_id": "MCDT-H99", "secret_key": "mat-thu"}},
    }[transport]
    organ = {"code": "000.00.01.H99", "name": "Trung tâm Phục vụ hành chính công"}
    return Settings.model_validate(
        {**how, "organ": organ, "signatures": "when-present", "results": ["Quyết định"], "total_timeout": 5, **more}
    )


@pytest.fixture
def twin() -> EdxmlTwin:
    return EdxmlTwin()


@pytest.fixture
def serve(twin: EdxmlTwin) -> Iterator[Serve]:
    serve = Serve(twin)
    serve.start()
    yield serve
    serve.stop()


def client(serve: Serve, transport: str = "vxp", **more: Any) -> Client:
    return Client(settings(serve.url, transport, **more), OUTCOMES)


def documents(serve: Serve, transport: str = "vxp", **more: Any) -> Documents:
    return Documents(settings(serve.url, transport, **more), client(serve, transport, **more))


def mailbox(serve: Serve, desk: Desk | None = None, transport: str = "vxp", **more: Any) -> DocumentBox:
    return DocumentBox(client(serve, transport, **more), settings(serve.url, transport, **more), desk or Desk())


def document(content: Any = DOCUMENT, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"document": content}, read_file=lambda name: b"%PDF-1.4", **more)


def recall(content: Any = RECALL, **more: Any) -> Parcel:
    return parcel("StatusChanged", {"document": None, "recall": content}, **more)


# ── samples ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_the_table_has_exactly_one_sample_that_hits_it() -> None:
    assert sorted(s.expected["rule"] for s in SAMPLES) == sorted(v.rule for v in OUTCOMES.verdicts)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_a_sample_ends_as_expected_when_it_comes_over_the_wire(sample: Sample) -> None:
    call = sample.expected["call"]
    path = {"send": "sendEdoc", "list": "getReceivedEdocList", "ack": "updateStatus"}[call]
    recorded = Recorded(sample, f"/vxp/{path}", EdxmlTwin().answer)
    serve = Serve(recorded)
    conf, outcomes = settings(serve.start()), Watched.load(FOLDER / "outcomes.toml")
    speaks = Client(conf, outcomes)

    def make() -> Any:
        match call:
            case "list":
                speaks.received("edoc", NOW)
            case "ack":
                speaks.acknowledge(sample.request["docId"], sample.request["status"])
            case _:
                return Documents(conf, speaks).deliver(document(sample.request["document"]))
        return None

    outcome, reason = outcome_of(make)
    serve.stop()

    # an acknowledgement has no receipt: done and done before are one
    assert outcome == ("delivered" if call == "ack" else sample.expected["outcome"])
    assert outcomes.decided == [sample.expected["rule"]]
    if outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))
    [asked] = recorded.asked
    if call == "send":
        sent = read_document(read_xml(asked.body), 1024)["MessageHeader"]
        assert sample.request["document"]["MessageHeader"].items() <= sent.items()
    else:
        assert (asked.json() if asked.body else {}) == sample.request


@pytest.mark.parametrize(("status", "answer"), [(200, {"data": {}}), (403, "Forbidden"), (500, "<html></html>")])
def test_a_login_that_gives_no_token_is_tried_later(status: int, answer: Any) -> None:
    class Shut(EdxmlTwin):
        def _log_in(self, request: Request) -> Response:
            return Response(status, answer)

    serve = Serve(Shut())
    serve.start()
    with pytest.raises(TryLater, match="login"):
        client(serve, "province").agencies()
    serve.stop()


# ── the envelope ────────────────────────────────────────────────────────────────────────────────────────────

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=20).map(
    str.strip
)
FILLED = TEXT.filter(bool)
FILES = st.builds(
    lambda name, content: {"AttachmentName": name, "ContentType": "application/pdf", "content": content},
    FILLED,
    st.binary(min_size=1, max_size=60),
)
HEADERS = st.fixed_dictionaries(
    {"From": st.fixed_dictionaries({"OrganId": FILLED})},
    optional={
        "To": st.lists(st.fixed_dictionaries({"OrganId": FILLED, "OrganName": FILLED}), min_size=1, max_size=3),
        "Subject": FILLED,
        "Code": st.fixed_dictionaries({"CodeNumber": FILLED, "CodeNotation": FILLED}),
        "ToPlaces": st.fixed_dictionaries({"Place": st.lists(FILLED, min_size=1, max_size=3)}),
        "ResponseFor": st.fixed_dictionaries({"OrganId": FILLED, "Code": FILLED}),
        "StatusCode": FILLED,
    },
)


@given(HEADERS, st.lists(FILES, max_size=3), st.lists(FILLED, max_size=2))
def test_what_is_written_is_what_is_read(header: Any, files: Sequence[Any], traces: Sequence[str]) -> None:
    told = [{"OrganId": trace, "Timestamp": "2026/01/05 09:30:00"} for trace in traces]
    whole = {"MessageHeader": header, "Traces": told, "Bussiness": {"BussinessDocType": "0"}, "Attachments": files}

    found = read_document(read_xml(write_xml(write_document(whole))), 1024)

    named = [{"ContentId": f"cid:{i}", **file} for i, file in enumerate(files, start=1)]
    assert found == {**whole, "Attachments": named}


def test_a_name_the_standard_does_not_have_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="MessageHeader has no Ma"):
        write_document({"MessageHeader": {"Ma": "1"}})


def broken(old: str, new: str, xml: bytes | None = None) -> bytes:
    before = xml if xml is not None else answer_document("000.00.01.H99", CODE)
    after = before.replace(old.encode(), new.encode())
    assert after != before
    return after


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><edXML>&b;</edXML>', "doctype"),
        (b"<edXML>", "not-xml"),
        (broken(NS, "http://www.e-doc.vn/Schema/"), "shape"),
        (broken("<edXMLHeader>", "<edXMLHeader></edXMLHeader><edXMLHeader>"), "shape"),
        (broken("<Subject>", '<Subject xmlns="urn:la">'), "namespace"),
        (broken("<Subject>", "<Subject>x</Subject><Subject>"), "twice"),
        (broken("<From>", "<To>").replace(b"</From>", b"</To>"), "header"),
        (broken("cid:1</ContentId><ContentType>", "cid:2</ContentId><ContentType>"), "manifest"),
        (broken("JVBER", "không"), "base64"),
        (broken("<AttachmentName>quyet-dinh.pdf</AttachmentName><ContentType>", "<ContentType>"), "attachment"),
        (answer_document("000.00.01.H99", CODE, file="a" * 3000), "size"),
    ],
)
def test_what_is_no_document_is_refused_with_a_reason(xml: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_document(read_xml(xml), 2048)
    assert [fault.code for fault in refused.value.faults] == [code]


# ── signatures ──────────────────────────────────────────────────────────────────────────────────────────────


class Sender:
    """An agency with a key. `old`: it signs with rsa-sha1."""

    def __init__(self, folder: Path, name: str, *, days: int = 30, curve: bool = False) -> None:
        key: Any = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        start = NOW - timedelta(days=30)
        made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        self.certificate = (
            made.not_valid_before(start).not_valid_after(start + timedelta(days=days + 30)).sign(key, hashes.SHA256())
        )
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.pem = folder / f"{name}.pem"
        self.pem.write_bytes(self.certificate.public_bytes(Encoding.PEM))
        (folder / f"{name}.key").write_bytes(self.key)
        self._curve = curve

    def sign(self, xml: bytes, *, old: bool = False, whole: bool = True) -> bytes:
        root = read_xml(xml)
        header = root.find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader")
        assert header is not None
        etree.SubElement(header, f"{{{DS}}}Signature", Id="placeholder", nsmap={"ds": DS})
        method = (
            SignatureMethod.ECDSA_SHA256
            if self._curve
            else SignatureMethod.RSA_SHA1
            if old
            else SignatureMethod.RSA_SHA256
        )
        digest = DigestAlgorithm.SHA1 if old else DigestAlgorithm.SHA256
        uri = None
        if not whole:
            header[0].set("Id", "dau")
            uri = "#dau"
        signer = _AnyAge(
            method=SignatureConstructionMethod.enveloped, signature_algorithm=method, digest_algorithm=digest
        )
        return write_xml(signer.sign(root, key=self.key, cert=[self.certificate], reference_uri=uri))


class _AnyAge(XMLSigner):
    """signxml signs nothing with SHA-1 by itself; agencies do."""

    def check_deprecated_methods(self) -> None:
        return


@pytest.fixture(scope="module")
def sender(tmp_path_factory: pytest.TempPathFactory) -> Sender:
    return Sender(tmp_path_factory.mktemp("agency"), "so-nnmt")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Sender:
    return Sender(tmp_path_factory.mktemp("stranger"), "nguoi-la")


def proven(xml: bytes, *known: Sender, now: datetime = NOW, **more: Any) -> etree._Element:
    files = [str(one.pem) for one in known]
    conf = settings("http://127.0.0.1:9", certificates={AGENCY: files}, **{"signatures": "required", **more})
    return Proof(conf, Path()).proven(read_xml(xml), now)


def why(xml: bytes, *known: Sender, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        proven(xml, *known, **more)
    [fault] = refused.value.faults
    return fault.code


ANSWER = answer_document("000.00.01.H99", CODE)


def test_what_was_signed_is_what_is_read(sender: Sender) -> None:
    found = proven(sender.sign(ANSWER), sender)

    assert read_document(found, 1024) == read_document(read_xml(ANSWER), 1024)
    assert found.find(f".//{{{DS}}}Signature") is None


@pytest.mark.parametrize("form", [xmlsec.constants.TransformInclC14N, xmlsec.constants.TransformExclC14N])
def test_a_signature_made_by_another_library_is_understood(sender: Sender, form: Any) -> None:
    root = read_xml(ANSWER)
    header = root.find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader")
    assert header is not None
    node = xmlsec.template.create(root, form, xmlsec.constants.TransformRsaSha256, ns="ds")
    header.append(node)
    reference = xmlsec.template.add_reference(node, xmlsec.constants.TransformSha256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, form)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(sender.key, xmlsec.constants.KeyDataFormatPem)
    context.sign(node)

    assert read_document(proven(write_xml(root), sender), 1024) == read_document(read_xml(ANSWER), 1024)


def test_any_of_a_senders_certificates_will_do_and_curves_too(sender: Sender, tmp_path: Path) -> None:
    curve = Sender(tmp_path, "duong-cong", curve=True)
    assert proven(curve.sign(ANSWER), sender, curve).tag == f"{{{NS}}}edXML"


def test_rsa_sha1_is_refused_unless_the_operator_says_otherwise(sender: Sender) -> None:
    old = sender.sign(ANSWER, old=True)

    assert why(old, sender) == "bad-signature"
    assert proven(old, sender, sha1=True).tag == f"{{{NS}}}edXML"


@pytest.mark.parametrize(
    "part", [b"Quy\xe1\xba\xbft \xc4\x91\xe1\xbb\x8bnh", b"JVBER", b"2026/01/08 15:00:00", b"000.00.01.H99-260105-0001"]
)
def test_a_document_changed_after_it_was_signed_is_refused(sender: Sender, part: bytes) -> None:
    signed = sender.sign(ANSWER)
    changed = signed.replace(part, part[:-1] + b"X", 1)
    assert changed != signed
    assert why(changed, sender) == "bad-signature"


def test_the_key_is_the_registered_one_never_one_that_the_message_brings(sender: Sender, stranger: Sender) -> None:
    signed = stranger.sign(ANSWER)
    assert b"X509Certificate" in signed
    assert why(signed, sender) == "bad-signature"
    assert why(signed) == "unknown-certificate"


def test_a_sender_cannot_speak_for_another(sender: Sender) -> None:
    other = broken("<OrganId>000.00.07.H99", "<OrganId>000.00.08.H99", ANSWER)
    assert why(sender.sign(other), sender) == "unknown-certificate"


def test_a_signature_over_a_part_is_refused(sender: Sender) -> None:
    assert why(sender.sign(ANSWER, whole=False), sender) == "not-covered"


def test_a_signed_document_wrapped_into_another_is_refused(sender: Sender) -> None:
    """The signature stays whole, and stands elsewhere; what is read would be what nobody signed."""
    inside = read_xml(sender.sign(ANSWER))
    outside = read_xml(broken("Quyết định", "Giấy phép", ANSWER))
    signature = inside.find(f".//{{{DS}}}Signature")
    header = outside.find(f"{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader")
    assert signature is not None
    assert header is not None
    header.append(signature)
    signature.append(inside)
    assert why(write_xml(outside), sender) == "bad-signature"


def test_two_signatures_none_or_one_elsewhere_are_refused(sender: Sender) -> None:
    twice = sender.sign(sender.sign(ANSWER))
    assert why(twice, sender) == "unsigned"
    assert why(ANSWER, sender) == "unsigned"
    assert proven(ANSWER, sender, signatures="when-present").tag == f"{{{NS}}}edXML"
    root = read_xml(sender.sign(ANSWER))
    signature = root.find(f".//{{{DS}}}Signature")
    assert signature is not None
    root.append(signature)
    assert why(write_xml(root), sender) == "bad-signature"


def test_a_wrong_signature_is_refused_also_where_none_is_needed(sender: Sender, stranger: Sender) -> None:
    assert why(stranger.sign(ANSWER), sender, signatures="when-present") == "bad-signature"


def test_a_certificate_out_of_force_proves_nothing(sender: Sender) -> None:
    assert why(sender.sign(ANSWER), sender, now=NOW + timedelta(days=60)) == "bad-signature"


def test_a_certificate_file_that_cannot_be_read_is_told_at_once(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "x.pem").write_text("không phải PEM", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"certificates: x\.pem"):
        Proof(settings("http://127.0.0.1:9", certificates={AGENCY: ["x.pem"]}), tmp_path)
    sign = {"key_file": "x.pem", "certificate_file": "x.pem"}
    conf = settings(serve.url, sign=sign)
    with pytest.raises(Misconfigured, match=r"settings\.sign"):
        Documents(conf, Client(conf, OUTCOMES), tmp_path)


@pytest.mark.parametrize("curve", [False, True])
def test_what_we_send_is_signed_by_the_same_rules(serve: Serve, twin: EdxmlTwin, tmp_path: Path, curve: bool) -> None:
    ours = Sender(tmp_path, "mot-cua", curve=curve)
    sent: list[bytes] = []
    conf = settings(serve.url, sign={"key_file": "mot-cua.key", "certificate_file": "mot-cua.pem"})

    class Kept(Client):
        def send(self, kind: str, document: bytes, *, again: bool = False) -> Any:
            sent.append(document)
            return super().send(kind, document, again=again)

    Documents(conf, Kept(conf, OUTCOMES), tmp_path).deliver(document({**DOCUMENT, "Attachments": [PAPER]}))

    assert [row["signed"] for row in twin.book()["sent"]] == ["True"]
    known = settings(serve.url, certificates={"000.00.01.H99": [str(ours.pem)]})
    assert Proof(known, Path()).proven(read_xml(sent[0]), NOW).tag == f"{{{NS}}}edXML"


# ── documents out ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_dossier_goes_with_its_files_under_its_own_number(serve: Serve, twin: EdxmlTwin, transport: str) -> None:
    receipt = documents(serve, transport).deliver(document({**DOCUMENT, "Attachments": [PAPER, PAPER]}))

    [row] = twin.book()["sent"]
    assert (row["documentId"], row["files"]) == (f"000.00.01.H99,2026/01/05,{CODE}/MCDT", "2")
    assert receipt.reference == row["docId"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_recall_said_again_is_one_recall(serve: Serve, twin: EdxmlTwin, transport: str) -> None:
    out = documents(serve, transport)
    out.deliver(recall())
    assert out.find(recall(in_doubt=True)) is Found.ABSENT
    out.deliver(recall(in_doubt=True))

    [row] = twin.book()["sent"]
    assert (row["code"], row["documentId"]) == ("13", f"000.00.01.H99,2026/01/05,{CODE}/MCDT")


def test_an_update_names_the_document_it_amends(serve: Serve) -> None:
    seen: list[Any] = []

    class Kept(Client):
        def send(self, kind: str, document: bytes, *, again: bool = False) -> Any:
            seen.append(read_document(read_xml(document), 1024))
            return super().send(kind, document, again=again)

    code = {"CodeNumber": f"{CODE}-BS-yc-1", "CodeNotation": "MCDT"}
    update = {
        **DOCUMENT,
        "MessageHeader": {
            **DOCUMENT["MessageHeader"],
            "Code": code,
            "PromulgationInfo": {"PromulgationDate": "2026/01/07"},
        },
        "Bussiness": {"BussinessDocType": "2", "BussinessDocReason": "Bổ sung hồ sơ"},
        "updates": {"day": "2026/01/05", "number": f"{CODE}/MCDT"},
    }
    conf = settings(serve.url)
    Documents(conf, Kept(conf, OUTCOMES)).deliver(document(update))

    assert seen[0]["Bussiness"]["DocumentId"] == f"000.00.01.H99,2026/01/05,{CODE}/MCDT"
    assert seen[0]["MessageHeader"]["DocumentId"] == f"000.00.01.H99,2026/01/07,{CODE}-BS-yc-1/MCDT"


def test_a_document_in_doubt_is_looked_up_among_those_sent(serve: Serve, twin: EdxmlTwin) -> None:
    out = documents(serve)
    serve.chaos = Chaos(drop_after=1)
    with pytest.raises(AskFirst):
        out.deliver(document())
    serve.chaos = Chaos()

    assert out.find(document(in_doubt=True)) is Found.ARRIVED
    other = {**DOCUMENT["MessageHeader"], "Code": {"CodeNumber": "000.00.01.H99-260105-0009", "CodeNotation": "MCDT"}}
    assert out.find(document({**DOCUMENT, "MessageHeader": other}, in_doubt=True)) is Found.ABSENT


def test_a_trunk_that_cannot_tell_leaves_it_to_a_person_and_one_that_is_away_leaves_the_doubt(serve: Serve) -> None:
    out = documents(serve, "province")
    assert out.find(document(in_doubt=True)) is Found.UNKNOWN
    serve.stop()
    with pytest.raises(TryLater):
        out.find(document(in_doubt=True))


def test_only_a_trunk_that_lists_what_was_sent_can_be_asked_how_a_dossier_stands(serve: Serve) -> None:
    for transport in TRANSPORTS:
        partner = Partner("trunk", "Trục", "Trunk", "edxml", settings(serve.url, transport), {})
        assert connector.outbound is not None
        assert hasattr(connector.outbound(partner), "state") == (transport == "vxp")


def test_a_list_of_sent_documents_without_their_ids_tells_nothing() -> None:
    class Silent(EdxmlTwin):
        def _do(self, request: Request, operation: str, kind: str, document: bytes) -> Response:
            return Response(body={"success": True, "data": [{"docId": "1"}]})

    serve = Serve(Silent())
    serve.start()
    assert documents(serve).find(document(in_doubt=True)) is Found.UNKNOWN
    serve.stop()


@pytest.mark.parametrize("content", [None, {**DOCUMENT, "FirstReceived": "2026/01/04 09:30:00"}])
def test_nothing_or_a_later_reception_is_not_sent(serve: Serve, twin: EdxmlTwin, content: Any) -> None:
    out = documents(serve)
    assert out.deliver(document(content)).code == "nothing-to-send"
    assert out.find(document(content)) is Found.ABSENT
    assert twin.book()["sent"] == []


def test_what_xml_cannot_say_goes_to_a_person(serve: Serve, twin: EdxmlTwin) -> None:
    with pytest.raises(Rejected, match="edXML"):
        documents(serve).deliver(
            document({**DOCUMENT, "MessageHeader": {**DOCUMENT["MessageHeader"], "Subject": "a\uffff"}})
        )
    assert twin.book()["sent"] == []


def test_a_file_elsewhere_or_too_large_goes_to_a_person(serve: Serve, twin: EdxmlTwin) -> None:
    elsewhere = {**PAPER, "url": "https://kho.example.vn/x"}
    del elsewhere["sha256"]
    with pytest.raises(Rejected, match="không nằm trong cổng"):
        documents(serve).deliver(document({**DOCUMENT, "Attachments": [elsewhere]}))
    large = replace(document({**DOCUMENT, "Attachments": [PAPER]}), read_file=lambda name: b"x" * 2000)
    with pytest.raises(Rejected, match="lớn hơn 1024 byte"):
        documents(serve, file_bytes=1024).deliver(large)
    assert twin.book()["sent"] == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Code", {"CodeNumber": "1 2", "CodeNotation": "x"}),
        ("Subject", "x" * 501),
        ("To", [{"OrganId": "000.00.99.H99"}]),
        ("To", []),
    ],
)
def test_the_twin_refuses_what_the_trunk_would_refuse(serve: Serve, twin: EdxmlTwin, field: str, value: Any) -> None:
    with pytest.raises(Rejected):
        documents(serve).deliver(document({**DOCUMENT, "MessageHeader": {**DOCUMENT["MessageHeader"], field: value}}))
    with pytest.raises(Rejected):
        documents(serve).deliver(document({**DOCUMENT, "Timestamp": "2026/02/31 09:30:00"}))
    assert twin.book()["sent"] == []


# ── who we are ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_signed_with_another_secret_or_at_another_time_is_refused(serve: Serve) -> None:
    from connectors.edxml.transports import VxpTransport

    conf = settings(serve.url)
    assert conf.vxp is not None
    assert Client(conf, OUTCOMES).agencies() == 2
    late = Client(conf, OUTCOMES, VxpTransport(conf.vxp, conf, clock=lambda: 1_000_000.0))
    with pytest.raises(TryLater, match="15"):
        late.agencies()
    wrong = settings(serve.url, vxp={"url": f"{serve.url}/vxp", "system_id": "MCDT-H99", "secret": "sai"})
    with pytest.raises(TryLater, match="15"):
        Client(wrong, OUTCOMES).agencies()


def test_many_threads_log_in_once_and_a_token_forgotten_is_renewed_once(serve: Serve, twin: EdxmlTwin) -> None:
    speaks = client(serve, "province")
    threads = [threading.Thread(target=speaks.received, args=("edoc", NOW)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twin.book()["tokens_given"] == 1
    twin.expire()
    speaks.received("edoc", NOW)
    assert twin.book()["tokens_given"] == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_check_says_whether_the_trunk_knows_us(serve: Serve, transport: str) -> None:
    assert [h.ok for h in documents(serve, transport).check()] == [True]
    serve.stop()
    assert [h.ok for h in documents(serve, transport).check()] == [False]


def test_a_partner_has_one_trunk(serve: Serve) -> None:
    both: dict[str, Any] = {"province": {"url": serve.url, "system_id": "x", "secret_key": "y"}}
    with pytest.raises(ValueError, match="either"):
        settings(serve.url, **both)


# ── the mailbox ─────────────────────────────────────────────────────────────────────────────────────────────


def read_all(feed: DocumentBox) -> list[Page]:
    pages, cursor, more = list[Page](), None, True
    while more:
        pages.append(feed.poll(cursor))
        cursor, more = pages[-1].cursor, pages[-1].more
    return pages


def only(feed: DocumentBox) -> Submission:
    [item] = [item for page in read_all(feed) for item in page.items]
    return item


def codes(item: Submission) -> list[str]:
    return [fault.code for fault in item.problem]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_status_becomes_a_step_and_is_acknowledged_by_the_next_poll(
    serve: Serve, twin: EdxmlTwin, transport: str
) -> None:
    number = twin.act({"status": {"dossier": CODE, "code": "05"}})
    feed = mailbox(serve, transport=transport)

    first = feed.poll(None)
    assert twin.book()["acknowledged"] == []
    feed.poll(first.cursor)

    [item] = first.items
    assert item.body is not None, item.problem
    assert (item.body["dossier"], item.body["status"], item.body["event_time"]) == (CODE, 4, "2026-01-06T02:30:00Z")
    assert twin.book()["acknowledged"] == [[number, "done"]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_document_in_answer_is_a_result_and_its_file_is_parked(serve: Serve, twin: EdxmlTwin, transport: str) -> None:
    number = twin.act({"answer": {"dossier": CODE}})
    desk = Desk()

    item = only(mailbox(serve, desk, transport))

    assert item.body is not None, item.problem
    [result] = item.body["results"]
    assert desk.files[result["sha256"]] == f"%PDF-1.4 quyet-dinh.pdf {CODE}".encode()
    assert result["symbol"] == "15/QĐ-SNNMT"
    evidence = json.loads(item.original)["document"]
    assert desk.files[evidence] == ANSWER == answer_document("000.00.01.H99", CODE)
    assert twin.book()["acknowledged"] == [[number, "done"]]


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"answer": {"dossier": CODE, "type": "Công văn"}}, "for-a-person"),
        ({"status": {"dossier": CODE, "code": "02"}}, "for-a-person"),
        ({"status": {"dossier": CODE, "code": "13"}}, "for-a-person"),
        ({"status": {"dossier": CODE, "code": "16"}}, "for-a-person"),
        ({"status": {"dossier": CODE, "code": "99"}}, "for-a-person"),
    ],
)
def test_what_only_a_person_can_judge_is_held_and_acknowledged(
    serve: Serve, twin: EdxmlTwin, order: Any, code: str
) -> None:
    number = twin.act(order)
    item = only(mailbox(serve))
    assert (item.body, codes(item)) == (None, [code])
    assert twin.book()["acknowledged"] == [[number, "done"]]


@pytest.mark.parametrize("code", ["01", "15"])
def test_what_says_nothing_new_makes_no_message(serve: Serve, twin: EdxmlTwin, code: str) -> None:
    number = twin.act({"status": {"dossier": CODE, "code": code}})
    assert [item for page in read_all(mailbox(serve)) for item in page.items] == []
    assert twin.book()["acknowledged"] == [[number, "done"]]


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (b"<edXML>", "not-xml"),
        (broken("JVBER", "không"), "base64"),
        (status_message("000.00.01.H99", "15/QĐ", "05"), "wrong-form"),
        (status_message("000.00.01.H99", CODE, "05", at="2026/02/31 09:30:00"), "not-a-time"),
        (b"lost words\n" + ANSWER, "not-xml"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_fault_and_its_sender_hears_of_it(
    serve: Serve, twin: EdxmlTwin, xml: bytes, code: str
) -> None:
    number = twin.act({"raw": {"kind": "edoc", "xml": b64encode(xml).decode()}})
    desk = Desk()

    item = only(mailbox(serve, desk))

    assert (item.body, codes(item)) == (None, [code])
    assert desk.files[sha256(xml).hexdigest()] == xml
    assert twin.book()["acknowledged"] == [[number, "fail"]]


def test_stray_text_before_the_prolog_is_dropped_only_where_it_is_declared(serve: Serve, twin: EdxmlTwin) -> None:
    stray = b64encode("Văn bản số 15: ".encode() + ANSWER).decode()
    twin.act({"raw": {"kind": "edoc", "xml": stray}})
    assert only(mailbox(serve, stray_prolog=True)).body is not None
    long = b64encode(b"x" * 2000 + ANSWER).decode()
    twin.act({"raw": {"kind": "edoc", "xml": long}})
    assert codes(only(mailbox(serve, stray_prolog=True))) == ["not-xml"]


def test_an_unsigned_document_is_kept_where_signatures_are_required(
    serve: Serve, twin: EdxmlTwin, sender: Sender
) -> None:
    more: dict[str, Any] = {"signatures": "required", "certificates": {AGENCY: [str(sender.pem)]}}
    twin.act({"answer": {"dossier": CODE}})
    assert codes(only(mailbox(serve, **more))) == ["unsigned"]
    twin.act({"raw": {"kind": "edoc", "xml": b64encode(sender.sign(ANSWER)).decode()}})
    assert only(mailbox(serve, **more)).body is not None


def test_what_follows_waits_three_rounds_for_a_document_that_cannot_be_fetched() -> None:
    """It may be about the same dossier, and must not overtake. A page of some proxy is no document, and is not acknowledged."""

    class Half(EdxmlTwin):
        def _do(self, request: Request, operation: str, kind: str, document: bytes) -> Response:
            if operation == "getEdoc" and request.query.get("docId") == "DEN-000001":
                return Response(200, "<html>bảo trì</html>", {"Content-Type": "text/html"})
            return super()._do(request, operation, kind, document)

    half = Half()
    half.act({"status": {"dossier": CODE, "code": "05"}})
    second = half.act({"status": {"dossier": CODE, "code": "06"}})
    serve = Serve(half)
    serve.start()
    feed = mailbox(serve)
    for _ in range(3):
        assert feed.poll("[]").items == []
        with pytest.raises(TryLater, match="get"):
            feed.poll("[]")
    page = feed.poll("[]")
    assert [item.body and item.body["status"] for item in page.items] == [9]
    feed.poll(page.cursor)
    serve.stop()
    assert half.book()["acknowledged"] == [[second, "done"]]


@pytest.mark.parametrize("chaos", [Chaos(down=True), Chaos(drop_after=1), Chaos(wrong_type=1), Chaos(error_500=1)])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_mailbox_that_cannot_be_read_is_read_later(serve: Serve, chaos: Chaos, transport: str) -> None:
    serve.chaos = chaos
    with pytest.raises(TryLater):
        mailbox(serve, transport=transport).poll(None)


def test_an_answer_that_is_no_list_stops_loudly() -> None:
    class Odd(EdxmlTwin):
        def _do(self, request: Request, operation: str, kind: str, document: bytes) -> Response:
            return Response(body={"success": True, "data": "không"})

    serve = Serve(Odd())
    serve.start()
    with pytest.raises(Unclassified, match="no list"):
        mailbox(serve).poll(None)
    serve.stop()


def test_a_row_without_a_number_is_kept_with_its_fault_and_cannot_be_acknowledged() -> None:
    class Odd(EdxmlTwin):
        def _list(self, operation: str, kind: str) -> list[dict[str, str]]:
            return [{"messageType": kind}]

    odd = Odd()
    serve = Serve(odd)
    serve.start()
    items = [item for page in read_all(mailbox(serve)) for item in page.items]
    serve.stop()
    assert [codes(item) for item in items] == [["list-row"], ["list-row"]]
    assert odd.book()["acknowledged"] == []


def test_the_same_document_has_the_same_name_however_often_it_is_fetched(serve: Serve, twin: EdxmlTwin) -> None:
    twin.act({"answer": {"dossier": CODE}})
    first, again = (mailbox(serve).poll(None).items for _ in range(2))
    assert [(i.source_id, i.original) for i in first] == [(i.source_id, i.original) for i in again]


def test_an_acknowledgement_that_fails_is_said_again(serve: Serve, twin: EdxmlTwin) -> None:
    number = twin.act({"status": {"dossier": CODE, "code": "05"}})
    feed = mailbox(serve)
    first = feed.poll(None)
    serve.chaos = Chaos(error_500=1)
    with pytest.raises(DeliveryError):
        feed.poll(first.cursor)
    serve.chaos = Chaos()
    feed.poll(first.cursor)
    assert twin.book()["acknowledged"] == [[number, "done"]]


# ── a whole day ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dossier_goes_over_the_trunk_and_its_decision_comes_back(
    serve: Serve, twin: EdxmlTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a dossier that the one-stop has received: it goes to the agency as a document
    day = TrunkDay(tmp_path, "trunk", serve.url, monkeypatch, 'signatures = "when-present"')
    day.receive()
    assert [row["number"] for row in twin.book()["sent"]] == [CODE]

    # when the agency takes it, decides, and says that it is finished
    for order in (
        {"status": {"dossier": CODE, "code": "05", "at": "2026/01/05 10:30:00"}},
        {"answer": {"dossier": CODE}},
        {"status": {"dossier": CODE, "code": "06", "at": "2026/01/08 15:10:00"}},
    ):
        day.later(40 * 60)
        twin.act(order)
        day.poll("trunk")
        day.poll("trunk")

    # then the one-stop has heard of everything, once, and nothing is left over
    assert day.told() == ["StatusChanged", "ResultIssued", "StatusChanged"]
    assert day.moves() == [2, 4, 9]
    assert day.open_ends() == []
    assert set(twin.book()["inbox"].values()) == {"done"}
    day.close()


def test_an_answer_nobody_signed_moves_nothing_where_signatures_are_required(
    serve: Serve, twin: EdxmlTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = TrunkDay(tmp_path, "trunk", serve.url, monkeypatch)
    day.receive()
    day.later(60)
    number = twin.act({"status": {"dossier": CODE, "code": "05", "at": "2026/01/05 10:30:00"}})
    day.poll("trunk")

    assert (day.told(), day.moves()) == ([], [2])
    assert twin.book()["inbox"][number] == "fail"
    day.close()


def test_a_dossier_withdrawn_is_asked_back(
    serve: Serve, twin: EdxmlTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = TrunkDay(tmp_path, "trunk", serve.url, monkeypatch)
    day.receive()
    day.say("StatusChanged", status=7, content="Công dân rút hồ sơ", officer=OFFICER)

    assert [(row["kind"], row["code"]) for row in twin.book()["sent"]] == [("edoc", ""), ("status", "13")]
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
def test_whatever_the_trunk_does_everything_arrives_once(
    serve: Serve, twin: EdxmlTwin, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, chaos: Chaos
) -> None:
    day = TrunkDay(tmp_path, "trunk", serve.url, monkeypatch, 'signatures = "when-present"')
    serve.chaos = chaos
    day.receive()
    for _ in range(30):
        day.later(4 * 60)
        day.poll("trunk")
    twin.act({"status": {"dossier": CODE, "code": "05", "at": "2026/01/05 10:30:00"}})
    twin.act({"answer": {"dossier": CODE}})
    for _ in range(30):
        day.later(10)
        day.poll("trunk")
    serve.chaos = Chaos()
    twin.act({"status": {"dossier": CODE, "code": "06", "at": "2026/01/08 16:00:00"}})
    day.later(24 * 60)
    for _ in range(3):
        day.poll("trunk")

    assert [row["number"] for row in twin.book()["sent"]] == [CODE]
    assert sorted(day.told()) == ["ResultIssued", "StatusChanged", "StatusChanged"]
    assert day.moves() == [2, 4, 9]
    assert day.open_ends() == []
    assert set(twin.book()["inbox"].values()) == {"done"}
    day.close()


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_code_of_the_decision_has_its_row_and_the_mapping_takes_what_the_table_gives() -> None:
    rows = {row["theirs"]: row["ours"] for row in status_rows("edxml")}
    assert sorted(rows) == ["01", "02", "03", "04", "05", "06", "13", "15", "16"]
    for theirs, ours in rows.items():
        if isinstance(ours, int):
            xml = status_message("000.00.01.H99", CODE, theirs)
            header = read_document(read_xml(xml), 1024)["MessageHeader"]
            made = MAPPINGS["edxml_status"].translate({"number": "1", "header": header, "status": ours})
            assert (made["status"], made["sub_status"]) == (ours, f"edxml-{theirs}")


def test_the_connector_is_whole() -> None:
    assert connector.folder == FOLDER
    assert connector.desk_poller is not None
    assert isinstance(connector.simulator and connector.simulator({}), EdxmlTwin)

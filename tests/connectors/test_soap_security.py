"""WS-Security and WS-Addressing of the `soap` connector: what it sends is proven by others, what comes back counts only when it is proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xmlsec
from lxml import etree

from connectors.soap import FOLDER
from connectors.soap.client import Client
from connectors.soap.client.security import Signer as OurSigner
from connectors.soap.outbound import Soap
from connectors.soap.simulator import SoapTwin
from gateway.errors import AskFirst, Misconfigured, TryLater
from gateway.message import utc_now
from gateway.outcomes import Outcomes
from gateway.ports import Found
from gateway.simulation import Request, Response, Serve, Twin
from tests.connectors.replay import parcel
from tests.department import EXAMPLE, settings, twin_settings
from tests.soap import DS, V11, V12, WSA, WSSE, WSU, Signer

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
USER = {"username": "lien-thong", "password": "mật khẩu & <thử>"}
MOVED = parcel("StatusChanged", {"message": {"status": 4}})


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Signer]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: Signer.of(folder, name, utc_now()) for name in ("ours", "theirs", "stranger")}


class Between(Twin):
    """Stands before a twin: keeps what is asked, and may change what is answered."""

    name = "between"

    def __init__(self, twin: SoapTwin, change: Callable[[etree._Element], etree._Element | None] | None = None) -> None:
        super().__init__()
        self.inner, self.change = twin, change
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        response = self.inner.answer(request)
        if self.change is None:
            return response
        root = etree.fromstring(response.body)
        changed = self.change(root)
        return Response(response.status, etree.tostring(root if changed is None else changed), response.headers)


class World:
    """A connector and a twin with the same settings, apart from what is given for one alone."""

    def __init__(self, change: Any = None, twin: dict[str, Any] | None = None, **more: Any) -> None:
        told = {**more, **(twin or {})}
        self.twin = SoapTwin(twin_settings(**told))
        self.between = Between(self.twin, change)
        self.serve = Serve(self.between)
        conf = settings(self.serve.start(), **more)
        self.out = Soap(Client(conf, EXAMPLE), conf, OUTCOMES, "so-vi-du.toml")

    @property
    def sent(self) -> etree._Element:
        return etree.fromstring(self.between.asked[-1].body)


@pytest.fixture
def world() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**more: Any) -> World:
        made.append(World(**more))
        return made[-1]

    yield make
    for one in made:
        one.serve.stop()


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("port", ["HoSoSoap", "HoSoSoap12"])
@pytest.mark.parametrize("more", [{}, {"digest": False}, {"timestamp": True}])
def test_a_user_name_token_is_taken_and_a_wrong_one_waits(world: Any, port: str, more: dict[str, Any]) -> None:
    here = world(port=port, security={**USER, **more})
    here.out.deliver(MOVED)
    assert len(here.twin.book()["effects"]) == 1

    wrong = world(port=port, security={**USER, **more, "password": "khác"}, twin={"security": {**USER, **more}})
    with pytest.raises(TryLater) as failed:
        wrong.out.deliver(MOVED)
    assert failed.value.retry_after == 900
    none = world(port=port, twin={"security": USER})
    with pytest.raises(TryLater):
        none.out.deliver(MOVED)


def test_no_digest_is_sent_twice(world: Any) -> None:
    here = world(security=USER)
    nonces = set()
    for _ in range(3):
        here.out.deliver(MOVED)
        nonces.add(here.sent.findtext(f".//{{{WSSE}}}Nonce"))
        assert USER["password"] not in here.between.asked[-1].body.decode()
    assert len(nonces) == 3


# ── what we sign ────────────────────────────────────────────────────────────────────────────────────────────


def certificates(signer: Signer) -> dict[str, Any]:
    return {"certificate": str(signer.certificate), "key": str(signer.key)}


@pytest.mark.parametrize("port", ["HoSoSoap", "HoSoSoap12"])
@pytest.mark.parametrize("more", [{}, USER])
def test_our_signature_is_proven_by_xmlsec(
    world: Any, signers: dict[str, Signer], port: str, more: dict[str, Any]
) -> None:
    here = world(port=port, security={**certificates(signers["ours"]), **more}, addressing=True)
    here.out.deliver(MOVED)

    root = here.sent
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(signers["ours"].certificate), xmlsec.constants.KeyDataFormatCertPem)
    for element in root.iter(
        f"{{{WSSE}}}BinarySecurityToken", f"{{{WSU}}}Timestamp", f"{{{V11}}}Body", f"{{{V12}}}Body"
    ):
        context.register_id(element, "Id", WSU)
    signature = root.find(f".//{{{DS}}}Signature")
    context.verify(signature)  # raises when it is wrong

    signed = {reference.get("URI")[1:] for reference in signature.iter(f"{{{DS}}}Reference")}
    named = {element.get(f"{{{WSU}}}Id"): etree.QName(element).localname for element in root.iter("*")}
    assert {named[one] for one in signed} == {"Body", "Timestamp"}


def test_a_signature_that_the_partner_does_not_know_waits(world: Any, signers: dict[str, Signer]) -> None:
    here = world(security=certificates(signers["stranger"]), twin={"security": certificates(signers["ours"])})
    with pytest.raises(TryLater):
        here.out.deliver(MOVED)


def test_a_key_that_is_not_the_certificates_is_refused_when_it_is_read(
    signers: dict[str, Signer], tmp_path: Path
) -> None:
    ours, stranger = signers["ours"], signers["stranger"]
    curve = Signer.of(tmp_path, "curve", utc_now(), "ec")
    for certificate, key in (
        (ours.certificate, stranger.key), (ours.certificate, ours.certificate), (ours.key, ours.key),
        (tmp_path / "none.pem", ours.key), (curve.certificate, curve.key),
    ):  # fmt: skip
        with pytest.raises(Misconfigured):
            OurSigner(certificate, key)


# ── what they sign ──────────────────────────────────────────────────────────────────────────────────────────


def theirs(signer: Signer) -> dict[str, Any]:
    """A twin that signs its answers."""
    return {"twin": {"certificate": str(signer.certificate), "key_file": str(signer.key)}}


def wrapped(root: etree._Element) -> etree._Element:
    """The signed Body moved aside, and another where Bodies stand."""
    body = root[-1]
    forged = etree.fromstring(etree.tostring(body))
    forged.attrib.pop(f"{{{WSU}}}Id")
    code = forged.find(".//{urn:vi-du:ho-so}MaLoi")
    assert code is not None
    code.text = "00"
    root[0].append(body)
    root.append(forged)
    return root


def beside(root: etree._Element) -> etree._Element:
    forged = wrapped(root)
    forged[0][-1].tag = "{urn:x}Khac"
    return forged


def changed(root: etree._Element) -> None:
    code = root.find(".//{urn:vi-du:ho-so}MoTa")
    assert code is not None
    code.text = "khác"


def unsigned(root: etree._Element) -> None:
    root.remove(root[0])


def twice(root: etree._Element) -> None:
    root[0].append(etree.fromstring(etree.tostring(root[0][-1])))


def old(root: etree._Element) -> None:
    created = root.find(f".//{{{WSU}}}Created")
    assert created is not None
    created.text = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.mark.parametrize("port", ["HoSoSoap", "HoSoSoap12"])
def test_an_answer_that_they_signed_counts(world: Any, signers: dict[str, Signer], port: str) -> None:
    answers = {"answers": [str(signers["stranger"].certificate), str(signers["theirs"].certificate)]}
    here = world(port=port, security=answers, twin={"security": {}, **theirs(signers["theirs"])})

    assert here.out.deliver(MOVED).code == "00"
    assert here.out.find(MOVED) is Found.ARRIVED


@pytest.mark.parametrize("change", [wrapped, beside, changed, unsigned, twice, old])
def test_an_answer_that_is_not_proven_is_none(world: Any, signers: dict[str, Signer], change: Any) -> None:
    answers = {"answers": [str(signers["theirs"].certificate)]}
    here = world(change=change, security=answers, twin={"security": {}, **theirs(signers["theirs"])})
    with pytest.raises(AskFirst, match="unreadable"):
        here.out.deliver(MOVED)
    with pytest.raises(TryLater):  # the question failed
        here.out.find(MOVED)


def test_an_answer_signed_by_somebody_else_is_none(world: Any, signers: dict[str, Signer]) -> None:
    answers = {"answers": [str(signers["theirs"].certificate)]}
    here = world(security=answers, twin={"security": {}, **theirs(signers["stranger"])})
    with pytest.raises(AskFirst):
        here.out.deliver(MOVED)


# ── WS-Addressing ───────────────────────────────────────────────────────────────────────────────────────────


def test_our_message_id_goes_out_and_the_answer_relates_to_it(world: Any) -> None:
    here = world(addressing=True)
    here.out.deliver(MOVED)
    told = {etree.QName(header).localname: header.text for header in here.sent[0]}

    assert told["MessageID"] == f"urn:uuid:{MOVED.key}"
    assert told["Action"] == "urn:vi-du:ho-so:CapNhatTrangThai"
    assert told["To"] == f"{here.serve.url}/HoSo.asmx"


def test_an_answer_to_another_message_is_none(world: Any) -> None:
    def other(root: etree._Element) -> None:
        relates_to = root.find(f".//{{{WSA}}}RelatesTo")
        assert relates_to is not None
        relates_to.text = "urn:uuid:khac"

    with pytest.raises(AskFirst, match="RelatesTo"):
        world(addressing=True, change=other).out.deliver(MOVED)


def test_a_partner_that_knows_messages_by_their_id_doubles_nothing(world: Any) -> None:
    values = {"maBanTin": "m", "maHoSo": "{$dossier}", "trangThai": "{/status}"}
    call = {"operation": "CapNhatTrangThai", "send": "nothing", "with": values}
    here = world(addressing=True, call=[call], answer={"code": "/CapNhatTrangThaiResult/MaLoi"}, find=None)

    assert [here.out.deliver(MOVED).duplicate for _ in range(2)] == [False, True]

"""What a partner that speaks SOAP does, in a few lines: envelopes, tokens, signatures. Written apart from the gateway's own code."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lxml import etree
from werkzeug.test import TestResponse
from xmlsec import constants
from zeep.wsse.signature import BinarySignature, Signature

from gateway.ledger.keys import add_key
from tests.door import Door

PATH = "/soap/v1/dossiers"
LT = "urn:lienthong:soap:v1"
V11 = "http://schemas.xmlsoap.org/soap/envelope/"
V12 = "http://www.w3.org/2003/05/soap-envelope"
TYPES = {V11: "text/xml; charset=utf-8", V12: "application/soap+xml; charset=utf-8"}
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#"
X509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#"
DS = "http://www.w3.org/2000/09/xmldsig#"
NAMES = {"s11": V11, "s12": V12, "lt": LT, "wsa": WSA, "wsse": WSSE, "wsu": WSU, "ds": DS}


def element(name: str, content: Any) -> etree._Element:
    """A JSON value as an element of the contract: a list is the element repeated, `facts` are entries."""
    made = etree.Element(f"{{{LT}}}{name}", nsmap={"lt": LT})
    if not isinstance(content, dict):
        made.text = {True: "true", False: "false"}[content] if isinstance(content, bool) else str(content)
        return made
    for key, value in content.items():
        if key == "facts":
            facts = etree.SubElement(made, f"{{{LT}}}facts")
            for entry in value.items():
                facts.append(element("entry", dict(zip(("name", "value"), entry, strict=True))))
            continue
        for one in value if isinstance(value, list) else [value]:
            made.append(element(key, one))
    return made


def message(body: dict[str, Any]) -> etree._Element:
    """The operation's element for a canonical message."""
    kind = body["type"]
    operation = etree.Element(
        f"{{{LT}}}{'SubmitDossier' if kind == 'DossierSubmitted' else 'ReportStatus'}", nsmap={"lt": LT}
    )
    operation.append(element(kind, {key: value for key, value in body.items() if key != "type"}))
    return operation


def envelope(content: etree._Element, *headers: etree._Element, version: str = V11) -> etree._Element:
    root = etree.Element(f"{{{version}}}Envelope", nsmap={"soap": version})
    if headers:
        etree.SubElement(root, f"{{{version}}}Header").extend(headers)
    etree.SubElement(root, f"{{{version}}}Body").append(content)
    return root


def raw(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def post(door: Door, root: etree._Element | bytes, partner: str | None = "one-stop", **headers: str) -> TestResponse:
    data = root if isinstance(root, bytes) else raw(root)
    kind = TYPES[V12 if V12.encode() in data[:400] else V11]
    more = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return door.client.post(PATH, data=data, headers=door.headers(partner, more))


def answer(response: TestResponse) -> etree._Element:
    """The answer's one element in the body, or the fault."""
    root = etree.fromstring(response.data)
    (found,) = root.xpath("/*/*[local-name()='Body']/*")
    return cast(etree._Element, found)


def text(found: etree._Element, path: str) -> str:
    (one,) = found.xpath(path, namespaces=NAMES)
    return str(one.text or "") if isinstance(one, etree._Element) else str(one)


def told(response: TestResponse) -> dict[str, tuple[str, str]]:
    """XPath → (pointer, code) of every fault."""
    found = answer(response).xpath(".//lt:Problem/lt:faults", namespaces=NAMES)
    return {text(one, "lt:xpath"): (text(one, "lt:pointer"), text(one, "lt:code")) for one in found}


def codes(response: TestResponse) -> set[str]:
    return {code for _, code in told(response).values()}


# ── WS-Security, as a client writes it ──────────────────────────────────────────────────────────────────────────


@dataclass
class User:
    id: str
    secret: str

    @classmethod
    def of(cls, door: Door, partner: str = "agency", kind: str = "hmac") -> User:
        gateway = door.gateway
        with gateway.ledger.write() as connection:
            return cls(*add_key(connection, partner, kind, "test", gateway.now(), sign=gateway.sign))

    def token(
        self, at: datetime, nonce: bytes = b"0123456789abcdef", *, digest: bool = True, secret: str = ""
    ) -> etree._Element:
        created = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        password = secret or self.secret
        made = etree.Element(f"{{{WSSE}}}UsernameToken", nsmap={"wsse": WSSE, "wsu": WSU})
        etree.SubElement(made, f"{{{WSSE}}}Username").text = self.id
        given = etree.SubElement(made, f"{{{WSSE}}}Password", Type=f"{TOKEN}Password{'Digest' if digest else 'Text'}")
        given.text = password
        if digest:
            hashed = hashlib.sha1(nonce + created.encode() + password.encode())  # noqa: S324 - the token profile's
            given.text = base64.b64encode(hashed.digest()).decode()
            etree.SubElement(made, f"{{{WSSE}}}Nonce").text = base64.b64encode(nonce).decode()
            etree.SubElement(made, f"{{{WSU}}}Created").text = created
        return made


def security(*children: etree._Element, version: str = V11) -> etree._Element:
    made = etree.Element(f"{{{WSSE}}}Security", {f"{{{version}}}mustUnderstand": "1"}, nsmap={"wsse": WSSE, "wsu": WSU})
    made.extend(children)
    return made


def timestamp(at: datetime, expires: datetime | None = None) -> etree._Element:
    made = etree.Element(f"{{{WSU}}}Timestamp", nsmap={"wsu": WSU})
    for name, value in (("Created", at), ("Expires", expires)):
        if value is not None:
            etree.SubElement(made, f"{{{WSU}}}{name}").text = value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return made


@dataclass
class Signer:
    """A key with its certificate, in force for a year around `at`. The signing itself is xmlsec's, as zeep uses it."""

    certificate: Path
    key: Path

    @classmethod
    def of(cls, folder: Path, name: str, at: datetime, kind: str = "rsa") -> Signer:
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(at - timedelta(days=180)).not_valid_after(at + timedelta(days=185))
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        signer = cls(folder / f"{name}.pem", folder / f"{name}.key")
        signer.certificate.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        signer.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return signer

    def sign(
        self, root: etree._Element, method: str = "RsaSha256", digest: str = "Sha256", *, binary: bool = True
    ) -> etree._Element:
        """Signs the Body and the Timestamp; the envelope must hold a Security header with one."""
        how = BinarySignature if binary else Signature
        transforms = getattr(constants, f"Transform{method}"), getattr(constants, f"Transform{digest}")
        how(str(self.key), str(self.certificate), signature_method=transforms[0], digest_method=transforms[1]).apply(
            root, {}
        )
        return etree.fromstring(etree.tostring(root))

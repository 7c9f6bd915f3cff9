"""WS-Security on what we send: a UsernameToken, a Timestamp, an X.509 signature (RSA-SHA256, exclusive canonical XML, Body and Timestamp).

And on what comes back: where the partner's certificates are declared, an answer counts only when one of them signed the Body that is read.
"""

from __future__ import annotations

import base64
import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import Certificate, load_pem_x509_certificates
from lxml import etree

from connectors.soap.client.envelope import Answered
from gateway.errors import Misconfigured
from gateway.soap.names import BASE64, DS, TOKEN, WSSE, WSU, X509, Version
from gateway.soap.signature import BadSignature, read_signature

_EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_ID = f"{{{WSU}}}Id"
_NAMES = {"wsse": WSSE, "wsu": WSU}
_NONCE_BYTES = 16
_LEAST_BITS = 2048


class Signer:
    """A key with its certificate. Thread-safe. Raises `Misconfigured`."""

    def __init__(self, certificate: Path, key: Path, password: str | None = None) -> None:
        self._token = base64.b64encode(read_certificates(certificate)[0].public_bytes(Encoding.DER)).decode()
        try:
            found = load_pem_private_key(key.read_bytes(), password.encode() if password else None)
        except (OSError, ValueError, TypeError) as error:
            raise Misconfigured(f"{key}: không đọc được khóa · the key cannot be read: {error}") from error
        if not isinstance(found, rsa.RSAPrivateKey) or found.key_size < _LEAST_BITS:
            raise Misconfigured(f"{key}: cần khóa RSA · an RSA key is wanted, ≥ {_LEAST_BITS} bit")
        self._key = found
        if found.public_key() != read_certificates(certificate)[0].public_key():
            raise Misconfigured(f"{key}: không phải khóa của · is not the key of {certificate}")

    def sign(self, security: etree._Element, parts: Sequence[etree._Element]) -> None:
        """Adds the certificate and a signature over `parts`, which stand in the same envelope, in the places that they keep."""
        token = etree.SubElement(
            security, f"{{{WSSE}}}BinarySecurityToken", {"ValueType": f"{X509}X509v3", "EncodingType": BASE64}
        )
        token.text = self._token
        signature = etree.SubElement(security, f"{{{DS}}}Signature", nsmap={"ds": DS})
        info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
        etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=_EXC)
        etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=_RSA_SHA256)
        value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
        key_info = etree.SubElement(signature, f"{{{DS}}}KeyInfo")
        told = etree.SubElement(key_info, f"{{{WSSE}}}SecurityTokenReference")
        etree.SubElement(told, f"{{{WSSE}}}Reference", {"URI": f"#{_name(token)}", "ValueType": f"{X509}X509v3"})
        names = [_name(part) for part in parts]  # all ids stand before the first digest is taken
        for part, name in zip(parts, names, strict=True):
            _refer(info, part, name)
        signed = self._key.sign(_canonical(info), padding.PKCS1v15(), hashes.SHA256())
        value.text = base64.b64encode(signed).decode()


def write_token(name: str, password: str, *, digest: bool, now: datetime) -> etree._Element:
    """A UsernameToken; with a digest, of a fresh nonce and the moment (the profile's SHA-1)."""
    made = etree.Element(f"{{{WSSE}}}UsernameToken", nsmap=_NAMES)
    etree.SubElement(made, f"{{{WSSE}}}Username").text = name
    kind = "PasswordDigest" if digest else "PasswordText"
    given = etree.SubElement(made, f"{{{WSSE}}}Password", Type=f"{TOKEN}{kind}")
    given.text = password
    if digest:
        nonce, created = os.urandom(_NONCE_BYTES), _instant(now)
        hashed = hashlib.sha1(nonce + created.encode() + password.encode())  # noqa: S324 - the token profile's
        given.text = base64.b64encode(hashed.digest()).decode()
        etree.SubElement(made, f"{{{WSSE}}}Nonce", EncodingType=BASE64).text = base64.b64encode(nonce).decode()
        etree.SubElement(made, f"{{{WSU}}}Created").text = created
    return made


def write_timestamp(now: datetime, seconds: float) -> etree._Element:
    made = etree.Element(f"{{{WSU}}}Timestamp", nsmap=_NAMES)
    etree.SubElement(made, f"{{{WSU}}}Created").text = _instant(now)
    etree.SubElement(made, f"{{{WSU}}}Expires").text = _instant(now + timedelta(seconds=seconds))
    return made


def write_security(version: Version, parts: Sequence[etree._Element]) -> etree._Element:
    made = etree.Element(f"{{{WSSE}}}Security", {version.tag("mustUnderstand"): "1"}, nsmap=_NAMES)
    made.extend(parts)
    return made


def check_answer(
    answered: Answered,
    certificates: Sequence[Certificate],
    now: datetime,
    window: float,
    named: etree._Element | None = None,
) -> None:
    """The Body that is read was signed by one of these certificates, not long ago, and so was the header `named`. Raises `BadSignature`."""
    security = [one for one in answered.headers if one.tag == f"{{{WSSE}}}Security"]
    signatures = [one for header in security for one in header.iterchildren(f"{{{DS}}}Signature")]
    if len(security) != 1 or len(signatures) != 1:
        raise BadSignature.of("", "unsigned", "câu trả lời không có chữ ký", "the answer is not signed")
    signature = read_signature(answered, security[0], signatures[0], {"": certificates}, now)
    signature.check(_no_parts)
    if named is not None and not signature.covers(named):
        name = etree.QName(named).localname
        raise BadSignature.of("", "not-covered", f"{name} phải được ký", f"{name} must be signed")
    created = _read_instant(security[0].findtext(f"{{{WSU}}}Timestamp/{{{WSU}}}Created") or "")
    if created is None or abs((now - created).total_seconds()) > window:
        raise BadSignature.of("", "time-window", "câu trả lời đã quá cũ", "the answer is too old")


def read_certificates(file: Path) -> Sequence[Certificate]:
    """All in a PEM file. Raises `Misconfigured`."""
    try:
        return load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file}: không đọc được chứng thư · the certificate cannot be read: {error}") from error


def _refer(info: etree._Element, part: etree._Element, name: str) -> None:
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{name}")
    transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
    etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=_EXC)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=_SHA256)
    digest = hashlib.sha256(_canonical(part)).digest()
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode()


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _name(element: etree._Element) -> str:
    """The element's wsu:Id, given now if it has none."""
    if element.get(_ID) is None:
        element.set(_ID, f"id-{uuid.uuid4()}")
    return element.get(_ID, "")


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _read_instant(text: str) -> datetime | None:
    """With its offset; some write seven digits of a second."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _no_parts(name: str) -> Iterator[bytes]:
    raise BadSignature.of("", "parts", f"câu trả lời không có phần {name}", f"the answer has no part {name}")

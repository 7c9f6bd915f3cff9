"""X.509 signatures of messages: exactly one profile, by hand, so that what was signed is what is processed.

Checked is one `ds:Signature` in our Security header, over exclusive canonical XML, with SHA-2 and RSA or ECDSA. Each reference must name
the Body that is processed, the Timestamp, or a header that stands where headers stand: nothing is ever searched for by its id, so a
signed element that was moved elsewhere covers nothing. The key is that of a certificate from the partner's file, never the message's own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn, Protocol, cast
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, ExtensionNotFound, SubjectKeyIdentifier
from lxml import etree

from gateway.errors import Unauthenticated
from gateway.soap.names import DS, INCLUDE, WSSE, WSU, X509

_EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"
_DIGESTS = {f"{_ENC}sha256": "sha256", f"{_MORE}sha384": "sha384", f"{_ENC}sha512": "sha512"}
_METHODS: Mapping[str, tuple[str, hashes.HashAlgorithm]] = {
    f"{_MORE}{kind}-{name}": (kind, algorithm)
    for kind in ("rsa", "ecdsa")
    for name, algorithm in (("sha256", hashes.SHA256()), ("sha384", hashes.SHA384()), ("sha512", hashes.SHA512()))
}
_LEAST_RSA = 2048
_THUMBPRINT = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
_ID = f"{{{WSU}}}Id"
_MOST_REFERENCES = 16
_PIECE = 3 << 14  # a whole number of base64 groups

Bytes = Callable[[str], Iterator[bytes]]
"""The bytes of a part, by its id."""


class Signed(Protocol):
    """An envelope, taken apart: `headers` and `body` are what is processed."""

    @property
    def root(self) -> etree._Element: ...
    @property
    def headers(self) -> Sequence[etree._Element]: ...
    @property
    def body(self) -> etree._Element: ...


class BadSignature(Unauthenticated):
    """The signature, or the token, does not prove who sends."""

    kind = "security"
    title = "Không xác thực được bản tin"
    title_en = "The message is not authenticated"


@dataclass(frozen=True, slots=True)
class Reference:
    element: etree._Element
    prefixes: Sequence[str]
    digest: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature whose own part is proven: `partner` signed these references. What they name is proven by `check`."""

    partner: str
    certificate: Certificate
    number: str  # of what was signed, however the signature itself was written: to know it again
    references: Sequence[Reference]

    def covers(self, element: etree._Element | None) -> bool:
        return any(reference.element is element for reference in self.references)

    def check(self, files: Bytes) -> None:
        """Every signed element is as it was signed. Raises `BadSignature`."""
        for reference in self.references:
            digest = hashlib.new(reference.digest)
            for piece in _canonical(reference, files):
                digest.update(piece)
            if not hmac.compare_digest(digest.digest(), reference.value):
                _refuse("bad-signature", "nội dung đã ký bị thay đổi", "what was signed has been changed")


def read_signature(
    envelope: Signed,
    security: etree._Element,
    signature: etree._Element,
    register: Mapping[str, Sequence[Certificate]],
    now: datetime,
) -> Signature:
    """Raises `BadSignature`. The signed elements themselves are checked by `Signature.check`, when the files are there."""
    _check_ids(envelope.root)
    info = _one(signature, "SignedInfo")
    method = _one(info, "SignatureMethod").get("Algorithm", "")
    canonical = _one(info, "CanonicalizationMethod")
    if method not in _METHODS or canonical.get("Algorithm") != _EXC:
        words = f"không nhận thuật toán ký {method[:100]}", f"the signature method {method[:100]} is not taken"
        _refuse("algorithm", *words)
    references = _references(envelope, security, info)
    signers = _signers(security, signature, register)
    value = _decode(_one(signature, "SignatureValue"))
    signed = etree.tostring(info, method="c14n", exclusive=True, inclusive_ns_prefixes=_prefixes(canonical))
    proven = [signer for signer in signers if _verify(signer[1], method, value, signed)]
    if not proven:
        _refuse("bad-signature", "chữ ký không đúng", "the signature is wrong")
    partner, certificate = proven[0]
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        _refuse("certificate-ended", "chứng thư số hết hiệu lực", "the certificate is not in force")
    made = Signature(partner, certificate, hashlib.sha256(signed).hexdigest(), references)
    timestamp = security.find(f"{{{WSU}}}Timestamp")
    if timestamp is None or not (made.covers(envelope.body) and made.covers(timestamp)):
        _refuse("not-covered", "phải ký cả Body và Timestamp", "the Body and the Timestamp must both be signed")
    return made


def _check_ids(root: etree._Element) -> None:
    """No two elements may answer to one id, by whichever name an id may go."""
    seen: set[str] = set()
    for element in root.iter("*"):
        for name in map(etree.QName, element.attrib):
            if name.localname.lower() == "id":
                value = str(element.attrib[name.text])
                if value in seen:
                    _refuse("id-twice", "hai phần tử trùng Id", "two elements carry the same Id")
                seen.add(value)


def _references(envelope: Signed, security: etree._Element, info: etree._Element) -> list[Reference]:
    places = {envelope.body.get(_ID): envelope.body}
    for element in (*envelope.headers, *security):
        places.setdefault(element.get(_ID), element)
    found = info.findall(f"{{{DS}}}Reference")
    if not 1 <= len(found) <= _MOST_REFERENCES or len(info) != len(found) + 2:
        _refuse("references", "danh sách ký sai dạng", "a malformed list of references")
    return [_reference(one, places) for one in found]


def _reference(reference: etree._Element, places: Mapping[str | None, etree._Element]) -> Reference:
    address = reference.get("URI", "")
    element = places.get(address[1:]) if address.startswith("#") and len(address) > 1 else None
    if element is None:
        words = "chữ ký chỉ đến phần tử không ở đúng chỗ", "the signature names an element that is not in its place"
        _refuse("misplaced", *words)
    (transform,) = _list(_one(reference, "Transforms"), "Transform", 1)
    method = _one(reference, "DigestMethod").get("Algorithm", "")
    if transform.get("Algorithm") != _EXC or method not in _DIGESTS:
        words = (
            f"không nhận phép biến đổi hoặc hàm băm {method[:100]}",
            f"the transform or the digest {method[:100]} is not taken",
        )
        _refuse("algorithm", *words)
    return Reference(element, _prefixes(transform), _DIGESTS[method], _decode(_one(reference, "DigestValue")))


def _signers(
    security: etree._Element, signature: etree._Element, register: Mapping[str, Sequence[Certificate]]
) -> list[tuple[str, Certificate]]:
    """The registered certificates that the message may mean, and whose they are."""
    wanted = _named(security, _one(signature, "KeyInfo"))
    found = [(partner, one) for partner, certificates in register.items() for one in certificates if wanted(one)]
    if not found:
        _refuse("unknown-certificate", "chứng thư số chưa đăng ký", "this certificate is not registered")
    return found


def _named(security: etree._Element, info: etree._Element) -> Callable[[Certificate], bool]:
    """How the message names its certificate: by a token beside it, by issuer and number, or by a fingerprint."""
    told = info[0] if len(info) == 1 else info
    if told.tag == f"{{{WSSE}}}SecurityTokenReference" and len(told) == 1:
        told = told[0]
    if told.tag == f"{{{WSSE}}}Reference":
        tokens = [
            t for t in security if t.tag == f"{{{WSSE}}}BinarySecurityToken" and f"#{t.get(_ID)}" == told.get("URI")
        ]
        if len(tokens) == 1 and tokens[0].get("ValueType") == f"{X509}X509v3":
            given = _decode(tokens[0])
            return lambda certificate: certificate.public_bytes(Encoding.DER) == given
    if told.tag == f"{{{WSSE}}}KeyIdentifier":
        return _fingerprint(told.get("ValueType", ""), _decode(told))
    if told.tag == f"{{{DS}}}X509Data":
        inside = told.find(f"{{{DS}}}X509Certificate")
        if inside is not None:
            given = _decode(inside)
            return lambda certificate: certificate.public_bytes(Encoding.DER) == given
        number = told.findtext(f"{{{DS}}}X509IssuerSerial/{{{DS}}}X509SerialNumber") or ""
        if number.strip().isdecimal() and len(number) < 60:
            return lambda certificate: certificate.serial_number == int(number)
    return _refuse(
        "key-info", "không rõ ký bằng chứng thư số nào", "which certificate signed is not said in a way we read"
    )


def _fingerprint(kind: str, given: bytes) -> Callable[[Certificate], bool]:
    if kind == _THUMBPRINT:
        return lambda certificate: certificate.fingerprint(hashes.SHA1()) == given  # noqa: S303 - a name, not a proof
    if kind == f"{X509}X509SubjectKeyIdentifier":
        return lambda certificate: _key_id(certificate) == given
    return _refuse(
        "key-info", "không rõ ký bằng chứng thư số nào", "which certificate signed is not said in a way we read"
    )


def _key_id(certificate: Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(SubjectKeyIdentifier).value.digest
    except ExtensionNotFound:
        return None


def _verify(certificate: Certificate, method: str, value: bytes, signed: bytes) -> bool:
    kind, algorithm = _METHODS[method]
    key = certificate.public_key()
    try:
        if kind == "rsa" and isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA:
            key.verify(value, signed, padding.PKCS1v15(), algorithm)
            return True
        if (
            kind == "ecdsa"
            and isinstance(key, ec.EllipticCurvePublicKey)
            and len(value) == 2 * ((key.key_size + 7) // 8)
        ):
            half = len(value) // 2  # XML Signature writes the two numbers one after the other
            pair = encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
            key.verify(pair, signed, ec.ECDSA(algorithm))
            return True
    except InvalidSignature:
        return False
    return False


def _canonical(reference: Reference, files: Bytes) -> Iterator[bytes]:
    """The element's canonical form, with every xop:Include as the base64 that it stands for: what the sender signed."""
    mark = secrets.token_hex(16)
    element, names = _with_marks(reference.element, mark)
    text = etree.tostring(element, method="c14n", exclusive=True, inclusive_ns_prefixes=list(reference.prefixes))
    for i, piece in enumerate(text.split(mark.encode())):
        if i:
            yield from _base64(files(names[i - 1]))
        yield piece


def _with_marks(element: etree._Element, mark: str) -> tuple[etree._Element, list[str]]:
    """A copy in which the mark stands for each xop:Include, and the parts' ids in order; without any, the element itself."""
    names: list[str] = []
    if next(element.iter(INCLUDE), None) is None:
        return element, names
    tree = element.getroottree()
    # Of the whole tree, for the namespaces above the element.
    copied = cast(etree._Element, deepcopy(tree).find(tree.getelementpath(element)))
    for include in list(copied.iter(INCLUDE)):
        parent = include.getparent()
        if parent is None or len(parent) != 1:
            _refuse("bad-signature", "nội dung đã ký bị thay đổi", "what was signed has been changed")
        names.append(unquote(include.get("href", "").removeprefix("cid:")))
        parent.remove(include)
        parent.text = mark
    return copied, names


def _base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    left = b""
    for piece in pieces:
        left += piece
        whole = len(left) - len(left) % 3
        yield base64.b64encode(left[:whole])
        left = left[whole:]
    yield base64.b64encode(left)


def _prefixes(method: etree._Element) -> list[str]:
    """The InclusiveNamespaces of exclusive canonicalisation; nothing else may stand inside."""
    if len(method) > 1 or any(child.tag != f"{{{_EXC}}}InclusiveNamespaces" for child in method):
        _refuse("algorithm", "phép chuẩn hóa có tham số lạ", "the canonicalisation has parameters we do not know")
    return [name for child in method for name in child.get("PrefixList", "").split()]


def _one(parent: etree._Element, name: str) -> etree._Element:
    return _list(parent, name, 1)[0]


def _list(parent: etree._Element, name: str, count: int) -> list[etree._Element]:
    found = parent.findall(f"{{{DS}}}{name}")
    if len(found) != count or (name == "Transform" and len(parent) != count):
        _refuse("signature", f"chữ ký sai dạng ở {name}", f"the signature is malformed at {name}")
    return found


def _decode(element: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((element.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return _refuse("signature", "chữ ký có phần không phải base64", "a part of the signature is not base64")


def _refuse(code: str, detail: str, detail_en: str) -> NoReturn:
    raise BadSignature.of("", code, detail, detail_en)

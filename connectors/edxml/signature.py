"""XML signatures of edXML documents: one enveloped signature in the header, over the whole document.

What is verified is what is read: `proven` gives back the document as it was signed, and nothing else of the message is looked at. The key is
that of a certificate the operator has registered for the sender, never one that the message brings. Algorithms are those of a short list;
rsa-sha1, which real samples carry, only where the operator says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from connectors.edxml.envelope import DS, NS
from connectors.edxml.settings import Settings, Signing
from gateway.errors import BadRequest, Misconfigured

_PLACE = f"./{{{NS}}}edXMLEnvelope/{{{NS}}}edXMLHeader/"
_SIGNATURE = f"{{{DS}}}Signature"
_METHODS = {f"{kind}_SHA{bits}" for kind in ("RSA", "ECDSA") for bits in (256, 384, 512)}
_DIGESTS = {f"SHA{bits}" for bits in (256, 384, 512)}


class Proof:
    """Proves who sent a document; files are relative to `folder`. Raises `Misconfigured` for a certificate that cannot be read."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._required = settings.signatures == "required"
        self._certificates = {organ: _read(folder, files) for organ, files in settings.certificates.items()}
        more = {"SHA1"} if settings.sha1 else set[str]()
        self._methods = frozenset(
            SignatureMethod[name] for name in _METHODS | ({"RSA_SHA1"} if settings.sha1 else set())
        )
        self._digests = frozenset(DigestAlgorithm[name] for name in _DIGESTS | more)

    def proven(self, root: etree._Element, now: datetime) -> etree._Element:
        """The document as it was signed; an unsigned one as it is, where that is allowed. Raises `BadRequest`."""
        signatures = list(root.iter(_SIGNATURE))
        if not signatures and not self._required:
            return root
        if len(signatures) != 1:
            _refuse("unsigned", "phải có đúng một chữ ký số", "there must be exactly one signature")
        organ = (root.findtext(f"{_PLACE}{{{NS}}}MessageHeader/{{{NS}}}From/{{{NS}}}OrganId") or "").strip()
        certificates = self._certificates.get(organ, ())
        if not certificates:
            _refuse(
                "unknown-certificate",
                f"chưa có chứng thư số của {organ[:60]}",
                f"no certificate of {organ[:60]} is registered",
            )
        reference = signatures[0].findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
        if [one.get("URI") for one in reference] != [""]:
            _refuse("not-covered", "chữ ký phải phủ toàn bộ văn bản", "the signature must cover the whole document")
        signed = self._verified(root, certificates, now).signed_xml
        if signed is None or signed.tag != root.tag:
            _refuse("not-covered", "chữ ký phải phủ toàn bộ văn bản", "the signature must cover the whole document")
        return signed

    def _verified(self, root: etree._Element, certificates: Sequence[x509.Certificate], now: datetime) -> VerifyResult:
        why = ""
        for certificate in certificates:
            expected = SignatureConfiguration(
                location=_PLACE, signature_methods=self._methods, digest_algorithms=self._digests, verification_time=now
            )
            try:
                found = XMLVerifier().verify(root, x509_cert=certificate, expect_config=expected)
            except (SignXMLException, ValueError, etree.LxmlError) as error:
                why = " ".join(str(error).split())[:200]
                continue
            assert isinstance(found, VerifyResult)  # noqa: S101 - one reference is expected, so one result comes
            return found
        _refuse(
            "bad-signature",
            f"chữ ký số không đúng hoặc không được nhận ({why})",
            f"the signature is wrong or not taken ({why})",
        )


class Signer:
    """Signs what we send; files are relative to `folder`. Raises `Misconfigured` for a key or certificate that cannot be read."""

    def __init__(self, signing: Signing, folder: Path) -> None:
        try:
            self._key = (folder / signing.key_file).read_bytes()
            self._certificate = (folder / signing.certificate_file).read_text(encoding="ascii")
            curve = isinstance(load_pem_private_key(self._key, None), EllipticCurvePrivateKey)
        except (OSError, ValueError, TypeError) as error:
            raise Misconfigured(f"settings.sign: {error}") from error
        self._method = SignatureMethod.ECDSA_SHA256 if curve else SignatureMethod.RSA_SHA256

    def signed(self, root: etree._Element) -> etree._Element:
        """The document with its signature at the end of the header."""
        header = root.find(_PLACE.rstrip("/"))
        if header is None:
            raise ValueError("edXML: no header to put the signature in")
        etree.SubElement(header, _SIGNATURE, Id="placeholder", nsmap={"ds": DS})
        signer = XMLSigner(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=self._method,
            digest_algorithm=DigestAlgorithm.SHA256,
        )
        return signer.sign(root, key=self._key, cert=self._certificate)


def _read(folder: Path, files: Sequence[str]) -> Sequence[x509.Certificate]:
    found: list[x509.Certificate] = []
    for file in files:
        try:
            found += x509.load_pem_x509_certificates((folder / file).read_bytes())
        except (OSError, ValueError) as error:
            raise Misconfigured(f"settings.certificates: {file}: {error}") from error
    return found


def _refuse(code: str, detail: str, detail_en: str) -> NoReturn:
    raise BadRequest.of("", code, detail, detail_en)


__all__ = ["Proof", "Signer"]

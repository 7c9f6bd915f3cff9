"""Names of the field: namespaces, and the two versions of SOAP."""

from __future__ import annotations

from dataclasses import dataclass

TYPES = "urn:lienthong:soap:v1"
XS = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"
XOP = "http://www.w3.org/2004/08/xop/include"
XMIME = "http://www.w3.org/2005/05/xmlmime"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#"  # noqa: S105 - a namespace
X509 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
DS = "http://www.w3.org/2000/09/xmldsig#"
INCLUDE = f"{{{XOP}}}Include"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of SOAP. `roles`: those a header names when it means us; `sender`, `receiver`: whose fault a fault is."""

    name: str
    namespace: str
    media_type: str
    role: str
    roles: frozenset[str]
    sender: str
    receiver: str

    def tag(self, local: str) -> str:
        return f"{{{self.namespace}}}{local}"


_V11 = "http://schemas.xmlsoap.org/soap/envelope/"
_V12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP11 = Version(
    "1.1", _V11, "text/xml", "actor", frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"}), "Client", "Server"
)
SOAP12 = Version(
    "1.2", _V12, "application/soap+xml", "role", frozenset({"", f"{_V12}/role/next", f"{_V12}/role/ultimateReceiver"}),
    "Sender", "Receiver",
)  # fmt: skip
VERSIONS = {version.namespace: version for version in (SOAP11, SOAP12)}

"""The SOAP front door, `/soap/v1/dossiers`: contract first, document/literal, SOAP 1.1 and 1.2, our own dispatch.

The WSDL is written by hand (`dossiers.wsdl`), the XSD is made from the canonical model (`contract`). A message that came is read by the
same shapes into the same canonical JSON as over REST (`reading`), and accepted by the same `Acceptance`.
"""

from __future__ import annotations

from gateway.web.soap.door import soap

__all__ = ["soap"]

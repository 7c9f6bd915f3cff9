"""Files that come inside a document, as base64: what they hold, and what stands in their place once they are parked."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from gateway.errors import Refused


def decode(text: Any, place: str, most: int) -> bytes:
    """The content. `place` is where it stands, as a JSON pointer.

    Raises `Refused` for what is no base64, is empty, or is larger than `most` bytes.
    """
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Refused.of(place, "base64", "không phải base64", "not base64") from None
    if not content or len(content) > most:
        raise Refused.of(place, "size", f"tệp rỗng hoặc lớn hơn {most} byte", f"empty, or larger than {most} bytes")
    return content


def name_of(content: bytes) -> dict[str, str]:
    """What stands in place of the content: sha256, and media_type, as far as its first bytes tell."""
    media_type = "application/pdf" if content.startswith(b"%PDF-") else "application/octet-stream"
    return {"sha256": hashlib.sha256(content).hexdigest(), "media_type": media_type}

"""Files inside forms: base64 on the wire, parked by their sha256 with us."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Any

from gateway.errors import Refused

_DEEPEST = 12


def decoded(text: Any, place: str, most: int) -> bytes:
    """Raises `Refused` for what is no base64, is empty, or is larger than `most` bytes."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Refused.of(place, "base64", "không phải base64", "not base64") from None
    if not content or len(content) > most:
        raise Refused.of(place, "size", f"tệp rỗng hoặc lớn hơn {most} byte", f"empty, or larger than {most} bytes")
    return content


def parked(content: bytes) -> dict[str, str]:
    """What stands in a form in place of the content."""
    media_type = "application/pdf" if content.startswith(b"%PDF-") else "application/octet-stream"
    return {"sha256": hashlib.sha256(content).hexdigest(), "media_type": media_type}


def fetched(value: Any, read: Callable[[str], bytes], depth: int = _DEEPEST) -> Any:
    """The form with each parked file inline again."""
    if not isinstance(value, dict | list) or not depth:
        return value
    if isinstance(value, list):
        return [fetched(one, read, depth - 1) for one in value]
    if value.keys() == {"sha256", "media_type"}:
        return base64.b64encode(read(value["sha256"])).decode()
    return {name: fetched(one, read, depth - 1) for name, one in value.items()}

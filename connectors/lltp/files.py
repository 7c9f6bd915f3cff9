"""Files inside forms: base64 on the wire, parked by their sha256 with us. `gateway.inline` takes them out, this puts them in again."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

_DEEPEST = 12


def fetched(value: Any, read: Callable[[str], bytes], depth: int = _DEEPEST) -> Any:
    """The form with each parked file inline again."""
    if not isinstance(value, dict | list) or not depth:
        return value
    if isinstance(value, list):
        return [fetched(one, read, depth - 1) for one in value]
    if value.keys() == {"sha256", "media_type"}:
        return base64.b64encode(read(value["sha256"])).decode()
    return {name: fetched(one, read, depth - 1) for name, one in value.items()}

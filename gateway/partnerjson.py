"""A partner's JSON, as inbound adapters read it: an object, without nulls, not deep, and fit to be stored."""

from __future__ import annotations

import json
from typing import Any

from gateway.errors import Refused


def read_object(raw: bytes, deepest: int = 8) -> dict[str, Any]:
    """The object in `raw`, its nulls left out: a null is an absent field. Raises `Refused`, also for what is nested deeper than `deepest`."""
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair goes into no file or database
    except (ValueError, RecursionError):
        raise Refused.of("", "json", "nội dung không phải JSON", "not JSON") from None
    if not isinstance(body, dict):
        raise Refused.of("", "object", "nội dung phải là một đối tượng JSON", "must be a JSON object")

    def told(value: Any, most: int) -> Any:
        if not isinstance(value, dict | list):
            return value
        if most == 0:
            raise Refused.of("", "depth", f"lồng sâu quá {deepest} tầng", f"nested deeper than {deepest}")
        if isinstance(value, dict):
            return {name: told(one, most - 1) for name, one in value.items() if one is not None}
        return [told(one, most - 1) for one in value]

    found: dict[str, Any] = told(body, deepest)
    return found

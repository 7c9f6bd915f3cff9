"""A partner's JSON, as inbound adapters read it: an object, without nulls, not deep, and fit to be stored."""

from __future__ import annotations

import json
import math
from typing import Any

from gateway.errors import Refused


def load_json(raw: bytes | str) -> Any:
    """The JSON value in `raw`, which says one thing only: no key twice in an object, no number that is none or larger than any. Raises
    `Refused`, and ValueError and RecursionError as `json.loads` does."""
    return json.loads(raw, object_pairs_hook=_object, parse_float=_number, parse_constant=_number)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Refused.of("", "key-twice", "một đối tượng có hai trường cùng tên", "an object has one key twice")
    return made


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Refused.of("", "not-finite", f"{text[:40]}: không phải số hữu hạn", f"{text[:40]}: not a finite number")
    return value


def read_object(raw: bytes, deepest: int = 8) -> dict[str, Any]:
    """The object in `raw`, its nulls left out: a null is an absent field. Raises `Refused`, also for what is nested deeper than `deepest`."""
    try:
        body = load_json(raw)
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

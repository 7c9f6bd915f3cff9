"""Strict JSON: what two readers could read in two ways is refused."""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, NoReturn

from gateway.errors import BadRequest

DEEPEST = 32
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


class _Twice(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice(next(name for i, (name, _) in enumerate(pairs) if name in dict(pairs[:i])))
    return found


def _number(text: str) -> float:
    value = float(text)
    return _no_constant(text) if isinf(value) else value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_number, parse_constant=_no_constant, strict=True
).decode


def parse(raw: bytes) -> Any:
    """Strict JSON (RFC 8259, and I-JSON's unique names): UTF-8, no name twice, no NaN, finite, at most 32 deep. Raises `BadRequest`."""
    try:
        value = _decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        words = f"byte thứ {error.start} không phải UTF-8", f"byte {error.start} is not UTF-8"
        raise BadRequest.of("", "not-utf8", *words) from None
    except _Twice as twice:
        words = f"tên {twice.args[0]!a} xuất hiện hai lần", f"the name {twice.args[0]!a} stands twice in an object"
        raise BadRequest.of("", "name-twice", *words) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        place = f" (ký tự thứ {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        raise BadRequest.of("", "not-json", f"không phải JSON hợp lệ{place}", f"not JSON: {error}") from None
    # Each level costs a bracket: fewer brackets than levels allowed cannot be too deep, and most bodies need no walk.
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _deeper(value, DEEPEST):
        raise _too_deep()
    if _HALF_PAIR.search(raw):
        _refuse_half_pairs(value)
    return value


def _too_deep() -> BadRequest:
    words = f"JSON lồng sâu quá {DEEPEST} tầng", f"JSON nested deeper than {DEEPEST}"
    return BadRequest.of("", "too-deep", *words)


def _deeper(value: Any, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(_deeper(v, most - 1) for v in (value.values() if isinstance(value, dict) else value))


def _refuse_half_pairs(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        words = "có nửa cặp thay thế Unicode đứng một mình", "half a Unicode surrogate pair stands alone"
        raise BadRequest.of("", "not-unicode", *words) from None

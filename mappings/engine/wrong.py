"""What stops one field while a document is translated. It becomes a `Fault` once its place in the source is known."""

from __future__ import annotations

from typing import Any

MOST = 1000
"""The longest list a mapping walks through."""


class Wrong(Exception):
    """`code` is stable, for machines; both languages for people."""

    def __init__(self, code: str, detail: str, detail_en: str) -> None:
        super().__init__(detail_en)
        self.code = code
        self.detail = detail
        self.detail_en = detail_en


def show(value: Any, most: int = 60) -> str:
    """A code or a time as a fault may quote it: short. For what may be personal, tell the `kind` only: faults get kept and logged."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def unfit(code: str, wanted: str, wanted_en: str, value: Any) -> Wrong:
    """The value is of another kind than wanted. The value itself is not quoted."""
    kind, kind_en = _KINDS.get(type(value), ("null", "null"))
    return Wrong(code, f"phải là {wanted}, không phải {kind}", f"must be {wanted_en}, not {kind_en}")


_KINDS: dict[type, tuple[str, str]] = {
    str: ("chữ", "a text"),
    bool: ("true/false", "true or false"),
    int: ("số", "a number"),
    float: ("số thập phân", "a fraction"),
    list: ("danh sách", "a list"),
    dict: ("đối tượng", "an object"),
}


def finding(vi: str, en: str) -> str:
    """What a static check has found, for a person."""
    return f"{vi} · {en}"


def bounded(values: list[Any]) -> list[Any]:
    """The list itself; `Wrong` when it is longer than `MOST`."""
    if len(values) > MOST:
        raise Wrong(
            "too-many",
            f"danh sách có {len(values)} phần tử, tối đa {MOST}",
            f"the list holds {len(values)} elements, {MOST} at most",
        )
    return values


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    return bool(one == other) and (one.__class__ is bool) == (other.__class__ is bool)

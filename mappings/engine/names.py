"""What names mean: Vietnamese, English and abbreviated field names, brought to one form and compared with our fields' words (words.csv)."""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from functools import cache
from pathlib import Path

from mappings.engine.schemas import Names

_PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# Written short so often that both forms are one.
_SHORT = {
    "hs": "ho so", "sdt": "so dien thoai", "dt": "dien thoai", "tt": "trang thai", "tthc": "thu tuc hanh chinh", "mst": "ma so thue",
    "dc": "dia chi", "cb": "can bo", "dv": "don vi", "cq": "co quan", "nd": "noi dung", "kq": "ket qua", "tg": "thoi gian", "tep": "tep",
    "ds": "danh sach", "list": "danh sach", "xly": "xu ly", "xl": "xu ly", "tn": "tiep nhan", "bs": "bo sung", "no": "number",
}  # fmt: skip
_GENERIC = {"thong", "tin", "danh", "sach", "du", "lieu", "data", "info", "cac", "item", "items"}


@cache
def spoken(name: str) -> str:
    """One form of a name: `SoDienThoai`, `so_dien_thoai`, `sdt` and `Số điện thoại` are all `so dien thoai`."""
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    words = [_SHORT.get(w.lower(), w.lower()) for w in _PIECE.findall(plain)]
    return " ".join(words)


def likeness(theirs: Names, ours: Names) -> float:
    """From 0 to 1: how well a field of theirs, by its name and those above it, fits a place of ours."""
    best = 0.0
    for said in _said(theirs):
        for word in _words_of(ours):
            best = max(best, _like(said, word))
    return best


def _said(theirs: Names) -> list[str]:
    last = spoken(theirs[-1])
    above = spoken(theirs[-2]) if len(theirs) > 1 else ""
    kept = " ".join(w for w in last.split() if w not in _GENERIC)
    return [form for form in dict.fromkeys([last, kept, f"{above} {last}".strip(), f"{last} {above}".strip()]) if form]


def _like(said: str, word: str) -> float:
    a, b = said.replace(" ", ""), word.replace(" ", "")
    if a == b:
        return 1.0
    if len(a) < 4 or len(b) < 4:
        return 0.0
    ratio = difflib.SequenceMatcher(None, a, b).ratio()
    return ratio * 0.95 if ratio >= 0.8 else 0.0


@cache
def _words_of(ours: Names) -> tuple[str, ...]:
    """The words of the longest ending of the place that has some, and its own English name."""
    own = [spoken(ours[-1]), *([spoken("_".join(ours[-2:]))] if len(ours) > 1 else [])]
    for start in range(len(ours)):
        if found := _table().get(".".join(ours[start:])):
            return (*found, *own[1:], *(own[:1] if len(ours) - start == 1 else ()))
    return tuple(own[1:] or own)


@cache
def _table() -> dict[str, tuple[str, ...]]:
    with (Path(__file__).parent / "words.csv").open(encoding="utf-8", newline="") as lines:
        return {row["path"]: tuple(spoken(w.strip()) for w in row["words"].split(";")) for row in csv.DictReader(lines)}

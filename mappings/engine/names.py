"""What names mean: Vietnamese, English and abbreviated field names, brought to one form and compared with our fields' words (words.csv).

Whose name, phone or address it is, is told by what stands above it: an officer's is never a citizen's (people.csv).
"""

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
_MARKS = {"id", "ma", "code"}  # what names a thing is not the thing
_AGAINST = 0.9  # as likely as a name can be when what stands above it does not say the same
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
    who, whose = _who(theirs), next((name for name in reversed(ours) if name in _people()), None)
    if who and whose and who != whose:
        return 0.0
    alike = who is not None and who == whose
    words = (*_words_of(ours), *(_table().get(f"person.{ours[-1]}", ()) if alike else ()))
    best = max((_like(said, word) for said in _said(theirs) for word in words), default=0.0)
    if alike or (who is None and (whose is None or not _stands_under_something(theirs))):
        return best
    return min(best, _AGAINST)


def _who(theirs: Names) -> str | None:
    """Whose it is, by the nearest name that says so."""
    for name in reversed(theirs):
        said = f" {spoken(name)} "
        for who, words in _people().items():
            if any(f" {word} " in said for word in words):
                return who
    return None


def _stands_under_something(theirs: Names) -> bool:
    return any(set(spoken(name).split()) - _GENERIC for name in theirs[:-1])


def _said(theirs: Names) -> list[str]:
    last = spoken(theirs[-1])
    above = spoken(theirs[-2]) if len(theirs) > 1 else ""
    kept = " ".join(w for w in last.split() if w not in _GENERIC)
    return [form for form in dict.fromkeys([last, kept, f"{above} {last}".strip(), f"{last} {above}".strip()]) if form]


def _like(said: str, word: str) -> float:
    a, b = said.replace(" ", ""), word.replace(" ", "")
    if a == b:
        return 1.0
    if len(a) < 4 or len(b) < 4 or bool(_MARKS & set(said.split())) != bool(_MARKS & set(word.split())):
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
    return _read("words.csv", "path")


@cache
def _people() -> dict[str, tuple[str, ...]]:
    return _read("people.csv", "who")


def _read(file: str, column: str) -> dict[str, tuple[str, ...]]:
    with (Path(__file__).parent / file).open(encoding="utf-8", newline="") as lines:
        return {row[column]: tuple(spoken(w.strip()) for w in row["words"].split(";")) for row in csv.DictReader(lines)}

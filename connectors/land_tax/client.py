"""Reads the tax office's file: XML ``DATA/BODY/ROW_LIST`` with MA_HSO and, for each decision line, LIST. Knows no Message."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from gateway.errors import Refused
from gateway.xml import read_xml

MOST_NOTICES = 1000
_WHOLE = re.compile(r"[0-9]{1,15}")
FIELDS = ("SO_QUYET_DINH", "NGAY_QUYET_DINH", "TEN_TIEUMUC", "SO_TIEN", "MA_SO_THUE")


def read_notices(file: str, most: int) -> list[dict[str, Any]]:
    """The notices of a file given as base64, one for each decision of each dossier; at most `most` bytes of XML.

    A decision may have several lines (tiểu mục): their names are joined and their amounts added, because a voucher names the decision
    alone; LIST holds them as they came. SO_TIEN is a number where every line's is one, else a text. Raises `Refused`.
    """
    try:
        content = base64.b64decode("".join(file.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused.of("/data/FileThongBaoThue", "base64", "không phải base64", "not base64") from None
    root = read_xml(content, max_bytes=most, max_depth=8)
    notices = list(_notices(root)) if root.tag == "DATA" else []
    if not 0 < len(notices) <= MOST_NOTICES:
        words = (
            f"cần từ 1 đến {MOST_NOTICES} thông báo trong DATA/BODY/ROW_LIST",
            f"1 to {MOST_NOTICES} notices must stand in DATA/BODY/ROW_LIST",
        )
        raise Refused.of("/data/FileThongBaoThue", "rows", *words)
    return notices


def _notices(root: Any) -> Iterator[dict[str, Any]]:
    for row in root.iterfind("BODY/ROW_LIST"):
        code = (row.findtext("MA_HSO") or "").strip()
        decisions: dict[str, list[dict[str, str]]] = {}
        for line in row.iterfind("LIST"):
            told = {str(child.tag): (child.text or "").strip() for child in line}
            decisions.setdefault(told.get("SO_QUYET_DINH", ""), []).append(told)
        if not decisions:
            yield {"MA_HSO": code, "LIST": []}  # a row without a line is told too, and found wrong by the mapping
        for lines in decisions.values():
            yield {"MA_HSO": code, **_joined(lines), "LIST": lines}


def _joined(lines: list[dict[str, str]]) -> dict[str, Any]:
    """Fields that are blank are left out: nothing stands for nothing."""
    told: dict[str, Any] = {}
    for name in FIELDS:
        values = [line[name] for line in lines if line.get(name)]
        if not values:
            continue
        told[name] = "; ".join(dict.fromkeys(values))
        if name == "SO_TIEN" and len(values) == len(lines) and all(_WHOLE.fullmatch(value) for value in values):
            told[name] = sum(map(int, values))
    return told

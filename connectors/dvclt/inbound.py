"""Dossiers of DVCLT: list → fetch → commit → only then acknowledge.

The cursor is the list of codes that were committed with it: the next poll acknowledges those first. A process that dies in between
fetches or acknowledges once more, which changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.dvclt.client import Client, unpack
from connectors.dvclt.dates import days_of
from connectors.dvclt.settings import Settings
from gateway import inline
from gateway.errors import DeliveryError, Fault, Refused
from gateway.ports import Desk, Page, Submission
from gateway.xml import read_xml

_WAITS_FOR_PAPERS = 5
_XML_BYTES = 1 << 20
_DEEPEST = 8  # where in a detail the form is looked for
_FORM = "hoTich"


class Dossiers:
    """Reads DVCLT's list in rounds. A dossier that cannot be read is kept with its faults and *not* acknowledged: it comes again
    each round, and is taken as soon as the mapping can read it."""

    def __init__(self, client: Client, settings: Settings, desk: Desk) -> None:
        self._client = client
        self._settings = settings
        self._desk = desk
        self._seen: set[str] = set()  # in this round
        self._trouble: DeliveryError | None = None

    def poll(self, cursor: str | None) -> Page:
        """The next dossiers of this round; `more` until every row of the list was looked at once.

        What goes wrong with one dossier holds up no other; it is raised at the end of the round.
        """
        stored = json.loads(cursor) if cursor else []
        left = [code for code in stored if not self._acknowledged(code)]
        rows = self._next_rows(skip=self._seen.union(left))
        items = []
        for key, row in rows:
            self._seen.add(key)
            item = self._fetched(row)
            if item is None:
                continue
            items.append(item)
            if item.body is not None:
                left.append(row["maHoSo"])
        if not rows:
            self._end_round(progress=left != stored)
        return Page(items, json.dumps(left), more=bool(rows))

    def _end_round(self, *, progress: bool) -> None:
        trouble, self._trouble = self._trouble, None
        self._seen.clear()
        if trouble is not None and not progress:
            raise trouble

    def _acknowledged(self, code: str) -> bool:
        try:
            self._client.receive(code)
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return False
        return True

    def _next_rows(self, skip: set[str]) -> list[tuple[str, Any]]:
        keyed = [(_key(row), row) for row in self._client.waiting()]
        return [(key, row) for key, row in keyed if key not in skip][: self._settings.page_size]

    def _fetched(self, row: Any) -> Submission | None:
        """None when its detail cannot be fetched now."""
        if not _whole(row):
            wrong = Fault("", "list-row", "dòng danh sách thiếu id hoặc maHoSo", "the row has no id or no maHoSo")
            return self._unread(_key(row), {"item": row}, [wrong])
        try:
            detail = self._client.detail(str(row["id"]))
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return None
        return self._submission(row, detail)

    def _submission(self, row: Mapping[str, Any], detail: Any) -> Submission:
        files: list[tuple[bytes, str]] = []
        try:
            found = _open_up(detail)
            papers = [_claimed(paper, i, self._settings.file_bytes, files) for i, paper in enumerate(_papers(found))]
            facts = _facts(row, found)
        except Refused as refused:
            return self._unread(row["maHoSo"], {"item": row, "detail": detail}, refused.faults)
        for content, media_type in files:
            self._desk.keep(content, media_type)
        kept = {"item": row, "form": _form_text(found), "papers": papers}
        return self._translated(row, kept, facts)

    def _translated(self, row: Mapping[str, Any], kept: Mapping[str, Any], facts: Mapping[str, str]) -> Submission:
        known = self._desk.dossier(row["maHoSo"])
        again = known is not None and known["status"] == _WAITS_FOR_PAPERS
        unit = self._settings.units.get(str(row.get("maDonVi")))
        document = {
            "item": row,
            "facts": facts,
            "days": days_of(facts),
            "digest": _digest(kept),
            "unit": unit.model_dump() if unit else None,
            # sent again while it waits for papers: the same dossier amended, at the status and with the reception it has
            "status": _WAITS_FOR_PAPERS if again else 1,
            "received_at": known["received_at"] if again and known else None,
            "files": [paper for paper in kept["papers"] if str(paper.get("huyGiayTo", 0)) != "1"],
        }
        mapping = self._settings.mapping
        try:
            body = self._desk.translate(mapping, document)
        except Refused as refused:
            return self._unread(row["maHoSo"], kept, refused.faults)
        return Submission(body["id"], body, _written(kept), mapping=mapping)

    def _unread(self, name: str, kept: Any, faults: Any) -> Submission:
        """Under a name of its own, so that the dossier's name is free for the day when it can be read."""
        source_id = f"dvclt-{name}-unread-{_digest([kept, [f.code + f.pointer for f in faults]])}"
        return Submission(source_id, None, _written(kept), mapping=self._settings.mapping, problem=tuple(faults))


def _whole(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("maHoSo"), str) and isinstance(row.get("id"), int | str)


def _key(row: Any) -> str:
    return str(row["maHoSo"]) if _whole(row) else _digest(row)


def _written(kept: Any) -> bytes:
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(kept: Any) -> str:
    return hashlib.sha256(json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:12]


# ── what a detail holds ─────────────────────────────────────────────────────────────────────────────────────


def _open_up(detail: Any) -> dict[str, Any]:
    """The object inside: JSON text in JSON is opened, at the top and under ``data``. Raises `Refused`."""
    found = unpack(detail)
    if isinstance(found, dict) and "data" in found:
        found = unpack(found["data"])
    if not isinstance(found, dict):
        raise Refused.of("", "detail-shape", "chi tiết hồ sơ không phải đối tượng JSON", "the detail is no JSON object")
    return found


def _form_text(found: Mapping[str, Any]) -> str:
    """The one text that is an XML ``<hoTich>``. Raises `Refused`."""
    forms = {text.strip() for text in _texts(found, _DEEPEST) if f"<{_FORM}" in text and text.lstrip().startswith("<")}
    if len(forms) != 1:
        words = (
            f"chi tiết có {len(forms)} tờ khai <{_FORM}>, phải có đúng một",
            f"{len(forms)} <{_FORM}> forms, not one",
        )
        raise Refused.of("", "form", *words)
    return forms.pop()


def _texts(value: Any, most: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif most and isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one, most - 1)


def _facts(row: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, str]:
    """Every field of the form that says something, by its name, as given; and under ``lt:`` what the list says of it."""
    root = read_xml(_form_text(found).encode(), max_bytes=_XML_BYTES)
    form = root if root.tag == _FORM else root.find(f".//{_FORM}")
    if form is None:
        raise Refused.of("", "form", f"XML không có phần tử {_FORM}", f"the XML has no element {_FORM}")
    facts = dict(_leaves(form, ""))
    for name in ("id", "maDonVi", "maHoSo", "module", "techId"):
        if row.get(name) not in (None, ""):
            facts[f"lt:{name}"] = str(row[name])
    return facts


def _leaves(element: Any, before: str) -> Iterator[tuple[str, str]]:
    names = [child.tag for child in element]
    for i, child in enumerate(element):
        number = f".{names[:i].count(child.tag) + 1}" if names.count(child.tag) > 1 else ""
        name = f"{before}{child.tag}{number}"
        if len(child):
            yield from _leaves(child, f"{name}.")
        elif (child.text or "").strip():
            yield name, child.text.strip()


def _papers(found: Mapping[str, Any]) -> list[Any]:
    papers = found.get("fileDinhKem")
    if papers is None:
        return []
    if not isinstance(papers, list) or not all(isinstance(paper, dict) for paper in papers):
        raise Refused.of("/fileDinhKem", "files", "phải là danh sách tệp", "must be a list of files")
    return papers


def _claimed(paper: Mapping[str, Any], number: int, most: int, files: list[tuple[bytes, str]]) -> dict[str, Any]:
    """The paper with its content replaced by sha256 and media type. Raises `Refused`."""
    place = f"/fileDinhKem/{number}/duLieuTepDinhKem"
    content = inline.decode(paper.get("duLieuTepDinhKem") or "", place, most)
    where = inline.name_of(content)
    files.append((content, where["media_type"]))
    rest = {name: value for name, value in paper.items() if name != "duLieuTepDinhKem" and value is not None}
    return {**rest, **where}

"""A mapping written as a stylesheet: one folder with map.xsl, and beside it what it needs (codes.csv, in.xsd, out.xsd, out.schema.json)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.errors import Misconfigured, Refused
from gateway.ports import Codes, Line
from gateway.xml import write_xml
from mappings.engine.sandbox import SANDBOX, Sheet
from mappings.engine.stylesheet import MOST_BYTES, SHEET, Made, Stylesheet
from mappings.engine.wrong import unfit
from mappings.engine.xmljson import write_element

_SUFFIXES = (".xsl", ".xsd", ".csv", ".json")


class XslMapping:
    """One mapping folder, checked and compiled. A `Translation` of XML (bytes or text) or of the view, into XML (a text) or JSON."""

    def __init__(self, folder: Path, codes: Codes) -> None:
        self.folder = folder
        self.name = folder.name
        files = _files(folder)
        sheet = Stylesheet(files, folder.name, codes)  # so that what is wrong is told when it is loaded
        self.about, self.source, self.target = sheet.declared.about, sheet.declared.source, sheet.declared.target
        self.dropped, self.tables = sheet.declared.dropped, sheet.tables
        self.lists: Sequence[str] = sheet.lists
        content = hashlib.sha256()
        for name, data in sorted(files.items()):
            content.update(b"%s\0%d\0" % (name.encode(), len(data)) + data)
        self.version = content.hexdigest()[:12]
        self._sheet = Sheet(self.version, self.name, files, codes)

    def translate(self, document: Any) -> Any:
        """XML as a text without a declaration, or JSON; None when `lt:only-when` does not hold. Raises `Refused` with every fault."""
        return self._asked(b"R", document).value

    def explain(self, document: Any) -> Sequence[Line]:
        """Every value put out. A source is a path of names (`/HoSo/NguoiNop/@ma`); what XSLT does not tell is said in the rule. Raises `Refused`."""
        return self._asked(b"E", document).lines

    def bare(self, document: Any) -> Made:
        """What comes of a document when no schema is asked, faults and all."""
        return SANDBOX.ask(self._sheet, b"B", self._bytes(document))

    def _asked(self, letter: bytes, document: Any) -> Made:
        made = SANDBOX.ask(self._sheet, letter, self._bytes(document))
        if made.faults:
            raise Refused(made.faults)
        return made

    def _bytes(self, document: Any) -> bytes:
        if self.source != "xml":
            if not isinstance(document, dict):
                raise _refused(unfit("not-an-object", "một đối tượng JSON", "a JSON object", document))
            return write_xml(write_element("view", document))
        if not isinstance(document, bytes | str):
            raise _refused(unfit("not-xml", "XML", "XML", document))
        return document if isinstance(document, bytes) else document.encode("utf-8", "surrogatepass")


def _refused(wrong: Any) -> Refused:
    return Refused.of("", wrong.code, wrong.detail, wrong.detail_en)


def _files(folder: Path) -> dict[str, bytes]:
    """What lies in the folder itself. Raises `Misconfigured`."""
    found = {}
    for file in sorted(folder.iterdir()):
        if file.suffix in _SUFFIXES and file.is_file():
            if file.stat().st_size > MOST_BYTES:
                raise Misconfigured(f"{file}: larger than {MOST_BYTES} bytes: a mapping is small")
            found[file.name] = file.read_bytes()
    if SHEET not in found:
        raise Misconfigured(f"{folder / SHEET}: there is no such file")
    return found

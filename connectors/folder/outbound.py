"""Messages out as files, each whole or not there at all.

The file is written and synced under ``.gateway``, a marker is put beside it, and only then is it renamed into ``out``. So it can be told at any
time whether it went: the marker is there and the file under ``.gateway`` is not.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

from connectors.folder.settings import Settings
from gateway.dialect.calling import fields_of, inlined
from gateway.dialect.template import Fields, fill_all, sending
from gateway.dialect.unwrap import wrap
from gateway.errors import AskFirst, Refused
from gateway.outcomes import Outcomes
from gateway.ports import Found, Health, Parcel, Receipt

OURS = ".gateway"
_LONGEST_NAME = 200


class Drop:
    """Delivers the document ``message`` of a partner's mapping; without a mapping the canonical body."""

    def __init__(self, settings: Settings, outcomes: Outcomes) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._out = settings.path / "out"
        self._ours = settings.path / OURS

    def deliver(self, parcel: Parcel) -> Receipt:
        """The receipt's reference is the file's name. The same message again is there already."""
        document = parcel.documents.get("message", parcel.message.body)
        if document is None:
            return Receipt("nothing-to-send", "Ánh xạ không tạo ra gì để gửi · the mapping made nothing to send")
        with sending():
            name = self._name(parcel)
            content = self._content(parcel, document)
        try:
            if self._went(name):
                return Receipt("written", name, reference=name, duplicate=True)
            self._write(name, content)
        except OSError as fault:
            self._settle(name, fault)
        return Receipt("written", name, reference=name)

    def find(self, parcel: Parcel) -> Found:
        """Whether the file went into ``out``, however long ago they took it from there."""
        with sending():
            name = self._name(parcel)
        try:
            self._ours.stat()
            return Found.ARRIVED if self._went(name) else Found.ABSENT
        except OSError as fault:
            self._outcomes.settle("find", http=0, code=_code(fault), text=str(fault))
            raise

    def check(self) -> Sequence[Health]:
        """Are the folders there, and may we write and read? Leaves nothing behind."""
        found = []
        wanted = {"out": os.W_OK, OURS: os.W_OK, "in": os.R_OK | os.W_OK, "processed": os.W_OK, "refused": os.W_OK}
        for name in wanted if self._settings.read else ("out", OURS):
            place = self._settings.path / name
            right = place.is_dir() and os.access(place, wanted[name] | os.X_OK)
            answer = "được · yes" if right else "không có, hoặc không có quyền · not there, or no right"
            found.append(Health(f"Dùng được thư mục {place}? · Can the folder be used?", right, answer))
        return found

    def _name(self, parcel: Parcel) -> str:
        """Raises `Refused`."""
        document = parcel.documents.get("message", parcel.message.body)
        name = self._settings.write.name.fill_path(fields_of(parcel, document))
        if len(name.encode()) > _LONGEST_NAME or name.startswith("."):
            raise Refused.of("", "file-name", f"{name}: tên tệp không dùng được", f"{name}: no name for a file")
        return name

    def _content(self, parcel: Parcel, document: object) -> bytes:
        """Raises `Refused`."""
        write = self._settings.write
        value = wrap(inlined(document, write.inline, parcel.read_file), write.wrap)
        if write.beside:
            if not isinstance(value, dict):
                raise Refused.of("", "with", "with cần một đối tượng JSON", "with wants a JSON object")
            value = {**value, **fill_all(write.beside, Fields(document, fields_of(parcel, document).names))}
        if isinstance(value, bytes):
            return value
        if write.send == "json":
            return json.dumps(value, ensure_ascii=False, indent=1).encode()
        if not isinstance(value, str):
            words = f"send = {write.send} cần chuỗi: map.xsl, hoặc wrap", f"send = {write.send} wants a text"
            raise Refused.of("", "not-text", *words)
        return value.encode()

    def _went(self, name: str) -> bool:
        return (self._ours / f"{name}.sent").exists() and not (self._ours / name).exists()

    def _write(self, name: str, content: bytes) -> None:
        """Raises OSError."""
        self._out.stat()
        self._ours.mkdir(exist_ok=True)
        with (self._ours / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        (self._ours / f"{name}.sent").touch()
        sync(self._ours)
        os.rename(self._ours / name, self._out / name)
        sync(self._out)
        sync(self._ours)

    def _settle(self, name: str, fault: OSError) -> None:
        """Raises what the table says; where the file may be in ``out`` already, `AskFirst`."""
        if fault.errno == errno.EIO or ((self._ours / f"{name}.sent").exists() and not (self._ours / name).exists()):
            words = f"{name}: ghi bị lỗi, chưa rõ tệp đã vào out chưa · the write failed, it may be there: {fault}"
            raise AskFirst(words, code=_code(fault)) from fault
        self._outcomes.settle("write", http=0, code=_code(fault), text=str(fault))
        raise fault


def sync(folder: Path) -> None:
    """Names that were put into a folder stay, whatever happens to the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _code(fault: OSError) -> str:
    return errno.errorcode.get(fault.errno or 0, type(fault).__name__)

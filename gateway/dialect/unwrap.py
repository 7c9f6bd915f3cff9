"""Documents inside documents, by declared steps: JSON in XML, XML in JSON, base64 or gzip in either.

In, one after another: ``json`` · ``xml`` (an element, for map.xsl) · ``tree``, or ``tree HoSo TaiLieu`` (an element as JSON; those named are
always lists) · ``text`` · ``base64`` · ``gzip`` · ``zip`` (with one file in it) · ``at /data/x``.
Out: ``json`` · ``xml ROOT`` · ``base64`` · ``gzip`` · ``at /data/x``.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from gateway.dialect.pointers import at, parts_of, put
from gateway.dialect.trees import is_element, read_tree, text_of, write_tree
from gateway.errors import Refused
from gateway.partnerjson import load_json
from gateway.xml import read_xml, write_xml

MOST_BYTES = 10 << 20
MOST_STEPS = 8
DEEPEST = 32
RATIO = 100
"""What is packed may be at most this many times as large when it is unpacked, once it is larger than a megabyte."""

_NO_WORDS = ("json", "xml", "text", "base64", "gzip", "zip")
_WHITE = b" \t\r\n"


def _checked_in(step: str) -> str:
    name, _, rest = step.partition(" ")
    right = step in _NO_WORDS or name == "tree" or (name == "at" and rest.startswith("/"))
    if not right:
        known = "json, xml, tree, text, base64, gzip, zip, at /…"
        raise ValueError(f"{step!r}: không có bước này; có · no such step; known: {known}")
    return step


def _checked_out(step: str) -> str:
    name, _, rest = step.partition(" ")
    right = step in ("json", "base64", "gzip") or (name == "xml" and rest) or (name == "at" and rest.startswith("/"))
    if not right:
        known = "json, xml ROOT, base64, gzip, at /…"
        raise ValueError(f"{step!r}: không có bước này; có · no such step; known: {known}")
    return step


InSteps = Annotated[list[Annotated[str, AfterValidator(_checked_in)]], Field(max_length=MOST_STEPS)]
OutSteps = Annotated[list[Annotated[str, AfterValidator(_checked_out)]], Field(max_length=MOST_STEPS)]


def unwrap(data: Any, steps: Sequence[str], *, most: int = MOST_BYTES) -> Any:
    """What is inside `data` (bytes at first). Raises `Refused` with the step's number; no step makes more than `most` bytes."""
    value = data
    for number, step in enumerate(steps, start=1):
        name, _, rest = step.partition(" ")
        try:
            value = _inside(name, rest, value, most)
        except Refused as refused:
            [fault, *_] = refused.faults
            words = f"bước {number} ({step}): {fault.detail}", f"step {number} ({step}): {fault.detail_en}"
            raise Refused.of("", "unwrap", *words) from refused
    return value


def wrap(document: Any, steps: Sequence[str]) -> Any:
    """`document` put inside others. A text, bytes, or a JSON value. Raises `Refused` with the step's number."""
    value = document
    for number, step in enumerate(steps, start=1):
        name, _, rest = step.partition(" ")
        try:
            value = _outside(name, rest, value)
        except Refused as refused:
            [fault, *_] = refused.faults
            words = f"bước {number} ({step}): {fault.detail}", f"step {number} ({step}): {fault.detail_en}"
            raise Refused.of(fault.pointer, "wrap", *words) from refused
    return value


def read_json(data: bytes | str, *, deepest: int = DEEPEST) -> Any:
    """The JSON value in `data`. Raises `Refused` for what is none, is nested deeper than `deepest`, or cannot be stored."""
    try:
        value = load_json(data)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair goes into no file or database
    except (ValueError, RecursionError):
        raise Refused.of("", "json", "không phải JSON", "not JSON") from None
    if _deeper(value, deepest):
        raise Refused.of("", "depth", f"lồng sâu quá {deepest} tầng", f"nested deeper than {deepest}")
    return value


def text_of_any(value: Any) -> str:
    """A document as it goes on the wire or into the ledger: XML and texts as they are, anything else as JSON. Bytes must be UTF-8."""
    if is_element(value):
        return write_xml(value).decode()
    if isinstance(value, bytes):
        return _decoded(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _inside(name: str, rest: str, value: Any, most: int) -> Any:
    match name:
        case "at":
            found = at(value, rest)
            if found is None:
                raise Refused.of(rest, "absent", f"không có {rest}", f"there is no {rest}")
            return found
        case "tree":
            if not is_element(value):
                raise Refused.of("", "not-xml", "chỉ làm với XML đã đọc", "wants XML that was read")
            return read_tree(value, frozenset(rest.split()))
        case "json":
            return read_json(_raw(value, most))
        case "xml":
            return read_xml(_raw(value, most), max_bytes=most)
        case "text":
            return _decoded(_raw(value, most))
    return _UNPACK[name](_raw(value, most), most)


def _outside(name: str, rest: str, value: Any) -> Any:
    match name:
        case "at":
            return put(None, rest, value) if parts_of(rest) else value
        case "xml":
            return write_tree(rest, value)
        case "json":
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case "base64":
            return base64.b64encode(_bytes(value)).decode()
    packer = zlib.compressobj(wbits=31)
    return packer.compress(_bytes(value)) + packer.flush()


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | str):
        return value.encode() if isinstance(value, str) else value
    raise Refused.of("", "not-text", "phải là chuỗi: thêm bước json hoặc xml", "wants a text: add a json or xml step")


def _raw(value: Any, most: int) -> bytes:
    if is_element(value) and not len(value):
        value = text_of(value)
    if not isinstance(value, bytes | str):
        raise Refused.of("", "not-text", "không phải chuỗi", "not a text")
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    if len(raw) > most:
        raise _too_large(most)
    return raw


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused.of("", "not-utf8", "không phải UTF-8", "not UTF-8") from None


def _from_base64(raw: bytes, most: int) -> bytes:
    try:
        return base64.b64decode(raw.translate(None, _WHITE), validate=True)
    except binascii.Error:
        raise Refused.of("", "base64", "không phải base64", "not base64") from None


def _from_gzip(raw: bytes, most: int) -> bytes:
    most = _unpacked_most(raw, most)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(raw, most + 1)
    except zlib.error:
        raise Refused.of("", "gzip", "không phải gzip", "not gzip") from None
    if len(found) > most:
        raise _too_large(most)
    if not unpacker.eof or unpacker.unused_data:
        raise Refused.of("", "gzip", "gzip bị cắt hoặc thừa dữ liệu", "gzip is cut off, or more stands behind it")
    return found


def _from_zip(raw: bytes, most: int) -> bytes:
    most = _unpacked_most(raw, most)
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            files = [one for one in packed.infolist() if not one.is_dir()]
            plain = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
            if len(files) != 1 or files[0].compress_type not in plain or files[0].flag_bits & 1:
                words = "zip phải có đúng một tệp, không khóa", "a zip must hold exactly one file, without a password"
                raise Refused.of("", "zip", *words)
            with packed.open(files[0]) as file:
                found = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError):
        raise Refused.of("", "zip", "không phải zip", "not a zip") from None
    if len(found) > most:
        raise _too_large(most)
    return found


def _unpacked_most(raw: bytes, most: int) -> int:
    return min(most, max(1 << 20, len(raw) * RATIO))


def _too_large(most: int) -> Refused:
    return Refused.of("", "too-large", f"lớn hơn {most} byte", f"larger than {most} bytes")


def _deeper(value: Any, most: int) -> bool:
    """Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(most):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


_UNPACK: dict[str, Callable[[bytes, int], bytes]] = {"base64": _from_base64, "gzip": _from_gzip, "zip": _from_zip}

"""The one reader of foreign XML: no DTD, no entity, no network; bounded in bytes, in marks, in depth and in attributes.

Everybody who is sent XML reads it here. What comes back is plain elements and text: comments are gone, the text on both sides of one is
one text, and there are no processing instructions. XInclude, `xsi:schemaLocation` and `xml:base` are words without effect.
"""

from __future__ import annotations

import re
from functools import cache

from lxml import etree

from gateway.errors import BadRequest, BodyTooLarge

MOST_BYTES = 10 << 20
DEEPEST = 64
MOST_ATTRIBUTES = 256  # of one element, without its namespaces
MOST_MARKS = (
    400_000  # `<` and `=` in the bytes. Each costs the tree some 200 bytes, whatever it is; a base64 file has none
)

# What may stand before the root. Nothing in it is tried twice, so that no prolog is slow to read.
_PROLOG = re.compile(rb"(?>\s+|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_ENCODING = re.compile(rb"<\?xml\s[^>]*?\bencoding\s*=\s*[\"']([A-Za-z0-9._:-]*)[\"']")
_UTF8 = {b"utf-8", b"utf8", b"us-ascii"}
_BOM = b"\xef\xbb\xbf"
_MANY = etree.XPath(f"boolean(//*[count(@*) > {MOST_ATTRIBUTES}])")
_INSTRUCTION = etree.XPath("boolean(//processing-instruction() | /processing-instruction())")


def read_xml(
    data: bytes, *, max_bytes: int = MOST_BYTES, max_depth: int = DEEPEST, drop_instructions: bool = False
) -> etree._Element:
    """The root of a document in UTF-8. One text may have 10 million characters: larger files do not belong into XML.

    `drop_instructions`: processing instructions are left out, as comments are, instead of refused. Raises `BodyTooLarge`, and `BadRequest` for
    everything else that is not taken; both are `Refused`.
    """
    if len(data) > max_bytes:
        raise BodyTooLarge.than(max_bytes)
    data = data.removeprefix(_BOM)
    _check_encoding(data)
    _check_marks(data)
    # Text around comments is joined by the parser, so that a signature and its reader see the same. References to entities would be
    # left standing, but without a DTD there are none.
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, recover=False, remove_comments=True, remove_pis=drop_instructions, collect_ids=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        place = f"dòng {line}, cột {column}", f"line {line}, column {column}"
        raise _refused(
            "not-xml", f"không phải XML hợp lệ ({place[0]})", f"not XML: {' '.join(error.msg.split())[:200]}"
        ) from None
    _check_shape(root, max_depth)
    return root


def write_xml(element: etree._Element) -> bytes:
    """The element as a document of its own, in UTF-8 with the declaration that says so."""
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True, with_tail=False)


def _check_encoding(data: bytes) -> None:
    """UTF-8 in fact and by declaration: two readers must not read two texts."""
    declared = _ENCODING.match(data[:1024])
    if declared is not None and declared[1].lower() not in _UTF8:
        name = declared[1][:40].decode("ascii")
        raise _refused("not-utf8", f"XML phải ở dạng UTF-8, không phải {name}", f"XML must be UTF-8, not {name}")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        words = f"byte thứ {error.start} không phải UTF-8", f"byte {error.start} is not UTF-8"
        raise _refused("not-utf8", *words) from None


def _check_marks(data: bytes) -> None:
    """What must not even reach the parser."""
    marks = data.count(b"<") + data.count(b"=")
    if marks > MOST_MARKS:
        words = (
            f"XML có {marks} dấu < và =, tối đa {MOST_MARKS}",
            f"{marks} marks < and =, at most {MOST_MARKS} are read",
        )
        raise _refused("too-many-marks", *words)
    prolog = _PROLOG.match(data)
    if prolog is not None and data.startswith(b"<!DOCTYPE", prolog.end()):
        raise _refused("doctype", "không nhận DTD (DOCTYPE)", "a DTD (DOCTYPE) is not taken")


def _check_shape(root: etree._Element, max_depth: int) -> None:
    if _deeper(max_depth)(root):
        raise _refused("too-deep", f"XML lồng sâu quá {max_depth} tầng", f"XML nested deeper than {max_depth}")
    if _MANY(root):
        words = (
            f"một phần tử có quá {MOST_ATTRIBUTES} thuộc tính",
            f"an element with more than {MOST_ATTRIBUTES} attributes",
        )
        raise _refused("too-many-attributes", *words)
    if _INSTRUCTION(root):
        words = "không nhận lệnh xử lý <?…?> trong XML", "processing instructions <?…?> are not taken"
        raise _refused("instruction", *words)


@cache
def _deeper(depth: int) -> etree.XPath:
    """Is there an element below this depth? Walks the tree in C, level by level."""
    return etree.XPath("boolean(" + "/*" * (depth + 1) + ")")


def _refused(code: str, detail: str, detail_en: str) -> BadRequest:
    return BadRequest.of("", code, detail, detail_en)


__all__ = ["read_xml", "write_xml"]

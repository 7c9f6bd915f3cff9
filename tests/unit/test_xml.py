"""The one reader of foreign XML refuses whatever is hostile, soon and in little memory."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import BadRequest, BodyTooLarge, Refused
from gateway.xml import DEEPEST, MOST_BYTES, read_xml, write_xml

SECONDS = 10.0  # a bound against what grows without end, not a measurement
MEGABYTES = 400


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def bomb() -> bytes:
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10 if i else b"lol") for i in range(10))
    return b"<!DOCTYPE a [" + laughs + b"]><a>&l9;</a>"


def attributes(count: int, form: bytes = b'a%d="1"') -> bytes:
    return b"<a " + b" ".join(form.replace(b"%d", b"%d" % i) for i in range(count)) + b"/>"


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a local file as an entity": ("doctype", lambda: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
    "a parameter entity": ("doctype", lambda: b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><a/>'),
    "an external DTD": ("doctype", lambda: b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>'),
    "a DTD behind comments": ("doctype", lambda: b'<?xml version="1.0"?> <!-- a --><!-- <b> --><!DOCTYPE a><a/>'),
    "a DTD behind an instruction": ("doctype", lambda: b'<?p x?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    "a DTD behind a byte order mark": ("doctype", lambda: b"\xef\xbb\xbf<!DOCTYPE a><a/>"),
    "billion laughs": ("doctype", bomb),
    "quadratic blow-up": ("doctype", lambda: b'<!DOCTYPE a [<!ENTITY x "' + b"y" * 50_000 + b'">]><a>' + b"&x;" * 50_000 + b"</a>"),
    "an entity that nobody declared": ("not-xml", lambda: b"<a>&x;</a>"),
    "one level too deep": ("too-deep", lambda: nested(DEEPEST + 1)),
    "190,000 levels": ("not-xml", lambda: nested(190_000)),
    "one attribute too many": ("too-many-attributes", lambda: attributes(257)),
    "390,000 attributes": ("too-many-attributes", lambda: attributes(390_000)),
    "attributes past counting": ("too-many-marks", lambda: attributes(500_000)),
    "namespaces past counting": ("too-many-marks", lambda: attributes(450_000, b'xmlns:a%d="u"')),
    "an attribute of more than 10 MB": ("too-large", lambda: b'<a x="' + b"y" * 11_000_000 + b'"/>'),
    "a million elements": ("too-many-marks", lambda: b"<a>" + b"<b/>" * 1_000_000 + b"</a>"),
    "a text of 100 MB": ("too-large", lambda: b"<a>" + b"x" * 100_000_000 + b"</a>"),
    "UTF-16": ("not-utf8", lambda: '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16")),
    "UTF-16 without its mark": ("not-xml", lambda: "<a/>".encode("utf-16-le")),
    "UTF-16 by declaration alone": ("not-utf8", lambda: b'<?xml version="1.0" encoding="UTF-16"?><a/>'),
    "UTF-7": ("not-utf8", lambda: b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-<a/>'),
    "UTF-32": ("not-xml", lambda: "<a/>".encode("utf-32-be")),
    "EBCDIC": ("not-utf8", lambda: '<?xml version="1.0" encoding="cp037"?><a/>'.encode("cp037")),
    "Latin-1": ("not-utf8", lambda: '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1")),
    "UTF-8 by declaration, Latin-1 in fact": ("not-utf8", lambda: '<?xml version="1.0" encoding="UTF-8"?><a>é</a>'.encode("latin-1")),
    "an overlong form": ("not-utf8", lambda: b"<a>\xc0\xbc</a>"),
    "an instruction before the root": ("instruction", lambda: b'<?xml-stylesheet href="file:///etc/passwd"?><a/>'),
    "an instruction inside": ("instruction", lambda: b"<a><?php x?></a>"),
    "an instruction after the root": ("instruction", lambda: b"<a/><?x y?>"),
    "a zero byte": ("not-xml", lambda: b"<a>\0</a>"),
    "a control character by number": ("not-xml", lambda: b"<a>&#1;</a>"),
    "half a surrogate pair by number": ("not-xml", lambda: b"<a>&#xD800;</a>"),
    "two roots": ("not-xml", lambda: b"<a/><b/>"),
    "nothing": ("not-xml", lambda: b""),
    "a prefix without its namespace": ("not-xml", lambda: b"<x:a/>"),
    "an attribute twice": ("not-xml", lambda: b'<a x="1" x="2"/>'),
    "an attribute twice by two prefixes": ("not-xml", lambda: b'<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>'),
    "something compressed": ("not-utf8", lambda: gzip.compress(b"<a/>")),
    "a comment without end": ("not-xml", lambda: b"<!--" * 90_000),
    "a declaration without end": ("not-xml", lambda: b'<?xml version="1.0" ' + b"a" * 5_000_000),
}  # fmt: skip
HARMLESS: dict[str, Callable[[], bytes]] = {
    "10,000 comments": lambda: b"<!-- a -->" * 190_000 + b"<a/>",
    "100,000 namespaces and as many elements": lambda: (
        b"<a " + b" ".join(b'xmlns:a%d="u%d"' % (i, i) for i in range(100_000)) + b">" + b"<a0:b/>" * 90_000 + b"</a>"
    ),
    "390,000 elements": lambda: b"<a>" + b"<b/>" * 390_000 + b"</a>",
    "an attribute of 9 MB": lambda: b'<a x="' + b"y" * 9_000_000 + b'"/>',
    "two million numbered characters": lambda: b"<a>" + b"&#65;" * 2_000_000 + b"</a>",
}


def refusal(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read_xml(data)
    return caught.value


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml_is_refused_with_its_reason(name: str) -> None:
    code, make = HOSTILE[name]
    refused = refusal(make())
    assert [fault.code for fault in refused.faults] == [code]
    assert all(fault.detail and fault.detail_en and len(fault.detail_en) < 300 for fault in refused.faults)
    assert isinstance(refused, BadRequest | BodyTooLarge)


# Runs in a process of its own, whose peak of memory is then the reader's: (CPU seconds of each, megabytes over all).
MEASURE = """
import json, resource, sys, time
from tests.unit.test_xml import HARMLESS, HOSTILE, Refused, read_xml
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, seconds = peak(), {}
for name, make in {**{name: make for name, (_, make) in HOSTILE.items()}, **HARMLESS}.items():
    data = make() if name != "a text of 100 MB" else b" " * 10_500_000  # longer than the most, and no peak of its own
    start = time.process_time()
    try:
        read_xml(data)
    except Refused:
        pass
    seconds[name] = time.process_time() - start
print(json.dumps([seconds, peak() - before]))
"""


def test_nothing_takes_the_reader_long_or_much_memory() -> None:
    command = [sys.executable, "-c", MEASURE]
    told = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    seconds, megabytes = json.loads(told.stdout)
    assert {name: taken for name, taken in seconds.items() if taken > SECONDS} == {}
    assert megabytes < MEGABYTES


def test_the_network_is_never_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x".encode()
        # given: every way in which a document can name another one
        read_xml(
            b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="http://www.w3.org/2001/XInclude" '
            b'xsi:schemaLocation="urn:a ' + address + b'" xml:base="' + address + b'"><x:include href="' + address + b'"/></a>'
        )  # fmt: skip
        refusal(b'<!DOCTYPE a SYSTEM "' + address + b'"><a/>')
        refusal(b'<!DOCTYPE a [<!ENTITY x SYSTEM "' + address + b'">]><a>&x;</a>')
        # then
        with pytest.raises(TimeoutError):
            server.accept()


def test_an_inclusion_is_an_element_like_any_other() -> None:
    root = read_xml(
        b'<a xmlns:x="http://www.w3.org/2001/XInclude"><x:include href="file:///etc/passwd" parse="text"/></a>'
    )
    assert [child.tag for child in root] == ["{http://www.w3.org/2001/XInclude}include"]
    assert "".join(root.itertext()) == ""


def test_the_text_on_both_sides_of_a_comment_is_one_text() -> None:
    root = read_xml(b"<a>one-stop<!-- x -->.evil</a>")
    assert root.text == "one-stop.evil"
    assert len(root) == 0


def test_what_only_looks_like_a_dtd_is_text() -> None:
    assert read_xml(b"<a><![CDATA[<!DOCTYPE a [<!ENTITY b 'c'>]>]]></a>").text == "<!DOCTYPE a [<!ENTITY b 'c'>]>"


def test_caps_can_be_set_lower() -> None:
    assert read_xml(nested(3), max_bytes=21, max_depth=3).tag == "a"
    with pytest.raises(BodyTooLarge):
        read_xml(nested(3), max_bytes=20)
    with pytest.raises(BadRequest, match="deeper than 2"):
        read_xml(nested(3), max_depth=2)


def test_the_deepest_and_the_longest_that_are_allowed_are_read() -> None:
    assert read_xml(nested(DEEPEST)).tag == "a"
    long = "ệ" * 3_300_000
    assert read_xml(f"<a>{long}</a>".encode()).text == long
    assert len(long.encode()) < MOST_BYTES


def test_two_threads_read_at_once() -> None:
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(read_xml(b"<a>%d</a>" % i).text.encode()))  # type: ignore[union-attr]
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [b"%d" % i for i in range(8)]


XML_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="￾￿"), max_size=40)


@given(XML_TEXT, XML_TEXT)
def test_what_is_written_is_read_back(text: str, value: str) -> None:
    made = etree.Element("{urn:a}b", {"c": value})
    made.text = text
    made.tail = "not of the element"
    read = read_xml(write_xml(made))
    assert (read.tag, read.get("c"), read.text or "") == ("{urn:a}b", value, text)
    assert write_xml(made).startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with suppress(Refused):
        assert isinstance(read_xml(data).tag, str)

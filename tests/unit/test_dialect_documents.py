"""Places, templates and documents inside documents: what an operator declares is filled in strictly, opened within limits, and undone again."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.dialect.pointers import at, escape, every, has, list_at, put, text_at, without
from gateway.dialect.template import Fields, Template, fill_all, read_all, write_time
from gateway.dialect.trees import read_tree, write_tree
from gateway.dialect.twin import pack
from gateway.dialect.unwrap import read_json, unwrap, wrap
from gateway.errors import Refused
from gateway.xml import read_xml

NOON = datetime(2026, 1, 5, 5, 0, 0, 120_000, tzinfo=UTC)
NAMES: dict[str, str | datetime | None] = {
    "key": "k/1",
    "dossier": "000.00.01.H99-260105-0001",
    "type": "StatusChanged",
    "event_time": NOON,
}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def filled(text: str, document: Any = None) -> str:
    return Template.read(text).fill(Fields(document, NAMES))


# ── places ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pointer_finds_fields_elements_and_escaped_names() -> None:
    document = {"a": [{"b": 1}, {"b": None}], "x/y": {"~": True}}

    assert at(document, "/a/0/b") == 1
    assert text_at(document, "/x~1y/~0") == "true"
    assert [at(document, p) for p in ("/a/1/b", "/a/2", "/a/-1", "/nothing/at/all", "/a/0/b/c")] == [None] * 5
    assert has(document, "/a/1/b")
    assert not has(document, "/a/1/c")


def test_in_xml_a_pointer_goes_by_local_names_and_takes_attributes() -> None:
    root = read_xml(b'<h:HoSo xmlns:h="urn:x" h:so="7"><h:Ma> 1 </h:Ma><Tep>a</Tep><Tep>b</Tep><Rong/></h:HoSo>')

    assert (text_at(root, "/Ma"), text_at(root, "/@so"), text_at(root, "/Tep/1"), text_at(root, "/Rong")) == (
        "1", "7", "b", None,
    )  # fmt: skip
    assert len(list_at(root, "/Tep")) == 2
    assert len(list_at(root, "/Ma")) == 1
    assert list_at(root, "/Khong") == []


@given(st.lists(TEXTS, min_size=1, max_size=4), TEXTS)
@example(["0"], "")
@example(["a/b", "0", "c~d"], "x")
def test_what_was_put_somewhere_is_found_there_and_can_be_taken_away(path: list[str], value: str) -> None:
    pointer = "".join("/" + escape(part) for part in path)
    made = put(None, pointer, value)

    assert at(made, pointer) == value
    assert not has(without(made, pointer), pointer)


def test_every_place_that_a_star_names_is_found_with_its_own_pointer() -> None:
    document = {"hs": [{"tep": [{"d": "1"}, {"d": "2"}]}, {"tep": [{"khac": 0}]}, {}]}

    found = list(every(document, "/hs/*/tep/*/d"))

    assert [(place, holder[key]) for holder, key, place in found] == [("/hs/0/tep/0/d", "1"), ("/hs/0/tep/1/d", "2")]


# ── templates ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_template_takes_fields_names_times_and_braces() -> None:
    document = {"ma": 5, "co": True}

    assert filled("{/ma}-{/co}-{$type}-{{x}}", document) == "5-true-StatusChanged-{x}"
    assert filled("{$event_time|dd/MM/yyyy HH:mm:ss.SSS}") == "05/01/2026 12:00:00.120"
    assert filled("{$event_time|yyyy-MM-ddTHH:mm:ss}") == "2026-01-05T12:00:00"
    assert filled("{$event_time}") == "2026-01-05T05:00:00.120000Z"
    assert (write_time(NOON, "epoch"), write_time(NOON, "epoch_ms")) == ("1767589200", "1767589200120")
    assert filled("{/khong?}|{/ma?}", document) == "|5"


@pytest.mark.parametrize("text", ["{", "a}b", "{ma}", "{$cursor}", "{$key|dd", "{$event_time|YYYY}", "{/ma|dd}", "{}"])
def test_a_template_that_nobody_could_fill_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="·"):
        Template.read(text)


@pytest.mark.parametrize("document", [None, {}, {"ma": None}, {"ma": ""}, {"ma": "  "}, {"ma": {"x": 1}}, {"ma": []}])
def test_what_is_absent_names_its_template_and_is_never_sent_as_a_word(document: Any) -> None:
    with pytest.raises(Refused) as caught:
        filled("/ho-so/{/ma}", document)

    assert "/ho-so/{/ma}" in caught.value.faults[0].detail
    assert caught.value.faults[0].pointer == "/ma"


@given(TEXTS)
def test_a_value_is_one_segment_of_a_path_whatever_it_holds(value: str) -> None:
    template = Template.read("/a/{/x}/b")
    try:
        path = template.fill_path(Fields({"x": value}))
    except Refused:
        assert not value.strip() or value in (".", "..")
        return
    assert path.isascii()
    assert path.count("/") == 3
    assert not set(path) & set("?#\\ ")
    assert "/../" not in path


@pytest.mark.parametrize("value", ["a\r\nX: y", "Nguyễn", "\x00"])
def test_a_value_that_fits_into_no_header_is_refused(value: str) -> None:
    with pytest.raises(Refused):
        Template.read("{/x}").fill_header(Fields({"x": value}))


def test_texts_at_any_depth_are_templates_and_a_value_may_stand_for_a_whole_text() -> None:
    made = read_all({"a": ["{$key}", 1, {"b": "{$rows}"}], "c": None}, ("key", "rows"))

    assert fill_all(made, Fields(None, NAMES), {"{$rows}": [1, 2]}) == {"a": ["k/1", 1, {"b": [1, 2]}], "c": None}


# ── documents in documents ──────────────────────────────────────────────────────────────────────────────────


def test_json_in_xml_and_xml_in_json_and_base64_in_either_are_opened_step_by_step() -> None:
    inner = {"maHoSo": "1", "ten": "Nguyễn Văn Mẫu"}
    packed = base64.b64encode(json.dumps(inner).encode()).decode()
    xml = f"<TraLoi><DuLieu>{packed}</DuLieu></TraLoi>".encode()
    assert unwrap(xml, ["xml", "at /DuLieu", "base64", "json"]) == inner

    form = {"data": {"form": "<HoSo><Ma>1</Ma><Tep>a</Tep></HoSo>"}}
    steps = ["json", "at /data/form", "xml", "tree Tep"]
    assert unwrap(json.dumps(form).encode(), steps) == {"Ma": "1", "Tep": ["a"]}
    zipped = gzip.compress(json.dumps(inner).encode())
    assert unwrap(base64.b64encode(zipped), ["base64", "gzip", "json"]) == inner


@given(
    JSONS.filter(lambda v: v is not None),
    st.sampled_from([["json"], ["json", "base64"], ["json", "gzip", "base64"], ["at /a/b", "json"], []]),
)
def test_what_was_wrapped_is_there_again_when_the_steps_are_undone(document: Any, steps: list[str]) -> None:
    wrapped = wrap(document, steps)
    undone: Any = wrapped
    for step in reversed(steps):
        undone = unwrap(undone, [step])
    assert undone == document


@given(
    st.dictionaries(
        st.sampled_from(["Ma", "Ten", "Tep"]),
        TEXTS.map(str.strip) | st.lists(TEXTS.map(str.strip), min_size=2, max_size=3),
    )
)
def test_json_written_as_xml_reads_back_as_it_was(document: dict[str, Any]) -> None:
    if document:
        assert read_tree(read_xml(write_tree("HoSo", document).encode())) == document


def test_a_twin_packs_what_we_open() -> None:
    for steps in (
        ["json"],
        ["json", "at /d", "base64", "json"],
        ["xml", "at /x/y", "json"],
        ["json", "at /d", "xml", "tree"],
    ):
        assert unwrap(pack({"a": "1"}, steps), steps) == {"a": "1"}


def _zip(*names: str, size: int = 1) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, b"0" * size)
    return made.getvalue()


def _deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


HOSTILE: dict[str, tuple[bytes, list[str]]] = {
    "not json": (b"{", ["json"]),
    "not a number": (b"[NaN]", ["json"]),
    "half a surrogate": (b'"\\ud800"', ["json"]),
    "digits without end": (b"9" * 6000, ["json"]),
    "deep": (_deep(33), ["json"]),
    "very deep": (_deep(200_000), ["json"]),
    "a bomb of gzip": (gzip.compress(bytes(300 << 20), 9), ["gzip"]),
    "a bomb in base64": (base64.b64encode(gzip.compress(bytes(100 << 20), 9)), ["base64", "gzip"]),
    "a bomb of zip": (_zip("a", size=100 << 20), ["zip"]),
    "two files": (_zip("a", "b"), ["zip"]),
    "no file": (_zip(), ["zip"]),
    "half a zip": (_zip("a")[:-30], ["zip"]),
    "half a gzip": (gzip.compress(b"abc")[:-4], ["gzip"]),
    "more behind the gzip": (gzip.compress(b"abc") + b"x", ["gzip"]),
    "not base64": (b"@@@", ["base64"]),
    "base64 of no json": (base64.b64encode(b"abc"), ["base64", "json"]),
    "an entity": (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', ["xml"]),
    "nothing there": (b"{}", ["json", "at /a"]),
    "a number is no text": (b'{"a": 1}', ["json", "at /a", "base64"]),
    "not utf-8": (b"\xff", ["text"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_or_broken_is_refused_quickly_with_the_number_of_its_step(name: str) -> None:
    data, steps = HOSTILE[name]
    began = time.process_time()

    with pytest.raises(Refused) as caught:
        unwrap(data, steps)

    assert time.process_time() - began < 2
    assert caught.value.faults[0].detail_en.startswith(f"step {len(steps)} ({steps[-1]}): ")


@given(
    st.binary(max_size=60),
    st.lists(st.sampled_from(["json", "xml", "tree", "text", "base64", "gzip", "zip", "at /a"]), max_size=4),
)
def test_any_bytes_through_any_steps_are_opened_or_refused(data: bytes, steps: list[str]) -> None:
    with suppress(Refused):
        unwrap(data, steps)


def test_a_document_of_many_levels_is_taken_up_to_the_limit() -> None:
    assert read_json(_deep(32), deepest=32) is not None
    with pytest.raises(Refused):
        read_json(_deep(33), deepest=32)


@pytest.mark.parametrize(
    ("make", "steps"),
    [
        (lambda: wrap({"a": 1}, ["base64"]), 1),
        (lambda: wrap({"a b": 1}, ["xml R"]), 1),
        (lambda: wrap("\x00", ["xml R"]), 1),
    ],
)
def test_what_cannot_be_wrapped_is_refused(make: Callable[[], Any], steps: int) -> None:
    with pytest.raises(Refused, match=f"step {steps}"):
        make()

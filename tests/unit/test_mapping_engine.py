"""The mapping language: what each line does, what is refused when it is loaded, and what a fault tells."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codes import CsvCodes
from gateway.errors import Misconfigured, Refused
from gateway.ports import Translation
from mappings.engine import YamlMapping, check, load, run_samples, try_file
from mappings.engine.samples import SampleLists
from mappings.engine.steps import FORMS, STEPS
from mappings.engine.times import reader, writer
from tests.findings import english

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
HEAD = "about: thử\nsource: source.schema.json\n"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., YamlMapping]:
    """A mapping of the given fields; `more` are lines above them, `csv` the rows of codes.csv, `lists` CSV files by name."""

    def build(fields: str, more: str = "", csv: str = "", lists: dict[str, str] | None = None) -> YamlMapping:
        folder = tmp_path / "thu"
        folder.mkdir(exist_ok=True)
        body = "".join(f"  {line}\n" for line in fields.strip("\n").splitlines())
        (folder / "map.yaml").write_text(f"{HEAD}{more}fields:\n{body}", encoding="utf-8")
        if csv:
            (folder / "codes.csv").write_text(f"table,from,to\n{csv}", encoding="utf-8")
        home = tmp_path / "codelists"
        home.mkdir(exist_ok=True)
        for name, text in (lists or {}).items():
            (home / f"{name}.csv").write_text(text, encoding="utf-8")
        return YamlMapping(folder, CsvCodes(home))

    return build


def faults(mapping: Translation, document: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        mapping.translate(document)
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "document", "made"),
    [
        ("a.b", {"a": {"b": "x"}}, "x"),
        ("a ?? b", {"b": "y"}, "y"),
        ("a ?? b", {"a": "  ", "b": "y"}, "y"),
        ('a ?? "z"', {}, "z"),
        ('a | else("")', {}, ""),
        ('= "x"', {}, "x"),
        ("= 2", {}, 2),
        ("= []", {}, []),
        ('= "post-{a.b}/{c}"', {"a": {"b": "1"}, "c": 7}, "post-1/7"),
        ('= "{a}"', {"a": ["x", "y"]}, "x; y"),
        ("rh:doc", {"rh:doc": "x"}, "x"),
        ("_id.$oid", {"_id": {"$oid": "x"}}, "x"),
        ("m.10", {"m": {"10": "x"}}, "x"),
        ("p[kind=B].n", {"p": [{"kind": "A", "n": 1}, {"kind": "B", "n": 2}]}, 2),
        ('p[kind="B b"].n', {"p": [{"kind": "B b", "n": 2}]}, 2),
        ("p[n!=0, ok=true].n", {"p": [{"n": 0, "ok": True}, {"n": 5, "ok": 1}, {"n": 6, "ok": True}]}, 6),
        ("p[n not in /seen[].ns[]].n", {"p": [{"n": 1}, {"n": 2}], "seen": [{"ns": [1]}]}, 2),
        ("p[n in /seen].n", {"p": [{"n": 1}, {"n": 2}], "seen": [2]}, 2),
        ("p[ns has /want].n", {"p": [{"ns": [1], "n": "a"}, {"ns": [2, 3], "n": "b"}], "want": 3}, "b"),
        ('p[].n | join(", ")', {"p": [{"n": "x"}, {}, {"n": "y"}]}, "x, y"),
        ("a | text", {"a": 7}, "7"),
        ("a | number", {"a": "007"}, 7),
        ('a | flag("1", "0")', {"a": False}, "0"),
        ('a | choose("1", "0")', {"a": []}, "0"),
        ("a | choose(1, 0)", {"a": {"x": 1}}, 1),
        ('a | strip_suffix("-TG")', {"a": "X-TG"}, "X"),
        ('a | without(" .")', {"a": "0 1.2"}, "012"),
        ('a | only(phone) | else("?")', {"a": "12"}, "?"),
        ("a | form(cccd)", {"a": "019090004321"}, "019090004321"),
        ("a | national_part", {"a": "1.001193.000.00.00.H56"}, "1.001193"),
        ("a | national_part", {"a": "2.002621.02.H56"}, "2.002621.02"),
        ("a | time(yyyyMMddHHmmss)", {"a": "2026-01-05T18:30:00Z"}, "20260106013000"),
        ("a | from_time(yyyyMMddHHmmss)", {"a": "20260106013000"}, "2026-01-05T18:30:00Z"),
        ('a | from_time("dd/MM/yyyy HH:mm", dd-MM-yyyy)', {"a": "06-01-2026"}, "2026-01-05T17:00:00Z"),
        ("a | from_epoch_ms", {"a": 1768186800123}, "2026-01-12T03:00:00.123000Z"),
    ],
)
def test_a_rule_makes_a_value(make: Callable[..., YamlMapping], rule: str, document: Any, made: Any) -> None:
    assert make(f"T: {rule}").translate(document) == {"T": made}


@pytest.mark.parametrize(
    ("rule", "document", "pointer", "code"),
    [
        ("a.b", {}, "/a/b", "missing"),
        ("a.b", {"a": {"b": " "}}, "/a/b", "missing"),
        ("a.b", {"a": "x"}, "/a", "not-an-object"),
        ("a ?? b", {}, "/a", "missing"),
        ('= "x-{a}-{b}"', {"a": "1"}, "/b", "missing"),
        ('= "{a}"', {"a": {"x": 1}}, "/a", "not-text"),
        ("p[kind=B].n", {"p": [{"kind": "A"}]}, "/p", "missing"),
        ("p[kind=B].n", {"p": [{"kind": "A"}, {"kind": "B"}]}, "/p/1/n", "missing"),
        ("p[kind=B].n", {"p": {}}, "/p", "not-a-list"),
        ("a | max(3)", {"a": "abcd"}, "/a", "too-long"),
        ("a | max(3)", {"a": 5}, "/a", "not-text"),
        ("a | text", {"a": True}, "/a", "not-text"),
        ("a | number", {"a": "1.5"}, "/a", "not-a-number"),
        ('a | flag("1", "0")', {"a": 1}, "/a", "not-a-flag"),
        ("a | form(dossier_code)", {"a": "x"}, "/a", "wrong-form"),
        ("a | time(yyyyMMdd)", {"a": "2026-01-05T08:00:00"}, "/a", "not-an-instant"),
        ("a | from_time(yyyyMMddHHmmss)", {"a": "20260231000000"}, "/a", "not-a-time"),
        ("a | from_time(yyyyMMddHHmmss)", {"a": "2026010"}, "/a", "not-a-time"),
        ("a | from_epoch_ms", {"a": 0}, "/a", "time-out-of-range"),
        ("a | from_epoch_ms", {"a": 10**30}, "/a", "time-out-of-range"),
        ('p[].n | join("")', {"p": [{"n": {}}]}, "/p/0/n", "not-text"),
    ],
)
def test_a_fault_points_at_the_source(
    make: Callable[..., YamlMapping], rule: str, document: Any, pointer: str, code: str
) -> None:
    assert faults(make(f"T: {rule}"), document) == [(pointer, code)]


def test_an_optional_value_that_is_absent_leaves_its_field_out(make: Callable[..., YamlMapping]) -> None:
    assert make("A: a | max(5) | optional\nB: b | optional").translate({"a": "x"}) == {"A": "x"}


def test_a_ward_stays_00166_in_the_map_and_in_the_table(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: a | code(wards)\nB: a | else(x)", csv="wards,00166,00099\n")
    assert mapping.translate({"a": "00166"}) == {"A": "00099", "B": "00166"}
    assert faults(mapping, {"a": "166"}) == [("/a", "code-unknown")]


def test_a_fault_is_told_in_both_languages_with_the_target_and_without_the_value(
    make: Callable[..., YamlMapping],
) -> None:
    with pytest.raises(Refused) as refused:
        make("SoDienThoai: a | form(phone)").translate({"a": "bí mật"})
    [fault] = refused.value.faults
    assert (fault.detail, fault.detail_en) == (
        "/SoDienThoai: không đúng dạng phone",
        "/SoDienThoai: does not have the form phone",
    )


def test_every_fault_is_told_at_once(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: a\nB: b | number\nC:\n  each: c\n  fields:\n    D: d\n    E: e")
    document = {"b": "x", "c": [{"d": "1", "e": "2"}, {"d": "1"}, {}]}
    assert faults(mapping, document) == [
        ("/a", "missing"), ("/b", "not-a-number"), ("/c/1/e", "missing"), ("/c/2/d", "missing"), ("/c/2/e", "missing")
    ]  # fmt: skip


@pytest.mark.parametrize("document", [None, [], "x", 7])
def test_what_is_no_object_is_refused_as_a_whole(make: Callable[..., YamlMapping], document: Any) -> None:
    assert faults(make("A: a | optional"), document) == [("", "not-an-object")]


# ── lists, objects, cases ───────────────────────────────────────────────────────────────────────────────────


def test_each_sees_its_element_first_and_the_root_by_a_slash(make: Callable[..., YamlMapping]) -> None:
    mapping = make("L:\n  each: files\n  fields:\n    Ten: name\n    Ma: /code\nN:\n  each: numbers\n  value: . | text")
    made = mapping.translate({"code": "X", "files": [{"name": "a"}, {"name": "b"}], "numbers": [1, 2]})
    assert made == {"L": [{"Ten": "a", "Ma": "X"}, {"Ten": "b", "Ma": "X"}], "N": ["1", "2"]}


def test_an_element_can_look_for_its_partner_in_another_list(make: Callable[..., YamlMapping]) -> None:
    mapping = make("L:\n  each: fees\n  fields:\n    P: /paid[codes has ./code].by ?? by")
    made = mapping.translate(
        {"fees": [{"code": "1", "by": "a"}, {"code": "2", "by": "b"}], "paid": [{"codes": ["2"], "by": "z"}]}
    )
    assert made == {"L": [{"P": "a"}, {"P": "z"}]}


def test_lists_join_and_the_later_element_with_a_key_replaces_the_first(make: Callable[..., YamlMapping]) -> None:
    mapping = make("L:\n  each: a & b[].inner[] & c\n  once_per: id\n  fields:\n    I: id\n    V: v")
    document = {
        "a": [{"id": 1, "v": "old"}, {"id": 2, "v": "x"}],
        "b": [{"inner": [{"id": 1, "v": "new"}]}, {}],
        "c": {"id": 3, "v": "y"},
    }
    assert mapping.translate(document)["L"] == [{"I": 1, "V": "new"}, {"I": 2, "V": "x"}, {"I": 3, "V": "y"}]
    assert faults(mapping, {"a": [{"v": "x"}]}) == [("/a/0/id", "missing")]


def test_an_absent_list_is_empty_and_at_least_asks_for_more(make: Callable[..., YamlMapping]) -> None:
    assert make("L:\n  each: a\n  value: .").translate({}) == {"L": []}
    assert faults(make("L:\n  each: a\n  at_least: 1\n  value: ."), {"a": []}) == [("/a", "too-few")]


def test_a_list_of_more_than_a_thousand_is_refused(make: Callable[..., YamlMapping]) -> None:
    mapping = make("L:\n  each: a\n  value: .")
    assert len(mapping.translate({"a": ["x"] * 1000})["L"]) == 1000
    assert faults(mapping, {"a": ["x"] * 1001}) == [("/a", "too-many")]


def test_the_first_case_that_holds_counts(make: Callable[..., YamlMapping]) -> None:
    mapping = make(
        "T:\n"
        '  when a is "x", "y": = "một"\n'
        '  when n is not 1 and b is present: = "hai"\n'
        '  when f is true or o ends with "-TG": = "ba"\n'
        "  otherwise: leave out"
    )
    assert mapping.translate({"a": "y"}) == {"T": "một"}
    assert mapping.translate({"n": 2, "b": [1]}) == {"T": "hai"}
    assert mapping.translate({"n": 1, "b": [1], "f": 1, "o": "A-TG"}) == {"T": "ba"}
    assert mapping.translate({"n": 2, "b": [], "f": 1}) == {}


def test_a_map_that_does_not_apply_makes_nothing(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: a", more='only_when: d.origin is "local"\n')
    assert mapping.translate({"d": {"origin": "portal"}}) is None
    assert [(line.source, line.value) for line in mapping.explain({"d": {"origin": "portal"}})] == [("/d/origin", None)]
    assert faults(mapping, {"d": "x"}) == [("/d", "not-an-object")]


def test_explain_names_source_rule_and_value_of_every_field(make: Callable[..., YamlMapping]) -> None:
    mapping = make(
        'A: a ?? b\nC: = "1"\nD:\n  when b is present: = "có"\n  otherwise: = "không"\nL:\n  each: l[k=1].m\n  value: .'
    )
    lines = mapping.explain({"b": "x", "l": [{"k": 0}, {"k": 1, "m": ["u"]}]})
    assert [(line.target, line.source, line.rule, line.value) for line in lines] == [
        ("/A", "/b", "a ?? b", "x"),
        ("/C", "", '= "1"', "1"),
        ("/D", "/b", 'when b is present: = "có"', "có"),
        ("/L/0", "/l/1/m/0", ".", "u"),
    ]


# ── code tables and code lists ──────────────────────────────────────────────────────────────────────────────


def test_a_declared_table_must_be_whole_on_both_sides(make: Callable[..., YamlMapping]) -> None:
    more = 'tables:\n  s: {from: "a, b", to: "1, 2"}\n'
    assert make("T: t | code(s)", more, "s,a,1\ns,b,2\n").translate({"t": "b"}) == {"T": "2"}
    for csv, words in [
        ("s,a,1\n", "no row of codes.csv has b on the side `from`"),
        ("s,a,1\ns,b,1\n", "no row of codes.csv has 2 on the side `to`"),
        ("s,a,1\ns,b,2\ns,c,2\n", "has c on the side `from`, which is not declared"),
        ("s,a,1\ns,b,3\n", "no row of codes.csv has 2 on the side `to`"),
        ("x,a,1\n", "codes.csv has no table 's'"),
    ]:
        with pytest.raises(Misconfigured, match=r"map\.yaml:4: ") as wrong:
            make("T: t | code(s)", more, csv)
        assert words in str(wrong.value)


def test_a_default_stands_in_the_data(make: Callable[..., YamlMapping]) -> None:
    mapping = make("T: t | code(s)", csv="s,4,delivered\ns,*,unlisted\n")
    assert [mapping.translate({"t": code})["T"] for code in (4, 17, True)] == ["delivered", "unlisted", "unlisted"]


def test_a_look_up_uses_the_row_in_force_at_the_documents_moment(make: Callable[..., YamlMapping]) -> None:
    units = (
        "code,code20,name,from,until\n000.00.01.H99,H99.1,Sở Cũ,,2025-06-30\n000.00.01.H99,H99.1,Sở Mới,2025-07-01,\n"
    )
    mapping = make("T: u | lookup(units, name)", more="in_force_at: at\n", lists={"units": units})
    assert mapping.translate({"u": "000.00.01.H99", "at": "2025-06-30T16:59:59Z"}) == {"T": "Sở Cũ"}
    assert mapping.translate({"u": "H99.1", "at": "2025-06-30T17:00:00Z"}) == {"T": "Sở Mới"}
    assert faults(mapping, {"u": "H99.2", "at": "2025-06-30T17:00:00Z"}) == [("/u", "code-unknown")]
    assert faults(mapping, {"u": "H99.1"}) == [("/u", "moment-unknown")]


# ── what is refused when a map is loaded ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (HEAD + "fields:\n  A: a\n  A: b\n", 5, "'A' stands here a second time"),
        (HEAD + "fields:\n  A: &x a\n", 4, "anchors and aliases are not allowed"),
        (HEAD + "fields:\n  A: !!int 1\n", 4, "tags are not allowed"),
        (HEAD + "fields:\n  A: a: b\n", 4, "not valid YAML"),
        (HEAD + "felds:\n  A: a\n", 3, "'felds' means nothing here"),
        ("about: x\nfields:\n  A: a\n", 1, "'source' is missing"),
        (HEAD + "fields:\n  A:\n", 4, "a text is expected"),
        (HEAD + "fields:\n  A: [a]\n", 4, "`name: value` lines are expected"),
        (HEAD + "fields:\n  A: a | maxx(3)\n", 4, "there is no step 'maxx'"),
        (HEAD + "fields:\n  A: a | max(x)\n", 4, "is written max(a number)"),
        (HEAD + "fields:\n  A: a | optional | max(3)\n", 4, "'optional' stands last"),
        (HEAD + "fields:\n  A: a b\n", 4, "'|' and a step, or the end, is expected"),
        (HEAD + "fields:\n  A: a | time(yyyyXX)\n", 4, "no time pattern"),
        (HEAD + "fields:\n  A: a | form(x)\n", 4, "there is no form 'x'"),
        (HEAD + "fields:\n  A: a | code(x)\n", 4, "codes.csv has no table 'x'"),
        (HEAD + "fields:\n  A: a | lookup(x, name)\n", 4, "wants `in_force_at:`"),
        (HEAD + "fields:\n  A: 1\n", 4, "starts with '=' when, and only when,"),
        (HEAD + "fields:\n  A: = a\n", 4, "starts with '=' when, and only when,"),
        (HEAD + 'fields:\n  A: = "{"\n', 4, "a brace holds a path"),
        (HEAD + 'fields:\n  A: = "{a | text}"\n', 4, "only a path can stand in braces"),
        (HEAD + "fields:\n  A: = [1]\n", 4, "a constant is"),
        (HEAD + "fields:\n  A: a[k~1]\n", 4, "one of = != in"),
        (HEAD + "fields:\n  A:\n    when a is 1: b\n", 4, "cases end with `otherwise:`"),
        (HEAD + "fields:\n  A:\n    otherwise: b\n    when a is 1: b\n", 6, "last, one `otherwise:`"),
        (HEAD + "fields:\n  A:\n    when a is 1 and b is 2 or c is 3: b\n    otherwise: c\n", 5, "do not mix"),
        (HEAD + "fields:\n  A:\n    when a[] is 1: b\n    otherwise: c\n", 5, "pick with [field=value]"),
        (HEAD + "fields:\n  A:\n    each: a\n    value: . | optional\n", 6, "cannot be optional"),
        (HEAD + "fields:\n  A:\n    each: a\n", 4, "either `fields` or"),
        (HEAD + "fields:\n  A:\n    at_least: 1\n    fields:\n      B: b\n", 4, "stand beside `each`"),
        (HEAD + "fields:\n  A:\n    each: a\n    at_least: x\n    value: .\n", 6, "a number is expected"),
        (HEAD + "target: json\nfields:\n  A: a\n", 3, "`target` can only be `canonical`"),
        (HEAD + "only_when: a\nfields:\n  A: a\n", 3, "'is', 'is not'"),
    ],
)
def test_a_mistake_in_a_map_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    folder = tmp_path / "thu"
    folder.mkdir()
    (folder / "map.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as wrong:
        YamlMapping(folder, CsvCodes(tmp_path))
    assert str(wrong.value).startswith(f"{folder / 'map.yaml'}:{line}: ")
    assert words in str(wrong.value)


@pytest.mark.parametrize(
    ("csv", "line"),
    [
        ("a,b,c\n", 1),
        ("table,from,to\ns,1\n", 2),
        ("table,from,to\ns,1,a\ns,1,b\n", 3),
        ("table,from,to\ns,*,a\ns,*,b\n", 3),
    ],
)
def test_a_mistake_in_a_code_table_is_told_with_its_line(
    make: Callable[..., YamlMapping], tmp_path: Path, csv: str, line: int
) -> None:
    make("A: a")
    (tmp_path / "thu" / "codes.csv").write_text(csv, encoding="utf-8")
    with pytest.raises(Misconfigured, match=rf"codes\.csv:{line}: "):
        YamlMapping(tmp_path / "thu", CsvCodes(tmp_path / "codelists"))


def test_the_version_changes_with_the_map_and_with_its_codes(make: Callable[..., YamlMapping]) -> None:
    versions = [
        make("A: a | code(s)", csv="s,1,2\n").version,
        make("A: a | code(s)", csv="s,1,3\n").version,
        make("B: a | code(s)", csv="s,1,3\n").version,
    ]
    assert len(set(versions)) == 3
    assert versions[2] == make("B: a | code(s)", csv="s,1,3\n").version
    assert all(len(version) == 12 for version in versions)


def test_load_finds_every_folder_with_a_map_by_its_name(make: Callable[..., YamlMapping], tmp_path: Path) -> None:
    make("A: a")
    (tmp_path / "no-map").mkdir()
    assert set(load(tmp_path, CsvCodes(tmp_path / "codelists"))) == {"thu"}
    with pytest.raises(Misconfigured):
        load(tmp_path / "nowhere", CsvCodes(tmp_path))


# ── the static check, samples, trials ───────────────────────────────────────────────────────────────────────

SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "string"},
        "o": {"$ref": "#/$defs/O"},
        "l": {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/O"}, {"type": "null"}]}},
    },
    "$defs": {"O": {"type": "object", "properties": {"x": {"type": "string"}, "y": {"type": "string"}}}},
}


def test_the_check_finds_fields_that_are_neither_used_nor_dropped(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: a\nX: o.x\nL:\n  each: l\n  fields:\n    X: x")
    assert english(check(mapping, SCHEMA)) == [
        "thu: l.y is neither used nor dropped: map it, or name it under `dropped` with a reason",
        "thu: o.y is neither used nor dropped: map it, or name it under `dropped` with a reason",
    ]
    assert (
        check(make("A: a\nO: o\nL:\n  each: l\n  fields:\n    X: x", more="dropped:\n  l.y: no field\n"), SCHEMA) == []
    )


def test_the_check_finds_wrong_paths_idle_tables_and_idle_drops(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: a ?? b\nO: o\nL: l[z=1].x", more="dropped:\n  l.y: no field\n  o.x: no field\n", csv="s,1,2\n")
    assert english(check(mapping, SCHEMA)) == [
        "thu: the source has no field b: correct the path, or the schema",
        "thu: the source has no field l.z: correct the path, or the schema",
        "thu: `dropped` names o.x, but there is no such unused field: take the line out",
        "thu: no rule uses the table s of codes.csv: take its rows out",
    ]


def test_a_presence_test_does_not_count_as_using_what_is_inside(make: Callable[..., YamlMapping]) -> None:
    mapping = make('A: a\nO: o | choose("1", "0")\nL:\n  each: l\n  value: .')
    assert [finding.split()[1] for finding in check(mapping, SCHEMA)] == ["o.x", "o.y"]


def test_a_sample_that_differs_shows_a_diff_and_a_folder_without_both_kinds_is_a_finding(
    make: Callable[..., YamlMapping], tmp_path: Path
) -> None:
    make("A: a")
    good, bad = tmp_path / "thu/samples/it-passes", tmp_path / "thu/samples/it-differs"
    for folder in (good, bad):
        folder.mkdir(parents=True)
        (folder / "in.json").write_text('{"a": "ấ"}', encoding="utf-8")
    (good / "out.json").write_text('{"A": "ấ"}', encoding="utf-8")
    (bad / "out.json").write_text('{"A": "b"}', encoding="utf-8")
    results = {result.sample: result for result in run_samples(tmp_path)}
    assert results["it-passes"].ok
    assert not results["it-differs"].ok
    assert '-  "A": "b"\n+  "A": "ấ"' in results["it-differs"].diff
    assert "no sample that fails" in results[""].diff


def test_a_document_can_be_tried_by_hand(make: Callable[..., YamlMapping], tmp_path: Path) -> None:
    mapping = make("A: a\nB: b")
    file = tmp_path / "in.json"
    file.write_text('{"a": "x", "b": "y"}', encoding="utf-8")
    trial = try_file(mapping, file)
    assert trial.ok
    assert '/A ← /a   [a]   "x"' in trial.text
    file.write_text('{"a": "x"}', encoding="utf-8")
    trial = try_file(mapping, file)
    assert not trial.ok
    assert "/b  missing  /B: thiếu giá trị | /B: the value is missing" in trial.text


def test_the_readme_shows_a_map_that_loads_and_names_every_step_and_form(
    make: Callable[..., YamlMapping], tmp_path: Path
) -> None:
    readme = (MAPPINGS / "README.md").read_text(encoding="utf-8")
    make("A: a", csv="reused,no,0\nreused,yes,1\nreused,replaced,2\n")
    (tmp_path / "thu/map.yaml").write_text(readme.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert YamlMapping(tmp_path / "thu", CsvCodes(tmp_path / "codelists")).target == "canonical"
    assert {name for name in (*STEPS, *FORMS) if not re.search(rf"\b{name}\b", readme)} == set()


# ── laws ────────────────────────────────────────────────────────────────────────────────────────────────────

DOSSIER = YamlMapping(MAPPINGS / "mapi_dossier", SampleLists(MAPPINGS / "none"))
VIEW = json.loads(
    (MAPPINGS / "mapi_dossier/samples/two-supplement-requests-one-answered-with-files/in.json").read_text(
        encoding="utf-8"
    )
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("2026-01-05T08:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "kind", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def damaged_views(draw: st.DrawFn) -> Any:
    """A real view with a few of its parts replaced or taken away."""
    view = copy.deepcopy(VIEW)
    for _ in range(draw(st.integers(1, 4))):
        place: Any = view
        while True:
            key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[key], dict | list) or not place[key] or draw(st.integers(0, 3)) == 0:
                break
            place = place[key]
        if isinstance(place, dict) and draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(values)
        if not view:
            break
    return view


def rebuilt(lines: Any) -> Any:
    """The document that the lines of an explanation tell of."""
    root: dict[str, Any] = {}
    for line in lines:
        if line.target == "":
            return line.value
        place: Any = root
        *above, last = line.target.split("/")[1:]
        for step in above:
            place = place.setdefault(step, {})
        place[last] = listed(line.value)
    return root


def listed(value: Any) -> Any:
    """Lists as objects keyed by position, as `rebuilt` makes them."""
    if isinstance(value, list):
        return {str(i): listed(v) for i, v in enumerate(value)} or []
    return {k: listed(v) for k, v in value.items()} if isinstance(value, dict) else value


@settings(max_examples=300, deadline=None)
@given(damaged_views())
def test_translating_is_pure_never_fails_otherwise_and_explains_itself(view: Any) -> None:
    before = copy.deepcopy(view)
    made, faults_made = outcome(DOSSIER.translate, view)
    lines, faults_told = outcome(DOSSIER.explain, view)
    assert view == before
    assert (made, faults_made) == outcome(DOSSIER.translate, view)
    assert faults_told == faults_made
    if faults_made is None:
        assert rebuilt(lines) == listed(made)
    else:
        assert faults_made


def outcome(run: Callable[[Any], Any], view: Any) -> tuple[Any, Any]:
    """What came of it: a result and None, or None and the faults. Any other exception is a failure of the test."""
    try:
        return run(view), None
    except Refused as refused:
        return None, refused.faults


@given(st.integers(631_238_400, 4_133_800_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_a_time_written_and_read_again_is_the_same(moment: datetime) -> None:
    instant = moment.isoformat().replace("+00:00", "Z")
    assert reader(("yyyyMMddHHmmss",))(writer("yyyyMMddHHmmss")(instant)) == instant

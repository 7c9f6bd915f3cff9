"""The mapping kit: a map held against both its schemas, its coverage, drafts from a sample, and the commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.canonical import TYPES
from gateway.cli.main import root
from gateway.errors import Misconfigured, Refused
from mappings.engine import YamlMapping, check, cover, draft, run_samples
from mappings.engine.names import likeness, spoken
from mappings.engine.samples import SampleLists
from mappings.engine.schemas import follow, infer, leaves
from mappings.engine.shapes import time_of
from tests.findings import english

ROOT = Path(__file__).resolve().parents[2]
HEAD = "about: thử\nsource: in.schema.json\n"
SOURCE = {
    "type": "object",
    "properties": {
        "t": {"type": "string"},
        "n": {"type": "integer"},
        "b": {"type": "boolean"},
        "k": {"type": "string", "enum": ["a", "b"]},
        "at": {"type": "string", "format": "date-time"},
        "l": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}},
    },
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., YamlMapping]:
    """A mapping of the given fields from `SOURCE` to an object of the given properties, all required."""

    def build(fields: str, target: dict[str, Any] | None = None, csv: str = "", more: str = "") -> YamlMapping:
        folder = tmp_path / "thu"
        folder.mkdir(exist_ok=True)
        body = "".join(f"  {line}\n" for line in fields.strip("\n").splitlines())
        drops = "".join(f"  {name}: để thử\n" for name in SOURCE["properties"])
        (folder / "map.yaml").write_text(f"{HEAD}{more}fields:\n{body}dropped:\n{drops}", encoding="utf-8")
        (folder / "in.schema.json").write_text(json.dumps(SOURCE), encoding="utf-8")
        (folder / "codes.csv").write_text(f"table,from,to\n{csv}", encoding="utf-8")
        if target is not None:
            schema = {"type": "object", "properties": target, "required": list(target)}
            (folder / "out.schema.json").write_text(json.dumps(schema), encoding="utf-8")
        return YamlMapping(folder, SampleLists(folder / "none"))

    return build


def told(mapping: YamlMapping) -> list[str]:
    """The findings on the agreement with the target, in English; those on `dropped` lines are the fixture's."""
    return [finding.partition(": ")[2] for finding in english(check(mapping)) if "`dropped`" not in finding]


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
NEEDED = "is required by the target (out.schema.json), but"
OR_NOT = "; or, if they can do without it, take it out of `required` in out.schema.json"


@pytest.mark.parametrize(
    ("fields", "target", "words"),
    [
        ("A: t", {"A": TEXT, "B": TEXT}, f"B {NEEDED} no line makes it: add one{OR_NOT}"),
        ("A: t | optional", {"A": TEXT}, f"A {NEEDED} its line may leave it out: take `optional` off, or say else(…){OR_NOT}"),
        ("A:\n  when n is 1: t\n  otherwise: leave out", {"A": TEXT},
         f"A {NEEDED} its line may leave it out: take `optional` off, or say else(…){OR_NOT}"),
        ("A: t\nB: t", {"A": TEXT}, "the target has no field B: correct the name, or out.schema.json"),
        ("A: n", {"A": TEXT}, "A is string in the target, but the rule makes integer: n"),
        ("A: t | number", {"A": TEXT}, "A is string in the target, but the rule makes integer: t | number"),
        ('A: b | flag("1", 0)', {"A": TEXT}, 'A is string in the target, but the rule makes integer or string: b | flag("1", 0)'),
        ('A: n | else("")', {"A": WHOLE}, 'A is integer in the target, but the rule makes integer or string: n | else("")'),
        ("A: n | max(3)", {"A": WHOLE}, "A: the step max wants string, but gets integer"),
        ("A: l[].x", {"A": TEXT}, "A is string in the target, but the rule makes array: l[].x"),
        ("A:\n  each: l\n  value: x", {"A": TEXT}, "A is string in the target, not a list: take `each` out"),
        ("A:\n  fields:\n    B: t", {"A": TEXT}, "A is string in the target, not an object with fields"),
        ("A:\n  each: l\n  value: x", {"A": {"type": "array", "minItems": 1}}, "A may not be empty in the target: write `at_least: 1` beside `each`"),
        ("A:\n  each: l\n  fields:\n    B: /n", {"A": {"type": "array", "items": {"properties": {"B": TEXT}}}},
         "A.B is string in the target, but the rule makes integer: /n"),
        ("A: t", {"A": {"type": "string", "format": "date-time"}},
         "A is a moment (RFC 3339) in the target: read the source's form with from_time(…), from_time(rfc3339), from_date(…)"),
        ('A: = "z"', {"A": {"enum": ["x", "y"], "type": "string"}}, "A: the target does not know z; it takes x, y"),
        ("A: k", {"A": {"enum": ["a"], "type": "string"}}, "A: the target does not know b; it takes a"),
    ],
)  # fmt: skip
def test_a_map_that_does_not_agree_with_its_target_is_told(
    make: Callable[..., YamlMapping], fields: str, target: dict[str, Any], words: str
) -> None:
    assert told(make(fields, target)) == [words]


@pytest.mark.parametrize(
    ("fields", "target"),
    [
        ("A: n | text", {"A": TEXT}),
        ("A: n", {"A": {"type": "number"}}),
        ("A: at", {"A": {"type": "string", "format": "date-time"}}),
        ("A: t | from_time(yyyyMMdd)", {"A": {"type": "string", "format": "date-time"}}),
        ('A: l[].x | join(", ")', {"A": TEXT}),
        ("A:\n  each: l[].x\n  value: .", {"A": {"type": "array", "items": TEXT}}),
        ("A: k", {"A": {"anyOf": [{"enum": ["a", "b", "c"], "type": "string"}, {"type": "null"}]}}),
        ("A:\n  when k is \"b\": = \"c\"\n  otherwise: k", {"A": {"enum": ["a", "c"], "type": "string"}}),
        ('A: = "{t}-{n}"', {"A": TEXT}),
    ],
)  # fmt: skip
def test_a_map_that_agrees_is_left_alone(make: Callable[..., YamlMapping], fields: str, target: dict[str, Any]) -> None:
    assert told(make(fields, target)) == []


def test_a_code_table_is_total_in_both_directions(make: Callable[..., YamlMapping]) -> None:
    known = {"A": {"enum": ["1", "2"], "type": "string"}}
    assert told(make("A: k | code(s)", known, "s,a,1\ns,b,2\n")) == []
    assert told(make("A: k | code(s)", known, "s,a,1\n")) == [
        "A: table s has no row for b, which the source may say: add them, or name them as `refused` under `tables`"
    ]
    assert told(make("A: k | code(s)", known, "s,a,1\n", 'tables:\n  s: {refused: "b"}\n')) == []
    assert told(make("A: k | code(s)", known, "s,a,1\ns,*,2\n")) == []
    assert told(make("A: k | code(s)", known, "s,a,1\ns,b,2\ns,c,2\n")) == [
        "A: table s has rows for c, which the source never says"
    ]
    assert told(make("A: k | code(s)", known, "s,a,1\ns,b,3\n")) == ["A: the target does not know 3; it takes 1, 2"]
    with pytest.raises(Misconfigured, match="cannot be refused and have a row"):
        make("A: k | code(s)", known, "s,a,1\ns,b,2\n", 'tables:\n  s: {refused: "b"}\n')


def test_what_is_not_finished_refuses_every_document_and_is_named(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: ???\nB: k | code(s)\nC: t", csv="s,a,1\ns,b,???\n")
    assert told(mapping) == [
        "A is not finished (`???`): say where it comes from", "the table s of codes.csv is not finished (`???`): write the codes"
    ]  # fmt: skip
    with pytest.raises(Refused) as refused:
        mapping.translate({"k": "b", "t": "x"})
    assert [fault.code for fault in refused.value.faults] == ["unfinished", "unfinished"]


def test_a_reason_that_is_not_given_is_a_finding(make: Callable[..., YamlMapping]) -> None:
    mapping = make("A: t")
    mapping.dropped["n"] = "???"
    assert "thu: `dropped` names n without a reason: say why" in english(check(mapping))


def test_coverage_tells_both_sides(make: Callable[..., YamlMapping]) -> None:
    found = cover(make("A: t\nL:\n  each: l\n  fields:\n    X: x", {"A": TEXT, "B": TEXT, "L": {"type": "array"}}))
    assert (found.covered, found.optional, found.missing) == (["A", "L"], [], ["B"])
    assert (found.used, found.dropped, found.unmentioned) == (["l.x", "t"], ["at", "b", "k", "n"], [])


def test_samples_say_what_an_agencys_own_json_looks_like(tmp_path: Path) -> None:
    for name, document in (
        ("one", {"a": "x", "o": {"n": 1}}),
        ("two", {"a": None, "l": [{"x": 1}, {"y": "z"}], "o": {"n": 1.5}}),
    ):
        (tmp_path / "samples" / name).mkdir(parents=True)
        (tmp_path / "samples" / name / "in.json").write_text(json.dumps(document), encoding="utf-8")
    (tmp_path / "map.yaml").write_text(
        "about: x\nsource: samples\nfields:\n  A: a\n  N: o.n\n  L: l[].z\n", encoding="utf-8"
    )
    assert english(check(YamlMapping(tmp_path, SampleLists(tmp_path / "none")))) == [
        f"{tmp_path.name}: the source has no field l.z: correct the path, or the schema",
        f"{tmp_path.name}: l.x is neither used nor dropped: map it, or name it under `dropped` with a reason",
        f"{tmp_path.name}: l.y is neither used nor dropped: map it, or name it under `dropped` with a reason",
    ]


# ── drafts ──────────────────────────────────────────────────────────────────────────────────────────────────

AGENCY = {
    "soHoSo": "000.00.01.H99-260105-0001", "maTTHC": "1.001193", "tenThuTuc": "Đăng ký khai sinh", "trangThai": "DANG_XL", "loai": 7,
    "nguoiNop": {"hoTen": "Trần Thị B", "soCCCD": "019090004321", "sdt": "0912345678"}, "ngay_hen_tra": "10/01/2026",
    "tepDinhKem": [{"tenTep": "don.pdf", "link": "https://tep.vi-du.vn/1"}], "ghiChu": "",
}  # fmt: skip
NOTICE = {
    "id": "77", "soHoSo": "000.00.01.H99-260105-0001", "ngayXuLy": "05/01/2026 08:15", "trangThai": "XONG", "noiDungXuLy": "Đã xong",
    "canBoXuLy": {"hoTen": "Ông A", "chucVu": "Chuyên viên"},
}  # fmt: skip


def written(folder: Path, files: Any) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", ["SoDienThoai", "so_dien_thoai", "sdt", "Số điện thoại", "SĐT", "soDienThoai"])
def test_a_name_in_any_spelling_is_one_name(name: str) -> None:
    assert spoken(name) == "so dien thoai"
    assert likeness(("nguoiNop", name), ("dossier", "applicant", "phone")) == 1


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("05/01/2026 08:15", "dd/MM/yyyy HH:mm"), ("20260105081500", "yyyyMMddHHmmss"), ("2026-01-05T08:15:00+07:00", "RFC 3339"),
     ("2026-01-05", "yyyy-MM-dd"), (1767575700000, "ms"), ("20261305", None), ("x", None), (7, None), (None, None)],
)  # fmt: skip
def test_a_time_is_known_by_its_form(value: Any, pattern: str | None) -> None:
    assert time_of(value) == pattern


def test_a_draft_of_what_an_agency_wants_finds_fields_times_lists_and_codes(tmp_path: Path) -> None:
    files = draft(AGENCY, source="view(DossierSubmitted)")
    lines = {line.split(":")[0].strip(): line.split("   # ")[0].strip() for line in files["map.yaml"].splitlines()}
    assert lines["soHoSo"] == "soHoSo: dossier.dossier"
    assert lines["maTTHC"] == "maTTHC: dossier.procedure.code"
    assert lines["hoTen"] == "hoTen: dossier.applicant.name"
    assert lines["soCCCD"] == "soCCCD: dossier.applicant.papers[kind=CCCD].number"
    assert lines["ngay_hen_tra"] == 'ngay_hen_tra: dossier.deadlines.due_at | time("dd/MM/yyyy")'
    assert lines["trangThai"] == "trangThai: dossier.status | code(dossier_status)"
    assert (lines["each"], lines["tenTep"], lines["link"]) == ("each: dossier.attachments", "tenTep: name", "link: url")
    assert (lines["loai"], lines["ghiChu"]) == ("loai: ???", "ghiChu: ???")
    assert files["codes.csv"].splitlines()[1:3] == ["dossier_status,1,???", "dossier_status,2,???"]
    assert not any(value in files["map.yaml"] for value in ("Trần Thị B", "019090004321", "0912345678"))
    mapping = YamlMapping(written(tmp_path / "thu", files), SampleLists(tmp_path / "none"))
    findings = english(check(mapping))
    assert "thu: loai is not finished (`???`): say where it comes from" in findings
    assert "thu: `dropped` names message without a reason: say why" in findings
    assert not any(result.ok for result in run_samples(tmp_path / "thu"))


def test_a_finished_draft_passes(tmp_path: Path) -> None:
    folder = written(tmp_path / "thu", draft(NOTICE, to="StatusChanged"))
    (folder / "codes.csv").write_text("table,from,to\nstatus,XONG,9\n", encoding="utf-8")
    sample, shown = folder / "samples" / "the-sample-it-was-drafted-from", list(run_samples(folder))
    [result] = [r for r in shown if r.sample == sample.name]
    made = json.loads(result.diff.partition(":\n")[2])  # `map test` shows what would come, to be checked and kept
    assert (made["dossier"], made["event_time"], made["status"]) == (NOTICE["soHoSo"], "2026-01-05T01:15:00Z", 9)
    (sample / "out.json").write_text(json.dumps(made), encoding="utf-8")
    shutil.rmtree(folder / "samples" / "a-message-with-nothing-in-it-is-refused")
    refused = folder / "samples" / "without-a-number-it-is-refused"
    refused.mkdir()
    (refused / "in.json").write_text(json.dumps({**NOTICE, "soHoSo": ""}), encoding="utf-8")
    (refused / "error.txt").write_text(
        "/soHoSo  missing  /dossier: thiếu giá trị | /dossier: the value is missing\n", encoding="utf-8"
    )
    assert [r.diff for r in run_samples(folder) if not r.ok] == []
    assert check(YamlMapping(folder, SampleLists(tmp_path / "none"))) == []


@pytest.mark.parametrize(
    ("sample", "asked"),
    [([], {"to": "StatusChanged"}), ({}, {"to": "StatusChanged"}), (NOTICE, {}), (NOTICE, {"to": "None"}), (NOTICE, {"source": "view"}),
     (NOTICE, {"to": "StatusChanged", "source": "view(StatusChanged)"})],
)  # fmt: skip
def test_a_draft_that_cannot_be_made_says_what_is_wanted(sample: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        draft(sample, **asked)


names = st.sampled_from(
    [
        "soHoSo",
        "trang_thai",
        "nguoiNop",
        "tepDinhKem",
        "a.b",
        "2x",
        "true",
        "@id",
        "when a is 1",
        "x: y",
        "#",
        "x y",
        "Ấ",
    ]
)
names |= st.text(max_size=6)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
scalars |= st.sampled_from(["05/01/2026", "20260105081500", "000.00.01.H99-260105-0001", "0912345678", 1767575700000])
samples = st.dictionaries(
    names,
    st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=12
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(samples, st.sampled_from(["DossierSubmitted", "StatusChanged", "PaymentPaid"]), st.booleans())
def test_a_draft_of_anything_loads_and_is_never_silently_finished(
    tmp_path_factory: pytest.TempPathFactory, sample: Any, kind: str, inbound: bool
) -> None:
    files = draft(sample, to=kind) if inbound else draft(sample, source=f"view({kind})")
    folder = written(
        tmp_path_factory.mktemp("draft"), {n: t.encode("utf-8", "replace").decode() for n, t in files.items()}
    )
    mapping = YamlMapping(folder, SampleLists(folder / "none"))
    assert check(mapping) != []
    if not inbound:
        assert set(mapping.fields.fields) == {name.encode("utf-8", "replace").decode() for name in sample}
    shutil.rmtree(folder)


LEAVES = leaves(TYPES["DossierSubmitted"].model_json_schema())


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(LEAVES), min_size=1, max_size=12), st.data())
def test_coverage_only_grows_with_more_lines_and_more_drops(
    tmp_path_factory: pytest.TempPathFactory, places: set[tuple[str, ...]], data: st.DataObject
) -> None:
    schema = json.dumps(TYPES["DossierSubmitted"].model_json_schema())

    def cover_of(lines: list[tuple[str, ...]], drops: list[tuple[str, ...]]) -> Any:
        rules = [f"  {'_'.join(p)}: {'.'.join(p)}" for p in lines] or ["  none: = 1"]
        dropped = ["dropped:", *(f"  {'.'.join(p)}: thử" for p in drops)] if drops else []
        (folder / "map.yaml").write_text(
            "\n".join(["about: x", "source: s.json", "fields:", *rules, *dropped]), encoding="utf-8"
        )
        return cover(YamlMapping(folder, SampleLists(folder / "none")))

    folder = written(tmp_path_factory.mktemp("cover"), {"s.json": schema})
    ordered = sorted(places)
    first = ordered[: data.draw(st.integers(0, len(ordered)))]
    small, large, dropped = cover_of(first, []), cover_of(ordered, []), cover_of(first, ordered)
    assert set(small.used) <= set(large.used)
    assert set(large.unmentioned) <= set(small.unmentioned)
    assert set(dropped.unmentioned) <= set(small.unmentioned)
    assert len(large.used) + len(large.dropped) + len(large.unmentioned) == len(LEAVES)
    shutil.rmtree(folder)


@given(st.lists(samples, min_size=1, max_size=3))
def test_a_schema_inferred_from_samples_knows_every_place_of_them(documents: list[Any]) -> None:
    schema = infer(documents)
    for document in documents:
        for name, value in document.items():
            assert value is None or follow(schema, (name,)) != []
            if isinstance(value, dict):
                assert all(one is None or follow(schema, (name, inner)) for inner, one in value.items())


# ── the commands ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "mau.json").write_text(json.dumps(NOTICE), encoding="utf-8")
    return tmp_path


def run(home: Path, *words: str) -> Any:
    return CliRunner().invoke(root, ["map", *words, "--home", str(home)])


def test_draft_writes_a_folder_that_map_test_refuses_until_a_person_finishes_it(home: Path) -> None:
    asked = ("draft", "so_y_te", "--from", str(home / "mau.json"), "--to", "StatusChanged")
    assert "source: samples" in run(home, *asked).output
    assert not (home / "config/mappings").exists()
    assert run(home, *asked, "--write").exit_code == 0
    tested = run(home, "test", "so_y_te")
    assert tested.exit_code == 1
    assert "the table status of codes.csv is not finished" in tested.output
    again = run(home, *asked, "--write")
    assert again.exit_code != 0
    assert "is there already" in str(again.output) + str(again.exception)


def test_coverage_names_what_is_missing_and_exits_with_1(home: Path) -> None:
    run(home, "draft", "so_y_te", "--from", str(home / "mau.json"), "--to", "StatusChanged", "--write")
    file = home / "config/mappings/so_y_te/map.yaml"
    file.write_text(
        "".join(x for x in file.read_text("utf-8").splitlines(True) if "dossier:" not in x), encoding="utf-8"
    )
    told_of = run(home, "coverage", "so_y_te")
    assert told_of.exit_code == 1
    assert "thiếu · missing: dossier" in told_of.output
    assert "chưa nói đến · unmentioned: soHoSo" in told_of.output
    assert run(home, "coverage", "mapi_progress", "--json").exit_code == 0

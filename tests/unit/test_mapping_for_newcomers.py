"""What somebody who writes their first map stumbles over: days without an hour, whose name it is, contracts, plain lists, running numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from connectors.soap.description import describe
from gateway.canonical import TYPES
from gateway.canonical.scalars import read_instant
from gateway.cli.main import root
from gateway.errors import Misconfigured, Refused
from mappings.engine import YamlMapping, check, cover, draft, list_fields, run_samples
from mappings.engine.names import likeness
from mappings.engine.samples import SampleLists
from mappings.engine.sheet import read_sheet
from mappings.engine.times import day_reader, reader, writer
from tests.findings import english

ROOT = Path(__file__).resolve().parents[2]
NOTICE = {"soHoSo": "000.00.01.H99-260105-0001", "ngayCapNhat": "12/01/2026", "maTrangThai": "05", "lyDo": "Thiếu bản vẽ",
          "canBo": {"hoTen": "Phạm Văn Thẩm"}}  # fmt: skip


def written(folder: Path, files: Any) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., YamlMapping]:
    """A mapping of the given fields over a source of this schema to a target of that."""

    def build(fields: str, source: Any = None, target: Any = None, samples: Any = None, more: str = "") -> YamlMapping:
        body = "".join(f"  {line}\n" for line in fields.strip("\n").splitlines())
        files = {"map.yaml": f"about: thử\nsource: in.schema.json\n{more}fields:\n{body}"}
        files["in.schema.json"] = json.dumps(source or {})
        files |= {"out.schema.json": json.dumps(target)} if target else {}
        files |= {f"samples/{name}": json.dumps(one) for name, one in (samples or {}).items()}
        folder = written(tmp_path / "thu", files)
        return YamlMapping(folder, SampleLists(folder / "none"))

    return build


def drafted(sample: Any, **told: Any) -> dict[str, str]:
    """The lines of a draft by their field, commented ones with a # before."""
    lines = draft(sample, **told)["map.yaml"].splitlines()
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}


# ── days and times ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_drafted_event_of_a_day_without_an_hour_is_not_sure_and_does_not_mean_midnight() -> None:
    line = drafted(NOTICE, to="StatusChanged")["event_time"]
    assert line.startswith('ngayCapNhat | from_date("dd/MM/yyyy", _now)')
    assert "sure" not in line
    assert "ngày không có giờ" in line
    assert "a day without an hour" in line


def test_a_promise_of_a_day_without_an_hour_lasts_to_its_end() -> None:
    line = drafted({**NOTICE, "ngayHenTra": "20/01/2026"}, to="StatusChanged")["due_at"]
    assert line.startswith('ngayHenTra | from_date("dd/MM/yyyy", end_of_day) | optional')


@pytest.mark.parametrize(
    ("day", "made"),
    [("05/01/2026", "2026-01-05T02:00:00Z"), ("04/01/2026", "2026-01-04T16:59:59Z")],
)
def test_a_day_means_when_we_heard_or_its_end_once_it_is_over(
    make: Callable[..., YamlMapping], day: str, made: str
) -> None:
    mapping = make('A: d | from_date("dd/MM/yyyy", _now)')
    assert mapping.translate({"d": day, "_now": "2026-01-05T09:00:00+07:00"}) == {"A": made}


@pytest.mark.parametrize(
    ("document", "code"),
    [({"d": "06/01/2026", "_now": "2026-01-05T09:00:00+07:00"}, "day-ahead"), ({"d": "05/01/2026"}, "missing"),
     ({"d": "2026-01-05", "_now": "2026-01-05T09:00:00+07:00"}, "not-a-time")],
)  # fmt: skip
def test_a_day_ahead_of_when_we_heard_is_a_fault(make: Callable[..., YamlMapping], document: Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        make('A: d | from_date("dd/MM/yyyy", _now)').translate(document)
    assert [fault.code for fault in refused.value.faults] == [code]


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(0, 365 * 24 * 3600 - 1))
def test_a_day_never_comes_to_mean_a_moment_outside_it_or_after_we_heard(day: date, seconds: int) -> None:
    heard = read_instant("2026-01-01T00:00:00+07:00") + timedelta(seconds=seconds)
    first = read_instant(f"{day.isoformat()}T00:00:00+07:00")
    if first > heard:
        return
    made = read_instant(day_reader("yyyy-MM-dd")(day.isoformat(), heard))
    assert first <= made <= heard
    assert (made - first).total_seconds() < 24 * 3600


@pytest.mark.parametrize(
    ("rule", "words"),
    [('d | from_date("dd/MM/yyyy HH:mm", end_of_day)', "has an hour"), ('d | from_date("dd/MM/yyyy", "?")', "end_of_day"),
     ('d | from_date("dd/MM", end_of_day)', "no time pattern")],
)  # fmt: skip
def test_a_day_read_wrongly_is_refused_when_the_map_is_loaded(
    make: Callable[..., YamlMapping], rule: str, words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        make(f"A: {rule}")


def test_what_says_when_we_heard_counts_as_used(make: Callable[..., YamlMapping]) -> None:
    source = {"type": "object", "properties": {"d": {"type": "string"}, "_now": {"type": "string"}}}
    assert check(make('A: d | from_date("dd/MM/yyyy", _now)', source)) == []
    assert english(check(make('A: d | from_date("dd/MM/yyyy", _then)', source)))[0] == (
        "thu: the source has no field _then: correct the path, or the schema"
    )


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("yyyy-MM-ddTHH:mm:ss", "2026-01-05T08:15:00"), ("yyyy-MM-ddTHH:mm:ssXXX", "2026-01-05T08:15:00+07:00")],
)
def test_a_local_xml_time_is_written_and_read(pattern: str, text: str) -> None:
    assert writer(pattern)("2026-01-05T01:15:00Z") == text
    assert reader((pattern,))(text) == "2026-01-05T01:15:00Z"


@pytest.mark.parametrize("text", ["2026-01-05T03:15:00+02:00", "2026-01-05T01:15:00Z"])
def test_an_offset_is_read_as_it_is(text: str) -> None:
    assert reader(("yyyy-MM-ddTHH:mm:ssXXX",))(text) == reader(("rfc3339",))(text) == "2026-01-05T01:15:00Z"


def test_a_text_with_an_offset_is_read_though_no_schema_says_what_it_is(make: Callable[..., YamlMapping]) -> None:
    source = {"type": "object", "properties": {"t": {"type": "string"}}}
    target = {"type": "object", "properties": {"A": {"type": "string", "format": "date-time"}}}
    mapping = make("A: t | from_time(rfc3339)", source, target)
    assert check(mapping) == []
    assert mapping.translate({"t": "2026-01-05T08:15:00.5+07:00"}) == {"A": "2026-01-05T01:15:00.500000Z"}
    assert "from_time(rfc3339)" in check(make("A: t", source, target))[0]
    with pytest.raises(Refused):
        mapping.translate({"t": "2026-01-05T08:15:00"})


def test_one_date_that_settles_the_order_settles_it_for_the_whole_sample() -> None:
    both = drafted({"ngayNop": "05/01/2026", "ngayHenTra": "25/01/2026"}, source="view(DossierSubmitted)")
    one = drafted({"ngayNop": "05/01/2026", "ngayHenTra": "06/01/2026"}, source="view(DossierSubmitted)")
    assert "day or the month" not in both["ngayNop"] + both["ngayHenTra"]
    assert "day or the month" in one["ngayNop"]


# ── whose it is ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("parent", ["nguoiXuLy", "canBo", "chuyenVien", "can_bo_thu_ly", "officer"])
def test_an_officers_name_is_never_guessed_to_be_the_citizens(parent: str) -> None:
    assert likeness((parent, "hoTen"), ("dossier", "applicant", "name")) == 0
    assert likeness((parent, "hoTen"), ("message", "officer", "name")) == 1
    assert drafted({parent: {"hoTen": "Lê Văn Thử"}}, source="view(DossierSubmitted)")["hoTen"].startswith("???")
    assert drafted({parent: {"hoTen": "Lê Văn Thử"}}, source="view(StatusChanged)")["hoTen"].startswith(
        "message.officer.name   # chắc · sure"
    )


@pytest.mark.parametrize(
    ("parent", "sure"), [("nguoiNop", True), ("chuHoSo", True), ("chuDauTu", True), ("lienHe", False)]
)
def test_a_name_is_the_citizens_for_sure_only_where_its_parent_says_so(parent: str, sure: bool) -> None:
    line = drafted({parent: {"hoTen": "Lê Văn Thử"}}, source="view(DossierSubmitted)")["hoTen"]
    assert line.startswith("dossier.applicant.name")
    assert ("sure" in line) == sure


def test_a_guess_of_what_we_may_not_have_is_not_sure_and_asks() -> None:
    line = drafted({"nguoiNop": {"sdt": "0912345678"}}, source="view(DossierSubmitted)")["sdt"]
    assert line.startswith("dossier.applicant.phone ")
    assert "sure" not in line
    assert "optional or else(…)?" in line


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────

PAPERS = {"giayTo": [{"stt": 1, "tenGiayTo": "Đơn", "tenTep": "don.pdf", "duongDan": "https://tep.vi-du.vn/1"}]}


def test_a_list_that_holds_links_is_of_attachments_whatever_its_name() -> None:
    lines = drafted(PAPERS, source="view(DossierSubmitted)")
    assert lines["each"].startswith("dossier.attachments")
    assert (lines["tenTep"].split()[0], lines["duongDan"].split()[0]) == ("name", "url")
    assert lines["stt"].startswith("position()")


def test_an_element_of_a_list_may_be_numbered(make: Callable[..., YamlMapping]) -> None:
    mapping = make("L:\n  each: l\n  once_per: x\n  fields:\n    n: position()\n    t: position() | text\n    x: x")
    document = {"l": [{"x": "a"}, {"x": "b"}, {"x": "a"}]}
    assert mapping.translate(document) == {"L": [{"n": 1, "t": "1", "x": "a"}, {"n": 2, "t": "2", "x": "b"}]}
    lines = {line.target: line.value for line in mapping.explain(document)}
    assert (lines["/L/0/n"], lines["/L/1/t"]) == (1, "2")


@pytest.mark.parametrize(
    "fields",
    ["A: position()", "L:\n  each: l\n  value: position()", "L:\n  each: l\n  fields:\n    A: position() | max(3)"],
)
def test_a_running_number_elsewhere_is_refused_when_the_map_is_loaded(
    make: Callable[..., YamlMapping], fields: str
) -> None:
    with pytest.raises(Misconfigured, match="position"):
        make(fields)


def test_a_running_number_has_the_type_that_the_target_takes(make: Callable[..., YamlMapping]) -> None:
    items = {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "string"}}}}
    target = {"type": "object", "properties": {"L": items}}
    source = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "object"}}}}
    assert check(make("L:\n  each: l\n  fields:\n    n: position() | text", source, target)) == []
    assert english(check(make("L:\n  each: l\n  fields:\n    n: position()", source, target))) == [
        "thu: L.n is string in the target, but the rule makes integer: position()"
    ]


ONE = {"type": "object", "properties": {"o": {"type": "object", "properties": {"x": {"type": "string"}}},
                                        "l": {"type": "array", "items": {"type": "object", "properties": {"y": {"type": "string"}}}}}}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "words"), [("o[].x", "o is no list"), ("o[x=1].x", "o is no list"), ("l.y", "l is a list: write l[].y")]
)
def test_what_the_run_would_refuse_of_every_document_the_static_check_refuses_too(
    make: Callable[..., YamlMapping], rule: str, words: str
) -> None:
    mapping = make(f"A: {rule}", ONE)
    assert any(words in finding for finding in english(check(mapping)))
    with pytest.raises(Refused):
        mapping.translate({"o": {"x": "1"}, "l": [{"y": "2"}]})


def test_a_list_of_plain_values_is_named_where_a_value_stands_for_it(make: Callable[..., YamlMapping]) -> None:
    target = {"type": "object", "properties": {"A": {"type": "array", "items": {"type": "string"}}}}
    source = {"type": "object", "properties": {"t": {"type": "string"}}}
    [found] = check(make("A: t", source, target))
    assert "viết bằng `each:` và `value:`" in found
    mapping = make("A:\n  each: t\n  value: .", source, target)
    assert check(mapping) == []
    assert mapping.translate({"t": "x"}) == {"A": ["x"]}


# ── contracts ───────────────────────────────────────────────────────────────────────────────────────────────

CONTRACT = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:thu" targetNamespace="urn:thu">
 <types><x:schema targetNamespace="urn:thu" elementFormDefault="qualified">
  <x:simpleType name="Region"><x:restriction base="x:string"><x:enumeration value="APAC"/><x:enumeration value="EMEA"/></x:restriction></x:simpleType>
  <x:complexType name="Contact"><x:sequence>
   <x:element name="PersonName" type="x:string"/><x:element name="PhoneNumber" type="x:string" minOccurs="0"/>
   <x:element name="StreetLines" type="x:string" minOccurs="0" maxOccurs="3"/><x:element name="City" type="x:string" minOccurs="0"/>
  </x:sequence></x:complexType>
  <x:element name="Pick"><x:complexType><x:sequence>
   <x:element name="Note" type="x:string" minOccurs="0"/>
   <x:element name="Other" type="t:Contact" minOccurs="0"/>
   <x:element name="Major" type="x:int" fixed="17"/><x:element name="Kind"><x:simpleType><x:restriction base="x:string">
    <x:enumeration value="A"/><x:enumeration value="B"/></x:restriction></x:simpleType></x:element>
   <x:element name="Contact" type="t:Contact"/><x:element name="Region" type="t:Region"/><x:element name="Count" type="x:int"/>
   <x:element name="Ready" type="x:dateTime"/><x:element name="Now" type="x:boolean" nillable="true"/>
  </x:sequence></x:complexType></x:element>
 </x:schema></types>
 <message name="Q"><part name="p" element="t:Pick"/></message>
 <portType name="P"><operation name="pick"><input message="t:Q"/></operation></portType>
 <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
  <operation name="pick"><s:operation soapAction="pick"/><input><s:body use="literal"/></input></operation></binding>
 <service name="S"><port name="P" binding="t:B"><s:address location="http://vi-du.vn/"/></port></service>
</definitions>"""


@pytest.fixture
def offer(tmp_path: Path) -> Any:
    (tmp_path / "hop-dong.wsdl").write_text(CONTRACT, encoding="utf-8")
    [offer] = describe(tmp_path / "hop-dong.wsdl").offers
    return offer


def test_a_contract_tells_what_is_required_types_listed_and_fixed_values(offer: Any) -> None:
    fields = offer.schema["properties"]
    assert offer.schema["required"] == ["Major", "Kind", "Contact", "Region", "Count", "Ready", "Now"]
    assert fields["Major"]["const"] == 17
    assert (fields["Kind"]["enum"], fields["Region"]["enum"]) == (["A", "B"], ["APAC", "EMEA"])
    assert (fields["Count"]["type"][0], fields["Now"]["type"][0]) == ("integer", "boolean")
    assert fields["Ready"]["format"] == "date-time"
    assert fields["Contact"]["properties"]["StreetLines"]["type"] == "array"


def test_a_draft_of_a_contract_puts_what_is_required_first_and_comments_the_rest_out(
    offer: Any, tmp_path: Path
) -> None:
    files = draft(offer.sample, source="view(DossierSubmitted)", schema=offer.schema)
    sheet = files["map.yaml"].partition("dropped:")[0]
    fields = read_sheet(written(tmp_path / "a", {"map.yaml": sheet}) / "map.yaml").entries()["fields"].entries()
    assert list(fields) == ["Major", "Kind", "Contact", "Region", "Count", "Ready", "Now"]
    assert fields["Major"].text() == "= 17"
    assert fields["Contact"].entries()["fields"].entries()["PersonName"].text() == "dossier.applicant.name"
    lines = sheet.splitlines()
    (note,) = [line for line in lines if "Note:" in line]
    assert note.startswith("  # Note: ???   # không bắt buộc · optional; kiểu · type string")
    assert any("giá trị · one of APAC, EMEA" in line for line in lines)
    assert [line for line in lines if "#     PhoneNumber: dossier.applicant.phone | optional" in line]
    assert sum("???" in line and not line.lstrip().startswith("#") for line in lines) == 5
    mapping = YamlMapping(written(tmp_path / "thu", files), SampleLists(tmp_path / "none"))
    assert not any("required by the target" in one for one in english(check(mapping)))


def test_what_is_commented_out_loads_when_the_marks_are_taken_away(offer: Any, tmp_path: Path) -> None:
    files = dict(draft(offer.sample, source="view(DossierSubmitted)", schema=offer.schema))
    files["map.yaml"] = "\n".join(line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line
                                  for line in files["map.yaml"].splitlines())  # fmt: skip
    mapping = YamlMapping(written(tmp_path / "thu", files), SampleLists(tmp_path / "none"))
    assert {"Note", "Other"} < set(mapping.fields.fields)
    assert not any("no field" in one for one in english(check(mapping)))


# ── coverage, fields, samples, the commands ─────────────────────────────────────────────────────────────────


def test_a_line_that_is_not_finished_is_missing_and_not_covered(make: Callable[..., YamlMapping]) -> None:
    target = {"type": "object", "properties": {name: {"type": "string"} for name in "ABC"}, "required": ["A"]}
    found = cover(make("A: t\nB: ???", {}, target))
    assert (found.covered, found.optional, found.missing) == (["A"], ["C"], ["B"])


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_field_of_a_type_and_its_view_is_listed(kind: str) -> None:
    message = {one.path: one for one in list_fields(kind)}
    assert message["dossier"].needed
    assert message["dossier"].values == "dossier_code"
    assert "dossier.applicant.address.province" in {one.path for one in list_fields(f"view({kind})")}


@pytest.mark.parametrize("what", ["HoSo", "view(HoSo)", "view(StatusChanged", "StatusChanged)"])
def test_what_has_no_fields_is_told(what: str) -> None:
    with pytest.raises(Misconfigured, match="TYPE"):
        list_fields(what)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def run(home: Path, *words: str) -> Any:
    return CliRunner().invoke(root, ["map", *words, "--home", str(home)])


def own(home: Path, fields: str, more: str = "", **samples: Any) -> Path:
    files = {f"samples/{name.replace('_', '-')}/in.json": json.dumps(one) for name, one in samples.items()}
    return written(
        home / "config/mappings/thu", {"map.yaml": f"about: thử\nsource: samples\n{more}fields:\n{fields}", **files}
    )


def test_the_fields_of_a_type_are_printed() -> None:
    shown = CliRunner().invoke(root, ["map", "fields", "StatusChanged", "--json"])
    assert {"path": "status", "needed": True}.items() <= next(
        one for one in json.loads(shown.output) if one["path"] == "status"
    ).items()
    assert "officer.name" in CliRunner().invoke(root, ["map", "fields", "StatusChanged"]).output


def test_only_a_sample_whose_name_says_so_is_written_down_as_refused(home: Path) -> None:
    folder = own(home, "  A: a\n", it_passes={"a": "x"}, it_is_refused={}, meant_to_pass={}, mau_bi_tu_choi={})
    tested = run(home, "test", "thu", "--write")
    made = {sample.name: sorted(f.name for f in sample.iterdir()) for sample in (folder / "samples").iterdir()}
    assert made == {"it-passes": ["in.json", "out.json"], "it-is-refused": ["error.txt", "in.json"], "meant-to-pass": ["in.json"],
                    "mau-bi-tu-choi": ["error.txt", "in.json"]}  # fmt: skip
    assert "tên mẫu không nói thế" in tested.output
    assert tested.exit_code == 1


def test_nothing_of_an_unfinished_map_is_written_down(home: Path) -> None:
    folder = own(home, "  A: ???\n", it_is_refused={"a": "x"})
    run(home, "test", "thu", "--write")
    assert not (folder / "samples/it-is-refused/error.txt").exists()


def test_a_missing_sample_is_no_sample(home: Path) -> None:
    own(home, "  A: a\n", it_passes={"a": "x"})
    tested = run(home, "test", "thu", "--write")
    assert "✗ thu: thiếu mẫu bị từ chối" in tested.output
    assert "no sample that fails" in tested.output
    assert "1/1 mẫu đúng · samples right; 1 điều phải sửa · findings" in tested.output


def test_rows_of_code_lists_that_a_sample_lacks_are_named_and_copied(home: Path) -> None:
    folder = own(home, "  A: p | lookup(provinces, name)\n  B: t\n", "in_force_at: t\n",
                 it_passes={"p": "19", "t": "2026-01-05T08:00:00+07:00"})  # fmt: skip
    lists = folder / "samples" / "lists.json"
    first = run(home, "test", "thu")
    assert str(lists) in first.output
    assert "provinces “19”" in first.output
    run(home, "test", "thu", "--write")
    assert json.loads(lists.read_text(encoding="utf-8"))["provinces"]["19"]["name"]
    assert "✓ thu  it passes" in run(home, "test", "thu").output


def test_optional_fields_are_a_number_unless_asked_for(home: Path) -> None:
    folder = own(home, "  A: a\n", it_passes={"a": "x"})
    schema = {"type": "object", "properties": {name: {} for name in ("A", "Bee", "Cee")}}
    (folder / "out.schema.json").write_text(json.dumps(schema), encoding="utf-8")
    assert "2 trường · fields" in run(home, "coverage", "thu").output
    assert "để trống · optional: Bee" in run(home, "coverage", "thu", "--all").output


def test_a_draft_of_what_goes_out_comes_with_a_dossier_and_an_empty_one(home: Path) -> None:
    (home / "mau.json").write_text(json.dumps({"soHoSo": "000.00.01.H99-260105-0001"}), encoding="utf-8")
    asked = ("draft", "thu", "--from", str(home / "mau.json"), "--source", "view(DossierSubmitted)", "--write")
    assert run(home, *asked).exit_code == 0
    samples = {sample.parent.name for sample in (home / "config/mappings/thu/samples").glob("*/in.json")}
    assert samples == {"a-dossier-of-an-invented-day", "a-message-with-nothing-in-it-is-refused"}


def test_a_draft_of_what_comes_in_is_named_by_us_and_says_when_it_came(home: Path) -> None:
    (home / "mau.json").write_text(json.dumps(NOTICE), encoding="utf-8")
    assert (
        run(home, "draft", "thu", "--from", str(home / "mau.json"), "--to", "StatusChanged", "--write").exit_code == 0
    )
    folder = home / "config/mappings/thu"
    shown = json.loads((folder / "samples/the-sample-it-was-drafted-from/in.json").read_text(encoding="utf-8"))
    assert shown["_item"]
    assert shown["_now"] > "2026-01-12"
    (folder / "codes.csv").write_text("table,from,to\nstatus,05,5\n", encoding="utf-8")
    [result] = [r for r in run_samples(folder) if "drafted" in r.sample]
    made = json.loads(result.diff.partition(":\n")[2])
    assert made["event_time"].startswith("2026-01-12")
    assert made["id"] == shown["_item"]

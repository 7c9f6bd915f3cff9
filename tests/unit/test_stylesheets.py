"""Mappings written in XSLT: what they make, what a fault and an explanation tell, and what a stylesheet may not do."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.codes import CsvCodes
from gateway.errors import Misconfigured, Refused
from mappings.engine import check, cover, run_samples, try_file
from mappings.engine.placing import read_calls
from mappings.engine.sandboxed import WALL_SECONDS
from mappings.engine.schemas import infer
from mappings.engine.xmljson import Reading, write_element
from mappings.engine.xsl import XslMapping
from tests.findings import english

README = Path(__file__).resolve().parents[2] / "mappings" / "README.md"
OPENING = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:lt="urn:lienthong:mapping" '
    'xmlns:a="urn:agency" exclude-result-prefixes="lt a">'
)
HEAD = OPENING + "<lt:about>thử</lt:about>"
STATUS = (
    HEAD
    + """<lt:target>canonical</lt:target>
<xsl:template match="/a:TrangThai"><StatusChanged>
  <id>st-<xsl:value-of select="lt:need(@id)"/></id>
  <dossier><xsl:value-of select="lt:form(a:MaHoSo, 'dossier_code')"/></dossier>
  <event_time><xsl:value-of select="lt:from-time(a:Ngay, 'dd/MM/yyyy HH:mm')"/></event_time>
  <status><xsl:value-of select="lt:code(a:Ma, 'status')"/></status>
  <content><xsl:value-of select="concat(a:NoiDung, ' (', a:Khac/a:GhiChu, ')')"/></content>
  <officer><name><xsl:value-of select="a:CanBo"/></name></officer>
</StatusChanged></xsl:template></xsl:stylesheet>"""
)
CODES = "table,from,to\nstatus,DXL,4\nstatus,XONG,9\n"
EVENT = (
    '<TrangThai xmlns="urn:agency" id="7"><MaHoSo>000.00.01.H99-260105-0001</MaHoSo><Ngay>05/01/2026 08:15</Ngay><Ma>DXL</Ma>'
    "<NoiDung>Đang xử lý</NoiDung><Khac><GhiChu>x</GhiChu></Khac><CanBo>Ông A</CanBo></TrangThai>"
)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., XslMapping]:
    """A mapping of the given stylesheet; `files` lie beside it."""

    def build(sheet: str, lists: dict[str, str] | None = None, **files: str) -> XslMapping:
        folder = tmp_path / "thu"
        folder.mkdir(exist_ok=True)
        (folder / "map.xsl").write_text(sheet, encoding="utf-8")
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
        home = tmp_path / "codelists"
        home.mkdir(exist_ok=True)
        for name, text in (lists or {}).items():
            (home / f"{name}.csv").write_text(text, encoding="utf-8")
        return XslMapping(folder, CsvCodes(home))

    return build


def body(template: str, more: str = "") -> str:
    """A stylesheet whose root template is the given one."""
    return f'{HEAD}{more}<xsl:template match="/">{template}</xsl:template></xsl:stylesheet>'


def faults(mapping: XslMapping, document: Any) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as refused:
        mapping.translate(document)
    return [(fault.pointer, fault.code) for fault in refused.value.faults]


# ── what comes out ──────────────────────────────────────────────────────────────────────────────────────────


def test_xml_becomes_a_canonical_message_whose_schema_says_what_is_a_number(make: Callable[..., XslMapping]) -> None:
    assert make(STATUS, codes__csv=CODES).translate(EVENT.encode()) == {
        "type": "StatusChanged", "id": "st-7", "dossier": "000.00.01.H99-260105-0001", "event_time": "2026-01-05T01:15:00Z",
        "status": 4, "content": "Đang xử lý (x)", "officer": {"name": "Ông A"},
    }  # fmt: skip


def test_every_fault_is_told_at_once_with_its_place_and_without_what_is_personal(
    make: Callable[..., XslMapping],
) -> None:
    mapping = make(STATUS, codes__csv=CODES)
    wrong = EVENT.replace(' id="7"', "").replace("05/01", "35/01").replace("DXL", "Z").replace("000.00", "bí mật")
    assert faults(mapping, wrong) == [
        ("/TrangThai/@id", "missing"), ("/TrangThai/MaHoSo", "wrong-form"), ("/TrangThai/Ngay", "not-a-time"),
        ("/TrangThai/Ma", "code-unknown"),
    ]  # fmt: skip
    with pytest.raises(Refused) as refused:
        mapping.translate(wrong)
    told = refused.value.faults[1]
    assert told.detail == "lt:form(a:MaHoSo, 'dossier_code') (dòng · line 4): không đúng dạng dossier_code"
    assert "bí mật" not in str([f.as_json() for f in refused.value.faults])


def test_the_view_is_read_as_xml_and_xml_comes_out_as_a_text(make: Callable[..., XslMapping]) -> None:
    sheet = body(
        '<HoSo ma="{/view/dossier/dossier}"><xsl:for-each select="view/dossier/attachments"><Tep><xsl:value-of select="lt:max(name, 10)"/>'
        "</Tep></xsl:for-each><Moc><xsl:value-of select=\"view/moments/*[@name='10']\"/></Moc></HoSo>",
        "<lt:source>view(DossierSubmitted)</lt:source>",
    )
    view = {
        "dossier": {"dossier": "X-1", "attachments": [{"name": "a"}, {"name": "ấ & <b>"}]},
        "moments": {"10": "2026"},
    }
    assert (
        make(sheet).translate(view) == '<HoSo ma="X-1"><Tep>a</Tep><Tep>ấ &amp; &lt;b&gt;</Tep><Moc>2026</Moc></HoSo>'
    )
    assert faults(make(sheet), {**view, "dossier": {"attachments": [{"name": "a" * 11}]}}) == [
        ("/view/dossier/attachments/name", "too-long")
    ]
    assert faults(make(sheet), {"dossier": {"dossier": "\x00"}}) == [("/dossier/dossier", "not-xml-text")]


def test_json_comes_out_by_the_schema_beside_the_sheet(make: Callable[..., XslMapping]) -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer"}, "b": {"type": "boolean"}, "t": {"type": "string"}, "l": {"type": "array", "items": {"type": "string"}},
        },
    }  # fmt: skip
    json_target = "<lt:target>json</lt:target>"
    copied = body('<o><xsl:copy-of select="r/*"/></o>', json_target)
    mapping = make(copied, out__schema__json=json.dumps(schema))
    assert mapping.translate("<r><n>7</n><b>true</b><t>007</t><l>x</l><l>y</l></r>") == {
        "n": 7,
        "b": True,
        "t": "007",
        "l": ["x", "y"],
    }
    assert mapping.translate("<r><l>x</l><t> </t></r>") == {"l": ["x"]}
    assert faults(mapping, "<r><n>7.5</n><b>yes</b><x>1</x><t>a</t><t>b</t></r>") == [
        ("/n", "wrong-type"), ("/b", "wrong-type"), ("/x", "unknown-field"), ("/t", "repeated")
    ]  # fmt: skip
    (mapping.folder / "out.schema.json").unlink()
    with pytest.raises(Misconfigured, match=r"wants out\.schema\.json"):
        make(copied)


def test_a_sheet_that_does_not_apply_makes_nothing(make: Callable[..., XslMapping]) -> None:
    mapping = make(body("<o/>", "<lt:only-when test=\"/r/@loai = 'HS'\"/>"))
    assert mapping.translate('<r loai="HS"/>') == "<o/>"
    assert mapping.translate("<r/>") is None
    assert [(line.rule, line.value) for line in mapping.explain("<r/>")] == [("only when /r/@loai = 'HS'", None)]


def test_a_look_up_takes_the_row_in_force_and_names_its_list(make: Callable[..., XslMapping]) -> None:
    units = "code,name,from,until\nU1,Sở Cũ,,2025-06-30\nU1,Sở Mới,2025-07-01,\n"
    mapping = make(
        body("<o><xsl:value-of select=\"lt:lookup(r/u, 'units', 'name', r/at)\"/></o>"), lists={"units": units}
    )
    assert mapping.lists == ("units",)
    assert mapping.translate("<r><u>U1</u><at>2025-06-30T16:59:59Z</at></r>") == "<o>Sở Cũ</o>"
    assert mapping.translate("<r><u>U1</u><at>2025-06-30T17:00:00Z</at></r>") == "<o>Sở Mới</o>"
    assert faults(mapping, "<r><u>U2</u><at>2025-06-30T17:00:00Z</at></r>") == [("/r/u", "code-unknown")]


def test_both_sides_are_held_against_the_xsd_that_lies_beside_the_sheet(make: Callable[..., XslMapping]) -> None:
    xsd = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{}</xs:schema>'
    one = '<xs:element name="{0}"><xs:complexType><xs:sequence><xs:element name="n" type="N"/></xs:sequence></xs:complexType></xs:element>'
    number = '<xs:simpleType name="N"><xs:restriction base="xs:int"/></xs:simpleType>'
    mapping = make(
        body('<o><n><xsl:value-of select="r/n + 0.5 * (r/n = 13)"/></n></o>'),
        in__xsd=xsd.format('<xs:include schemaLocation="so.xsd"/>' + one.format("r")), so__xsd=xsd.format(number),
        out__xsd=xsd.format(number + one.format("o")),
    )  # fmt: skip
    assert mapping.translate("<r><n>7</n></r>") == "<o><n>7</n></o>"
    assert faults(mapping, "<r><n>bí mật</n></r>") == [("/r/n", "not-by-schema")]
    assert faults(mapping, "<r><n>13</n></r>") == [("/o/n", "not-by-schema")]
    with pytest.raises(Refused) as refused:
        mapping.translate("<r><n>bí mật</n></r>")
    assert "bí mật" not in str(refused.value.faults)
    with pytest.raises(Misconfigured, match="must lie beside it"):
        make(body("<o/>"), in__xsd=xsd.format('<xs:include schemaLocation="../../etc/passwd"/>' + one.format("r")))


def test_a_sheet_may_stop_a_document_with_a_message(make: Callable[..., XslMapping]) -> None:
    mapping = make(body('<o/><xsl:message terminate="yes">không rõ đơn vị</xsl:message>'))
    with pytest.raises(Refused, match="không rõ đơn vị") as refused:
        mapping.translate("<r/>")
    assert refused.value.faults[0].code == "stylesheet-failed"


@pytest.mark.parametrize("document", [b"<r", b"", b'<!DOCTYPE r [<!ENTITY x "y">]><r>&x;</r>', b"\xff", {"r": 1}, None])
def test_what_is_no_xml_is_refused(make: Callable[..., XslMapping], document: Any) -> None:
    with pytest.raises(Refused):
        make(body("<o/>")).translate(document)


# ── explanation and coverage ────────────────────────────────────────────────────────────────────────────────


def test_explain_names_source_and_line_and_says_what_xslt_does_not_tell(make: Callable[..., XslMapping]) -> None:
    sheet = body(
        '<o loai="{r/@k}-1"><xsl:for-each select="r/x">\n<v><xsl:value-of select="."/></v></xsl:for-each><c>hằng</c>'
        '<t><xsl:value-of select="concat(r/x[2], \'+\', r/y)"/></t><d><xsl:copy-of select="r/y"/></d></o>'
    )
    lines = make(sheet).explain('<r k="K"><x>1</x><x>2</x><y>3</y></r>')
    assert [(line.target, line.source, line.rule.partition(" (")[0], line.value) for line in lines] == [
        ("/o/@loai", "/r/@k", "r/@k", "K-1"), ("/o/v/0", "/r/x/0", ".", "1"), ("/o/v/1", "/r/x/1", ".", "2"),
        ("/o/c", "", "hằng · constant", "hằng"), ("/o/t", "/r/x/1, /r/y", "concat(r/x[2], '+', r/y)", "2+3"),
        ("/o/d/y", "", "XSLT không cho biết · XSLT does not tell", "3"),
    ]  # fmt: skip
    assert lines[1].rule == ". (dòng · line 2)"


def test_an_explanation_never_changes_what_comes_out(make: Callable[..., XslMapping]) -> None:
    sheet = body(
        '<xsl:variable name="v"><xsl:call-template name="t"/></xsl:variable><o>'
        '<xsl:if test="$v = \'1\'"><v><xsl:value-of select="$v"/></v></xsl:if></o>'
    ).replace(
        "</xsl:stylesheet>", '<xsl:template name="t"><xsl:value-of select="/r/x"/></xsl:template></xsl:stylesheet>'
    )
    mapping = make(sheet)
    assert mapping.translate("<r><x>1</x></r>") == "<o><v>1</v></o>"
    assert [(line.target, line.value) for line in mapping.explain("<r><x>1</x></r>")] == [("/o/v", "1")]


def test_a_source_field_is_used_when_a_change_of_it_changes_what_comes_out(make: Callable[..., XslMapping]) -> None:
    mapping = make(STATUS, codes__csv=CODES)
    sample = mapping.folder / "samples" / "it-passes"
    sample.mkdir(parents=True)
    (sample / "in.xml").write_text(EVENT.replace("<CanBo>", "<Thua>y</Thua><CanBo>"), encoding="utf-8")
    (sample / "out.json").write_text("{}", encoding="utf-8")
    [finding] = english(check(mapping))
    assert finding.startswith("thu: TrangThai.Thua is in no sample, or changes nothing")
    dropped = STATUS.replace("<lt:target>", '<lt:dropped path="TrangThai.Thua">không cần</lt:dropped><lt:target>')
    assert check(make(dropped, codes__csv=CODES)) == []
    found = cover(make(dropped, codes__csv=CODES))
    assert "TrangThai.Khac.GhiChu" in found.used
    assert (found.dropped, found.missing, found.unmentioned) == (["TrangThai.Thua"], [], [])
    assert "due_at" in found.optional
    idle = english(check(make(dropped.replace("TrangThai.Thua", "TrangThai.Ma"), codes__csv=CODES + "thua,1,2\n")))
    assert [words.split(": ")[1].split()[0:2] for words in idle] == [
        ["TrangThai.Thua", "is"],
        ["`dropped`", "names"],
        ["no", "expression"],
    ]


def test_an_element_of_the_xsd_that_no_sample_shows_is_a_finding(make: Callable[..., XslMapping]) -> None:
    xsd = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="r" type="T"/><xs:complexType name="T"><xs:sequence>'
        '<xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:string" minOccurs="0"/></xs:sequence>'
        '<xs:attribute name="k"/></xs:complexType></xs:schema>'
    )
    mapping = make(body('<o><xsl:value-of select="r/a"/><xsl:value-of select="r/b"/></o>'), in__xsd=xsd)
    sample = mapping.folder / "samples" / "it-passes"
    sample.mkdir(parents=True)
    (sample / "in.xml").write_text("<r><a>1</a></r>", encoding="utf-8")
    assert [finding.split()[1] for finding in check(mapping)] == ["r.@k", "r.b"]


def test_samples_of_a_sheet_are_xml_and_spaces_around_elements_say_nothing(make: Callable[..., XslMapping]) -> None:
    mapping = make(body('<o><v><xsl:value-of select="lt:need(r/x)"/></v></o>'))
    for name, file, text in (
        ("it-passes", "out.xml", "<o>\n  <v>1</v>\n</o>"),
        ("it-differs", "out.xml", "<o><v>2</v></o>"),
    ):
        sample = mapping.folder / "samples" / name
        sample.mkdir(parents=True)
        (sample / "in.xml").write_text("<r><x>1</x></r>", encoding="utf-8")
        (sample / file).write_text(text, encoding="utf-8")
    results = {result.sample: result for result in run_samples(mapping.folder)}
    assert results["it-passes"].ok
    assert "-  <v>2</v>\n+  <v>1</v>" in results["it-differs"].diff
    assert "no sample that fails" in results[""].diff
    trial = try_file(mapping, mapping.folder / "samples/it-passes/in.xml")
    assert trial.ok
    assert '/o/v ← /r/x   [lt:need(r/x) (dòng · line 1)]   "1"' in trial.text


def test_the_readme_shows_a_stylesheet_that_loads_and_names_every_function(make: Callable[..., XslMapping]) -> None:
    from mappings.engine.functions import FUNCTIONS

    readme = README.read_text(encoding="utf-8")
    mapping = make(readme.split("```xml\n")[1].split("```")[0], codes__csv=CODES)
    assert mapping.target == "canonical"
    assert {name for name in FUNCTIONS if not re.search(rf"`lt:{name}\b", readme)} == set()


@pytest.mark.parametrize(
    ("call", "code"),
    [("lt:time(r/x)", "map-wrong"), ("lt:lookup(r/x, 'a')", "map-wrong"), ("lt:form(r/x, 'none')", "map-wrong"), ("lt:need(r/y)", "several"),
     ("lt:code(r/x, 'none')", "map-wrong"), ("lt:number(r/z)", "missing")],
)  # fmt: skip
def test_a_function_used_wrongly_is_a_fault_of_the_document(
    make: Callable[..., XslMapping], call: str, code: str
) -> None:
    mapping = make(body(f'<o><xsl:value-of select="{call}"/></o>'))
    assert [c for _, c in faults(mapping, "<r><x>1</x><y>2</y><y>3</y></r>")] == [code]


# ── what a stylesheet may not do ────────────────────────────────────────────────────────────────────────────

EXSLT = 'xmlns:x="http://exslt.org/{}"'
HOSTILE = {
    "include": (HEAD + '<xsl:include href="file:///etc/passwd"/></xsl:stylesheet>', "xsl:include is not allowed"),
    "import": (HEAD + '<xsl:import href="http://127.0.0.1:9/x.xsl"/></xsl:stylesheet>', "xsl:import is not allowed"),
    "include below": (body('<o><xsl:include href="a"/></o>'), "xsl:include is not allowed"),
    "document": (body("<xsl:copy-of select=\"document('file:///etc/passwd')\"/>"), r"document\(\) is not allowed"),
    "document, spaced": (body("<xsl:copy-of select=\"/r[document &#10; ('x')]\"/>"), r"document\(\) is not allowed"),
    "document in braces": (body("<o a=\"{document('x')}\"/>"), r"document\(\) is not allowed"),
    "document behind a text": (body("<o a=\"{concat('}', document('x'))}\"/>"), r"document\(\) is not allowed"),
    "document after doubled braces": (body("<o a=\"{{{document('x')}\"/>"), "doubled braces"),
    "document in a pattern": (HEAD + "<xsl:template match=\"a[document('x')]\"/></xsl:stylesheet>", r"document\(\) is not allowed"),
    "document in a key": (HEAD + "<xsl:key name=\"k\" match=\"a\" use=\"document('x')\"/></xsl:stylesheet>", r"document\(\) is not allowed"),
    "document in a condition": (body("<o/>", "<lt:only-when test=\"document('x')\"/>"), r"document\(\) is not allowed"),
    "unparsed entity": (body("<o a=\"{unparsed-entity-uri('x')}\"/>"), "is not allowed"),
    "system property": (body("<o a=\"{system-property('xsl:vendor')}\"/>"), "is not allowed"),
    "xsl:document": (body('<xsl:document href="/tmp/x"><o/></xsl:document>'), "xsl:document is not allowed"),
    "result-document": (body('<xsl:result-document href="/tmp/x"/>'), "xsl:result-document is not allowed"),
    "exsl:document": (body(f'<x:document {EXSLT.format("common")} href="/tmp/x"/>'), "are not allowed"),
    "extension element": (HEAD.replace(">", ' xmlns:x="urn:x" extension-element-prefixes="x">', 1) + "</xsl:stylesheet>", "extension elements"),
    "extension element below": (body('<o xmlns:x="urn:x" xsl:extension-element-prefixes="x"/>'), "extension elements"),
    "dyn:evaluate": (body(f'<o {EXSLT.format("dynamic")} a="{{x:evaluate(.)}}"/>'), r"x:evaluate\(\) is not allowed"),
    "func:function": (HEAD + f'<x:function {EXSLT.format("functions")} name="x:f"/></xsl:stylesheet>', "only xsl: and lt: elements"),
    "regular expressions": (body(f'<o {EXSLT.format("regular-expressions")} a="{{x:test(.,\'(a+)+$\')}}"/>'), "is not allowed"),
    "our inner function": (body('<o a="{lt:mark(., 0)}"/>'), "there is no function lt:mark"),
    "an unknown prefix": (body('<o a="{zz:f(.)}"/>'), "is not allowed"),
    "the text method": (body("<o/>", '<xsl:output method="text"/>'), "xsl:output may say"),
    "a doctype": (body("<o/>", '<xsl:output doctype-system="http://127.0.0.1:9/x.dtd"/>'), "xsl:output may say"),
    "a processing instruction": (body('<xsl:processing-instruction name="x"/>'), "is not allowed"),
    "a DTD": ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + body("<o>&e;</o>"), "DOCTYPE"),
    "version 2": (HEAD.replace("1.0", "2.0", 1) + "</xsl:stylesheet>", 'version="1.0"'),
    "a simplified sheet": ('<o xsl:version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>', "the root must be"),
    "a megabyte": (body("<o>" + "x" * (1 << 20) + "</o>"), "larger than"),
    "deep": (body("<o>" * 80 + "</o>" * 80), "nested deeper"),
    "broken XPath": (body('<xsl:value-of select="r/["/>'), "map.xsl"),
    "no about": (OPENING + '<xsl:template match="/"><o/></xsl:template></xsl:stylesheet>', "<lt:about>"),
    "a drop without a reason": (body("<o/>", '<lt:dropped path="a"/>'), "says why"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_wrong_stylesheet_is_refused_when_it_is_loaded(make: Callable[..., XslMapping], case: str) -> None:
    sheet, words = HOSTILE[case]
    begun = time.process_time()
    with pytest.raises(Misconfigured, match=words):
        make(sheet)
    assert time.process_time() - begun < 2


ROWS = "<r>" + "<x>aaaaaaaaaa</x>" * 4000 + "</r>"
BOMBS = {
    "endless work": body('<o><xsl:value-of select="count(//x[count(//x[count(//x[. != current()]) > 0]) > 0])"/></o>'),
    "endless recursion": body('<o><xsl:call-template name="t"/></o>').replace(
        "</xsl:stylesheet>", '<xsl:template name="t"><xsl:call-template name="t"/></xsl:template></xsl:stylesheet>'
    ),
    "endless output": body(
        '<o><xsl:for-each select="//x"><xsl:for-each select="//x"><xsl:for-each select="//x"><y>aaaaaaaaaaaaaaaa</y></xsl:for-each>'
        "</xsl:for-each></xsl:for-each></o>"
    ),
    "a doubling text": body('<xsl:call-template name="t"><xsl:with-param name="s" select="string(r)"/></xsl:call-template>').replace(
        "</xsl:stylesheet>",
        '<xsl:template name="t"><xsl:param name="s"/><xsl:call-template name="t"><xsl:with-param name="s" select="concat($s, $s)"/>'
        "</xsl:call-template></xsl:template></xsl:stylesheet>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BOMBS)
def test_a_sheet_that_takes_too_much_is_stopped_and_the_next_document_goes_on(
    make: Callable[..., XslMapping], case: str
) -> None:
    good = make(body("<o/>"))
    bomb = make(BOMBS[case])
    begun = time.monotonic()
    with pytest.raises(Refused) as refused:
        bomb.translate(ROWS)
    assert refused.value.faults[0].code in {"mapping-too-slow", "mapping-failed", "stylesheet-failed", "too-large"}
    assert time.monotonic() - begun < WALL_SECONDS * 3  # the processor is shared
    assert good.translate("<r/>") == "<o/>"


def test_threads_translate_side_by_side_and_none_gets_the_others_document(make: Callable[..., XslMapping]) -> None:
    mapping = make(body('<o><xsl:value-of select="lt:need(r/x)"/></o>'))
    wrong: list[Any] = []

    def run(start: int) -> None:
        for i in range(start, start + 40):
            made = mapping.translate(f"<r><x>{i}</x></r>")
            if made != f"<o>{i}</o>":
                wrong.append((i, made))

    threads = [threading.Thread(target=run, args=(n * 1000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ── laws ────────────────────────────────────────────────────────────────────────────────────────────────────

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=8,
)
texts = texts.filter(str.strip)
fields = st.dictionaries(
    texts, st.integers(-(10**15), 10**15) | st.booleans() | texts | st.lists(texts, min_size=1, max_size=3), min_size=1
)
documents = st.dictionaries(texts, fields | texts, min_size=1, max_size=4)


@settings(max_examples=150, deadline=None)
@given(documents)
def test_json_written_as_xml_and_read_back_by_its_schema_is_the_same(document: Any) -> None:
    reading = Reading(write_element("view", document), infer([document]))
    assert reading.faults == []
    assert reading.value == document


@given(st.text("ab:(),'\"[]./ ", max_size=40))
def test_any_expression_can_be_looked_through_for_calls(expression: str) -> None:
    for call in read_calls(expression):
        assert expression[call.argument - 1 :] or call.arguments
        assert 0 <= call.start <= call.end <= len(expression)

"""Translating: the rules of a map.yaml and a stylesheet, each with the same work to do, against reading and writing alone.

A document of 1, 10 and 100 KB is a dossier with so many papers; each paper has a name with a limit, a kind by a code table and a time to be
written anew. Bytes in, bytes out: reading and writing are part of every figure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lxml import etree

from gateway.codes import CsvCodes
from gateway.xml import read_xml, write_xml
from mappings.engine import YamlMapping
from mappings.engine.stylesheet import Stylesheet
from mappings.engine.xsl import XslMapping

SIZES = (1, 10, 100)  # KB
RULES = """\
about: đo tốc độ
source: samples
fields:
  MaHoSo: code | form(dossier_code)
  ChuHoSo: name | max(500)
  NgayNop: at | time(yyyyMMddHHmmss)
  TaiLieu:
    each: papers
    fields:
      Ten: name | max(200)
      Loai: kind | code(kind)
      Ngay: at | time(yyyyMMddHHmmss)
      DuongDan: url
"""
SHEET = """\
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:lt="urn:lienthong:mapping" exclude-result-prefixes="lt">
  <lt:about>đo tốc độ</lt:about>
  <xsl:template match="/dossier">
    <HoSo>
      <MaHoSo><xsl:value-of select="lt:form(code, 'dossier_code')"/></MaHoSo>
      <ChuHoSo><xsl:value-of select="lt:max(name, 500)"/></ChuHoSo>
      <NgayNop><xsl:value-of select="lt:time(at, 'yyyyMMddHHmmss')"/></NgayNop>
      <xsl:for-each select="papers">
        <TaiLieu>
          <Ten><xsl:value-of select="lt:max(name, 200)"/></Ten>
          <Loai><xsl:value-of select="lt:code(kind, 'kind')"/></Loai>
          <Ngay><xsl:value-of select="lt:time(at, 'yyyyMMddHHmmss')"/></Ngay>
          <DuongDan><xsl:value-of select="lt:need(url)"/></DuongDan>
        </TaiLieu>
      </xsl:for-each>
    </HoSo>
  </xsl:template>
</xsl:stylesheet>
"""
BARE = SHEET.replace("lt:need(url)", "url")  # the same without a single function of ours
for call, value in (("form(code, 'dossier_code')", "code"), ("max(name, 500)", "name"), ("time(at, 'yyyyMMddHHmmss')", "at"),
                    ("max(name, 200)", "name"), ("code(kind, 'kind')", "kind")):  # fmt: skip
    BARE = BARE.replace(f"lt:{call}", value)
CODES = "table,from,to\nkind,original,1\nkind,copy,2\n"
SOME = 0.05  # seconds of measuring
ROUNDS = 8

Job = Callable[[bytes], Any]


class Bench:
    """`run` gives figures: name, size in KB, µs a document; and ratios to the floor of the same language and size."""

    def run(self) -> dict[str, Any]:
        with TemporaryDirectory() as folder:
            jobs = _jobs(Path(folder))
            documents = {(kind, size): _document(kind, size) for kind in ("json", "xml") for size in SIZES}
            best = {(kind, name, size): float("inf") for size in SIZES for kind, name, _ in jobs}
            for _ in range(ROUNDS):  # each has its turn in every round: the machine is shared
                for kind, name, job in jobs:
                    for size in SIZES:
                        spent = _measure(job, documents[kind, size])
                        best[kind, name, size] = min(best[kind, name, size], spent)
        figures = [
            {"name": name, "size": size, "us": spent, "ratio": spent / best[kind, f"{kind} floor", size]}
            for (kind, name, size), spent in best.items()
        ]
        return {"figures": figures}


def _jobs(folder: Path) -> list[tuple[str, str, Job]]:
    codes = CsvCodes(folder)
    for name, file, text in (("rules", "map.yaml", RULES), ("sheet", "map.xsl", SHEET)):
        (folder / name).mkdir()
        (folder / name / file).write_text(text, encoding="utf-8")
        (folder / name / "codes.csv").write_text(CODES, encoding="utf-8")
    rules, sandboxed = YamlMapping(folder / "rules", codes), XslMapping(folder / "sheet", codes)
    sheet = Stylesheet({"map.xsl": SHEET.encode(), "codes.csv": CODES.encode()}, "sheet", codes)
    bare = Stylesheet({"map.xsl": BARE.encode()}, "bare", codes)
    return [
        ("json", "json floor", lambda data: json.dumps(json.loads(data)).encode()),
        ("json", "rules", lambda data: json.dumps(rules.translate(json.loads(data))).encode()),
        ("xml", "xml floor", lambda data: etree.tostring(etree.fromstring(data))),
        ("xml", "safe reader", lambda data: write_xml(read_xml(data))),
        ("xml", "stylesheet, plain", lambda data: bare.run(data).value.encode()),
        ("xml", "stylesheet", lambda data: sheet.run(data).value.encode()),
        ("xml", "stylesheet, sandboxed", lambda data: sandboxed.translate(data).encode()),
    ]


def _measure(job: Job, document: bytes) -> float:
    """Microseconds a document, over a short while."""
    job(document)
    count, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < SOME or count < 3:
        job(document)
        count += 1
    return spent / count * 1e6


def _document(kind: str, size: int) -> bytes:
    """A dossier of about `size` KB."""
    papers: list[dict[str, str]] = []
    while len(data := _written(kind, papers)) < size * 1000 - 100:
        i = len(papers)
        papers.append({
            "name": f"Giấy tờ số {i} của hồ sơ.pdf", "kind": ("original", "copy")[i % 2], "at": f"2026-01-05T08:{i % 60:02}:00Z",
            "url": f"https://tep.vi-du.vn/{i:08}",
        })  # fmt: skip
    return data


def _written(kind: str, papers: list[dict[str, str]]) -> bytes:
    head = {"code": "000.00.01.H99-260105-0001", "name": "Trần Thị B", "at": "2026-01-05T08:15:00Z"}
    if kind == "json":
        return json.dumps({**head, "papers": papers}, ensure_ascii=False).encode()
    root = etree.Element("dossier")
    for name, value in head.items():
        etree.SubElement(root, name).text = value
    for paper in papers:
        element = etree.SubElement(root, "papers")
        for name, value in paper.items():
            etree.SubElement(element, name).text = value
    return write_xml(root)

"""A translating process counted what its parent had held as its own: a worker above 256 MiB started a new process for every document."""

from __future__ import annotations

import subprocess
import sys

from tests.unit.test_stylesheets import body

PROGRAM = """
import sys
from mappings.engine.sandbox import Sandbox, Sheet
ballast = b"x" * (300 << 20)
sheet = Sheet("v1", "thu", {"map.xsl": sys.argv[1].encode()}, None)
box, seen = Sandbox(), set()
for _ in range(5):
    box.ask(sheet, b"B", b"<r>1</r>")
    process = box._free.queue[-1]
    seen.add(process._process.pid if process else None)
assert len(seen) == 1 and None not in seen, seen
"""


SHEET = body('<o><xsl:value-of select="r"/></o>')


def test_a_large_worker_keeps_its_translating_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, SHEET], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr

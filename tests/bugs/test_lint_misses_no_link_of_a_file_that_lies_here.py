"""Uploaded files have a link of ours when they leave; `lint` made none and called every one of them missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from click.testing import CliRunner

from gateway.cli.main import root
from gateway.config import default_folder
from tests.unit.test_kpi import FILE, whole


def test_lint_misses_no_link_of_a_file_that_lies_here(tmp_path: Path, addresses: None) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    here = {name: value for name, value in FILE.items() if name != "url"} | {"sha256": "ab" * 32}
    file = tmp_path / "messages.json"
    file.write_text(json.dumps(whole(attachments=[here])), encoding="utf-8")
    told = CliRunner().invoke(root, ["lint", str(file), "--json", "--home", str(tmp_path)])
    assert json.loads(told.output)["refused"] == []

"""Driving licences, transport and social protection as partners of a real gateway: their files and routes are those of the connectors' READMEs."""

from __future__ import annotations

import re
from pathlib import Path

from tests.civil import add_block

ROOT = Path(__file__).resolve().parents[1]
SECRETS = {"LIENTHONG_BTXH_URL": "http://127.0.0.1:9", "LIENTHONG_BTXH_KEY": "khoa-thu"}


def add_readme(home: Path, connector: str) -> None:
    """Write the partner file and the routes that a connector's README tells of into a home."""
    text = (ROOT / "connectors" / connector / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S):
        add_block(home, block)

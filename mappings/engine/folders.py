"""Mapping folders: which there are, and which of the two languages each is written in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import Misconfigured
from gateway.ports import Codes, Translation
from mappings.engine.mapping import SHEET, YamlMapping

if TYPE_CHECKING:
    from mappings.engine.xsl import XslMapping

XSL_SHEET = "map.xsl"


def load(folder: Path | None, codes: Codes) -> Mapping[str, Translation]:
    """Every mapping below `folder` by its name; None is the folder of the installed `mappings` package. Raises `Misconfigured`."""
    home = folder or Path(__file__).resolve().parent.parent
    if not home.is_dir():
        raise Misconfigured(f"{home}: there is no such folder of mappings")
    return {one.name: read_mapping(one, codes) for one in mapping_folders(home)}


def mapping_folders(home: Path) -> Iterator[Path]:
    """The folders below `home` that hold a mapping, by name."""
    for folder in sorted(home.iterdir()):
        if (folder / SHEET).exists() or (folder / XSL_SHEET).exists():
            yield folder


def read_mapping(folder: Path, codes: Codes) -> YamlMapping | XslMapping:
    """Raises `Misconfigured`."""
    if not (folder / XSL_SHEET).exists():
        return YamlMapping(folder, codes)
    if (folder / SHEET).exists():
        raise Misconfigured(f"{folder}: both {SHEET} and {XSL_SHEET} are there: keep one")
    from mappings.engine.xsl import XslMapping  # lxml only where a stylesheet is used

    return XslMapping(folder, codes)

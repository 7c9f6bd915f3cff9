"""What a partner's word for a status may mean when it is asked how a dossier stands: the same table by which its own news is read."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path


def read_meanings(folder: Path) -> Mapping[str, Sequence[int]]:
    """Their word → those of our statuses that it may mean, from the statuses.toml in a connector's folder.

    That is `ours`; in a row that tells nothing new, `asked`. A word that is for a person to read means none.
    """
    table = tomllib.loads((folder / "statuses.toml").read_text(encoding="utf-8"))
    return {row["theirs"]: _meant(row["ours"], row.get("asked", ())) for row in table["status"]}


def _meant(ours: int | str, asked: Sequence[int]) -> Sequence[int]:
    return (ours,) if isinstance(ours, int) else tuple(asked)

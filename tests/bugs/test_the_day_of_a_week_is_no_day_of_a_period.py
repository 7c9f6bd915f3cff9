"""`from=2026-W05-4` was taken for a day of ten characters; the description of the API says that a day is written 2026-01-29."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bugs.test_figures_are_asked_for_with_moderation import home  # noqa: F401
from tests.conftest import Time
from tests.door import faults, open_door


@pytest.mark.parametrize("path", ["statistics", "delays"])
def test_it_is_refused_with_its_parameter(home: Path, time: Time, path: str) -> None:  # noqa: F811
    with open_door(home, time) as door:
        refused = door.get(f"/api/v1/{path}?from=2026-W05-4&to=2026-01-31")

        assert (refused.status_code, faults(refused)) == (400, {"?from": "parameter"})
        assert door.get(f"/api/v1/{path}?from=2026-01-29&to=2026-01-31").status_code == 200

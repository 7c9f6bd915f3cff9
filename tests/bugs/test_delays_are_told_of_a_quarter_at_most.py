"""The bound of 93 days for delays was documented and passed along, and the check used that of the statistics: ten years."""

from __future__ import annotations

from pathlib import Path

from tests.bugs.test_figures_are_asked_for_with_moderation import home  # noqa: F401
from tests.conftest import Time
from tests.door import faults, open_door


def test_delays_of_93_days_are_told_and_of_94_are_not(home: Path, time: Time) -> None:  # noqa: F811
    with open_door(home, time) as door:
        assert door.get("/api/v1/delays?from=2026-01-01&to=2026-04-03").status_code == 200
        refused = door.get("/api/v1/delays?from=2026-01-01&to=2026-04-04")

        assert (refused.status_code, faults(refused)) == (400, {"?to": "parameter"})
        assert "92" in refused.json["faults"][0]["detail_en"]  # type: ignore[index]
        assert door.get("/api/v1/statistics?from=2026-01-01&to=2026-04-04").status_code == 200

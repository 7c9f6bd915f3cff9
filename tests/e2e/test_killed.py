"""The promise under kill -9. The full run is a script: ``python -m tests.e2e.killing --dossiers 2000``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.killing import tell


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_thousand_dossiers_survive_being_killed_at_random_moments(tmp_path: Path) -> None:
    story = tell(dossiers=2000, kills=30, seed=20260105, folder=tmp_path)

    assert story.differences == []
    assert story.messages == 8000
    assert sum(story.kills.values()) >= 10

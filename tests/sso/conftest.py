"""A province for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import Province, open_province


@pytest.fixture
def province(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Province]:
    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch) as made:
        yield made


@pytest.fixture
def province_on_each(
    tmp_path: Path, addresses: None, time: Time, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Province]:
    """On SQLite and on PostgreSQL."""
    with open_province(tmp_path, time, ledger_url, monkeypatch) as made:
        yield made

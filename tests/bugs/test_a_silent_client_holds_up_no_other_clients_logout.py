"""Logouts are told twenty a beat, the oldest first: one client that is away, with hundreds of them due, took every beat for itself, eight seconds
a call, and the others' people stayed signed in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import Province, open_province
from tests.sso.test_logging_out import Listener, listener  # noqa: F401


@pytest.fixture
def province(
    tmp_path: Path,
    addresses: None,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    listener: Listener,  # noqa: F811
) -> Iterator[Province]:
    """The portal listens; nothing listens at the one-stop's address."""

    def change(home: Path) -> None:
        for name, url in (("one-stop-web", "http://127.0.0.1:9/logout"), ("portal-web", listener.url)):
            file = home / "config" / "clients" / f"{name}.toml"
            file.write_text(file.read_text(encoding="utf-8") + f'backchannel_logout_uri = "{url}"\n', encoding="utf-8")

    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as made:
        yield made


def test_one_call_a_beat_finds_out_that_it_is_away(province: Province, listener: Listener) -> None:  # noqa: F811
    now = province.time()
    with province.store.write() as rows:
        for number in range(60):
            rows.add("notices", client="one-stop-web", session=f"s-{number}", sub="a", due_at=now, tries=0)
        rows.add("notices", client="portal-web", session="s-60", sub="b", due_at=now, tries=0)

    assert province.signon.leaving.tell() == 1

    assert len(listener.tokens) == 1
    with province.rows() as rows:
        waiting = rows.all("notices", ended_at=None)
    assert {row["client"] for row in waiting} == {"one-stop-web"}
    assert all(row["due_at"] > now and row["tries"] == 1 for row in waiting), "they come again"
    assert sum(row["outcome"].startswith("not called") for row in waiting) == 59

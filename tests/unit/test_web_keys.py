"""Keys in the ledger, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import NotFound
from gateway.ledger import Ledger, open_ledger
from gateway.ledger.keys import add_key, digest_of, disable_key, find_key, list_keys, rotate_key, signing_secret

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def sign(purpose: str, text: str) -> str:
    return f"{purpose}:{text}"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = open_ledger(ledger_url)
    yield opened
    opened.close()


def test_a_bearer_key_is_kept_as_a_digest_and_shown_whole_once(ledger: Ledger) -> None:
    with ledger.write() as connection:
        key_id, shown = add_key(connection, "one-stop", "bearer", "máy chủ chính", NOW)
        row = find_key(connection, key_id)
    assert row is not None
    assert shown.startswith(f"lt_{key_id}_")
    assert row.digest == digest_of(shown.split("_", 2)[2])
    assert (row.partner, row.note, row.created_at, row.good(NOW)) == ("one-stop", "máy chủ chính", NOW, True)


def test_a_signing_key_is_derived_and_nothing_of_it_is_kept(ledger: Ledger) -> None:
    with ledger.write() as connection:
        key_id, shown = add_key(connection, "portal", "hmac", None, NOW, sign=sign)
        row = find_key(connection, key_id)
        assert row is not None
        assert shown == signing_secret(sign, key_id, row.digest)
        with pytest.raises(ValueError, match="give `sign`"):
            add_key(connection, "portal", "hmac", None, NOW)
        with pytest.raises(ValueError, match="bearer or hmac"):
            add_key(connection, "portal", "basic", None, NOW)


def test_a_key_ends_when_it_is_disabled_or_its_time_is_over(ledger: Ledger) -> None:
    with ledger.write() as connection:
        key_id, _ = add_key(connection, "portal", "bearer", None, NOW, NOW + timedelta(days=1))
        row = find_key(connection, key_id)
        assert row is not None
        assert [row.good(NOW + timedelta(hours=h)) for h in (23, 24)] == [True, False]
        disable_key(connection, key_id, NOW)
        disable_key(connection, key_id, NOW + timedelta(hours=1))
        row = find_key(connection, key_id)
    assert row is not None
    assert (row.disabled_at, row.good(NOW)) == (NOW, False)


def test_rotating_makes_a_key_of_the_same_term_and_ends_the_old_one(ledger: Ledger) -> None:
    with ledger.write() as connection:
        old, _ = add_key(connection, "portal", "bearer", "n", NOW, NOW + timedelta(days=90))
        later = NOW + timedelta(days=80)
        new, _ = rotate_key(connection, old, later, later + timedelta(days=1))
        rows = {row.id: row for row in list_keys(connection, "portal")}
    assert rows[old].expires_at == later + timedelta(days=1)
    assert rows[new].expires_at == later + timedelta(days=90)
    assert (rows[new].kind, rows[new].note) == ("bearer", "n")


def test_rotating_never_prolongs_a_key(ledger: Ledger) -> None:
    with ledger.write() as connection:
        old, _ = add_key(connection, "portal", "bearer", None, NOW, NOW + timedelta(hours=1))
        rotate_key(connection, old, NOW, NOW + timedelta(days=30))
        row = find_key(connection, old)
    assert row is not None
    assert row.expires_at == NOW + timedelta(hours=1)


def test_a_key_that_does_not_exist_is_not_found(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert find_key(connection, "000000000000") is None
        with pytest.raises(NotFound):
            disable_key(connection, "000000000000", NOW)
        with pytest.raises(NotFound):
            rotate_key(connection, "000000000000", NOW, NOW)


def test_lists_are_by_age_and_by_partner(ledger: Ledger) -> None:
    with ledger.write() as connection:
        first, _ = add_key(connection, "portal", "bearer", None, NOW)
        second, _ = add_key(connection, "one-stop", "bearer", None, NOW + timedelta(seconds=1))
        assert [row.id for row in list_keys(connection)] == [first, second]
        assert [row.id for row in list_keys(connection, "one-stop")] == [second]

"""Signing keys: published before use, kept while tokens live, the same in every process."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.ledger import open_ledger
from gateway.ledger.signon import SignOnLedger, forget_grants
from sso.keys import BadToken, Keys
from sso.vault import Vault
from tests.conftest import Time


def make(url: str, time: Time) -> Keys:
    vault = Vault(lambda purpose: purpose.encode().ljust(32, b"0")[:32])
    store = SignOnLedger(open_ledger(url))
    return Keys(store, vault, time, lead=timedelta(hours=1), lives=timedelta(days=1), age=timedelta(days=90))


def kids(keys: Keys) -> set[str]:
    return {key["kid"] for key in keys.published()["keys"]}


def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays_while_its_tokens_live(
    ledger_url: str, time: Time
) -> None:
    keys = make(ledger_url, time)
    before = keys.sign({"a": 1}, "ES256", "at+jwt")
    old = kids(keys)

    with keys._store.write() as rows:
        keys.rotate(rows)
    assert len(kids(keys)) == 4
    assert keys.sign({"a": 1}, "ES256", "at+jwt").split(".")[0] == before.split(".")[0], "caches have not heard of it"
    time.move(hours=1, seconds=1)
    after = keys.sign({"a": 2}, "ES256", "at+jwt")
    assert after.split(".")[0] != before.split(".")[0]
    assert keys.verify(before, "at+jwt") == {"a": 1}
    time.move(days=1)

    assert kids(keys).isdisjoint(old)
    assert keys.verify(after, "at+jwt") == {"a": 2}


def test_keys_are_rotated_by_plan_once(ledger_url: str, time: Time) -> None:
    keys = make(ledger_url, time)
    keys.be_ready()
    time.move(days=91)

    with keys._store.write() as rows:
        assert keys.rotate_if_old(rows)
    with keys._store.write() as rows:
        assert not keys.rotate_if_old(rows)


def test_two_processes_share_their_first_keys(ledger_url: str, time: Time) -> None:
    one, two = make(ledger_url, time), make(ledger_url, time)

    token = one.sign({"a": 1}, "RS256", "JWT")

    assert two.verify(token, "JWT") == {"a": 1}
    assert all("d" not in key for key in two.published()["keys"])


def test_after_a_copy_was_put_back_its_keys_are_good_no_longer_and_new_ones_are_made_once(
    ledger_url: str, time: Time
) -> None:
    keys = make(ledger_url, time)
    stolen = keys.sign({"a": 1}, "ES256", "at+jwt")
    before = kids(keys)
    time.move(hours=1)

    with open_ledger(ledger_url).write() as connection:
        forget_grants(connection, time())
    keys.forget()

    with pytest.raises(BadToken):
        keys.verify(stolen, "at+jwt")
    other = make(ledger_url, time)
    assert other.verify(keys.sign({"a": 2}, "ES256", "at+jwt"), "at+jwt") == {"a": 2}
    assert kids(keys) == kids(other)
    assert len(kids(keys)) == 2
    assert not before & kids(keys)

"""What an agency may do at the broker: laws of the patterns. That RabbitMQ reads them so, a real server shows (integration/test_amqp_rights)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.memory_bus import topic_fits
from gateway.channels.permissions import covers, permission
from gateway.config import Amqp, PartnerFile

words = st.sampled_from(["dossier", "H99", "1-001193", "9", "a-b"])
patterns = st.lists(words | st.sampled_from(["*", "#"]), min_size=1, max_size=5).map(".".join)
keys = st.lists(words, min_size=1, max_size=6).map(".".join)


def partner(**amqp: object) -> PartnerFile:
    return PartnerFile(id="so-y-te", name="", name_en="", connector="x", amqp=Amqp.model_validate(amqp))


@given(patterns, patterns, keys)
def test_what_may_be_bound_brings_nothing_that_may_not_be_read(allowed: str, bound: str, key: str) -> None:
    if covers(allowed, bound) and topic_fits(bound.split("."), key.split(".")):
        assert topic_fits(allowed.split("."), key.split("."))


@given(patterns)
def test_what_is_given_may_be_bound(allowed: str) -> None:
    assert covers(allowed, allowed)


@given(patterns, keys)
def test_one_key_of_those_given_may_be_bound(allowed: str, key: str) -> None:
    if topic_fits(allowed.split("."), key.split(".")) and not allowed.startswith("#"):
        assert covers(allowed, key)


@given(st.text(max_size=12))
def test_no_text_slips_through_a_key(text: str) -> None:
    assert not covers("dossier.H99.*", text) or re.fullmatch(r"dossier\.H99\.([A-Za-z0-9_-]+|\*)\n?", text)


@pytest.mark.parametrize(
    "name", ["send.so-y-te2", "xsend.so-y-te", "send.so-y-t", "sendxso-y-te", "amq.default", "", "dossier"]
)
def test_no_other_name_may_be_written(name: str) -> None:
    assert not re.search(permission(partner(inbox=True, events=["#"])).write, name)


def test_who_may_do_nothing_gets_nothing() -> None:
    rights = permission(partner())
    assert not any(
        re.search(r, n) for r in (rights.write, rights.read, rights.bind) for n in ("send.so-y-te", "dossier", "#")
    )


def test_nobody_reads_an_inbox_and_nobody_declares() -> None:
    rights = permission(partner(inbox=True, events=["#"]))
    assert not re.search(rights.read, "inbox.so-y-te")
    assert not re.search(rights.configure, "inbox.so-y-te")


@pytest.mark.parametrize(
    "key", ["", ".", "dossier..9", "dossier.a b", "dossier.a*", "dossier.#x", "x" * 256, "dossier.\n"]
)
def test_a_key_that_is_none_is_refused_when_the_file_is_read(key: str) -> None:
    with pytest.raises(ValueError, match=r"events"):
        partner(events=[key])

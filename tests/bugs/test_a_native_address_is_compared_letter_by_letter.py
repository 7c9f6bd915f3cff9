"""The address of a native client was compared after parsing, which drops line ends, tabs and an empty fragment: 500, or an answer to an
address that was never registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Time
from tests.sso.test_public_clients import NATIVE, open_with

ODD = [
    "http://127.0.0.1:1\n/cb",
    "http://127.0.0.1:1\t/cb",
    "http://127.0.0.1/cb\n",
    "ht\ntp://127.0.0.1/cb",
    " http://127.0.0.1/cb",
    "\x01http://127.0.0.1/cb",
    "http://127.0.0.1:49152/cb#",
    "http://127.0.0.1:49152/cb?",
    "http://127.0.0.1:/cb",
    "http://127.0.0.1:0/cb",
    "http://127.0.0.1:٣/cb",
    "HTTP://127.0.0.1:1/cb",
]


def test_only_the_port_of_a_loopback_address_may_differ(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_with(NATIVE, tmp_path, time, monkeypatch) as province:
        asked = [province.ask("may-ban", redirect_uri=back, scope="openid", prompt="none") for back in ODD]

        answers = [province.browser().step(url) for url in asked]

        assert [(a.status, a.headers.get("location")) for a in answers] == [(400, None)] * len(ODD)

"""One login for all threads, whatever becomes of it; and files inside documents."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway import inline
from gateway.errors import Refused, TryLater, Unclassified
from gateway.sessions import Sessions

MANY = 8


class Door:
    """A partner's login: counts, may fail, and holds those who come until all are there."""

    def __init__(self) -> None:
        self.logins = 0
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.time = 0.0

    def log_in(self) -> tuple[str, float]:
        self.gate.wait(5)
        self.logins += 1
        self.time += 1  # a login takes a second
        if self.failure is not None:
            raise self.failure
        return f"s-{self.logins}", 10


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def sessions(door: Door) -> Sessions:
    return Sessions(door.log_in, lambda: door.time)


def together(door: Door, call: Callable[[], str]) -> list[Any]:
    """What each of many threads got that came during one login."""
    door.gate.clear()

    def one(_: int) -> Any:
        try:
            return call()
        except TryLater as fault:
            return fault.reason

    with ThreadPoolExecutor(MANY) as pool:
        found = [pool.submit(one, n) for n in range(MANY)]
        threading.Timer(0.3, door.gate.set).start()
        return [future.result() for future in found]


def test_those_who_come_during_a_login_share_what_it_gave(door: Door, sessions: Sessions) -> None:
    assert together(door, sessions.get) == ["s-1"] * MANY
    assert door.logins == 1


def test_those_who_come_during_a_login_share_its_failure_and_the_next_tries_again(
    door: Door, sessions: Sessions
) -> None:
    door.failure = TryLater("đóng cửa")
    assert together(door, sessions.get) == ["đóng cửa"] * MANY
    assert door.logins == 1

    door.failure = None
    assert sessions.get() == "s-2"


def test_a_failure_of_long_ago_is_told_to_nobody(door: Door, sessions: Sessions) -> None:
    door.failure = TryLater("đóng cửa")
    with pytest.raises(TryLater):
        sessions.get()
    door.failure = Unclassified("lạ")
    with pytest.raises(Unclassified):
        sessions.get()
    assert sessions._failure is None


def test_a_session_is_used_until_its_time_is_over_counted_from_before_the_login(door: Door, sessions: Sessions) -> None:
    assert sessions.get() == "s-1"  # asked for at 0
    door.time = 9.9
    assert sessions.get() == "s-1"
    door.time = 10
    assert sessions.get() == "s-2"


def test_a_refused_session_is_replaced_once_however_many_were_refused_with_it(door: Door, sessions: Sessions) -> None:
    stale = sessions.get()
    assert together(door, lambda: sessions.renew(stale)) == ["s-2"] * MANY
    assert sessions.renew(sessions.current) == "s-3"


@pytest.mark.parametrize(
    ("text", "code"), [(None, "base64"), ("không", "base64"), (7, "base64"), ("", "size"), (b64encode(b"12345").decode(), "size")]
)  # fmt: skip
def test_what_is_no_file_is_refused_at_its_place(text: Any, code: str) -> None:
    with pytest.raises(Refused) as refused:
        inline.decode(text, "/tep", 4)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/tep", code)]


def test_a_file_is_named_by_its_content_and_known_by_its_first_bytes() -> None:
    content = inline.decode(b64encode(b"%PDF-1.4").decode(), "", 8)
    assert inline.name_of(content)["media_type"] == "application/pdf"
    assert inline.name_of(b"PDF")["media_type"] == "application/octet-stream"
    assert len(inline.name_of(content)["sha256"]) == 64

"""A clash of two requests is a kind of absence of the ledger; it was answered as the absence: wait long, when to send again at once is right."""

from __future__ import annotations

from flask import Flask

from gateway.ledger.opening import Clash, LedgerAway
from gateway.web.problems import answer_error


def test_who_clashed_may_come_again_at_once() -> None:
    with Flask(__name__).test_request_context():
        clash, away = answer_error(Clash("deadlock")), answer_error(LedgerAway("no route"))

    assert (clash.status_code, away.status_code) == (503, 503)
    assert clash.headers["Retry-After"] == "1"
    assert b"came first" in clash.data
    assert b"came first" not in away.data

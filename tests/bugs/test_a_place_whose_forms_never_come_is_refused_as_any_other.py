"""Forms of strangers have a few places among them. Whoever sent his too slowly, or one without end, was refused but never counted: with as many
connections as there are places he kept every client from the token endpoint for as long as he liked."""

from __future__ import annotations

from werkzeug.test import TestResponse

from tests.sso.conftest import province
from tests.sso.kit import ISSUER, Province

__all__ = ["province"]
FORM = "application/x-www-form-urlencoded"


def endless(province: Province, path: str) -> TestResponse:
    return province.door.client.post(path, data=b"grant_type=" + b"x" * 70_000, base_url=ISSUER, content_type=FORM)


def test_after_some_of_them_nothing_more_is_read_from_there(province: Province) -> None:
    paths = ["/sso/token", "/sso/authorize"] * 11

    answers = [endless(province, path).status_code for path in paths]

    assert (answers[:20], answers[20:]) == ([413] * 20, [429, 429])
    assert [row["detail"] for row in province.events("refused")] == [f"{path}: too-large" for path in paths[:20]]
    province.time.move(seconds=120)
    assert province.redeem("x").status_code == 400, "he is let in again"

"""Twins broke off the connection on bodies they could not read; a caller then saw a lost answer instead of a refusal."""

from __future__ import annotations

from base64 import b64encode

import pytest

from connectors.mapi.simulator import PortalTwin
from connectors.one_stop_rest.simulator import OneStopTwin
from connectors.vnpost_hcc.simulator import VnpostTwin
from gateway.simulation import Request

BODIES = [b"", b"\xff\xfe", b"[" * 100_000, b"null", b"5", b"NaN", b"[]", b'{"type": []}', b'{"service": {}}']
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_the_portals_twin_refuses(body: bytes) -> None:
    headers = {"dstcode": "VN:GOV:000.00.00.G22:dvcqg", "content-type": "application/json", "charset": "utf-8"}
    for path in ("/mapi/login", "/mapi/g"):
        assert str(PortalTwin().answer(Request("POST", path, {}, headers, body)).body["error_code"]) == "-1"


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_the_one_stop_twin_refuses(body: bytes) -> None:
    headers = {"authorization": "Bearer khoa-mot-cua", "content-type": "application/json", "idempotency-key": "k-1"}
    assert OneStopTwin().answer(Request("POST", "/messages", {}, headers, body)).status in (400, 422)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_the_posts_twin_refuses(body: bytes) -> None:
    twin, account = VnpostTwin(), "Basic " + b64encode(b"khoa-thu:mat-thu").decode()
    form = {"authorization": account, "content-type": FORM}
    assert twin.answer(Request("POST", "/token", {}, form, body)).status == 400
    token = twin.answer(Request("POST", "/token", {}, form, b"grant_type=client_credentials")).body["access_token"]
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    assert twin.answer(Request("POST", "/order", {}, headers, body)).status == 400

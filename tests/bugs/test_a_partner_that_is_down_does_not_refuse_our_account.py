"""A portal that answered every call with 503 was told of as one that refuses our credentials: a page at the sign-in had no code of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connectors.edxml.client import Client as TrunkClient
from connectors.mapi.client import Client as MapiClient
from connectors.mapi.settings import Settings as MapiSettings
from gateway.dialect.auth import OAuth2, log_in
from gateway.errors import TryLater
from gateway.flow.signs import AWAY, Lookout
from gateway.http import Http
from gateway.simulation import Request, Response, Serve, Twin
from tests.conftest import Time
from tests.connectors import (
    test_bttt_profile,
    test_dvclt,
    test_edxml,
    test_hotich_btp,
    test_mapi,
    test_msync,
    test_vnpost_hcc,
)
from tests.house import House, dossier

PAGE = "<html><body><h1>Hệ thống đang bảo trì</h1></body></html>"


class Says(Twin):
    """The same to everything."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__()
        self.said = Response(status, body=body)

    def answer(self, request: Request) -> Response:
        return self.said


def by_mapi(url: str) -> None:
    MapiClient(MapiSettings.model_validate({**test_mapi.ACCOUNT, "url": url})).log_in_again()


def by_dialect(url: str) -> None:
    account = {"kind": "oauth2", "token_url": f"{url}/token", "client_id": "khoa", "client_secret": "mat"}
    log_in(Http(base_url=url, connect_timeout=5, total_timeout=5), OAuth2.model_validate(account))


def by_token(made: Any) -> Callable[[str], None]:
    return lambda url: made.Client(made.settings(url), made.OUTCOMES).ask_for_token()


def by_trunk(url: str) -> None:
    TrunkClient(test_edxml.settings(url, "province"), test_edxml.OUTCOMES).agencies()


SIGN_INS = {
    "mapi": by_mapi,
    "dialect": by_dialect,
    "edxml": by_trunk,
    **{
        made.__name__.rpartition("test_")[2]: by_token(made)
        for made in (test_bttt_profile, test_dvclt, test_hotich_btp, test_msync, test_vnpost_hcc)
    },
}


@pytest.fixture
def refusal(request: pytest.FixtureRequest) -> Iterator[Callable[[str, int, Any], TryLater]]:
    """What the sign-in of a connector raises where everything is answered so."""
    served: list[Serve] = []

    def refused(connector: str, status: int, body: Any) -> TryLater:
        served.append(Serve(Says(status, body)))
        with pytest.raises(TryLater) as caught:
            SIGN_INS[connector](served[-1].start())
        return caught.value

    yield refused
    for one in served:
        one.stop()


Refusal = Callable[[str, int, Any], TryLater]


@pytest.mark.parametrize("connector", SIGN_INS)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, PAGE),
        (502, ""),
        (500, {"error": "server_error", "error_code": -1}),
        (429, {"error": "slow_down"}),
        (200, PAGE),
    ],
    ids=["503, a page", "502, nothing", "500, JSON", "429, JSON", "200, a page"],
)
def test_a_sign_in_that_meets_a_failing_server_or_a_page_is_no_refusal(
    refusal: Refusal, connector: str, status: int, body: Any
) -> None:
    error = refusal(connector, status, body)

    assert AWAY.fullmatch(error.code), (error.code, error.reason)
    assert status == 200 or error.code == str(status)


@pytest.mark.parametrize("connector", SIGN_INS)
@pytest.mark.parametrize(
    ("status", "body"),
    [(401, PAGE), (403, {"error": "access_denied", "error_code": -1})],
    ids=["401, a page", "403, JSON"],
)
def test_a_sign_in_that_is_turned_away_is_one(refusal: Refusal, connector: str, status: int, body: Any) -> None:
    error = refusal(connector, status, body)

    assert not AWAY.fullmatch(error.code), (error.code, error.reason)


def test_an_outage_is_told_as_one_and_sends_nobody_to_look_at_the_account(
    house: House, refusal: Refusal, time: Time
) -> None:
    error = refusal("mapi", 503, PAGE)
    house.partners["portal"].script = [TryLater(error.reason, code=error.code) for _ in range(50)]
    for number in range(1, 7):
        house.accept("one-stop", dossier(number))
    house.work("portal")
    lookout = Lookout(house.gateway)
    time.move(minutes=6)
    assert lookout.look() == []
    time.move(minutes=5)

    [sign] = lookout.look()

    assert (sign.trouble, sign.words[0]) == ("breaker-open", "từ 16:00 05/01/2026 (mã 503); 6 lượt gửi đang chờ")
    assert "tài khoản" not in error.reason
    assert error.reason.startswith("login: HTTP 503")

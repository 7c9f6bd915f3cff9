"""Two first sign-ins of one person at once made two accounts on PostgreSQL, and the second had no identifier: nobody would ever find it again,
and disabling the person left its session alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.sso.conftest import province_on_each
from tests.sso.kit import BACK, Province

__all__ = ["province_on_each"]
TABS = 5


def test_those_who_arrive_together_are_one(province_on_each: Province) -> None:
    province = province_on_each
    gate = Barrier(TABS)
    tabs = [province.browser() for _ in range(TABS)]
    pages = [tab.get(tab.get(province.ask()).link("/vnconnect")) for tab in tabs]

    def arrive(number: int) -> str:
        tab, page = tabs[number], pages[number]
        host = page.url.split("/oauth2")[0]
        back = tab.step(f"{host}/chon", {"ticket": page.field("ticket"), "person": "mau"}).headers["location"]
        gate.wait(30)
        return tab.get(back).url

    with ThreadPoolExecutor(TABS) as pool:
        ended = list(pool.map(arrive, range(TABS)))

    assert [url.startswith(BACK) for url in ended] == [True] * TABS
    with province.rows() as rows:
        (person,) = rows.all("people")
        assert {row["person"] for row in rows.all("sessions")} == {person["id"]}

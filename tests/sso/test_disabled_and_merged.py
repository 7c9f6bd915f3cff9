"""What an administrator ended stays ended: by another account, another browser or a grant from before a merge nobody comes back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import BACK, Browser, Page, Province, open_province
from tests.sso.test_commands import run
from tests.sso.test_people import told


@pytest.fixture
def offline(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Province]:
    """A province whose one-stop may use a sign-in without the person."""

    def change(home: Path) -> None:
        file = home / "config" / "clients" / "one-stop-web.toml"
        file.write_text(
            file.read_text(encoding="utf-8").replace('"staff"]\nconsent', '"staff", "offline_access"]\nconsent')
        )

    time.at = datetime.now(UTC)  # commands go by the clock on the wall
    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as made:
        yield made


def disable(province: Province, person: str) -> None:
    with province.store.write() as rows:
        rows.change("people", {"id": person}, disabled_at=province.time())


def answer(browser: Browser, page: Page, word: str) -> Page:
    return browser.post(page.url, {"token": page.field("token"), "answer": word})


def merge(province: Province) -> tuple[str, str]:
    """`cu`, who has an account, says first no, then yes: (the id that was merged, the one that stays)."""
    browser = province.browser()
    new = told(province, answer(browser, province.sign_in(browser, "moi"), "no"))["sub"]
    answer(browser, province.sign_in(browser, "moi", prompt="login"), "yes")
    with province.rows() as rows:
        (row,) = rows.all("merges")
    assert row["target"] == new
    return row["source"], new


def test_a_disabled_person_opens_no_other_account_with_his_number(province: Province) -> None:
    disable(province, told(province, province.sign_in(province.browser(), "cu"))["sub"])

    page = province.sign_in(province.browser(), "moi")

    assert page.status == 403
    assert "đã bị khóa" in page.text
    assert len(province.events("person_created")) == 1


@pytest.mark.parametrize("word", ["yes", "no"])
def test_an_account_disabled_while_the_question_waits_is_not_taken_over(province: Province, word: str) -> None:
    old = told(province, province.sign_in(province.browser(), "cu"))["sub"]
    browser = province.browser()
    page = province.sign_in(browser, "moi")
    disable(province, old)

    assert answer(browser, page, word).status == 403

    assert province.sign_in(province.browser(), "cu").status == 403
    assert province.events("linked") == []
    assert len(province.events("person_created")) == 1


def test_sessions_and_grants_of_a_merged_account_end_with_the_person(offline: Province) -> None:
    before = offline.browser()
    page = offline.sign_in(before, "cu", scope="openid offline_access")
    granted = offline.redeem(page.query["code"]).json
    assert granted is not None
    source, target = merge(offline)

    with offline.rows() as rows:
        assert rows.all("sessions", person=source) == rows.all("families", person=source) == []
    ended = run(offline, "people", "sign-out", source, "--reason", "mất máy")

    assert "2 phiên" in ended.output, "by its old id too"
    assert "code" not in before.get(offline.ask(prompt="none")).query
    assert offline.refresh(granted["refresh_token"]).json == {"error": "invalid_grant"}
    assert run(offline, "people", "disable", source, "--reason", "thử").exit_code == 0
    with offline.rows() as rows:
        found = offline.signon.people.get(rows, target)
    assert found.disabled


def test_what_was_granted_on_a_merged_account_is_withdrawn_by_its_owner(offline: Province) -> None:
    page = offline.sign_in(offline.browser(), "cu", scope="openid offline_access")
    granted = offline.redeem(page.query["code"]).json
    assert granted is not None
    _, target = merge(offline)

    with offline.store.write() as rows:
        offline.signon.authorizing.withdraw(rows, target, "one-stop-web", "thử")

    assert offline.refresh(granted["refresh_token"]).json == {"error": "invalid_grant"}


@pytest.mark.parametrize("session", [True, False])
def test_a_sign_out_by_an_administrator_ends_what_was_granted_for_later(offline: Province, session: bool) -> None:
    page = offline.sign_in(offline.browser(), scope="openid offline_access")
    assert page.url.startswith(BACK)
    granted = offline.redeem(page.query["code"]).json
    assert granted is not None
    with offline.rows() as rows:
        (row,) = rows.all("sessions")
    only = ("--session", row["id"]) if session else ()

    assert "1 phiên" in run(offline, "people", "sign-out", row["person"], *only, "--reason", "mất máy").output

    assert offline.refresh(granted["refresh_token"]).json == {"error": "invalid_grant"}

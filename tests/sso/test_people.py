"""One person, many identifiers: found, linked after he confirms, merged with history; and what of him stands in the database."""

from __future__ import annotations

from typing import Any

from tests.sso.kit import BACK, PORTAL_BACK, Page, Province


def told(province: Province, page: Page) -> dict[str, Any]:
    answer = province.redeem(page.query["code"]).json
    assert answer is not None
    found: dict[str, Any] | None = province.userinfo(answer["access_token"]).json
    assert found is not None
    return found


def test_the_next_sign_in_finds_the_same_person(province: Province) -> None:
    first = told(province, province.sign_in(province.browser()))
    second = told(province, province.sign_in(province.browser()))

    assert first == second
    assert len(province.events("person_created")) == 1


def test_an_old_account_by_cmnd_and_a_new_one_by_cccd_become_one_when_the_person_confirms(
    province_on_each: Province,
) -> None:
    province = province_on_each
    old = told(province, province.sign_in(province.browser(), "cu"))
    browser = province.browser()

    page = province.sign_in(browser, "moi")

    assert "Đây có phải tài khoản của bạn?" in page.text
    assert "••••••678" in page.text
    assert "012345678" not in page.text
    done = browser.post(page.url, {"token": page.field("token"), "answer": "yes"})
    assert done.url.startswith(BACK)
    assert told(province, done)["sub"] == old["sub"]
    assert "code" in province.sign_in(province.browser(), "moi").query, "he is not asked again"
    assert told(province, province.sign_in(province.browser(), "cu"))["sub"] == old["sub"]


def test_who_says_no_gets_an_account_of_his_own_and_may_say_yes_later(province: Province) -> None:
    old = told(province, province.sign_in(province.browser(), "cu"))
    browser = province.browser()
    page = province.sign_in(browser, "moi")
    done = browser.post(page.url, {"token": page.field("token"), "answer": "no"})
    new = told(province, done)
    assert new["sub"] != old["sub"]
    assert [row["event"] for row in province.events("link_declined")] == ["link_declined"]

    page = province.sign_in(browser, "moi", prompt="login")
    done = browser.post(page.url, {"token": page.field("token"), "answer": "yes"})

    merged = told(province, done)
    assert merged["sub"] == new["sub"], "the account he uses now stays"
    assert merged["formerly"] == [old["sub"]]
    with province.rows() as rows:
        (history,) = rows.all("merges")
        assert (history["source"], history["target"]) == (old["sub"], new["sub"])
        assert "••••••678" in history["moved"]
    assert told(province, province.sign_in(province.browser(), "cu"))["sub"] == new["sub"]


def test_the_same_number_with_another_name_is_never_offered(province: Province) -> None:
    province.sign_in(province.browser(), "cu")
    province.spoil(userinfo={"HoVaTen": "Người Khác"})

    page = province.sign_in(province.browser(), "moi")

    assert page.url.startswith(BACK)
    assert len(province.events("person_created")) == 2
    assert len(province.events("identifier_conflict")) == 1


def test_the_question_is_answered_by_the_browser_that_was_asked(province: Province) -> None:
    province.sign_in(province.browser(), "cu")
    page = province.sign_in(province.browser(), "moi")
    other = province.browser()
    other.get(province.ask())

    assert other.post(page.url, {"token": page.field("token"), "answer": "yes"}).status == 403
    assert province.events("linked") == []


def test_an_enterprise_is_apart_from_citizens(province: Province) -> None:
    page = province.sign_in(province.browser(), "doanh-nghiep")

    assert told(province, page)["account_kind"] == "enterprise"
    with province.rows() as rows:
        assert {row["kind"] for row in rows.all("identifiers")} == {
            "enterprise:sub",
            "enterprise:tech_id",
            "enterprise:tax_code",
            "enterprise:enterprise_code",
        }


def test_an_officers_roles_are_those_of_today(province: Province) -> None:
    page = province.sign_in(province.browser(), "can-bo", "staff", scope="openid staff")
    assert told(province, page)["roles"] == ["operator"]
    province.twins["staff"].twin.people["can-bo"]["groups"] = ["lienthong-admin"]  # type: ignore[attr-defined]

    page = province.sign_in(province.browser(), "can-bo", "staff", scope="openid staff")

    assert told(province, page)["roles"] == ["admin"]
    assert province.events("roles_changed")[0]["detail"] == "operator → admin"


def test_a_client_for_citizens_does_not_sign_officers_in(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser, "can-bo", "staff")

    page = browser.get(province.ask("portal-web", PORTAL_BACK))

    assert "/vnconnect" in page.text
    assert "/staff" not in page.text


def test_a_disabled_person_is_refused_and_his_tokens_with_him(province: Province) -> None:
    answer = province.redeem(province.sign_in(province.browser()).query["code"]).json
    assert answer is not None
    with province.store.write() as rows:
        rows.change("people", {"kind": "citizen"}, disabled_at=province.time())

    assert province.sign_in(province.browser()).status == 403
    assert province.userinfo(answer["access_token"]).status_code == 401


def test_no_personal_data_stands_readable_in_the_database(province: Province) -> None:
    browser = province.browser()
    page = province.sign_in(browser, "moi", scope="openid profile identity")
    province.redeem(page.query["code"])
    browser.get(province.ask("one-stop-web", scope="openid"))

    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'signon_%'"
    with province.door.gateway.ledger.read() as connection:
        names = connection.exec_driver_sql(tables).scalars().all()
        whole = str([connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in names])  # noqa: S608 - the names are the database's

    assert "signed_in" in whole
    for secret in (
        "012345678",
        "001070000011",
        "LÊ VĂN CŨ",
        "T-0004",
        "1970-03-20",
        browser.cookie() or "?",
        page.query["code"],
    ):
        assert secret not in whole

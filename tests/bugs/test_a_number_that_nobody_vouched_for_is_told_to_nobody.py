"""A weak sign-in that only said a number of itself had it in its profile, and every client was told it as his national id; it stayed there when
the number's owner came."""

from __future__ import annotations

from tests.sso.kit import Province
from tests.sso.test_people import told
from tests.sso.test_weak_numbers import IDENTITY, weak

__all__ = ["weak"]
VICTIM = "001090000037"


def test_a_weak_account_is_told_without_the_number_it_says_it_has(weak: Province) -> None:
    weak.spoil(userinfo={"loAs": "LoA1", "SoDinhDanh": VICTIM})

    thief = told(weak, weak.sign_in(weak.browser(), "thap", scope=IDENTITY))

    assert thief["tech_id"] == "T-0006"
    assert "national_id" not in thief
    assert told(weak, weak.sign_in(weak.browser(), "mau", scope=IDENTITY))["national_id"] == VICTIM


def test_a_weak_sign_in_does_not_replace_a_number_that_was_proven(weak: Province) -> None:
    weak.spoil(userinfo={"SoDinhDanh": "001090000099"})
    assert told(weak, weak.sign_in(weak.browser(), "mau", scope=IDENTITY))["national_id"] == "001090000099"
    weak.spoil(userinfo={"loAs": "LoA1", "SoDinhDanh": VICTIM})

    again = told(weak, weak.sign_in(weak.browser(), "mau", scope=IDENTITY))

    assert again["national_id"] == "001090000099"

"""The numbers of one person in 64 began with a hyphen: `lienthong people disable NUMBER` took it for an option, and refused."""

from __future__ import annotations

from sso.people import Known
from tests.sso.conftest import province
from tests.sso.kit import Province

__all__ = ["province"]


def test_no_persons_number_looks_like_an_option(province: Province) -> None:
    with province.store.write() as rows:
        made = [
            province.signon.people.create(rows, Known("x", "https://x.example", "citizen", f"s-{n}", {}, 1))
            for n in range(700)
        ]

    assert [number for number in made if number.startswith("-")] == []

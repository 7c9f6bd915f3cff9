"""A payment whose clock ran ahead of its request's paid whatever that fee ever became: what was raised later was never owed."""

from __future__ import annotations

from itertools import permutations

import pytest

from gateway.dossiers.axes import count_money
from tests.unit.test_axes import fee, told

PAID = told("PaymentPaid", 5, "a", fee_codes=["LP1"])
ASKED = told("PaymentRequested", 9, "b", fees=[fee()])
RAISED = told("PaymentRequested", 10, "c", fees=[fee(amount=70_000)])
REPEATED = told("DossierSubmitted", 11, "d", fees=[fee()])


@pytest.mark.parametrize(
    ("events", "state", "owed"),
    [([PAID, ASKED], "paid", 0), ([PAID, ASKED, RAISED], "owed", 70_000), ([PAID, ASKED, REPEATED], "paid", 0), ([PAID], "none", 0)],
)  # fmt: skip
def test_it_pays_the_fee_as_it_was_first_told(events, state: str, owed: int) -> None:
    found = {(money.state, money.owed) for order in permutations(events) for money in [count_money(order)]}

    assert found == {(state, owed)}

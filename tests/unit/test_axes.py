"""The axes of a dossier: each moves by itself, and in whatever order its events come it ends in the same state."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.dossiers.axes import Axes, count_money, read_axes
from gateway.dossiers.beliefs import lay_out
from gateway.errors import AskFirst, Rejected
from gateway.ledger import believing, queries, standing
from gateway.ledger.believing import Told
from tests.conftest import Time
from tests.house import House, dossier, status

CODE = dossier()["dossier"]
START = datetime.fromisoformat("2026-01-05T02:30:00Z")


def fee(code: str = "LP1", amount: int = 50_000, paid: str = "unpaid") -> dict[str, Any]:
    return {"code": code, "name": "Lệ phí", "kind": "charge", "amount": amount, "paid": paid}


def told(kind: str, minute: int, name: str = "m", **body: Any) -> Told:
    return Told(name, kind, "one-stop", START + timedelta(minutes=minute), body)


@st.composite
def money_in_two_orders(draw: st.DrawFn) -> tuple[list[Told], list[Told]]:
    kinds = st.sampled_from(["DossierSubmitted", "PaymentRequested", "PaymentPaid"])
    steps = st.tuples(
        kinds, st.integers(0, 6), st.sampled_from(["A", "B"]), st.sampled_from([0, 10, 20]), st.booleans()
    )
    made = []
    for number, (kind, minute, code, amount, paid) in enumerate(draw(st.lists(steps, max_size=10))):
        fees = {"fees": [fee(code, amount, "direct" if paid else "unpaid")]}
        made.append(told(kind, minute, f"m{number}", **({"fee_codes": [code]} if kind == "PaymentPaid" else fees)))
    return made, draw(st.permutations(made))


@given(money_in_two_orders())
def test_any_interleaving_of_fees_and_payments_ends_the_same(both: tuple[list[Told], list[Told]]) -> None:
    assert count_money(both[0]) == count_money(both[1])


@given(money_in_two_orders())
def test_what_is_owed_and_what_is_paid_are_all_the_fees_as_told_last(both: tuple[list[Told], list[Told]]) -> None:
    money = count_money(both[0])
    last: dict[str, int] = {}
    for one in sorted(both[0], key=lambda one: (one.at, one.type != "DossierSubmitted", one.id)):
        last |= {told_["code"]: told_["amount"] for told_ in one.body.get("fees", [])}

    assert money.owed + money.paid == sum(last.values())
    assert (money.state == "owed") == (money.owed > 0)


def test_of_one_instant_a_fee_comes_before_its_payment_whichever_came_first() -> None:
    asked, paid = told("PaymentRequested", 5, "z", fees=[fee()]), told("PaymentPaid", 5, "a", fee_codes=["LP1"])

    assert count_money([paid, asked]).state == "paid"
    assert count_money([asked]).state == "owed"
    assert count_money([]).state == "none"


def test_a_fee_that_is_raised_after_its_payment_is_owed_again_and_one_repeated_is_not() -> None:
    first = [told("DossierSubmitted", 0, "a", fees=[fee()]), told("PaymentPaid", 5, "b", fee_codes=["LP1"])]

    repeated = count_money([*first, told("DossierSubmitted", 9, "c", fees=[fee()])])
    raised = count_money([*first, told("PaymentRequested", 9, "c", fees=[fee(amount=70_000)])])

    assert (repeated.state, repeated.paid) == ("paid", 50_000)
    assert (raised.state, raised.owed) == ("owed", 70_000)


def axes(house: House) -> Axes:
    with house.gateway.ledger.read() as connection:
        row = standing.dossier(connection, CODE)
        material = believing.gather(connection, CODE)
        sources = [held.source for held in queries.held_of(connection, CODE)]
    assert row is not None
    config = house.gateway.config
    return read_axes(
        material, row.status, lay_out(material, row.status, sources, config, house.gateway.now()), config.postal
    )


def test_each_axis_moves_by_itself(house: House) -> None:
    house.accept("one-stop", dossier(fees=[fee()]))
    before = axes(house)
    house.accept("one-stop", status(1, 4, 10))
    paid = {"type": "PaymentPaid", "id": "p1", "dossier": CODE, "event_time": "2026-01-05T10:00:00+07:00"}
    house.accept("one-stop", paid | {"fee_codes": ["LP1"], "amount": 50_000, "paid": "direct", "reference": "BL-1"})
    house.work()
    after = axes(house)

    assert (before.business, before.financial.state, before.postal) == (2, "owed", [])
    assert before.synchronisation == {"one-stop": "in_step", "portal": "under_way"}
    assert (after.business, after.financial.state, after.financial.paid, after.postal) == (4, "paid", 50_000, [])
    assert set(after.synchronisation.values()) == {"in_step"}


def test_the_synchronisation_of_a_system_is_the_worst_that_is_so_of_it(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [("then", AskFirst("hết giờ chờ", code="timeout"))]
    house.work("portal")
    assert axes(house).synchronisation["portal"] == "in_doubt"

    time.move(hours=2)
    house.work("portal")
    assert axes(house).synchronisation["portal"] == "in_step"

    house.accept("one-stop", status(1, 4, 10))
    house.partners["portal"].script = [Rejected("sai", code="-1")]
    house.work("portal")
    assert axes(house).synchronisation["portal"] == "parked"

    house.accept("one-stop", status(1, 10, 20))  # unlawful: held, and nobody else hears of it
    assert axes(house).synchronisation["one-stop"] == "differs"

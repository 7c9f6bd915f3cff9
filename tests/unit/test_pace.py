"""How many lanes a courier holds at a time: what it takes and cannot call soon would only wait on its lease."""

from __future__ import annotations

from concurrent.futures import wait

from tests.house import House, dossier


def test_a_quick_partner_gets_more_lanes_at_a_time_and_a_slow_one_the_least(house: House) -> None:
    courier = house.courier("portal")
    least = 2 * courier.policy.concurrency * courier.together
    for number in range(1, 3 * least + 1):
        house.accept("one-stop", dossier(number))
    courier.step()
    assert len(courier._flying) == least

    wait(courier._flying)
    courier.step()
    assert least < len(courier._flying) <= courier.policy.batch

    wait(courier._flying)
    courier._land(list(courier._flying)[1:])
    courier.step()  # one call has ended since the last look
    assert courier._room == least
    courier._drain()
    assert courier._flying == {}

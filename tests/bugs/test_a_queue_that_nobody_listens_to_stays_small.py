"""While no worker ran, the sweep laid one ticket a second and destination into the folder, for days; a worker then drowned in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.channels.kombu import MOST, KombuChannel


@pytest.mark.parametrize("in_a_folder", [False, True])
def test_more_tickets_than_enough_are_not_kept(tmp_path: Path, in_a_folder: bool) -> None:
    channel = KombuChannel(tmp_path if in_a_folder else None)
    for _ in range(3 * MOST):
        channel.ring("portal")
    channel.ring("one-stop")
    channel.listen(["portal", "one-stop"])

    taken = []
    while (ticket := channel.take(timeout=0.2)) is not None:
        taken.append(ticket.destination)
        channel.done(ticket)
    channel.close()

    assert sorted(set(taken)) == ["one-stop", "portal"]
    assert len(taken) == MOST + 1

"""On PostgreSQL each of two batches held a dossier that the other wanted; the one that was cut off was told that the ledger is away."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.ledger import messages
from gateway.ports import Submission
from tests.house import House, dossier, status


def test_both_are_taken(house: House, monkeypatch) -> None:
    for number in (1, 2):
        house.accept("one-stop", dossier(number))
    both = Barrier(2)
    locked = messages.lock_dossier
    met: set[int] = set()

    def lock(connection, code):
        row = locked(connection, code)
        if not house.gateway.ledger.sqlite and (name := id(connection)) not in met and len(met) < 2:
            met.add(name)
            with suppress(BrokenBarrierError):
                both.wait(1)  # each held its first dossier here; now the second batch does not get this far
        return row

    monkeypatch.setattr(messages, "lock_dossier", lock)

    def send(order: tuple[int, int]) -> list:
        bodies = [status(n, 4, order[0], id=f"s-{order[0]}-{n}") for n in order]
        submissions = [Submission(b["id"], b, json.dumps(b).encode()) for b in bodies]
        return Acceptance(house.gateway, house.gateway.config.partners["one-stop"]).many(submissions)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(send, [(1, 2), (2, 1)]))

    assert not any(isinstance(r, Refused) for batch in results for r in batch)

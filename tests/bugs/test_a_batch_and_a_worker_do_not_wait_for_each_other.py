"""On PostgreSQL a batch took the lanes of its dossiers in its own order; a worker that settled the same lanes was cut off and stood still."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.ledger.tables import lanes
from gateway.ports import Submission
from tests.engines import PostgreSQL
from tests.house import House, dossier, status


@pytest.mark.postgresql
def test_the_worker_settles_and_the_batch_follows(postgresql_server: PostgreSQL, make_house, tmp_path: Path) -> None:
    with postgresql_server.database() as url:
        house: House = make_house(url)
        for number in (1, 2):
            house.accept("one-stop", dossier(number))
        bodies = [status(number, 4, 1) for number in (2, 1)]
        batch = [Submission(body["id"], body, json.dumps(body).encode()) for body in bodies]
        acceptance = Acceptance(house.gateway, house.gateway.config.partners["one-stop"])

        with ThreadPoolExecutor(1) as pool:
            with house.gateway.ledger.write() as worker:
                worker.execute(text("SET LOCAL deadlock_timeout = '50ms'"))  # of the two, the worker would be cut off
                lock(worker, bodies[1]["dossier"])
                sent = pool.submit(acceptance.many, batch)
                wait_until_it_waits(house)
                lock(worker, bodies[0]["dossier"])
            results = sent.result()

        assert not any(isinstance(result, Refused) for result in results)
        house.gateway.close()


def lock(worker: Connection, code: str) -> None:
    """As `settle` does: the lanes of one destination, in the order of their dossiers."""
    worker.execute(select(lanes).where(lanes.c.destination == "portal", lanes.c.dossier == code).with_for_update())


def wait_until_it_waits(house: House) -> None:
    until, query = time.monotonic() + 10, "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while True:
        with house.gateway.ledger.read() as connection:
            if connection.execute(text(query)).scalar_one():
                return
        assert time.monotonic() < until, "the batch never waited for the worker"
        time.sleep(0.02)

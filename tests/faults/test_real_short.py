"""The real faults in their short form: one province, a few harms of each kind. The long form is ``make faults``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.brokers import find_rabbitmq
from tests.engines import find_postgresql
from tests.faults import real_broker, real_database, real_disk, real_kills, real_restart
from tests.faults.province import give_up
from tests.faults.table import FAULTS, render

SEED, SCALE = 20260105, 0.01
SHORT = [
    real_kills.processes_killed,
    real_restart.rolling_restart,
    real_broker.broker_wiped,
    real_database.database_restarted,
    real_disk.database_disk_full,
    real_disk.files_folder_full,
    real_database.database_failed_over,
]


@pytest.fixture
def servers() -> Iterator[None]:
    missing = [
        name for name, place in (("PostgreSQL", find_postgresql()), ("RabbitMQ", find_rabbitmq())) if place is None
    ]
    if missing and os.environ.get("LIENTHONG_CI"):
        pytest.fail(f"no server of {', '.join(missing)} is installed, and this run must have one")
    if missing:
        pytest.skip(f"no server of {', '.join(missing)} is installed: `make test` installs it")
    yield
    give_up()


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.timeout(900)
def test_whatever_dies_nothing_is_lost_doubled_or_out_of_order(servers: None) -> None:
    """One test, so that all of it shares one province, in whichever process it runs."""
    rows = [FAULTS[work.__name__].run(SEED, SCALE) for work in SHORT]

    assert all(row.good for row in rows), render(rows)

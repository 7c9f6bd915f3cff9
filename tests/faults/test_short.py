"""The faults, each with a few runs; the whole of them is `make faults`."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.faults import away, crashes, floods, misbehaving, outage, poison, skew
from tests.faults.__main__ import SEED
from tests.faults.table import FAULTS, render

HERE = {m.__name__ for m in (away, crashes, floods, misbehaving, outage, poison, skew)}
NAMES = sorted(name for name, fault in FAULTS.items() if fault.work.__module__ in HERE)
SCALES = {"crashes_sqlite": 0.01, "dead_for_a_day": 0.003}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The gateway's own log of a hundred crashes helps nobody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_doubled_or_out_of_order(name: str) -> None:
    row = FAULTS[name].run(SEED, SCALES.get(name, 0.0))

    assert row.good, "\n" + render([row])


def test_the_harness_notices_when_an_effect_is_doubled_lost_or_out_of_order() -> None:
    from datetime import UTC, datetime
    from types import SimpleNamespace

    from tests.faults.partners import Effect
    from tests.faults.verdict import Verdict, _book

    at = datetime(2026, 1, 5, tzinfo=UTC)
    rows = [SimpleNamespace(id=n, dossier="d", message=key, state="delivered") for n, key in enumerate("abc")]
    found = {}
    for name, keys in {"good": "abc", "doubled": "abbc", "lost": "ac", "reordered": "bac", "stranger": "abcx"}.items():
        verdict = Verdict()
        _book(verdict, "twin", rows, [Effect("d", key, at) for key in keys])
        found[name] = (verdict.lost, verdict.duplicated, verdict.reordered, bool(verdict.wrong))

    assert found == {
        "good": (0, 0, 0, False), "doubled": (0, 1, 0, True), "lost": (1, 0, 0, True), "reordered": (0, 0, 1, True), "stranger": (0, 0, 0, True),
    }  # fmt: skip

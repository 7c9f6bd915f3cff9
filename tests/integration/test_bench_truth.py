"""The bench of reconciliation asks about every dossier, and is not content with more or fewer differences than there are."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from bench import truth
from bench.truth import Bench, due_dates
from bench.twin import twin


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(200, ())
    yield made
    shutil.rmtree(made.folder)


def test_every_dossier_is_asked_about_and_each_wrong_one_is_found(bench: Bench) -> None:
    floor, asked = bench.reconciliation()

    assert floor.ratio == 1.0
    assert asked.name == "asked and compared, 200 dossiers"
    assert asked.rate > 0
    assert asked.ratio == pytest.approx(floor.rate / asked.rate)


def test_a_difference_too_many_ends_the_bench(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "twin", lambda dossiers, wrong: twin(dossiers, wrong + 1))

    with pytest.raises(RuntimeError, match="3 differences found of 2"):
        list(bench.reconciliation())


def test_due_dates_are_measured_alone_and_from_a_dossiers_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.worktime.SOME", 0.001)
    monkeypatch.setattr("bench.worktime.ROUNDS", 1)

    names = [figure.name for figure in due_dates() if figure.rate > 0]

    assert names[0] == "plain timedelta"
    assert names[-1] == "three clocks, from a dossier's messages"

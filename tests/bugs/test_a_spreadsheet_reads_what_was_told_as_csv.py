"""CSV had no mark of its encoding, so that a spreadsheet garbled every Vietnamese name; instants were another zone's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.test_cli_delays import CODE, DAYS, read_csv, run

Run = Callable[..., Any]
__all__ = ["run"]


@pytest.mark.parametrize("words", [(CODE,), DAYS, ("--forecast",)])
def test_csv_begins_with_the_mark_of_its_encoding(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words, "--csv").output.startswith("\ufeff")


def test_instants_are_vietnams(run: Run) -> None:
    assert [line["begin"][-6:] for line in read_csv(run(CODE, "--csv").output)] == ["+07:00", "+07:00"]

"""Figures that had been gathered were thrown away, and 503 told, when the caller's place could not be given back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import event

from gateway.web.costly import AT_ONCE, SECONDS
from tests.bugs.test_figures_are_asked_for_with_moderation import FIGURES, home  # noqa: F401
from tests.conftest import Time
from tests.door import open_door


def test_the_answer_is_given_and_the_place_is_free_again_by_itself(home: Path, time: Time) -> None:  # noqa: F811
    with open_door(home, time) as door:
        engine = door.gateway.ledger.engine

        def fail(_: Any, __: Any, statement: str, *___: Any) -> None:
            if statement.startswith("DELETE FROM leaders"):
                raise sqlite3.OperationalError("disk I/O error")

        event.listen(engine, "before_cursor_execute", fail)
        told = [door.get(FIGURES).status_code for _ in range(AT_ONCE)]
        kept = door.get(FIGURES)
        event.remove(engine, "before_cursor_execute", fail)

        assert told == [200] * AT_ONCE
        assert (kept.status_code, kept.headers["Retry-After"]) == (429, "1")
        time.move(seconds=SECONDS + 1)
        assert [door.get(FIGURES).status_code for _ in range(AT_ONCE + 1)] == [200] * (AT_ONCE + 1)

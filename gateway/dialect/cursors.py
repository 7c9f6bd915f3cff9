"""Cursors as they are kept: what another connector of this partner wrote, or an older version, is none of this one's."""

from __future__ import annotations

from typing import TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

log = structlog.get_logger("cursors")

T = TypeVar("T")


def read_cursor(shape: TypeAdapter[T], cursor: str | None, empty: T) -> T:
    """What stands in the cursor. `empty` without one, and, told in the log, for one of another shape: then reading begins anew."""
    if not cursor:
        return empty
    try:
        return shape.validate_json(cursor, strict=True)
    except ValidationError as wrong:
        log.warning("cursor_of_another_shape", faults=[fault["type"] for fault in wrong.errors()][:10])
        return empty

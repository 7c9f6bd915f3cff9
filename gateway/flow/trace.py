"""W3C trace context, as it comes with a message."""

from __future__ import annotations

import re
from typing import Any

_TRACE = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,200})?")


def good_trace(value: Any) -> str | None:
    """The `traceparent` that came, if it is a good one. A bad one is no reason to refuse a message."""
    return value if isinstance(value, str) and _TRACE.fullmatch(value) else None

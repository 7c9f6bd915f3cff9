"""What the gateway tells of itself: log lines in JSON, one event a line, without personal data.

A key that is not on the list below is left out (its name alone is told), because nobody can say beforehand what a partner's words
hold; runs of nine and more digits (identity papers, telephones) are masked in what remains. Of an exception only its kind and its
place are written: its words may quote a message. The ledger keeps the rest, where reading is a right and not a log file.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog

KEYS = frozenset(
    {
        "event", "level", "at",
        "address", "cause", "code", "count", "delivery", "destination", "dossier", "error", "faults", "key", "kind", "logger", "message", "method",
        "partner", "pid", "port", "route", "seconds", "status", "threads", "together", "trace", "tries", "unsettled", "where", "workers",
    }
)  # fmt: skip
"""The keys a log line may have. Free words of a partner (`reason`, `answer`, `text` …) are not among them."""

_LONG_NUMBER = re.compile(r"\d{9,}")
_FRAMES = 12

Event = MutableMapping[str, Any]


def set_up_logging(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Once per process, before anything is logged: our own lines, and what libraries log from WARNING on, as JSON to `stream` (stderr)."""
    out = stream or sys.stderr
    structlog.configure(
        processors=_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    foreign = logging.StreamHandler(out)
    foreign.setFormatter(_Foreign())
    logging.basicConfig(handlers=[foreign], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def keep_stdout_clean() -> None:
    """For a short command, whose output is its answer: what must be told goes to stderr. Does nothing where logging is set up."""
    if not structlog.is_configured():
        structlog.configure(
            processors=_processors(),
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
            logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        )


def _processors() -> list[Any]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        tell_exception,
        keep_listed,
        structlog.processors.JSONRenderer(serializer=_write, ensure_ascii=False),
    ]


def keep_listed(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: listed keys only, long numbers masked. What was left out is named, so that it can be looked up or listed."""
    left_out = sorted(str(key) for key in event if key not in KEYS)
    kept = {key: mask(value) for key, value in event.items() if key in KEYS}
    if left_out:
        kept["left_out"] = left_out
    return kept


def mask(value: Any) -> Any:
    """The value with every run of nine or more digits hidden, at any depth."""
    if isinstance(value, str):
        return _LONG_NUMBER.sub(_hide, value)
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 100_000_000 else _hide_text(str(value))
    if isinstance(value, dict):
        return {mask(str(key)): mask(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask(one) for one in value]
    return mask(str(value))


def _hide(found: re.Match[str]) -> str:
    return _hide_text(found[0])


def _hide_text(digits: str) -> str:
    return "*" * (len(digits) - 3) + digits[-3:]


def tell_exception(_logger: Any, _method: str, event: Event) -> Event:
    """A structlog processor: `exc_info` becomes `error` (the kind of exception) and `where` (its innermost frames), never its words."""
    given = event.pop("exc_info", None)
    if given:
        kind, _, trace = given if isinstance(given, tuple) else _parts(given)
        if kind is not None:
            event["error"] = kind.__name__
            event["where"] = _frames(trace)
    return event


def _parts(given: Any) -> tuple[Any, Any, TracebackType | None]:
    if isinstance(given, BaseException):
        return type(given), given, given.__traceback__
    return sys.exc_info()


def _frames(trace: TracebackType | None) -> list[str]:
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{'/'.join(code.co_filename.split('/')[-3:])}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-_FRAMES:]


class _Foreign(logging.Formatter):
    """A library's record in the same form. Its own words are left out, for the reason above; logger and place say where to look."""

    def format(self, record: logging.LogRecord) -> str:
        event: Event = {
            "event": "library",
            "level": record.levelname.lower(),
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
            "logger": record.name,
            "where": [f"{record.module}:{record.lineno}"],
        }
        if record.exc_info:
            event["exc_info"] = record.exc_info
        return _write(keep_listed(None, "", tell_exception(None, "", event)))


def _write(event: Any, **options: Any) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)


__all__ = ["KEYS", "keep_listed", "keep_stdout_clean", "mask", "set_up_logging", "tell_exception"]

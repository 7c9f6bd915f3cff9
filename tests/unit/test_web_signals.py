"""Log lines: JSON, listed keys only, no personal data."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.signals import KEYS, keep_listed, mask, set_up_logging


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    set_up_logging(stream)
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers
    logging.captureWarnings(False)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_its_time_in_utc(lines: io.StringIO) -> None:
    structlog.get_logger("web").info("delivered", destination="portal", tries=2)
    [event] = read(lines)
    assert event["at"].endswith("Z")
    assert {k: event[k] for k in ("event", "level", "destination", "tries")} == {
        "event": "delivered", "level": "info", "destination": "portal", "tries": 2
    }  # fmt: skip


def test_a_key_that_is_not_listed_is_left_out_and_only_named(lines: io.StringIO) -> None:
    structlog.get_logger("web").warning(
        "poll_failed", partner="vnpost", reason="Nguyễn Văn Mẫu không có nhà", applicant="x"
    )
    [event] = read(lines)
    assert event["left_out"] == ["applicant", "reason"]
    assert "Mẫu" not in lines.getvalue()


def test_an_exception_is_told_by_kind_and_place_never_by_its_words(lines: io.StringIO) -> None:
    try:
        raise ValueError("CCCD 001090000037 của Nguyễn Văn Mẫu")
    except ValueError as error:
        structlog.get_logger("web").exception("request_failed")
        structlog.get_logger("web").error("request_failed", exc_info=error)
    for event in read(lines):
        assert event["error"] == "ValueError"
        assert "test_web_signals.py" in event["where"][-1]
    assert "001090000037" not in lines.getvalue()
    assert "Mẫu" not in lines.getvalue()


def test_a_librarys_warning_is_told_by_name_and_place_without_its_words(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("bad value %s", "0912345678")
    logging.getLogger("some.library").info("not worth a line")
    warnings.warn("0912345678 again", stacklevel=1)
    first, second = read(lines)
    assert (first["logger"], first["level"], second["logger"]) == ("some.library", "warning", "py.warnings")
    assert "0912345678" not in lines.getvalue()


@given(st.recursive(st.text() | st.integers() | st.none(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_no_run_of_nine_digits_passes(value: Any) -> None:
    import re

    event = keep_listed(None, "info", {"event": "x", "code": value, "note": value})
    assert not re.search(r"\d{9}", json.dumps(event, default=str))


def test_short_numbers_and_dossier_codes_stay_readable() -> None:
    assert mask("000.00.01.H99-260105-0001") == "000.00.01.H99-260105-0001"
    assert mask({"status": 404, "seconds": 1.5}) == {"status": 404, "seconds": 1.5}
    assert mask("gọi 0912345678") == "gọi *******678"


def test_no_key_that_could_hold_a_persons_words_is_on_the_list() -> None:
    assert not KEYS & {"reason", "answer", "text", "body", "name", "detail", "applicant", "phone", "exception", "stack"}

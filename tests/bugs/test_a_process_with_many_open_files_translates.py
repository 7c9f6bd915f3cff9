"""`select()` refuses descriptors over 1,023: a process with that many open connections translated no XML any more."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from mappings.engine.xsl import XslMapping
from tests.unit.test_stylesheets import body, make  # noqa: F401


@pytest.fixture
def crowded() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("this machine allows no process so many open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as stack:
        for _ in range(1100):
            stack.callback(os.close, os.open("/dev/null", os.O_RDONLY))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_with_many_open_files_translates(
    crowded: None,
    make: Callable[..., XslMapping],  # noqa: F811
) -> None:
    assert make(body("<o/>")).translate("<r/>") == "<o/>"

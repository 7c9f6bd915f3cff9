"""A pointer to one of a list found it, and took nothing away; below a star, names with a slash or tilde were not found either."""

from __future__ import annotations

import pytest

from gateway.dialect.pointers import without


@pytest.mark.parametrize(
    ("document", "pointer", "left"),
    [
        (["a", "b", "c"], "/1", ["a", "c"]),
        ({"tep": [{"x": 1, "y": 2}, {"x": 3}]}, "/tep/0/x", {"tep": [{"y": 2}, {"x": 3}]}),
        ([{"a/b": 1, "c": 2}], "/*/a~1b", [{"c": 2}]),
        (["a"], "/7", ["a"]),
        (["a", "b"], "/*", []),
    ],
)
def test_what_stands_in_a_list_can_be_taken_away(document: object, pointer: str, left: object) -> None:
    assert without(document, pointer) == left

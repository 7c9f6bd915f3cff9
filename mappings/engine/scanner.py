"""Reads one line of the mapping language from left to right."""

from __future__ import annotations

import json
import re
from typing import Any

from gateway.errors import Misconfigured
from mappings.engine.sheet import Node

_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder()


class Scanner:
    """A cursor over `text`; `node` is where it stands in the file."""

    def __init__(self, text: str, node: Node) -> None:
        self.text = text
        self.node = node
        self.at = 0

    def take(self, pattern: str, *, spaced: bool = True) -> str | None:
        """The text that matches here, taken; None when it does not. `spaced`: white space before it is skipped."""
        start = self._skip() if spaced else self.at
        match = re.compile(pattern).match(self.text, start)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def need(self, pattern: str, what: str, *, spaced: bool = True) -> str:
        found = self.take(pattern, spaced=spaced)
        if found is None:
            raise self.wrong(f"{what} is expected")
        return found

    def json(self) -> Any:
        """A JSON literal that stands here."""
        try:
            value, self.at = _DECODER.raw_decode(self.text, self._skip())
        except ValueError as error:
            raise self.wrong("a JSON literal is expected") from error
        return value

    def finished(self) -> bool:
        return self._skip() == len(self.text)

    def wrong(self, problem: str) -> Misconfigured:
        rest = self.text[self._skip() :] or "the end"
        return self.node.wrong(f"{problem}, at {rest!r} of {self.text!r}")

    def _skip(self) -> int:
        match = _SPACE.match(self.text, self.at)
        return match.end() if match else self.at

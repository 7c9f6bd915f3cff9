"""Reads a map file: YAML, every scalar a text (ward 00166 stays 00166), duplicate keys, tags, anchors and aliases refused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from gateway.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the file, with its place."""

    value: str | dict[str, Node] | list[Node]
    file: Path
    line: int

    def wrong(self, problem: str) -> Misconfigured:
        """The error to raise for a mistake here; `problem` says what is wrong and the cure."""
        return Misconfigured(f"{self.file}:{self.line}: {problem}")

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.wrong("a text is expected here")
        return self.value.strip()

    def entries(self, known: Collection[str] | None = None, needed: Collection[str] = ()) -> dict[str, Node]:
        """The named values. `known` limits the names, `needed` must all be there."""
        if not isinstance(self.value, dict):
            raise self.wrong("`name: value` lines are expected here")
        for name, node in self.value.items():
            if known is not None and name not in known:
                raise node.wrong(f"{name!r} means nothing here; known: {', '.join(known)}")
        for name in needed:
            if name not in self.value:
                raise self.wrong(f"{name!r} is missing: add it")
        return self.value


class _Unwanted(Exception):
    def __init__(self, event: yaml.Event, problem: str) -> None:
        super().__init__(problem)
        self.line = event.start_mark.line + 1 if event.start_mark else 1


class _TextLoader(yaml.SafeLoader):
    """Refuses what would make a value of something else than its text. Only `compose` is used of it: nothing is constructed."""

    def parse_node(self, block: bool = False, indentless_sequence: bool = False) -> yaml.Event:
        event: yaml.Event = super().parse_node(block, indentless_sequence)
        if getattr(event, "anchor", None) is not None:
            raise _Unwanted(event, "anchors and aliases are not allowed: write the lines out")
        if getattr(event, "tag", None) is not None:
            raise _Unwanted(event, "tags are not allowed: every value is a text")
        return event


def read_sheet(file: Path) -> Node:
    """The file's root. Raises `Misconfigured` with file and line."""
    try:
        text = file.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_TextLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: cannot be read: {error}") from error
    except _Unwanted as error:
        raise Misconfigured(f"{file}:{error.line}: {error}") from error
    except RecursionError as error:
        raise Misconfigured(f"{file}: nested too deep") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        cure = "put a text with ': ' or ' #' in it in quotes"
        raise Misconfigured(f"{file}:{line}: not valid YAML: {error.problem} ({cure})") from error
    except yaml.YAMLError as error:
        raise Misconfigured(f"{file}: not valid YAML: {error}") from error
    if root is None:
        raise Misconfigured(f"{file}:1: the file is empty")
    return _node(root, file)


def _node(node: yaml.Node, file: Path) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        entries: dict[str, Node] = {}
        for key, value in node.value:
            at = Node("", file, key.start_mark.line + 1)
            if not isinstance(key, yaml.ScalarNode):
                raise at.wrong("a name must be a text")
            if key.value in entries:
                raise at.wrong(
                    f"{key.value!r} stands here a second time (first in line {entries[key.value].line}): keep one"
                )
            entries[key.value] = Node(_node(value, file).value, file, at.line)
        return Node(entries, file, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(value, file) for value in node.value], file, line)
    return Node(str(node.value), file, line)

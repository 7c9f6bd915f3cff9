"""The help teaches: Vietnamese first, English beside it, an example for every command; and it is quick, because little is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from gateway.cli.main import COMMANDS, root

HEAVY = {"sqlalchemy", "pydantic", "rich", "flask", "alembic", "granian", "kombu", "pycurl", "mappings", "connectors"}


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


ALL = list(every_command(root))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_a_command_says_what_it_does_in_both_languages_and_gives_an_example(path: tuple[str, ...]) -> None:
    command: click.Command = root
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found

    paragraphs = (command.help or "").split("\n\n")
    assert len(paragraphs) >= 2, "Vietnamese first, then English"
    assert not paragraphs[0].isascii(), "the first paragraph is Vietnamese, with its diacritics"
    assert paragraphs[1].isascii() or "·" in paragraphs[1], "the second is English"
    assert f"lienthong {' '.join(path[:1])}" in (command.epilog or "")
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{option.name} says nothing"


def test_help_lists_every_command_with_a_line_in_both_languages() -> None:
    told = CliRunner().invoke(root, ["--help"], terminal_width=200).output

    for name in COMMANDS:
        line = next(one for one in told.splitlines() if one.startswith(f"  {name} "))
        assert " · " in line


def test_help_imports_nothing_heavy() -> None:
    code = """
import json, sys
from gateway.cli.main import root
try:
    root(["--help"], prog_name="lienthong")
except SystemExit:
    pass
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not HEAVY & set(json.loads(done.stderr))


def test_the_supervisor_imports_nothing_heavy() -> None:
    code = "import json, sys, gateway.cli.main, gateway.cli.up; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not HEAVY & {name.partition(".")[0] for name in json.loads(done.stdout)}

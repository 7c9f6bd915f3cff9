"""What the documents tell a reader to type exists."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from gateway.canonical.rules import broken_rules
from gateway.cli.main import root
from gateway.codes import CsvCodes
from gateway.flow.validate import read_canonical

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "mappings" / "README.md"]


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in re.findall(r"^```(?:sh)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
            found += [
                (page.name, line.split(" #")[0].strip())
                for line in re.sub(r"\\\n\s*", " ", block).splitlines()
                if line.startswith("lienthong")
            ]
    return found


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 15


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_in_a_document_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line.removesuffix("&"))[1:]
    command: click.Command = root
    context = click.Context(root)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        name = words.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{page}: there is no `{name}` in `{line}`"
        command = found
    if words in (["--help"], ["-h"]):
        return
    own = click.Context(command, **command.context_settings)
    _, left, _ = command.make_parser(own).parse_args(list(words))
    assert left == [], f"{page}: `{line}` has more words than the command takes"


def test_the_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8"))) <= targets


def test_links_between_documents_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_example_dossier_is_one() -> None:
    body = json.loads((ROOT / "docs" / "examples" / "dossier.json").read_text(encoding="utf-8"))
    assert broken_rules(read_canonical(body)) == []


def test_the_example_dossier_calls_each_agency_as_the_code_list_does() -> None:
    body = json.loads((ROOT / "docs" / "examples" / "dossier.json").read_text(encoding="utf-8"))
    codes = CsvCodes(ROOT / "config" / "codelists")

    for agency in (body["received_by"], body["handled_by"]):
        assert agency["name"] in {row.values["name"] for row in codes.history("organisations", agency["code"])}


def test_the_example_status_moves_the_example_dossier() -> None:
    first, then = (
        read_canonical(json.loads((ROOT / "docs" / "examples" / name).read_text(encoding="utf-8")))
        for name in ("dossier.json", "status.json")
    )

    assert (then.type, then.dossier, broken_rules(then)) == ("StatusChanged", first.dossier, [])
    assert then.event_time > first.event_time

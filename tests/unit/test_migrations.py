"""Every migration after the first only adds, so that programs of the version before go on beside it; or it says that they may not.

The rule and its reasons: docs/decisions/migrations.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.ledger.schema import HEAD, MIGRATIONS

FILES = sorted((MIGRATIONS / "versions").glob("*.py"))
ADDING = {"create_table", "bulk_insert", "f", "add_index", "set_storage"}


def find_faults(text: str) -> list[str]:
    """What in a migration's `upgrade` may hurt a program that does not know of it."""
    tree = ast.parse(text)
    name = next(
        ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign) and _is(n.targets[0], "revision")
    )
    (upgrade,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "upgrade"]
    calls = [(_called(n), n) for n in ast.walk(upgrade) if isinstance(n, ast.Call)]
    made: set[object] = {
        n.args[0].value for called, n in calls if called == "create_table" and isinstance(n.args[0], ast.Constant)
    }
    if any(called == "raise_floor" and _says(call, name) for called, call in calls):
        return []
    return [fault for called, call in calls if called for fault in _judge(called, call, made)]


def _judge(called: str, call: ast.Call, made: set[object]) -> Iterator[str]:
    if called == "add_column":
        (column,) = [a for a in call.args if isinstance(a, ast.Call)]
        given = {k.arg: k.value for k in column.keywords}
        empty = isinstance(given.get("nullable"), ast.Constant) and ast.literal_eval(given["nullable"]) is True
        if not empty and "server_default" not in given:
            yield f"line {call.lineno}: a column that older programs do not fill"
    elif called == "create_index":
        if not (isinstance(call.args[1], ast.Constant) and call.args[1].value in made):
            yield f"line {call.lineno}: an index on a table in use: add_index"
    elif called not in ADDING:
        yield f"line {call.lineno}: {called}"
    if called == "add_index" and any(k.arg == "unique" for k in call.keywords):
        yield f"line {call.lineno}: a rule that older programs may break"


def _called(call: ast.Call) -> str | None:
    """The name of an operation; None for what only describes (`sa.Column(…)`, a type)."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr if _is(call.func.value, "op") else None
    return call.func.id if isinstance(call.func, ast.Name) and call.func.id[0].islower() else None


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _says(call: ast.Call, revision: str) -> bool:
    return isinstance(call.args[0], ast.Constant) and call.args[0].value == revision


def test_the_revisions_are_numbered_without_a_gap_up_to_the_programs_own() -> None:
    assert [f.name[:4] for f in FILES] == [f"{n:04d}" for n in range(1, int(HEAD) + 1)]


@pytest.mark.parametrize("file", FILES[1:], ids=lambda f: f.stem)
def test_a_migration_only_adds_or_raises_the_floor(file: Path) -> None:
    assert find_faults(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        ('op.drop_column("messages", "trace")', "drop_column"),
        ('op.alter_column("messages", "trace", nullable=False)', "alter_column"),
        ('op.execute("UPDATE messages SET trace = NULL")', "execute"),
        ('op.add_column("messages", sa.Column("x", sa.Text(), nullable=False))', "do not fill"),
        ('op.create_index("ix", "messages", ["x"])', "add_index"),
        ('add_index("ix", "messages", ["x"], unique=True)', "break"),
    ],
)
def test_what_would_hurt_the_version_before_is_found(act: str, fault: str) -> None:
    text = f'revision = "0009"\n\n\ndef upgrade() -> None:\n    {act}\n'

    assert [fault in found for found in find_faults(text)] == [True]
    assert find_faults(text + '    raise_floor("0009")\n') == []

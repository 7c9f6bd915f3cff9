"""A long list of equal XML elements took the square of its length; a call of 400 kB could hold 200 000 things, each with faults told back; a
type of an OpenAPI document that holds itself, or YAML aliases of 440 bytes, took gigabytes."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from connectors.rest.description import describe
from gateway.dialect.hooks import MOST_THINGS, HookRow, answer
from gateway.dialect.trees import read_tree
from gateway.errors import Misconfigured, Refused
from gateway.ports import Incoming
from gateway.xml import read_xml
from tests.unit.test_dialect_feeds import Desk


def test_twenty_times_as_many_elements_take_about_twenty_times_as_long() -> None:
    def seconds(number: int) -> float:
        root = read_xml(b"<r>" + b"<a>1</a>" * number + b"</r>")
        began = process_time()
        assert read_tree(root) == {"a": ["1"] * number}
        return process_time() - began

    assert seconds(60_000) < 100 * min(seconds(3_000) for _ in range(3))


def test_equal_elements_are_one_list() -> None:
    assert read_tree(read_xml(b"<r><b>1</b><b>2</b><c>3</c></r>"), ["b"]) == {"b": ["1", "2"], "c": "3"}


def hear(things: list[Any], **settings: Any) -> tuple[Any, Desk]:
    row = {"name": "h", "path": "x", "mapping": "m", "items": "/ds", "id": "/id", **settings}
    desk = Desk()
    body = json.dumps({"ds": things}).encode()
    return answer(HookRow.model_validate(row), Incoming("POST", "x", {}, {}, body), desk), desk


def test_a_call_with_too_many_things_is_refused_whole() -> None:
    with pytest.raises(Refused) as told:
        hear([{"id": str(number)} for number in range(MOST_THINGS + 1)])
    assert [fault.code for fault in told.value.faults] == ["too-many"]

    _, desk = hear([{"id": str(number)} for number in range(MOST_THINGS)])
    assert len(desk.accepted) == MOST_THINGS


def test_of_many_faults_fifty_are_told() -> None:
    with pytest.raises(Refused) as told:
        hear([0] * MOST_THINGS)
    assert len(told.value.faults) == 50

    said, _ = hear([0] * MOST_THINGS, refused={"status": 200, "json": {"loi": "{$faults}"}})
    words = json.loads(said.body)["loi"].split("; ")
    assert len(words) == 51
    assert words[-1] == f"… +{MOST_THINGS - 50}"


def openapi(folder: Path, types: dict[str, Any]) -> Path:
    ask = {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A0"}}}}}
    document = {"openapi": "3.0.0", "paths": {"/x": {"post": ask}}, "components": {"schemas": types}}
    (folder / "openapi.json").write_text(json.dumps(document))
    return folder / "openapi.json"


def test_a_type_that_holds_itself_is_shown_once(tmp_path: Path) -> None:
    own = {"$ref": "#/components/schemas/A0"}
    fields = {
        "ten": {"type": "string"},
        "con": {"type": "array", "items": own},
        "cha": own,
        **{f"c{n}": own for n in range(9)},
    }

    [offer] = describe(openapi(tmp_path, {"A0": {"allOf": [own], "properties": fields}})).offers

    assert offer.sample == {"ten": "–", "con": []}


def test_a_description_whose_samples_would_be_endless_is_not_taken(tmp_path: Path) -> None:
    types = {
        f"A{n}": {"properties": {f"c{m}": {"$ref": f"#/components/schemas/A{n + 1}"} for m in range(9)}}
        for n in range(9)
    }

    with pytest.raises(Misconfigured, match="places"):
        describe(openapi(tmp_path, types))


def test_yaml_aliases_are_not_taken(tmp_path: Path) -> None:
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    file = tmp_path / "openapi.yaml"
    file.write_text("\n".join(["a0: &a0 [x]", *lines, "paths: {}"]))

    with pytest.raises(Misconfigured, match="aliases"):
        describe(file)

"""The static check: every path of a map exists in its source, every field of the source is used or declared dropped with a reason, and
what comes out is what the target takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass

from mappings.engine.agree import Agreement
from mappings.engine.declared import TARGET, source_schema, target_schema
from mappings.engine.mapping import YamlMapping
from mappings.engine.places import misread, places_of, tested_by
from mappings.engine.schemas import Names, Schema, follow, leaves, opened
from mappings.engine.tables import UNFINISHED
from mappings.engine.targets import Cases, Each, Fields, Position, Target, Use, Value
from mappings.engine.wrong import finding


@dataclass(slots=True)
class Coverage:
    """Both sides of a mapping, places as dotted names. `optional` and `missing`: what the target takes, or requires, and no line makes."""

    mapping: str
    covered: list[str]
    optional: list[str]
    missing: list[str]
    used: list[str]
    dropped: list[str]
    unmentioned: list[str]


def check(mapping: YamlMapping, source: Schema | None = None) -> list[str]:
    """What is wrong with the map, a sentence each; empty when nothing is. None: the schema the map itself names as its `source`."""
    schema = source if source is not None else source_schema(mapping.source, mapping.folder)
    used, whole = _read_places(mapping)
    lost = [
        finding(
            f"nguồn không có trường {'.'.join(names)}: sửa đường dẫn, hoặc lược đồ",
            f"the source has no field {'.'.join(names)}: correct the path, or the schema",
        )
        for names in sorted(used | whole)
        if not follow(schema, names)
    ]
    lost += dict.fromkeys(one for use in _uses(mapping) for one in misread(schema, use.path, use.scopes))
    unspoken = [
        finding(
            f"{name} chưa dùng, cũng chưa bỏ: thêm dòng, hoặc kể dưới `dropped` kèm lý do",
            f"{name} is neither used nor dropped: map it, or name it under `dropped` with a reason",
        )
        for name in cover_source(schema, used, whole, mapping.dropped)[2]
    ]
    findings = [
        *lost,
        *unspoken,
        *idle_drops(mapping.dropped, schema, used, whole),
        *_idle_tables(mapping),
        *_unfinished(mapping),
    ]
    # A line that is not finished, or whose path leads nowhere, is told once.
    if not lost:
        named = "" if mapping.target else TARGET
        findings += Agreement(mapping.fields, mapping.tables, schema, target_schema(mapping), named).findings
    return [f"{mapping.name}: {one}" for one in findings]


def cover(mapping: YamlMapping) -> Coverage:
    """How much of both sides the map speaks of. Raises `Misconfigured`."""
    used, whole = _read_places(mapping)
    source = cover_source(source_schema(mapping.source, mapping.folder), used, whole, mapping.dropped)
    target = cover_target(target_schema(mapping), set(_made(mapping.fields, ())), set(_open(mapping.fields, ())))
    return Coverage(mapping.name, *target, *source)


def cover_source(
    schema: Schema, used: set[Names], whole: set[Names], dropped: dict[str, str]
) -> tuple[list[str], list[str], list[str]]:
    """The source's fields that are used, dropped, and neither."""
    found: tuple[list[str], list[str], list[str]] = ([], [], [])
    drops = [tuple(path.split(".")) for path in dropped]
    for leaf in leaves(schema):
        at = 0 if leaf in used or _under(leaf, whole) else 1 if _under(leaf, drops) else 2
        found[at].append(".".join(leaf))
    return found


def cover_target(
    schema: Schema | None, made: set[Names], unfinished: Set[Names] = frozenset()
) -> tuple[list[str], list[str], list[str]]:
    """The target's fields that are made, that may be absent and are not made, and that must be there and are not.

    What has a line that is not finished is missing, whatever the schema says of it.
    """
    if schema is None:
        return [".".join(names) for names in sorted(made - unfinished)], [], [".".join(n) for n in sorted(unfinished)]
    found: tuple[list[str], list[str], list[str]] = ([], [], [])
    for leaf in leaves(schema):
        at = (
            2
            if _under(leaf, unfinished)
            else 0
            if _under(leaf, made) or any(m[: len(leaf)] == leaf for m in made)
            else 2
            if _is_required(schema, leaf, made)
            else 1
        )
        found[at].append(".".join(leaf))
    return found


def idle_drops(dropped: dict[str, str], schema: Schema, used: set[Names], whole: set[Names]) -> list[str]:
    """What `dropped` says in vain, or does not say."""
    unused = [leaf for leaf in leaves(schema) if leaf not in used and not _under(leaf, whole)]
    idle = [path for path in dropped if not any(_under(leaf, [tuple(path.split("."))]) for leaf in unused)]
    return [
        *(
            finding(
                f"`dropped` kể {path}, nhưng không có trường nào chưa dùng như thế: bỏ dòng ấy",
                f"`dropped` names {path}, but there is no such unused field: take the line out",
            )
            for path in idle
        ),
        *(
            finding(
                f"`dropped` kể {path} mà không có lý do: nói vì sao",
                f"`dropped` names {path} without a reason: say why",
            )
            for path, reason in dropped.items()
            if reason == UNFINISHED
        ),
    ]


def _under(leaf: Names, places: Set[Names] | list[Names]) -> bool:
    return any(leaf[: len(names)] == names for names in places)


def _is_required(schema: Schema, leaf: Names, made: set[Names]) -> bool:
    """Must it be there, given what is made? A field of an object that is not made at all is not missing."""
    for i, name in enumerate(leaf):
        owners = [one for node in follow(schema, leaf[:i]) for one in opened(schema, node)]
        if not all(name in node.get("required", ()) for node in owners):
            return False
        if (
            i
            and not any(m[:i] == leaf[:i] for m in made)
            and any(n.get("type") == "array" for n in follow(schema, leaf[:i]))
        ):
            return False
    return True


def _made(target: Target, names: Names) -> Iterator[Names]:
    if isinstance(target, Fields):
        for name, one in target.fields.items():
            yield from _made(one, (*names, name))
    elif isinstance(target, Cases):
        for _, one in target.cases:
            yield from _made(one, names)
    elif isinstance(target, Each):
        yield from _made(target.element, names)
    elif isinstance(target, Value | Position):
        yield names


def _read_places(mapping: YamlMapping) -> tuple[set[Names], set[Names]]:
    """The places that the map reads, and those it takes with all beneath."""
    used: set[Names] = set()
    whole: set[Names] = set()
    for use in _uses(mapping):
        for names in places_of(use.path, use.scopes):
            (whole if use.whole else used).add(names)
        used.update(tested_by(use.path, use.scopes))
    return used, whole


def _uses(mapping: YamlMapping) -> Iterator[Use]:
    if mapping.only_when is not None:
        for path in mapping.only_when.paths():
            yield Use(path, (), False)
    if mapping.in_force is not None:
        for path in mapping.in_force.paths():
            yield Use(path, (), False)
    yield from mapping.fields.uses(())


def _idle_tables(mapping: YamlMapping) -> list[str]:
    text = (mapping.folder / "map.yaml").read_text(encoding="utf-8")
    return [
        finding(
            f"không dòng nào dùng bảng {name} của codes.csv: bỏ các dòng của bảng ấy",
            f"no rule uses the table {name} of codes.csv: take its rows out",
        )
        for name in mapping.tables
        if not re.search(rf"code\(\s*\"?{re.escape(name)}\"?\s*\)", text)
    ]


def _unfinished(mapping: YamlMapping) -> list[str]:
    tables = [
        name
        for name, table in mapping.tables.items()
        if UNFINISHED in (*table.rows, *table.rows.values(), table.default)
    ]
    return [
        *(
            finding(
                f"{'.'.join(names)} chưa soạn xong (`{UNFINISHED}`): nói nó lấy từ đâu",
                f"{'.'.join(names)} is not finished (`{UNFINISHED}`): say where it comes from",
            )
            for names in _open(mapping.fields, ())
        ),
        *(
            finding(
                f"bảng {name} của codes.csv chưa soạn xong (`{UNFINISHED}`): điền mã",
                f"the table {name} of codes.csv is not finished (`{UNFINISHED}`): write the codes",
            )
            for name in tables
        ),
    ]


def _open(target: Target, names: Names) -> Iterator[Names]:
    if isinstance(target, Fields):
        for name, one in target.fields.items():
            yield from _open(one, (*names, name))
    elif isinstance(target, Cases):
        for _, one in target.cases:
            yield from _open(one, names)
    elif isinstance(target, Each):
        yield from _open(target.element, names)
    elif isinstance(target, Value) and target.rule.is_unfinished():
        yield names

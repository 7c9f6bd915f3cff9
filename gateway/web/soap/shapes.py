"""The shape of a model as XML, taken from its JSON Schema: an element for a field, named as the field; a list is the element repeated.

From the same shapes come the XSD, the reading of what came and the writing of what goes, so that the three cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CONTENT = "content"  # the one element that the canonical model does not have: a file that comes inside the message


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a whole number or a yes-or-no. `rules` are the JSON Schemas it may follow, one or (in a union) several."""

    kind: str  # string | integer | boolean | bytes
    rules: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A JSON object with free names: `entry` elements, each with `name` and `value`."""

    name: Scalar
    value: Scalar
    most: int | None


@dataclass(frozen=True, slots=True)
class Field:
    """`least` and `most` times; `most` is None for any number. `many`: a list in JSON, even when there is one."""

    node: Scalar | Entries | Record
    least: int
    most: int | None
    many: bool
    words: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A complex type. `file`: its bytes may come inside the message, in the element `content`."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    words: str = ""
    file: bool = False


class Shapes:
    """Reads JSON Schemas, each named type once. `records` are all that were met, in order."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}

    def of(self, schema: Mapping[str, Any], *, leave_out: str = "") -> Record:
        """The shape of a model's whole JSON Schema. `leave_out`: the field that its element's name says already."""
        properties = {name: rule for name, rule in schema["properties"].items() if name != leave_out}
        return self._record(schema["title"], {**schema, "properties": properties}, schema.get("$defs", {}))

    def _record(self, name: str, schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Record:
        if name in self.records:
            return self.records[name]
        properties = schema["properties"]
        is_file = properties.keys() >= {"sha256", "url"}
        made = Record(name, words=schema.get("description", ""), file=is_file)
        self.records[name] = made
        required = set(schema.get("required", ()))
        for key, rule in properties.items():
            made.fields[key] = self._field(f"{name}.{key}", rule, key in required, defs)
        if is_file:
            words = "the file itself, base64 or by xop:Include; then neither url nor (unless to check it) sha256"
            made.fields[CONTENT] = Field(Scalar("bytes", ({},)), 0, 1, False, words)
        return made

    def _field(self, place: str, rule: Mapping[str, Any], required: bool, defs: Mapping[str, Any]) -> Field:
        words = rule.get("description", "")
        if "anyOf" in rule:
            options = [option for option in rule["anyOf"] if option.get("type") != "null"]
            required = required and len(options) == len(rule["anyOf"])
            (rule,) = options
        if rule.get("type") == "array":
            least = rule.get("minItems", 0) if required else 0
            return Field(self._node(place, rule["items"], defs), least, rule.get("maxItems"), True, words)
        return Field(self._node(place, rule, defs), int(required), 1, False, words)

    def _node(self, place: str, rule: Mapping[str, Any], defs: Mapping[str, Any]) -> Scalar | Entries | Record:
        if "$ref" in rule:
            name = rule["$ref"].rsplit("/", 1)[1]
            return self._record(name, defs[name], defs)
        if "oneOf" in rule:
            return self._union([option["$ref"].rsplit("/", 1)[1] for option in rule["oneOf"]], defs)
        if rule.get("type") == "object":
            value, name = rule["additionalProperties"], rule.get("propertyNames", {"type": "string"})
            return Entries(Scalar("string", (name,)), Scalar("string", (value,)), rule.get("maxProperties"))
        if rule.get("type") not in ("string", "integer", "number", "boolean"):
            raise TypeError(f"{place}: no XML shape for {rule}")
        return Scalar(rule["type"], (rule,))

    def _union(self, names: list[str], defs: Mapping[str, Any]) -> Record:
        """One type for all options: XML Schema 1.0 cannot tell them apart by the content of a field. The canonical model does."""
        options = [Shapes()._record(name, defs[name], defs) for name in names]
        made = Record("Or".join(names), words=" / ".join(o.words for o in options if o.words))
        if made.name in self.records:
            return self.records[made.name]
        self.records[made.name] = made
        for key in dict.fromkeys(key for option in options for key in option.fields):
            found = [option.fields[key] for option in options if key in option.fields]
            least = min(f.least for f in found) if len(found) == len(options) else 0
            rules = tuple(r for f in found if isinstance(f.node, Scalar) for r in f.node.rules)
            unique = tuple(r for i, r in enumerate(rules) if r not in rules[:i])
            if any(not isinstance(f.node, Scalar) or f.many for f in found):
                raise TypeError(f"{made.name}.{key}: only single values may differ in a union")
            made.fields[key] = Field(Scalar(rules[0].get("type", "string"), unique), least, 1, False)
        return made

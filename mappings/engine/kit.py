"""What is asked of a mapping in either language."""

from __future__ import annotations

from gateway.ports import Translation
from mappings.engine import coverage
from mappings.engine.coverage import Coverage
from mappings.engine.mapping import YamlMapping
from mappings.engine.schemas import Schema


def check(mapping: Translation, source: Schema | None = None) -> list[str]:
    """What is wrong with it, a sentence each. `source`: another schema than the one the mapping names. Raises `Misconfigured`."""
    if isinstance(mapping, YamlMapping):
        return coverage.check(mapping, source)
    from mappings.engine import trying

    return trying.check(mapping)


def cover(mapping: Translation) -> Coverage:
    """How much of both sides it speaks of. Raises `Misconfigured`."""
    if isinstance(mapping, YamlMapping):
        return coverage.cover(mapping)
    from mappings.engine import trying

    return trying.cover(mapping)

"""The mapping engine: `map.yaml`, one field a line, no eval and no loops, compiled once.

The language: `paths` (where a value comes from), `rules` (what becomes of it), `steps` (each thing a rule can do), `conditions`, `targets`
(objects, lists, cases), `tables` (codes.csv). `coverage` checks a map against its source's schema, `samples` runs what lies beside it.
"""

from __future__ import annotations

from mappings.engine.coverage import check, declared_schema
from mappings.engine.mapping import YamlMapping, load
from mappings.engine.samples import SampleResult, Trial, run_samples, try_file
from mappings.engine.view import view_schema

__all__ = [
    "SampleResult",
    "Trial",
    "YamlMapping",
    "check",
    "declared_schema",
    "load",
    "run_samples",
    "try_file",
    "view_schema",
]

"""The mapping engine: a mapping is data, one field a line, no eval and no loops, compiled once.

A folder holds `map.yaml`, or `map.xsl`. The language: `paths` (where a value comes from), `rules` (what becomes of it), `steps` (each thing
a rule can do), `conditions`, `targets` (objects, lists, cases), `tables` (codes.csv). `coverage` and `agree` check a map against the
schemas of its source and target, `samples` runs what lies beside it, `draft` begins a map from one sample of an agency.

A stylesheet: `gate` refuses what it must not hold, `placing` and `functions` let it tell where a value came from, `stylesheet` runs it,
and `sandbox` runs that in a process of its own, under limits.
"""

from __future__ import annotations

from mappings.engine.coverage import Coverage
from mappings.engine.draft import draft
from mappings.engine.folders import load
from mappings.engine.kit import check, cover
from mappings.engine.listing import list_fields
from mappings.engine.mapping import YamlMapping
from mappings.engine.samples import SampleResult, Trial, run_samples, try_file
from mappings.engine.view import view_schema

__all__ = [
    "Coverage",
    "SampleResult",
    "Trial",
    "YamlMapping",
    "check",
    "cover",
    "draft",
    "list_fields",
    "load",
    "run_samples",
    "try_file",
    "view_schema",
]

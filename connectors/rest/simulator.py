"""The twin of a partner that speaks REST, made of that partner's own file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.rest.settings import Settings
from gateway.dialect.twin import DialectTwin, read_file


def twin_of(file: Mapping[str, Any]) -> DialectTwin:
    """`file`: a partner file as a table, with `folder`, the configuration's, where its mappings lie; or bare settings."""
    settings, schemas = read_file(file, Settings.model_validate)
    return DialectTwin(settings, schemas, [(row, row.ask) for row in settings.poll])

"""Drafts a map from one sample of an agency's document, for a person to finish.

Every line says how sure the guess is. What cannot be guessed stands as `???`: such a line refuses every document, and `map test` names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.canonical import TYPES
from gateway.canonical.scalars import write_instant
from gateway.errors import Misconfigured
from mappings.engine import shapes
from mappings.engine.draft_in import Inbound
from mappings.engine.draft_out import Outbound
from mappings.engine.drafting import EMPTY, ITEM, NOW, SAMPLE, Days, as_json, plain_values
from mappings.engine.schemas import Schema, infer, leaves


def draft(
    sample: Any, *, to: str | None = None, source: str | None = None, schema: Schema | None = None
) -> Mapping[str, str]:
    """The files of a mapping folder, by their paths in it.

    `to`: the sample is what the agency sends us, and becomes this canonical type. `source`: it is what the agency wants, made of
    `view(Type)`; `schema` is then what its description says of it: what is required comes first, the rest is commented out. Raises
    `Misconfigured`.
    """
    if not isinstance(sample, dict) or not sample:
        raise Misconfigured("mẫu phải là một đối tượng JSON · a sample is one JSON object with fields")
    if (to is None) == (source is None):
        raise Misconfigured("cần đúng một trong hai · exactly one of: --to TYPE, --source view(TYPE)")
    return _draft_inbound(sample, to) if to is not None else Outbound(sample, str(source), schema).files()


def _draft_inbound(sample: Any, to: str) -> Mapping[str, str]:
    if to not in TYPES:
        raise Misconfigured(f"{to!r} không phải loại bản tin · is no message type; có · known: {', '.join(TYPES)}")
    schema: Schema = TYPES[to].model_json_schema()
    laid = {ITEM: "ban-tin-0001", NOW: _latest(sample)}
    sheet = Inbound(to, schema, sample, (), 1, [schema], Days(sample)).sheet
    dropped = {
        ".".join(leaf): "dùng ở đâu, hoặc vì sao bỏ? · where does it go, or why is it left out?"
        for leaf in leaves(infer([sample]))
        if leaf not in sheet.read
    }
    head = [
        f"about: bản nháp, cần người hoàn thành · a draft, to be finished (? → {to})",
        "source: samples",
        "target: canonical",
    ]
    beside = {name: value for name, value in laid.items() if (name,) in sheet.read}
    return {
        "map.yaml": sheet.text(head, dropped),
        **sheet.codes_file(),
        f"samples/{SAMPLE}/in.json": as_json({**sample, **beside}),
        f"samples/{EMPTY}/in.json": as_json({}),
    }


def _latest(sample: Any) -> str:
    """A moment at which such a document can have come: no day in it is ahead of that."""
    known = [moment for value in plain_values(sample) if (moment := shapes.moment_of(value)) is not None]
    return write_instant(max(known, default=datetime(2026, 1, 5, tzinfo=UTC)) + timedelta(hours=9))

"""Drafts a map from one sample of an agency's document, for a person to finish.

Every line says how sure the guess is. What cannot be guessed stands as `???`: such a line refuses every document, and `map test` names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.canonical import TYPES
from gateway.errors import Misconfigured
from mappings.engine.draft_in import Inbound
from mappings.engine.draft_out import Outbound
from mappings.engine.drafting import SAMPLE, as_json
from mappings.engine.schemas import Schema, infer, leaves


def draft(sample: Any, *, to: str | None = None, source: str | None = None) -> Mapping[str, str]:
    """The files of a mapping folder, by their paths in it.

    `to`: the sample is what the agency sends us, and becomes this canonical type. `source`: it is what the agency wants, made of
    `view(Type)`. Raises `Misconfigured`.
    """
    if not isinstance(sample, dict) or not sample:
        raise Misconfigured("mẫu phải là một đối tượng JSON · a sample is one JSON object with fields")
    if (to is None) == (source is None):
        raise Misconfigured("cần đúng một trong hai · exactly one of: --to TYPE, --source view(TYPE)")
    return _draft_inbound(sample, to) if to is not None else Outbound(sample, str(source)).files()


def _draft_inbound(sample: Any, to: str) -> Mapping[str, str]:
    if to not in TYPES:
        raise Misconfigured(f"{to!r} không phải loại bản tin · is no message type; có · known: {', '.join(TYPES)}")
    schema: Schema = TYPES[to].model_json_schema()
    sheet = Inbound(to, schema, sample, (), 1, [schema]).sheet
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
    return {"map.yaml": sheet.text(head, dropped), **sheet.codes_file(), f"samples/{SAMPLE}/in.json": as_json(sample)}

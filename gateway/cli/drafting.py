"""A drafted mapping's folder: the engine's draft, and samples to finish it against. `new agency` and `map draft` write the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.canonical import TYPES
from gateway.canonical.scalars import HANOI
from gateway.cli.mapping import engine
from gateway.cli.samples import day
from gateway.dossiers.view import build_view
from gateway.message import Message, name_message
from gateway.ports import Codes

LAID = {"_item": "{$item}", "_now": "{$now}"}
"""What a hook lays beside a document of theirs, as `with` says it: our name for it, and when it came."""
_DAY = datetime(2026, 1, 5, 17, 0, tzinfo=HANOI)
_INVENTED = "a-dossier-of-an-invented-day"
_EMPTY = "a-message-with-nothing-in-it-is-refused"


def outgoing(kind: str, sample: Any, codes: Codes, schema: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The files of a mapping from our view to what they want, with an invented dossier that must pass and an empty one that must not.

    `schema`: what their description says of it. Raises `Misconfigured`.
    """
    drafted = engine().draft(sample, source=f"view({kind})", schema=schema)
    files = {file: text for file, text in drafted.items() if not file.startswith("samples/")}
    files["their-sample.json"] = _json(sample)
    view = invent_view(kind, codes)
    if view is not None:
        files[f"samples/{_INVENTED}/in.json"] = _json(view)
        files[f"samples/{_EMPTY}/in.json"] = _json(_emptied(view))
    return files


def incoming(kind: str, sample: Any) -> dict[str, str]:
    """The files of a mapping from what they send to a canonical message, with their sample and an empty one. Raises `Misconfigured`."""
    return dict(engine().draft(sample, to=kind))


def invent_view(kind: str, codes: Codes) -> dict[str, Any] | None:
    """Of such a message of an invented day, the one that says most; None when no day has one."""
    told: dict[str, list[Message]] = {}
    views = []
    for seq, piece in enumerate(day(60, _DAY, codes), start=1):
        checked = TYPES[piece.body["type"]].model_validate(piece.body)
        body: Mapping[str, Any] = checked.model_dump(mode="json", exclude_none=True)
        message = Message(
            seq, name_message("one-stop", body["id"], piece.at), "one-stop", body["id"], body["type"], body["dossier"],
            datetime.fromisoformat(body["event_time"]), piece.at, body, piece.held,
        )  # fmt: skip
        earlier = told.setdefault(message.dossier, [])
        if message.type == kind and piece.held is None:
            views.append(build_view(message, earlier, _link))
        earlier.append(message)
    return max(views, key=lambda view: len(_json(view)), default=None)


def _link(file: Mapping[str, Any], _message: Message) -> str:
    return f"https://cong.example.gov.vn/files/{file['sha256']}"


def _emptied(view: Mapping[str, Any]) -> dict[str, Any]:
    """The same with nothing in it but what every message has."""
    made = copy.deepcopy(dict(view))
    made["message"] = {name: view["message"][name] for name in ("type", "id", "dossier", "event_time")}
    made["dossier"] = None
    return made


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"

"""Telling a partner again what it was told before: a message of our own, `Retold`, that goes by the lane like any other.

It carries nothing itself: it names the message that is told again, and which of its documents. The partner is given that message's own key,
so whatever it keeps by our key it keeps once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.dossiers.differences import Retelling
from gateway.ledger import messages as ledger
from gateway.ledger.reconciling import put_documents
from gateway.ledger.tables import RETOLD
from gateway.message import Message, name_message

SOURCE = "gateway:reconcile"  # no partner can be called so


@dataclass(frozen=True, slots=True)
class Said:
    """What a message really says, and the messages before and after it that its view is made of, oldest first."""

    message: Message
    earlier: Sequence[Message]
    later: Sequence[Message] = ()


def resolve(message: Message, told: Sequence[Message]) -> Said:
    """`told`: all messages of the dossier. Of a retelling as things stand now, all that came before the retelling itself counts."""
    before = [one for one in told if one.seq < message.seq]
    if message.type != RETOLD:
        return Said(message, before)
    of = next(one for one in before if one.id == message.body["of"])
    later = [one for one in before if one.seq > of.seq] if message.body["present"] else []
    return Said(replace(of, trace=message.trace), [one for one in before if one.seq < of.seq], later)


def narrow(documents: Mapping[str, Any], message: Message) -> dict[str, Any]:
    """Of the documents those that `message` retells; the others do not apply."""
    return _only(documents, message.body["documents"] if message.type == RETOLD else None)


def _only(documents: Mapping[str, Any], wanted: Sequence[str] | None) -> dict[str, Any]:
    return {name: one if wanted is None or name in wanted else None for name, one in documents.items()}


def is_anew(message: Message) -> bool:
    """Does it tell a dossier to a partner that has lost it?"""
    return message.type == RETOLD and bool(message.body["anew"])


def write_retellings(
    connection: Any,
    dossier: Any,
    destination: str,
    plan: Sequence[Retelling],
    because: str,
    now: datetime,
    edited: Mapping[str, str],
) -> list[str]:
    """Into the lane, in order; returns our ids of them. `dossier` is its locked row; `because` names the difference and the try.

    `edited`: by message, the documents that a person wrote and the destination took (JSON). A step goes out again as it was taken; a dossier
    as it stands now is made anew. The same plan for the same reason is written once, whoever writes it.
    """
    made = []
    for number, retelling in enumerate(plan, start=1):
        body = {"type": RETOLD, "dossier": dossier.code, "to": destination, **retelling.as_json()}
        source_id = f"{because}-{number}"
        if ledger.find_earlier(connection, SOURCE, source_id, None) is not None:
            continue
        text = json.dumps(body, ensure_ascii=False, sort_keys=True)
        ours = name_message(SOURCE, source_id, now)
        seq = ledger.add_message(
            connection,
            {
                "id": ours, "source": SOURCE, "source_id": source_id, "idempotency_key": None, "type": RETOLD, "dossier": dossier.code,
                "event_time": now, "received_time": now, "digest": hashlib.sha256(text.encode()).hexdigest(), "content_type": "application/json",
                "original": text.encode(), "body": text, "mapping": None, "held": None, "routed": 1, "because": retelling.message,
                "trace": None,
            },
        )  # fmt: skip
        ledger.add_deliveries(connection, seq, dossier.code, [destination], now, dossier.due_at)
        if retelling.message in edited and not retelling.present:
            said = _only(json.loads(edited[retelling.message]), retelling.documents)
            put_documents(connection, seq, destination, json.dumps(said, ensure_ascii=False))
        made.append(ours)
    return made

"""What a retelling really says: the message it names, seen as it stood then, or as things stand now."""

from __future__ import annotations

from typing import Any

from gateway.flow.retell import narrow, resolve
from gateway.message import Message, utc_now

NOW = utc_now()


def message(seq: int, kind: str = "StatusChanged", **body: Any) -> Message:
    return Message(seq, f"m{seq}", "one-stop", f"s{seq}", kind, "d", NOW, NOW, {"type": kind, **body})


def retelling(seq: int, of: str, *, present: bool, documents: list[str] | None = None) -> Message:
    return message(seq, "Retold", of=of, present=present, documents=documents, anew=False)


def test_a_step_is_seen_as_it_stood_and_a_dossier_as_it_stands() -> None:
    told = [message(1, "DossierSubmitted"), message(2), message(3, "ResultIssued")]
    step, whole = retelling(4, "m2", present=False), retelling(5, "m2", present=True)

    then, now = resolve(step, [*told, step, whole]), resolve(whole, [*told, step, whole])

    assert [one.id for one in (then.message, *then.earlier, *then.later)] == ["m2", "m1"]
    assert [one.id for one in (now.message, *now.earlier, *now.later)] == ["m2", "m1", "m3", "m4"]


def test_an_ordinary_message_is_itself_with_what_came_before() -> None:
    told = [message(1, "DossierSubmitted"), message(2), message(3)]

    said = resolve(told[1], told)

    assert (said.message, said.earlier, list(said.later)) == (told[1], told[:1], [])


def test_only_the_documents_named_go_out() -> None:
    documents = {"dossier": {"a": 1}, "progress": {"b": 2}}

    assert narrow(documents, retelling(4, "m2", present=False, documents=["progress"])) == {
        "dossier": None,
        "progress": {"b": 2},
    }
    assert narrow(documents, retelling(4, "m2", present=False)) == documents
    assert narrow(documents, message(2)) == documents

"""The view: what an outbound mapping reads. Built from immutable messages alone, so the same message gives the same view for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.canonical.scalars import write_instant
from gateway.message import Message

Link = Callable[[Mapping[str, Any], Message], str]
"""Makes the public link of an uploaded file that a message carries."""


def build_view(
    message: Message, earlier: Iterable[Message], link: Link, later: Iterable[Message] = ()
) -> dict[str, Any]:
    """The view of `message` given the dossier's `earlier` messages, oldest first. Held messages do not count.

    With `later` ones the dossier is shown as it stood after those; the message stays what it is.

    Keys: message, meta, dossier, current_status, moments (newest event time of each status), first_moments (oldest), results,
    supplements, fees (the dossier's and those asked for later; of one code the newest), payments.
    """
    view: dict[str, Any] = {
        "message": message.body,
        "meta": {
            "id": message.id,
            "type": message.type,
            "source": message.source,
            "received_time": write_instant(message.received_time),
        },
        "dossier": None,
        "current_status": None,
        "moments": {},
        "first_moments": {},
        "results": [],
        "supplements": [],
        "fees": [],
        "payments": [],
    }
    for one in (*earlier, message, *later):
        if one.held is None or one is message:
            _add(view, one, link)
    return view


def send_as_is(message: Message, link: Link) -> Mapping[str, Any]:
    """The canonical message for a partner without a mapping: files parked with us go by their link, since the partner cannot see our store."""
    body = dict(message.body)
    for name in ("attachments", "results"):
        if name in body:
            linked = [_linked(file, message, link) for file in body[name]]
            body[name] = [{k: v for k, v in file.items() if k != "sha256"} for file in linked]
    return body


def build_heading(view: Mapping[str, Any]) -> Mapping[str, str]:
    """Where an event belongs: the organisation that handles the dossier, the national part of its procedure's code, its status by then."""
    dossier = view["dossier"]
    return {
        "organisation": dossier["handled_by"]["code"],
        "procedure": ".".join(dossier["procedure"]["code"].split(".")[:2]),
        "status": str(view["current_status"]),
    }


def _add(view: dict[str, Any], one: Message, link: Link) -> None:
    body = dict(one.body)
    if one.type == "DossierSubmitted":
        if view["dossier"] is None or view["current_status"] is None:
            _move(view, body["status"], body["event_time"])
        body["attachments"] = [_linked(f, one, link) for f in body.get("attachments", [])]
        _submit(view, body)
        _charge(view, body.get("fees", []))
    elif one.type == "StatusChanged":
        _move(view, body["status"], body["event_time"])
        if not body.get("apology"):
            _promise(view, body.get("due_at"))
    elif one.type == "ResultIssued":
        view["results"] = [*view["results"], *(_linked(f, one, link) for f in body["results"])]
    elif one.type == "SupplementRequested":
        view["supplements"] = [*view["supplements"], {"request": body, "provided": None}]
    elif one.type == "SupplementProvided":
        body["attachments"] = [_linked(f, one, link) for f in body.get("attachments", [])]
        view["supplements"] = [
            {**pair, "provided": body} if pair["request"]["request"] == body["request"] else pair
            for pair in view["supplements"]
        ]
        _promise(view, body.get("new_due_at"))
    elif one.type == "PaymentRequested":
        _charge(view, body["fees"])
    elif one.type == "PaymentPaid":
        view["payments"] = [*view["payments"], body]


def _submit(view: dict[str, Any], body: dict[str, Any]) -> None:
    """An amendment that promises nothing takes no promise back: the ledger says so too."""
    promised = (view["dossier"] or {}).get("deadlines", {}).get("due_at")
    view["dossier"] = body
    if not body.get("deadlines", {}).get("due_at"):
        _promise(view, promised)


def _move(view: dict[str, Any], status: int, when: str) -> None:
    view["current_status"] = status
    view["moments"] = {**view["moments"], str(status): when}
    view["first_moments"] = {str(status): when, **view["first_moments"]}


def _charge(view: dict[str, Any], fees: Iterable[Mapping[str, Any]]) -> None:
    view["fees"] = merge_fees(view["fees"], fees)


def merge_fees(known: Iterable[Mapping[str, Any]], more: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What a dossier owes after `more` was asked for: of one code the newest."""
    return list({fee["code"]: fee for fee in (*known, *more)}.values())


def _promise(view: dict[str, Any], due_at: str | None) -> None:
    """The newest promised return wins over the one in the dossier."""
    if due_at and view["dossier"] is not None:
        deadlines = {**view["dossier"].get("deadlines", {}), "due_at": due_at}
        view["dossier"] = {**view["dossier"], "deadlines": deadlines}


def _linked(file: Mapping[str, Any], message: Message, link: Link) -> Mapping[str, Any]:
    return {**file, "url": link(file, message)} if "sha256" in file else file

"""Looking at a message: its view, the mask over its people, and the record of who looked without it."""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.masking import Mask
from gateway.errors import Fault, NotFound

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway
    from gateway.ledger import Ledger
    from gateway.message import Message


def allow_look(
    ledger: Ledger, message: str, *, uncover: bool, reason: str | None, who: str | None, now: datetime
) -> None:
    """Record the look before anything is shown. `--show` without a reason is a usage error."""
    if not uncover:
        return
    if not (reason or "").strip():
        raise click.UsageError("--show cần --reason: vì sao phải xem dữ liệu cá nhân · --show needs --reason")
    from gateway.ledger import people

    with ledger.write() as connection:
        people.note_look(connection, message, who=who or getpass.getuser(), reason=str(reason), now=now)


def mask_of(ledger: Ledger, dossier: str, *, off: bool = False) -> Mask:
    """Covers the people of a dossier, whichever of its messages named them."""
    from gateway.ledger.messages import history

    with ledger.read() as connection:
        return Mask([one.body for one in history(connection, dossier, 1 << 62)], off=off)


def documents_of(gateway: Gateway, destination: str, message_id: str) -> dict[str, Any]:
    """What the mappings make of a message for this destination. Raises `NotFound`, and `Refused` when it cannot be translated."""
    from gateway.flow.retell import narrow
    from gateway.ledger.messages import message_by_id, read_message

    message, view = view_of(gateway, message_id)
    with gateway.ledger.read() as connection:
        head = read_message(message_by_id(connection, message_id))
    return narrow(gateway.documents(destination, message, view), head)


def view_of(gateway: Gateway, message_id: str) -> tuple[Message, dict[str, Any]]:
    """A message and the view that its mappings read; of a retelling those of the message that is told again. Raises `NotFound`."""
    from gateway.dossiers.view import build_view
    from gateway.flow.retell import resolve
    from gateway.ledger.messages import histories, message_by_id, read_message

    with gateway.ledger.read() as connection:
        row = message_by_id(connection, message_id)
        if row is None:
            raise NotFound(
                [Fault("", "unknown-message", f"không có bản tin {message_id}", f"there is no message {message_id}")]
            )
        told = histories(connection, [row.dossier])[row.dossier]
    said = resolve(read_message(row), told)
    return said.message, build_view(said.message, said.earlier, gateway.link, said.later)

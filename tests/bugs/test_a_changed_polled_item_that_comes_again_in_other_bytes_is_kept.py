"""An item changed under its id and was held as #digest; the same content in other bytes then refused its whole page, for ever."""

from __future__ import annotations

import json

from sqlalchemy import select

from gateway.flow.accept import Acceptance
from gateway.ledger.tables import messages
from gateway.ports import Accepted, Page, Submission
from tests.house import House, dossier


def test_the_page_is_taken(house: House) -> None:
    house.accept("one-stop", dossier())
    event = {
        "type": "PostalEvent", "id": "e-1", "dossier": dossier()["dossier"], "event_time": "2026-01-05T09:45:00+07:00",
        "order": dossier()["dossier"], "leg": "return", "state": "unlisted", "their_code": "7",
    }  # fmt: skip
    changed = event | {"their_code": "8"}
    originals = [json.dumps(event), json.dumps(changed), json.dumps(changed, indent=1), json.dumps(changed, indent=1)]
    for number, (body, original) in enumerate(zip([event, changed, changed, changed], originals, strict=True)):
        page = Page([Submission("e-1", body, original.encode())], f"c{number}", more=False)
        (result,) = Acceptance(house.gateway, house.gateway.config.partners["vnpost"], lenient=True).page(page)
        assert isinstance(result, Accepted)

    with house.gateway.ledger.read() as connection:
        kept = connection.execute(select(messages.c.original).where(messages.c.source == "vnpost")).scalars().all()
    assert sorted(bytes(k).decode() for k in kept) == sorted(set(originals))

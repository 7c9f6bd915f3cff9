"""A signature proves who speaks, not of what: any agency with a registered certificate could finish any dossier that went over the trunk."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.edxml import FOLDER
from connectors.edxml.client import Client
from connectors.edxml.inbound import DocumentBox
from connectors.edxml.settings import Settings
from connectors.edxml.simulator import EdxmlTwin, answer_document, status_message
from gateway.outcomes import Outcomes
from gateway.simulation import Serve
from tests.civil import Desk
from tests.trunks import CODE, TrunkDay

US, AGENCY, OTHER = "000.00.01.H99", "000.00.07.H99", "000.00.99.H99"


@pytest.fixture
def serve() -> Iterator[Serve]:
    serve = Serve(EdxmlTwin())
    serve.start()
    yield serve
    serve.stop()


def send(serve: Serve, organ: str, kind: str, xml: bytes) -> None:
    told = xml.replace(AGENCY.encode(), organ.encode())
    serve.twin.act({"raw": {"kind": kind, "xml": b64encode(told).decode()}})


def test_another_agencys_word_is_held_and_the_handlers_counts(
    serve: Serve, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = TrunkDay(tmp_path, "trunk", serve.url, monkeypatch, 'signatures = "when-present"')
    day.receive()
    for organ in (OTHER, "*"):
        day.later(60)
        send(serve, organ, "status", status_message(US, CODE, "05", "2026/01/05 10:30:00"))
        send(serve, organ, "edoc", answer_document(US, CODE))
        send(serve, organ, "status", status_message(US, CODE, "06", "2026/01/08 15:10:00"))
        day.poll("trunk")
        day.poll("trunk")
    assert (day.told(), day.moves()) == ([], [2])
    assert set(serve.twin.book()["inbox"].values()) == {"done"}  # they were read well: a person decides

    day.later(60)
    serve.twin.act({"status": {"dossier": CODE, "code": "05", "at": "2026/01/05 10:30:00"}})  # whom it went to
    day.poll("trunk")
    assert (day.told(), day.moves()) == (["StatusChanged"], [2, 4])
    day.close()


@pytest.mark.parametrize(
    ("handler", "answers_for", "taken"),
    [
        (AGENCY, {}, True),
        ("H99.7", {}, False),
        ("H99.7", {AGENCY: ["H99.7"]}, True),
        ("000.03.07.H99", {AGENCY: ["*.07.H99"]}, True),
        ("000.03.08.H99", {AGENCY: ["*.07.H99"]}, False),
        (None, {AGENCY: ["*"]}, False),  # a dossier that never went over the trunk
    ],
)
def test_an_agency_answers_for_its_other_code_and_its_units_where_that_is_declared(
    serve: Serve, handler: str | None, answers_for: Any, taken: bool
) -> None:
    serve.twin.act({"status": {"dossier": CODE, "code": "05"}})
    vxp = {"url": f"{serve.url}/vxp", "system_id": "MCDT-H99", "secret": "mat-thu"}
    conf = Settings.model_validate(
        {
            "vxp": vxp,
            "organ": {"code": US, "name": "Một cửa"},
            "signatures": "when-present",
            "answers_for": answers_for,
        }
    )
    known = None if handler is None else {"dossier": {"dossier": CODE, "handled_by": {"code": handler}}}
    box = DocumentBox(Client(conf, Outcomes.load(FOLDER / "outcomes.toml")), conf, Desk(known=known))

    [item] = box.poll(None).items

    assert (item.body is not None, [fault.code for fault in item.problem]) == (taken, [] if taken else ["for-a-person"])

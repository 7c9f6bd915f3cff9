"""A signed answer was bound to no question: without RelatesTo, or with one that nobody signed, yesterday's yes was today's receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.soap import FOLDER
from connectors.soap.client import Client
from connectors.soap.outbound import Soap
from connectors.soap.simulator import SoapTwin
from gateway.errors import AskFirst, Rejected
from gateway.message import utc_now
from gateway.outcomes import Outcomes
from gateway.simulation import Request, Response, Serve, Twin
from tests.connectors.replay import parcel
from tests.department import EXAMPLE, settings, twin_settings
from tests.soap import V11, WSA, WSSE, Signer

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
MOVED = parcel("StatusChanged", {"message": {"status": 4}})
SECOND = replace(MOVED, key="0199aa00-0000-7000-8000-000000000099")
_RELATES_TO = f".//{{{WSA}}}RelatesTo"


class Middle(Twin):
    """Stands before a twin, and changes or replays what it answers."""

    name = "middle"

    def __init__(self, twin: SoapTwin) -> None:
        super().__init__()
        self.twin = twin
        self.kept: bytes = b""
        self.change: Callable[[etree._Element, Request], None] | None = None

    def answer(self, request: Request) -> Response:
        if self.change is None:
            response = self.twin.answer(request)
            self.kept = response.body if isinstance(response.body, bytes) else str(response.body).encode()
            return response
        root = etree.fromstring(self.kept)
        self.change(root, request)
        return Response(200, etree.tostring(root), {"Content-Type": "text/xml"})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[..., tuple[Soap, Middle]]]:
    signer = Signer.of(tmp_path, "theirs", utc_now())
    open_ones: list[Serve] = []

    def make(*, signed: bool) -> tuple[Soap, Middle]:
        told: dict[str, Any] = {"twin": {"certificate": str(signer.certificate), "key_file": str(signer.key)}}
        twin = SoapTwin(twin_settings(addressing=True, security={}, **(told if signed else {})))
        middle = Middle(twin)
        open_ones.append(Serve(middle))
        security = {"answers": [str(signer.certificate)]} if signed else {}
        conf = settings(open_ones[-1].start(), addressing=True, security=security)
        return Soap(Client(conf, EXAMPLE), conf, OUTCOMES, "so-vi-du.toml"), middle

    yield make
    for one in open_ones:
        one.stop()


def rename(root: etree._Element, request: Request) -> None:
    """It relates to the new question; nobody signed that."""
    relates_to = root.find(_RELATES_TO)
    assert relates_to is not None
    relates_to.text = etree.fromstring(request.body).findtext(f".//{{{WSA}}}MessageID")


def beside(root: etree._Element, request: Request) -> None:
    """The signed header stays, behind one that nobody signed."""
    forged = etree.Element(f"{{{WSA}}}RelatesTo")
    forged.text = etree.fromstring(request.body).findtext(f".//{{{WSA}}}MessageID")
    root[0].insert(0, forged)


def drop(root: etree._Element, request: Request) -> None:
    relates_to = root.find(_RELATES_TO)
    assert relates_to is not None
    root[0].remove(relates_to)


def leave(root: etree._Element, request: Request) -> None:
    return


@pytest.mark.parametrize("change", [rename, beside, drop, leave])
def test_a_signed_answer_counts_once(world: Callable[..., tuple[Soap, Middle]], change: Any) -> None:
    out, middle = world(signed=True)
    assert out.deliver(MOVED).code == "00"  # their signature covers RelatesTo

    middle.change = change

    with pytest.raises(AskFirst, match="unreadable"):
        out.deliver(SECOND)
    assert len(middle.twin.book()["effects"]) == 1


def test_without_relates_to_an_answer_is_none_with_addressing(world: Callable[..., tuple[Soap, Middle]]) -> None:
    out, middle = world(signed=False)
    out.deliver(MOVED)
    middle.change = drop
    with pytest.raises(AskFirst, match="RelatesTo"):
        out.deliver(SECOND)


def as_a_fault(root: etree._Element, request: Request) -> None:
    for part in list(root):
        root.remove(part)
    fault = etree.SubElement(etree.SubElement(root, f"{{{V11}}}Body"), f"{{{V11}}}Fault")
    etree.SubElement(fault, "faultcode").text = "s:Client"


def test_a_fault_that_names_no_message_is_one_only_where_answers_are_not_signed(
    world: Callable[..., tuple[Soap, Middle]],
) -> None:
    for signed, raised in ((False, Rejected), (True, AskFirst)):
        out, middle = world(signed=signed)
        out.deliver(MOVED)
        assert (etree.fromstring(middle.kept).find(f".//{{{WSSE}}}Security") is not None) is signed
        middle.change = as_a_fault
        with pytest.raises(raised):
            out.deliver(SECOND)

"""Any well-formed envelope counted as a receipt where the file names no code: an ESB's own error, another operation's answer, an empty Body."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connectors.soap import FOLDER
from connectors.soap.client import Client
from connectors.soap.outbound import Soap
from connectors.soap.settings import Settings
from gateway.errors import AskFirst
from gateway.outcomes import Outcomes
from gateway.simulation import Request, Response, Serve, Twin
from tests.connectors.replay import parcel
from tests.department import EXAMPLE, settings
from tests.soap import V11

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
VALUES = {"maBanTin": "{$key}", "maHoSo": "{$dossier}", "trangThai": "{/status}"}
CALL = {"operation": "CapNhatTrangThai", "send": "nothing", "with": VALUES}


class Says(Twin):
    name = "says"

    def __init__(self, inside: str) -> None:
        super().__init__()
        self._body = f'<s:Envelope xmlns:s="{V11}"><s:Body>{inside}</s:Body></s:Envelope>'

    def answer(self, request: Request) -> Response:
        return Response(200, self._body, {"Content-Type": "text/xml"})


@pytest.fixture
def out() -> Iterator[Callable[[str], Soap]]:
    open_ones: list[Serve] = []

    def start(inside: str) -> Soap:
        open_ones.append(Serve(Says(inside)))
        conf: Settings = settings(open_ones[-1].start(), rule=[], answer={}, call=[CALL])
        return Soap(Client(conf, EXAMPLE), conf, OUTCOMES, "so-vi-du.toml")

    yield start
    for one in open_ones:
        one.stop()


@pytest.mark.parametrize(
    "inside",
    [
        '<Loi xmlns="urn:truc-esb"><Ma>E99</Ma><MoTa>Máy chủ phía sau không trả lời</MoTa></Loi>',
        '<DangNhapResponse xmlns="urn:vi-du:ho-so"/>',
        "",
    ],
)
def test_it_is_in_doubt(out: Callable[[str], Soap], inside: str) -> None:
    with pytest.raises(AskFirst, match="unreadable"):
        out(inside).deliver(parcel("StatusChanged", {"message": {"status": 4}}))


@pytest.mark.parametrize("space", ["urn:vi-du:ho-so", "http://tempuri.org/"])
def test_the_answer_that_the_contract_declares_is_one_in_whatever_namespace(
    out: Callable[[str], Soap], space: str
) -> None:
    answer = f'<CapNhatTrangThaiResponse xmlns="{space}"/>'
    assert not out(answer).deliver(parcel("StatusChanged", {"message": {"status": 4}})).duplicate

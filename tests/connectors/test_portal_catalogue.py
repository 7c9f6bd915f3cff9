"""The portal's catalogue as rows of our lists, read from its twin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from connectors.mapi.catalogue import PortalCatalogue
from connectors.mapi.client import Client
from connectors.mapi.settings import Settings
from connectors.mapi.simulator import PortalTwin
from gateway.errors import DeliveryError, Unclassified
from gateway.simulation import Chaos, Request, Response, Serve

ACCOUNT = {
    "username": "mot-cua", "password": "mat-khau-gia", "dstcode": "VN:GOV:000.00.00.G22:dvcqg", "madonvi": "000.00.00.H99",
}  # fmt: skip
BIRTH = {"TenTTHC": "Đăng ký khai sinh", "MaLinhVuc": "G15-HT01", "TenLinhVuc": "Hộ tịch"}
DEATH = {"TenTTHC": "Đăng ký khai tử", "MaLinhVuc": "G15-HT01", "TenLinhVuc": "Hộ tịch"}


class Telling(PortalTwin):
    """The twin, with words put into its mouth: by service, members of its answer's only row that are otherwise."""

    def __init__(self) -> None:
        agencies = {"000.00.01.H99": {"TENDONVI": "Sở Tư pháp", "CAPDONVI": "2"}}
        super().__init__({"catalogue": {"1.001193": BIRTH, "1.000656": DEATH}, "agencies": agencies})
        self.instead: dict[str, Mapping[str, Any]] = {}
        self.asked: list[str] = []

    def answer(self, request: Request) -> Response:
        service = json.loads(request.body).get("service", "login")
        self.asked.append(service)
        response = super().answer(request)
        if service in self.instead:
            result = response.body["result"]
            row = {**(result[0] if isinstance(result, list) else result), **self.instead[service]}
            response.body["result"] = [row] if isinstance(result, list) else row
        return response


@pytest.fixture
def twin() -> Telling:
    return Telling()


@pytest.fixture
def server(twin: Telling) -> Iterator[Serve]:
    made = Serve(twin)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def catalogue(server: Serve) -> PortalCatalogue:
    settings = Settings.model_validate({**ACCOUNT, "url": server.url})
    return PortalCatalogue(settings, Client(settings))


def test_a_procedure_asked_for_whole_costs_one_more_call_and_tells_its_field(
    catalogue: PortalCatalogue, twin: Telling
) -> None:
    rows = catalogue.read("procedures", lambda code: code == "1.001193")

    assert rows == {
        "1.001193": {"name": "Đăng ký khai sinh", "field_code": "G15-HT01", "field_name": "Hộ tịch"},
        "1.000656": {"name": "Đăng ký khai tử"},
    }
    assert twin.asked == ["login", "LayDanhSachTTHC", "LayThuTuc"]


def test_fields_and_organisations_are_told_by_one_call_each(catalogue: PortalCatalogue) -> None:
    assert catalogue.read("fields", lambda _: True) == {"G15-HT01": {"name": "Hộ tịch"}}
    assert catalogue.read("organisations", lambda _: True) == {"000.00.01.H99": {"name": "Sở Tư pháp"}}


def test_a_procedure_that_is_not_public_is_not_there(catalogue: PortalCatalogue, twin: Telling) -> None:
    twin.instead["LayThuTuc"] = {"TRANGTHAI": "0"}

    assert set(catalogue.read("procedures", lambda code: code == "1.001193")) == {"1.000656"}


def test_of_several_fields_none_is_picked(catalogue: PortalCatalogue, twin: Telling) -> None:
    field = {"MALINHVUC": "G15-HT01", "TENLINHVUC": "Hộ tịch"}
    twin.instead["LayThuTuc"] = {"LINHVUCTHUCHIEN": [field, {**field, "MALINHVUC": "G15-HT02"}]}

    assert catalogue.read("procedures", lambda _: True)["1.001193"] == {"name": "Đăng ký khai sinh"}


@pytest.mark.parametrize("bad", [{"MADONVI": ""}, {"MADONVI": None}])
def test_a_row_without_a_code_is_no_catalogue(
    catalogue: PortalCatalogue, twin: Telling, bad: Mapping[str, Any]
) -> None:
    twin.instead["LayDanhMucCoQuan"] = bad

    with pytest.raises(Unclassified, match="MADONVI"):
        catalogue.read("organisations", lambda _: True)


def test_a_session_that_ends_in_the_middle_costs_one_login(catalogue: PortalCatalogue, twin: Telling) -> None:
    twin.session_uses = 2

    assert len(catalogue.read("procedures", lambda _: True)) == 2
    assert twin.asked.count("login") == 2


@pytest.mark.parametrize(
    "chaos",
    [
        Chaos(down=True),
        Chaos(error_500=1.0),
        Chaos(drop_before=1.0),
        Chaos(drop_after=1.0),
        Chaos(wrong_type=1.0),
        Chaos(expired_session=1.0),
    ],
    ids=["down", "error 500", "cut before", "cut after", "a page", "sessions end at once"],
)
def test_a_portal_that_misbehaves_all_the_time_gives_an_error_and_no_half_a_catalogue(
    catalogue: PortalCatalogue, server: Serve, chaos: Chaos
) -> None:
    server.chaos = chaos

    with pytest.raises(DeliveryError):
        catalogue.read("procedures", lambda _: True)


def test_a_bad_moment_now_and_then_costs_a_question_more(server: Serve, twin: Telling) -> None:
    twin.act({"publish": {f"1.{900_000 + i}": BIRTH for i in range(60)}})
    server.chaos = Chaos(seed=7, error_500=0.1, duplicate_answer=0.1)
    settings = Settings.model_validate({**ACCOUNT, "url": server.url})

    assert len(PortalCatalogue(settings).read("procedures", lambda _: True)) == 60

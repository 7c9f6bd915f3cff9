"""Every mapping folder: its samples, its coverage of the source, and whether the partner's twin takes what it makes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors.mapi.simulator import PortalTwin
from connectors.vnpost_hcc.simulator import Order
from gateway.canonical import any_message
from gateway.codes import CsvCodes
from gateway.simulation import Request
from mappings.engine import SampleResult, check, load, run_samples
from mappings.engine.samples import read_mapping_of_samples

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = ROOT / "mappings"
FOLDERS = sorted(sheet.parent for sheet in MAPPINGS.glob("*/map.*"))


def name_of(value: Any) -> str:
    return f"{value.mapping}/{value.sample}" if isinstance(value, SampleResult) else value.name


def read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def made(mapping: str) -> list[Path]:
    """The out.json of every sample that makes a document."""
    files = sorted((MAPPINGS / mapping / "samples").glob("*/out.json"))
    return [file for file in files if read(file) is not None]


@pytest.mark.parametrize("result", list(run_samples(MAPPINGS)), ids=name_of)
def test_the_sample_holds(result: SampleResult) -> None:
    assert result.ok, result.diff


def test_what_is_shipped_loads_and_is_all_that_partner_files_and_routes_ask_for() -> None:
    loaded = load(None, CsvCodes(ROOT / "config/codelists"))
    assert set(loaded) == {folder.name for folder in FOLDERS}
    partners = [tomllib.loads(file.read_text("utf-8")) for file in (ROOT / "config/partners").glob("*.toml")]
    asked = {name for p in partners for documents in p.get("mappings", {}).values() for name in documents.values()}
    assert asked <= set(loaded)


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_what_is_used_or_dropped_and_what_the_target_wants_agrees_with_both_schemas(folder: Path) -> None:
    assert check(read_mapping_of_samples(folder)) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=name_of)
def test_what_is_canonical_is_a_canonical_message(folder: Path) -> None:
    for file in made(folder.name) if read_mapping_of_samples(folder).target == "canonical" else []:
        any_message.validate_python(read(file))


def ask(twin: PortalTwin, **body: Any) -> Any:
    wire = json.dumps({"madonvi": "000.00.00.H99", **body}).encode()
    headers = {"dstcode": "VN:GOV:000.00.00.G22:dvcqg", "content-type": "application/json", "charset": "utf-8"}
    return twin.answer(Request("POST", body.get("path", "/mapi/g"), {}, headers, wire)).body


@pytest.fixture
def portal() -> tuple[PortalTwin, str]:
    twin = PortalTwin()
    login = json.dumps({"username": "mot-cua", "password": "mat-khau-gia"}).encode()
    headers = {"dstcode": "VN:GOV:000.00.00.G22:dvcqg", "content-type": "application/json", "charset": "utf-8"}
    return twin, twin.answer(Request("POST", "/mapi/login", {}, headers, login)).body["session"]


@pytest.mark.parametrize("file", made("mapi_dossier"), ids=lambda file: file.parent.name)
def test_the_portals_twin_takes_the_dossier(file: Path, portal: tuple[PortalTwin, str]) -> None:
    twin, session = portal
    answer = ask(twin, session=session, service="DongBoHoSoMC", isUpdating="False", data=[read(file)])
    assert answer["error_code"] == "0", answer["message"]


@pytest.mark.parametrize("file", made("mapi_progress"), ids=lambda file: file.parent.name)
def test_the_portals_twin_takes_the_progress_row(file: Path, portal: tuple[PortalTwin, str]) -> None:
    twin, session = portal
    dossier = read(MAPPINGS / "mapi_dossier/samples/an-online-citizen-with-two-files/out.json")
    ask(twin, session=session, service="DongBoHoSoMC", isUpdating="False", data=[dossier])
    answer = ask(twin, session=session, service="CapNhatTienDoHoSoMC", data=[read(file)])
    assert answer["error_code"] == "0", answer["message"]


@pytest.mark.parametrize("file", made("mapi_portal_status"), ids=lambda file: file.parent.name)
def test_the_portals_twin_takes_the_status_of_its_own_dossier(file: Path, portal: tuple[PortalTwin, str]) -> None:
    twin, session = portal
    document = read(file)
    twin._dossiers[document["MaHoSo"]] = {"origin": "portal", "fields": {}, "statuses": [], "progress": []}
    answer = ask(twin, session=session, service="DongBoTrangThaiHoSo", type="2", data=document)
    assert answer["error_code"] == "0", answer["message"]


@pytest.mark.parametrize("file", made("vnpost_order"), ids=lambda file: file.parent.name)
def test_the_posts_twin_takes_the_order(file: Path) -> None:
    Order.model_validate_json(json.dumps({"CustomerCode": "C0001", **read(file)}))


def test_the_chain_of_the_post_returns_the_dossier() -> None:
    """A result that goes by post is ordered, and the post's own event about that order returns the dossier."""
    mappings = load(None, CsvCodes(ROOT / "config/codelists"))
    view = read(MAPPINGS / "result_by_post/samples/done-and-wanted-at-home/in.json")
    ordered = any_message.validate_python(mappings["result_by_post"].translate(view)).model_dump(
        mode="json", exclude_none=True
    )
    order = mappings["vnpost_order"].translate({**view, "message": ordered})
    event = read(MAPPINGS / "vnpost_event/samples/a-result-is-delivered/in.json")
    delivered = mappings["vnpost_event"].translate({**event, "OrderNumber": order["OrderNumber"]})
    returned = mappings["returned_by_post"].translate({**view, "message": delivered})
    assert (returned["status"], returned["dossier"]) == (10, view["dossier"]["dossier"])


def test_a_promotion_notice_is_read_with_the_shipped_code_lists() -> None:
    mappings = load(None, CsvCodes(ROOT / "config/codelists"))
    notice = read(MAPPINGS / "ttkm_dossier/samples/a-promotion-notice-with-two-papers/in.json")
    dossier = any_message.validate_python(mappings["ttkm_dossier"].translate(notice))
    assert dossier.model_dump()["procedure"]["code"] == "2.000033"

"""`lienthong new agency`: what it writes loads, what it cannot write it says, and it never touches what is there."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.agency import begin
from gateway.cli.main import root
from gateway.cli.trial import Trial
from gateway.config import Config, default_folder
from gateway.errors import Misconfigured
from gateway.flow.gateway import Setup

WSDL = Path(__file__).resolve().parent.parent / "foreign" / "wsdl"
SAMPLE = {"maHoSo": "000.00.01.H99-260105-0001", "hoTen": "Nguyễn Văn Mẫu"}
OPENAPI = """
openapi: 3.0.3
info: {title: Nhận hồ sơ, version: "1"}
servers: [{url: https://cn.example.gov.vn/v2/}]
paths:
  /ho-so/{donVi}:
    put:
      operationId: nhanHoSo
      requestBody:
        content:
          application/json:
            schema: {$ref: "#/components/schemas/HoSo"}
  /ping:
    get: {}
components:
  schemas:
    HoSo:
      type: object
      required: [soHoSo]
      properties:
        soHoSo: {type: string, example: "00166", maxLength: 40}
        ngayNop: {type: string, format: date-time}
        con: {$ref: "#/components/schemas/HoSo"}
"""


@pytest.fixture
def home(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mau.json").write_text(json.dumps(SAMPLE), encoding="utf-8")
    return tmp_path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(root, ["--home", str(home), "new", "agency", *words])


REST = ["--name", "Cơ quan", "--name-en", "Agency", "--speaks", "rest", "--url", "https://x.example.vn/a"]


def whole(home: Path, **changes: Any) -> Any:
    told: dict[str, Any] = {
        "name": "Cơ quan", "name_en": "Agency", "speaks": "rest", "describes": None, "url": "https://x.example.vn", "auth": "none",
        "gets": [], "paths": [], "says": [], "organisations": [], "procedures": [],
    }  # fmt: skip
    return begin(home, "co-quan", **{**told, **changes})


@pytest.mark.parametrize("auth", ["none", "bearer", "api_key", "basic", "oauth2"])
def test_what_it_writes_is_taken_whatever_the_way_to_prove_oneself(
    home: Path, auth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(
        home, "co-quan", *REST, "--auth", auth, "--gets", "DossierSubmitted=mau.json", "--organisation", "000.00.01.H99"
    )
    assert done.exit_code == 0, done.output
    file = home / "config" / "partners" / "co-quan.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("enabled = false", "enabled = true"), encoding="utf-8")
    for name in Trial(home, "co-quan").invented:
        monkeypatch.setenv(name, f"http://127.0.0.1/{name}" if name.endswith("URL") else "x" * 20)
    setup = Setup(Config(home))
    assert setup.partners["co-quan"].connector == "rest"
    assert any("co-quan" in route.to for route in setup.config.routes)


def test_a_new_agency_is_not_enabled_and_a_running_gateway_goes_on_as_before(home: Path) -> None:
    assert run(home, "co-quan", *REST, "--gets", "DossierSubmitted=mau.json").exit_code == 0
    assert "co-quan" not in Setup(Config(home)).partners


def test_nothing_is_overwritten_and_then_nothing_is_written(home: Path) -> None:
    assert run(home, "co-quan", *REST, "--gets", "DossierSubmitted=mau.json").exit_code == 0
    before = {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    done = run(home, "co-quan", *REST, "--gets", "DossierSubmitted=mau.json")
    assert done.exit_code == 2
    assert "co-quan.toml" in done.output
    assert {file: file.read_bytes() for file in home.rglob("*") if file.is_file()} == before


def test_a_dry_run_prints_and_writes_nothing(home: Path) -> None:
    before = sorted(home.rglob("*"))
    done = run(home, "co-quan", *REST, "--gets", "DossierSubmitted=mau.json", "--dry-run")
    assert done.exit_code == 0
    assert "[[settings.call]]" in done.output
    assert sorted(home.rglob("*")) == before


def test_all_that_is_missing_is_named_when_nobody_can_be_asked(home: Path) -> None:
    done = run(home, "co-quan", "--speaks", "soap")
    assert done.exit_code == 2
    for option in ("--name", "--name-en", "--gets", "--describes"):
        assert option in done.output


def test_a_home_without_files_of_its_own_is_refused_not_the_shipped_ones_written_into(tmp_path: Path) -> None:
    done = run(tmp_path, "co-quan", *REST, "--gets", "DossierSubmitted")
    assert done.exit_code == 2
    assert "config" in done.output


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gets": ["HoSo=mau.json"]}, "no message type"),
        ({"gets": ["DossierSubmitted=khac.json"]}, "no such file"),
        ({"says": ["StatusChanged"]}, "wants a sample"),
        ({"gets": ["DossierSubmitted"], "paths": ["/a", "/b"]}, "--path"),
        ({"gets": ["DossierSubmitted"], "url": "ftp://x"}, "url"),
        ({"speaks": "soap", "describes": WSDL / "calculator.wsdl", "gets": ["StatusChanged=Times"]}, "Multiply"),
        ({"speaks": "soap", "describes": WSDL / "calculator.wsdl", "says": ["StatusChanged=mau.json"]}, "docs/soap.md"),
    ],
)
def test_what_cannot_be_is_told(home: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        whole(home, **changes)


def test_an_openapi_document_gives_path_method_address_and_schema(home: Path) -> None:
    (home / "api.yaml").write_text(OPENAPI, encoding="utf-8")
    made = whole(home, url=None, describes=home / "api.yaml", gets=["DossierSubmitted=nhanHoSo"])
    files = {file.name: text for file, text in made.files.items() if isinstance(text, str)}
    assert 'path = "/ho-so/{/donVi}"' in files["co-quan.toml"]
    assert 'method = "PUT"' in files["co-quan.toml"]
    assert "https://cn.example.gov.vn/v2" in files["co-quan.toml"]
    schema = json.loads(files["out.schema.json"])
    assert schema["components"]["schemas"]["HoSo"]["properties"]["soHoSo"]["maxLength"] == 40
    assert json.loads(files["their-sample.json"])["soHoSo"] == "00166"


@pytest.mark.parametrize(
    ("file", "operation"), [("calculator.wsdl", "Add"), ("wcf.wsdl", "GuiHoSo"), ("jaxws.wsdl", "receive")]
)
def test_a_wsdl_not_written_here_gives_an_agency_with_a_twin(home: Path, file: str, operation: str) -> None:
    made = whole(home, speaks="soap", describes=WSDL / file, url=None, gets=[f"DossierSubmitted={operation}"])
    list(made.write())
    trial = Trial(home, "co-quan")
    try:
        assert trial.start().startswith("http://127.0.0.1:")
        (tried,) = [one for one in trial.deliver_samples(trial.serve.url) if "invented-day" in one.sample]
        sheet = (
            (home / "config/mappings/co_quan_dossier_submitted/map.yaml")
            .read_text(encoding="utf-8")
            .partition("dropped:")[0]
        )
        unfinished = re.search(r"(?m)^[^#\n]*: \?\?\?", sheet) is not None
        assert (tried.outcome == "refused by the mapping") == unfinished, "a draft with ??? in it sends nothing"
        assert unfinished == (file != "wcf.wsdl"), "of that one the only field that is required is guessed"
        assert not (unfinished and tried.well)
    finally:
        trial.serve.stop()

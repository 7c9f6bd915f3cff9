"""Routes of mode `proxy`: what a sender sent goes on, byte by byte; all else is as for any delivery."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import root
from gateway.config import Config, default_folder
from gateway.errors import Misconfigured
from gateway.flow.accept import Acceptance
from gateway.flow.gateway import Gateway, Setup
from gateway.ledger.conservation import conserve
from gateway.ports import Submission
from gateway.simulation import Request, Response, Serve, Twin
from tests.conftest import Time
from tests.house import House, dossier, plain_config

ROUTE = """
[[route]]
name = "Chuyển nguyên văn"
mode = "proxy"
when = { source = ["one-stop"], type = ["DossierSubmitted"] }
to = ["new-system"]
"""
PARTNER = """
id = "new-system"
name = "Hệ thống mới"
name_en = "New system"
connector = "rest"
[settings]
url = "%s"
[[settings.call]]
path = "/nhan/{/dossier}"
headers = { "X-Key" = "{$key}" }
"""


class Recorder(Twin):
    """Keeps what it is sent, as it came over the wire."""

    name = "recorder"

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.got.append(request)
        return Response(body={"ok": True})

    def book(self) -> dict[str, Any]:
        return {"got": len(self.got)}


@pytest.fixture
def recorder() -> Iterator[tuple[Recorder, str]]:
    twin = Recorder()
    serve = Serve(twin)
    yield twin, serve.start()
    serve.stop()


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    plain_config(tmp_path / "config")
    return tmp_path


def write(home: Path, url: str, route: str = ROUTE, more: str = "") -> None:
    file = home / "config" / "routes.toml"
    file.write_text(file.read_text(encoding="utf-8") + route, encoding="utf-8")
    (home / "config" / "partners" / "new-system.toml").write_text(PARTNER % url + more, encoding="utf-8")


def test_the_bytes_that_came_go_out_with_their_type_and_the_fields_in_them_fill_the_path(
    home: Path, ledger_url: str, recorder: tuple[Recorder, str], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, url = recorder
    write(home, url)
    monkeypatch.setenv("LIENTHONG_LEDGER", ledger_url)
    gateway = Gateway(home, now=time)
    body = dossier(1)
    raw = json.dumps(body, ensure_ascii=True, indent=3).encode() + b"\n  "
    house = House(gateway)
    gateway._outbounds.pop("new-system")
    Acceptance(gateway, gateway.config.partners["one-stop"]).one(
        Submission(body["id"], body, raw, content_type="application/json; charset=utf-8")
    )
    house.work("new-system")
    (request,) = twin.got
    assert request.body == raw
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.path == f"/nhan/{body['dossier']}"
    message = request.headers["x-key"]
    shown = CliRunner().invoke(root, ["--home", str(home), "explain", message, "--to", "new-system"])
    assert "byte by byte" in shown.output, shown.output
    with gateway.ledger.read() as connection:
        assert conserve(connection) == []
    gateway.close()


@pytest.mark.parametrize(
    ("route", "more", "says"),
    [
        (ROUTE.replace('source = ["one-stop"], ', ""), "", "when.source"),
        (ROUTE, '[mappings.DossierSubmitted]\nmessage = "mapi_dossier"\n', "has mappings"),
        (ROUTE.replace('"new-system"', '"vnpost"'), "", "partner file of its own"),
        (ROUTE + ROUTE.replace("proxy", "translate").replace("Chuyển", "Lại chuyển"), "", "partner file of its own"),
    ],
)
def test_files_in_which_it_could_not_be_are_refused(home: Path, route: str, more: str, says: str) -> None:
    write(home, "http://127.0.0.1:9", route, more)
    with pytest.raises(Misconfigured, match=says):
        Config(home)


def test_a_connector_that_makes_its_own_envelope_is_refused(home: Path) -> None:
    write(home, "http://127.0.0.1:9")
    file = home / "config" / "partners" / "new-system.toml"
    text = file.read_text(encoding="utf-8").replace('connector = "rest"', 'connector = "one_stop_rest"')
    file.write_text(text.partition("[[settings.call]]")[0] + 'key = "k"\n', encoding="utf-8")
    with pytest.raises(Misconfigured, match="sends only documents of mappings"):
        _ = Setup(Config(home)).partners


def test_what_a_person_wrote_goes_instead(
    home: Path, sqlite_url: str, recorder: tuple[Recorder, str], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, url = recorder
    write(home, url)
    monkeypatch.setenv("LIENTHONG_LEDGER", sqlite_url)
    gateway = Gateway(home, now=time)
    house = House(gateway)
    gateway._outbounds.pop("new-system")
    house.accept("one-stop", dossier(1))
    shown: Callable[..., Any] = CliRunner().invoke
    listed = shown(root, ["--home", str(home), "parked", "list"])
    assert listed.exit_code == 0
    from gateway.ledger.tables import deliveries

    with gateway.ledger.write() as connection:
        connection.execute(
            deliveries.update()
            .where(deliveries.c.destination == "new-system")
            .values(edited=json.dumps({"message": {"dossier": "H99-1", "a": 1}}))
        )
    house.work("new-system")
    assert json.loads(twin.got[0].body) == {"dossier": "H99-1", "a": 1}
    gateway.close()

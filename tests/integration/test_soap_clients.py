"""SOAP clients that are not ours talk to the door over HTTP, each made from the WSDL alone: zeep, Node's `soap`, PHP's SoapClient."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zeep
from werkzeug.serving import make_server
from xmlsec import constants
from zeep.wsse.signature import BinarySignature
from zeep.wsse.username import UsernameToken
from zeep.wsse.utils import get_security_header

from gateway.message import utc_now
from tests.door import Door, fresh_ledger, make_home, open_door
from tests.house import dossier, status
from tests.soap import PATH, Signer, User, timestamp

FOREIGN = Path(__file__).resolve().parents[1] / "foreign"
MODULES = FOREIGN.parents[1] / ".venvs" / "node" / "node_modules"
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 400
AGENCY = """
id = "agency"
name = "Sở mẫu"
name_en = "A sample department"
connector = "one_stop_rest"
sends = ["DossierSubmitted", "StatusChanged"]
[settings]
url = "env:LIENTHONG_ONE_STOP_URL"
key = "env:LIENTHONG_ONE_STOP_KEY"
[soap]
certificates = ["certs/agency.pem"]
"""


class Server:
    """The door on a real port, by the clock on the wall, with an agency that has a certificate."""

    def __init__(self, door: Door, address: str, signer: Signer) -> None:
        self.door = door
        self.address = address
        self.signer = signer
        self.user = User.of(door)

    def zeep(self, key: str | None = None, **options: Any) -> zeep.Client:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return zeep.Client(f"{self.address}?wsdl", settings=zeep.Settings(extra_http_headers=headers), **options)


@pytest.fixture
def server(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    home = make_home(tmp_path)
    (home / "config" / "partners" / "agency.toml").write_text(AGENCY, encoding="utf-8")
    (home / "config" / "certs").mkdir()
    signer = Signer.of(home / "config" / "certs", "agency", utc_now())
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    apps: list[Any] = []  # the address must be known before the app is made

    def front(environ: Any, start: Any) -> Any:
        return apps[0](environ, start)

    http = make_server("127.0.0.1", 0, front, threaded=True)
    monkeypatch.setenv("LIENTHONG_PUBLIC_URL", f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever)
    with open_door(home, utc_now) as door:
        apps.append(door.app)
        thread.start()
        yield Server(door, f"http://127.0.0.1:{http.server_port}{PATH}", signer)
        http.shutdown()
        thread.join()
        http.server_close()


def typed(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "type"}


@pytest.mark.parametrize("port", ["DossiersSoap11", "DossiersSoap12"])
def test_zeep_submits_reports_asks_and_is_told_every_fault(server: Server, port: str) -> None:
    # given
    client = server.zeep(server.door.keys["one-stop"])
    service = client.bind("DossierService", port)
    body = dossier(1, facts={"entry": [{"name": "Họ tên mẹ", "value": "Lê Thị Mẫu"}]})
    body["attachments"] = [{"id": "a1", "name": "đơn.pdf", "content": PDF}]
    # when, then
    receipt = service.SubmitDossier(DossierSubmitted=typed(body))
    assert (receipt.source, receipt.repeated, receipt.destinations) == ("one-stop", False, ["portal"])
    assert service.ReportStatus(StatusChanged=typed(status(1, 4, 30))).held is None
    answer = service.AskStatus(dossier=body["dossier"])
    assert (answer.status.code, answer.status.name) == (4, "Đang xử lý")
    assert server.door.gateway.files.path(hashlib.sha256(PDF).hexdigest()).read_bytes() == PDF
    # and a refusal is a typed exception
    with pytest.raises(zeep.exceptions.Fault) as caught:
        service.SubmitDossier(DossierSubmitted=typed(dossier(2, status=9, applicant={"kind": "citizen", "name": " "})))
    problem = client.get_element("{urn:lienthong:soap:v1}Problem").parse(caught.value.detail[0], client.wsdl.types)
    assert {fault.pointer for fault in problem.faults} == {"/applicant/name"}
    assert "không được để trống" in problem.detail


def test_zeep_comes_in_with_a_user_name_and_with_a_signature(server: Server) -> None:
    by_name = server.zeep(wsse=UsernameToken(server.user.id, server.user.secret, use_digest=True))
    assert by_name.service.SubmitDossier(DossierSubmitted=typed(dossier(1))).source == "agency"

    class Signing(BinarySignature):
        def apply(self, envelope: Any, headers: Any) -> Any:
            get_security_header(envelope).append(timestamp(utc_now(), utc_now() + timedelta(minutes=5)))
            return super().apply(envelope, headers)

        def verify(self, envelope: Any) -> Any:
            return envelope  # our answers are not signed

    files = str(server.signer.key), str(server.signer.certificate)
    signing = Signing(*files, signature_method=constants.TransformRsaSha256, digest_method=constants.TransformSha256)
    by_certificate = server.zeep(wsse=signing)
    assert by_certificate.service.SubmitDossier(DossierSubmitted=typed(dossier(2))).source == "agency"


# ── clients in other languages ──────────────────────────────────────────────────────────────────────────────────


def need(found: bool, what: str) -> None:
    if not found:
        pytest.skip(f"{what} is not installed: `make test` installs it where it can")


def run(server: Server, *command: str, **environment: str) -> list[Any]:
    file = base64.b64encode(PDF).decode()
    body = dossier(1, facts={"entry": [{"name": "Họ tên mẹ", "value": "Lê Thị Mẫu"}]})
    given = {
        "address": server.address,
        "key": server.door.keys["one-stop"],
        "user": server.user.id,
        "secret": server.user.secret,
        "calls": [
            ["SubmitDossier", {"DossierSubmitted": typed(body | {"attachments": [{"id": "a1", "name": "a.pdf", "content": file}]})}],
            ["ReportStatus", {"StatusChanged": typed(status(1, 4, 30))}],
            ["AskStatus", {"dossier": body["dossier"]}],
            ["SubmitDossier", {"DossierSubmitted": typed(dossier(2, summary=" ", deadlines={"received_at": "2026-01-05T08:00:00+07:00"}))}],
        ],
        "secured": ["SubmitDossier", {"DossierSubmitted": typed(dossier(3))}],
    }  # fmt: skip
    done = subprocess.run(
        command, input=json.dumps(given), capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: list[Any] = json.loads(done.stdout)
    return told


def test_nodes_soap_submits_reports_asks_and_is_told_every_fault(server: Server) -> None:
    node = shutil.which("node")
    need(node is not None and (MODULES / "soap").is_dir(), "Node's soap")
    told = run(server, str(node), str(FOREIGN / "client.js"), NODE_PATH=str(MODULES))
    assert len(told) == 10
    for turn, version in enumerate(("1.1", "1.2")):
        submitted, reported, asked, refused, secured = told[5 * turn : 5 * turn + 5]
        assert submitted["answer"]["repeated"] == bool(turn), submitted
        assert reported["answer"]["type"] == "StatusChanged"
        assert asked["answer"]["status"]["code"] == 4
        fault = refused["fault"]
        problem = fault["detail" if version == "1.1" else "Detail"]["Problem"]
        assert problem["faults"]["pointer"] == "/summary"
        assert secured["answer"]["source"] == "agency", secured


def test_phps_soap_client_submits_reports_asks_and_is_told_every_fault(server: Server) -> None:
    php = shutil.which("php")
    known = php and "soap" in subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout.split()
    need(bool(known), "PHP with its soap extension")
    told = run(server, str(php), "-d", "precision=17", str(FOREIGN / "client.php"))
    assert len(told) == 8
    for turn in range(2):
        submitted, reported, asked, refused = told[4 * turn : 4 * turn + 4]
        assert submitted["answer"]["repeated"] is bool(turn), submitted
        assert reported["answer"]["type"] == "StatusChanged"
        assert (asked["answer"]["status"]["code"], asked["answer"]["agreed"]) == (4, False)
        assert refused["detail"]["Problem"]["faults"]["pointer"] == "/summary"
        assert "không được để trống" in refused["fault"]

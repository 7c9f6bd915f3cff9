"""Calls of the `soap` connector, beside the floor of the same bytes over libcurl alone and beside zeep doing the whole call over the same libcurl.

Everything in one run, in turns, over loopback against a server that answers at once. `envelope` figures make no call.

And a whole gateway: dossiers that come in by SOAP or by REST, become canonical, and go out to the portal's JSON, until the last one arrived.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from lxml import etree
from zeep import Client as ZeepClient
from zeep import Transport

from bench.dossiers import bench_dossier
from bench.machine import CpuMeter, free_port, wait_for
from bench.posting import Portal, Sender
from bench.programs import add_key, granian, program, run, settle_in
from connectors.soap import FOLDER
from connectors.soap.calling import Calls
from connectors.soap.client import Client, content_of
from connectors.soap.client.envelope import http_headers, write_envelope
from connectors.soap.outbound import Soap
from connectors.soap.settings import Settings
from gateway.dialect.template import Fields
from gateway.http import Http, Reply
from gateway.message import Message, utc_now
from gateway.outcomes import Outcomes
from gateway.ports import Parcel
from gateway.soap.names import SOAP11, TYPES
from gateway.xml import write_xml

EXAMPLE = FOLDER / "example"
SIZES = (1, 10, 100)  # KB of a body
SOME = 0.4  # seconds of measuring
ROUNDS = 5
ANSWER = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><NhanHoSoResponse xmlns="urn:vi-du:ho-so"><NhanHoSoResult>'
    "<MaLoi>00</MaLoi><MoTa>Thành công</MoTa><SoTiepNhan>TN-1</SoTiepNhan></NhanHoSoResult></NhanHoSoResponse></s:Body></s:Envelope>"
).encode()
CODE = "000.00.01.H99-260105-0001"

Job = Callable[[], Any]


def partner(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
    """WSGI: a partner that takes everything at once."""
    environ["wsgi.input"].read()
    start("200 OK", [("Content-Type", "text/xml; charset=utf-8"), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER]


class Bench:
    """`run` gives figures: name, size in KB, µs of CPU a call and how many floors that is."""

    def run(self) -> dict[str, Any]:
        port = free_port()
        with granian("bench.soap:partner", port):
            url = f"http://127.0.0.1:{port}/HoSo.asmx"
            jobs = {size: _jobs(url, _document(size)) for size in SIZES}
            best = {(name, size): float("inf") for size in SIZES for name in jobs[size]}
            for _ in range(ROUNDS):  # each has its turn in every round: the machine is shared
                for size in SIZES:
                    for name, job in jobs[size].items():
                        best[name, size] = min(best[name, size], _measure(job))
        figures = [
            {"name": name, "size": size, "us": spent, "ratio": spent / best["http floor", size]}
            for (name, size), spent in best.items()
        ]
        return {"figures": figures}


class Through:
    """`run` gives dossiers a second, and CPU seconds of the gateway per 1,000, by the door that they came in at."""

    def __init__(self, messages: int, connections: int) -> None:
        self.messages, self.connections = messages, connections

    def run(self) -> dict[str, tuple[float, float]]:
        with TemporaryDirectory(prefix="lt-bench-") as folder:
            sink, web = free_port(), free_port()
            environment = settle_in(Path(folder) / "home", web, sink)
            run(environment, "db", "upgrade")
            sender, key, at = Sender(Path(folder), self.connections), add_key(environment), f"http://127.0.0.1:{web}"
            found = {}
            with granian("bench.sink:portal", sink), program(environment, "up") as process:
                wait_for(f"{at}/readyz")
                portal = Portal(sink)
                for door, path, more in (
                    ("rest", "/api/v1/dossiers", {}),
                    ("soap", "/soap/v1/dossiers", {"write": as_soap, "good": "200"}),
                ):
                    kind = ["Content-Type: text/xml; charset=utf-8"] if door == "soap" else []
                    meter, begun = CpuMeter(process.pid), time.perf_counter()
                    sender.send(self.messages, at + path, [key, *kind], **more)  # type: ignore[arg-type]
                    portal.wait(self.messages, process)
                    rate = self.messages / (time.perf_counter() - begun)
                    found[door] = (rate, 1000 * meter.spent() / self.messages)
        return found


def as_soap(number: int) -> bytes:
    """A dossier as the front door's contract has it, in one line."""
    body = bench_dossier(number)
    envelope = etree.Element(SOAP11.tag("Envelope"), nsmap={"s": SOAP11.namespace, "lt": TYPES})
    operation = etree.SubElement(etree.SubElement(envelope, SOAP11.tag("Body")), f"{{{TYPES}}}SubmitDossier")
    _add(operation, body.pop("type"), body)
    return etree.tostring(envelope, encoding="UTF-8")


def _add(parent: etree._Element, name: str, value: Any) -> None:
    element = etree.SubElement(parent, f"{{{TYPES}}}{name}")
    if not isinstance(value, dict):
        element.text = value if isinstance(value, str) else json.dumps(value)
    elif name == "facts":
        for key, text in value.items():
            _add(element, "entry", {"name": key, "value": text})
    else:
        for key, inner in value.items():
            for one in inner if isinstance(inner, list) else [inner]:
                _add(element, key, one)


class OverLibcurl(Transport):
    """zeep's own calls, over our client: what the connector would be if zeep made its calls."""

    def __init__(self, http: Http) -> None:
        cast(Any, super()).__init__()
        self._http = http

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Any:
        return _Answer(self._http.call("POST", address, body=message, headers=headers))


class _Answer:
    """As zeep reads an answer of requests."""

    def __init__(self, reply: Reply) -> None:
        self.status_code, self.content, self.headers = reply.status, reply.body, {"Content-Type": "text/xml"}
        self.encoding = "utf-8"


def _jobs(url: str, document: dict[str, Any]) -> dict[str, Job]:
    conf = Settings.model_validate({
        "wsdl": "HoSo.wsdl", "url": url,
        "answer": {"code": "/NhanHoSoResult/MaLoi", "text": "/NhanHoSoResult/MoTa", "reference": "/NhanHoSoResult/SoTiepNhan"},
        "call": [{"operation": "NhanHoSo"}], "rule": [{"code": ["00"], "outcome": "delivered"}],
    })  # fmt: skip
    client = Client(conf, EXAMPLE)
    soap = Soap(client, conf, Outcomes.load(FOLDER / "outcomes.toml"), "bench")
    operation = client.operation("NhanHoSo")
    body = write_xml(write_envelope(operation.version, [], content_of(operation, document)))
    headers = dict(http_headers(operation))
    http = Http(base_url=url)
    zeep: Any = cast(Any, ZeepClient)(str(EXAMPLE / "HoSo.wsdl"), transport=OverLibcurl(Http(base_url=url)))
    service = zeep.create_service("{urn:vi-du:ho-so}HoSoSoap", url)
    calls = Calls(client, conf, conf.call)
    message = Message(1, "m-1", "one-stop", "m-1", "DossierSubmitted", CODE, utc_now(), utc_now(), {})
    parcel = Parcel(1, "m-1", message, {"message": document})
    return {
        "http floor": lambda: http.call("POST", url, body=body, headers=headers),
        "deliver": lambda: soap.deliver(parcel),
        "zeep, over libcurl": lambda: service.NhanHoSo(**document),
        "envelope": lambda: write_xml(write_envelope(operation.version, [], content_of(operation, document))),
        "envelope, zeep": lambda: zeep.create_message(service, "NhanHoSo", **document),
        "made, not sent": lambda: calls.make(conf.call[0], Fields(document, {})),
    }


def _measure(job: Job) -> float:
    """Microseconds of our own CPU a call, over a short while: how long the server's process sleeps is not the connector's."""
    job()
    count, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < SOME or count < 3:
        job()
        count += 1
    return spent / count * 1e6


def _document(size: int) -> dict[str, Any]:
    """The arguments of NhanHoSo, about `size` KB."""
    papers: list[dict[str, str]] = []
    head = {"MaBanTin": "m-1", "MaHoSo": CODE, "NguoiNop": "Trần Thị B", "NgayNop": "2026-01-05T08:15:00+07:00"}
    while True:
        document = {"hoSo": {**head, "TaiLieu": papers}}
        if len(json.dumps(document, ensure_ascii=False).encode()) >= size * 1000 - 100:
            return document
        papers.append({"Ten": f"Giấy tờ số {len(papers)}.pdf", "DuongDan": f"https://tep.vi-du.vn/{len(papers):08}"})

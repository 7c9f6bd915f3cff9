"""The front door on a real broker, as an operator and an agency's programmer meet it: the commands, the programs in docs/amqp.md, the check."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from gateway.channels.inspection import inspect
from gateway.channels.management import Management
from gateway.channels.topology import topology
from gateway.cli.main import root
from gateway.config import Config, default_folder
from gateway.flow.deliver import Work
from gateway.flow.gateway import Gateway
from gateway.flow.inbox import Inbox
from tests.brokers import Cluster
from tests.house import plain_config

pytestmark = pytest.mark.rabbitmq

ROOT = Path(__file__).resolve().parent.parent.parent
AMQP = '\n[amqp]\ninbox = true\nevents = ["dossier.#"]\n'


@pytest.fixture
def vhost(rabbitmq_server: Cluster) -> Iterator[str]:
    with rabbitmq_server.vhost() as name:
        yield name


@pytest.fixture
def home(
    tmp_path: Path,
    rabbitmq_server: Cluster,
    vhost: str,
    sqlite_url: str,
    addresses: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A folder as docs/amqp.md would have it: the one-stop system is the agency, and everything goes to the bus."""
    place = tmp_path / "home"
    shutil.copytree(default_folder(), place / "config")
    plain_config(place / "config")
    page = (ROOT / "docs" / "amqp.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    (place / "config" / "partners" / "bus.toml").write_text(blocks[1], encoding="utf-8")
    for name, more in (("partners/one-stop.toml", AMQP), ("routes.toml", blocks[2])):
        with (place / "config" / name).open("a", encoding="utf-8") as file:
            file.write("\n" + more)
    settings = place / "config" / "gateway.toml"
    lines = settings.read_text(encoding="utf-8")
    lines = re.sub(
        r"^addresses = .*$", f"addresses = {json.dumps(rabbitmq_server.addresses(vhost))}", lines, flags=re.M
    )
    lines = re.sub(r"^management = .*$", f'management = "{rabbitmq_server.management()}"', lines, flags=re.M)
    settings.write_text(lines, encoding="utf-8")
    monkeypatch.setenv("LIENTHONG_CHANNEL", "rabbitmq")
    monkeypatch.setenv("LIENTHONG_LEDGER", sqlite_url)
    management = Management(Config(place).settings.rabbitmq)
    yield place
    management.take_access("one-stop")


def run(*words: str) -> Result:
    return CliRunner().invoke(root, list(words))


def eventually(ask: Callable[[], bool], seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while not (found := ask()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


@pytest.fixture
def gateway(home: Path) -> Iterator[Gateway]:
    """A worker: the inbox, and the deliveries."""
    made = Gateway(home)
    inbox, work = Inbox(made, made.bus), Work(made)
    thread = threading.Thread(target=inbox.run)
    thread.start()
    work.start()
    management = Management(made.config.settings.rabbitmq)
    wanted = {queue.name for queue in topology(made.config).queues}
    assert eventually(
        lambda: wanted <= {q["name"] for q in management.queues() if q.get("consumers") or "inbox" not in q["name"]}
    )
    yield made
    inbox.stop()
    work.stop()
    thread.join()
    made.close()


def program(number: int, folder: Path) -> Path:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "amqp.md").read_text(encoding="utf-8"), re.M | re.S)
    file = folder / f"program{number}.py"
    file.write_text(blocks[number], encoding="utf-8")
    return file


def test_the_programs_of_the_document_send_get_their_answer_and_read_the_event_once(
    home: Path, gateway: Gateway, rabbitmq_server: Cluster, vhost: str, tmp_path: Path
) -> None:
    made = run("partners", "amqp", "add", "one-stop", "--json", "--home", str(home))
    assert made.exit_code == 0, made.output
    (url,) = rabbitmq_server.addresses(vhost, "one-stop", json.loads(made.stdout)["password"])

    def start(number: int, *words: str) -> str:
        there = {"AMQP_URL": url, "AMQP_USER": "one-stop", "WAIT": "3", "PATH": os.environ["PATH"], "PYTHONUTF8": "1"}
        done = subprocess.run(
            [sys.executable, str(program(number, tmp_path)), *words],
            env=there, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    example = str(ROOT / "docs" / "examples" / "dossier.json")
    body = json.loads(Path(example).read_text(encoding="utf-8"))
    with gateway.ledger.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM acts WHERE act = 'amqp-add'")).scalar_one() == 1

    first, again = start(0, example), start(0, example)
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(body | {"id": "sai-1", "channel": 9}), encoding="utf-8")
    refused = start(0, str(wrong))

    assert first.split()[:2] == [body["id"], "202"]
    assert again.split()[:2] == [body["id"], "200"]
    assert first.split()[2] == again.split()[2]
    assert refused.split()[:2] == ["sai-1", "422"]

    assert eventually(lambda: delivered(gateway, "bus") == 1)
    events = start(1)
    assert events.splitlines() == [f"{body['dossier']} vn.lienthong.dossier.DossierSubmitted.v1 {body['status']}"]
    assert start(1) == ""


def delivered(gateway: Gateway, to: str) -> int:
    counting = text("SELECT count(*) FROM deliveries WHERE state = 'delivered' AND destination = :to")
    with gateway.ledger.read() as connection:
        return int(connection.execute(counting, {"to": to}).scalar_one())


def findings(home: Path, cured: Callable[[list[str]], bool]) -> list[str]:
    """What the check says, once it says what is expected: RabbitMQ's figures are a second or two old."""
    found: list[str] = []

    def ask() -> bool:
        config = Config(home)
        found[:] = inspect(config, Management(config.settings.rabbitmq))
        return cured(found)

    assert eventually(ask), found
    return found


def test_the_check_says_what_differs_and_is_content_when_nothing_does(
    home: Path, gateway: Gateway, rabbitmq_server: Cluster, vhost: str
) -> None:
    findings(home, lambda f: f == [f[-1]] and "amqp add one-stop" in f[0])
    assert run("partners", "amqp", "add", "one-stop", "--home", str(home)).exit_code == 0
    findings(home, lambda f: f == [])

    (address,) = rabbitmq_server.addresses(vhost)
    with pika.BlockingConnection(pika.URLParameters(address)) as connection:
        channel = connection.channel()
        channel.queue_delete("reply.one-stop")
        channel.queue_declare("reply.one-stop", durable=True, arguments={"x-queue-type": "quorum", "x-max-length": 7})
        channel.queue_declare("events.portal", durable=True)
        channel.queue_delete("unread")
        channel.exchange_declare("send.portal", "fanout", durable=True)
        channel.queue_bind("inbox.one-stop", "dossier", "#")
        channel.queue_bind("events.one-stop", "dossier", "dossier.000-00-01-H99.*.9")  # within its keys: fine
        channel.exchange_bind("send.one-stop", "dossier", "dossier.#")
        channel.basic_publish("dead", "", b"poison")
    rabbitmq_server.allow("one-stop", vhost, read=".*")

    found = findings(home, lambda f: any("dead letters" in one for one in f))
    expected = [
        r"exchange send\.portal",
        r"reply\.one-stop: .*x-max-length = 7, .*100000",
        r"thiếu hàng đợi unread",
        r"events\.portal: thừa",
        r"unread '' → unread|unread.*binding is missing|binding is missing: unread",
        r"too many: dossier '#' → queue inbox\.one-stop",
        r"too many: dossier 'dossier\.#' → exchange send\.one-stop",
        r"1 bản tin chết",
        r"amqp add --keep one-stop",
    ]
    for pattern in expected:
        assert any(re.search(pattern, one) for one in found), (pattern, found)
    assert not any("dossier.000-00-01-H99" in one for one in found)

    assert run("partners", "amqp", "add", "--keep", "one-stop", "--home", str(home)).exit_code == 0
    findings(home, lambda f: not any("--keep" in one for one in f))


def test_a_queue_that_nobody_reads_is_told(home: Path) -> None:
    made = Gateway(home)
    assert made.bus.publish([], 1) == []
    made.bus.attend([], 1)
    try:
        assert eventually(
            lambda: any("nobody reads it" in f for f in inspect(made.config, Management(made.config.settings.rabbitmq)))
        )
    finally:
        made.close()


def test_the_commands_tell_who_has_access_and_what_is_wrong(home: Path, gateway: Gateway) -> None:
    place = ("--home", str(home))
    none = run("partners", "amqp", "remove", "one-stop", *place)
    nobody = run("partners", "amqp", "add", "nobody", *place)
    nothing = run("partners", "amqp", "add", "vnpost", *place)
    assert all(r.exit_code for r in (none, nobody, nothing))
    assert "no partner 'nobody'" in nobody.output
    assert "[amqp] allows nothing yet" in nothing.output

    assert run("partners", "amqp", "add", "one-stop", *place).exit_code == 0
    listed = json.loads(run("partners", "amqp", "list", "--json", *place).stdout)
    assert [(row["user"], row["as_configured"], row["events"]) for row in listed] == [("one-stop", True, ["dossier.#"])]
    assert "one-stop" in run("partners", "amqp", "list", *place).stdout

    flow = json.loads(run("flow", "--json", *place).stdout)
    assert {"dead", "unread", "inbox.one-stop", "tickets.bus"} <= {row["queue"] for row in flow["broker"]}
    assert "inbox.one-stop" in run("flow", *place).stdout

    assert run("partners", "amqp", "remove", "one-stop", *place).exit_code == 0
    assert run("partners", "amqp", "list", "--json", *place).stdout.strip() == "[]"


def test_a_wrong_management_address_is_told_and_hides_nothing_else(home: Path, gateway: Gateway) -> None:
    file = home / "config" / "gateway.toml"
    lines = file.read_text(encoding="utf-8")
    file.write_text(
        re.sub(r"^management = .*$", 'management = "http://a:b@127.0.0.1:9"', lines, flags=re.M), encoding="utf-8"
    )

    told: Any = json.loads(run("check", "--json", "--home", str(home)).stdout)

    (broker,) = [one for one in told if one["about"] == "RabbitMQ"]
    assert not broker["ok"]
    assert "127.0.0.1:9" in broker["answer"]
    assert "a:b" not in broker["answer"]
    assert run("partners", "amqp", "list", "--home", str(home)).exit_code == 1

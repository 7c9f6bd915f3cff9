"""`docs/adding-an-agency.md` as a new user follows it: every command of it, in order, beside a running gateway; then a dossier goes each way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.trial import Trial
from gateway.config import default_folder
from gateway.ledger import open_ledger
from gateway.ledger.keys import add_key
from gateway.message import utc_now
from tests.commands import Caller, Command, free_port, running, until
from tests.door import fresh_ledger
from tests.house import ADDRESSES, dossier, plain_config

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "adding-an-agency.md"
MINUTES = 30


def blocks(heading: str) -> str:
    """The commands of one walk, as they stand there."""
    text = PAGE.read_text(encoding="utf-8")
    walk = re.split(r"(?m)^## ", text.partition(f"## {heading}")[2])[0]
    return "\n".join(re.findall(r"(?ms)^```sh\n(.*?)^```", walk))


class Office:
    """A home with the shipped files, a running gateway, and a shell in which a reader types."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        shutil.copytree(default_folder(), folder / "config")
        shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
        plain_config(folder / "config")
        programs = folder / "bin"
        programs.mkdir()
        (programs / "lienthong").write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway.cli.main "$@"\n')
        (programs / "lienthong").chmod(0o755)
        self.place = {
            "LIENTHONG_HOME": str(folder),
            "LIENTHONG_LEDGER": fresh_ledger(folder),
            "LIENTHONG_PORT": str(self.port),
        }

    def follow(self, heading: str, **more: str) -> str:
        """Run the walk's commands; what they print. The first that fails ends it."""
        environment = {**os.environ, **ADDRESSES, **self.place, **more}
        environment["PATH"] = f"{self.folder / 'bin'}:{environment['PATH']}"
        environment["PYTHONPATH"] = str(ROOT)
        begun = time.monotonic()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", blocks(heading)],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert time.monotonic() - begun < MINUTES * 60
        return done.stdout

    def point_at_twin(self, partner: str) -> Trial:
        """The partner's own address is changed for that of its twin, which runs here."""
        trial = Trial(self.folder, partner)
        address = trial.start()
        file = self.folder / "config" / "partners" / f"{partner}.toml"
        text = re.sub(r'(?m)^url = ".*"$', f'url = "{address}"', file.read_text(encoding="utf-8"))
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "gateway.cli.main", "reload"],
            env={**os.environ, **ADDRESSES, **self.place},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return trial

    def add_key(self, partner: str) -> str:
        ledger = open_ledger(self.place["LIENTHONG_LEDGER"])
        with ledger.write() as connection:
            key = add_key(connection, partner, "bearer", None, utc_now())[1]
        ledger.close()
        return key


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    up = Command(tmp_path, made.place, "up")
    with running(up):
        up.wait_for("is running")
        yield made
        assert up.stop() == 0


def test_an_agency_that_speaks_rest_joins_from_a_sample_without_python(office: Office) -> None:
    said = office.follow("A. REST")
    assert "delivered" in said
    assert said.count("✗") == 0
    trial = office.point_at_twin("so-tu-phap")
    try:
        # The walk's last step sent a dossier, which waited for the address to answer.
        until(lambda: trial.serve.twin.book()["bodies"], 60)
        (sent,) = trial.serve.twin.book()["bodies"]
        assert sent["maHoSo"] == dossier(1)["dossier"]
        assert sent["nguoiNop"]["hoTen"] == "Nguyễn Văn Mẫu"

        told = json.loads((office.folder / "trang-thai.json").read_text(encoding="utf-8"))
        theirs = Caller(office.port, office.add_key("so-tu-phap"))
        first = theirs.ask("POST", "/hooks/so-tu-phap/status-changed", told)
        again = theirs.ask("POST", "/hooks/so-tu-phap/status-changed", told)
        assert first[0] == again[0] == 200, first
        assert first[2]["id"] == again[2]["id"], "the same message of theirs is known again"
        status, _, view = Caller(office.port, office.add_key("one-stop")).ask(
            "GET", f"/api/v1/dossiers/{dossier(1)['dossier']}"
        )
        assert (status, view["status"]["code"]) == (200, 4), view
    finally:
        trial.serve.stop()


def test_an_agency_that_speaks_soap_joins_from_a_wsdl_not_written_here_without_python(office: Office) -> None:
    said = office.follow("B. SOAP")
    assert "delivered" in said
    assert said.count("✗") == 0
    trial = office.point_at_twin("so-giao-duc")
    try:
        unit = {"code": "000.00.03.H99", "name": "Sở Giáo dục và Đào tạo"}
        body = dossier(2, handled_by=unit)
        status, _, receipt = Caller(office.port, office.add_key("one-stop")).ask("POST", "/api/v1/dossiers", body)
        assert status == 202, receipt
        assert "so-giao-duc" in receipt["destinations"]
        until(lambda: trial.serve.twin.book()["effects"], 30)
        assert body["dossier"] in json.dumps(trial.serve.twin.book()["effects"])
    finally:
        trial.serve.stop()

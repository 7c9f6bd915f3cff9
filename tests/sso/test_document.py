"""What docs/sso.md tells an agency's developer to copy works as it stands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.simulation import Serve
from sso.settings import read_settings
from sso.simulator import VnConnect
from tests.sso.kit import SECRET, SIGNON, key
from tests.sso.running import free_port, run_door, wait_for
from tests.sso.surfer import Surfer

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sso.md").read_text(encoding="utf-8")

CLIENT = """
id = "so-mau"
name = "Sở mẫu"
name_en = "A sample department"
redirect_uris = ["{address}/callback"]
backchannel_logout_uri = "{address}/logout"
scopes = ["openid", "profile"]
purposes = {{ profile = "Để chào" }}
"""


@pytest.fixture
def twin() -> Iterator[Serve]:
    serve = Serve(VnConnect({"key": key()}))
    serve.start()
    yield serve
    serve.stop()


@pytest.mark.slow
def test_the_copied_page_signs_in_and_forgets_at_a_logout_anywhere(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, twin: Serve
) -> None:
    found = re.search(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    assert found
    (tmp_path / "page.py").write_text(found[1], encoding="utf-8")
    port = free_port()
    site, surfer = f"http://127.0.0.1:{port}", Surfer()

    def files(address: str) -> tuple[str, dict[str, str]]:
        settings = SIGNON.split('[[provider]]\nid = "staff"')[0].format(vnconnect=twin.url, staff="")
        return settings, {"so-mau": CLIENT.format(address=site)}

    with run_door(tmp_path, monkeypatch, files) as running:
        given = {"ISSUER": running.address, "CLIENT_ID": "so-mau", "CLIENT_SECRET": SECRET, "PORT": str(port)}
        page = subprocess.Popen(
            [sys.executable, str(tmp_path / "page.py")], env={**os.environ, **given}, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port, 40)
            there = surfer.submit(surfer.follow(surfer.get(site), "/vnconnect"), person="mau")
            shown = surfer.submit(there, answer="yes")
            assert shown.text == "Xin chào Nguyễn Văn Mẫu"

            surfer.submit(surfer.get(f"{running.address}/sso/logout"))
            running.signon.beat()

            assert [row["client"] for row in running.events("logout_told")] == ["so-mau"]
            assert "Đăng nhập" in surfer.get(site).text
            again = surfer.submit(surfer.follow(surfer.get(site), "/vnconnect"), person="mau")
            assert again.text == "Xin chào Nguyễn Văn Mẫu"
            assert "Đã đăng xuất" in surfer.get(f"{site}/dang-xuat").text
        finally:
            page.send_signal(signal.SIGTERM)
            page.wait(20)
            surfer.close()


def test_the_provider_in_the_document_can_be_read() -> None:
    found = re.search(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
    assert found
    assert read_settings(tomllib.loads(found[1])).provider[0].id == "vnconnect"

"""Certified programs that are not ours: npm's oidc-provider as the national provider above us, npm's openid-client and Apache's
mod_auth_openidc as agencies below us."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.simulation import Serve
from sso.simulator import VnConnect
from tests.sso.kit import SECRET, SIGNON, Page, key, toml_of
from tests.sso.running import FOREIGN, MODULES, free_port, need, need_node, run_door, wait_for
from tests.sso.surfer import Surfer

CLIENT = """
id = "agency-web"
name = "Sở mẫu"
name_en = "A sample department"
grants = ["authorization_code", "refresh_token"]
redirect_uris = ["{redirect}"]
post_logout_redirect_uris = ["{logged_out}"]
scopes = ["openid", "profile", "identity"]
consent = "implied"
{more}
"""

MACHINE = """
id = "agency-machine"
name = "Máy của sở"
name_en = "The department's machine"
auth = "private_key_jwt"
grants = ["client_credentials"]
scopes = ["api.read"]
partner = "one-stop"
consent = "implied"
jwks = {jwks}
"""

CERTIFIED = """
[[provider]]
id = "certified"
name = "Nhà cung cấp chuẩn"
name_en = "A certified provider"
issuer = "{issuer}"
client_id = "lienthong"
client_secret = "bi-mat-cua-cong"
iss_parameter = "required"
kinds = {{ 1 = "citizen" }}
claims = {{ account_kind = "LoaiTaiKhoan", tech_id = "TechID", name = "HoVaTen", birth_date = "NgayThangNamSinh", cccd = "SoDinhDanh" }}
"""


@pytest.fixture
def twin() -> Iterator[Serve]:
    serve = Serve(VnConnect({"key": key()}))
    serve.start()
    yield serve
    serve.stop()


@pytest.fixture
def surfer() -> Iterator[Surfer]:
    made = Surfer()
    yield made
    made.close()


def sign_in(surfer: Surfer, page: Page, person: str = "mau") -> Page:
    return surfer.submit(surfer.follow(page, "/vnconnect"), person=person)


def with_twin(twin: Serve) -> str:
    return SIGNON.split('[[provider]]\nid = "staff"')[0].format(vnconnect=twin.url, staff="")


# ── above ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_certified_provider_signs_a_citizen_in_and_out(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, surfer: Surfer
) -> None:
    need_node("oidc-provider")
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"

    def files(address: str) -> tuple[str, dict[str, str]]:
        return CERTIFIED.format(issuer=issuer), {}

    with run_door(tmp_path, monkeypatch, files) as running:
        environment = {
            "MODULES": str(MODULES),
            "ISSUER": issuer,
            "PORT": str(port),
            "REDIRECT": f"{running.address}/sso/callback/certified",
            "LOGGED_OUT": f"{running.address}/sso/signed-out",
        }
        provider = subprocess.Popen(
            ["node", str(FOREIGN / "provider.mjs")], env={**os.environ, **environment}, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port)
            page = surfer.follow(surfer.get(f"{running.address}/sso/sign-in/account"), "/certified")
            page = surfer.submit(page, login="cong-dan-1", password="gì cũng được")

            assert page.url == f"{running.address}/sso/account", page
            assert "Bùi Thị Chuẩn" in page.text
            assert "001192000077" not in page.text
            assert running.events("signed_in")[0]["detail"].startswith("certified")

            asked = surfer.get(f"{running.address}/sso/logout")
            there = surfer.submit(asked)
            assert there.url.startswith(issuer), "the provider asks whether its own session shall end"
            done = surfer.submit(there, logout="yes")
            assert "Đã đăng xuất" in done.text
        finally:
            provider.send_signal(signal.SIGTERM)
            provider.wait(20)


# ── below ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_a_certified_client_signs_in_refreshes_introspects_pushes_and_calls_as_a_machine(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, surfer: Surfer, twin: Serve
) -> None:
    need_node("openid-client")
    machine = ECKey.generate_key("P-256", {"kid": "may-1"}, private=True)
    redirect, logged_out = f"http://127.0.0.1:{free_port()}/cb", f"http://127.0.0.1:{free_port()}/ra"

    def files(address: str) -> tuple[str, dict[str, str]]:
        jwks = toml_of({"keys": [{**machine.as_dict(private=False), "kid": "may-1"}]})
        web = CLIENT.format(redirect=redirect, logged_out=logged_out, more="")
        return with_twin(twin), {"agency-web": web, "agency-machine": MACHINE.format(jwks=jwks)}

    with run_door(tmp_path, monkeypatch, files) as running:
        environment = {
            "MODULES": str(MODULES),
            "ISSUER": running.address,
            "CLIENT": "agency-web",
            "SECRET": SECRET,
            "REDIRECT": redirect,
            "LOGGED_OUT": logged_out,
            "MACHINE": "agency-machine",
            "KEY": json.dumps({**machine.as_dict(private=True), "kid": "may-1"}),
        }
        client = subprocess.Popen(
            ["node", str(FOREIGN / "relying.mjs")], env={**os.environ, **environment}, stdin=-1, stdout=-1, text=True
        )
        try:
            page = sign_in(surfer, surfer.get(hear(client)["go"]))
            tell(client, page.url)
            second = surfer.get(hear(client)["go"])
            assert second.url.startswith(redirect), "the second time nobody is asked"
            tell(client, second.url)
            learnt = hear(client)
        finally:
            client.kill()
            client.wait(20)

        assert learnt["claims"]["acr"] == "loa2"
        assert learnt["user"]["name"] == "Nguyễn Văn Mẫu"
        assert learnt["user"]["national_id"] == "001090000037"
        assert (learnt["worth"]["active"], learnt["after"]) == (True, {"active": False})
        assert (learnt["scope"], learnt["feed"]) == ("api.read", 200)
        assert surfer.get(learnt["bye"]).url == f"{logged_out}?state=xong"
        assert "Đăng nhập" in surfer.get(f"{running.address}/sso/account").text


def hear(client: subprocess.Popen[str]) -> dict[str, Any]:
    assert client.stdout is not None
    line = client.stdout.readline()
    assert line, "the client ended"
    told: dict[str, Any] = json.loads(line)
    return told


def tell(client: subprocess.Popen[str], line: str) -> None:
    assert client.stdin is not None
    client.stdin.write(line + "\n")
    client.stdin.flush()


APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/pid
ErrorLog {folder}/error.log
LogLevel warn auth_openidc:info
Listen 127.0.0.1:{port}
User {user}
Group {user}
Mutex file:{folder} default
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
DocumentRoot {folder}/pages
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID agency-web
OIDCClientSecret {secret}
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCRedirectURI http://127.0.0.1:{port}/cb
OIDCCryptoPassphrase chi-de-thu
OIDCScope "openid profile"
OIDCPKCEMethod S256
OIDCCacheType shm
OIDCSSLValidateServer Off
<Location />
    AuthType openid-connect
    Require valid-user
    Header set X-Name "expr=%{{reqenv:OIDC_CLAIM_name}}"
</Location>
"""


@contextmanager
def folder_of_apache() -> Iterator[Path]:
    """Where Apache's own user may go, which the folders of tests are not."""
    folder = Path(tempfile.mkdtemp(prefix="lt-apache-", dir="/tmp"))
    try:
        (folder / "pages").mkdir()
        folder.chmod(0o755)
        if os.geteuid() == 0:
            shutil.chown(folder, "www-data")
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
def test_apaches_module_knows_the_person_and_forgets_him_at_the_back_channel_logout(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch, surfer: Surfer, twin: Serve
) -> None:
    modules = Path("/usr/lib/apache2/modules")
    need((modules / "mod_auth_openidc.so").exists(), "Apache's mod_auth_openidc")
    program = shutil.which("apache2") or "/usr/sbin/apache2"
    port = free_port()
    site = f"http://127.0.0.1:{port}"

    def files(address: str) -> tuple[str, dict[str, str]]:
        more = f'backchannel_logout_uri = "{site}/cb?logout=backchannel"'
        return with_twin(twin), {"agency-web": CLIENT.format(redirect=f"{site}/cb", logged_out=f"{site}/", more=more)}

    with run_door(tmp_path, monkeypatch, files) as running, folder_of_apache() as folder:
        (folder / "pages" / "index.html").write_text("<h1>Trang của sở</h1>", encoding="utf-8")
        values = {"folder": folder, "port": port, "modules": modules, "issuer": running.address, "secret": SECRET}
        values["user"] = "www-data" if os.geteuid() == 0 else "#" + str(os.geteuid())
        (folder / "apache.conf").write_text(APACHE.format(**values), encoding="utf-8")
        apache = subprocess.Popen([program, "-f", str(folder / "apache.conf"), "-DFOREGROUND"])
        try:
            wait_for(port)
            page = sign_in(surfer, surfer.get(f"{site}/index.html"))
            assert "Trang của sở" in page.text, (page, (folder / "error.log").read_text())
            assert "Trang của sở" in surfer.get(f"{site}/index.html").text

            surfer.submit(surfer.get(f"{running.address}/sso/logout"))
            running.signon.beat()

            assert [row["client"] for row in running.events("logout_told")] == ["agency-web"]
            asked = surfer.get(f"{site}/index.html")
            assert "Trang của sở" not in asked.text
            assert asked.url.startswith(f"{running.address}/sso/sign-in/")
        finally:
            apache.send_signal(signal.SIGTERM)
            apache.wait(20)

"""`lienthong bench sso`: the one sign-on over loopback HTTP, one `lienthong web` on SQLite, every token's row committed before its answer.

Beside it, in the same run, npm's oidc-provider for the token endpoint: it keeps everything in memory and gives opaque tokens, ours are signed and
journalled on disk. `cpu` is that of the server alone, seconds per 1,000 calls.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.machine import CpuMeter, free_port, wait_for
from bench.programs import add_key, program, run, settle_in
from gateway.cli.signon_scene import PROVIDER, SECRET, Browser
from gateway.http import Http

FOREIGN = Path(__file__).resolve().parent.parent / "tests" / "foreign"
MODULES = FOREIGN.parent.parent / ".venvs" / "node" / "node_modules"
BACK = "http://127.0.0.1:9/callback"
CHALLENGE, VERIFIER = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Those of RFC 7636, appendix B."""

LIMITS = """
[limits]
address = [1000000, 0.00001]
refused = [1000000, 0.00001]
client = [1000000, 0.00001]
client_refused = [1000000, 0.00001]
person = [1000000, 0.00001]
"""
WEB = f"""
id = "web"
name = "Trang đo"
name_en = "The bench's page"
redirect_uris = ["{BACK}"]
scopes = ["openid", "profile"]
consent = "implied"
"""
MACHINE = """
id = "may"
name = "Máy đo"
name_en = "The bench's machine"
grants = ["client_credentials"]
scopes = ["api.read"]
partner = "one-stop"
consent = "implied"
"""


@dataclass(frozen=True)
class Figure:
    """One measurement. `rate` is per second, `cpu` seconds of the server per 1,000 calls."""

    name: str
    rate: float
    cpu: float


class Bench:
    def __init__(self, calls: int, connections: int) -> None:
        self.calls, self.connections = calls, connections
        self.folder = Path(tempfile.mkdtemp(prefix="lt-bench-"))
        self.figures: list[Figure] = []

    def run(self) -> dict[str, Any]:
        """The figures and their ratios."""
        try:
            self._ours()
            self._theirs()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        by_name = {figure.name: figure for figure in self.figures}
        ratios = {"verified call / call with a key": by_name["api call, token"].rate / by_name["api call, key"].rate}
        if "tokens, oidc-provider" in by_name:
            ratios["tokens / oidc-provider's, rate"] = by_name["tokens"].rate / by_name["tokens, oidc-provider"].rate
            ratios["tokens / oidc-provider's, CPU"] = by_name["tokens"].cpu / by_name["tokens, oidc-provider"].cpu
        return {"figures": [asdict(figure) for figure in self.figures], "ratios": ratios}

    def _ours(self) -> None:
        port, twin = free_port(), f"http://127.0.0.1:{free_port()}"
        at = f"http://127.0.0.1:{port}"
        environment = settle_in(self.folder, port, 9, LIENTHONG_PUBLIC_URL=at)
        config = self.folder / "config"
        (config / "clients").mkdir(exist_ok=True)
        (config / "signon.toml").write_text(LIMITS + PROVIDER.format(twin=twin, secret=SECRET), encoding="utf-8")
        (config / "clients" / "web.toml").write_text(WEB, encoding="utf-8")
        (config / "clients" / "may.toml").write_text(MACHINE, encoding="utf-8")
        (self.folder / "twin.json").write_text(json.dumps({"client_secret": SECRET}))
        run(environment, "db", "upgrade")
        secrets = {
            n: json.loads(run(environment, "clients", "add", n, "--json"))["client_secret"] for n in ("web", "may")
        }
        simulate = (
            "simulate",
            "vnconnect",
            "--port",
            twin.rpartition(":")[2],
            "--settings",
            str(self.folder / "twin.json"),
        )
        with program(environment, *simulate, ready=True), program(environment, "web", ready=True) as web:
            self._measure("sign-ins, whole round", self.calls // 10, web.pid, lambda: sign_in(at, twin, secrets["web"]))
            ask, token = token_of(at, "may", secrets["may"])
            self._measure("tokens", self.calls, web.pid, ask)
            look = basic("may", secrets["may"])
            http = Http(base_url=at)
            self._measure(
                "introspections", self.calls, web.pid,
                lambda: good(http.call("POST", "/sso/introspect", form={"token": token}, headers=look).json()["active"]),
            )  # fmt: skip
            key = add_key(environment).partition(" ")[2]
            for name, proof in (("api call, token", f"Bearer {token}"), ("api call, key", key)):
                self._measure(name, self.calls, web.pid, call_api(http, proof))

    def _theirs(self) -> None:
        """Left out, loudly, where Node or the package is missing."""
        if not (shutil.which("node") and (MODULES / "oidc-provider").is_dir()):
            print("  oidc-provider is not installed (`make test` installs it): not measured", file=sys.stderr)
            return
        with certified() as (at, pid):
            ask, _ = token_of(at, "may", "bi-mat-cua-may", "/token", scope="")
            self._measure("tokens, oidc-provider", self.calls, pid, ask)

    def _measure(self, name: str, calls: int, pid: int, call: Callable[[], None]) -> None:
        with ThreadPoolExecutor(self.connections) as pool:
            for done in [pool.submit(call) for _ in range(self.connections)]:
                done.result()  # warm
            meter, began = CpuMeter(pid), time.perf_counter()
            for done in [pool.submit(call) for _ in range(calls)]:
                done.result()
            seconds = time.perf_counter() - began
        self.figures.append(Figure(name, calls / seconds, meter.spent() / calls * 1000))
        print(f"  {name}: {calls / seconds:,.0f}/s", file=sys.stderr, flush=True)


def sign_in(at: str, twin: str, secret: str) -> None:
    """A browser without cookies: from the client's request to the person's name."""
    browser = Browser()
    query = f"response_type=code&client_id=web&redirect_uri={BACK}&scope=openid%20profile&state=s&nonce=n"
    page = browser.get(f"{at}/sso/authorize?{query}&code_challenge={CHALLENGE}&code_challenge_method=S256")
    page = browser.get(browser.find(page, r'href="([^"]*/vnconnect)"'))
    ticket = browser.find(page, r'name="ticket" value="([^"]*)"', address=False)
    code = browser.code_of(f"{twin}/chon", {"ticket": ticket, "person": "mau"}, BACK)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    http = Http(base_url=at)
    tokens = http.call("POST", "/sso/token", form=form, headers=basic("web", secret)).json()
    told = http.call("GET", "/sso/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).json()
    good(told["name"] == "Nguyễn Văn Mẫu")


def token_of(
    at: str, client: str, secret: str, path: str = "/sso/token", scope: str = "api.read"
) -> tuple[Callable[[], None], str]:
    """What asks for a token, and one token."""
    http, headers = Http(base_url=at), basic(client, secret)
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})

    def ask() -> str:
        return str(http.call("POST", path, form=form, headers=headers).json()["access_token"])

    return lambda: good(ask()), ask()


def call_api(http: Http, proof: str) -> Callable[[], None]:
    return lambda: good(http.call("GET", "/api/v1/status-feed", headers={"Authorization": proof}).status == 200)


def basic(client: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


def good(well: object) -> None:
    if not well:
        raise RuntimeError("an answer is not what it should be")


@contextmanager
def certified() -> Iterator[tuple[str, int]]:
    """npm's oidc-provider: (address, process)."""
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    given = {"MODULES": str(MODULES), "ISSUER": at, "PORT": str(port), "REDIRECT": f"{at}/x", "LOGGED_OUT": f"{at}/y"}
    node = subprocess.Popen(
        ["node", str(FOREIGN / "provider.mjs")],
        env={**os.environ, "NODE_ENV": "production", **given},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(f"{at}/.well-known/openid-configuration")
        yield at, node.pid
    finally:
        node.terminate()
        node.wait(timeout=30)

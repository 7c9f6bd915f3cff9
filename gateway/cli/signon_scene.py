"""The demo's scene of the one sign-on: a citizen signs in once at the national twin, two systems know him, one logout ends all three."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urljoin, urlsplit

from gateway.cli.stage import free_port
from gateway.http import Http, Reply

if TYPE_CHECKING:
    from gateway.cli.stage import Stage

SECRET = "chi-dung-trong-trinh-dien"  # noqa: S105 - of twins, on this machine, for a minute
SITES = {"portal-page": ("Cổng tỉnh", "Provincial portal"), "one-stop-page": ("Một cửa điện tử", "One-stop system")}
PERSON, NAME = "mau", "Nguyễn Văn Mẫu"
PATIENCE = 20.0  # seconds within which a logout is heard of

PROVIDER = """
[[provider]]
id = "vnconnect"
name = "Tài khoản Cổng Dịch vụ công quốc gia"
name_en = "National portal account"
issuer = "{twin}/oauth2/token"
client_id = "lienthong"
client_secret = "{secret}"
secret_in = "body"
userinfo = "post"
kinds = {{ 1 = "citizen", 2 = "enterprise" }}
claims = {{ account_kind = "LoaiTaiKhoan", tech_id = "TechID", name = "HoVaTen", birth_date = "NgayThangNamSinh", cccd = "SoDinhDanh" }}
"""

CLIENT = """
id = "{id}"
name = "{name}"
name_en = "{name_en}"
redirect_uris = ["{site}/callback"]
post_logout_redirect_uris = ["{site}/"]
backchannel_logout_uri = "{site}/logout"
scopes = ["openid", "profile"]
consent = "implied"
"""


class Province:
    """The sign-on's part of a stage: its files, the national twin, the two systems' pages."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.twin = f"http://127.0.0.1:{free_port()}"
        self.sites = {name: f"http://127.0.0.1:{free_port()}" for name in SITES}

    def prepare(self) -> None:
        config = self._stage.home / "config"
        (config / "signon.toml").write_text(PROVIDER.format(twin=self.twin, secret=SECRET), encoding="utf-8")
        (config / "clients").mkdir(exist_ok=True)
        for name, (title, title_en) in SITES.items():
            text = CLIENT.format(id=name, name=title, name_en=title_en, site=self.sites[name])
            (config / "clients" / f"{name}.toml").write_text(text, encoding="utf-8")

    def start(self) -> None:
        """When the gateway's schema is there."""
        commands = {"vnconnect": self._simulate("vnconnect", self.twin, {"client_secret": SECRET})}
        for name, (title, _) in SITES.items():
            made = json.loads(self._stage.run("clients", "add", name, "--json"))
            given = {"name": title, "address": self.sites[name], "issuer": self._stage.address, "client_id": name}
            commands[name] = self._simulate(
                "signon_site", self.sites[name], {**given, "client_secret": made["client_secret"]}, name
            )
        self._stage.start_others(commands)

    def _simulate(self, what: str, address: str, settings: dict[str, Any], name: str = "") -> list[str]:
        file = Path(self._stage.home) / f"{name or what}.json"
        file.write_text(json.dumps(settings), encoding="utf-8")
        return ["simulate", what, "--port", address.rpartition(":")[2], "--settings", str(file)]

    # ── the scene ───────────────────────────────────────────────────────────────────────────────────────────────

    def play(self) -> Sequence[str]:
        """What went otherwise than told; nothing when all went well."""
        browser, portal, one_stop = Browser(), self.sites["portal-page"], self.sites["one-stop-page"]
        page = browser.get(f"{portal}/vao")
        page = browser.get(browser.find(page, r'href="([^"]*/vnconnect)"'))
        ticket = browser.find(page, r'name="ticket" value="([^"]*)"', address=False)
        page = browser.post(f"{self.twin}/chon", {"ticket": ticket, "person": PERSON})
        wrong = [] if NAME in page else ["the portal page does not know the citizen"]
        if NAME not in browser.get(f"{one_stop}/vao"):
            wrong.append("the one-stop page does not know the citizen without a second sign-in")
        browser.get(f"{one_stop}/ra")
        if self._wait_for_silence() or NAME in browser.get(f"{portal}/") or NAME in browser.get(f"{one_stop}/"):
            wrong.append("a page still knows the citizen after the logout")
        if json.loads(browser.get(f"{self.twin}/_twin/book"))["sessions"]:
            wrong.append("the national twin's session outlived the logout")
        return wrong

    def _wait_for_silence(self) -> bool:
        """True while somebody is still signed in somewhere when patience ends."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            books = [Http(base_url=site).call("GET", "/_twin/book").json() for site in self.sites.values()]
            if not any(book["signed_in"] for book in books):
                return False
            time.sleep(0.2)
        return True


class Browser:
    """Cookies by host, redirects followed; gives the page's text."""

    def __init__(self) -> None:
        self._cookies: dict[str, dict[str, str]] = {}
        self._at = ""

    def get(self, url: str) -> str:
        return self._follow("GET", url, None)

    def post(self, url: str, form: dict[str, str]) -> str:
        return self._follow("POST", url, form)

    def code_of(self, url: str, form: dict[str, str], back: str) -> str:
        """The code with which the redirects after this form arrive at `back`, where nobody need listen; "" when they end elsewhere."""
        method, data = "POST", cast(dict[str, str] | None, form)
        for _ in range(15):
            reply = self._once(method, url, data)
            url = urljoin(url, reply.headers.get("location", ""))
            if reply.status not in (302, 303) or url.startswith(back):
                return dict(parse_qsl(urlsplit(url).query)).get("code", "")
            method, data = "GET", None
        return ""

    def find(self, page: str, pattern: str, *, address: bool = True) -> str:
        """What stands at this place of the page; an address, made whole."""
        found = re.search(pattern, page)
        text = unescape(found[1]) if found else ""
        return urljoin(self._at, text) if address else text

    def _follow(self, method: str, url: str, form: dict[str, str] | None) -> str:
        for _ in range(15):
            reply = self._once(method, url, form)
            self._at = url
            if reply.status not in (302, 303):
                return reply.body.decode()
            method, url, form = "GET", urljoin(url, reply.headers["location"]), None
        return ""

    def _once(self, method: str, url: str, form: dict[str, str] | None) -> Reply:
        host = urlsplit(url).netloc
        jar = self._cookies.setdefault(host, {})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())} if jar else {}
        reply = Http(base_url=f"http://{host}").call(method, url, form=form, headers=headers)
        # Several come joined with ", "; a date in one holds a comma too, but no cookie of ours begins after it.
        for name, value in re.findall(r"(?:^|, )([A-Za-z0-9_-]+)=([^;,]*);", reply.headers.get("set-cookie", "")):
            jar[name] = value
        return reply

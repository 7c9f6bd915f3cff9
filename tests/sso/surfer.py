"""A browser over the network: cookies, redirects, forms; libcurl underneath. A host that does not answer is where it ends up."""

from __future__ import annotations

import re
from html import unescape
from io import BytesIO
from urllib.parse import urlencode, urljoin

import pycurl

from tests.sso.kit import Page


class Surfer:
    def __init__(self) -> None:
        self._curl = pycurl.Curl()
        self._curl.setopt(pycurl.COOKIEFILE, "")
        self._curl.setopt(pycurl.NOPROXY, "*")
        self._curl.setopt(pycurl.TIMEOUT, 20)
        self._curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP)

    def get(self, url: str) -> Page:
        return self._go(url, None)

    def submit(self, page: Page, **fields: str) -> Page:
        """The page's form, its hidden fields with it."""
        action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        assert action, page.text
        hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
        form = {name: unescape(value) for name, value in hidden} | fields
        return self._go(urljoin(page.url, unescape(action[1])), form)

    def follow(self, page: Page, part: str) -> Page:
        return self.get(urljoin(page.url, page.link(part)))

    def _go(self, url: str, form: dict[str, str] | None) -> Page:
        for _ in range(20):
            body, curl = BytesIO(), self._curl
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.WRITEDATA, body)
            if form is None:
                curl.setopt(pycurl.HTTPGET, 1)
            else:
                curl.setopt(pycurl.POSTFIELDS, urlencode(form))
            try:
                curl.perform()
            except pycurl.error as fault:
                if fault.args[0] != pycurl.E_COULDNT_CONNECT:
                    raise
                return Page(url, 0, {}, "")
            target = curl.getinfo(pycurl.REDIRECT_URL)
            if target is None:
                return Page(url, curl.getinfo(pycurl.RESPONSE_CODE), {}, body.getvalue().decode())
            url, form = target, None
            if not url.startswith("http://127.0.0.1"):
                return Page(url, 303, {}, "")
        raise AssertionError("a ring of redirects")

    def close(self) -> None:
        self._curl.close()

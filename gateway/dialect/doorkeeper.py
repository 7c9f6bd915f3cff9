"""Who calls a twin? The other side of `gateway.dialect.auth`."""

from __future__ import annotations

import base64
import json
import re
import secrets
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from gateway.dialect.auth import ApiKey, Auth, Basic, Bearer, Hmac, Login, OAuth2, sign
from gateway.dialect.pointers import put
from gateway.simulation import Request, Response


class Doorkeeper:
    """Gives tokens, and lets nobody in without what the partner's file says."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth
        self._tokens: set[str] = set()
        self._nonces: set[str] = set()

    def expire(self) -> None:
        """Every token ends."""
        self._tokens.clear()

    def sign_in(self, request: Request) -> Response | None:
        """A token for the right account, 401 for a wrong one; None when this is no call for a token."""
        auth = self._auth
        if not isinstance(auth, OAuth2 | Login):
            return None
        url = auth.token_url if isinstance(auth, OAuth2) else auth.url
        if request.path != urlsplit(url).path or request.method != "POST":
            return None
        token = f"token-{secrets.token_hex(8)}"
        if isinstance(auth, Login):
            given = json.loads(request.body) if auth.json_ is not None else dict(parse_qsl(request.body.decode()))
            if given != (auth.json_ if auth.json_ is not None else auth.form):
                return Response(401, {"error": "wrong account"})
            self._tokens.add(token)
            return Response(200, put({}, auth.token, token))
        pair = {"client_id": auth.client_id, "client_secret": auth.client_secret.get_secret_value()}
        basic = f"Basic {base64.b64encode(':'.join(pair.values()).encode()).decode()}"
        form = dict(parse_qsl(request.body.decode()))
        shown = request.headers.get("authorization") == basic if auth.style == "basic" else pair.items() <= form.items()
        if not shown or form.get("grant_type") != ("client_credentials" if auth.user is None else "password"):
            return Response(401, {"error": "invalid_client"})
        self._tokens.add(token)
        return Response(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def knows(self, request: Request) -> bool:
        """Does the call show the account of the file?"""
        auth, headers, right = self._auth, request.headers, True
        match auth:
            case Bearer():
                right = headers.get(auth.header.lower()) == auth.prefix + auth.token.get_secret_value()
            case ApiKey(header=str(name)):
                right = headers.get(name.lower()) == auth.key.get_secret_value()
            case ApiKey(query=str(name)):
                right = request.query.get(name) == auth.key.get_secret_value()
            case Basic():
                pair = f"{auth.user}:{auth.password.get_secret_value()}"
                right = headers.get("authorization") == f"Basic {base64.b64encode(pair.encode()).decode()}"
            case OAuth2() | Login():
                shown = headers.get(auth.header.lower(), "")
                right = shown.startswith(auth.prefix) and shown.removeprefix(auth.prefix) in self._tokens
            case Hmac():
                right = self._signed(auth, request)
        return right

    def _signed(self, auth: Hmac, request: Request) -> bool:
        seen: dict[str, str] = {}
        for name, text in auth.headers.items():
            pieces = re.split(r"\{([a-z0-9_]+)\}", text)
            pattern = "".join(f"(?P<{p}>.+)" if i % 2 else re.escape(p) for i, p in enumerate(pieces))
            found = re.fullmatch(pattern, request.headers.get(name.lower(), ""))
            seen |= found.groupdict() if found else {}
        url = f"http://{request.headers.get('host', '')}{quote(request.path)}"
        url += f"?{urlencode(request.query)}" if request.query else ""
        nonce = seen.get("nonce", "")
        made = sign(auth, request.method, url, request.headers, request.body, seen.get("timestamp", ""), nonce)
        right = all(request.headers.get(name.lower()) == value for name, value in made.items())
        if not right or (nonce and nonce in self._nonces):
            return False
        self._nonces.add(nonce)
        return True

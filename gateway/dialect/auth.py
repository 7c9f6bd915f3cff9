"""How we prove to a partner who we are: `auth = { kind = "…", … }` of its file.

`none` · `bearer` · `api_key` (a header or a query parameter) · `basic` · `oauth2` (client credentials, or a password) · `login` (a call of the
partner's own that gives a token) · `hmac` (a signature over a declared text). A client certificate stands beside it, with the connection.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from gateway.canonical.scalars import WebLink
from gateway.dialect.pointers import Pointer, text_at
from gateway.dialect.row import Row
from gateway.dialect.template import write_time
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.message import utc_now
from gateway.sessions import Sessions, is_outage

_WORDS = {"id", "method", "path", "query", "target", "host", "timestamp", "nonce", "content_type", "body", "sha256", "sha256_base64"}  # fmt: skip
_WORD = re.compile(r"\{([a-z0-9_]+)\}")
_REFUSED_WAIT = 900.0  # a person must mend the account; deliveries wait visibly


def _words(known: set[str]) -> Any:
    def check(text: str) -> str:
        for word in _WORD.findall(text):
            if word not in known:
                names = ", ".join(sorted(known))
                raise ValueError(f"{text!r}: không có {{{word}}}; có · no such field; known: {names}")
        return text

    return AfterValidator(check)


Secret = Annotated[SecretStr, Field(min_length=1)]


def hide(value: Any) -> Any:
    """Secrets at any depth of a table, so that nothing prints them. Raises `ValueError`."""
    if isinstance(value, dict):
        return {name: hide(one) for name, one in value.items()}
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("phải là chữ, hoặc bảng các chữ · must be a text, or a table of texts")
    return SecretStr(value)


def reveal(value: Any) -> Any:
    """As they go out."""
    if isinstance(value, dict):
        return {name: reveal(one) for name, one in value.items()}
    return value.get_secret_value()


Secrets = Annotated[dict[str, Any], BeforeValidator(hide)]


class Nothing(Row):
    kind: Literal["none"] = "none"


class Bearer(Row):
    kind: Literal["bearer"]
    token: Secret
    header: str = "Authorization"
    prefix: str = "Bearer "


class ApiKey(Row):
    """In `header`, or as the `query` parameter of that name."""

    kind: Literal["api_key"]
    key: Secret
    header: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> ApiKey:
        if (self.header is None) == (self.query is None):
            raise ValueError("ghi header hoặc query, một trong hai · give header or query, one of them")
        return self


class Basic(Row):
    kind: Literal["basic"]
    user: str
    password: Secret


class OAuth2(Row):
    """RFC 6749. With `user` and `password` it is the password grant. `style`: how the client shows its secret."""

    kind: Literal["oauth2"]
    token_url: WebLink
    client_id: str
    client_secret: Secret
    scope: str = ""
    style: Literal["basic", "post"] = "basic"
    user: str | None = None
    password: Secret | None = None
    life: float = Field(default=600, gt=0, le=86_400, description="seconds a token lives when the answer does not say")
    margin: float = Field(default=30, ge=0, le=3600, description="seconds before its end at which a token is renewed")
    header: str = "Authorization"
    prefix: str = "Bearer "

    @model_validator(mode="after")
    def _both(self) -> OAuth2:
        if (self.user is None) != (self.password is None):
            raise ValueError("user và password đi cùng nhau · user and password go together")
        return self


class Login(Row):
    """POST `json` (or `form`) to `url`; the answer holds the token at `token`. It lives `life` seconds, or what stands at `life_at`."""

    kind: Literal["login"]
    url: WebLink
    json_: dict[str, Any] | None = Field(default=None, alias="json")
    form: dict[str, str] | None = None
    token: Pointer
    life: float = Field(default=600, gt=0, le=86_400)
    life_at: Pointer | None = None
    margin: float = Field(default=30, ge=0, le=3600)
    header: str = "Authorization"
    prefix: str = "Bearer "

    @model_validator(mode="after")
    def _one_body(self) -> Login:
        if (self.json_ is None) == (self.form is None):
            raise ValueError("ghi json hoặc form, một trong hai · give json or form, one of them")
        return self


class Hmac(Row):
    """`headers` and `signed` are texts with `{id}` (the account), `{timestamp}`, `{nonce}`; `signed` also with `{method}`, `{path}`,
    `{query}`, `{target}` (path?query), `{host}`, `{content_type}`, `{body}`, `{sha256}`, `{sha256_base64}` (of the body); `headers` also with
    `{signature}`."""

    kind: Literal["hmac"]
    id: str = ""
    key: Secret
    signed: Annotated[str, _words(_WORDS)]
    headers: dict[str, Annotated[str, _words({"id", "timestamp", "nonce", "signature", "sha256", "sha256_base64"})]]
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    time: Literal["epoch", "epoch_ms", "rfc3339", "yyyyMMddHHmmss"] = "epoch"


Auth = Annotated[Nothing | Bearer | ApiKey | Basic | OAuth2 | Login | Hmac, Field(discriminator="kind")]


def hosts_of(auth: Auth) -> list[str]:
    """Places, beside the partner's own, that proving ourselves calls, as ``name:port``."""
    url = auth.token_url if isinstance(auth, OAuth2) else auth.url if isinstance(auth, Login) else None
    return [place_of(url)] if url else []


def place_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or {'http': 80, 'https': 443}[parts.scheme]}"


class Caller:
    """A partner's HTTP client that proves itself in every call. Used by several threads at once.

    `base_url` is what the paths stand behind. `now` is the time that signatures carry, `clock` counts seconds and never goes back.
    """

    def __init__(
        self,
        http: Http,
        base_url: str,
        auth: Auth,
        *,
        now: Callable[[], datetime] = utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._auth = auth
        self._now = now
        self._sessions = Sessions(partial(log_in, http, auth), clock) if isinstance(auth, OAuth2 | Login) else None

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        body: bytes | None = None,
        total_timeout: float | None = None,
    ) -> Reply:
        """As `Http.call`; `path` is encoded already. Raises `TryLater` when no token is to be had: then nothing was sent.

        An answer 401 to a token makes a new one, and the call is made once more: 401 says that it was not done.
        """
        if self._sessions is None:
            return self._once(method, path, query, headers, body, total_timeout)
        token = self._sessions.get()
        reply = self._once(method, path, query, {**headers, **self._shown(token)}, body, total_timeout)
        if reply.status != 401:
            return reply
        again = self._shown(self._sessions.renew(token))
        return self._once(method, path, query, {**headers, **again}, body, total_timeout)

    def renew(self) -> bool:
        """Get a token now, whatever is kept: does the partner know us? False where there is none to get. Raises `TryLater`."""
        if self._sessions is None:
            return False
        self._sessions.renew(self._sessions.current)
        return True

    def _shown(self, token: str) -> dict[str, str]:
        return {self._auth.header: f"{self._auth.prefix}{token}"} if isinstance(self._auth, OAuth2 | Login) else {}

    def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
        total_timeout: float | None,
    ) -> Reply:
        auth = self._auth
        match auth:
            case Bearer():
                headers = {**headers, auth.header: auth.prefix + auth.token.get_secret_value()}
            case ApiKey(header=str(name)):
                headers = {**headers, name: auth.key.get_secret_value()}
            case ApiKey(query=str(name)):
                query = {**query, name: auth.key.get_secret_value()}
            case Basic():
                pair = f"{auth.user}:{auth.password.get_secret_value()}"
                headers = {**headers, "Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
            case Hmac():
                at, nonce = write_time(self._now(), auth.time), secrets.token_hex(16)
                headers = {**headers, **sign(auth, method, self._url(path, query), headers, body or b"", at, nonce)}
        url = self._url(path, query)
        return self._http.call(method, url, body=body, headers=headers, total_timeout=total_timeout)

    def _url(self, path: str, query: Mapping[str, str]) -> str:
        url = path if "://" in path or not path else f"{self._base}/{path.lstrip('/')}"
        url = url or self._base
        return url + (("&" if "?" in url else "?") + urlencode(query) if query else "")


def sign(
    auth: Hmac, method: str, url: str, headers: Mapping[str, str], body: bytes, timestamp: str, nonce: str
) -> dict[str, str]:
    """The headers that sign one call."""
    parts = urlsplit(url)
    digest = hashlib.sha256(body)
    path, query = parts.path or "/", parts.query
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    words: dict[str, str | bytes] = {
        "id": auth.id,
        "method": method,
        "path": path,
        "query": query,
        "target": f"{path}?{query}" if query else path,
        "host": parts.netloc,
        "timestamp": timestamp,
        "nonce": nonce,
        "content_type": content_type,
        "body": body,
        "sha256": digest.hexdigest(),
        "sha256_base64": b64encode(digest.digest()).decode(),
    }
    made = hmac.new(auth.key.get_secret_value().encode(), _filled(auth.signed, words), auth.algorithm).digest()
    words["signature"] = made.hex() if auth.encoding == "hex" else b64encode(made).decode()
    return {name: _filled(text, words).decode() for name, text in auth.headers.items()}


def _filled(text: str, words: Mapping[str, str | bytes]) -> bytes:
    """The text with its fields; bytes, for a body is signed as it is."""
    pieces = _WORD.split(text)  # text, word, text, word, …
    values = [words[piece] if i % 2 else piece for i, piece in enumerate(pieces)]
    return b"".join(value if isinstance(value, bytes) else value.encode() for value in values)


def log_in(http: Http, auth: OAuth2 | Login) -> tuple[str, float]:
    """A token, and the seconds it is used. In doubt is the token only: nothing was sent, so every failure is `TryLater`.

    The answer is not kept with it: half a token may stand there.
    """
    try:
        reply = _asked(http, auth)
    except AskFirst as fault:
        raise TryLater(f"đăng nhập · signing in: {fault.reason}", code=fault.code) from fault
    try:
        answer = reply.json()
    except Unclassified:
        answer = None
    token = text_at(answer, "/access_token" if isinstance(auth, OAuth2) else auth.token)
    if not 200 <= reply.status < 300 or token is None:
        refused = answer is not None and reply.status in (200, 400, 401, 403)
        wait = reply.retry_after() or (_REFUSED_WAIT if refused else None)
        words = f"đăng nhập · signing in: HTTP {reply.status}: không có mã truy cập · no token came"
        raise TryLater(words, code=_refusal_code(reply.status, answer), retry_after=wait)
    return token, max(1.0, _life(auth, answer) - auth.margin)


def _refusal_code(status: int, answer: Any) -> str:
    """Its own, or the status. A page with 200 is some proxy speaking."""
    own = None if is_outage(status) else text_at(answer, "/error")
    if own is None and status >= 300:
        return str(status)
    return "not-json" if answer is None else own or "no-token"


def _asked(http: Http, auth: OAuth2 | Login) -> Reply:
    if isinstance(auth, Login):
        return http.call("POST", auth.url, json=auth.json_, form=auth.form)
    form = {"grant_type": "client_credentials" if auth.user is None else "password"}
    form |= {"scope": auth.scope} if auth.scope else {}
    if auth.user is not None and auth.password is not None:
        form |= {"username": auth.user, "password": auth.password.get_secret_value()}
    pair = {"client_id": auth.client_id, "client_secret": auth.client_secret.get_secret_value()}
    if auth.style == "post":
        return http.call("POST", auth.token_url, form=form | pair)
    basic = b64encode(":".join(pair.values()).encode()).decode()
    return http.call("POST", auth.token_url, form=form, headers={"Authorization": f"Basic {basic}"})


def _life(auth: OAuth2 | Login, answer: Any) -> float:
    """Seconds, as the partner says; as the file says where it does not."""
    told = text_at(answer, "/expires_in" if isinstance(auth, OAuth2) else auth.life_at or "/")
    return float(told) if told is not None and told.isdecimal() and len(told) < 9 else auth.life

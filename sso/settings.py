"""config/signon.toml and config/clients/*.toml, checked. Secrets are resolved before they come here."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from gateway.errors import Misconfigured
from sso.limits import Rule

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$")]
Level = Annotated[int, Field(ge=1, le=3)]
Role = Literal["viewer", "operator", "auditor", "admin", "partner"]
Scope = Literal[
    "openid", "profile", "identity", "enterprise", "contact", "address", "staff", "offline_access",
    "api.read", "api.write", "soap", "hooks",
]  # fmt: skip
M = TypeVar("M", bound=BaseModel)
MACHINE_SCOPES = frozenset({"api.read", "api.write", "soap", "hooks"})


OURS = frozenset(
    {
        "account_kind", "name", "birth_date", "gender", "cccd", "cmnd", "passport", "tech_id", "tax_code", "enterprise_code",
        "enterprise_name", "representative", "email", "phone", "address", "organisation", "roles", "staff_number",
    }
)  # fmt: skip
"""What we can know of a person; a provider's `claims` says what it calls each."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def is_safe_address(url: str) -> bool:
    """https, or http on this very machine (development); a host, no user name, no fragment; of a length that fits into a header."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address
        return False
    if len(url) > 2000 or any(not "!" <= c <= "~" or c == "\\" for c in url):
        return False
    if not parts.hostname or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_address(url: str) -> str:
    if not is_safe_address(url):
        raise ValueError("must be https (http only on loopback), without user name and fragment")
    return url


Address = Annotated[str, Field(max_length=2000)]


class Provider(Section):
    """One upstream provider. `endpoints` replace, or without `discovery` are, what its discovery document says."""

    id: Word
    name: str
    name_en: str
    enabled: bool = True
    people: Literal["citizens", "staff"] = "citizens"
    issuer: Address
    discovery: bool = True
    endpoints: dict[Literal["authorization", "token", "userinfo", "jwks", "end_session"], Address] = {}
    hosts: list[str] = Field(default=[], description="further hosts its endpoints may lie on")
    ca_file: str | None = None
    client_id: str
    client_secret: SecretStr
    secret_in: Literal["header", "body"] = "header"  # noqa: S105 - a place, no secret
    scope: str = "openid"
    acr_values: list[str] = []
    acr_claims: list[str] = ["acr", "loAs"]
    assurance: list[str] = Field(
        default=["LoA1", "LoA2", "LoA3"], min_length=1, max_length=3, description="low to high"
    )
    least: Level = 1
    userinfo: Literal["get", "post", "none"] = "get"
    algorithms: list[Literal["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]] = ["RS256"]
    nonce: Literal["required", "if-given"] = "required"
    auth_time: Literal["required", "if-given"] = Field(
        default="required", description="when a fresh sign-in was asked for; if-given believes the provider without it"
    )
    iss_parameter: Literal["required", "if-given"] = "if-given"
    skew_seconds: int = Field(default=60, ge=0, le=300)
    claims: dict[str, str] = Field(default={"name": "name"}, description="ours = theirs")
    kinds: dict[str, Literal["citizen", "enterprise"]] = {}
    roles: dict[str, Role] = {}

    @model_validator(mode="after")
    def _check(self) -> Provider:
        for url in (self.issuer, *self.endpoints.values()):
            _check_address(url)
        if not self.discovery and not {"authorization", "token", "jwks"} <= set(self.endpoints):
            raise ValueError("without discovery, endpoints must name authorization, token and jwks")
        if unknown := set(self.claims) - OURS:
            raise ValueError(f"claims: {', '.join(sorted(unknown))} is not ours; known: {', '.join(sorted(OURS))}")
        if self.least > len(self.assurance):
            raise ValueError("least is above the highest assurance named")
        if "openid" not in self.scope.split():
            raise ValueError("scope must hold openid")
        return self


class Limits(Section):
    """[tries at once, seconds until one more]"""

    address: tuple[int, float] = (60, 1.0)  # sign-ins begun, pages asked for, from one address
    refused: tuple[int, float] = (20, 6.0)  # refusals to one address
    client: tuple[int, float] = (400, 0.01)  # token requests of one client
    client_refused: tuple[int, float] = (10, 6.0)  # wrong proofs of one client, from one address
    person: tuple[int, float] = (20, 15.0)  # sign-ins of one person

    def rule(self, name: str) -> Rule:
        burst, gap = getattr(self, name)
        return Rule(burst, gap)


class Settings(Section):
    """config/signon.toml"""

    idle_minutes: int = Field(default=30, ge=1, le=1440)
    session_hours: float = Field(default=10, gt=0, le=24)
    code_seconds: int = Field(default=60, ge=10, le=600)
    token_seconds: int = Field(default=600, ge=60, le=3600)
    refresh_hours: int = Field(default=24, ge=1, le=720)
    offline_days: int = Field(default=30, ge=1, le=365)
    key_days: int = Field(default=90, ge=1, le=400)
    key_lead_minutes: int = Field(default=60, ge=10, le=1440)
    journal_days: int = Field(default=730, ge=30)
    proxy_address: str = Field(default="", description="the header in which our own proxy puts the caller's address")
    proxy_certificate: str = Field(
        default="", description="the header in which our own proxy puts the TLS client's PEM"
    )
    limits: Limits = Limits()
    provider: list[Provider] = []

    @property
    def idle(self) -> timedelta:
        return timedelta(minutes=self.idle_minutes)

    @field_validator("provider")
    @classmethod
    def _once(cls, rows: list[Provider]) -> list[Provider]:
        if len({row.id for row in rows}) != len(rows):
            raise ValueError("two providers carry the same id")
        return rows


class Client(Section):
    """config/clients/<id>.toml: one system that signs people in through us, or calls us as a machine."""

    id: Word
    name: str
    name_en: str
    enabled: bool = True
    auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "none"] = (
        "client_secret_basic"
    )
    grants: list[Literal["authorization_code", "refresh_token", "client_credentials"]] = ["authorization_code"]
    redirect_uris: list[Address] = []
    native: bool = Field(default=False, description="on people's own machines: the port of a loopback address may vary")
    post_logout_redirect_uris: list[Address] = []
    backchannel_logout_uri: Address = ""
    scopes: list[Scope] = ["openid"]
    claims: list[str] = Field(default=["*"], description="of what its scopes hold")
    purposes: dict[str, str] = Field(default={}, description="scope → what for, shown to the person")
    consent: Literal["ask", "implied"] = Field(default="ask", description="ask: the data leaves the province")
    subject: Literal["pairwise", "public"] = "pairwise"
    sector: str = Field(default="", description="clients of one sector see the same pairwise subject; the client's id")
    people: list[Literal["citizens", "staff"]] = ["citizens"]
    least: Level = 1
    par: bool = Field(default=False, description="takes no authorization request but a pushed one")
    id_token_alg: Literal["RS256", "ES256"] = "RS256"  # noqa: S105 - an algorithm, no secret
    partner: str = Field(default="", description="as a machine it speaks as this partner")
    audiences: list[str] = Field(default=[], description="further resource servers its tokens may be for")
    serves: list[str] = Field(default=[], description="it is this resource server: may introspect tokens for it")
    jwks: dict[str, Any] = {}
    certificates: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(
        default=[], description="SHA-256 of the TLS certificates it shows, hex"
    )
    bound: bool = Field(default=False, description="its access tokens are good only with its TLS certificate")

    @model_validator(mode="after")
    def _check(self) -> Client:
        for url in (*self.redirect_uris, *self.post_logout_redirect_uris, *filter(None, [self.backchannel_logout_uri])):
            _check_address(url)
        if "authorization_code" in self.grants and not self.redirect_uris:
            raise ValueError("authorization_code wants redirect_uris")
        if "client_credentials" in self.grants and (self.auth == "none" or not self.partner):
            raise ValueError("client_credentials wants a proof (auth) and a partner")
        if self.auth == "private_key_jwt" and not self.jwks.get("keys"):
            raise ValueError("private_key_jwt wants jwks with the client's public keys")
        if any({"d", "k"} & set(key) for key in self.jwks.get("keys", [])):
            raise ValueError("jwks holds a private or shared key: only public ones belong here")
        if (self.auth == "tls_client_auth" or self.bound) and not self.certificates:
            raise ValueError("tls_client_auth and bound want certificates")
        if self.auth == "none" and "offline_access" in self.scopes:
            raise ValueError("a client that cannot keep a secret gets no offline_access")
        unexplained = [
            s for s in self.scopes if s not in MACHINE_SCOPES | {"openid", "offline_access"} and s not in self.purposes
        ]
        if self.consent == "ask" and "authorization_code" in self.grants and unexplained:
            raise ValueError(f"purposes must say what {', '.join(unexplained)} is for")
        return self

    @property
    def needs_secret(self) -> bool:
        return self.auth in ("client_secret_basic", "client_secret_post")


def read_settings(raw: dict[str, Any]) -> Settings:
    """Raises `Misconfigured`."""
    return _read(Settings, raw, "config/signon.toml")


def read_clients(raw: dict[str, dict[str, Any]]) -> dict[str, Client]:
    """By id, from the documents by file name. Raises `Misconfigured`."""
    found = {}
    for name, document in raw.items():
        client = _read(Client, document, f"config/clients/{name}.toml")
        if client.id != name:
            raise Misconfigured(f"config/clients/{name}.toml: id is {client.id!r}: make it equal to the file's name")
        found[name] = client
    return found


def _read(model: type[M], raw: Any, place: str) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:  # never with the values: some are secrets
        lines = [f"{'.'.join(map(str, e['loc'])) or '(whole)'}: {e['msg']}" for e in error.errors(include_input=False)]
        raise Misconfigured(f"{place}: {'; '.join(lines)}") from None

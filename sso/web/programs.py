"""What programs ask: discovery, keys, pushed requests, tokens, userinfo, introspection, revocation. Errors are RFC 6749's."""

from __future__ import annotations

from flask import Blueprint, Response, request

from sso.claims import SCOPES
from sso.clients import ASSERTION_ALGORITHMS, Asked, authenticate, name_of
from sso.errors import OAuthError, TooMany
from sso.keys import ALGORITHMS
from sso.requests import PUSHED_LIFE
from sso.settings import Client
from sso.web.here import asked, bearer, certificate, place, signon, tell

programs = Blueprint("sso", __name__)

_OPEN = {"Access-Control-Allow-Origin": "*"}  # public, and the same for everybody


@programs.get("/.well-known/openid-configuration")
@programs.get("/.well-known/oauth-authorization-server")
def discover() -> Response:
    issuer = signon().office.issuer
    proofs = ["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"]
    claims = [name for names in SCOPES.values() for name in names]
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/sso/authorize",
        "token_endpoint": f"{issuer}/sso/token",
        "userinfo_endpoint": f"{issuer}/sso/userinfo",
        "jwks_uri": f"{issuer}/sso/jwks",
        "pushed_authorization_request_endpoint": f"{issuer}/sso/par",
        "introspection_endpoint": f"{issuer}/sso/introspect",
        "revocation_endpoint": f"{issuer}/sso/revoke",
        "end_session_endpoint": f"{issuer}/sso/logout",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "scopes_supported": ["openid", *SCOPES, "offline_access"],
        "claims_supported": ["sub", *claims, "account_kind", "organisation", "roles", "formerly"],
        "subject_types_supported": ["pairwise", "public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "acr_values_supported": ["loa1", "loa2", "loa3"],
        "token_endpoint_auth_methods_supported": [*proofs, "none"],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": proofs,
        "introspection_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": [*proofs, "none"],
        "revocation_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "claims_parameter_supported": False,
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "tls_client_certificate_bound_access_tokens": True,
        "ui_locales_supported": ["vi", "en"],
    }
    return _cached(tell(document, headers=_OPEN))


@programs.get("/sso/jwks")
def keys() -> Response:
    return _cached(tell(signon().office.keys.published(), headers=_OPEN))


@programs.post("/sso/par")
def push() -> Response:
    """RFC 9126."""
    given = asked()
    client = _proven(given)
    with signon().office.store.write() as rows:
        name = signon().requests.push(rows, client, given.form)
    return tell({"request_uri": name, "expires_in": int(PUSHED_LIFE.total_seconds())}, 201)


@programs.post("/sso/token")
def give() -> Response:
    given = asked()
    client = _proven(given, public=True)
    return tell(signon().granting.grant(client, given), headers={"Pragma": "no-cache"})


@programs.route("/sso/userinfo", methods=["GET", "POST"])
def userinfo() -> Response:
    """OpenID Connect Core, 5.3. The token comes in the header only."""
    signon().check_limits(place())
    return tell(signon().userinfo(bearer(), certificate()))


@programs.post("/sso/introspect")
def introspect() -> Response:
    given = asked()
    client = _proven(given)
    return tell(signon().introspect(client, _token(given)))


@programs.post("/sso/revoke")
def revoke() -> Response:
    given = asked()
    client = _proven(given, public=True)
    signon().revoke(client, _token(given))
    return tell({})


def _proven(given: Asked, public: bool = False) -> Client:
    """The client, when it proves itself and has not failed too often."""
    name = name_of(given)
    signon().check_limits(given.place, name if name in signon().office.clients else "")
    return authenticate(signon().office, given, public)


def _is_passed_on(error: OAuthError) -> bool:
    """What a server that has proven itself was given by a browser: counted against it, anybody could lock its people out."""
    client = signon().office.clients.get(error.client)
    is_proven = client is not None and client.auth != "none"
    return error.name == "invalid_token" or (error.name == "invalid_grant" and is_proven)


def _token(given: Asked) -> str:
    if "token" not in given.form:
        raise OAuthError("invalid_request", "no token")
    return given.form["token"]


def _cached(response: Response) -> Response:
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@programs.errorhandler(OAuthError)
def on_refused(error: OAuthError) -> Response:
    """What was wrong stands in the journal. The answer says no more than its registered word."""
    if error.name not in ("invalid_token", "insufficient_scope") or error.client:
        detail = f"{request.path}: {error.name}: {error.because}"
        signon().refused("refused", place(), error.client, detail, blamed=not _is_passed_on(error))
    headers = {}
    if error.name in ("invalid_token", "insufficient_scope"):
        headers["WWW-Authenticate"] = f'Bearer error="{error.name}"'
    elif error.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="sso"'
    return tell({"error": error.name}, error.status, headers)


@programs.errorhandler(TooMany)
def on_too_many(error: TooMany) -> Response:
    return tell({"error": "temporarily_unavailable"}, 429, {"Retry-After": str(error.seconds)})

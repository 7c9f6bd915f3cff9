"""What people see: choose a provider, confirm an account, agree, log out, one's own sessions. All of it works without JavaScript."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request, send_from_directory

from sso.authorizing import Pending
from sso.claims import WORDS
from sso.errors import OAuthError, Stopped, TooMany
from sso.limits import count_try
from sso.requests import Answer, Declined
from sso.sessions import Session
from sso.signing import Arrived, Cancelled, Doubt
from sso.vault import mask
from sso.web.here import (
    BROWSER,
    SESSION,
    browser,
    check_form,
    cookie,
    drop_cookie,
    go,
    new_browser,
    page,
    parameters,
    place,
    put_cookie,
    send_answer,
    session,
    signon,
    token_of,
)

pages = Blueprint("sso-pages", __name__, template_folder="templates")

ACCOUNT = "account"
"""In the place of a waiting request: the person came for his own page."""

_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
_EVENTS = {
    "person_created": "tạo tài khoản · account made",
    "signed_in": "đăng nhập · signed in",
    "signed_in_to": "vào hệ thống · entered",
    "session_ended": "kết thúc phiên · session ended",
    "consented": "đồng ý · consented",
    "consent_refused": "không đồng ý · refused",
    "consent_withdrawn": "rút đồng ý · consent withdrawn",
    "linked": "nối tài khoản · accounts linked",
    "merged": "gộp tài khoản · accounts merged",
    "link_declined": "không nối · link declined",
    "identifier_added": "thêm giấy tờ · number added",
    "tokens_issued": "cấp quyền · tokens issued",
    "tokens_refreshed": "gia hạn quyền · tokens refreshed",
    "tokens_revoked": "thu hồi quyền · tokens revoked",
}
EVERYBODY = ("citizens", "staff")


_NO_FAULT = ("login_required", "consent_required", "access_denied")
"""Right answers to right questions."""


@pages.before_request
def check_place() -> None:
    """A place that was refused too often is shown no page, and fills no journal; the refusal has its style."""
    if request.endpoint != "sso-pages.static":
        signon().check_limits(place())


# ── a client's request ──────────────────────────────────────────────────────────────────────────────────────────


@pages.route("/sso/authorize", methods=["GET", "POST"])
def authorize() -> Response:
    _count_visit()
    pending = Pending(signon().requests.read(parameters()))
    if request.method == "POST":  # the cookie does not come with another site's form, but with the next step
        return _proceed(_keep(pending))
    return _decide(pending, session())


@pages.get("/sso/go/<secret>")
def resume(secret: str) -> Response:
    """Back from signing in."""
    pending = _found(secret, spend=True)
    return _decide(pending, session())


def _decide(pending: Pending, here: Session | None) -> Response:
    done = signon().authorizing.decide(pending, here, place().told)
    if isinstance(done, Answer):
        return send_answer(done)
    if done.what == "consent" and here is not None:  # this session has passed: only with it is the question answered
        return go(f"/sso/consent/{_keep(Pending(pending.request, here.id))}")
    return go(f"/sso/sign-in/{_keep(pending)}")


def _keep(pending: Pending) -> str:
    with signon().office.store.write() as rows:
        return signon().authorizing.keep(rows, pending)


def _found(secret: str, spend: bool = False) -> Pending:
    pending = signon().authorizing.find(secret, spend)
    if pending is None:
        raise Stopped("a request that was answered or has run out")
    return pending


def _proceed(secret: str) -> Response:
    return go("/sso/account" if secret == ACCOUNT else f"/sso/go/{secret}")


# ── signing in ──────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/sso/sign-in/<secret>")
def choose(secret: str) -> Response:
    """Which provider? Links, not a form: a policy on forms would bind the provider's own redirects."""
    client = None if secret == ACCOUNT else _found(secret).request.client
    providers = signon().signing.providers(EVERYBODY if client is None else tuple(client.people))
    made = page("sign_in", client=client, providers=providers, secret=secret)
    put_cookie(made, BROWSER, new_browser(), 3600)
    return made


@pages.get("/sso/sign-in/<secret>/<provider>")
def leave(secret: str, provider: str) -> Response:
    _count_visit()
    again = False
    if secret != ACCOUNT:
        asked = _found(secret).request
        again = asked.again
        if provider not in [row.id for row in signon().signing.providers(tuple(asked.client.people))]:
            raise Stopped("a provider that is not for this client", status=404)
    ties = new_browser()
    made = go(signon().signing.leave(provider, secret, ties, again))
    put_cookie(made, BROWSER, ties, 3600)
    return made


@pages.get("/sso/callback/<provider>")
def arrive(provider: str) -> Response:
    done = signon().signing.arrive(provider, parameters(), browser(), cookie(SESSION), place())
    if isinstance(done, Doubt):
        return go(f"/sso/link/{done.link}")
    if isinstance(done, Cancelled):
        if done.pending == ACCOUNT:
            raise Stopped("the provider signed nobody in")
        raise signon().requests.decline(
            _found(done.pending, spend=True).request, "access_denied", "the provider said no"
        )
    return _welcome(done)


@pages.get("/sso/link/<secret>")
def ask_link(secret: str) -> Response:
    ties = browser()
    return page("link", numbers=signon().signing.question(secret, ties), secret=secret, token=token_of(ties))


@pages.post("/sso/link/<secret>")
def answer_link(secret: str) -> Response:
    given = parameters()
    check_form(given, BROWSER)
    return _welcome(signon().signing.answer(secret, given.get("answer") == "yes", browser(), cookie(SESSION), place()))


def _welcome(arrived: Arrived) -> Response:
    """The session's cookie, a fresh one; the request that waits knows that he signed in for it."""
    secret = arrived.pending
    if secret != ACCOUNT:
        waiting = signon().authorizing.find(secret, spend=True)
        secret = _keep(Pending(waiting.request, arrived.session)) if waiting is not None else ACCOUNT
    made = _proceed(secret)
    put_cookie(made, SESSION, arrived.cookie)
    drop_cookie(made, BROWSER)
    return made


# ── consent ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/sso/consent/<secret>")
def ask_consent(secret: str) -> Response:
    pending, _ = _asked_of(secret)
    client = pending.request.client
    rows = [(WORDS[s], client.purposes.get(s, "")) for s in pending.request.scopes if s in WORDS]
    return page("consent", client=client, rows=rows, secret=secret, token=token_of(cookie(SESSION)))


@pages.post("/sso/consent/<secret>")
def answer_consent(secret: str) -> Response:
    given = parameters()
    check_form(given, SESSION)
    pending, here = _asked_of(secret, spend=True)
    if given.get("answer") != "yes":
        with signon().office.store.write() as rows:
            signon().office.note(
                rows, "consent_refused", person=here.person, client=pending.request.client.id, place=place().told
            )
        raise signon().requests.decline(pending.request, "access_denied", "the person said no")
    with signon().office.store.write() as rows:
        agreed = signon().authorizing.consent(rows, pending, here, place().told)
    return _decide(agreed, here)


def _asked_of(secret: str, spend: bool = False) -> tuple[Pending, Session]:
    """The request and the session that may agree to it."""
    here, pending = _must_be_here(), _found(secret, spend)
    if pending.fresh != here.id:
        raise Stopped("a question to another session", status=403)
    return pending, here


def _must_be_here() -> Session:
    here = session()
    if here is None:
        raise Stopped("nobody is signed in", status=403)
    return here


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.route("/sso/logout", methods=["GET", "POST"])
def log_out() -> Response:
    """OpenID Connect RP-Initiated Logout. Without an id_token of this very session the person is asked."""
    wish, here = signon().leaving.read(parameters()), session()
    if request.method == "POST":  # the cookie does not come with another site's form, but with the next step
        _count_visit()
        return go(f"/sso/logout/{signon().leaving.keep(wish)}")
    if here is not None and not signon().leaving.is_sure(wish, here):
        return go(f"/sso/logout/{signon().leaving.keep(wish)}")
    return _leave(here, wish.back)


@pages.get("/sso/logout/<secret>")
def ask_logout(secret: str) -> Response:
    wish, here = signon().leaving.seen(secret), session()
    if here is not None and not signon().leaving.is_sure(wish, here):
        return page("logout", secret=secret, token=token_of(cookie(SESSION)))
    return _leave(here, signon().leaving.kept(secret) or "")


@pages.post("/sso/logout/<secret>")
def confirm_logout(secret: str) -> Response:
    check_form(parameters(), SESSION)
    back = signon().leaving.kept(secret)
    if back is None:
        raise Stopped("a logout that was answered or has run out")
    return _leave(session(), back)


@pages.get("/sso/signed-out")
def signed_out() -> Response:
    """Back from the provider's logout: on to the client that asked, or the last page."""
    state = request.args.get("state", "")
    back = signon().leaving.kept(state) if state else ""
    return go(back) if back else page("signed_out")


def _leave(here: Session | None, back: str) -> Response:
    made = go(signon().leaving.leave(here, back) or "/sso/signed-out")
    drop_cookie(made, SESSION)
    return made


# ── one's own page ──────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/sso/account")
def account() -> Response:
    here = session()
    if here is None:
        return go(f"/sso/sign-in/{ACCOUNT}")
    office = signon().office
    with office.store.read() as rows:
        person = signon().people.get(rows, here.person)
        if person is None:
            raise Stopped("a session without a person")
        sessions = signon().sessions.of_person(rows, here.person)
        consents = rows.all("consents", order="at", person=person.id)
        numbers = [row for row in signon().people.identifiers(rows, person.id) if row["masked"]]
        events = rows.all("events", newest="id", most=20, person=person.id)
    names = {client.id: client for client in office.clients.values()}
    return page(
        "account",
        policy="default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
        person=person,
        name=person.profile.get("enterprise_name") or person.profile.get("name", ""),
        contact=[mask(str(person.profile[name])) for name in ("phone", "email") if person.profile.get(name)],
        sessions=sessions,
        here=here,
        consents=consents,
        clients=names,
        numbers=numbers,
        events=events,
        token=token_of(cookie(SESSION)),
        zone=_ZONE,
        words=_EVENTS,
        scopes=WORDS,
    )


@pages.post("/sso/account/end")
def end_session() -> Response:
    """One of one's own sessions, wherever it is."""
    given = parameters()
    check_form(given, SESSION)
    here = _must_be_here()
    with signon().office.store.write() as rows:
        other = signon().sessions.get(rows, given.get("session", ""))
        if other is not None and other.person == here.person:
            signon().sessions.end(rows, other.id, "ended by its owner")
    return go("/sso/account")


@pages.post("/sso/account/withdraw")
def withdraw() -> Response:
    given = parameters()
    check_form(given, SESSION)
    here = _must_be_here()
    with signon().office.store.write() as rows:
        person = signon().people.get(rows, here.person)
        if person is not None and given.get("client"):
            signon().authorizing.withdraw(rows, person.id, given["client"], place().told)
    return go("/sso/account")


# ── around ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pages.get("/sso/static/<name>")
def static(name: str) -> Response:
    """The style, and the one script: it presses the button of an answer by form."""
    if name not in ("style.css", "submit.js"):
        raise Stopped("no such file", status=404)
    made = send_from_directory(pages.root_path + "/static", name)
    made.headers["X-Content-Type-Options"] = "nosniff"
    return made


def _count_visit() -> None:
    """Each of these writes a row and may call a provider: from one address not without measure."""
    office, where = signon().office, place()
    with office.store.write() as rows:
        count_try(rows, office.settings.limits.rule("address"), f"visit:{where.key}", office.now())


@pages.errorhandler(Stopped)
def on_stopped(error: Stopped) -> Response:
    blamed = error.status < 500  # above, it is the provider that fails
    signon().refused("stopped", place(), "", f"{request.endpoint}: {error.because}", blamed)
    made = page("stopped", error.status, words=error.words, words_en=error.words_en)
    if error.retry_after:
        made.headers["Retry-After"] = str(error.retry_after)
    return made


@pages.errorhandler(OAuthError)
def on_refused(error: OAuthError) -> Response:
    return on_stopped(Stopped(f"{error.name}: {error.because}"))


@pages.errorhandler(Declined)
def on_declined(error: Declined) -> Response:
    blamed = error.answer.params["error"] not in _NO_FAULT
    signon().refused("declined", place(), "", f"{error.client}: {error.because}", blamed)
    return send_answer(error.answer)


@pages.errorhandler(TooMany)
def on_too_many(error: TooMany) -> Response:
    made = page(
        "stopped",
        429,
        words=f"Quá nhiều lần thử. Hãy thử lại sau {error.seconds} giây.",
        words_en=f"Too many tries. Try again in {error.seconds} seconds.",
    )
    made.headers["Retry-After"] = str(error.seconds)
    return made

"""The token endpoint: a code, a refresh token or the client's own name for tokens.

Each is one transaction: what is spent and what is given for it are committed together. A code or a refresh token that comes a second time
was stolen by somebody: everything that ever came of it is revoked.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sso.clients import Asked
from sso.errors import OAuthError
from sso.limits import count_try
from sso.office import Office
from sso.people import People
from sso.settings import MACHINE_SCOPES, Client
from sso.store import Rows
from sso.tokens import Grant, Tokens
from sso.vault import s256, same
from sso.vouchers import Voucher, claim


class Granting:
    def __init__(self, office: Office, people: People, tokens: Tokens) -> None:
        self._office, self._people, self._tokens = office, people, tokens

    def grant(self, client: Client, asked: Asked) -> dict[str, Any]:
        """The answer's members. Raises `OAuthError`, `TooMany`."""
        kind = asked.form.get("grant_type", "")
        ways = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            "client_credentials": self._by_name,
        }
        if kind not in ways:
            raise OAuthError(
                "unsupported_grant_type" if kind else "invalid_request", f"grant_type {kind!a}", client=client.id
            )
        if kind not in client.grants:
            raise OAuthError("unauthorized_client", f"{kind} is not its grant", client=client.id)
        self._office.keys.be_ready()
        with self._office.store.write() as rows:  # a refusal is told after the block: what it revoked stays revoked
            count_try(rows, self._office.settings.limits.rule("client"), f"client:{client.id}", self._office.now())
            done = ways[kind](rows, client, asked)
        if isinstance(done, str):
            raise OAuthError("invalid_scope" if done.startswith("scope") else "invalid_grant", done, client=client.id)
        return done

    # ── a code ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _by_code(self, rows: Rows, client: Client, asked: Asked) -> dict[str, Any] | str:
        voucher = claim(self._office, rows, "code", asked.form.get("code", ""))
        wrong = self._judge_code(voucher, client, asked)
        if voucher is None or wrong:
            if voucher is not None and (voucher.spent or voucher.claimed):
                self._tokens.revoke(rows, voucher.family, f"code: {wrong}")
            return f"code: {wrong}"
        data = voucher.data
        row = self._tokens.living(rows, voucher.family or "")
        if row is None:
            return "code: its session has ended"
        when, number = datetime.fromisoformat(data["auth_time"]), self._resolved(rows, row["person"])
        scopes = tuple(data["scopes"])
        grant = Grant(
            client, number, row["session"], scopes, row["id"], when, data["level"], data["nonce"], data["audience"]
        )
        self._note(rows, "tokens_issued", grant, asked)
        return self._tokens.answer(rows, grant, False, asked.certificate)

    def _judge_code(self, voucher: Voucher | None, client: Client, asked: Asked) -> str:
        if voucher is None:
            return "unknown"
        if not voucher.claimed:
            return "used before" if voucher.spent else "run out"
        data, verifier = voucher.data, asked.form.get("code_verifier", "")
        if data["client"] != client.id:
            return "another client's"
        if asked.form.get("redirect_uri", "") != data["redirect_uri"]:
            return "another redirect_uri"
        if not 43 <= len(verifier) <= 128 or not same(s256(verifier), data["challenge"]):
            return "wrong code_verifier"
        return ""

    # ── a refresh token ─────────────────────────────────────────────────────────────────────────────────────────

    def _by_refresh(self, rows: Rows, client: Client, asked: Asked) -> dict[str, Any] | str:
        voucher = claim(self._office, rows, "refresh", asked.form.get("refresh_token", ""))
        if voucher is None or voucher.family is None:
            return "refresh: unknown"
        family = rows.first("families", id=voucher.family)
        if family is None or family["client"] != client.id:
            self._tokens.revoke(rows, voucher.family, "refresh: another client came with it")
            return "refresh: another client's"
        if not voucher.claimed:
            if voucher.spent:
                self._tokens.revoke(rows, voucher.family, "refresh: used before")
            return "refresh: used before or run out"
        row = self._tokens.living(rows, voucher.family)
        if row is None:
            return "refresh: revoked, or its session has ended"
        data = voucher.data
        held = tuple(s for s in data["scopes"] if s in client.scopes)
        scopes = _narrowed(asked.form.get("scope"), held)
        if scopes is None:  # raised inside the block: the token stays unspent
            raise OAuthError("invalid_scope", "more than was granted", client=client.id)
        when, number = datetime.fromisoformat(data["auth_time"]), self._resolved(rows, row["person"])
        grant = Grant(client, number, row["session"], scopes, row["id"], when, data["level"], None, data["audience"])
        self._note(rows, "tokens_refreshed", grant, asked)
        return self._tokens.answer(rows, grant, True, asked.certificate)

    # ── a machine's own name ────────────────────────────────────────────────────────────────────────────────────

    def _by_name(self, rows: Rows, client: Client, asked: Asked) -> dict[str, Any] | str:
        held = tuple(s for s in client.scopes if s in MACHINE_SCOPES)
        scopes = _narrowed(asked.form.get("scope"), held)
        if not scopes:
            return "scope: none of this client's"
        audience = asked.form.get("resource") or self._office.issuer
        if audience not in (self._office.issuer, *client.audiences):
            raise OAuthError("invalid_target", "a resource that is none of this client's", client=client.id)
        self._office.note(rows, "machine_token", client=client.id, place=asked.place.told, detail=" ".join(scopes))
        token = self._tokens.access(client, client.id, scopes, asked.certificate, audience=audience)
        seconds = self._office.settings.token_seconds
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": " ".join(scopes)}

    def _resolved(self, rows: Rows, number: str) -> str:
        person = self._people.get(rows, number)
        return person.id if person is not None else number

    def _note(self, rows: Rows, event: str, grant: Grant, asked: Asked) -> None:
        self._office.note(
            rows, event, person=grant.person, client=grant.client.id, session=grant.session, place=asked.place.told
        )


def _narrowed(asked: str | None, held: tuple[str, ...]) -> tuple[str, ...] | None:
    """The scopes asked for, which must all be held; all that are held when none is asked for; None when one is not."""
    if asked is None:
        return held
    wanted = asked.split()
    return tuple(s for s in held if s in wanted) if set(wanted) <= set(held) else None

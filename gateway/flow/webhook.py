"""A notice as a signed web call, after the Standard Webhooks: receivers in most languages find a library for it.

The body is JSON. `webhook-id` is the same at every repeat, `webhook-timestamp` is Unix seconds, and `webhook-signature` is ``v1,`` and the
base64 of HMAC-SHA256 over ``id.timestamp.body`` under the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.errors import AskFirst, Rejected, TryLater
from gateway.flow.notices import Webhook, secret_of
from gateway.http import Http


def call_webhook(channel: Webhook, *, token: str, data: Mapping[str, Any], at: datetime) -> None:
    """Raises `TryLater` when the receiver is away or cannot now, or said nothing (it may have it: the same id comes again), `Rejected` when it
    refuses, `Misconfigured` for an address that is none."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "webhook-id": token,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": sign(channel.secret, token, int(at.timestamp()), body),
    }
    try:
        reply = _http(channel).call("POST", channel.url, body=body, headers=headers)
    except AskFirst as error:
        raise TryLater(error.reason, code=error.code) from error
    if 200 <= reply.status < 300:
        return
    words = f"HTTP {reply.status} {reply.excerpt(200)}"
    if reply.status >= 500 or reply.status in (408, 429):
        raise TryLater(words, code=str(reply.status), retry_after=reply.retry_after())
    raise Rejected(words, code=str(reply.status))


def check_webhook(channel: Webhook) -> str:
    """Is anybody there? Any answer will do, for nothing is told. Raises `TryLater` and `Misconfigured`."""
    try:
        return f"HTTP {_http(channel).call('HEAD', channel.url).status}"
    except AskFirst as error:
        raise TryLater(error.reason, code=error.code) from error


def sign(secret: str, token: str, seconds: int, body: bytes) -> str:
    """The header's value."""
    digest = hmac.new(secret_of(secret), f"{token}.{seconds}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _http(channel: Webhook) -> Http:
    return Http(
        base_url=channel.url,
        connect_timeout=min(5, channel.seconds),
        total_timeout=channel.seconds,
        max_bytes=64 << 10,
        ca_file=channel.ca_file or None,
    )

"""The brokers' addresses, as the operator writes them, made into what pika connects with. A password never leaves this file in words."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pika

from gateway.config import RabbitMQ as Rules
from gateway.config import resolve_secrets
from gateway.errors import Misconfigured

PLACE = "config/gateway.toml: rabbitmq"
FORM = "amqp(s)://user:password@host:port/vhost"


def read_addresses(rules: Rules) -> Sequence[Any]:
    """pika's parameters for each address, in the operator's order. Raises `Misconfigured` with everything that is wrong."""
    known: dict[str, Any] = resolve_secrets(rules.model_dump(), PLACE)
    found, wrong = [], []
    for number, text in enumerate(known["addresses"], start=1):
        try:
            found.append(_parameters(text, known))
        except ValueError as error:
            wrong.append(f"{PLACE}.addresses: {number}: {error}")
    if wrong:
        raise Misconfigured("\n".join(wrong))
    return found


def _parameters(text: str, rules: dict[str, Any]) -> Any:
    parts = urlsplit(text)
    if parts.scheme not in ("amqp", "amqps") or not parts.hostname:
        raise ValueError(f"địa chỉ phải có dạng {FORM} · the address must have the form {FORM}")
    secure = parts.scheme == "amqps"
    return pika.ConnectionParameters(
        host=parts.hostname,
        port=parts.port or (5671 if secure else 5672),
        virtual_host=unquote(parts.path[1:]) or "/",
        credentials=_credentials(parts, rules),
        heartbeat=rules["heartbeat"],
        socket_timeout=rules["connect_seconds"],
        stack_timeout=rules["connect_seconds"],
        connection_attempts=1,
        ssl_options=pika.SSLOptions(_tls(rules), parts.hostname) if secure else None,
        client_properties={"connection_name": f"lienthong {socket.gethostname()}:{os.getpid()}"},
    )


def _credentials(parts: SplitResult, rules: dict[str, Any]) -> Any:
    if parts.username:
        return pika.PlainCredentials(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme == "amqps" and rules["client_cert"]:
        return pika.credentials.ExternalCredentials()  # the certificate says who we are
    raise ValueError("thiếu tên người dùng · no user name (without one, amqps:// and client_cert are needed)")


def _tls(rules: dict[str, Any]) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=rules["ca_file"] or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if rules["client_cert"]:
            context.load_cert_chain(rules["client_cert"], rules["client_key"] or None)
    except OSError as error:  # an SSLError is one
        files = ", ".join(str(rules[name]) for name in ("ca_file", "client_cert", "client_key") if rules[name])
        raise ValueError(f"không đọc được chứng thư · a certificate cannot be read ({files}): {error}") from None
    return context


def name_of(parameters: Any) -> str:
    """``amqp(s)://host:port/vhost``, without who and password."""
    scheme = "amqps" if parameters.ssl_options else "amqp"
    host = f"[{parameters.host}]" if ":" in parameters.host else parameters.host
    return f"{scheme}://{host}:{parameters.port}/{parameters.virtual_host.lstrip('/')}"

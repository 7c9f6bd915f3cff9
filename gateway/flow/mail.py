"""A notice as an e-mail: over TLS, within a bounded time, and with a name by which a mailbox knows a repeat."""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from gateway.canonical.scalars import HANOI
from gateway.errors import Rejected, TryLater
from gateway.flow.notices import Email


def send_mail(channel: Email, *, token: str, subject: str, text: str, at: datetime) -> str:
    """To all of the channel's mailboxes in one mail. Returns which of them did not take it, with the server's words; "" when all did.

    Raises `TryLater` when the server is away or cannot now (it may have the mail all the same: it is sent again under the same name), and
    `Rejected` when it refuses this very mail.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = channel.sender, ", ".join(channel.to)
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(at.astimezone(HANOI))
    mail["Message-ID"] = f"<{token}@{channel.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers come back
    mail.set_content(text, cte="base64")
    try:
        with _session(channel) as server:
            refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        later = all(code < 500 for code, _ in error.recipients.values())
        raise (TryLater if later else Rejected)(_tell(channel, error.recipients), code="mail") from error
    except (smtplib.SMTPDataError, smtplib.SMTPSenderRefused) as error:
        words = f"{channel.host}:{channel.port}: {error.smtp_code} {_text(error.smtp_error)}"
        raise (TryLater if error.smtp_code < 500 else Rejected)(words, code="mail") from error
    except OSError as error:  # every SMTPException is one
        raise _away(channel, error) from error
    return _tell(channel, refused) if refused else ""


def check_mail(channel: Email) -> str:
    """Signs in and sends nothing. Returns what the server calls itself. Raises `TryLater`."""
    try:
        with _session(channel) as server:
            _, said = server.noop()
    except OSError as error:
        raise _away(channel, error) from error
    return said.decode("utf-8", "replace")[:100]


@contextmanager
def _session(channel: Email) -> Iterator[smtplib.SMTP]:
    """Signed in. However slowly the server drips, it ends soon after `seconds`: the connection is then cut from beside."""
    server, context = _server(channel)
    cut = threading.Timer(channel.seconds, _cut, [server])
    cut.daemon = True
    cut.start()
    try:
        with _closed(server):
            code, said = server.connect(channel.host, channel.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, said)
            if channel.tls == "starttls":
                server.starttls(context=context)
            if channel.user:
                server.login(channel.user, channel.password)
            yield server
    finally:
        cut.cancel()


def _server(channel: Email) -> tuple[smtplib.SMTP, ssl.SSLContext]:
    """Not connected yet, so that even its greeting is bounded."""
    context = ssl.create_default_context(cafile=channel.ca_file or None)
    if channel.tls == "implicit":
        server: smtplib.SMTP = smtplib.SMTP_SSL(timeout=channel.seconds, context=context)
    else:
        server = smtplib.SMTP(timeout=channel.seconds)
    vars(server)["_host"] = (
        channel.host
    )  # whom the certificate must name; else only the constructor sets it, and connects at once
    return server, context


@contextmanager
def _closed(server: smtplib.SMTP) -> Iterator[None]:
    try:
        yield
        with suppress(OSError):  # the mail is taken: how the parting goes does not matter
            server.quit()
    finally:
        server.close()


def _cut(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with suppress(OSError):  # it ended this moment
            server.sock.shutdown(socket.SHUT_RDWR)


def _tell(channel: Email, recipients: Mapping[str, tuple[int, bytes]]) -> str:
    lines = [f"{address}: {code} {_text(said)}" for address, (code, said) in recipients.items()]
    return f"{channel.host}:{channel.port}: {'; '.join(lines)}"


def _away(channel: Email, error: OSError) -> TryLater:
    words = f"{type(error).__name__}: {_text(str(error))}"
    return TryLater(f"{channel.host}:{channel.port}: {words}", code="mail")


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:300]

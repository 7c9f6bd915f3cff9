"""PostgreSQL connections that give up: on a server that refuses, on one that vanished, and on one that is there and says nothing."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

CONNECT_SECONDS = 5  # for each address
POOL_SECONDS = 5.0
FORGOTTEN_SECONDS = 60  # a transaction whose process froze or vanished lets go of its locks
SILENCE = 1.5  # times what the server may take for a statement: it would have ended it itself, so nobody is there


class Impatient(psycopg.Connection[Any]):
    """Ends itself when an answer takes longer than `patience` seconds: no timeout of the server's helps when the server is mute."""

    patience = 0.0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or self.patience)
        except errors._WaitTimeout as error:
            self.pgconn.finish()  # whatever it may still say would be the answer to something else
            raise errors.OperationalError(f"no answer for {timeout or self.patience:g} s") from error


def open_engine(url: URL, pool: int, patience: float | None, only_reads: Set[str]) -> Engine:
    """`patience`: seconds that the server may work on one statement; None: as long as it takes. `only_reads`: what a standby's refusals are
    called; a pooled connection to it is thrown away, because the next may lead to the primary."""
    settings: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    if patience is not None:
        limits = {
            "statement_timeout": patience,
            "lock_timeout": patience / 2,
            "idle_in_transaction_session_timeout": FORGOTTEN_SECONDS,
        }
        ours = " ".join(f"-c {name}={round(seconds * 1000)}" for name, seconds in limits.items())
        settings["options"] = (
            f"{ours} {url.query.get('options', '')}".strip()
        )  # the operator's word comes last and wins
    engine = create_engine(
        url, pool_size=pool, max_overflow=pool, pool_timeout=POOL_SECONDS, pool_pre_ping=True, connect_args=settings
    )

    def throw_away(told: ExceptionContext) -> None:
        if getattr(told.original_exception, "sqlstate", None) in only_reads:
            told.is_disconnect = True

    event.listen(engine, "handle_error", throw_away)
    if patience is not None:
        kind: type[Impatient] = type("Impatient", (Impatient,), {"patience": SILENCE * patience})
        event.listen(engine, "do_connect", lambda _dialect, _record, given, named: kind.connect(*given, **named))
    return engine

"""A ledger that has already carried a great many messages, written straight into its tables: all delivered, all sound."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.dossiers import bench_dossier
from gateway.canonical import DossierSubmitted
from gateway.ledger.schema import upgrade

_FIRST = 5_000_000  # dossier numbers that no load uses
_CHUNK = 5_000
_AT = datetime(2026, 1, 5, 2, 30, tzinfo=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
_TABLES = {
    "messages": "seq,id,source,source_id,type,dossier,event_time,received_time,digest,content_type,original,body,routed",
    "dossiers": "code,owner,origin,procedure,organisation,channel,status,status_time,status_seq,due_at,newest,created_at",
    "statuses": "seq,message,dossier,source,status,event_time,received_time,position",
    "beliefs": "dossier,system,status,since,message,how,at",
    "deliveries": "id,message_seq,dossier,destination,state,duplicate,attempts,asks,created_at,ended_at",
    "lanes": "destination,dossier,open,delivered,blocked,due_at,urgency,fence",
    "attempts": "id,delivery,fence,kind,worker,started_at,ended_at,outcome",
}


def preload(home: Path, messages: int) -> None:
    """Fill `home/data/lienthong.db`. Bounded by the disk: about 6 KiB a message."""
    (home / "data").mkdir(parents=True)
    file = home / "data" / "lienthong.db"
    upgrade(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA synchronous=OFF")
    sql = {t: f"INSERT INTO {t} ({c}) VALUES ({','.join('?' * (c.count(',') + 1))})" for t, c in _TABLES.items()}  # noqa: S608
    for start in range(1, messages + 1, _CHUNK):
        rows: dict[str, list[tuple[Any, ...]]] = {t: [] for t in _TABLES}
        for seq in range(start, min(start + _CHUNK, messages + 1)):
            for table, row in _message(seq):
                rows[table].append(row)
        for table, many in rows.items():
            connection.executemany(sql[table], many)
        connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def _message(seq: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    raw = bench_dossier(_FIRST + seq)
    code, ours = raw["dossier"], f"00000000-0000-7000-8000-{seq:012d}"
    body = DossierSubmitted.model_validate(raw).model_dump_json(exclude_none=True)
    yield (
        "messages",
        (
            seq,
            ours,
            "one-stop",
            raw["id"],
            raw["type"],
            code,
            _AT,
            _AT,
            f"{seq:064d}",
            "application/json",
            json.dumps(raw).encode(),
            body,
            1,
        ),
    )
    yield "dossiers", (code, "one-stop", "local", "1.001193", "000.00.01.H99", 2, 2, _AT, seq, _AT, seq, _AT)
    yield "statuses", (seq, ours, code, "one-stop", 2, _AT, _AT, seq)
    for system, how in (("one-stop", "said"), ("portal", "accepted")):
        yield "beliefs", (code, system, 2, _AT, ours, how, _AT)
    yield "deliveries", (seq, seq, code, "portal", "delivered", 0, 1, 0, _AT, _AT)
    yield "lanes", ("portal", code, 0, 1, 0, _AT, _AT, 1)
    yield "attempts", (seq, seq, 1, "send", "bench", _AT, _AT, "delivered")

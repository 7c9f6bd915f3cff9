"""The spine as one partner's inbound adapter sees it: `gateway.ports.Desk`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.canonical.scalars import write_instant
from gateway.config import PartnerFile
from gateway.flow.gateway import Gateway
from gateway.ledger import queries
from gateway.ledger.queries import Reader


class OpenDesk:
    """Translates, parks files, and tells of the dossiers that this partner may know of."""

    def __init__(self, gateway: Gateway, partner: PartnerFile) -> None:
        self._gateway = gateway
        self._partner = partner

    def now(self) -> datetime:
        return self._gateway.now()

    def translate(self, mapping: str, document: Any) -> Any:
        return self._gateway.translate(mapping, document)

    def dossier(self, code: str) -> Mapping[str, Any] | None:
        who = Reader(self._partner.id, self._partner.reads)
        with self._gateway.ledger.read() as connection:
            row = queries.dossier_row(connection, code, who)
            return None if row is None else _told(connection, row)

    def waiting(self, statuses: Sequence[int], after: str, most: int) -> Sequence[Mapping[str, Any]]:
        with self._gateway.ledger.read() as connection:
            rows = queries.waiting_rows(connection, self._partner.id, statuses, after, most)
            return [_told(connection, row) for row in rows]

    def keep(self, content: bytes, media_type: str) -> str:
        most = self._gateway.config.settings.web.file_bytes
        now, source = self._gateway.now(), self._partner.id
        return self._gateway.files.keep([content], media_type=media_type, source=source, now=now, most=most)[0]


def _told(connection: Any, row: Any) -> Mapping[str, Any]:
    received_at = queries.received_at(connection, row.code)
    return {
        "dossier": queries.read_body(row),
        "status": row.status,
        "status_time": write_instant(row.status_time),
        "received_at": write_instant(received_at) if received_at else None,
    }

"""The tax side's twin: it calls us as the portal and iLIS do, and serves nothing itself."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from gateway.http import Http
from gateway.simulation import Request, Response, Twin


class TaxTwin(Twin):
    """Acts, each giving {"http", "answer"}; `url` is ours with the partner's name in it, `/hooks/land-tax`:

    ``{"notices": {"url", "key", "ngay", "rows": [{"MA_HSO", "LIST": [{"SO_QUYET_DINH", …}]}], "isUpdating"?}}``,
    ``{"voucher": {"url", "key", "data"}}``, ``{"ilis": {"url", "code", "body"}}``.
    """

    name = "land_tax"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._sent: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Response:
        return Response(404, {"error": "the tax office serves nothing here"})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"notices": {"url": str(url), "key": key, "ngay": ngay, "rows": list(rows), **more}}:
                body = {
                    "service": "NhanThongBaoThueDat",
                    "ngay": ngay,
                    "isUpdating": more.get("isUpdating", False),
                    "SecurityKey": key,
                    "data": {"FileThongBaoThue": b64encode(write_file(rows)).decode()},
                }
                return self._send(f"{url}/NhanThongBaoThueDat", {}, body)
            case {"voucher": {"url": str(url), "key": key, "data": dict(data)}}:
                return self._send(f"{url}/NhanChungTuThueDat", {}, {"SecurityKey": key, "data": data})
            case {"ilis": {"url": str(url), "code": str(code), "body": dict(body)}}:
                return self._send(f"{url}/KetQuaThue", {"CodeGet": code}, body)
        return super().act(order)

    def _send(self, url: str, query: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any]:
        reply = Http(base_url=url).call("POST", "", json=body, query=query)
        try:
            said = json.loads(reply.body)
        except ValueError:
            said = reply.excerpt()
        self._sent.append({"to": url.rpartition("/")[2], "http": reply.status, "answer": said})
        return {"http": reply.status, "answer": said}

    def book(self) -> dict[str, Any]:
        return {"sent": list(self._sent)}


def write_file(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The XML of a notice file, as the tax office writes it."""
    written = "".join(
        f"<ROW_LIST><MA_HSO>{escape(row['MA_HSO'])}</MA_HSO>"
        + "".join(
            "<LIST>" + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in line.items()) + "</LIST>"
            for line in row["LIST"]
        )
        + "</ROW_LIST>"
        for row in rows
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><DATA><HEADER/><BODY>{written}</BODY></DATA>'.encode()

"""The one-stop system's twin: takes canonical messages, strictly, and keeps them in order of arrival."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gateway.canonical import any_message
from gateway.canonical.counting import day_of, digest_of
from gateway.canonical.faults import faults_of
from gateway.simulation import Request, Response, Twin


class OneStopTwin(Twin):
    """Addresses: POST /messages, GET /messages/{key}, GET /health, GET /days?since=&until=, GET /days/{day}, all with
    ``Authorization: Bearer <key>``.

    `settings`: key (an invented one by default). Acts: ``{"knows": [dossier codes]}``: dossiers it filed itself;
    ``{"stands": {code: status}}``: where dossiers stand in its own book, which /days tells of.
    """

    name = "one_stop_rest"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._bearer = f"Bearer {(settings or {}).get('key', 'khoa-mot-cua')}"
        self._known: set[str] = set()
        self._dossiers: dict[str, Any] = {}
        self._bodies: dict[str, Any] = {}
        self._receipts: dict[str, dict[str, Any]] = {}
        self._messages: dict[str, list[dict[str, Any]]] = {}
        self._repeats: list[str] = []
        self._stands: dict[str, int] = {}

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != self._bearer:
            return _problem(401, "Chưa xác thực")
        if (request.method, request.path) == ("POST", "/messages"):
            return self._take(request)
        if (request.method, request.path) == ("GET", "/health"):
            return Response(body={"status": "ok"})
        if request.method == "GET" and request.path.startswith("/messages/"):
            receipt = self._receipts.get(request.path.removeprefix("/messages/"))
            return Response(body=receipt) if receipt else _problem(404, "Không có bản tin này")
        if request.method == "GET" and (request.path == "/days" or request.path.startswith("/days/")):
            return self._tell_days(request)
        return Response(404, "404 page not found")

    def _tell_days(self, request: Request) -> Response:
        days: dict[str, dict[str, int]] = {}
        for code, status in self._stands.items():
            days.setdefault(str(day_of(code)), {})[code] = status
        if request.path != "/days":
            rows = days.get(request.path.removeprefix("/days/"), {})
            return Response(body={"dossiers": [{"dossier": c, "status": s} for c, s in sorted(rows.items())]})
        since, until = request.query.get("since", ""), request.query.get("until", "")
        if not (since and until):
            return _problem(400, "Thiếu since hoặc until")
        told = [
            {"day": day, "count": len(rows), "digest": digest_of(rows)}
            for day, rows in sorted(days.items())
            if since <= day <= until
        ]
        return Response(body={"days": told})

    def _take(self, request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        if not key:
            return _problem(400, "Thiếu Idempotency-Key")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return _problem(415, "Content-Type phải là application/json")
        try:
            body = request.json()
        except (ValueError, RecursionError):
            return _problem(400, "Không phải JSON")
        return self._take_again(key, body) if key in self._receipts else self._store(key, body)

    def _store(self, key: str, body: Any) -> Response:
        try:
            message = any_message.validate_python(body)
        except ValidationError as error:
            return _problem(422, "Dữ liệu không hợp lệ", errors=[f.as_json() for f in faults_of(error, body)])
        if message.type == "DossierSubmitted":
            self._dossiers[message.dossier] = body
        elif message.dossier not in self._dossiers and message.dossier not in self._known:
            return _problem(404, "Không có hồ sơ này", detail=message.dossier)
        self._bodies[key] = body
        self._receipts[key] = {"id": f"mc-{len(self._receipts) + 1}", "key": key, "dossier": message.dossier}
        line = {"key": key, "id": message.id, "type": message.type, "status": getattr(message, "status", None)}
        self._messages.setdefault(message.dossier, []).append(line)
        return Response(202, self._receipts[key])

    def _take_again(self, key: str, body: Any) -> Response:
        self._repeats.append(key)
        if body != self._bodies[key]:
            return _problem(409, "Khóa này đã dùng cho nội dung khác")
        return Response(200, {**self._receipts[key], "repeated": True})

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"knows": list(codes)} if all(isinstance(code, str) for code in codes):
                self._known.update(codes)
                return len(self._known)
            case {"stands": dict(stands)} if all(isinstance(s, int) for s in stands.values()):
                self._stands.update(stands)
                return len(self._stands)
        return super().act(order)

    def book(self) -> dict[str, Any]:
        """`messages`: by dossier, in order of arrival. `keys`: in order of arrival. `repeats`: keys that came again."""
        return {
            "dossiers": dict(self._dossiers),
            "knows": sorted(self._known),
            "messages": {code: list(lines) for code, lines in self._messages.items()},
            "keys": list(self._receipts),
            "repeats": list(self._repeats),
        }


def _problem(status: int, title: str, **more: Any) -> Response:
    return Response(status, {"title": title, "status": status, **more}, {"Content-Type": "application/problem+json"})

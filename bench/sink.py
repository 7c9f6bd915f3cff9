"""Where deliveries end in a measurement: a portal that says yes at once. What it took is counted, so that nothing is measured that did not arrive."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

_OK = json.dumps({"error_code": "0", "message": "Đồng bộ thành công", "result": []}).encode()
_LOGIN = json.dumps({"error_code": 0, "session": "bench", "result": ""}).encode()
_taken = 0


def portal(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI: `/mapi/login`, `/mapi/g`, and `/taken` with the number of calls answered."""
    global _taken  # noqa: PLW0603
    body = environ["wsgi.input"].read()
    path = environ["PATH_INFO"]
    if path == "/taken":
        answer = str(_taken).encode()
    elif path.endswith("/login"):
        answer = _LOGIN
    else:
        _taken += body.count(b'"MaHoSo"') > 0
        answer = _OK
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def flask_floor() -> Any:
    """The floor of accepting: Flask that reads and parses a body and answers 202. Nothing is stored."""
    from flask import Flask, request

    app = Flask(__name__)

    @app.post("/api/v1/dossiers")
    def take() -> tuple[dict[str, str], int]:
        return {"dossier": request.get_json()["dossier"]}, 202

    return app

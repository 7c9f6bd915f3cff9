"""What the web server calls. Before the gateway is ready it says so; when the process is to end it sends callers to another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from gateway.flow.waiting import Lack
from gateway.web.problems import RETRY_SECONDS, stand_alone

App = Callable[[dict[str, Any], Any], Iterable[bytes]]

_WORDS = {
    "away": ("sổ cái không trả lời", "the ledger does not answer"),
    "behind": ("sổ cái chưa được nâng cấp", "the ledger's schema is older than the program"),
}
_NAMES = {"away": "away", "behind": "schema"}  # as `/readyz` of a gateway that is ready names them


class Front:
    """A WSGI application. `app` is the gateway's own, once there is one; until then `lack` says why not."""

    def __init__(self) -> None:
        self.app: App | None = None
        self.lack: Lack | None = None
        self.leaving = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            # Whoever keeps his connection would lose his next request with it: he is asked for a new one while there is still an answer.
            return start_response(status, [*headers, ("Connection", "close")] if self.leaving else headers, *more)

        return (self.app or self._wait)(environ, start)

    def _wait(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/healthz":
            start_response(
                "200 OK", [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store")]
            )
            return [json.dumps({"alive": True}).encode()]
        state = self.lack.state if self.lack else "away"
        more: dict[str, Any] = {"ready": False, "ledger": _NAMES[state]} if path == "/readyz" else {}
        answer = stand_alone(503, path, *_WORDS[state], {"Retry-After": str(RETRY_SECONDS)}, **more)
        return answer(environ, start_response)

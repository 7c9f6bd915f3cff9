"""A load of POST requests over a few kept connections, in a process of its own. Bounded in number and time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

import pycurl


class Load:
    """Sends every body once over `connections` connections (libcurl's multi interface); counts answers by status.

    With a `rate` the next body goes when its time has come, however slow the answers are, and its wait counts from that time.
    """

    def __init__(self, url: str, headers: list[str], connections: int, rate: float = 0) -> None:
        self.url, self.headers = url, headers
        self.pause = 1 / rate if rate else 0.0
        self.due: dict[pycurl.Curl, float] = {}
        self.multi = pycurl.CurlMulti()
        self.idle = [self._handle() for _ in range(connections)]
        self.answers: dict[int, int] = {}
        self.waits: list[float] = []

    def _handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, self.url)
        named = any(header.lower().startswith("content-type:") for header in self.headers)
        kind = [] if named else ["Content-Type: application/json"]
        handle.setopt(pycurl.HTTPHEADER, [*kind, "Expect:", *self.headers])
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.NOPROXY, "*")
        handle.setopt(pycurl.TIMEOUT, 60)
        handle.setopt(pycurl.WRITEFUNCTION, lambda _: None)
        return handle

    def run(self, bodies: Sequence[bytes], most_seconds: float = 600) -> float:
        """Seconds until every body was answered. Raises when the time is up."""
        begun = time.perf_counter()
        sent = flying = 0
        while sent < len(bodies) or flying:
            now = time.perf_counter()
            while sent < len(bodies) and self.idle and begun + sent * self.pause <= now:
                self._send(bodies[sent], begun + sent * self.pause if self.pause else now)
                sent, flying = sent + 1, flying + 1
            self.multi.perform()
            flying -= self._collect()
            self._rest(begun + sent * self.pause if sent < len(bodies) and self.idle else now + 1.0)
            if now - begun > most_seconds:
                raise TimeoutError(f"{flying} requests without an answer after {most_seconds} s")
        return time.perf_counter() - begun

    def _send(self, body: bytes, due: float) -> None:
        handle = self.idle.pop()
        handle.setopt(pycurl.POSTFIELDS, body)
        self.due[handle] = due
        self.multi.add_handle(handle)

    def _rest(self, until: float) -> None:
        """Until an answer comes, or it is time to send."""
        pause = until - time.perf_counter()
        if pause > 0 and self.multi.select(pause) < 0:  # no request is under way
            time.sleep(min(pause, 0.01))

    def _collect(self) -> int:
        _, good, bad = self.multi.info_read()
        for handle, code, words in bad:
            raise ConnectionError(f"request failed: {code} {words} {handle.getinfo(pycurl.EFFECTIVE_URL)}")
        for handle in good:
            status = handle.getinfo(pycurl.RESPONSE_CODE)
            self.answers[status] = self.answers.get(status, 0) + 1
            self.waits.append(time.perf_counter() - self.due.pop(handle))
            self.multi.remove_handle(handle)
            self.idle.append(handle)
        return len(good)


def main() -> None:
    """Reads one JSON line {url, headers, connections, file, rate} from standard input; each line of `file` is a body. Prints the result as JSON."""
    order = json.loads(sys.stdin.readline())
    with open(order["file"], "rb") as file:
        bodies = [line.rstrip(b"\n") for line in file]
    load = Load(order["url"], order["headers"], order["connections"], order["rate"])
    seconds = load.run(bodies)
    waits = sorted(load.waits)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "answers": load.answers,
                **{f"p{p}_ms": 1000 * waits[len(waits) * p // 100] for p in (50, 95, 99)},
            }
        )
    )


if __name__ == "__main__":
    main()

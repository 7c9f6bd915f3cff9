"""A load of POST requests over a few kept connections, in a process of its own. Bounded in number and time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import pycurl


class Load:
    """Sends every body once over `connections` connections (libcurl's multi interface); counts answers by status."""

    def __init__(self, url: str, headers: list[str], connections: int) -> None:
        self.url, self.headers = url, headers
        self.multi = pycurl.CurlMulti()
        self.idle = [self._handle() for _ in range(connections)]
        self.answers: dict[int, int] = {}
        self.waits: list[float] = []

    def _handle(self) -> pycurl.Curl:
        handle = pycurl.Curl()
        handle.setopt(pycurl.URL, self.url)
        handle.setopt(pycurl.HTTPHEADER, ["Content-Type: application/json", "Expect:", *self.headers])
        handle.setopt(pycurl.POST, 1)
        handle.setopt(pycurl.NOPROXY, "*")
        handle.setopt(pycurl.TIMEOUT, 60)
        handle.setopt(pycurl.WRITEFUNCTION, lambda _: None)
        return handle

    def run(self, bodies: Iterator[bytes], most_seconds: float = 600) -> float:
        """Seconds until every body was answered. Raises when the time is up."""
        begun = time.perf_counter()
        flying = 0
        left = True
        while left or flying:
            while left and self.idle:
                body = next(bodies, None)
                if body is None:
                    left = False
                    break
                handle = self.idle.pop()
                handle.setopt(pycurl.POSTFIELDS, body)
                self.multi.add_handle(handle)
                flying += 1
            self.multi.perform()
            flying -= self._collect()
            if flying:
                self.multi.select(1.0)
            if time.perf_counter() - begun > most_seconds:
                raise TimeoutError(f"{flying} requests without an answer after {most_seconds} s")
        return time.perf_counter() - begun

    def _collect(self) -> int:
        _, good, bad = self.multi.info_read()
        for handle, code, words in bad:
            raise ConnectionError(f"request failed: {code} {words} {handle.getinfo(pycurl.EFFECTIVE_URL)}")
        for handle in good:
            status = handle.getinfo(pycurl.RESPONSE_CODE)
            self.answers[status] = self.answers.get(status, 0) + 1
            self.waits.append(handle.getinfo(pycurl.TOTAL_TIME))
            self.multi.remove_handle(handle)
            self.idle.append(handle)
        return len(good)


def main() -> None:
    """Reads one JSON line {url, headers, connections, file} from standard input; each line of `file` is a body. Prints the result as JSON."""
    order = json.loads(sys.stdin.readline())
    with open(order["file"], "rb") as file:
        bodies = [line.rstrip(b"\n") for line in file]
    load = Load(order["url"], order["headers"], order["connections"])
    seconds = load.run(iter(bodies))
    waits = sorted(load.waits)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "answers": load.answers,
                "p50_ms": 1000 * waits[len(waits) // 2],
                "p99_ms": 1000 * waits[int(len(waits) * 0.99)],
            }
        )
    )


if __name__ == "__main__":
    main()

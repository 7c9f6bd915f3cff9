"""Sending dossiers to the front door, each a new one, from a process of its own; and waiting until the portal took them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.dossiers import bench_dossier
from bench.machine import CpuMeter
from gateway.http import Http


@dataclass(frozen=True, slots=True)
class Sent:
    """How long it took until all were answered, and how long each waited for its answer."""

    messages: int
    seconds: float
    cpu: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def as_json(number: int) -> bytes:
    return json.dumps(bench_dossier(number), ensure_ascii=False).encode()


class Sender:
    """Numbers its dossiers through a whole run: no two are the same."""

    def __init__(self, folder: Path, connections: int) -> None:
        self.folder, self.connections = folder, connections
        self._number = 0

    def send(
        self, messages: int, url: str, headers: Sequence[str], *, pids: Sequence[int] = (), rate: float = 0,
        write: Callable[[int], bytes] = as_json, good: str = "202",
    ) -> Sent:  # fmt: skip
        """Send `messages` of them: as fast as they are answered, or `rate` a second. `cpu` is that of the process trees at `pids`.

        `write`: a dossier's body, in one line; `good`: the status that says that it was accepted.
        """
        file = self.folder / "bodies"
        with file.open("wb") as out:
            for _ in range(messages):
                self._number += 1
                out.write(write(self._number) + b"\n")
        order = {
            "url": url,
            "headers": list(headers),
            "connections": self.connections,
            "file": str(file),
            "rate": rate,
        }
        meter = CpuMeter(*pids)
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=json.dumps(order) + "\n",
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result = json.loads(done.stdout)
        if result["answers"] != {good: messages}:
            raise RuntimeError(f"not every dossier was accepted: {result['answers']}")
        return Sent(messages, result["seconds"], meter.spent(), result["p50_ms"], result["p95_ms"], result["p99_ms"])


class Portal:
    """The portal at port `sink`, which counts what it takes."""

    def __init__(self, sink: int) -> None:
        self._http = Http(base_url=f"http://127.0.0.1:{sink}")
        self._waited = 0

    def taken(self) -> int:
        return int(self._http.call("GET", "/taken").body)

    def wait(self, more: int, *processes: subprocess.Popen[bytes], most_seconds: float = 900) -> None:
        """Until it took so many more than were waited for before. Raises when one of the gateway's `processes` has ended."""
        self._waited += more
        until = time.monotonic() + most_seconds
        while self.taken() < self._waited:
            if any(process.poll() is not None for process in processes):
                raise RuntimeError("the gateway has ended")
            if time.monotonic() > until:
                raise TimeoutError(f"the portal took fewer than {self._waited} messages")
            time.sleep(0.02)

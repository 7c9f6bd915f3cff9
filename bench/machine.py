"""What the operating system says of processes: CPU seconds, memory, children."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from gateway.errors import DeliveryError
from gateway.http import Http

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in task.read_text().split():
                found += tree(int(child))
    return found


class CpuMeter:
    """CPU seconds (user and system) of process trees since the meter was made, children that came and went included."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._begun = self._now()

    def spent(self) -> float:
        return self._now() - self._begun

    def _now(self) -> float:
        ticks = 0
        for pid in (one for root in self._pids for one in tree(root)):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended: its parent counts it from now on
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += sum(map(int, fields[11:15]))
        return ticks / _TICKS


def memory(pid: int) -> float:
    """MiB of the process tree: proportional set size, shared pages counted once."""
    kib = 0
    for one in tree(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                kib += int(line.split()[1])
    return kib / 1024


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(url: str, seconds: float = 30) -> None:
    """Until something answers there."""
    http = Http(base_url=url)
    until = time.monotonic() + seconds
    while True:
        try:
            if http.call("GET", url).status < 500:
                return
        except DeliveryError:
            pass
        if time.monotonic() > until:
            raise TimeoutError(f"nothing answers at {url}")
        time.sleep(0.05)

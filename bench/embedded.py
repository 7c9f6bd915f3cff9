"""`lienthong bench embedded`: what the embedded default carries, beside floors measured in the same run.

Accept: durable 202s a second over loopback HTTP, 2 KiB dossiers, nobody delivering. Deliver: what was accepted, drained by the worker through
the real mapping and the real portal connector into a portal that says yes at once. Through: both at the same time, until the last one arrived.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.machine import CpuMeter, free_port, memory, tree, wait_for
from bench.posting import Portal, Sender, Sent
from bench.preload import preload
from bench.programs import add_key, granian, program, run, settle_in


@dataclass(frozen=True)
class Figure:
    """One measurement. `rate` is per second, `cpu` seconds per 1,000 messages over all of the gateway's processes."""

    name: str
    rate: float
    cpu: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


class Bench:
    def __init__(self, messages: int, connections: int, loaded: int) -> None:
        self.messages, self.connections, self.loaded = messages, connections, loaded
        self.folder = Path(tempfile.mkdtemp(prefix="lt-bench-"))
        self.figures: list[Figure] = []
        self.sender = Sender(self.folder, connections)

    def say(self, words: str) -> None:
        print(f"  {words}", file=sys.stderr, flush=True)

    def run(self) -> dict[str, Any]:
        """Everything, in one run. Gives the figures, the memory and the ratios."""
        try:
            self.floors()
            memory_idle = self.gateway("")
            if self.loaded:
                self.say(f"writing {self.loaded:,} delivered messages into a ledger")
                preload(self.folder / "loaded", self.loaded)
                self.gateway("loaded", home=self.folder / "loaded")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        by_name = {f.name: f for f in self.figures}
        ratios = {
            "accept / http floor": by_name["accept"].rate / by_name["http floor"].rate,
            "accept / commit floor": by_name["accept"].rate / by_name["commit floor"].rate,
            "through / accept": by_name["through"].rate / by_name["accept"].rate,
        }
        if self.loaded:
            for name in ("accept", "deliver", "through"):
                ratios[f"{name} with {self.loaded:,} messages / empty"] = (
                    by_name[f"{name} loaded"].rate / by_name[name].rate
                )
        return {"figures": [asdict(f) for f in self.figures], "idle_pss_mib": memory_idle, "ratios": ratios}

    # ── floors ──────────────────────────────────────────────────────────────────────────────────────────────────

    def floors(self) -> None:
        self.figures.append(Figure("commit floor", self._commits()))
        port = free_port()
        with granian("bench.sink:flask_floor", port, "--factory"):
            self._note("http floor", self.sender.send(self.messages, f"http://127.0.0.1:{port}/api/v1/dossiers", []))

    def _commits(self) -> float:
        """SQLite as the ledger opens it, one row of 2 × 2 KiB a commit, nothing else."""
        connection = sqlite3.connect(self.folder / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, original BLOB, body TEXT)")
        begun = time.perf_counter()
        for _ in range(2000):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO t (original, body) VALUES (?, ?)", (b"x" * 2048, "x" * 2048))
            connection.execute("COMMIT")
        connection.close()
        rate = 2000 / (time.perf_counter() - begun)
        self.say(f"commit floor: {rate:,.0f}/s")
        return rate

    # ── the gateway ─────────────────────────────────────────────────────────────────────────────────────────────

    def gateway(self, suffix: str, home: Path | None = None) -> float:
        """Accept, deliver, through; returns the idle memory of `up` in MiB (PSS)."""
        sink, web = free_port(), free_port()
        environment = settle_in(home or self.folder / "home", web, sink)
        run(environment, "db", "upgrade")
        url, headers, portal = f"http://127.0.0.1:{web}/api/v1/dossiers", [add_key(environment)], Portal(sink)
        with granian("bench.sink:portal", sink):
            with program(environment, "web") as process:
                wait_for(f"http://127.0.0.1:{web}/readyz")
                self._note(
                    f"accept {suffix}".strip(), self.sender.send(self.messages, url, headers, pids=[process.pid])
                )
            with program(environment, "work") as process:
                meter, begun = CpuMeter(process.pid), time.perf_counter()
                portal.wait(self.messages, process)
                self._note(f"deliver {suffix}".strip(), None, time.perf_counter() - begun, meter.spent())
            with program(environment, "up") as process:
                wait_for(f"http://127.0.0.1:{web}/readyz")
                time.sleep(8)
                idle = memory(process.pid)
                self.say(f"idle memory of up: {idle:.0f} MiB (PSS of {len(tree(process.pid))} processes)")
                meter, begun = CpuMeter(process.pid), time.perf_counter()
                sent = self.sender.send(self.messages, url, headers)
                portal.wait(self.messages, process)
                self._note(f"through {suffix}".strip(), sent, time.perf_counter() - begun, meter.spent())
        return idle

    def _note(self, name: str, sent: Sent | None, seconds: float = 0.0, cpu: float = 0.0) -> None:
        """One figure; what was sent tells its time and CPU unless they are given."""
        if sent is not None and not seconds:
            seconds, cpu = sent.seconds, sent.cpu
        p50, p99 = (sent.p50_ms, sent.p99_ms) if sent is not None else (None, None)
        figure = Figure(name, self.messages / seconds, 1000 * cpu / self.messages, p50, p99)
        self.figures.append(figure)
        self.say(
            f"{name}: {figure.rate:,.0f}/s, {figure.cpu:.2f} CPU s per 1,000"
            + (f", p50 {p50:.1f} ms, p99 {p99:.1f} ms" if p50 else "")
        )

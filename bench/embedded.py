"""`lienthong bench embedded`: what the embedded default carries, beside floors measured in the same run.

Accept: durable 202s a second over loopback HTTP, 2 KiB dossiers, nobody delivering. Deliver: what was accepted, drained by the worker through
the real mapping and the real portal connector into a portal that says yes at once. Through: both at the same time, until the last one arrived.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.dossiers import bench_dossier
from bench.machine import CpuMeter, free_port, memory, tree, wait_for
from bench.preload import preload
from gateway.config import default_folder
from gateway.http import Http

PROGRAM = [sys.executable, "-m", "gateway.cli.main"]
ADDRESSES = {
    "LIENTHONG_ONE_STOP_URL": "http://127.0.0.1:9",
    "LIENTHONG_ONE_STOP_KEY": "bench",
    "LIENTHONG_PORTAL_USERNAME": "bench",
    "LIENTHONG_PORTAL_PASSWORD": "bench",
    **{f"LIENTHONG_VNPOST_{n}_URL": "http://127.0.0.1:9" for n in ("TOKEN", "ORDER", "CANCEL", "TRACKING")},
    "LIENTHONG_VNPOST_KEY": "bench",
    "LIENTHONG_VNPOST_SECRET": "bench",
    "LIENTHONG_VNPOST_CUSTOMER": "C0001",
}


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
        self.number = 0

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
        with self._granian("bench.sink:flask_floor", port, factory=True):
            seconds, cpu, result = self._load(f"http://127.0.0.1:{port}/api/v1/dossiers", "", [])
        self._note("http floor", seconds, cpu, result)

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
        home = home or self.folder / "home"
        if not (home / "config").exists():
            shutil.copytree(default_folder(), home / "config")
        sink, web = free_port(), free_port()
        environment = {
            **os.environ,
            **ADDRESSES,
            "LIENTHONG_HOME": str(home),
            "LIENTHONG_PORTAL_URL": f"http://127.0.0.1:{sink}",
            "LIENTHONG_PORT": str(web),
            "LIENTHONG_LOG": "warning",
        }
        _run(environment, "db", "upgrade")
        key = json.loads(_run(environment, "keys", "add", "one-stop", "--json"))["key"]
        url, headers = f"http://127.0.0.1:{web}/api/v1/dossiers", [f"Authorization: Bearer {key}"]
        with self._granian("bench.sink:portal", sink):
            with self._program(["web"], environment) as process:
                wait_for(f"http://127.0.0.1:{web}/readyz")
                self._note(f"accept {suffix}".strip(), *self._load(url, key, headers, process.pid))
            with self._program(["work"], environment) as process:
                meter = CpuMeter(process.pid)
                begun = time.perf_counter()
                self._wait_taken(sink, self.messages, process)
                self._note(f"deliver {suffix}".strip(), time.perf_counter() - begun, meter.spent(), None)
            with self._program(["up"], environment) as process:
                wait_for(f"http://127.0.0.1:{web}/readyz")
                time.sleep(8)
                idle = memory(process.pid)
                self.say(f"idle memory of up: {idle:.0f} MiB (PSS of {len(tree(process.pid))} processes)")
                meter = CpuMeter(process.pid)
                begun = time.perf_counter()
                result = self._load(url, key, headers, process.pid)[2]
                self._wait_taken(sink, 2 * self.messages, process)
                self._note(f"through {suffix}".strip(), time.perf_counter() - begun, meter.spent(), result)
        return idle

    def _wait_taken(self, sink: int, wanted: int, worker: subprocess.Popen[bytes]) -> None:
        http = Http(base_url=f"http://127.0.0.1:{sink}")
        until = time.monotonic() + 900
        while int(http.call("GET", "/taken").body) < wanted:
            if worker.poll() is not None:
                raise RuntimeError("the gateway has ended")
            if time.monotonic() > until:
                raise TimeoutError(f"the portal took fewer than {wanted} messages")
            time.sleep(0.02)

    def _note(self, name: str, seconds: float, cpu: float, result: dict[str, Any] | None) -> None:
        p50, p99 = (result["p50_ms"], result["p99_ms"]) if result else (None, None)
        figure = Figure(name, self.messages / seconds, 1000 * cpu / self.messages, p50, p99)
        self.figures.append(figure)
        self.say(
            f"{name}: {figure.rate:,.0f}/s, {figure.cpu:.2f} CPU s per 1,000"
            + (f", p50 {p50:.1f} ms, p99 {p99:.1f} ms" if p50 else "")
        )

    def _load(
        self, url: str, key: str, headers: list[str], pid: int | None = None
    ) -> tuple[float, float, dict[str, Any]]:
        """Send `messages` new dossiers; seconds, CPU seconds of the process tree at `pid`, what the load saw."""
        file = self.folder / "bodies"
        with file.open("wb") as out:
            for _ in range(self.messages):
                self.number += 1
                out.write(json.dumps(bench_dossier(self.number), ensure_ascii=False).encode() + b"\n")
        order = {"url": url, "headers": headers, "connections": self.connections, "file": str(file)}
        meter = CpuMeter(pid) if pid else None
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=json.dumps(order) + "\n",
            capture_output=True,
            text=True,
            check=True,
        )
        result = json.loads(done.stdout)
        if result["answers"] != {"202": self.messages}:
            raise RuntimeError(f"not every dossier was accepted: {result['answers']}")
        return result["seconds"], meter.spent() if meter else 0.0, result

    @contextmanager
    def _program(self, words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [*PROGRAM, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=90)

    @contextmanager
    def _granian(self, target: str, port: int, *, factory: bool = False) -> Iterator[None]:
        words = [
            sys.executable,
            "-m",
            "granian",
            "--interface",
            "wsgi",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--log-level",
            "error",
        ]
        process = subprocess.Popen([*words, *(["--factory"] if factory else []), target])
        try:
            wait_for(f"http://127.0.0.1:{port}/taken")
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run([*PROGRAM, *words], env=environment, check=True, capture_output=True, text=True)
    return done.stdout

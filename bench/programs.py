"""The gateway's own processes, and what stands around them, started for a measurement and ended with it."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.machine import wait_for
from gateway.cli.lifeline import READY
from gateway.config import default_folder

PROGRAM = [sys.executable, "-m", "gateway.cli.main"]
START_SECONDS = 90.0
_NOWHERE = "http://127.0.0.1:9"
_ADDRESSES = {
    "LIENTHONG_ONE_STOP_URL": _NOWHERE,
    "LIENTHONG_ONE_STOP_KEY": "bench",
    "LIENTHONG_PORTAL_USERNAME": "bench",
    "LIENTHONG_PORTAL_PASSWORD": "bench",
    **{f"LIENTHONG_VNPOST_{n}_URL": _NOWHERE for n in ("TOKEN", "ORDER", "CANCEL", "TRACKING")},
    "LIENTHONG_VNPOST_KEY": "bench",
    "LIENTHONG_VNPOST_SECRET": "bench",
    "LIENTHONG_VNPOST_CUSTOMER": "C0001",
}
Environment = Mapping[str, str]


def settle_in(home: Path, web: int, sink: int, **more: str) -> Environment:
    """A home with the shipped configuration, and the environment of its programs: the web at port `web`, the portal at port `sink`."""
    if not (home / "config").exists():
        shutil.copytree(default_folder(), home / "config")
    return {
        **os.environ,
        **_ADDRESSES,
        "LIENTHONG_HOME": str(home),
        "LIENTHONG_PORTAL_URL": f"http://127.0.0.1:{sink}",
        "LIENTHONG_PORT": str(web),
        **more,
    }


def run(environment: Environment, *words: str) -> str:
    """What one command prints. Raises `CalledProcessError`."""
    done = subprocess.run([*PROGRAM, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def add_key(environment: Environment) -> str:
    """The header with a fresh key of the one-stop system."""
    key = json.loads(run(environment, "keys", "add", "one-stop", "--json"))["key"]
    return f"Authorization: Bearer {key}"


@contextmanager
def program(environment: Environment, *words: str, ready: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs until the block ends, and is then told to. `ready`: the block begins when it says that it works.

    Raises `RuntimeError` when it does not.
    """
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*PROGRAM, *words],
        env={**environment, READY: str(writing)} if ready else environment,
        pass_fds=[writing] if ready else [],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        if ready and not (select.select([reading], [], [], START_SECONDS)[0] and os.read(reading, 200)):
            raise RuntimeError(f"{' '.join(words)} did not begin to work within {START_SECONDS:g} s")
        yield process
    finally:
        os.close(reading)
        process.terminate()
        process.wait(timeout=90)


@contextmanager
def granian(target: str, port: int, *more: str) -> Iterator[None]:
    """A WSGI application of the bench, served by one process."""
    words: Sequence[str] = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error")
    process = subprocess.Popen([sys.executable, "-m", "granian", *words, *more, target])
    try:
        wait_for(f"http://127.0.0.1:{port}/taken")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)

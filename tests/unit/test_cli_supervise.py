"""The supervisor: starts a dead child again, drains all when told to, gives up on one that cannot start, and leaves no orphan behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Twins stand in for the real children: they say when they are ready, and hold the lifeline.
PROGRAM = """
import sys
from gateway.cli.supervise import Child, Supervisor

def say(words):
    print(words, flush=True)

def announce(children):
    say("ready " + " ".join(str(child.process.pid) for child in children))

children = [Child(name, ["simulate", name, *sys.argv[2:]]) for name in sys.argv[1].split(",")]
sys.exit(Supervisor(children, say, announce).run())
"""


class Up:
    """A running supervisor and all that it said."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.log = folder / "log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=out, stderr=out)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, words: str) -> str:
        assert until(lambda: words in self.said()), f"never said {words!r}: {self.said()}"
        return self.said()

    def children(self) -> list[int]:
        return [int(pid) for pid in re.findall(r"\d+", self.wait_for("ready ").partition("ready ")[2].splitlines()[0])]


def until(reached: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def begin(*arguments: str) -> Up:
        started.append(Up(tmp_path, *arguments))
        return started[-1]

    yield begin
    for up in started:
        up.process.kill()
        up.process.wait()


def test_sigterm_ends_all_children_and_the_exit_code_is_0(start: Callable[..., Up]) -> None:
    up = start("mapi,vnpost_hcc")
    children = up.children()

    up.process.terminate()

    assert up.process.wait(20) == 0
    assert not any(alive(pid) for pid in children)


def test_a_child_that_dies_is_started_again_and_it_is_said(start: Callable[..., Up]) -> None:
    up = start("mapi")
    (child,) = up.children()

    os.kill(child, signal.SIGKILL)

    said = up.wait_for("runs again")
    assert "SIGKILL" in said
    up.process.terminate()
    assert up.process.wait(20) == 0


def test_a_child_that_cannot_start_ends_all_with_code_1(start: Callable[..., Up]) -> None:
    up = start("mapi,vnpost_hcc", "--port", "1", "--chaos", "/nowhere.json")

    assert up.process.wait(20) == 1
    assert "cannot start" in up.said()


def test_children_end_by_themselves_when_the_supervisor_is_killed(start: Callable[..., Up]) -> None:
    up = start("mapi,vnpost_hcc")
    children = up.children()

    up.process.kill()

    assert until(lambda: not any(alive(pid) for pid in children))

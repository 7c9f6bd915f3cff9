"""Killed with -9 at random moments, restarted each time: at the end the partners' books equal the ledger.

As a script: ``python -m tests.e2e.killing --dossiers 2000 --kills 40 --seed 1``. The twins stand outside and live on, as partners do.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.brokers import free_port
from tests.e2e.town import (
    PROGRAM,
    Sender,
    Town,
    count_open,
    find_differences,
    wait_until_quiet,
    wait_until_returned,
)


@dataclass
class Story:
    """What happened, for the table at the end."""

    dossiers: int
    messages: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    resent: int = 0
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)


class Killer:
    """Keeps `lienthong up` running, and kills it (or one of its processes) again and again."""

    def __init__(self, town: Town, story: Story, dice: random.Random, log: Path) -> None:
        self.town, self.story, self.dice = town, story, dice
        self.port = free_port()
        self._log = log.open("ab")
        self.up = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**self.town.environment, "LIENTHONG_PORT": str(self.port)}
        return subprocess.Popen([*PROGRAM, "up"], env=environment, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        """One of: the supervisor, the web, the worker, or all of them at the same moment."""
        who = self.dice.choice(["up", "web", "work", "all"])
        children = _children(self.up.pid)
        victims = {
            "up": [self.up.pid],
            "all": [self.up.pid, *children],
            "web": [p for p in children if b"web" in _command(p)],
            "work": [p for p in children if b"work" in _command(p)],
        }[who]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.story.kills[who] = self.story.kills.get(who, 0) + 1
        if who in ("up", "all"):
            self.up.wait()
            self.up = self._start()

    def stop(self) -> None:
        self.up.terminate()
        self.up.wait(timeout=60)
        self._log.close()


def _children(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *_children(int(child))]
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def tell(dossiers: int, kills: int, seed: int, folder: Path) -> Story:
    """The whole story. `differences` must be empty at its end."""
    dice = random.Random(seed)
    story, town, begun = Story(dossiers), Town(folder), time.monotonic()
    try:
        town.run("db", "upgrade")
        key = town.add_key()
        town.file_dossiers(range(1, dossiers + 1))
        killer = Killer(town, story, dice, folder / "up.log")
        try:
            sender = Sender([killer.port], key)
            _rush(town, killer, sender, dossiers, kills, dice)
            story.messages, story.resent = len(sender.receipts), sender.resent
            wait_until_quiet(town, 120 + dossiers / 10)
            town.act("vnpost_hcc", {"deliver_all": True})
            wait_until_returned(town, dossiers // 3, 120)
            wait_until_quiet(town, 120)
        finally:
            killer.stop()
        story.differences = find_differences(town)
    finally:
        town.close()
    story.seconds = time.monotonic() - begun
    return story


def _rush(town: Town, killer: Killer, sender: Sender, dossiers: int, kills: int, dice: random.Random) -> None:
    """Send everything over eight connections, and kill all the while."""
    with ThreadPoolExecutor(8) as pool:
        lives = [pool.submit(sender.life, number) for number in range(1, dossiers + 1)]
        done = 0
        while done < kills:
            time.sleep(dice.uniform(0.2, 2.5))
            killer.kill()
            done += 1
            if all(life.done() for life in lives) and not _waiting(town):
                break
        for life in lives:
            life.result()


def _waiting(town: Town) -> int:
    ledger = town.ledger()
    try:
        return count_open(ledger)
    finally:
        ledger.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dossiers", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="lt-killing-"))
    print(f"seed {chosen.seed}, {folder}", flush=True)
    story = tell(chosen.dossiers, chosen.kills, chosen.seed, folder)
    print(
        f"{story.dossiers} dossiers, {story.messages} messages sent, {story.resent} sends repeated, kills {story.kills}, {story.seconds:.0f} s"
    )
    for line in story.differences[:50]:
        print(f"  differs: {line}")
    print("books equal the ledger" if not story.differences else f"{len(story.differences)} differences")
    if not story.differences:
        shutil.rmtree(folder)
    return int(bool(story.differences))


if __name__ == "__main__":
    sys.exit(main())

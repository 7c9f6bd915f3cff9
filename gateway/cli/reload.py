"""`lienthong reload`: changed files into running processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import as_json, at_home, read_config

if TYPE_CHECKING:
    from gateway.flow.presence import Told

LOOK = 0.1  # seconds between two looks at what a process says


@click.command(epilog="Ví dụ · Example:  lienthong check && lienthong reload")
@at_home
@click.option(
    "--timeout",
    type=click.FloatRange(1, 600),
    default=30,
    show_default=True,
    help="Chờ mỗi tiến trình bao nhiêu giây · seconds for each process.",
)
@as_json
def reload(home: Path, timeout: float, as_json: bool) -> None:
    """Nạp lại cấu hình, tuyến, ánh xạ, danh mục vào các tiến trình đang chạy trên máy này.

    Have the processes of this host take the files of config/ as they are now. Each makes everything anew beside the old, and changes
    over between two messages; one that finds a mistake goes on by the old files. The first one is asked alone: when it refuses, nothing
    has changed anywhere, and the exit code is 1. What only a start can change (address, threads, ledger, channel) is refused too.
    """
    from gateway.cli.show import print_json

    data = read_config(home).data  # a file that cannot even be read is told here
    results = [asdict(one.said) | {"taken": one.taken, "ended": one.ended} for one in _ask_all(data, timeout)]
    if as_json:
        print_json(results)
    elif not results:
        click.echo("Không có tiến trình nào đang chạy ở đây · no process runs here: lienthong up")
    for one in results if not as_json else []:
        mark = click.style("✓", fg="green") if one["taken"] else click.style("✗", fg="red")
        click.echo(f"{mark} {one['name']} {one['pid']}: {_words(one)}")
    sys.exit(int(not all(one["taken"] for one in results)))


def _words(one: dict[str, object]) -> str:
    if one["taken"]:
        return f"đã nạp · taken: {one['version']}"
    if one["refused"]:
        return f"không nạp, vẫn chạy theo tệp cũ · refused, goes on by {one['version']}:\n    " + str(
            one["refused"]
        ).replace("\n", "\n    ")
    return "đã dừng khi được hỏi · ended when it was asked" if one["ended"] else "không trả lời kịp · no answer in time"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process says after having read; `taken`: it goes by the files as they are now."""

    said: Told
    taken: bool
    ended: bool = False


def _ask_all(data: Path, timeout: float) -> Sequence[Answer]:
    """One, then the others at once; the others only if the first has taken the files."""
    from gateway.flow.presence import present

    processes = present(data)
    answers = _ask(data, processes[:1], timeout)
    if all(answer.taken for answer in answers):
        answers += _ask(data, processes[1:], timeout)
    return answers


def _ask(data: Path, processes: Sequence[Told], timeout: float) -> list[Answer]:
    """SIGUSR1, which no terminal sends. One that ended before it was asked needs no files any more; one that ended at it has not taken them."""
    from gateway.flow.presence import present

    before: dict[int, Told] = {}
    for one in processes:
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGUSR1)
            before[one.pid] = one
    answers: dict[int, Answer] = {}
    until = time.monotonic() + timeout
    while before.keys() - answers.keys() and time.monotonic() < until:
        time.sleep(LOOK)
        there = {one.pid: one for one in present(data)}
        for pid in before.keys() - answers.keys():
            if pid not in there:
                answers[pid] = Answer(before[pid], taken=False, ended=True)
            elif there[pid].readings > before[pid].readings:
                answers[pid] = Answer(there[pid], taken=there[pid].refused is None)
    return [answers.get(pid, Answer(one, taken=False)) for pid, one in before.items()]

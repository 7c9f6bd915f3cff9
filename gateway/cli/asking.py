"""What `lienthong reconcile run` shows while it asks: how far it is and how fast, and each difference as it is found."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from gateway.flow.reconcile import Asked, Unanswered


class Round:
    """Answers as they come. On a terminal their count and rate move on stderr; differences are lines of the output, at once.

    With `as_json` nothing is a line: `close` prints all answers as one JSON array.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.count = self.differing = 0
        self.known: set[str] = set()  # dossiers that were answered for, at the partner asked now
        self.answered: set[str] = set()  # those asked about at any
        self.unanswered: list[tuple[str, Unanswered]] = []  # partner, and the question that failed
        self.stopped = False
        self._kept: list[dict[str, Any]] = []
        self._progress: Progress | None = None

    @contextmanager
    def showing(self) -> Iterator[None]:
        """While it lasts; Ctrl-C ends the questions, and what was found until then stands."""
        try:
            with _bar() as self._progress:
                yield
        except KeyboardInterrupt:
            self.stopped = True
        finally:
            self._progress = None

    def hear(self, partner: str, answers: Iterable[Asked | Unanswered], total: int | None, rate: float = 0) -> None:
        """Every answer of a partner, at most `rate` a second (0: as fast as they come). `total`: how many there will be, if known."""
        task = self._begin(partner, total)
        self.known = set()
        begun = time.monotonic()
        for count, answer in enumerate(answers, 1):
            self.known.add(answer.dossier)
            self.answered.add(answer.dossier)
            self._note(partner, answer)
            if self._progress is not None and task is not None:
                speed = count / (time.monotonic() - begun)
                self._progress.update(task, completed=count, differing=self.differing, rate=speed)
            if rate:
                time.sleep(max(0.0, begun + count / rate - time.monotonic()))

    def _begin(self, partner: str, total: int | None) -> TaskID | None:
        if self._progress is None:
            return None
        return self._progress.add_task(partner, total=total, differing=self.differing, rate=0.0)

    def _note(self, partner: str, answer: Asked | Unanswered) -> None:
        from gateway.dossiers.differences import AGREES
        from gateway.flow.reconcile import Unanswered

        if isinstance(answer, Unanswered):
            self.unanswered.append((partner, answer))
            return
        self.count += 1
        self.differing += answer.finding.kind != AGREES
        if self.as_json:
            self._kept.append(_plain(answer))
        elif answer.finding.kind != AGREES:
            click.echo(_line(answer))

    def close(self) -> None:
        """The end of the output."""
        from gateway.cli.show import print_json

        if self.as_json:
            print_json(self._kept)
        else:
            agree = self.count - self.differing
            click.echo(f"đã hỏi · asked {self.count}, khớp · agree {agree}, lệch · differ {self.differing}")
        for partner, one in self.unanswered:
            click.echo(f"{one.dossier}: {partner} không trả lời được · could not answer ({one.code})", err=True)
        if self.stopped:
            click.echo("đã dừng, phần còn lại chưa hỏi · stopped, the rest was not asked about", err=True)


@contextmanager
def _bar() -> Iterator[Progress | None]:
    """None where nobody looks on. Lines of the output stand above it if both go to the terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn("{task.fields[rate]:.0f}/s")
    differ = TextColumn("lệch · differ {task.fields[differing]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, differ, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as progress:
        yield progress


def _line(one: Asked) -> str:
    from gateway.dossiers.differences import KINDS, STATES

    vietnamese, english = KINDS[one.finding.kind]
    told = "–" if one.finding.expected is None else one.finding.expected
    words = f"{one.dossier}  đã báo · told {told}, họ nói · they say {one.says.theirs or '–'}: {vietnamese} · {english}"
    heals = "; chỉ đối tác sửa được · only the partner can mend it"
    if one.finding.plan:
        heals = f"; {len(one.finding.plan)} bản tin chữa · would heal it"
    state = f"; {' · '.join(STATES[one.state])}" if one.state else ""
    return words + heals + state


def _plain(one: Asked) -> dict[str, Any]:
    return {
        "dossier": one.dossier, "kind": one.finding.kind, "told": one.finding.expected, "theirs": one.says.theirs, "there": one.says.there,
        "since": one.says.since, "plan": [step.as_json() for step in one.finding.plan], "careful": one.finding.careful, "state": one.state,
    }  # fmt: skip

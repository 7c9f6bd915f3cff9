"""The program in which stylesheets run: `python -m mappings.engine.sandboxed`, started by `sandbox`, spoken to over its pipes.

Nothing in libxslt counts time. So the operating system does: a run that takes more of it than it may ends this process, and with it nothing
else. A process that has grown large answers once more and ends. A frame is a length (4 bytes), a letter and JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import IO, Any

from mappings.engine.stylesheet import Made, Stylesheet

CPU_SECONDS = 2.0  # of the processor, for one document
WALL_SECONDS = 15.0  # by the clock: without memory a library may wait for itself
MEMORY = 512 << 20  # address space of the process
_LARGE = 256 << 10  # KiB that it held at some time: it is replaced


def write_frame(stream: IO[bytes], letter: bytes, content: Any) -> None:
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    stream.write(len(data).to_bytes(4, "big") + letter + data)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[bytes, Any] | None:
    """None: the other side is gone."""
    head = stream.read(5)
    length = int.from_bytes(head[:4], "big")
    data = stream.read(length) if len(head) == 5 else b""
    return (head[4:], json.loads(data)) if data and len(data) == length else None


class AskedCodes:
    """The code lists, which the other side holds."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._stdin, self._stdout = stdin, stdout

    def find(self, listname: str, code: str, at: datetime | None = None) -> Mapping[str, str] | None:
        write_frame(self._stdout, b"L", [listname, code, at.isoformat() if at else None])
        frame = read_frame(self._stdin)
        if frame is None:
            raise SystemExit(0)
        row: Mapping[str, str] | None = frame[1]
        return row


def serve(stdin: IO[bytes], stdout: IO[bytes]) -> None:
    """Answers until the other side is gone. `S` a stylesheet: its version, name and files; `R`, `B`, `E` a document to run, bare, to explain."""
    sheets: dict[str, Stylesheet] = {}
    while (frame := _awaited(stdin)) is not None:
        letter, content = frame
        if letter == b"S":
            version, name, files = content
            data = {file: text.encode("utf-8", "surrogateescape") for file, text in files.items()}
            sheets[version] = Stylesheet(data, name, AskedCodes(stdin, stdout))
            continue
        sheet, document = sheets[content[0]], content[1].encode("utf-8", "surrogateescape")
        made = sheet.explain(document) if letter == b"E" else sheet.run(document, checked=letter != b"B")
        large = _most_held() > _LARGE
        write_frame(stdout, b"Z" if large else b"M", _told(made))
        if large:
            return


def _most_held() -> int:
    """KiB that this program has held at most. Not what getrusage says: there a process begins with what its parent held."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def _awaited(stdin: IO[bytes]) -> tuple[bytes, Any] | None:
    """The next request. Time counts from when it is there until the next one is waited for, so the end of the process is timed, too."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    frame = read_frame(stdin)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
    return frame


def _told(made: Made) -> Any:
    return [
        made.value,
        [[f.pointer, f.code, f.detail, f.detail_en] for f in made.faults],
        [[line.target, line.source, line.rule, line.value] for line in made.lines],
    ]


def _tell(kind: type[BaseException], _error: BaseException, trace: TracebackType | None) -> None:
    """What went wrong here and where, without values: they may be personal."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else "?"
    write_frame(sys.stdout.buffer, b"X", f"{kind.__name__}, {place}")
    os._exit(1)  # nothing is tidied up: without memory, that may never end


if __name__ == "__main__":
    sys.excepthook = _tell
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the other side decides
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)

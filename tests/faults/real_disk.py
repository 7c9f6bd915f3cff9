"""Disks that fill up: the database's, the broker's, the folder of files. Each is found full, and freed again."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.http import Http, Reply
from tests.faults.province import Province, province
from tests.faults.small_disk import SmallDisk, limit_files, may_mount
from tests.faults.table import Row, fault
from tests.faults.trial import BUS

TIMES = 3  # at scale 1
FULL_SECONDS = (3.0, 8.0)
FOLDER_BYTES, UPLOAD_BYTES = 6 << 20, 4 << 20  # one file fits, a second does not


@fault("Đĩa của cơ sở dữ liệu đầy rồi trống lại · the database's disk full under load, then freed")
def database_disk_full(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} database disk")
    times, ended = max(1, round(TIMES * scale)), 0
    with here.trial() as trial:
        for _ in range(times):
            time.sleep(dice.uniform(0.5, 2))
            with trial.outage():
                until = time.monotonic() + dice.uniform(*FULL_SECONDS)
                while time.monotonic() < until:
                    _fill(here)
                    time.sleep(0.1)
                _free(here)
                ended += _bring_up(here)
        time.sleep(2)
    disk = "a small tmpfs" if here.disk else "a limit on the size of its files (no right to mount)"
    return trial.judge(times, f"{disk}; the server gave up and was started again {ended} times")


def _fill(here: Province) -> None:
    if here.disk:
        here.disk.fill()
    else:
        limit_files(here.database.family(), 8192)


def _free(here: Province) -> None:
    if here.disk:
        here.disk.free()
    else:
        limit_files(here.database.family(), -1)


def _bring_up(here: Province) -> int:
    """A server that could not write its log ends itself, and recovers; one that cannot even recover waits for an operator. 1 if so."""
    until = time.monotonic() + 30
    while here.database.runs():
        if here.database.answers():
            return 0
        assert time.monotonic() < until, "the database neither answers nor ends"
        time.sleep(0.1)
    here.database.start()
    return 1


@fault("RabbitMQ báo hết đĩa, chặn mọi bên gửi · the broker's disk alarm blocks every publisher")
def broker_disk_alarm(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} alarm")
    times, wrong = max(1, round(TIMES * scale)), []
    with here.trial() as trial:
        for _ in range(times):
            time.sleep(dice.uniform(0.5, 2))
            node = dice.choice(here.cluster.nodes)
            node.ctl("set_disk_free_limit", "1000000GB")
            before = len(trial.sender.receipts)
            with trial.outage(BUS):
                time.sleep(dice.uniform(*FULL_SECONDS))
            if len(trial.sender.receipts) == before:
                wrong.append(f"nothing was accepted while {node.name} blocked")
            node.ctl("set_disk_free_limit", "16MB")
        time.sleep(2)
    return trial.judge(times, "accepting and delivering went on meanwhile", wrong)


@fault("Thư mục tệp đầy: từ chối rõ ràng, không để lại gì · the folder of files full: refused clearly, nothing stays")
def files_folder_full(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} files")
    wrong: list[str] = []
    with here.trial() as trial, _small_folder(here) as folder:
        first, second = (dice.randbytes(UPLOAD_BYTES) for _ in range(2))
        _expect(wrong, "with room", _upload(here, first), 201)
        with _full(here, folder):
            before = _stored(folder)
            _expect(wrong, "without room", _upload(here, second), 507, 503)
            if (after := _stored(folder)) != before:
                wrong.append(f"something of the refused file stayed: {sorted(after - before)}")
            if _known(here, second):
                wrong.append("the ledger knows the refused file")
        _expect(wrong, "with room again", _upload(here, second), 201)
        if not _known(here, second):
            wrong.append("the ledger does not know the file that was kept")
    return trial.judge(1, f"{UPLOAD_BYTES >> 20} MiB files; messages without files went on meanwhile", wrong)


@contextmanager
def _small_folder(here: Province) -> Iterator[Path]:
    """The folder of files on a small disk of its own, or as it is where we may not mount."""
    folder = here.town.home / "data" / "files"
    if not may_mount():
        yield folder
        return
    disk = SmallDisk(folder, FOLDER_BYTES)
    try:
        (folder / "incoming").mkdir()
        yield folder
    finally:
        disk.close()


@contextmanager
def _full(here: Province, folder: Path) -> Iterator[None]:
    """Full for what follows; room again afterwards."""
    if may_mount():
        yield  # the first file left too little room for the second
        for kept in folder.rglob("*"):
            if kept.is_file():
                kept.unlink()
        return
    webs = [process.pid for process in here.of_kind("web")]
    limit_files(webs, UPLOAD_BYTES // 2)
    yield
    limit_files(webs, -1)


def _upload(here: Province, content: bytes) -> Reply:
    door = Http(base_url=f"http://127.0.0.1:{here.port}", total_timeout=60)
    headers = {"Authorization": f"Bearer {here.key}", "Content-Type": "application/pdf"}
    return door.call("POST", "/api/v1/files", body=content, headers=headers)


def _expect(wrong: list[str], when: str, reply: Reply, *statuses: int) -> None:
    if reply.status not in statuses:
        wrong.append(f"an upload {when} was answered {reply.status}: {reply.excerpt(200)}")


def _stored(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def _known(here: Province, content: bytes) -> bool:
    return bool(here.database.ask("SELECT 1 FROM files WHERE sha256 = %s", hashlib.sha256(content).hexdigest()))

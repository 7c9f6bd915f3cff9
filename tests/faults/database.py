"""A PostgreSQL server that is made to suffer: restarted, killed, filled up, failed over to a copy. It listens on a loopback port."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tests.brokers import Reaper, free_port
from tests.engines import find_postgresql
from tests.faults.table import Absent

NAME = "lienthong"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # processes die here, the machine does not: the kernel keeps what they wrote
    "max_connections": "200",
    "shared_buffers": "64MB",
    "wal_level": "replica",
    "wal_keep_size": "64MB",
    "max_wal_size": "128MB",
    "archive_mode": "on",
    "archive_command": "true",  # until a copy is wanted
}


class Database:
    """One server with its own folder and port. As root it runs as the user postgres."""

    def __init__(self, folder: Path | None = None) -> None:
        binaries = find_postgresql()
        if binaries is None:
            raise Absent("PostgreSQL's server programs are not installed: `make test` installs them")
        self.binaries = (binaries / "initdb").resolve().parent  # a link may stand alone, without its neighbours
        self.port = free_port()
        self.user = "postgres" if os.geteuid() == 0 else None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="lt-db-", dir="/tmp"))
        self.folder.mkdir(exist_ok=True)
        if self.user:
            shutil.chown(self.folder, self.user)
            self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.reaper = Reaper()
        self.process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """An empty cluster with one empty database, started."""
        self._run(
            "initdb", "-D", str(self.data), "-U", NAME, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"
        )
        (self.folder / "archive").mkdir()
        if self.user:
            shutil.chown(self.folder / "archive", self.user)
        self._configure(SETTINGS)
        self.start()
        self.execute(f"CREATE DATABASE {NAME}", database="postgres")

    def _configure(self, settings: dict[str, str]) -> None:
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("".join(lines))

    def _reload(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "reload")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.binaries / program), *arguments],
            user=self.user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr}\n{self._log_tail()}"

    def _log_tail(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def start(self, seconds: float = 120) -> None:
        """The server is our own child, so that a killed one leaves no trace in the table of processes. Returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.folder)],
                user=self.user,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.reaper.watch(self.process.pid)
        until = time.monotonic() + seconds
        while not self.answers():
            assert self.process.poll() is None, f"the server ended: {self._log_tail()}"
            assert time.monotonic() < until, f"the server does not answer: {self._log_tail()}"
            time.sleep(0.05)

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn("postgres")):
                return True
        except psycopg.OperationalError:
            return False

    def runs(self) -> bool:
        """False, and forgotten, when it has ended by itself."""
        if self.process is not None and self.process.poll() is not None:
            self._forget()
        return self.process is not None

    def family(self) -> list[int]:
        assert self.process is not None
        return [self.process.pid, *_children(self.process.pid)]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: a fast shutdown. SIGQUIT: an immediate one, as a crash leaves it."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)
        self._forget()

    def kill(self) -> None:
        """kill -9 of the postmaster and of all its processes at the same moment."""
        assert self.process is not None
        family = self.family()
        for pid in family:
            _kill(pid)
        self.process.wait(20)
        until = time.monotonic() + 20
        while any(_running(pid) for pid in family):
            assert time.monotonic() < until, "the killed server does not end"
            time.sleep(0.02)
        self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        self.reaper.forget(self.process.pid)
        self.process = None

    def execute(self, statement: LiteralString, database: str = NAME) -> None:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(statement)

    def ask(self, query: LiteralString, *values: Any) -> list[tuple]:
        with psycopg.connect(self.dsn(NAME)) as connection:
            return connection.execute(query, values).fetchall()

    def dsn(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={NAME} dbname={database} connect_timeout=5"

    def copy(self, folder: Path | None = None) -> Database:
        """A standby made from a base backup, streaming, and asked before any commit is answered."""
        other = Database(folder)
        self._configure({"archive_command": f"cp %p {self.folder}/archive/%f"})
        self._reload()
        self._run(
            "pg_basebackup", "-D", str(other.data), "-R", "-X", "stream", "-c", "fast",
            "-d", f"host=127.0.0.1 port={self.port} user={NAME} application_name=copy",
        )  # fmt: skip
        # What the stream cannot give any more is restored from the archive. Promoted, it waits for nobody.
        other._configure({"restore_command": f"cp {self.folder}/archive/%f %p", "archive_command": "true"})
        other._configure({"synchronous_standby_names": ""})
        other.start()
        self._configure({"synchronous_standby_names": "*", "synchronous_commit": "on"})
        self._reload()
        until = time.monotonic() + 30
        while not self.ask("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"):
            assert time.monotonic() < until, "the copy does not follow"
            time.sleep(0.1)
        return other

    def promote(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def close(self) -> None:
        if self.process is not None:
            self.stop(signal.SIGQUIT)
        self.reaper.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def address(servers: Sequence[tuple[str, int]]) -> str:
    """The ledger's address at one server, or at several of which one takes writes."""
    if len(servers) == 1:
        host, port = servers[0]
        return f"postgresql+psycopg://{NAME}@{host}:{port}/{NAME}"
    hosts, ports = ",".join(h for h, _ in servers), ",".join(str(p) for _, p in servers)
    return f"postgresql+psycopg://{NAME}@/{NAME}?host={hosts}&port={ports}&target_session_attrs=read-write"


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _running(pid: int) -> bool:
    """A zombie that nobody has waited for yet is not running."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

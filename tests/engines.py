"""Real engines for tests: a fresh SQLite file, or a database on a PostgreSQL server that the tests start themselves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import psycopg

from gateway.ledger.schema import upgrade

_PLACES = [Path(p) for p in os.environ.get("PATH", "").split(":") if p] + sorted(
    Path("/usr/lib/postgresql").glob("*/bin"), reverse=True
)


def find_postgresql() -> Path | None:
    """The folder with `initdb`, or None when no server is installed."""
    found = next((p / "initdb" for p in _PLACES if (p / "initdb").exists()), None)
    return found.resolve().parent if found else None  # a link may stand alone, without its neighbours


class PostgreSQL:
    """One server for a test run, reached through a socket in its own folder; fsync off (unless `settings` say else), it is thrown away."""

    def __init__(self, binaries: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self.binaries = binaries
        self._killed = False
        self.folder = Path(tempfile.mkdtemp(prefix="lt-pg-", dir="/tmp"))
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
            self.folder.chmod(0o755)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "lienthong", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=200"
        for name, value in ({"fsync": "off"} | dict(settings)).items():
            options += f" -c {name}={value}"
        self._run("pg_ctl", "-D", data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        self.execute("CREATE DATABASE pattern")
        upgrade(self.url("pattern"))

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True,
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )

    def execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="lienthong", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://lienthong@/{name}?host={self.folder}"

    @property
    def pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh database with the schema in it."""
        name = f"t_{uuid4().hex}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE pattern")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def kill(self) -> None:
        """With -9, and all that belongs to it, as a host does that loses its power."""
        chief = self.pid
        for process in [chief, *map(int, Path(f"/proc/{chief}/task/{chief}/children").read_text().split())]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._killed = True

    def stop(self) -> None:
        if not self._killed:
            self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Standby:
    """A copy of a server that follows it, in a folder of its own. From then on the server says of no commit that it is done before its copy
    has it too."""

    def __init__(self, primary: PostgreSQL) -> None:
        self._primary = primary
        self.folder = Path(tempfile.mkdtemp(prefix="lt-pg-", dir="/tmp"))
        if primary._user:
            shutil.chown(self.folder, primary._user)
            self.folder.chmod(0o755)
        data = str(self.folder / "data")
        origin = ("-h", str(primary.folder), "-U", "lienthong")
        primary._run("pg_basebackup", *origin, "-D", data, "-R", "-X", "stream", "--no-sync", "-c", "fast")
        options = f"-k {self.folder} -c listen_addresses='' -c max_connections=200 -c fsync=off -c cluster_name=standby"
        primary._run("pg_ctl", "-D", data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.execute("SELECT pg_reload_conf()")

    def promote(self) -> None:
        self._primary._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "promote")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://lienthong@/{name}?host={self.folder}"

    def stop(self) -> None:
        self._primary._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

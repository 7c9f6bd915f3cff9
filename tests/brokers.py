"""Real RabbitMQ for tests: one node, or a cluster on one host, on loopback ports of its own. Nothing of it outlives the run.

Each `Cluster` has its own folder, cookie and epmd, so that it shares nothing with a service on this machine nor with the other
worker of a parallel run. Nodes are killed, wiped and started again by their number, from 0.
"""

from __future__ import annotations

import atexit
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from gateway.config import Config
from gateway.errors import AskFirst, TryLater
from gateway.http import Http
from tests.certificates import Certificates, make_certificates

START_SECONDS = 90.0  # a busy machine starts a node slowly

# One scheduler, no busy waiting, little memory set aside: several nodes share two cores.
SMALL = "+S 1:1 +SDcpu 1:1 +SDio 1 +sbwt none +sbwtdcpu none +sbwtdio none +MBlmbcs 128 +MHlmbcs 128"
LOOPBACK = "-kernel inet_dist_use_interface {127,0,0,1}"

CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
default_user = lienthong
default_pass = {password}
default_user_tags.administrator = true
loopback_users = none
management_agent.disable_metrics_collector = false
collect_statistics_interval = 1000
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 16MB
raft.wal_max_size_bytes = 16777216
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
log.file.level = info
"""


SECURE = """\
listeners.ssl.1 = 127.0.0.1:{port}
ssl_options.cacertfile = {ca}
ssl_options.certfile = {server}
ssl_options.keyfile = {server_key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
ssl_cert_login_from = common_name
"""


def find_rabbitmq() -> Path | None:
    """The folder with the real `rabbitmq-server` script (not Debian's wrapper, which wants a certain user), or None."""
    place = Path("/usr/lib/rabbitmq/bin")
    return place if (place / "rabbitmq-server").exists() else None


class Reaper:
    """Kills the process groups it was told of when this process has ended, however it ended."""

    def __init__(self) -> None:
        self._living: set[int] = set()
        script = 'while read -r line; do last=$line; done; [ -z "$last" ] || kill -9 $last'
        self._process = subprocess.Popen(
            ["sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True, stderr=subprocess.DEVNULL
        )

    def watch(self, group: int) -> None:
        self._living.add(group)
        self._tell()

    def forget(self, group: int) -> None:
        self._living.discard(group)
        self._tell()

    def _tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write((" ".join(f"-{group}" for group in sorted(self._living)) + "\n").encode())
        self._process.stdin.flush()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def free_port() -> int:
    """A port nobody listens at, from below those that the kernel gives to outgoing connections: it stays free while a node is down."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Node:
    """One broker process; made by its cluster. `port` speaks AMQP, `management_port` HTTP."""

    def __init__(self, cluster: Cluster, number: int) -> None:
        self.cluster = cluster
        self.name = f"lt{number + 1}@localhost"
        self.port, self.management_port, self.dist_port, self.tls_port = (free_port() for _ in range(4))
        self.folder = cluster.folder / f"node{number + 1}"
        self.extra: list[str] = []  # further lines of its configuration, read at the next start
        self._process: subprocess.Popen[bytes] | None = None
        self._read_from = 0  # where its log stood when it was started

    @property
    def log(self) -> Path:
        return self.folder / "log" / f"{self.name}.log"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, wait: bool = True) -> None:
        """Start the process; with `wait`, until it answers. A node of a cluster that was stopped last must be started with the others."""
        assert not self.running, f"{self.name} runs already"
        self.folder.mkdir(exist_ok=True)
        self._read_from = self.log.stat().st_size if self.log.exists() else 0
        lines = [CONFIG.format(port=self.port, management=self.management_port, password=self.cluster.password)]
        peers = [n.name for n in self.cluster.nodes]
        if len(peers) > 1:
            lines += [f"cluster_formation.classic_config.nodes.{i + 1} = {name}\n" for i, name in enumerate(peers)]
        plugins = ["rabbitmq_management"]
        if self.cluster.certificates:
            lines.append(SECURE.format(port=self.tls_port, **asdict(self.cluster.certificates)))
            plugins.append("rabbitmq_auth_mechanism_ssl")
        (self.folder / "rabbitmq.conf").write_text("".join(lines) + "\n".join(self.extra) + "\n")
        (self.folder / "plugins").write_text(f"[{','.join(plugins)}].\n")
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self.cluster.binaries / "rabbitmq-server"), "-noinput"],
                env=self.environment()
                | {"RABBITMQ_ALLOW_INPUT": "1"},  # no shell around it: our child is the broker itself
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.cluster.reaper.watch(self._process.pid)
        if wait:
            self.wait()

    def environment(self) -> dict[str, str]:
        folder, cluster = str(self.folder), self.cluster
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(cluster.folder),
            "ERL_EPMD_PORT": str(cluster.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{SMALL} {LOOPBACK}",
            "RABBITMQ_CTL_ERL_ARGS": f"+S 1:1 {LOOPBACK}",
            "RABBITMQ_CTL_DIST_PORT_MIN": str(cluster.ctl_port),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(cluster.ctl_port + 20),
        }

    def wait(self, seconds: float = START_SECONDS) -> None:
        """Until it is up. Raises `AssertionError` with the end of its log.

        One that fails is started again, as systemd would: nodes that start at the same moment may trip over each other's feature flags.
        """
        until, again = time.monotonic() + seconds, 3
        while time.monotonic() < until and (self.running or again):
            if not self.running:
                again -= 1
                self._gone()
                self.start(wait=False)
            elif self._answers():
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not answer:\n{self.log_tail()}")

    def _answers(self) -> bool:
        """It has said that all of it is up: the ports open earlier, and a virtual host added then is not started here."""
        if not self.log.exists() or b"Server startup complete" not in self.log.read_bytes()[self._read_from :]:
            return False
        try:
            return self.call("GET", "/api/overview")["node"] == self.name  # type: ignore[no-any-return]
        except (TryLater, AskFirst, Unwelcome):
            return False

    def log_tail(self, most: int = 4000) -> str:
        found = [self.folder / "output", self.log]
        return "\n".join(f.read_text(errors="replace")[-most:] for f in found if f.exists())

    def stop(self, *, wait: bool = True) -> None:
        """As a system would: SIGTERM, and (with `wait`) until it has ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        if wait:
            self.ended()

    def ended(self) -> None:
        """Wait until it has ended by itself."""
        assert self._process is not None
        self._process.wait(60)
        self._gone()

    def kill(self) -> None:
        """kill -9, children and all."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._gone()

    def pause(self) -> None:
        """The process stands still: the network is there, nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _gone(self) -> None:
        assert self._process is not None, f"{self.name} was never started"
        self.cluster.reaper.forget(self._process.pid)
        self._process = None

    def ctl(self, *arguments: str, program: str = "rabbitmqctl") -> str:
        """One command of `rabbitmqctl` (or another program) against this node; a second or two. Returns what it printed."""
        done = subprocess.run(
            [str(self.cluster.binaries / program), "-q", "-n", self.name, *arguments],
            env=self.environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def call(self, method: str, path: str, json: Any = None) -> Any:
        """One call of the management API as the administrator. Raises `Unwelcome` for an answer that is not 2xx."""
        http = Http(base_url=f"http://127.0.0.1:{self.management_port}", total_timeout=60)
        headers = {"Authorization": self.cluster.basic}
        answer = http.call(method, path, json=json, headers=headers)
        if not 200 <= answer.status < 300:
            raise Unwelcome(f"{method} {path}: HTTP {answer.status} {answer.excerpt(300)}")
        return answer.json() if answer.body else None


class Unwelcome(Exception):
    """The management API answered with an error."""


class Cluster:
    """`nodes` brokers that know each other. Started when made, unless `start` is false.

    With `secure` they also speak AMQP over TLS (`Node.tls_port`), to clients with a certificate of `certificates`.
    `extra` are further lines for every node's configuration.
    """

    def __init__(self, nodes: int = 1, *, start: bool = True, secure: bool = False, extra: Sequence[str] = ()) -> None:
        binaries = find_rabbitmq()
        assert binaries is not None, "no RabbitMQ server is installed"
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="lt-mq-", dir="/tmp"))
        self.password = secrets.token_hex(12)
        self.certificates: Certificates | None = make_certificates(self.folder / "certificates") if secure else None
        self.epmd_port, self.ctl_port = free_port(), free_port()
        self.reaper = Reaper()
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        self._epmd: subprocess.Popen[bytes] | None = subprocess.Popen(
            ["epmd", "-port", str(self.epmd_port), "-address", "127.0.0.1"],
            env={"PATH": f"{os.environ.get('PATH', '')}:/usr/bin"},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.reaper.watch(self._epmd.pid)
        atexit.register(self.close)
        self.nodes = [Node(self, number) for number in range(nodes)]
        for node in self.nodes:
            node.extra += extra
        if start:
            self.start()

    @property
    def basic(self) -> str:
        return "Basic " + b64encode(f"lienthong:{self.password}".encode()).decode()

    def start(self) -> None:
        """Start every node that is down, together, and wait until all answer and know each other."""
        down = [node for node in self.nodes if not node.running]
        for node in down:
            node.start(wait=False)
        for node in down:
            node.wait()
        self.wait_whole()

    def wait_whole(self, seconds: float = START_SECONDS) -> None:
        """Until every node that runs sees every other."""
        living, until = [n for n in self.nodes if n.running], time.monotonic() + seconds
        while not all(_sees(node, len(living)) for node in living):
            assert time.monotonic() < until, "the nodes do not find each other:\n" + self.nodes[0].log_tail()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop all at once, as systems would."""
        living = [node for node in self.nodes if node.running]
        for node in living:
            node.stop(wait=False)
        for node in living:
            node.ended()

    def kill(self) -> None:
        for node in self.nodes:
            if node.running:
                node.kill()

    def wipe(self, number: int) -> None:
        """Kill the node and destroy its disk; it stays down. `join` brings it back empty."""
        node = self.nodes[number]
        if node.running:
            node.kill()
        shutil.rmtree(node.folder / "mnesia", ignore_errors=True)

    def join(self, number: int) -> None:
        """A wiped node comes back: the others forget it, it joins empty, and the quorum queues grow onto it again."""
        node = self.nodes[number]
        other = next(n for n in self.nodes if n.running)
        other.ctl("forget_cluster_node", node.name)
        node.start()
        self.wait_whole()
        other.ctl("grow", node.name, "all", program="rabbitmq-queues")

    def addresses(self, vhost: str = "/", user: str = "", password: str = "") -> list[str]:
        """An AMQP address for each node, with the administrator's name unless another is given."""
        who = f"{user or 'lienthong'}:{password or self.password}"
        return [f"amqp://{who}@127.0.0.1:{node.port}/{quote(vhost, safe='')}" for node in self.nodes]

    def management(self, number: int = 0) -> str:
        """The management API's address, with the administrator's name and password in it."""
        return f"http://lienthong:{self.password}@127.0.0.1:{self.nodes[number].management_port}"

    def call(self, method: str, path: str, json: Any = None) -> Any:
        """One call of the management API, at the first node that runs."""
        return next(n for n in self.nodes if n.running).call(method, path, json)

    def add_vhost(self, name: str) -> None:
        """Add it, and wait until every node that runs has it."""
        until, living = time.monotonic() + START_SECONDS, sum(1 for node in self.nodes if node.running)
        while not self._has_vhost(name, living):
            assert time.monotonic() < until, f"the virtual host {name} does not start"
            time.sleep(0.05)
        self.allow("lienthong", name)

    def _has_vhost(self, name: str, living: int) -> bool:
        place = f"/api/vhosts/{quote(name, safe='')}"
        try:
            self.call("PUT", place)
            states = self.call("GET", place).get("cluster_state", {})
        except Unwelcome:  # a busy machine starts it more slowly than the broker waits for
            return False
        return list(states.values()).count("running") == living

    def add_user(self, name: str, password: str, tags: str = "") -> None:
        self.call("PUT", f"/api/users/{quote(name, safe='')}", {"password": password, "tags": tags})

    def allow(self, user: str, vhost: str, configure: str = ".*", write: str = ".*", read: str = ".*") -> None:
        place = f"/api/permissions/{quote(vhost, safe='')}/{quote(user, safe='')}"
        self.call("PUT", place, {"configure": configure, "write": write, "read": read})

    @contextmanager
    def vhost(self) -> Iterator[str]:
        """A fresh virtual host, removed afterwards with all its queues and connections."""
        name = f"t-{uuid4().hex[:12]}"
        self.add_vhost(name)
        try:
            yield name
        finally:
            if any(n.running for n in self.nodes):
                self.call("DELETE", f"/api/vhosts/{name}")

    def queue(self, vhost: str, name: str) -> dict[str, Any]:
        """What the management API tells of a queue: `leader`, `members`, `online`, `arguments`, `consumers` …"""
        return self.call("GET", f"/api/queues/{quote(vhost, safe='')}/{quote(name, safe='')}")  # type: ignore[no-any-return]

    def leader(self, vhost: str, queue: str) -> int:
        """The number of the node that leads a queue."""
        name = self.queue(vhost, queue)["leader"]
        return next(i for i, node in enumerate(self.nodes) if node.name == name)

    def close(self) -> None:
        """Kill every node and the port mapper, and remove the folder."""
        if self._epmd is None:
            return
        self.kill()
        self._epmd.kill()
        self._epmd.wait(10)
        self._epmd = None
        self.reaper.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)


def _sees(node: Node, many: int) -> bool:
    try:
        return sum(1 for other in node.call("GET", "/api/nodes") if other.get("running")) == many
    except (TryLater, AskFirst, Unwelcome):
        return False


def at_broker(home: Path, addresses: Sequence[str], **rules: Any) -> Config:
    """The shipped configuration, with the broker at these addresses; `rules` are further rows of `[rabbitmq]`."""
    config = Config(home)
    known = config.settings.rabbitmq.model_copy(update={"addresses": list(addresses), **rules})
    config.settings = config.settings.model_copy(update={"channel": "rabbitmq", "rabbitmq": known})
    return config

"""The listening socket: one of our own, or one that whoever started us holds open, so that it outlives us and nothing queued in it is lost.

Given by systemd (`LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`; of several, the one named `web`) or by `lienthong up` (`LIENTHONG_SOCKET`).
Several processes, old and new, may have the same socket: the kernel hands each connection to one of them.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator

from gateway.errors import Misconfigured

SOCKET = "LIENTHONG_SOCKET"
FIRST = 3  # systemd's first descriptor
NAME = "web"
BACKLOG = 1024


def inherited() -> socket.socket | None:
    """The socket we were given; None when there is none. Raises `Misconfigured` for one that cannot be listened at over TCP."""
    given = [os.environ.pop(name, "") for name in (SOCKET, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")]
    descriptor = _descriptor(*given)
    if descriptor is None:
        return None
    try:
        listening = socket.socket(fileno=descriptor)
        usable = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    except OSError as error:
        raise Misconfigured(
            f"ổ cắm số {descriptor} không dùng được · descriptor {descriptor}: {error.strerror}"
        ) from error
    if not usable or listening.family not in (socket.AF_INET, socket.AF_INET6):
        raise Misconfigured(
            f"ổ cắm số {descriptor} không phải TCP đang nghe · descriptor {descriptor} does not listen for TCP"
        )
    listening.set_inheritable(False)
    _notice_dead_peers(listening)
    return listening


def _descriptor(ours: str, pid: str, count: str, names: str) -> int | None:
    if ours:
        return int(ours)
    if pid != str(os.getpid()) or not count:
        return None
    if count == "1":
        return FIRST
    if NAME not in names.split(":"):
        raise Misconfigured(
            f"systemd đưa {count} ổ cắm, không cái nào tên là {NAME!r} · none of {count} sockets has FileDescriptorName={NAME}"
        )
    return FIRST + names.split(":").index(NAME)


def listen(host: str, port: int) -> socket.socket:
    """A socket of our own. Raises `OSError` when the place is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    _notice_dead_peers(listening)
    return listening


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _notice_dead_peers(listening: socket.socket) -> None:
    """Accepted connections inherit this: a peer that vanished is noticed within about a minute and a half."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 90_000)):
        if hasattr(socket, name):  # not every system has them all
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def stop_accepting(inode: int) -> None:
    """Let go of the listening socket with this inode, wherever in this process it is held, without a word to others who hold it.

    The web server cannot be told to stop accepting and yet go on answering. So each of its descriptors is made one of another socket, at
    which nobody knocks. What is queued stays for the other processes; if there are none, new connections are refused from now on.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:
        deaf.setblocking(False)
        for descriptor in _sockets():
            if _inode(descriptor) == inode:
                os.dup2(deaf.fileno(), descriptor, inheritable=False)


def open_connections(port: int) -> int:
    """How many accepted connections this process holds."""
    count = 0
    for descriptor in _sockets():
        try:
            with socket.socket(fileno=os.dup(descriptor)) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                    count += not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:
            continue  # it was closed this very moment
    return count


def inode_of(listening: socket.socket) -> int:
    return os.fstat(listening.fileno()).st_ino


def _inode(descriptor: int) -> int | None:
    try:
        return os.fstat(descriptor).st_ino
    except OSError:  # it was closed this very moment
        return None


def _sockets() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                yield int(name)
        except OSError:
            continue  # the listing's own descriptor, or one closed this very moment

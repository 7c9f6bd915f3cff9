"""The operator's files taken again while a process runs: all of it is made anew and proven beside the old, and only then takes its place.

A reading that fails changes nothing: it is told, and the process goes on by the files as they were.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING

import structlog

from gateway.channels.topology import topology
from gateway.config import Config, Settings, version_of
from gateway.errors import Misconfigured
from gateway.flow.desk import OpenDesk
from gateway.flow.gateway import Gateway, Setup

if TYPE_CHECKING:
    from gateway.flow.presence import Presence
    from gateway.ports import Desk

log = structlog.get_logger("files")

STARTED_WITH = ("data", "ledger", "channel", "rabbitmq", "reload_seconds")
STARTED_WITH_WEB = ("host", "port", "threads")


def renew(gateway: Gateway) -> Gateway:
    """A gateway by the files as they are now, on the ledger, files, channel and broker of this one. Raises `Misconfigured`."""
    config = Config(gateway.config.home)
    _check_started_with(gateway.config.settings, config.settings)
    new = copy(gateway)
    new.take(config)
    prove(new, lambda name: OpenDesk(new, config.partners[name]))
    new.notices.prove()
    return new


def prove(setup: Setup, desk_of: Callable[[str], Desk] | None = None) -> None:
    """Make once everything that the files lead to, so that what is wrong is found now. Nobody is called. Raises `Misconfigured`."""
    routed = {name for route in setup.config.routes for name in route.to}
    wrong: list[str] = []
    for name in setup.partners:
        try:
            _prove_calls(setup, name, name in routed)
            if setup.config.partners[name].poll_seconds is not None:
                _prove_feed(setup, name, desk_of)
        except Misconfigured as error:  # told with those of the other partners
            wrong.append(f"config/partners/{name}.toml: {error}")
    if wrong:
        raise Misconfigured("\n".join(wrong))


def _prove_calls(setup: Setup, name: str, routed: bool) -> None:
    partner = setup.partners[name]
    kind = setup.kinds[partner.connector]
    if routed and not kind.delivers:
        raise Misconfigured(f"a route leads to it, but the connector {kind.name!r} cannot deliver")
    for make in (kind.outbound, kind.hooks):
        if make is not None:
            make(partner)


def _prove_feed(setup: Setup, name: str, desk_of: Callable[[str], Desk] | None) -> None:
    partner = setup.partners[name]
    kind = setup.kinds[partner.connector]
    if kind.desk_poller is not None:
        if desk_of is not None:
            kind.desk_poller(partner, desk_of(name))
    elif kind.poller is not None:
        kind.poller(partner, setup.translate)
    else:
        raise Misconfigured(f"it has poll_seconds, but its connector {kind.name!r} reads no feed")


def _check_started_with(before: Settings, now: Settings) -> None:
    changed = [name for name in STARTED_WITH if getattr(before, name) != getattr(now, name)]
    changed += [f"web.{name}" for name in STARTED_WITH_WEB if getattr(before.web, name) != getattr(now.web, name)]
    if changed:
        raise Misconfigured(
            f"gateway.toml: {', '.join(changed)}: chỉ có hiệu lực khi khởi động lại tiến trình · takes effect only when the process is started anew"
        )


class Renewal:
    """Waits to be asked, or looks by itself, and hands each good reading to `take`, one after the other, in a thread of its own."""

    def __init__(self, gateway: Gateway, take: Callable[[Gateway], None], presence: Presence) -> None:
        self._gateway = gateway
        self._take = take
        self._presence = presence
        self._asked = threading.Event()
        self._ended = threading.Event()
        self._seen = gateway.config.version  # of the last reading, good or not
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def start(self) -> None:
        self._presence.tell(self._gateway.config.version)
        self._thread.start()

    def ask(self) -> None:
        """Read the files again. May be called from a signal handler."""
        self._asked.set()

    def end(self) -> None:
        """A reading under way is finished first."""
        self._ended.set()
        self._asked.set()
        self._thread.join()
        self._presence.leave()

    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        seconds = self._gateway.config.settings.reload_seconds
        before = self._seen
        while not self._ended.is_set():
            asked = self._asked.wait(seconds or None)
            self._asked.clear()
            if self._ended.is_set():
                return
            version = self._version()
            if not asked:  # taken once they are the same at two looks: an editor may be half way through
                settled, before = version == before, version
                if version == self._seen or not settled:
                    continue
            self._read(version)

    def _version(self) -> str:
        """Of the files now; one that comes and goes while they are read makes it another one at the next look."""
        try:
            return version_of(self._gateway.config.folder)
        except OSError as error:
            return f"unreadable: {error}"

    def _read(self, version: str) -> None:
        before = self._gateway.config.version
        try:
            new = renew(self._gateway)
            self._take(new)
        except Misconfigured as error:
            self._seen = version
            log.error("files_refused", version=version, goes_on_by=before, error=str(error))
            self._presence.tell(before, refused=str(error))
            return
        except Exception as error:  # it may pass, as a ledger that is away does: looked at again at the next turn
            log.exception("files_failed", version=version, goes_on_by=before)
            self._presence.tell(before, refused=f"{type(error).__name__}: {error}")
            return
        self._gateway, self._seen = new, new.config.version
        if new.broker is not None:
            new.broker.declare(topology(new.config))
        log.info("files_taken", version=self._seen)
        self._presence.tell(self._seen)

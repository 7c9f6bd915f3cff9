"""RabbitMQ's management HTTP API: an agency's user, and what the broker really holds."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from gateway.channels.permissions import NEVER, Permission, permission
from gateway.channels.topology import EVENTS
from gateway.config import PartnerFile, RabbitMQ, resolve_secrets
from gateway.errors import Misconfigured, NotFound, TryLater
from gateway.http import Http, Reply

TAG = "lienthong-agency"  # on every user made here: others are never changed
PLACE = "config/gateway.toml: rabbitmq"


@dataclass(frozen=True, slots=True)
class Access:
    """An agency's user as the broker knows it. `permission` is None when it has none in our virtual host."""

    user: str
    permission: Permission | None
    connections: int


class Management:
    """One broker (any node of it), in the virtual host that the gateway itself uses.

    Every method raises `TryLater` or `AskFirst` when the API does not answer or answers with an error. All that is done here may be
    done again. Raises `Misconfigured` when `[rabbitmq]` names no management address.
    """

    def __init__(self, settings: RabbitMQ) -> None:
        rules = resolve_secrets(settings.model_dump(), PLACE)
        if not rules["management"]:
            raise Misconfigured(
                f"{PLACE}: cần `management`, địa chỉ API quản trị của RabbitMQ · wants `management`, the address of RabbitMQ's management API"
            )
        address = urlsplit(rules["management"])
        broker = urlsplit(rules["addresses"][0])
        self._own = {unquote(address.username or ""), unquote(broker.username or "guest")}
        self._vhost = quote(unquote(broker.path[1:]) or "/", safe="")
        who = f"{unquote(address.username or '')}:{unquote(address.password or '')}".encode()
        self.address = f"{address.scheme}://{address.netloc.rpartition('@')[2]}"
        self._http = Http(
            base_url=self.address,
            total_timeout=20,
            max_bytes=64 << 20,
            ca_file=rules["ca_file"] or None,
            headers={"Authorization": "Basic " + b64encode(who).decode()},
        )

    # ── agencies' users ─────────────────────────────────────────────────────────────────────────────────────────

    def give_access(self, partner: PartnerFile) -> str:
        """Make the agency's user, or give it a new password; set what it may do; return the password. The old one ends at once.

        Raises `Misconfigured` when the partner may do nothing here, or when its name is that of a user we did not make.
        """
        if not partner.amqp.inbox and not partner.amqp.events:
            raise Misconfigured(
                f"config/partners/{partner.id}.toml: [amqp] chưa cho phép gì (inbox, events) · [amqp] allows nothing yet (inbox, events)"
            )
        self._refuse_strangers(partner.id)
        password = secrets.token_urlsafe(32)
        self._call("PUT", f"/api/users/{partner.id}", {"password": password, "tags": TAG})
        self._permit(partner)
        self._hang_up(partner.id)
        return password

    def keep_access(self, partner: PartnerFile) -> None:
        """Set what the agency's user may do; its password stays. Raises `NotFound`, and `Misconfigured` for a user we did not make."""
        if not self._refuse_strangers(partner.id):
            raise no_user(partner.id)
        self._permit(partner)
        self._hang_up(partner.id)  # what it may do is asked when a channel begins to use a thing, and remembered

    def _permit(self, partner: PartnerFile) -> None:
        """What the partner's file allows, and no more. The keys come first: without a word on them all may be bound."""
        rights = permission(partner)
        keys = {"exchange": EVENTS, "write": NEVER, "read": rights.bind}
        self._call("PUT", f"/api/topic-permissions/{self._vhost}/{partner.id}", keys)
        names = {"configure": rights.configure, "write": rights.write, "read": rights.read}
        self._call("PUT", f"/api/permissions/{self._vhost}/{partner.id}", names)

    def take_access(self, user: str) -> bool:
        """Remove the agency's user and hang up on it; False when there was none. Raises `Misconfigured` for a user we did not make."""
        self._refuse_strangers(user)
        reply = self._call("DELETE", f"/api/users/{user}", absent=True)
        self._hang_up(user)
        return reply is not None

    def accesses(self) -> Sequence[Access]:
        """Every user that was made here."""
        ours = [u["name"] for u in self._read("/api/users") if TAG in _tags(u)]
        plain = {p["user"]: p for p in self._read(f"/api/vhosts/{self._vhost}/permissions")}
        topics = {
            p["user"]: p for p in self._read(f"/api/vhosts/{self._vhost}/topic-permissions") if p["exchange"] == EVENTS
        }
        connected = [c.get("user") for c in self._read(f"/api/vhosts/{self._vhost}/connections")]
        return [Access(u, _permission(plain.get(u), topics.get(u)), connected.count(u)) for u in sorted(ours)]

    def _refuse_strangers(self, user: str) -> bool:
        """Is there such a user? Raises `Misconfigured` for one we did not make."""
        found = self._call("GET", f"/api/users/{user}", absent=True)
        if user in self._own or (found is not None and TAG not in _tags(found.json())):
            raise Misconfigured(
                f"RabbitMQ đã có người dùng {user!r} không do lệnh này tạo ra; không đụng đến · "
                f"RabbitMQ has a user {user!r} that was not made here; left alone"
            )
        return found is not None

    def _hang_up(self, user: str) -> None:
        """Whoever is in with the old password goes."""
        self._call("DELETE", f"/api/connections/username/{user}", absent=True)

    # ── what there is ───────────────────────────────────────────────────────────────────────────────────────────

    def queues(self) -> Sequence[Mapping[str, Any]]:
        """Name, arguments, messages, consumers, members, online …: see RabbitMQ's own documentation."""
        return self._read(f"/api/queues/{self._vhost}")

    def exchanges(self) -> Sequence[Mapping[str, Any]]:
        return self._read(f"/api/exchanges/{self._vhost}")

    def bindings(self) -> Sequence[Mapping[str, Any]]:
        """Source, destination, destination_type, routing_key; without those of the default exchange."""
        return [b for b in self._read(f"/api/bindings/{self._vhost}") if b["source"]]

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        return self._read("/api/nodes")

    def _read(self, path: str) -> Sequence[Mapping[str, Any]]:
        reply = self._call("GET", path)
        found: list[Mapping[str, Any]] = reply.json() if reply is not None else []
        return found

    def _call(self, method: str, path: str, json: Any = None, *, absent: bool = False) -> Reply | None:
        """None for a 404 where `absent` may be."""
        reply = self._http.call(method, path, json=json)
        if 200 <= reply.status < 300:
            return reply
        if absent and reply.status == 404:
            return None
        words = {401: "sai mật khẩu quản trị · wrong management password", 404: "không có · not there"}
        raise TryLater(
            f"{self.address}: {method} {path}: HTTP {reply.status} {words.get(reply.status, reply.excerpt(200))}",
            code=str(reply.status),
        )


def no_user(name: str) -> NotFound:
    return NotFound.of("", "no-user", f"RabbitMQ không có tài khoản {name}", f"RabbitMQ has no user {name}")


def _tags(user: Mapping[str, Any]) -> Sequence[str]:
    """A list since RabbitMQ 3.9, a text with commas before."""
    tags: str | list[str] = user["tags"]
    return tags.split(",") if isinstance(tags, str) else tags


def _permission(plain: Mapping[str, str] | None, topic: Mapping[str, str] | None) -> Permission | None:
    if plain is None:
        return None
    # without a topic permission every key may be bound
    return Permission(plain["configure"], plain["write"], plain["read"], topic["read"] if topic else "")

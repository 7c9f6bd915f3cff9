"""What the broker holds against what the operator's files ask for. Every difference is a sentence in both languages, with its cure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.channels.management import Management
from gateway.channels.permissions import covers, permission
from gateway.channels.topology import (
    DEAD,
    EVENTS,
    UNREAD,
    Topology,
    events_of,
    inbox_of,
    reply_of,
    send_of,
    tickets_of,
    topology,
)
from gateway.config import Config

_OURS = tuple(of("") for of in (tickets_of, inbox_of, reply_of, events_of, send_of))
MOST_MEMBERS = 3  # RabbitMQ puts a quorum queue on three nodes unless told otherwise

Rows = Mapping[str, Mapping[str, Any]]


def inspect(config: Config, management: Management) -> Iterator[str]:
    """Every difference. Raises `TryLater` or `AskFirst` when the management API does not answer."""
    wanted = topology(config)
    queues = {row["name"]: row for row in management.queues()}
    exchanges = {row["name"]: row for row in management.exchanges()}
    bindings = {
        (row["source"], row["routing_key"], row["destination"], row["destination_type"])
        for row in management.bindings()
    }
    nodes = sum(1 for node in management.nodes() if node.get("running"))
    yield from _exchanges(wanted, exchanges)
    yield from _queues(wanted, queues)
    yield from _bindings(config, wanted, bindings)
    yield from _members(wanted, queues, nodes)
    yield from _waiting(wanted, queues)
    yield from _unattended(config, queues)
    yield from _users(config, management)


def _exchanges(wanted: Topology, real: Rows) -> Iterator[str]:
    for one in wanted.exchanges:
        if one.name not in real:
            yield f"thiếu exchange {one.name}: khởi động lại lienthong work · the exchange is missing: start lienthong work again"
        elif real[one.name]["type"] != one.kind:
            yield f"exchange {one.name}: kiểu {real[one.name]['type']}, cần · type, wanted {one.kind}: xóa để tạo lại · delete it, it is made again"
    for name in sorted(real.keys() - {one.name for one in wanted.exchanges}):
        if name.startswith(_OURS):
            yield f"exchange {name}: thừa, không còn trong cấu hình: xóa đi · not in the files any more: delete it"


def _queues(wanted: Topology, real: Rows) -> Iterator[str]:
    for one in wanted.queues:
        if one.name not in real:
            yield f"thiếu hàng đợi {one.name}: khởi động lại lienthong work · the queue is missing: start lienthong work again"
            continue
        there = real[one.name]["arguments"]
        differ = [
            f"{name} = {there.get(name, '–')}, cần · wanted {one.arguments.get(name, '–')}"
            for name in sorted(there.keys() | one.arguments.keys())
            if there.get(name) != one.arguments.get(name)
        ]
        if differ:
            yield f"hàng đợi {one.name}: {'; '.join(differ)}: làm cạn rồi xóa để tạo lại · drain and delete it, it is made again"
    for name in sorted(real.keys() - {one.name for one in wanted.queues}):
        if name.startswith(_OURS):
            yield f"hàng đợi {name}: thừa, không còn trong cấu hình · not in the files any more ({_messages(real[name])} bản tin · messages)"


def _bindings(config: Config, wanted: Topology, real: set[tuple[str, str, str, str]]) -> Iterator[str]:
    asked = {(source, key, queue.name, "queue") for queue in wanted.queues for source, key in queue.bindings}
    present = {queue.name for queue in wanted.queues}
    for source, key, name, _ in sorted(asked - real):
        yield f"thiếu liên kết · a binding is missing: {source} {key!r} → {name}: khởi động lại lienthong work · start lienthong work again"
    exchanges = {exchange.name for exchange in wanted.exchanges}
    for source, key, name, kind in sorted(real - asked):
        if source not in exchanges and name not in (present if kind == "queue" else exchanges):
            continue  # between things that are not ours
        if not (source == EVENTS and kind == "queue" and _may_bind(config, name, key)):
            yield f"liên kết thừa · a binding too many: {source} {key!r} → {kind} {name}: gỡ đi · remove it"


def _may_bind(config: Config, queue: str, key: str) -> bool:
    """An agency bound its own queue to less than it may have."""
    rows = [row for name, row in config.partners.items() if events_of(name) == queue]
    return any(covers(allowed, key) for row in rows for allowed in row.amqp.events)


def _members(wanted: Topology, real: Rows, nodes: int) -> Iterator[str]:
    for name in (queue.name for queue in wanted.queues if queue.name in real):
        members, online = real[name].get("members", []), real[name].get("online", [])
        if 2 * len(online) <= len(members):
            yield (
                f"hàng đợi {name}: chỉ {len(online)} trên {len(members)} máy đang chạy, không đủ đa số · "
                "too few of its nodes are up, it takes nothing"
            )
        elif len(members) < min(nodes, MOST_MEMBERS):
            yield (
                f"hàng đợi {name}: chỉ nằm trên {len(members)} trên {nodes} máy · it lives on too few of the nodes: "
                "rabbitmq-queues grow <node> all"
            )


def _waiting(wanted: Topology, real: Rows) -> Iterator[str]:
    dead = _messages(real.get(DEAD, {}))
    if dead:
        yield f"{dead} bản tin chết trong hàng đợi {DEAD}: cơ quan chưa được trả lời · dead letters: their senders have no answer (docs/amqp.md)"
    unread = _messages(real.get(UNREAD, {}))
    if unread:
        yield f"{unread} sự kiện trong hàng đợi {UNREAD}: có cơ quan không đọc kịp · events that an agency did not take in time (docs/amqp.md)"
    for one in wanted.queues:
        most = one.arguments.get("x-max-length")
        if most and one.arguments.get("x-overflow") != "reject-publish" and _messages(real.get(one.name, {})) >= most:
            yield f"hàng đợi {one.name}: đầy ({most}), đang bỏ cái cũ nhất · full, it drops its oldest"


def _unattended(config: Config, real: Rows) -> Iterator[str]:
    routed = {to for route in config.routes for to in route.to if to in config.partners}
    names = [tickets_of(name) for name in sorted(routed)]
    names += [inbox_of(name) for name, row in config.partners.items() if row.amqp.inbox]
    for name in names:
        if name in real and not real[name].get("consumers", 0):
            yield f"hàng đợi {name}: không có ai đọc: lienthong work có đang chạy không? · nobody reads it: is lienthong work running?"


def _users(config: Config, management: Management) -> Iterator[str]:
    accesses = {access.user: access for access in management.accesses()}
    for name, row in config.partners.items():
        if not row.amqp.inbox and not row.amqp.events:
            continue
        if name not in accesses:
            yield f"{name}: chưa có người dùng RabbitMQ · no user at the broker: lienthong partners amqp add {name}"
        elif accesses[name].permission != permission(row):
            yield f"{name}: quyền trên RabbitMQ khác cấu hình · other permissions than the files give: lienthong partners amqp add --keep {name}"
    for name in sorted(accesses):
        known = config.partners.get(name)
        if known is None or not (known.amqp.inbox or known.amqp.events):
            yield f"{name}: người dùng RabbitMQ thừa · a user too many at the broker: lienthong partners amqp remove {name}"


def _messages(row: Mapping[str, Any]) -> int:
    found: int = row.get("messages", 0)
    return found

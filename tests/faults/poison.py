"""A message that blows something up: it is parked, held or buried alone, and everything else flows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from gateway.canonical.cloudevents import event_type, write_headers
from gateway.channels.topology import DEAD
from gateway.errors import Fault, Refused
from gateway.ledger.tables import OPEN, deliveries, messages
from gateway.ports import Line, Publication
from tests.faults.grounds import ENGINES, SOURCE, TYPES, fresh
from tests.faults.table import Row, fault, seeds
from tests.faults.verdict import Tally, Verdict
from tests.faults.world import Process, World
from tests.house import dossier

ROUNDS = 40  # of the inbox: more than the broker gives one message out


class Bomb:
    """A mapping with a fault in it: it blows up on the messages in `poisoned`, each in its own way."""

    name = "bomb"
    version = "1"
    lists: Sequence[str] = ()

    def __init__(self) -> None:
        self.poisoned: dict[str, Exception] = {}

    def translate(self, document: Any) -> Any:
        error = self.poisoned.get(document["message"]["id"])
        if error is not None:
            raise error
        return document["message"]

    def explain(self, document: Any) -> Sequence[Line]:
        return []


@fault("Tin độc: ánh xạ, đầu nối, tin đọc về, hộp thư đến · poison for a mapping, a connector, a feed, an inbox")
def poison(seed: int, scale: float) -> Row:
    tally, parked = Tally("poison"), 0
    for one in seeds(seed, scale, 12):
        with fresh(ENGINES[one % 2]) as url:
            world = World(url, one, habits=["teller", "upsert"], dossiers=10, longest=4, trouble=0.0)
            try:
                verdict, count = _dinner(world)
                parked += count
                tally.add(one, verdict)
            finally:
                world.close()
    return tally.row(f"{parked} lượt gửi chờ người, rồi được sửa · deliveries parked, and mended then")


def _dinner(world: World) -> tuple[Verdict, int]:
    """Of ten dossiers three messages are poison at a destination; polled items are for nobody; one inbox message is for the dead letters."""
    bomb = Bomb()
    world.translations["bomb"] = bomb
    row = world.config.partners["upsert"]
    world.config.partners["upsert"] = row.model_copy(update={"mappings": {kind: {"message": "bomb"} for kind in TYPES}})
    world.attended = False
    while not world.sender.done:
        world.let(0, Process.accept)
    unmapped, unmappable, exploding = world.dice.sample(sorted(world.sender.receipts), 3)
    no = Fault("/message", "no", "không dịch được", "cannot be translated")
    bomb.poisoned = {unmapped: Refused([no]), unmappable: KeyError("a fault of the mapping")}
    world.partners["teller"].poisoned = {exploding}
    world.post.publish_odd()
    world.post.publish("000.00.01.H99-260105-9999", "accepted")  # nobody knows this dossier
    wrong = _inbox(world, bomb)
    wrong += world.calm()
    parked, more = _still_open(world, {(unmapped, "upsert"), (unmappable, "upsert"), (exploding, "teller")})
    wrong += more
    bomb.poisoned, world.partners["teller"].poisoned, world.attended = {}, set(), True
    _publish(world, 9001)
    wrong += world.calm()
    verdict = world.verdict()
    verdict.wrong += wrong
    return verdict, parked


def _inbox(world: World, bomb: Bomb) -> list[str]:
    """The second of three blows our own code up. The first and the third get their receipts, the second goes to the dead letters."""
    bomb.poisoned["sub-000.00.01.H99-260105-9001"] = KeyError("a fault of ours")
    for number in (9000, 9001, 9002):
        _publish(world, number)
    for _ in range(ROUNDS):
        world.let(0, Process.read_inbox)
    world.sender.hear(world.agency)
    taken = [number for number in (9000, 9001, 9002) if dossier(number)["id"] in world.sender.receipts]
    buried = [kept.publication.id for kept in world.broker.boxes[DEAD].waiting]
    if (taken, buried) != ([9000, 9002], [dossier(9001)["id"]]):
        return [f"the inbox took {taken}; buried are {buried}"]
    return []


def _publish(world: World, number: int) -> None:
    body = dossier(number)
    event = {"specversion": "1.0", "id": body["id"], "source": "/mot-cua", "type": event_type(body["type"])}
    world.sender.posted[body["id"]] = body
    raw = json.dumps(body, ensure_ascii=False).encode()
    world.agency.publish(
        [Publication(f"send.{SOURCE}", f"inbox.{SOURCE}", raw, body["id"], headers=write_headers(event))], 1
    )


def _still_open(world: World, poisoned: set[tuple[str, str]]) -> tuple[int, list[str]]:
    """Only what is poisoned is parked, and only what is behind it in its lane waits."""
    statement = (
        select(deliveries.c.state, deliveries.c.destination, deliveries.c.dossier, messages.c.source_id)
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .where(deliveries.c.state.in_(OPEN))
    )
    with world.ledger.read() as connection:
        rows = connection.execute(statement).all()
    parked = {(row.source_id, row.destination) for row in rows if row.state == "parked"}
    lanes = {(row.dossier, row.destination) for row in rows if row.state == "parked"}
    wrong = [
        f"{row.source_id} waits at {row.destination} behind nothing"
        for row in rows
        if (row.dossier, row.destination) not in lanes
    ]
    if not parked <= poisoned or len(lanes) != len(parked):
        wrong.append(f"parked are {sorted(parked)}, poisoned were {sorted(poisoned)}")
    return len(parked), wrong

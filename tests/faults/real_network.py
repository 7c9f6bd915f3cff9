"""The network between the gateway and its database, its broker, its partners: cut, silent, one-way, dripping."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.e2e.town import partner_addresses
from tests.faults.cut import Cut, Mode
from tests.faults.database import address
from tests.faults.province import Province, province
from tests.faults.table import Row, fault
from tests.faults.trial import BUS

MODES: Sequence[Mode] = ("cut", "silent", "half", "drip")
TIMES = 3  # of each mode, at scale 1
SECONDS = (2.0, 8.0)
BREATH = (0.5, 3.0)


@fault(
    "Mạng tới cơ sở dữ liệu đứt, im, một chiều, nhỏ giọt · the network to the database cut, silent, one-way, dripping"
)
def network_to_database(seed: int, scale: float) -> Row:
    here = province()
    with _through(here, [("127.0.0.1", here.database.port)]) as cuts:
        more = {"LIENTHONG_LEDGER": address([("127.0.0.1", cuts[0].port)])}
        return _suffer(here, cuts, more, random.Random(f"{seed} to database"), scale)


@fault("Mạng tới RabbitMQ đứt, im, một chiều, nhỏ giọt · the network to the broker cut, silent, one-way, dripping")
def network_to_broker(seed: int, scale: float) -> Row:
    here = province()
    with _through(here, [("127.0.0.1", node.port) for node in here.cluster.nodes]) as cuts:
        more = {}
        for name, node, cut in zip(here.broker_names, here.cluster.nodes, cuts, strict=True):
            more[name] = here.town.environment[name].replace(f":{node.port}/", f":{cut.port}/")
        return _suffer(here, cuts, more, random.Random(f"{seed} to broker"), scale, [BUS])


@fault("Mạng tới đối tác đứt, im, một chiều, nhỏ giọt · the network to the partners cut, silent, one-way, dripping")
def network_to_partners(seed: int, scale: float) -> Row:
    here = province()
    places = {connector: urlsplit(url) for connector, url in here.town.urls.items()}
    targets = [(str(place.hostname), int(place.port or 80)) for place in places.values()]
    with _through(here, targets) as cuts:
        urls = {connector: f"http://127.0.0.1:{cut.port}" for connector, cut in zip(places, cuts, strict=True)}
        return _suffer(here, cuts, partner_addresses(urls), random.Random(f"{seed} to partners"), scale)


@contextmanager
def _through(here: Province, targets: Sequence[tuple[str, int]]) -> Iterator[list[Cut]]:
    cuts = [Cut(target) for target in targets]
    try:
        yield cuts
    finally:
        for cut in cuts:
            cut.set("through")
        here.restart()
        for cut in cuts:
            cut.close()


def _suffer(
    here: Province,
    cuts: Sequence[Cut],
    more: Mapping[str, str],
    dice: random.Random,
    scale: float,
    needed_by: Sequence[str] = (),
) -> Row:
    """The processes call through the cuts; each mode comes `TIMES` times, in any order."""
    here.restart(more)
    modes = list(MODES) * max(1, round(TIMES * scale))
    dice.shuffle(modes)
    with here.trial() as trial:
        for mode in modes:
            time.sleep(dice.uniform(*BREATH))
            with trial.outage(*needed_by):
                _harm(cuts, mode, dice.uniform(*SECONDS))
        time.sleep(dice.uniform(*BREATH))
    return trial.judge(len(modes), f"each {len(modes) // len(MODES)} times, 2 to 8 s")


def _harm(cuts: Sequence[Cut], mode: Mode, seconds: float) -> None:
    for cut in cuts:
        cut.set(mode)
    time.sleep(seconds)
    for cut in cuts:
        cut.set("through")

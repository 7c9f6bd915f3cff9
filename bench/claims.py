"""Taking and settling alone, timed: a process that leases lanes and writes them down as delivered, with nobody to call in between."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

from gateway.config import Delivery
from gateway.flow.settle import Tried, settle
from gateway.ledger import lanes, open_ledger
from gateway.message import utc_now
from gateway.ports import Receipt
from gateway.signals import set_up_logging

DESTINATION = "portal"
POLICY = Delivery()


def drain(url: str, most: int) -> dict[str, Any]:
    """Take `most` lanes at a time from the ledger at `url` until none is due. Milliseconds of every taking and of every settling."""
    ledger = open_ledger(url, pool=2)
    takes: list[float] = []
    settles: list[float] = []
    count, begun, worked = 0, time.perf_counter(), time.process_time()
    while True:
        now, at = utc_now(), time.perf_counter()
        with ledger.write() as connection:
            lanes.may_send(connection, DESTINATION, now, POLICY.lease_seconds)
            leases = lanes.take(
                connection, DESTINATION, most, worker="bench", now=now, lease_seconds=POLICY.lease_seconds
            )
        taken = time.perf_counter()
        if not leases:
            break
        settle(ledger, DESTINATION, [Tried(x, "send", Receipt("0", "{}")) for x in leases], POLICY, utc_now())
        takes.append(1000 * (taken - at))
        settles.append(1000 * (time.perf_counter() - taken))
        count += len(leases)
    seconds = time.perf_counter() - begun
    ledger.close()
    return {"lanes": count, "seconds": seconds, "cpu": time.process_time() - worked, "takes": takes, "settles": settles}


def percentile(values: Sequence[float], per_cent: int) -> float:
    return sorted(values)[len(values) * per_cent // 100]


def main() -> None:
    """Reads one JSON line {ledger, most} from standard input, prints the result as JSON."""
    set_up_logging(level=logging.WARNING)  # a line for each lane would be the measurement
    order = json.loads(sys.stdin.readline())
    print(json.dumps(drain(order["ledger"], order["most"])))


if __name__ == "__main__":
    main()

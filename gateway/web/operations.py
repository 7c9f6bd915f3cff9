"""For those who run the gateway: is it alive, is it ready, how is it doing. None of it tells anything of a dossier.

`lienthong_waiting`, `_oldest_undelivered_seconds`, `_held_total`, `_breaker_open`, `_incidents_open` and `_notices_unsent` are read from the
ledger at each scrape, through its partial indexes. `_accepted_total` and `_delivered_total` are running totals (`gateway.ledger.metrics`)
that begin with the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Response

from gateway.errors import Misconfigured
from gateway.flow.gateway import Gateway
from gateway.flow.herald import GIVEN_UP_SHOWN
from gateway.ledger import incidents, metrics, queries
from gateway.ledger.opening import LedgerAway
from gateway.ledger.schema import require_schema
from gateway.web.here import answer, gateway, house
from gateway.web.problems import answer_status

operations = Blueprint("operations", __name__)


@operations.get("/healthz")
def live() -> Response:
    """This process answers. Nothing else is asked: a ledger that is away is no reason to start the process again."""
    return answer({"alive": True})


@operations.get("/readyz")
def ready() -> Response:
    """The ledger answers and has a schema this program can work with. A broker that is away is told, and no reason to send callers elsewhere:
    what is accepted waits in the ledger."""
    state = {"broker": _broker()} if gateway().broker else {}
    try:
        revision = require_schema(gateway().ledger)
    except LedgerAway:
        return _unready("away", "5", state, "sổ cái không trả lời", "the ledger does not answer")
    except Misconfigured:
        words = "lược đồ sổ cái khác phiên bản chương trình", "the ledger's schema is not this program's"
        return _unready("schema", "30", state, *words)
    return answer({"ready": True, "schema_revision": revision, "ledger": "there", **state})


def _unready(ledger: str, later: str, state: Mapping[str, Any], words: str, words_en: str) -> Response:
    return answer_status(503, words, words_en, {"Retry-After": later}, ready=False, ledger=ledger, **state)


def _broker() -> str:
    """there | blocked (it takes no messages just now) | away"""
    broker = gateway().broker
    state = broker.state() if broker else None
    if state is None or not state.connected:
        return "away"
    return "blocked" if state.blocked else "there"


@operations.get("/metrics")
def tell_metrics() -> Response:
    """Prometheus text."""
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    return Response(generate_latest(house().gauges), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Gauges:
    """A collector for prometheus_client: it has `collect`, and asks the ledger each time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._accepted = metrics.accepted()
        self._delivered = metrics.delivered()
        self._destinations = sorted({d for route in gateway.config.routes for d in route.to})
        with gateway.ledger.read() as connection:  # totals count from here on
            self._accepted.count(connection)
            self._delivered.count(connection)

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        with self._gateway.ledger.read() as connection:
            backlogs = queries.backlogs(connection)
            breakers = queries.breaker_rows(connection)
            held = queries.held_count(connection)
            accepted = self._accepted.count(connection)
            delivered = self._delivered.count(connection)
            open_incidents = incidents.count_open(connection)
            unsent = incidents.count_notices(connection, self._gateway.now() - GIVEN_UP_SHOWN)
        names = sorted({*self._destinations, *backlogs, *breakers})
        waiting = GaugeMetricFamily(
            "lienthong_waiting", "Deliveries not done, by state", labels=["destination", "state"]
        )
        oldest = GaugeMetricFamily(
            "lienthong_oldest_undelivered_seconds", "Age of the oldest delivery not done", labels=["destination"]
        )
        opened = GaugeMetricFamily("lienthong_breaker_open", "1 while nothing is sent there", labels=["destination"])
        now = self._gateway.now()
        for name in names:
            backlog = backlogs.get(name, queries.Backlog({}, None))
            for state in ("waiting", "in_doubt", "parked"):
                waiting.add_metric([name, state], backlog.counts.get(state, 0))
            oldest.add_metric([name], (now - backlog.oldest).total_seconds() if backlog.oldest else 0)
            opened.add_metric([name], int(name in breakers and breakers[name].state != "closed"))
        yield from (waiting, oldest, opened)
        troubles = GaugeMetricFamily(
            "lienthong_incidents_open", "Incidents that are open, by trouble", labels=["trouble", "owner"]
        )
        for (trouble, owner), count in sorted(open_incidents.items()):
            troubles.add_metric([trouble, owner], count)
        notices = GaugeMetricFamily(
            "lienthong_notices_unsent",
            "Notices of incidents not sent: new, tried in vain, given up this week",
            labels=["state"],
        )
        for state, count in unsent.items():
            notices.add_metric([state], count)
        yield from (troubles, notices)
        yield CounterMetricFamily("lienthong_held", "Messages kept that moved nothing", value=held)
        yield _counter(CounterMetricFamily, "lienthong_accepted", "Messages accepted", ["source", "type"], accepted)
        yield _counter(
            CounterMetricFamily, "lienthong_delivered", "Deliveries that ended well", ["destination"], delivered
        )


def _counter(family: Any, name: str, words: str, labels: list[str], totals: Any) -> Any:
    made = family(name, words, labels=labels)
    for values, total in sorted(totals.items()):
        made.add_metric(list(values), total)
    return made

"""Found when the fault "clock skew" was written: how fresh an event of the post is was judged by our host's clock.

Five minutes ahead, the feed's newest seconds were read at once, and an event that appeared among them a moment later was stepped over for ever.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from connectors.vnpost_hcc.client import Client
from connectors.vnpost_hcc.inbound import Feed
from connectors.vnpost_hcc.simulator import VnpostTwin
from gateway.simulation import Request, Response, Serve
from tests.connectors.replay import DOSSIER
from tests.connectors.test_vnpost_hcc import OUTCOMES, plain, settings


class Dated(VnpostTwin):
    """The post says when it answers, as web servers do."""

    def answer(self, request: Request) -> Response:
        response = super().answer(request)
        return replace(response, headers={**response.headers, "Date": format_datetime(datetime.now(UTC), usegmt=True)})


def test_fresh_is_what_is_fresh_by_the_clock_of_the_post() -> None:
    twin = Dated()
    serve = Serve(twin)
    conf = settings(serve.start(), lag=10)
    client = Client(conf, OUTCOMES)
    try:
        twin.act({"event": {"order": DOSSIER, "code": 1, "message": "x"}})
        ahead = Feed(client, conf, OUTCOMES, plain, lambda: datetime.now(UTC) + timedelta(minutes=5))
        at_once = conf.model_copy(update={"lag": 0})
        behind = Feed(client, at_once, OUTCOMES, plain, lambda: datetime.now(UTC) - timedelta(minutes=5))

        assert ahead.poll(None).items == []  # it may still be followed by an older one
        assert len(behind.poll(None).items) == 1
    finally:
        serve.stop()

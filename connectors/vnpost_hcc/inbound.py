"""The tracking feed: one cursor for the whole customer, page by page.

The feed is a RESTHeart collection: ``{"_embedded": {"rh:doc": [...]}, "_size", "_total_pages",
"_returned"}``, each event with ``_id.$oid``, an ObjectId whose first four bytes are the second it was made.
The cursor is the last one read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.vnpost_hcc.client import Client, read_object
from connectors.vnpost_hcc.outbound import FIRST_OBJECT_ID, settle
from connectors.vnpost_hcc.settings import Settings
from gateway.errors import AskFirst, Refused, TryLater, Unclassified
from gateway.message import utc_now
from gateway.outcomes import Outcomes
from gateway.ports import Page, Submission, Translate

_OBJECT_ID = re.compile(r"[0-9a-f]{24}")


class Feed:
    """Reads the post's events. An event that the mapping refuses is handed on with its faults, not left out."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        outcomes: Outcomes,
        translate: Translate,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._client = client
        self._settings = settings
        self._outcomes = outcomes
        self._translate = translate
        self._now = now

    def poll(self, cursor: str | None) -> Page:
        """The events after `cursor`, in the feed's order; `more` when the page was full.

        Raises `TryLater` when the post cannot answer, `Unclassified` when the feed is not what it was: going
        on would lose events without a trace.
        """
        last = cursor or FIRST_OBJECT_ID
        events, at = self._read_page(last)
        newest = at.timestamp() - self._settings.lag
        ripe: list[Submission] = []
        for event in events:
            number = _object_id(event, last)
            if int(number[:8], 16) > newest:
                break  # from here on it is too fresh: the next poll finds it again
            ripe.append(self._submission(number, event))
            last = number
        full = len(events) >= self._settings.page_size
        return Page(ripe, last, more=full and len(ripe) == len(events))

    def _read_page(self, after: str) -> tuple[list[Any], datetime]:
        """A page, and when it was read: by the post's clock, which made its ObjectIds; by ours only when it does not say."""
        try:
            reply = self._client.events(after, self._settings.page_size)
        except AskFirst as fault:  # reading changes nothing: no doubt to clear up
            raise TryLater(f"tracking: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        settle(self._outcomes, "tracking", reply)
        embedded = read_object(reply).get("_embedded")
        events = embedded.get("rh:doc") if isinstance(embedded, dict) else None
        if not isinstance(events, list):
            raise Unclassified("tracking: no _embedded.rh:doc", code="feed-shape", answer=reply.excerpt())
        return events, reply.date() or self._now()

    def _submission(self, number: str, event: Mapping[str, Any]) -> Submission:
        original = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        mapping = self._settings.event_mapping
        try:
            return Submission(f"vnpost-{number}", self._translate(mapping, event), original, mapping=mapping)
        except Refused as refused:
            return Submission(f"vnpost-{number}", None, original, mapping=mapping, problem=refused.faults)


def _object_id(event: Any, last: str) -> str:
    """The event's ObjectId. Raises `Unclassified` when there is none or it does not come after `last`."""
    holder = event.get("_id") if isinstance(event, dict) else None
    number = holder.get("$oid") if isinstance(holder, dict) else None
    if not isinstance(number, str) or not _OBJECT_ID.fullmatch(number):
        raise Unclassified("tracking: an event without an ObjectId", code="feed-shape", answer=str(event)[:500])
    if number <= last:
        raise Unclassified(f"tracking: {number} comes after {last}: the feed is not rising", code="feed-order")
    return number

"""Postal orders and postal events, as the gateway speaks of them; each post's own codes stay in its connector."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.canonical.base import DossierMessage
from gateway.canonical.dossier import PostalAddress
from gateway.canonical.scalars import MessageId, Money, Text50, Text60, Text100, Text500, Text1000, Text2000

Leg = Literal["collect", "return"]


class PostalOrdered(DossierMessage):
    """The post is asked to carry something. `order` is the number both sides use for it."""

    type: Literal["PostalOrdered"] = "PostalOrdered"
    order: Text60 = Field(
        description="the dossier code for the return of a result; with `-TG` behind it for a collection"
    )
    leg: Leg
    sender: PostalAddress
    receiver: PostalAddress
    contents: Text1000
    cash_on_delivery: Money = 0
    because: MessageId | None = None


class PostalCancelled(DossierMessage):
    """The order is called back."""

    type: Literal["PostalCancelled"] = "PostalCancelled"
    order: Text60
    reason: Text500


class PostalEvent(DossierMessage):
    """The post reports. `unlisted` is a code our table does not know: kept with the post's own words, moves nothing."""

    type: Literal["PostalEvent"] = "PostalEvent"
    order: Text60
    leg: Leg
    item: Text50 | None = Field(default=None, description="the post's item code")
    state: Literal[
        "created",
        "pickup",
        "accepted",
        "in_transit",
        "out_for_delivery",
        "delivered",
        "failed_attempt",
        "returning",
        "returned",
        "cancelled",
        "lost",
        "unlisted",
    ]
    their_code: Text50
    their_words: Text1000 | None = None
    office: Text100 | None = None
    notes: Text2000 | None = None

"""What the operator says about the post: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """Four absolute addresses, one customer account, and the manners of the calls.

    `order_url` is the endpoint that takes orders *without* ItemCode. `auth_header`: where the token goes,
    ``Authorization: <type> <token>`` at the post itself, ``access_token: <token>`` behind a provincial LGSP.
    `token_margin`: a token is not used in
    its last seconds. `lag`: the newest seconds of the feed are left for the next poll, because ObjectIds made
    by several machines of the post within one second may appear out of order, and a cursor that passed one
    never sees it again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    token_url: WebLink
    order_url: WebLink
    cancel_url: WebLink
    tracking_url: WebLink
    customer_key: Filled
    customer_secret: SecretStr
    customer_code: Filled
    page_size: Annotated[int, Field(ge=1, le=1000)] = 1000
    lag: Annotated[float, Field(ge=0, le=600)] = 10
    event_mapping: Filled = "vnpost_event"
    auth_header: Literal["Authorization", "access_token"] = "Authorization"
    token_margin: Annotated[float, Field(ge=0, le=600)] = 60
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 30
    ca_file: str | None = None

"""What the operator says about the one-stop system: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import WebLink

Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """`url`: the address before ``/messages`` and ``/health``. `key`: what we show them, as a bearer token. `days`: they answer ``/days``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: WebLink
    key: Annotated[SecretStr, Field(min_length=1)]
    days: bool = False
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 30
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

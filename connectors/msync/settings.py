"""What the operator says about the axis: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """Two addresses and one account (OAuth client credentials).

    `url` is what ``Document/SyncDocument`` is appended to. `token_margin`: a token is not used in its last seconds. `file_bytes`: the largest
    file that goes inline.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: WebLink
    token_url: WebLink
    client_id: Filled
    client_secret: SecretStr
    token_margin: Annotated[float, Field(ge=0, le=600)] = 60
    file_bytes: Annotated[int, Field(ge=1024, le=200 << 20)] = 20 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

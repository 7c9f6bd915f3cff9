"""What the operator says about the tax office: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Secret = Annotated[SecretStr, Field(min_length=16)]


class Settings(BaseModel):
    """`security_key`: SecurityKey in the body of what comes through the national portal. `ilis_code`: CodeGet behind iLIS' address.

    Each of the two opens its own hooks; without it they do not exist. `body_bytes` caps a call, `xml_bytes` the file in it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    security_key: Secret | None = None
    ilis_code: Secret | None = None
    body_bytes: Annotated[int, Field(ge=1024, le=64 << 20)] = 8 << 20
    xml_bytes: Annotated[int, Field(ge=1024, le=32 << 20)] = 4 << 20

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.security_key is None and self.ilis_code is None:
            raise ValueError("give security_key, ilis_code or both: without them nobody can call")
        return self

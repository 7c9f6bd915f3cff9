"""What the operator says about the bus: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """`confirm_seconds`: how long the broker has to say that it keeps an event. Its address stands in gateway.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    confirm_seconds: Annotated[float, Field(gt=0, le=600)] = 30

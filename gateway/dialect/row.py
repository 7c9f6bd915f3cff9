"""A table of the operator's file: every key is known, and nothing in it changes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=600)]


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

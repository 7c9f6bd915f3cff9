"""What every canonical model has in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.canonical.scalars import DossierCode, Instant, MessageId, OrganisationCode, Text250, Text500


class Part(BaseModel):
    """A part of a message: immutable, nothing coerced, unknown fields refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DossierMessage(Part):
    """A message about one dossier. `id` is the sender's; source and id together are unique for ever."""

    id: MessageId
    dossier: DossierCode
    event_time: Instant = Field(description="when it happened, by the sender's clock")


class Organisation(Part):
    """An organisation by code, in either code system, with its name as the sender wrote it."""

    code: OrganisationCode
    name: Text500


class Officer(Part):
    """Who acted, as the citizen may see it."""

    name: Text250
    title: Text250 | None = None
    unit: Text500 | None = None


Status = Annotated[Literal[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Field(description="the ten national codes")]

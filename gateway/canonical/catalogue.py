"""Catalogue entries, ratings and notices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.canonical.base import DossierMessage, Part
from gateway.canonical.scalars import (
    Count,
    Day,
    FieldCode,
    Instant,
    MessageId,
    OrganisationCode,
    ProcedureCode,
    ResultCode,
    Text100,
    Text500,
    Text2000,
)


class CatalogueEntry(Part):
    """A procedure as the national catalogue publishes it, with the days it is in force."""

    procedure: ProcedureCode
    name: Text2000
    field_code: FieldCode
    field_name: Text500
    published_by: OrganisationCode | None = None
    results: list[ResultCode] = Field(default_factory=list, max_length=50)
    in_force_from: Day
    in_force_until: Day | None = None


class CatalogueChanged(Part):
    """A catalogue entry appeared, changed or ended."""

    type: Literal["CatalogueChanged"] = "CatalogueChanged"
    id: MessageId
    event_time: Instant
    change: Literal["added", "changed", "ended"]
    entry: CatalogueEntry


class RatingGiven(DossierMessage):
    """A citizen rated how the dossier was handled."""

    type: Literal["RatingGiven"] = "RatingGiven"
    score: Annotated[int, Field(strict=True, ge=1, le=5)]
    words: Text2000 | None = None


class RatingSummary(Part):
    """A unit's ratings of one month; counts, so that shares always add up."""

    organisation: OrganisationCode
    month: Annotated[str, Field(strict=True, pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    very_satisfied: Count
    satisfied: Count
    dissatisfied: Count


class NoticeWanted(DossierMessage):
    """Someone should be told. The notice's words are a template's work; this carries the facts."""

    type: Literal["NoticeWanted"] = "NoticeWanted"
    template: Text100
    to: Literal["applicant", "delegate", "officer"]
    facts: dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=2000)]] = Field(
        default_factory=dict, max_length=50
    )

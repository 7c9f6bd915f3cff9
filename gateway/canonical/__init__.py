"""The canonical model: our typed messages. JSON Schemas are written from it (`lienthong check --schemas`)."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from gateway.canonical.base import DossierMessage, Organisation, Part
from gateway.canonical.catalogue import CatalogueChanged, CatalogueEntry, NoticeWanted, RatingGiven, RatingSummary
from gateway.canonical.dossier import Address, DossierSubmitted, Person, PostalWishes, Procedure
from gateway.canonical.files import Attachment, File, ResultPaper
from gateway.canonical.payment import Fee, PaymentPaid, PaymentRequested
from gateway.canonical.postal import PostalCancelled, PostalEvent, PostalOrdered
from gateway.canonical.status import ResultIssued, StatusChanged, SupplementProvided, SupplementRequested

Canonical = (
    DossierSubmitted
    | StatusChanged
    | SupplementRequested
    | SupplementProvided
    | PaymentRequested
    | PaymentPaid
    | ResultIssued
    | PostalOrdered
    | PostalCancelled
    | PostalEvent
    | RatingGiven
    | NoticeWanted
)
"""Every message about a dossier. `CatalogueChanged` stands apart: it is about no dossier."""

TYPES: dict[str, type[DossierMessage]] = {t.model_fields["type"].default: t for t in get_args(Canonical)}

any_message: TypeAdapter[Canonical] = TypeAdapter(Annotated[Canonical, Field(discriminator="type")])


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) of each message type, by type name."""
    every: list[type[Part]] = [*TYPES.values(), CatalogueChanged]
    return {
        t.model_fields["type"].default: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **t.model_json_schema(),
        }
        for t in every
    }


__all__ = [
    "TYPES",
    "Address",
    "Attachment",
    "Canonical",
    "CatalogueChanged",
    "CatalogueEntry",
    "DossierMessage",
    "DossierSubmitted",
    "Fee",
    "File",
    "NoticeWanted",
    "Organisation",
    "Part",
    "PaymentPaid",
    "PaymentRequested",
    "Person",
    "PostalCancelled",
    "PostalEvent",
    "PostalOrdered",
    "PostalWishes",
    "Procedure",
    "RatingGiven",
    "RatingSummary",
    "ResultIssued",
    "ResultPaper",
    "StatusChanged",
    "SupplementProvided",
    "SupplementRequested",
    "any_message",
    "schemas",
]

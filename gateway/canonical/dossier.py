"""The dossier (hồ sơ) as submitted: who, what, where, when, with which papers and fees, and what the post should do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.canonical.base import DossierMessage, Organisation, Part, Status
from gateway.canonical.files import Attachment, Paper
from gateway.canonical.payment import Fee
from gateway.canonical.scalars import (
    Cccd,
    Cmnd,
    Day,
    Email,
    FieldCode,
    Instant,
    Phone,
    ProcedureCode,
    TaxCode,
    Text50,
    Text100,
    Text250,
    Text500,
    Text1000,
    Text2000,
)

Channel = Annotated[
    Literal[1, 2, 3], Field(description="kênh thực hiện: 1 direct, 2 online, 3 public postal service (BCCI)")
]


class CitizenPaper(Part):
    kind: Literal["CCCD"]
    number: Cccd
    issued_on: Day | None = None
    issued_by: Text250 | None = None


class OldCitizenPaper(Part):
    kind: Literal["CMND"]
    number: Cmnd
    issued_on: Day | None = None
    issued_by: Text250 | None = None


IdentityPaper = Annotated[CitizenPaper | OldCitizenPaper, Field(discriminator="kind")]


class Address(Part):
    """Two levels since 2025-07-01; `district` only for addresses written before that."""

    detail: Text500 = Field(description="house, street and ward in words: the post reads nothing else")
    province: Annotated[str, Field(strict=True, pattern=r"^[0-9]{2}$", description="province code, two digits")]
    commune: (
        Annotated[str, Field(strict=True, pattern=r"^[0-9]{5}$", description="commune code, five digits")] | None
    ) = None
    district: (
        Annotated[str, Field(strict=True, pattern=r"^[0-9]{3}$", description="district code before 2025-07-01")] | None
    ) = None


class Person(Part):
    """An applicant or a delegate."""

    kind: Literal["citizen", "enterprise", "agency", "other"]
    name: Text500
    papers: list[IdentityPaper] = Field(default_factory=list, max_length=5)
    tax_code: TaxCode | None = None
    tech_id: Text100 | None = Field(default=None, description="technical id of the person's national account")
    verified_by_vneid: bool = False
    phone: Phone | None = None
    email: Email | None = None
    fax: Text50 | None = None
    address: Address | None = None


class Procedure(Part):
    """The procedure (thủ tục hành chính). Code and name as the sender holds them; the code list decides."""

    code: ProcedureCode
    name: Text2000
    field_code: FieldCode
    field_name: Text500


class PostalAddress(Part):
    """Where the post collects or delivers. Province and district in the post's own numbers are the mapping's work."""

    name: Text250
    phone: Phone
    email: Email | None = None
    address: Address


class PostalWishes(Part):
    """What the citizen asked of the public postal service."""

    collect_from: PostalAddress | None = Field(default=None, description="fetch the papers at home")
    return_to: PostalAddress | None = Field(default=None, description="deliver the result")


class Deadlines(Part):
    received_at: Instant | None = Field(default=None, description="official reception: the clock starts")
    due_at: Instant | None = Field(default=None, description="promised return (ngày hẹn trả)")


class DossierSubmitted(DossierMessage):
    """A dossier entered a system, or its owner amends it (a new id for the same dossier)."""

    type: Literal["DossierSubmitted"] = "DossierSubmitted"
    origin: Literal["local", "portal"] = Field(
        description="where it was filed: the local system or the national portal"
    )
    channel: Channel
    procedure: Procedure
    filed_at: Organisation | None = Field(
        default=None, description="support or submit point, when it differs from the receiving unit"
    )
    received_by: Organisation = Field(description="official receiving unit")
    handled_by: Organisation = Field(description="competent agency")
    applicant: Person
    delegate: Person | None = None
    summary: Text1000 | None = Field(default=None, description="trích yếu hồ sơ")
    receipt_number: Text100 | None = Field(default=None, description="số biên nhận")
    submitted_at: Instant
    deadlines: Deadlines = Deadlines()
    status: Status = Field(description="status at the moment of sending; a new dossier starts at 1 or 2")
    attachments: list[Attachment] = Field(default_factory=list, max_length=200)
    papers: list[Paper] = Field(default_factory=list, max_length=200)
    fees: list[Fee] = Field(default_factory=list, max_length=50)
    postal: PostalWishes = PostalWishes()
    national_databases: list[Annotated[str, Field(strict=True, pattern=r"^[0-9]{1,3}$")]] = Field(
        default_factory=list, max_length=20, description="national databases really consulted (MaCSDL)"
    )
    facts: dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=20_000)]] = Field(
        default_factory=dict, max_length=100, description="the procedure's own fields, kept as given"
    )

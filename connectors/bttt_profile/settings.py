"""What the operator says about the exchange: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import OrganisationCode, WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unit(Section):
    """An organisation, as we know it."""

    code: OrganisationCode
    name: Annotated[str, Field(min_length=1, max_length=500)]


class Settings(Section):
    """Six absolute addresses, one account (OAuth client credentials), and who is who.

    `profile_url` takes dossiers, `status_url` their steps. `unit_code`: our mailbox. `to_units`: where our own dossiers go. `unit`: who
    receives what comes; `agencies`: the organisation behind each org_impl_code. `page_size`: profiles fetched, and committed, at a time.
    """

    token_url: WebLink
    list_url: WebLink
    detail_url: WebLink
    ack_url: WebLink
    profile_url: WebLink
    status_url: WebLink
    client_id: Filled
    client_secret: SecretStr
    unit_code: Filled
    to_units: Annotated[list[Filled], Field(min_length=1, max_length=20)]
    unit: Unit
    agencies: dict[Filled, Unit] = {}
    dossier_mapping: Filled = "bttt_dossier"
    step_mapping: Filled = "bttt_step"
    result_mapping: Filled = "bttt_result"
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    token_margin: Annotated[float, Field(ge=0, le=600)] = 60
    file_bytes: Annotated[int, Field(ge=1024, le=200 << 20)] = 20 << 20
    answer_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

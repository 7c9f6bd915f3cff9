"""What the operator says about DVCLT: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import OrganisationCode, WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unit(Section):
    """The organisation that stands behind one of their maDonVi."""

    code: OrganisationCode
    name: Annotated[str, Field(min_length=1, max_length=500)]


class Settings(Section):
    """Five absolute addresses, one account, and who stands behind each maDonVi.

    `detail_url` is what the dossier's id is appended to. `token_minutes`: how long a token is used; no lifetime of it comes on the wire.
    `page_size`: dossiers fetched, and committed, at a time. `file_bytes`: the largest inline file; `answer_bytes`: the largest answer.
    """

    token_url: WebLink
    list_url: WebLink
    detail_url: WebLink
    received_url: WebLink
    status_url: WebLink
    username: Filled
    password: SecretStr
    units: dict[Annotated[str, Field(pattern=r"^[0-9]{1,5}$")], Unit]
    mapping: Filled = "dvclt_dossier"
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    token_minutes: Annotated[float, Field(gt=0, le=1440)] = 10
    file_bytes: Annotated[int, Field(ge=1024)] = 20 << 20
    answer_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

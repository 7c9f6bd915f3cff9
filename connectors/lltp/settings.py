"""What the operator says: `[settings.vneid]` or `[settings.ministry]` of a partner file, never both."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.canonical.scalars import OrganisationCode, ProcedureCode, WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unit(Section):
    """The organisation that issues criminal records."""

    code: OrganisationCode
    name: Annotated[str, Field(min_length=1, max_length=500)]


class Calls(Section):
    """The manners of the calls, and the province as the partner knows it (maTinh, tenTinh)."""

    ma_tinh: Filled
    ten_tinh: Filled
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 30
    answer_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    file_bytes: Annotated[int, Field(ge=1024)] = 20 << 20
    ca_file: str | None = None


class VneidSettings(Calls):
    """`result_url` takes results. `procedures`: which procedure each loaiPhieu (1, 2) is.

    `code_url`: the one-stop's own service that gives out dossier codes, asked with `code_key` as a bearer key when VNeID asks us for one.
    The gateway makes up none: without it there is no hook LayMaHoSo. `key` goes with each result in the header `key_header`.
    """

    result_url: WebLink
    unit: Unit
    procedures: dict[Literal["1", "2"], ProcedureCode]
    mapping: Filled = "lltp_dossier"
    code_url: WebLink | None = None
    code_key: SecretStr | None = None
    key_header: Filled = "apikey"
    key: SecretStr | None = None


class MinistrySettings(Calls):
    """`register_url` takes dossiers, `result_url` tells how one stands; `auth_key` goes in the body of both. `page_size`: dossiers asked
    about, and committed, at a time."""

    register_url: WebLink
    result_url: WebLink
    auth_key: SecretStr
    status_mapping: Filled = "lltp_status"
    result_mapping: Filled = "lltp_slip"
    page_size: Annotated[int, Field(ge=1, le=200)] = 20


class Settings(Section):
    vneid: VneidSettings | None = None
    ministry: MinistrySettings | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.vneid is None) == (self.ministry is None):
            raise ValueError(
                "give either [settings.vneid] or [settings.ministry]: each side has a partner file of its own"
            )
        return self

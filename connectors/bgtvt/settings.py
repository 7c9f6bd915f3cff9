"""What the operator says about the Ministry of Transport's list: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import OrganisationCode, WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Days = Annotated[int, Field(ge=1, le=366)]


class Settings(BaseModel):
    """The list's address, the unit whose dossiers are asked for (MaDonVi, also GovAgencyCode), and its key.

    `window_days`, `long_window_days`: how far back a list reaches, and the first of each day. `page_size`: dossiers committed at a time.
    `answer_bytes`: the largest answer; the list comes whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: WebLink
    ma_don_vi: OrganisationCode
    api_key: SecretStr
    dossier_mapping: Filled = "bgtvt_dossier"
    status_mapping: Filled = "bgtvt_status"
    window_days: Days = 3
    long_window_days: Days = 60
    page_size: Annotated[int, Field(ge=1, le=500)] = 50
    answer_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

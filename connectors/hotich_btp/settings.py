"""What the operator says about the register: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """Three absolute addresses, one account (OAuth client credentials), and the mappings of what the register answers.

    `ma_tinh`: the province's code as the register has it. `page_size`: dossiers asked about, and committed, at a time; the register takes
    three a call. `token_margin`: a token is not used in its last seconds. `file_bytes`: the largest certificate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    token_url: WebLink
    register_url: WebLink
    result_url: WebLink
    client_id: Filled
    client_secret: SecretStr
    ma_tinh: Filled
    status_mapping: Filled = "hotich_status"
    supplement_mapping: Filled = "hotich_supplement"
    result_mapping: Filled = "hotich_result"
    page_size: Annotated[int, Field(ge=3, le=300)] = 30
    token_margin: Annotated[float, Field(ge=0, le=600)] = 60
    file_bytes: Annotated[int, Field(ge=1024)] = 20 << 20
    answer_bytes: Annotated[int, Field(ge=1024)] = 96 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

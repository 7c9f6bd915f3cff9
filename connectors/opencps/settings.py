"""What the operator says about one OpenCPS server: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Action(Section):
    """An action of their process, and the dossierStatus it leads to: by that it is seen whether it was done."""

    code: Filled
    leads_to: Filled


class Settings(Section):
    """Address and account (Basic) of one server, and the group (site) of the agency on it.

    `url` ends with the prefix of the interface, ``/o/rest/v2``. `actions`: what is done there when papers were supplemented, or the citizen
    withdrew; without one a supplement is handed in as files alone, and a withdrawal is informed of. `page_size`: dossiers asked about,
    and committed, at a time.
    """

    url: WebLink
    username: Filled
    password: SecretStr
    group_id: Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]
    actions: dict[Literal["supplemented", "withdrawn"], Action] = {}
    status_mapping: Filled = "opencps_status"
    supplement_mapping: Filled = "opencps_supplement"
    result_mapping: Filled = "opencps_result"
    page_size: Annotated[int, Field(ge=1, le=200)] = 20
    file_bytes: Annotated[int, Field(ge=1024, le=200 << 20)] = 20 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

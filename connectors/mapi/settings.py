"""What the operator says about this partner: `[settings]` of its file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import OrganisationCode, WebLink

Path = Annotated[str, Field(pattern=r"^/\S*$", max_length=500)]
Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unit(Section):
    """An organisation that the portal's dossiers go to."""

    code: OrganisationCode
    name: Annotated[str, Field(min_length=1, max_length=500)]


class Ttkm(Section):
    """How promotion notices (thông báo khuyến mại) filed on the portal come in. Without this table that hook
    does not exist.
    """

    mapping: Filled = "ttkm_dossier"
    received_by: Unit
    handled_by: Unit
    file_bytes: Annotated[int, Field(ge=1024)] = 20 << 20


class Settings(Section):
    """Address, account and manners of one mapi endpoint.

    `madonvi` is the unit that speaks; `dstcode` names the destination to the security server of the national
    axis. No session lifetime comes on the wire: `session_minutes` is a guess. `batch`: most dossiers in one
    DongBoHoSoMC call (progress rows always go alone). `progress_in_lookup`: the key under which TraCuuHoSo
    lists progress rows; an assumption, see README.md.
    """

    url: WebLink
    auth_path: Path = "/mapi/login"
    integration_path: Path = "/mapi/g"
    share_path: Path = "/mapi/g"
    username: Filled
    password: SecretStr
    dstcode: Filled
    madonvi: OrganisationCode
    session_minutes: Annotated[float, Field(gt=0, le=1440)] = 10
    batch: Annotated[int, Field(ge=1, le=10)] = 1
    progress_in_lookup: Filled = "TienDo"
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 30
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    ttkm: Ttkm | None = None

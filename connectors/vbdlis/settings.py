"""What the operator says about the land office: `[settings]` of its partner file."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import ProcedureCode, WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


def _one_segment(code: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,200}", code.get_secret_value()):
        raise ValueError("16 to 200 of A-Z a-z 0-9 - _: it stands in the path")
    return code


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Officer(Section):
    """One row of the catalogue of users: the codes that the land office writes as MaCanBo…"""

    code: Filled
    name: Filled
    title: Filled | None = None


class Procedure(Section):
    """One row of the catalogue of procedures. `code`: the national part, as MaQuyTrinh goes out."""

    code: ProcedureCode
    name: Annotated[str, Field(min_length=1, max_length=2000)]


class Settings(Section):
    """Address and manners of one land office.

    `security_code`: what it puts behind the path of each call to us. `office`: its name, where no officer is
    known by name. `provincial`: LaQuyTrinhCapTinh of every dossier. `file_hosts`: where files that are not
    parked with us may be fetched from (``name`` or ``name:port``); `file_bytes` is the largest one taken.
    """

    url: WebLink
    security_code: Annotated[SecretStr, AfterValidator(_one_segment)]
    office: Filled
    provincial: bool = False
    officers: list[Officer] = []
    procedures: list[Procedure] = []
    file_hosts: list[Filled] = []
    file_bytes: Annotated[int, Field(ge=1024, le=200 << 20)] = 20 << 20
    body_bytes: Annotated[int, Field(ge=1024, le=64 << 20)] = 32 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

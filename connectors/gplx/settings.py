"""What the operator says about the driving-licence system: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import OrganisationCode, WebLink

Path = Annotated[str, Field(pattern=r"^/\S*$", max_length=500)]
Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Days = Annotated[int, Field(ge=1, le=366)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Unit(Section):
    """The organisation that stands behind one of their MaDonViXuLy."""

    code: OrganisationCode
    name: Annotated[str, Field(min_length=1, max_length=500)]


class Settings(Section):
    """One account, one unit that is asked for (`don_vi_xu_ly`), and who stands behind each MaDonViXuLy.

    `token` goes as a bearer token where the province's axis wants one. `window_days`, `long_window_days`: how far back a list reaches, and
    the first of each day. `session_minutes`: how long a session is used; no lifetime of it comes on the wire. `page_size`: dossiers read,
    and committed, at a time. `file_bytes`: the largest paper; `answer_bytes`: the largest answer.
    """

    url: WebLink
    auth_path: Path = "/apiDVC-GPLX/tcdbdvcdata/mapi/login"
    service_path: Path = "/apiDVC-GPLX/tcdbdvcdata/mapi/g"
    username: Filled
    password: SecretStr
    token: SecretStr | None = None
    don_vi_xu_ly: Filled
    units: dict[Filled, Unit]
    dossier_mapping: Filled = "gplx_dossier"
    status_mapping: Filled = "gplx_status"
    window_days: Days = 3
    long_window_days: Days = 30
    session_minutes: Annotated[float, Field(gt=0, le=1440)] = 10
    page_size: Annotated[int, Field(ge=1, le=200)] = 20
    file_bytes: Annotated[int, Field(ge=1024)] = 20 << 20
    answer_bytes: Annotated[int, Field(ge=1024)] = 64 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

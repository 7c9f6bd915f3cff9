"""What the operator says about the social-protection system: `[settings]` of its partner file."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from gateway.canonical.scalars import WebLink

Path = Annotated[str, Field(pattern=r"^/\S*$", max_length=500)]
Filled = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseModel):
    """Where it is, and the key that goes in every body. `loai_du_lieu` is its word for dossiers of a one-stop; one client sends 100."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    url: WebLink
    accept_key: SecretStr
    loai_du_lieu: Filled = "100"
    dossier_path: Path = "/apiBTXH/DongBoDVC"
    progress_path: Path = "/apiBTXH/XuLyHoSo"
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 30
    ca_file: str | None = None

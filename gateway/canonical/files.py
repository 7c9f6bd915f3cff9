"""Files: named by content. Either parked with us (`sha256`) or lying at an address others can fetch (`url`)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from gateway.canonical.base import Part
from gateway.canonical.scalars import Count, ResultCode, Sha256, Text100, Text150, Text2000, Text4000, WebLink


class File(Part):
    """One file. With `sha256` it must have been uploaded before (`POST /api/v1/files`)."""

    name: Text4000 = Field(description="file name as the citizen sees it")
    sha256: Sha256 | None = None
    url: WebLink | None = None
    media_type: Text150 | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.sha256 is None) == (self.url is None):
            raise PydanticCustomError(
                "file_place", "give either sha256 (uploaded file) or url, not both and not neither"
            )
        return self


class Attachment(File):
    """A file of the dossier's components (thành phần hồ sơ)."""

    id: Text100
    component: Text100 | None = Field(default=None, description="component code from the national catalogue")
    digitised: bool = False
    reused: Literal["no", "yes", "replaced"] = "no"
    replaced_by: ResultCode | None = Field(
        default=None, description="result code that replaces the paper, when reused is `replaced`"
    )
    from_shared_store: bool = False


class Paper(Part):
    """A paper handed in without a file."""

    name: Text2000
    copies: Count
    kind: Literal["original", "copy", "certified_copy"]


class ResultPaper(File):
    """A result of the procedure (giấy tờ kết quả)."""

    id: Text100
    code: ResultCode | None = None
    component: Text100 | None = None
    symbol: Text100 | None = Field(default=None, description="số, ký hiệu")
    facts: dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=2000)]] | None = Field(
        default=None, max_length=50, description="the result's own numbers, kept as given"
    )

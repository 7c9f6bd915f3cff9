"""What the operator says about the trunk: `[settings]` of its partner file, with `[settings.vxp]` or `[settings.province]`, never both."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from gateway.canonical.scalars import OrganisationCode, WebLink

Filled = Annotated[str, Field(min_length=1, max_length=200)]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,60}$")]
Seconds = Annotated[float, Field(gt=0, le=600)]
Bytes = Annotated[int, Field(ge=1024, le=200 << 20)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Vxp(Section):
    """VXP without its SDK. `url` is what an operation's name is appended to; the four headers carry the system, the moment (milliseconds
    since 1970), the signature, and the JSON that says who sends what."""

    url: WebLink
    system_id: Filled
    secret: SecretStr
    system_header: HeaderName = "X-System-Id"
    timestamp_header: HeaderName = "X-Timestamp"
    signature_header: HeaderName = "X-Signature"
    message_header: HeaderName = "X-Message"


class Province(Section):
    """A province's own trunk: a token, and the system's id and key beside it. `url` ends before ``/v1``."""

    url: WebLink
    system_id: Filled
    secret_key: SecretStr
    token_minutes: Annotated[float, Field(gt=0, le=1440)] = 25  # a token lives 30


class Organ(Section):
    """We, as the trunk has us registered: From of every document."""

    code: OrganisationCode
    name: Annotated[str, Field(min_length=1, max_length=500)]


class Signing(Section):
    """PEM files of our own key and certificate: what we send is signed with RSA-SHA256 or ECDSA-SHA256."""

    key_file: Filled
    certificate_file: Filled


class Settings(Section):
    """Which trunk, who we are, and how strict we are with what comes. PEM files are relative to the configuration's folder.

    `signatures`: ``required``, or ``when-present`` (an unsigned document is then taken; a wrong signature never). `certificates`: the PEM
    files of each sender, by OrganId. `answers_for`: patterns of the codes that an OrganId answers for besides its own: its code in the other
    code system, its units. `sha1`: also take rsa-sha1, which is broken; only where a sender has nothing better. `stray_prolog`:
    drop stray text before the XML declaration. `results`: the names of document types (TypeName) that are results of a dossier; an answer
    of any other type is held for a person. `window_days`: how far back the province's list is asked for, at least. `page_size`: documents fetched,
    and committed, at a time.
    """

    vxp: Vxp | None = None
    province: Province | None = None
    organ: Organ
    signatures: Literal["required", "when-present"] = "required"
    certificates: dict[OrganisationCode, list[Filled]] = {}
    answers_for: dict[OrganisationCode, list[Filled]] = {}
    sha1: bool = False
    stray_prolog: bool = False
    sign: Signing | None = None
    results: list[Filled] = []
    status_mapping: Filled = "edxml_status"
    result_mapping: Filled = "edxml_result"
    window_days: Annotated[int, Field(ge=1, le=90)] = 7
    page_size: Annotated[int, Field(ge=1, le=100)] = 10
    file_bytes: Annotated[int, Field(ge=1024, le=7 << 20)] = 7 << 20  # one text of XML is at most 10 million characters
    document_bytes: Bytes = 64 << 20
    connect_timeout: Seconds = 5
    total_timeout: Seconds = 60
    ca_file: str | None = None

    @model_validator(mode="after")
    def _one_trunk(self) -> Self:
        if (self.vxp is None) == (self.province is None):
            raise ValueError(
                "give either [settings.vxp] or [settings.province]: each trunk has a partner file of its own"
            )
        return self

"""What the operator says about a partner that speaks SOAP: `[settings]` of its file. README.md has a table of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.canonical.scalars import WebLink
from gateway.dialect.asking import FoundRows
from gateway.dialect.auth import Secret, Secrets
from gateway.dialect.calling import Line
from gateway.dialect.declared import Types, check_one_way, check_order
from gateway.dialect.pointers import Pointer
from gateway.dialect.polling import Feed
from gateway.dialect.reading import Reading, Rules
from gateway.dialect.row import Row, Seconds
from gateway.dialect.template import OUTGOING, POLLING, Text, read_all
from gateway.dialect.unwrap import InSteps, OutSteps

_XML_NAME = r"[A-Za-z_][A-Za-z0-9._-]*"
Tag = Annotated[str, Field(pattern=rf"^(\{{[^{{}}\s]+\}})?{_XML_NAME}$")]
"""A name in Clark's notation: ``{urn:x}Name``, or ``Name`` alone."""


Beside = Annotated[dict[str, Any], BeforeValidator(partial(read_all, known=OUTGOING))]


class SoapReading(Reading):
    """Where an answer says what. `unwrap` begins at what the Body holds, as JSON. `fault_code`, `fault_text`: places in a fault,
    such as ``/detail/LoiNghiepVu/Ma``; without them faultcode and faultstring."""

    unwrap: InSteps = Field(default=[])
    fault_code: Pointer | None = None
    fault_text: Pointer | None = None


class Call(Row):
    """One call of an operation. `with`: arguments as templates, laid beside the document; `secrets`: arguments taken as they are.

    `send`: the document, or nothing but `with` and `secrets`. `inline`: places that hold the sha256 of a parked file, each replaced by its
    content in base64. `wrap`: see `gateway.dialect.unwrap`.
    """

    operation: str
    port: str | None = None
    url: WebLink | None = None
    send: Literal["document", "nothing"] = "document"
    inline: list[Pointer] = Field(default=[])
    wrap: OutSteps = Field(default=[])
    beside: Beside = Field(default={}, alias="with")
    secrets: Secrets = Field(default={})
    answer: SoapReading | None = None


class Ask(Call):
    """A call that changes nothing there."""

    send: Literal["document", "nothing"] = "nothing"


class Find(Ask):
    """`[settings.find]`: did it arrive? `rows` say what the answer means."""

    rows: Annotated[FoundRows, Field(min_length=1)]


class Deliver(Call):
    """`[[settings.call]]`: for which messages; without `type` for all that no row above it took. `find` and `repeat_is_harmless` go before
    those of the whole partner."""

    type: Types
    find: Find | None = None
    repeat_is_harmless: bool | None = None

    @model_validator(mode="after")
    def _one_way_to_find(self) -> Self:
        check_one_way(self.find, self.repeat_is_harmless)
        return self


class PageAsk(Ask):
    """A call about one page of a feed."""

    beside: Annotated[dict[str, Any], BeforeValidator(partial(read_all, known=POLLING))] = Field(
        default={}, alias="with"
    )


class Poll(Feed):
    """`[[settings.poll]]`: a feed, read by `ask`; see `gateway.dialect.polling`. Its pointers are places in the opened answer."""

    ask: PageAsk


class Play(Row):
    """`[settings.twin]`: what the twin cannot tell from the rest of the file.

    `key`: where in a question the message's id stands, if no `with` names ``{$key}``. `answers`: by operation, what the Body of the answer
    holds, where `rule` and `answer` do not tell it; `repeats`: the same for what it was told before. `{$number}` counts. With `certificate` and
    `key_file` it signs its answers.
    """

    key: list[Pointer] = Field(default=[])
    answers: dict[str, dict[str, Any]] = Field(default={})
    repeats: dict[str, dict[str, Any]] = Field(default={})
    certificate: Path | None = None
    key_file: Path | None = None


class Header(Row):
    """`[[settings.header]]`: a header of every envelope. Its children carry its namespace, unless `qualified` is false."""

    element: Tag
    text: Text | None = None
    fields: dict[Annotated[str, Field(pattern=rf"^{_XML_NAME}$")], Text] = Field(default={})
    secrets: dict[Annotated[str, Field(pattern=rf"^{_XML_NAME}$")], Secret] = Field(default={})
    qualified: bool = True
    must_understand: bool = False


class Security(Row):
    """`[settings.security]`: WS-Security. With a `certificate` the Body and the Timestamp are signed.

    `answers`: certificates of theirs, one of which must have signed the Body of every answer. `seconds`: how long a message is good.
    """

    username: str | None = None
    password: Secret | None = None
    digest: bool = True
    timestamp: bool = False
    seconds: Seconds = 300
    certificate: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None
    answers: list[Path] = Field(default=[])

    @model_validator(mode="after")
    def _both(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username và password đi cùng nhau · username and password go together")
        if self.key is not None and self.certificate is None:
            raise ValueError("có key thì phải có certificate · a key wants its certificate")
        return self


class Settings(Line):
    """`wsdl` lies below the configuration's folder, with all that it imports; `url` is where the service really is."""

    wsdl: Path
    port: str | None = None
    validate_: bool = Field(default=True, alias="validate")
    addressing: bool = False
    security: Security = Security()
    header: list[Header] = Field(default=[])
    answer: SoapReading = SoapReading()
    call: list[Deliver] = Field(default=[])
    rule: Rules = Field(default=[])
    repeat_is_harmless: bool = False
    find: Find | None = None
    check: Ask | None = None
    poll: list[Poll] = Field(default=[])
    twin: Play = Play()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        check_one_way(self.find, self.repeat_is_harmless)
        if len({row.name for row in self.poll}) != len(self.poll):
            raise ValueError("poll: hai dòng cùng name · two rows carry the same name")
        check_order(self.call)
        return self

    @property
    def mappings(self) -> Sequence[str]:
        return [mapping for row in self.poll for mapping in row.mapping]

"""Status events, supplements and results."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.canonical.base import DossierMessage, Officer, Status
from gateway.canonical.files import Attachment, ResultPaper
from gateway.canonical.scalars import Instant, MessageId, Text100, Text2000


class StatusChanged(DossierMessage):
    """One system says that a dossier moved. `content` is what was done, in words the portal shows."""

    type: Literal["StatusChanged"] = "StatusChanged"
    status: Status
    sub_status: Text100 | None = None
    content: Text2000 = Field(description="nội dung xử lý; never empty")
    officer: Officer
    due_at: Instant | None = Field(default=None, description="new promised return, when it moved")
    apology: bool = Field(
        default=False, description="the new promise comes with an apology (form 04): the first promise still counts"
    )
    step_started_at: Instant | None = None
    step_due_at: Instant | None = None
    reopens: bool = Field(default=False, description="an explicit reopening of a finished dossier (9 to 4)")
    because: MessageId | None = Field(
        default=None, description="our id of the message that proves it, when it was derived from one"
    )


class SupplementRequested(DossierMessage):
    """The agency asks for more papers (yêu cầu bổ sung)."""

    type: Literal["SupplementRequested"] = "SupplementRequested"
    request: Text100 = Field(description="id of the request; the answer names it")
    content: Text2000
    papers: list[Text2000] = Field(default_factory=list, max_length=100)
    officer: Officer
    answer_by: Instant | None = None
    old_due_at: Instant | None = None


class SupplementProvided(DossierMessage):
    """The citizen has supplemented the dossier."""

    type: Literal["SupplementProvided"] = "SupplementProvided"
    request: Text100
    content: Text2000
    attachments: list[Attachment] = Field(default_factory=list, max_length=200)
    received_by: Officer
    new_due_at: Instant | None = None


class ResultIssued(DossierMessage):
    """The result exists. A result is what was issued, never what was submitted."""

    type: Literal["ResultIssued"] = "ResultIssued"
    results: list[ResultPaper] = Field(min_length=1, max_length=50)

"""Errors are named after what to do next.

A connector raises one of the first four; `gateway.flow.settle` alone decides what becomes of the delivery.
`Refused` and its kin answer a sender at the front door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


class DeliveryError(Exception):
    """A delivery did not end well; the subclass says what to do next.

    `code` is the partner's own code (or ours, such as ``timeout``), `answer` an excerpt of the partner's answer, kept with the attempt.
    """

    def __init__(self, reason: str, *, code: str = "", answer: str = "", retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.answer = answer
        self.retry_after = retry_after


class TryLater(DeliveryError):
    """Certainly not done, and likely to work later: send again at `due_at`."""


class AskFirst(DeliveryError):
    """It may or may not have been done: ask the partner before sending again."""


class Rejected(DeliveryError):
    """Certainly not done, and sending the same again will not help: a person must look."""


class Unclassified(DeliveryError):
    """An answer no rule knows: parked with the answer kept; someone must add a rule."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input.

    `pointer` is an RFC 6901 JSON pointer into it ("" is the whole), `code` a stable word for machines; both languages for people.
    """

    pointer: str
    code: str
    detail: str
    detail_en: str

    def as_json(self) -> dict[str, str]:
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail, "detail_en": self.detail_en}


class Refused(Exception):
    """Input that was not accepted. Nothing of it is stored. Carries every fault found, never only the first."""

    status = 422
    title = "Dữ liệu không hợp lệ"
    title_en = "The input is not valid"
    kind = "invalid"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{f.pointer or '/'}: {f.detail_en}" for f in faults))
        self.faults = tuple(faults)

    @classmethod
    def of(cls, pointer: str, code: str, detail: str, detail_en: str) -> Self:
        """With one fault."""
        return cls([Fault(pointer, code, detail, detail_en)])


class Conflicting(Refused):
    """The same source and id came before with other content."""

    status = 409
    title = "Mã bản tin đã dùng cho nội dung khác"
    title_en = "This message id was used for other content"
    kind = "conflict"


class NotFound(Refused):
    """The thing named does not exist, or the caller may not know of it."""

    status = 404
    title = "Không tìm thấy"
    title_en = "Not found"
    kind = "not-found"


class Unauthenticated(Refused):
    """No key, an unknown one, a wrong one, one that has ended: the answer is the same."""

    status = 401
    title = "Chưa xác thực"
    title_en = "Not authenticated"
    kind = "unauthenticated"


class Forbidden(Refused):
    """The caller is known and may not do this."""

    status = 403
    title = "Không được phép"
    title_en = "Not allowed"
    kind = "forbidden"


class Misconfigured(Exception):
    """The operator's files are wrong. The text names file, place and cure; raised when they are loaded, never later."""


class Taken(Refused):
    """The dossier belongs to another system."""

    status = 409
    title = "Hồ sơ thuộc hệ thống khác"
    title_en = "The dossier belongs to another system"
    kind = "taken"


class BadRequest(Refused):
    """What came is nothing we read: not JSON, no CloudEvent, an impossible cursor, a cut-off body."""

    status = 400
    title = "Yêu cầu không đọc được"
    title_en = "The request cannot be read"
    kind = "bad-request"


class BodyTooLarge(Refused):
    status = 413
    title = "Nội dung quá lớn"
    title_en = "The body is too large"
    kind = "too-large"

    @classmethod
    def than(cls, most: int) -> Self:
        """Than `most` bytes."""
        words = f"nội dung lớn hơn {most} byte", f"the body is larger than {most} bytes"
        return cls.of("", "too-large", *words)


class UnsupportedType(Refused):
    status = 415
    title = "Loại nội dung không được hỗ trợ"
    title_en = "Unsupported content type"
    kind = "unsupported-type"

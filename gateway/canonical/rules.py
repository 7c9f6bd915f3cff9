"""Rules between the fields of one message. Unlike the model's own checks they are all asked, so that all that are broken are told at once."""

from __future__ import annotations

from gateway.canonical.base import DossierMessage
from gateway.canonical.dossier import DossierSubmitted, Person
from gateway.errors import Fault


def broken_rules(message: DossierMessage) -> list[Fault]:
    """Every rule that the message breaks, each with the pointer of the field to mend."""
    if not isinstance(message, DossierSubmitted):
        return []
    faults = [*_times(message), *_attachments(message), *_account(message.applicant, "applicant")]
    return faults + _account(message.delegate, "delegate") if message.delegate else faults


def _times(message: DossierSubmitted) -> list[Fault]:
    received, due = message.deadlines.received_at, message.deadlines.due_at
    faults = []
    if message.status != 1 and received is None:
        words = (
            f"hồ sơ ở trạng thái {message.status} đã được tiếp nhận: cần thời điểm tiếp nhận",
            f"a dossier at status {message.status} has been received: say when",
        )
        faults.append(Fault("/deadlines/received_at", "received-at-missing", *words))
    if received is not None and received < message.submitted_at:
        words = "thời điểm tiếp nhận trước thời điểm nộp", "the reception lies before the submission"
        faults.append(Fault("/deadlines/received_at", "received-before-submitted", *words))
    if due is not None and due < (received or message.submitted_at):
        words = "ngày hẹn trả trước ngày tiếp nhận", "the promised return lies before the reception"
        faults.append(Fault("/deadlines/due_at", "due-before-received", *words))
    return faults


def _attachments(message: DossierSubmitted) -> list[Fault]:
    """Partners know an attachment by its id: a second one under it would replace the first."""
    seen: set[str] = set()
    faults = []
    for i, attachment in enumerate(message.attachments):
        if attachment.id in seen:
            words = "hai tệp đính kèm trùng id", "two attachments carry the same id"
            faults.append(Fault(f"/attachments/{i}/id", "attachment-id-twice", *words))
        seen.add(attachment.id)
    return faults


def _account(person: Person, place: str) -> list[Fault]:
    numbers = {paper.number for paper in person.papers} | {person.tax_code}
    if person.tech_id is None or person.tech_id not in numbers:
        return []
    words = (
        "tech_id là mã kỹ thuật của tài khoản, không phải số giấy tờ hay mã số thuế",
        "tech_id is the account's technical id, not a paper's number or a tax code",
    )
    return [Fault(f"/{place}/tech_id", "tech-id-is-number", *words)]

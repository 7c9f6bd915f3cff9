"""Fees and payments. "Paid online" is only what was paid online."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gateway.canonical.base import DossierMessage, Part
from gateway.canonical.scalars import Instant, Money, Text100, Text255, Text500, Text2000

PaidBy = Literal["unpaid", "portal", "local_gateway", "direct"]


class Fee(Part):
    """One fee (phí), charge (lệ phí) or other financial obligation (thuế, tiền sử dụng đất …) of a dossier."""

    code: Text100
    name: Text500
    kind: Literal["fee", "charge", "tax"]
    amount: Money
    paid: PaidBy = Field(
        description="how it was really paid: on the portal, on the province's gateway, at the counter, or not yet"
    )


class PaymentRequested(DossierMessage):
    """The citizen owes money before the dossier goes on."""

    type: Literal["PaymentRequested"] = "PaymentRequested"
    fees: list[Fee] = Field(min_length=1, max_length=50)
    reason: Text2000
    due_at: Instant | None = None


class PaymentPaid(DossierMessage):
    """Money has arrived, with the reference that proves it."""

    type: Literal["PaymentPaid"] = "PaymentPaid"
    fee_codes: list[Text100] = Field(min_length=1, max_length=50, description="the fees that it pays in full")
    amount: Money = Field(description="the sum of those fees")
    paid: Literal["portal", "local_gateway", "direct"]
    reference: Text255 = Field(description="transaction or receipt number")

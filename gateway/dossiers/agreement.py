"""Does a message agree with what was said of its dossier before? What contradicts it would be told on as a falsehood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.dossiers.view import merge_fees
from gateway.errors import Fault
from gateway.message import Message

Earlier = list[Message]


def disagreements(body: Mapping[str, Any], earlier: Iterable[Message]) -> list[Fault]:
    """Every contradiction between a canonical body and the dossier's `earlier` messages; held ones said nothing."""
    check = CHECKS.get(body["type"])
    return check(body, [m for m in earlier if m.held is None]) if check else []


def _paid(body: Mapping[str, Any], earlier: Earlier) -> list[Fault]:
    """A payment names fees that exist and is their sum: 1 đồng for a fee of 50,000 is no payment of it."""
    fees: list[Mapping[str, Any]] = []
    for message in earlier:
        if message.type in ("DossierSubmitted", "PaymentRequested"):
            fees = merge_fees(fees, message.body.get("fees", []))
    owed = {fee["code"]: fee["amount"] for fee in fees}
    faults = [
        Fault(f"/fee_codes/{i}", "unknown-fee", f"hồ sơ không có khoản {code}", f"the dossier owes no fee {code}")
        for i, code in enumerate(body["fee_codes"])
        if code not in owed
    ]
    due = sum(owed.get(code, 0) for code in set(body["fee_codes"]))
    if not faults and due != body["amount"]:
        words = f"các khoản này cộng lại là {due} đồng", f"these fees add up to {due} đồng"
        faults.append(Fault("/amount", "amount-differs", *words))
    return faults


def _supplemented(body: Mapping[str, Any], earlier: Earlier) -> list[Fault]:
    asked = {m.body["request"] for m in earlier if m.type == "SupplementRequested"}
    if body["request"] in asked:
        return []
    return [Fault("/request", "unknown-request", "chưa ai yêu cầu bổ sung này", "nobody asked for this supplement")]


def _orders(earlier: Earlier) -> set[str]:
    return {m.body["order"] for m in earlier if m.type == "PostalOrdered"}


def _ordered(body: Mapping[str, Any], earlier: Earlier) -> list[Fault]:
    """The post answers a number it holds as if the new order were taken, and fetches nothing: a number is used once."""
    if body["order"] not in _orders(earlier):
        return []
    words = (
        "số lệnh này đã dùng: bưu điện sẽ không đến lấy lần nữa",
        "this number was used: the post would fetch nothing",
    )
    return [Fault("/order", "order-number-used", *words)]


def _cancelled(body: Mapping[str, Any], earlier: Earlier) -> list[Fault]:
    if body["order"] in _orders(earlier):
        return []
    return [Fault("/order", "unknown-order", "chưa có lệnh bưu chính này", "there is no such postal order")]


CHECKS: Mapping[str, Callable[[Mapping[str, Any], Earlier], list[Fault]]] = {
    "PaymentPaid": _paid,
    "SupplementProvided": _supplemented,
    "PostalOrdered": _ordered,
    "PostalCancelled": _cancelled,
}

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
    proven = _proven(earlier)
    faults += [
        _otherwise(f"/fee_codes/{i}", code, proven[code])
        for i, code in enumerate(body["fee_codes"])
        if proven.get(code, body["paid"]) != body["paid"]
    ]
    return faults


def _amended(body: Mapping[str, Any], earlier: Earlier) -> list[Fault]:
    """What was paid at the counter does not become "paid online" by saying so again: that wants the payment itself, with its reference."""
    told: list[Mapping[str, Any]] = []
    for message in earlier:
        if message.type in ("DossierSubmitted", "PaymentRequested"):
            told = merge_fees(told, message.body.get("fees", []))
    paid = {fee["code"]: fee["paid"] for fee in told if fee["paid"] == "direct"} | _proven(earlier)
    return [
        _otherwise(f"/fees/{i}/paid", fee["code"], paid[fee["code"]])
        for i, fee in enumerate(body.get("fees", []))
        if fee["paid"] in ("portal", "local_gateway") and paid.get(fee["code"], fee["paid"]) != fee["paid"]
    ]


def _proven(earlier: Earlier) -> dict[str, str]:
    """Fee → how it was paid, by the payments that came with a reference."""
    payments = [m.body for m in earlier if m.type == "PaymentPaid"]
    return {code: payment["paid"] for payment in payments for code in payment["fee_codes"]}


def _otherwise(pointer: str, code: str, paid: str) -> Fault:
    words = f"khoản {code} đã được nộp theo cách khác ({paid})", f"the fee {code} was paid another way ({paid})"
    return Fault(pointer, "paid-otherwise", *words)


def _issued(body: Mapping[str, Any], earlier: Earlier) -> list[Fault]:
    """A result is what was issued, never what was submitted."""
    submitted = {
        place
        for message in earlier
        if message.type in ("DossierSubmitted", "SupplementProvided")
        for file in message.body.get("attachments", [])
        for place in (file.get("sha256"), file.get("url"))
        if place
    }
    words = "tệp này do người dân nộp, không phải kết quả", "this file was submitted: it is no result"
    return [
        Fault(f"/results/{i}", "submitted-as-result", *words)
        for i, file in enumerate(body["results"])
        if submitted & {file.get("sha256"), file.get("url")}
    ]


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
    "DossierSubmitted": _amended,
    "ResultIssued": _issued,
    "PaymentPaid": _paid,
    "SupplementProvided": _supplemented,
    "PostalOrdered": _ordered,
    "PostalCancelled": _cancelled,
}

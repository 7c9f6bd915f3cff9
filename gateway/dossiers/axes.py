"""The dossier's axes side by side: business, financial, postal, synchronisation. Pure, and nothing of it is stored: messages and deliveries tell all.

Each axis moves by itself: a parcel that was delivered pays no fee, and a fee that is owed holds up no parcel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gateway.config import PostalRow
from gateway.dossiers.beliefs import Side
from gateway.dossiers.postal import Parcel, parcels
from gateway.ledger.believing import Material, Told

MONEY = {
    "none": ("không có khoản phải nộp", "nothing is owed"),
    "owed": ("còn phải nộp", "owed"),
    "paid": ("đã nộp đủ", "paid"),
}
"""The financial axis, Vietnamese and English. No message tells of a refund, so there is no such state."""

STEPS = {
    "in_step": ("khớp", "in step"),
    "under_way": ("đang gửi", "under way"),
    "in_doubt": ("chưa rõ đã nhận chưa", "in doubt"),
    "parked": ("chờ người xử lý", "parked for a person"),
    "differs": ("lệch", "differs"),
}
"""The synchronisation axis, Vietnamese and English."""

Step = Literal["in_step", "under_way", "in_doubt", "parked", "differs"]


@dataclass(frozen=True, slots=True)
class Money:
    """`owed` and `paid` in đồng; `since`: when what happened last to a fee happened, and the message that says so."""

    state: Literal["none", "owed", "paid"]
    owed: int
    paid: int
    since: datetime | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Axes:
    """`business`: the status. `postal`: by order. `synchronisation`: by system."""

    business: int
    financial: Money
    postal: Sequence[Parcel]
    synchronisation: Mapping[str, Step]


def read_axes(material: Material, status: int, sides: Sequence[Side], table: Mapping[str, PostalRow]) -> Axes:
    """`sides`: the beliefs of all systems (`lay_out`)."""
    return Axes(status, count_money(material.told), parcels(material, table), compare(material, sides))


def count_money(told: Iterable[Told]) -> Money:
    """What is owed and what was paid, from messages in any order. They count by their own time; of one instant a fee comes before its payment.

    A payment pays a fee as it stood then, or as it is first told afterwards: one that is raised later is owed again. That a later submission
    still calls a paid fee unpaid takes no payment back.
    """
    fees: dict[str, Mapping[str, Any]] = {}
    settled: dict[str, int | None] = {}
    last: Told | None = None
    for one in sorted(told, key=lambda one: (one.at, _RANK.get(one.type, 0), one.id)):
        if one.type in _RANK and (one.type == "PaymentPaid" or one.body.get("fees")):
            last = one
            told_now = {fee["code"]: fee for fee in one.body.get("fees", ())}
            fees |= told_now
            settled |= {code: fee["amount"] for code, fee in told_now.items() if settled.get(code, 0) is None}
            settled |= {code: fees[code]["amount"] if code in fees else None for code in one.body.get("fee_codes", ())}
    paid = sum(fee["amount"] for fee in fees.values() if _is_paid(fee, settled))
    owed = sum(fee["amount"] for fee in fees.values() if not _is_paid(fee, settled))
    state: Literal["none", "owed", "paid"] = "owed" if owed else "paid" if paid else "none"
    return Money(state, owed, paid, last.at if last else None, last.id if last else None)


_RANK = {"DossierSubmitted": 1, "PaymentRequested": 2, "PaymentPaid": 3}


def _is_paid(fee: Mapping[str, Any], settled: Mapping[str, int | None]) -> bool:
    """`settled`: the amounts that payments paid; None where nobody has told of the fee yet."""
    if fee["paid"] != "unpaid":
        return True
    return bool(settled.get(fee["code"]) == fee["amount"])


def compare(material: Material, sides: Sequence[Side]) -> dict[str, Step]:
    """By system the worst that is so of it: parked, in doubt, differs, under way, in step."""
    found: dict[str, set[Step]] = {}
    for system, head in material.heads.items():
        found.setdefault(system, set()).add(_UNDER_WAY[head.state])
    for system in material.differences:
        found.setdefault(system, set()).add("differs")
    for side in sides:
        found.setdefault(side.system, set()).add(_of(side))
    return {system: max(steps, key=_WORST.index) for system, steps in sorted(found.items())}


_UNDER_WAY: Mapping[str, Step] = {"waiting": "under_way", "in_doubt": "in_doubt", "parked": "parked"}
_WORST: Sequence[Step] = ("in_step", "differs", "under_way", "in_doubt", "parked")


def _of(side: Side) -> Step:
    """One that believes otherwise and to which something is on its way is no difference yet."""
    if side.agrees:
        return "in_step"
    return "under_way" if side.next is not None and side.next.what == "send" else "differs"


def as_json(axes: Axes, statuses: Mapping[int, Any], table: Mapping[str, PostalRow]) -> dict[str, Any]:
    """As callers and `lienthong trace --json` read it."""
    status, money = statuses[axes.business], axes.financial
    return {
        "business": {"state": axes.business, "name": status.name, "name_en": status.name_en},
        "financial": {
            "state": money.state, **_named(MONEY[money.state]), "owed": money.owed, "paid": money.paid, "since": money.since,
            "message": money.message,
        },
        "postal": [_parcel(one, table[one.state]) for one in axes.postal],
        "synchronisation": [
            {"system": system, "state": step, **_named(STEPS[step])} for system, step in axes.synchronisation.items()
        ],
    }  # fmt: skip


def _parcel(one: Parcel, row: PostalRow) -> dict[str, Any]:
    return {
        "order": one.order, "leg": one.leg, "state": one.state, "name": row.name, "name_en": row.name_en, "since": one.since,
        "message": one.proof.message, "aside": list(_asides(one)),
    }  # fmt: skip


def _asides(one: Parcel) -> Iterator[dict[str, Any]]:
    for aside in one.aside:
        fact = aside.fact
        yield {
            "message": fact.message,
            "state": fact.word,
            "at": fact.at,
            "theirs": fact.theirs,
            "reason": aside.reason,
        }


def _named(words: tuple[str, str]) -> dict[str, str]:
    return {"name": words[0], "name_en": words[1]}

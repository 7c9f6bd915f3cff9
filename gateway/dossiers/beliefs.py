"""Beliefs side by side: what each system believes of a dossier, how sure that is, whether it agrees, and what the gateway does next.

Pure: the ledger's rows go in, `Side`s come out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from gateway.config import Config
from gateway.dossiers.postal import DISCARDED, TAKEN, facts_of, follow, given_up, parcels
from gateway.ledger.believing import VOUCHED, Material, sub_status
from gateway.ledger.tables import OPEN

HOW = {
    "said": ("tự nói", "said it"),
    "implied": ("suy ra từ lời của họ", "follows from what it said"),
    "accepted": ("đã nhận", "was told, and took it"),
    "vouched": ("đã nhận, theo lời người xử lý", "took it, on a person's word"),
    "confirmed": ("đã hỏi, xác nhận", "asked, and confirmed it"),
    "alike": ("đã hỏi, mã của họ gộp nhiều trạng thái", "asked; its code stands for several statuses, this among them"),
    "asked": ("đã hỏi, nói khác", "asked, and says otherwise"),
    "untold": ("chưa được báo", "was told nothing yet"),
}
"""How sure a belief is, Vietnamese and English."""

CITIZENS = {
    "citizen:applicant": ("Người nộp hồ sơ", "the applicant"),
    "citizen:delegate": ("Người được ủy quyền", "the delegate"),
}
"""Those who are told by notices, Vietnamese and English. No partner can be called so."""


@dataclass(frozen=True, slots=True)
class Next:
    """What the gateway does next about a system: `what` is send, ask, heal, person or nothing; `at` when, if that is known."""

    what: str
    at: datetime | None
    words: str
    words_en: str


@dataclass(frozen=True, slots=True)
class Side:
    """What one system believes. `status` is None where it has no such dossier, or says what no table knows; `theirs` is its own word.

    `message` proves it, or, with `how` = asked, its `answer` of `asked_at`. `finding` is what was found when it was asked last.

    Of a post, a side per order: `sub_status` is the order's number, `theirs` how it stands, in the post's words where it has said so itself.
    Of a citizen: `theirs` is the notice that was delivered last, `since` when.
    """

    system: str
    status: int | None
    sub_status: str | None
    since: datetime | None
    how: str
    message: str | None
    asked_at: datetime | None
    theirs: str | None
    finding: str | None
    agrees: bool
    next: Next | None = None


def lay_out(material: Material, status: int, sources: Sequence[str], config: Config, now: datetime) -> list[Side]:
    """A side per system that believes something or is to be told something. `status` is the dossier's; `sources` have sent events that are held.

    Behind them those of posts and citizens; a post or a sender of notices that is told no status has no other.
    """
    carried = [*_posts(material, config, now), *_citizens(material, config, now)]
    carriers = {row.destination for row in material.sent}
    believing = {*material.beliefs, *material.asked, *material.differences}
    systems = sorted(believing | (material.heads.keys() - carriers))
    return [*(_side(system, material, status, system in sources, config, now) for system in systems), *carried]


def _posts(material: Material, config: Config, now: datetime) -> Iterator[Side]:
    """What each post believes of each order: what it said or took, beside what is on record."""
    facts, record = facts_of(material), {one.order: one.state for one in parcels(material, config.postal)}
    of = {one.id: one.body["order"] for one in material.told if one.type in ("PostalOrdered", "PostalCancelled")}
    told = {(row.destination, of[row.message]) for row in material.sent if row.message in of and row.state != DISCARDED}
    vouched = {(row.destination, row.message) for row in material.sent if row.code == VOUCHED}
    said = {(fact.system, fact.order) for found in facts.values() for fact in found if fact.system is not None}
    for system, order in sorted(told | said):
        parcel = follow(config.postal, [fact for fact in facts[order] if fact.system == system])
        if parcel is None:
            side = Side(system, None, order, None, "untold", None, None, None, None, agrees=False)
        else:
            proof, agrees = parcel.proof, parcel.state == record[order]
            took = "vouched" if (system, proof.message) in vouched else "accepted"
            how, theirs = ("said", proof.theirs) if proof.theirs else (took, config.postal[parcel.state].name)
            side = Side(system, None, order, parcel.since, how, proof.message, None, theirs, None, agrees=agrees)
        yield replace(side, next=next(_steps(side, material, False, config, now), None))


def _citizens(material: Material, config: Config, now: datetime) -> Iterator[Side]:
    """What the applicant and the delegate were told last. They agree when no newer notice is still to reach them."""
    took = {row.message: row for row in material.sent if row.state == TAKEN}
    to = {row.message: row.destination for row in sorted(material.sent, key=lambda row: row.state in OPEN)}
    still, gone = {row.message for row in material.sent if row.state in OPEN}, given_up(material)
    for system in CITIZENS:
        notices = [
            one for one in material.told if f"citizen:{one.body.get('to')}" == system and one.id in to.keys() - gone
        ]
        told = [one for one in notices if one.id in took]
        if not notices:
            continue
        newest = max(notices, key=lambda one: (one.at, one.id))
        if told:
            last = max(told, key=lambda one: (took[one.id].ended_at, one.id))
            side = Side(
                system, None, None, took[last.id].ended_at, "accepted", last.id, None, last.body["template"], None, agrees=newest.id not in still
            )  # fmt: skip
        else:
            side = Side(system, None, None, None, "untold", None, None, None, None, agrees=False)
        step = next(_steps(replace(side, system=to[newest.id]), material, False, config, now), None)
        yield replace(side, next=None if side.agrees else step)


def agree(sides: Sequence[Side]) -> bool:
    """Does every system believe what the gateway holds, as far as it concerns it, and is nothing under way?"""
    return all(side.agrees and (side.next is None or side.next.what == "nothing") for side in sides)


def _side(system: str, material: Material, status: int, holds: bool, config: Config, now: datetime) -> Side:
    found = _believes(system, material, status)
    return replace(found, next=next(_steps(found, material, holds, config, now), None))


def _believes(system: str, material: Material, status: int) -> Side:
    """The newer one of what it said or was told, and of what it answered. What it was not asked about, no answer confirms."""
    belief, answer = material.beliefs.get(system), material.asked.get(system)
    if answer is None or (belief is not None and answer.at < belief.at):
        if belief is None:
            return Side(system, None, None, None, "untold", None, None, None, None, agrees=False)
        return _told(system, belief, _sure(belief), status, material)
    if belief is None or answer.finding != "agrees":
        return Side(
            system,
            answer.status,
            None,
            answer.since,
            "asked",
            None,
            answer.at,
            answer.theirs,
            answer.finding,
            agrees=False,
        )
    how = _sure(belief)
    if answer.status == belief.status:
        how = "confirmed"
    elif answer.status is None and answer.theirs:  # one word of theirs for several of our statuses
        how = "alike"
    confirmed = _told(system, belief, how, status, material)
    return replace(confirmed, asked_at=answer.at, theirs=answer.theirs, finding=answer.finding)


def _sure(belief: Any) -> str:
    """How sure that is without an answer. What a route made of its words, and what a person vouched for, is told as such."""
    if belief.how == "said":
        return "implied" if belief.implied else "said"
    return "vouched" if belief.vouched else str(belief.how)


def _told(system: str, belief: Any, how: str, status: int, material: Material) -> Side:
    """One for which there was nothing in the newest status agrees with what it was told before."""
    agrees = belief.status == status or system in material.spared
    return Side(
        system, belief.status, sub_status(belief), belief.since, how, belief.message, None, None, None, agrees=agrees
    )


def _steps(side: Side, material: Material, holds: bool, config: Config, now: datetime) -> Iterator[Next]:
    """What may come next, the first one first."""
    head, difference = material.heads.get(side.system), material.differences.get(side.system)
    if head is not None:
        yield _delivery(head, now)
    if difference is not None:
        yield _difference(difference)
    if side.agrees:
        if side.system in material.spared:
            words = "trạng thái mới không phải việc của hệ thống này"
            yield Next("nothing", None, words, "the newest status is none of its business")
        return
    if holds:
        words = "sự kiện của hệ thống này bị giữ, chờ người quyết định: lienthong held list"
        yield Next("person", None, words, "its event is held, and a person decides: lienthong held list")
    belief = material.beliefs.get(side.system)
    if belief is not None and belief.ruling == "discarded":
        words = "sự kiện của hệ thống này đã bị bỏ: sửa ngay tại đó, hoặc để nó gửi lại bản tin đúng"
        yield Next("person", None, words, "its event was discarded: set it right there, or have it send the right one")
    partner = config.partners.get(side.system)
    if partner is not None and partner.reconcile.mode != "off" and side.how != "untold":
        at = (side.asked_at or now) + timedelta(seconds=partner.reconcile.every_seconds)
        yield Next("ask", at, "hỏi lại ở vòng đối soát sau", "asked again in the next round of reconciliation")
    words = "không có tuyến nào báo điều này cho nó: phải sửa ngay tại đó"
    yield Next("nothing", None, words, "no route tells it that: it is to be set right there")


def _delivery(head: Any, now: datetime) -> Next:
    """What becomes of the delivery at the head of its lane."""
    if head.state == "parked":
        words = f"chờ người xử lý: lienthong parked show {head.id}"
        return Next("person", None, words, f"parked for a person: lienthong parked show {head.id}")
    what = "ask" if head.state == "in_doubt" else "send"
    if head.lease_until is not None and head.lease_until > now:
        under_way = ("đang hỏi", "being asked now") if what == "ask" else ("đang gửi", "being sent now")
        return Next(what, now, *under_way)
    away = head.breaker in ("open", "half_open") and head.probe_at is not None
    at = max(head.due_at, head.probe_at) if away else head.due_at
    if what == "ask":
        return Next(what, at, "chưa rõ đã nhận chưa: sẽ hỏi", "whether it arrived is not known: it will be asked")
    if away:
        return Next(what, at, "đối tác không trả lời, sẽ thử lại", "the partner does not answer: tried again then")
    return Next(what, at, "chờ gửi", "waiting to be sent")


def _difference(row: Any) -> Next:
    """What becomes of a difference that reconciliation found."""
    match row.state:
        case "proposed":
            words = f"chờ duyệt: lienthong reconcile approve {row.id}"
            return Next("person", None, words, f"waits for approval: lienthong reconcile approve {row.id}")
        case "person":
            words = f"chờ người quyết định: lienthong reconcile show {row.id}"
            return Next("person", None, words, f"a person decides: lienthong reconcile show {row.id}")
        case "approved" | "healing":
            return Next("heal", row.again_at, "đang chữa", "being healed")
        case "declined":
            return Next("nothing", None, "người đã quyết định để nguyên", "a person decided to leave it")
    return Next("ask", row.again_at, "hỏi lại cho chắc", "asked again, to be sure")

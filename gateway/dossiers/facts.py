"""What a view says of its dossier, in the few words that rules ask (`config/kpi.toml`, a connector's `truths.toml`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, model_validator

from gateway.config import Section
from gateway.dossiers.deadlines import Judgement, judge_deadline
from gateway.ledger.lives import CLOSED, DONE, RETURNED, Life
from gateway.ports import Codes

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts, words and lists. A rule asks them by name; docs/statistics.md tells what each is.

    `payment`: none, portal, local_gateway, direct (something was paid at the counter) or unpaid (something is owed still).
    """

    origin: str
    channel: int
    status: int
    said: int | None  # the status in this very message
    received: bool
    promised: bool
    said_done: bool
    judged: str
    supplements: int
    supplements_open: int
    payment: str
    attachments: int
    digitised: int
    reused: int
    from_store: int
    results: int
    results_uncoded: int
    results_unknown: int
    verified: bool
    code: str
    papers: Sequence[str]
    accounts: Sequence[str]
    databases: Sequence[str]
    result_codes: Sequence[str]
    result_links: Sequence[str]
    submitted_at: Sequence[datetime]
    received_at: Sequence[datetime]
    due_at: Sequence[datetime]
    said_at: Sequence[datetime]  # when what this very message says took place
    ended_at: Sequence[datetime]
    refused_at: Sequence[datetime]
    returned_at: Sequence[datetime]


def read_facts(view: View, codes: Codes, at: datetime, judged: Judgement | None = None) -> Facts:
    """Of a view with a dossier. Deadlines are judged at the instant `at`, unless the one who asks has `judged` them."""
    dossier, message = view["dossier"], view["message"]
    applicant, results = dossier["applicant"], view["results"]
    later = [a for pair in view["supplements"] for a in (pair["provided"] or {}).get("attachments", [])]
    attachments = {a["id"]: a for a in (*dossier.get("attachments", []), *later)}.values()
    life = read_life(view)
    day = life.received_at if life else _instant(dossier["submitted_at"])
    return Facts(
        origin=dossier["origin"],
        channel=dossier["channel"],
        status=view["current_status"],
        said=message.get("status"),
        received=life is not None,
        promised=bool(dossier.get("deadlines", {}).get("due_at")),
        said_done=str(DONE) in view["moments"],
        judged=judged or (judge_deadline(life, at) if life else "open"),
        supplements=_asked(view),
        supplements_open=sum(pair["provided"] is None for pair in view["supplements"]),
        payment=_payment(view),
        attachments=len(attachments),
        digitised=sum(a.get("digitised", False) for a in attachments),
        reused=sum(a.get("reused", "no") != "no" for a in attachments),
        from_store=sum(a.get("from_shared_store", False) for a in attachments),
        results=len(results),
        results_uncoded=sum("code" not in r for r in results),
        results_unknown=sum("code" in r and codes.find("results", r["code"], day) is None for r in results),
        verified=applicant.get("verified_by_vneid", False),
        code=dossier["dossier"],
        papers=[*(p["number"] for p in applicant.get("papers", [])), *_given(applicant, "tax_code")],
        accounts=_given(applicant, "tech_id"),
        databases=dossier.get("national_databases", []),
        result_codes=[r["code"] for r in results if "code" in r],
        result_links=[r["url"] for r in results if "url" in r],
        **_moments(view),
    )


def _moments(view: View) -> dict[str, list[datetime]]:
    """When things took place, as it was told: none where they did not. A reception may be told twice, and a dossier that is done ended when it
    was done, or when it was returned."""
    dossier, newest, first = view["dossier"], view["moments"], view["first_moments"]
    deadlines, status = dossier.get("deadlines", {}), view["current_status"]
    ended = newest.get(str(DONE)) or newest.get(str(RETURNED)) if status in (DONE, RETURNED) else None
    closed = newest.get(str(status)) if status in CLOSED else None
    told = {
        "submitted_at": [dossier["submitted_at"]],
        "received_at": [deadlines.get("received_at"), first.get("2")],
        "due_at": [deadlines.get("due_at")],
        "said_at": [view["message"]["event_time"]],
        "ended_at": [ended, closed],
        "refused_at": [newest.get("3") if status == 3 else None],
        "returned_at": [newest.get(str(RETURNED)) if status == RETURNED else None],
    }
    return {name: [_instant(text) for text in texts if text] for name, texts in told.items()}


def read_life(view: View) -> Life | None:
    """The dossier's course as its messages tell it; None before its reception."""
    dossier, moments, first = view["dossier"], view["moments"], view["first_moments"]
    deadlines, status = dossier.get("deadlines", {}), view["current_status"]
    received = deadlines.get("received_at") or first.get("2")
    if received is None:
        return None
    ended = (moments.get(str(DONE)) or moments.get(str(RETURNED))) if status in (DONE, RETURNED) else None
    return Life(
        code=dossier["dossier"],
        organisation=dossier["handled_by"]["code"],
        procedure=dossier["procedure"]["code"],
        channel=dossier["channel"],
        due_at=_instant(deadlines["due_at"]) if deadlines.get("due_at") else None,
        received_at=_instant(received),
        ended_at=_instant(ended) if ended else None,
        closed_at=_instant(moments[str(status)]) if status in CLOSED else None,
        asked=_asked(view),
        by_post=bool(dossier.get("postal", {}).get("return_to")),
        received_by=dossier["handled_by"]["code"],
    )


def _asked(view: View) -> int:
    """How often a supplement was asked for. A partner may tell it as a request, as status 5, or as both."""
    first, newest = view["first_moments"].get("5"), view["moments"].get("5")
    return max(len(view["supplements"]), int(newest is not None) + int(first != newest))


def _payment(view: View) -> str:
    """As it was really paid. The least honest reading is the last one tried."""
    fees, payments = [fee for fee in view["fees"] if fee["amount"]], view["payments"]
    if not fees and not payments:
        return "none"
    proven = {code for payment in payments for code in payment["fee_codes"]}
    ways = {fee["paid"] for fee in fees if fee["paid"] != "unpaid"} | {payment["paid"] for payment in payments}
    if "direct" in ways:
        return "direct"
    if any(fee["paid"] == "unpaid" and fee["code"] not in proven for fee in fees):
        return "unpaid"
    return "local_gateway" if "local_gateway" in ways else "portal"


def _given(applicant: Mapping[str, Any], name: str) -> list[str]:
    return [applicant[name]] if applicant.get(name) else []


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────

KNOWN = frozenset(one.name for one in fields(Facts))
MOMENTS = frozenset(one.name for one in fields(Facts) if one.name.endswith("_at"))


class Range(Section):
    """A count, both ends included."""

    least: int = Field(default=0, ge=0)
    most: int = Field(default=1 << 31, ge=0)


Wanted = Annotated[list[bool | int | str] | Range, Field(union_mode="left_to_right")]


class When(Section):
    """Conditions by the name of a fact, all of which must hold: one of a list, or a count within a range."""

    conditions: dict[str, Wanted]

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        return {"conditions": given}

    @model_validator(mode="after")
    def _known(self) -> When:
        if unknown := sorted(self.conditions.keys() - KNOWN):
            raise ValueError(f"no such fact: {', '.join(unknown)}; known: {', '.join(sorted(KNOWN))}")
        return self

    def holds(self, facts: Facts) -> bool:
        return all(_fits(getattr(facts, name), wanted) for name, wanted in self.conditions.items())


def _fits(value: Any, wanted: list[bool | int | str] | Range) -> bool:
    if isinstance(wanted, Range):
        return bool(wanted.least <= value <= wanted.most)
    return any(value == one and type(value) is type(one) for one in wanted)


def texts(value: Any) -> Iterable[str]:
    """A fact as the texts that a document may hold of it."""
    return map(str, value) if isinstance(value, list | tuple) else [str(value)]

"""The shapes of the door's answers, for `/openapi.json`. Answers are not made through them (that would cost); the contract tests hold
every answer against them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Cursor = Annotated[str, Field(pattern="^[0-9a-f]{16}$", description="opaque; give it back as `after`")]
StatusCode = Annotated[int, Field(ge=1, le=10, description="the ten national codes")]
State = Literal["waiting", "in_doubt", "parked", "delivered", "cancelled"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Fault(Shape):
    """One thing wrong. `pointer` is an RFC 6901 pointer into the body ("" is the whole), or `?name` for a query parameter."""

    pointer: str
    code: str
    detail: str = Field(description="tiếng Việt")
    detail_en: str


class Problem(Shape):
    """An RFC 9457 problem document with every fault found."""

    type: str = Field(pattern="^urn:lienthong:problem:[a-z-]+$")
    title: str
    title_en: str
    status: int
    detail: str
    detail_en: str
    instance: str
    faults: list[Fault]


class Held(Shape):
    """Why a message that was stored moved nothing."""

    reason: str
    detail: str
    detail_en: str


class Loss(Shape):
    """What a dossier as it stands would lose by the national index (QĐ 766/QĐ-TTg). `points`: the most of the indicator, or of its group."""

    rule: str
    indicator: str
    name: str
    name_en: str
    points: float
    points_of: Literal["indicator", "group"]
    field: str = Field(description="pointer into the dossier as mappings see it")
    wire: str = Field(description="the portal's field")
    mend: bool = Field(description="the sender can still mend it")
    detail: str
    detail_en: str


class Receipt(Shape):
    """Stored and routed, nothing less. `repeated`: it was accepted before; this is the first receipt again."""

    id: str = Field(description="the gateway's id of the message")
    source: str
    source_id: str = Field(description="the sender's id")
    type: str
    dossier: str
    received_time: datetime
    destinations: list[str]
    held: Held | None
    repeated: bool
    warnings: list[Loss] = Field(description="what the sender can still mend before it is lost")
    doubts: list[Fault] = Field(description="dates that were taken as they are, but that the calendar makes doubtful")


class KpiAnswer(Shape):
    """Every rule of the national index that the dossier breaks as it stands, in the order of the rules."""

    dossier: str
    as_of: datetime
    losses: list[Loss]


class BatchResult(Shape):
    status: int
    receipt: Receipt | None
    problem: Problem | None


class BatchAnswer(Shape):
    """One result for each message, in their order."""

    accepted: int
    refused: int
    results: list[BatchResult]


class Delivery(Shape):
    """One message on its way to one destination."""

    id: Cursor
    message: str
    type: str
    dossier: str
    destination: str
    state: State
    duplicate: bool = Field(description="the destination had it already")
    reason: str | None
    code: str | None = Field(description="the destination's own code, or ours")
    attempts: int
    asks: int = Field(description="how often the destination was asked whether it arrived")
    reference: str | None = Field(description="the destination's own id for it")
    created_at: datetime
    ended_at: datetime | None


class Stand(Shape):
    code: StatusCode
    name: str
    name_en: str
    since: datetime
    due_at: datetime | None


class Next(Shape):
    """What the gateway does next about a system. `at`: when, if that is known."""

    what: Literal["send", "ask", "heal", "person", "nothing"]
    at: datetime | None
    words: str
    words_en: str


class Belief(Shape):
    """What one system last said of the dossier, or was last told, or answered when it was asked.

    Of a post, one for each order: `sub_status` is its number, `theirs` how it stands. Of a citizen `theirs` is the notice that was delivered last.
    """

    system: str
    name: str
    name_en: str
    status: StatusCode | None = Field(
        description="none: it was told nothing yet, has no such dossier, or says what no table knows"
    )
    sub_status: str | None
    since: datetime | None
    message: str | None = Field(description="our id of the message that proves it; none where an answer does")
    how: Literal["said", "implied", "accepted", "vouched", "confirmed", "alike", "asked", "untold"]
    sure: str
    sure_en: str
    asked_at: datetime | None = Field(description="when it answered last how the dossier stands")
    theirs: str | None = Field(description="its own word for the status, in that answer")
    finding: str | None = Field(description="agrees, or how its answer differs from what it was told")
    agrees: bool
    next: Next | None


class BusinessAxis(Shape):
    state: StatusCode
    name: str
    name_en: str


class FinancialAxis(Shape):
    """`owed` and `paid` in đồng. `message`: what happened last to a fee."""

    state: Literal["none", "owed", "paid"]
    name: str
    name_en: str
    owed: int
    paid: int
    since: datetime | None
    message: str | None


class PostalAside(Shape):
    """What moved nothing: it came after the end, leads nowhere from there, or is in no table."""

    message: str
    state: str
    at: datetime
    theirs: str | None
    reason: Literal["terminal", "not-lawful", "unlisted"]


class PostalAxis(Shape):
    """One order."""

    order: str
    leg: Literal["collect", "return"] | None
    state: Literal["ordered", "collected", "on_the_way", "delivered", "returned", "cancelled", "lost"]
    name: str
    name_en: str
    since: datetime
    message: str
    aside: list[PostalAside]


class SystemStep(Shape):
    system: str
    state: Literal["in_step", "under_way", "in_doubt", "parked", "differs"]
    name: str
    name_en: str


class DossierAxes(Shape):
    """Each moves by itself. `postal`: none where nothing was ordered."""

    business: BusinessAxis
    financial: FinancialAxis
    postal: list[PostalAxis]
    synchronisation: list[SystemStep]


class DateDoubt(Shape):
    """What nobody has confirmed of these days, both included."""

    first: str = Field(alias="from")
    until: str
    detail: str
    detail_en: str


class DossierClock(Shape):
    """One way to reckon. `due`: as it stands now. Minutes are working time; `left_minutes` is negative once it is over."""

    state: Literal["not_started", "runs", "paused", "ended"]
    start: datetime | None
    first_due: datetime | None
    due: datetime | None
    ended: datetime | None
    verdict: Literal["early", "on_time", "late"] | None = Field(description="none: open and not late")
    used_minutes: int
    left_minutes: int | None
    doubts: list[DateDoubt]


class DossierClocks(Shape):
    """`legal`: by the procedure's limit; `local`: by the promise and the unit's own hours; `kpi`: by the national index (QĐ 766)."""

    legal: DossierClock
    local: DossierClock
    kpi: DossierClock


class HeldEvent(Held):
    message: str
    type: str
    source: str
    status: int | None
    event_time: datetime
    received_time: datetime


class DossierAnswer(Shape):
    """`agreed`: every system that has a belief believes what the gateway holds, and nothing is under way."""

    dossier: str
    owner: str
    origin: str
    status: Stand
    agreed: bool
    beliefs: list[Belief]
    axes: DossierAxes
    deliveries: list[Delivery] = Field(description="waiting, in doubt or parked")
    held: list[HeldEvent]
    clocks: DossierClocks | None = Field(
        description="as of now; none where the reckoning leaves the years 1990 to 2100"
    )
    body: dict[str, Any] = Field(description="the newest DossierSubmitted")


class Step(Shape):
    """One hop: what happened, when, and why, in words."""

    at: datetime
    kind: Literal["message", "status", "delivery", "attempt"]
    what: str
    words: str
    words_en: str
    message: str
    system: str = Field(description="who sent it, or to whom it went")
    delivery: Cursor | None
    status: int | None
    code: str | None
    reason: str | None


class Timeline(Shape):
    dossier: str
    steps: list[Step]


class FeedItem(Shape):
    cursor: Cursor
    message: str
    dossier: str
    source: str
    status: StatusCode
    event_time: datetime
    received_time: datetime


class FeedPage(Shape):
    """`next` is always given: keep it, and ask with it next time, whether or not there was anything."""

    items: list[FeedItem]
    next: Cursor
    more: bool


class MessageAnswer(Shape):
    id: str
    source: str
    source_id: str
    type: str
    dossier: str
    event_time: datetime
    received_time: datetime
    held: Held | None
    because: str | None
    mapping: str | None
    trace: str | None
    deliveries: list[Delivery]
    body: dict[str, Any]


class DeliveryPage(Shape):
    items: list[Delivery]
    next: Cursor
    more: bool


class Breaker(Shape):
    state: Literal["closed", "open", "half_open"]
    failures: int
    opened_at: datetime | None
    probe_at: datetime | None
    reason: str | None


class HealthFinding(Shape):
    question: str
    ok: bool
    answer: str


class PartnerHealth(Shape):
    partner: str
    name: str
    name_en: str
    breaker: Breaker
    waiting: int
    in_doubt: int
    parked: int
    oldest_undelivered_seconds: float | None
    findings: list[HealthFinding] | None = Field(description="what the partner answered; only with ask=true")


class Shares(Shape):
    """In percent, two places; null when there is nothing to share."""

    online: float | None
    postal: float | None
    supplemented: float | None
    early: float | None
    on_time: float | None
    in_time: float | None
    late: float | None
    overdue: float | None
    satisfied: float | None


class Counts(Shape):
    """Dossiers, but for the ratings. `judged`: settled under a promise, or open although the promise has gone by."""

    received: int
    online: int
    postal: int
    supplemented: int
    resolved: int
    early: int
    on_time: int
    in_time: int
    late: int
    unpromised: int = Field(description="resolved, but no return was ever promised")
    closed: int = Field(description="refused, withdrawn or stopped")
    open: int
    overdue: int
    judged: int
    ratings: int
    satisfied: int
    dissatisfied: int
    shares: Shares


class StatisticsGroup(Counts):
    key: str = Field(description="the agency's or procedure's code, the channel's number, the level")
    name: str
    name_en: str


class StatisticsAnswer(Shape):
    first: str = Field(alias="from", description="the first day, in Vietnam's time")
    to: str
    by: Literal["agency", "procedure", "channel", "level"]
    as_of: datetime = Field(description="what had not ended then counts as open")
    groups: list[StatisticsGroup]
    total: Counts


class MinutesOwner(Shape):
    """To whom minutes belong. `who`: of a desk the agency's code or the partner; of post, to, from and lost the partner."""

    owner: Literal["desk", "citizen", "post", "gateway", "to", "from", "lost"]
    who: str | None
    name: str
    name_en: str
    on_the_wire: bool


class OwnerMinutes(MinutesOwner):
    minutes: int
    worked: int = Field(description="of them in office hours")


class DelayVerdict(Shape):
    late: bool
    near: bool = Field(description="not late, with a working day left or less")
    place: Literal["desk", "wire"] | None
    index_only: bool = Field(description="it ended in time, and was known too late")
    over: int = Field(description="working minutes beyond the due date")
    wire: int = Field(description="working minutes on the wire while the clock ran, up to then")
    blamed: MinutesOwner | None = Field(description="who had most of its minutes, of that place")
    words: str
    words_en: str


class DelaySummary(Shape):
    """`known_at`: when `viewer`, who counts it, knew of the end."""

    dossier: str
    agency: str
    received_at: datetime | None
    due_at: datetime | None
    ended_at: datetime | None
    viewer: str | None
    known_at: datetime | None
    verdict: DelayVerdict
    owners: list[OwnerMinutes] = Field(description="until the end was known")


class DelayProof(Shape):
    """`id`: of a message ours, of the others their numbers; `away`: the first and last of `count` attempts, of all dossiers, without an answer."""

    what: Literal["message", "delivery", "attempt", "away", "difference"]
    id: str
    at: datetime
    until: datetime | None
    system: str | None
    code: str | None
    count: int


class DelayStretch(OwnerMinutes):
    towards: str | None = Field(description="the system that was to be told")
    begin: datetime
    end: datetime
    runs: bool = Field(description="the clock ran meanwhile")
    proofs: list[DelayProof]


class DelayAnswer(DelaySummary):
    """The stretches follow each other without a gap: each minute has one owner."""

    as_of: datetime
    clock: Literal["kpi"]
    seen: dict[str, datetime | None] = Field(description="by system that was told of the end: when it knew")
    doubts: list[DateDoubt]
    stretches: list[DelayStretch]


class DelaysLine(Shape):
    key: str = Field(description="the owner, the agency's code, or the partner")
    name: str
    name_en: str
    due: int
    late: int
    desk: int
    wire: int
    minutes: int
    worked: int
    wire_minutes: int
    wire_worked: int


class DelaysAnswer(Shape):
    first: str = Field(alias="from", description="the first day, in Vietnam's time")
    to: str
    by: Literal["owner", "agency", "destination"]
    as_of: datetime
    due: int
    late: int
    desk: int
    wire: int
    wire_percent: float | None = Field(description="of those late")
    index_only: int
    near: int
    total: DelaysLine
    lines: list[DelaysLine]
    worst: list[DelaySummary]


class FileAnswer(Shape):
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int


class Alive(Shape):
    alive: bool


class Ready(Shape):
    ready: bool
    schema_revision: str

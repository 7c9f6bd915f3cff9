"""The ports: what the spine asks of a connector, a mapping, a channel, and what a connector may ask of the spine.

Each port has one contract suite in `tests/contract`, and every implementation passes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, SecretStr

from gateway.errors import DeliveryError, Fault, TryLater
from gateway.message import Message

# ── outbound ────────────────────────────────────────────────────────────────────────────────────────────────────


class Found(StrEnum):
    """A partner's answer to "did it arrive?". UNKNOWN: it answered, and cannot tell. A question that failed raises instead."""

    ARRIVED = "arrived"
    ABSENT = "absent"
    UNKNOWN = "unknown"


NOTHING = "nothing-to-send"
"""A receipt's code where nothing of the message was for the partner: it was told nothing."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The partner's answer to a delivery that ended well. `reference` is the partner's own id for it, if it gave one."""

    code: str
    answer: str
    reference: str | None = None
    duplicate: bool = False


def _no_file(sha256: str) -> bytes:
    raise TryLater(f"không có tệp {sha256} · no such file", code="file")


RESTORED = "restored"
"""Among a parcel's steps: the ledger is a copy put back, older than the partner. Any call of this delivery may have been made, remembered or not."""


@dataclass(frozen=True, slots=True)
class Original:
    """What a sender sent, byte by byte, and of which type it said it was."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message for one destination, translated and ready to go.

    `key` is our message id: give it to the partner as *its* reference wherever the protocol has room.
    `documents` are the translated documents by name, as the partner's `[mappings]` names them.
    `steps` are the answers of earlier calls of this same delivery; `remember(step, answer)` stores one more *before* the next call.
    `known_there` is true when an earlier delivery of this lane ended well: the partner has the dossier.
    `in_doubt` is true when an earlier attempt of this delivery may have been done.
    `original` is set where the route passes on what the sender sent: that goes out, and `documents` only tells what stands in it.
    `read_file(sha256)` is the content of a file parked with us, for partners who want it inline; it raises `TryLater`. Read it before the call.
    """

    delivery: int
    key: str
    message: Message
    documents: Mapping[str, Any]
    steps: Mapping[str, Any] = field(default_factory=dict)
    known_there: bool = False
    in_doubt: bool = False
    remember: Callable[[str, Any], None] = lambda step, answer: None
    read_file: Callable[[str], bytes] = _no_file
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """One finding of a connection check: a question an operator asks, and its answer."""

    question: str
    ok: bool
    answer: str


class Outbound(Protocol):
    """Delivers to one partner. Used by several threads at once. Never acknowledges, never retries for minutes, never swallows."""

    def deliver(self, parcel: Parcel) -> Receipt:
        """Send it. Raises `TryLater`, `AskFirst`, `Rejected` or `Unclassified`; any other exception counts as in doubt."""

    def find(self, parcel: Parcel) -> Found:
        """Ask whether an earlier attempt arrived. ABSENT also when sending again cannot double anything at the partner.

        Raises a `DeliveryError` when the question failed: the doubt stays, however long the partner is away.
        """

    def check(self) -> Sequence[Health]:
        """Is the partner there, and does it know us? Changes nothing at the partner."""


class Together(Outbound, Protocol):
    """An outbound that can carry the heads of several lanes in one call. `together` is how many at most; 1 means each alone."""

    together: int

    def deliver_together(self, parcels: Sequence[Parcel]) -> Sequence[Receipt | DeliveryError]:
        """One result for each parcel, in order. None of them is in doubt."""


@dataclass(frozen=True, slots=True)
class Heal:
    """What a partner's protocol has for mending, by the names of its documents.

    `status`: those that set a dossier as it stands, and may be repeated. `step`: those that add one step to its history, once. `anew`: the
    first may found a dossier that the partner does not have; without it what is lacking founds it, message by message. Where both are empty,
    only a person can mend anything.
    """

    status: Sequence[str] = ()
    step: Sequence[str] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a dossier stands at a partner, by its own answer.

    `theirs` is its own word for the status and `statuses` are those of ours that it may mean: none where no table knows the word, None where
    the partner tells no status of ours at all. `since`, if it says so. `lacking` are the keys of the parcels that left no trace there; None
    where it shows no traces. Of a dossier that is not there: those to be told again, the fewest. `works`: the partner works on dossiers and
    says itself where they move to; one further on than it was told is no difference. `answer` is an excerpt, kept as the evidence.
    """

    there: bool
    theirs: str | None = None
    statuses: Sequence[int] | None = None
    since: datetime | None = None
    lacking: Sequence[str] | None = None
    heal: Heal = Heal()
    works: bool = False
    answer: str = ""


class Telling(Outbound, Protocol):
    """An outbound whose partner can be asked how a dossier stands."""

    def state(self, told: Sequence[Parcel]) -> Standing | None:
        """How the dossier stands of which the partner took `told`, oldest first, never empty; None where nothing can be asked about these.

        Changes nothing there. Raises a `DeliveryError` when the question failed: then nothing is known.
        """


@dataclass(frozen=True, slots=True)
class DayCount:
    """A partner's dossiers of one day (the day in their code): how many, and `gateway.canonical.counting.digest_of` over their statuses."""

    day: date
    count: int
    digest: str


class Counting(Outbound, Protocol):
    """An outbound whose partner can tell whole days, and so also what it has and the gateway does not."""

    def days(self, since: date, until: date) -> Sequence[DayCount]:
        """The days from `since` to `until` that have any dossier. Raises a `DeliveryError`."""

    def list_day(self, day: date) -> Mapping[str, int]:
        """The dossiers of one day, with their status in our codes. Raises a `DeliveryError`."""


# ── inbound ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Submission:
    """What an inbound adapter hands to `accept`: the canonical body (as JSON, not yet validated) and the bytes as they came.

    `problem` says why there is no body (a polled item that no mapping could read): it is kept and held, not lost. `trace` is a W3C
    traceparent, where each of several has its own. `thing`: what `source_id` begins with, where it names a thing and then the content
    that tells how it stands now: content that was told before is news when other content came since (`gateway.flow.returning`).
    """

    source_id: str
    body: Mapping[str, Any] | None
    original: bytes
    content_type: str = "application/json"
    mapping: str | None = None
    problem: Sequence[Fault] = ()
    trace: str | None = None
    thing: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The receipt the sender gets: stored and routed. `repeated`: it was accepted before, this is the first receipt again.

    `warnings`: what the dossier as it stands would lose by the national index and its sender can still mend, as JSON. `doubts`: of its dates.
    """

    id: str
    source: str
    source_id: str
    type: str
    dossier: str
    received_time: datetime
    destinations: Sequence[str]
    held: str | None = None
    repeated: bool = False
    warnings: Sequence[Mapping[str, Any]] = ()
    doubts: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a polled feed. The page and `cursor` are committed together; `more`: ask again at once."""

    items: Sequence[Submission]
    cursor: str
    more: bool


class Poller(Protocol):
    """Reads a partner's feed."""

    def poll(self, cursor: str | None) -> Page:
        """The items after `cursor` (None: from the beginning). Raises `TryLater` when the partner cannot answer."""


class Desk(Protocol):
    """What an inbound adapter may ask of the spine."""

    def now(self) -> datetime:
        """The gateway's time, one for all hosts."""

    def translate(self, mapping: str, document: Any) -> Any:
        """Translate a document by the named mapping. Raises `Refused`."""

    def dossier(self, code: str) -> Mapping[str, Any] | None:
        """The dossier as the gateway knows it: keys `dossier` (canonical body), `status`, `status_time`, `received_at` (None before its
        reception); None if unknown."""

    def waiting(self, statuses: Sequence[int], after: str, most: int) -> Sequence[Mapping[str, Any]]:
        """Dossiers of which something was delivered to the partner and that stand at one of these statuses: what a partner without a feed
        is asked about. At most `most` of them, by code, those after the code `after`; each as `dossier` gives it."""

    def keep(self, content: bytes, media_type: str) -> str:
        """Park a file that came inline; returns its sha256."""


class Door(Desk, Protocol):
    """What an inbound hook may ask besides. The caller is already authenticated as the hook's partner."""

    def accept(self, submission: Submission) -> Accepted:
        """Commit one message. Raises `Refused` (with every fault) or a subclass."""

    def hold(self, submission: Submission) -> Accepted:
        """Commit one message that cannot be taken as it is: kept, held, and shown to a person. For what its sender will not say again."""


@dataclass(frozen=True, slots=True)
class Incoming:
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a partner that can carry no key of ours puts the secret it was given.

    `place`: ``path``, one more segment behind the hook's; ``query``, the parameter `name`; ``body``, the member `name` of the JSON object.
    """

    place: Literal["path", "query", "body"]
    secret: SecretStr
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hook:
    """A path under `/hooks/<partner>/` that the partner calls. Authentication and the body cap are the web's work.

    With `proof`, a call without a key is let in when it shows that secret.
    """

    method: str
    path: str
    answer: Callable[[Incoming, Door], Answer]
    body_bytes: int | None = None  # a cap of its own, where the partner sends files inline
    proof: Proof | None = None


class Catalogue(Protocol):
    """The code lists that a partner itself keeps."""

    lists: Sequence[str]
    """The names, as ours are called, of those it can tell."""

    def read(self, listname: str, whole: Callable[[str], bool]) -> Mapping[str, Mapping[str, str]]:
        """Every row there is now, by the partner's code, its columns named as in our list. A row tells what came with the rest of the
        list; one whose code is `whole` tells all, whatever further call that takes. Raises `DeliveryError`."""


# ── connectors, mappings ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner file, checked. `settings` is the connector's own model of `[settings]`, secrets already resolved.

    `folder` is the configuration's: files that settings name are relative to it.
    """

    id: str
    name: str
    name_en: str
    connector: str
    settings: BaseModel
    mappings: Mapping[str, Mapping[str, str]]
    folder: Path = Path()


@dataclass(frozen=True, slots=True)
class Offer:
    """One call that a partner's own description offers. `row` is how its `[[settings.call]]` names it; `sample` a document that its request
    could be, None when it takes none; `schema` what the description wants of it, as a JSON Schema."""

    name: str
    row: Mapping[str, str]
    sample: Any
    schema: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Description:
    """A partner's own description of itself, a WSDL or an OpenAPI document, read. `url`: where it says that it is; `files`: itself and what
    it imports, all beside one another or below."""

    url: str
    offers: Sequence[Offer]
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Kind:
    """A connector as it is registered under the entry point group `lienthong.connectors`.

    `folder` holds connector.toml, outcomes.toml, statuses.toml, samples/. `documents` names, by message type, the documents that a
    partner's `[mappings]` must provide. `simulator` starts the partner's twin: see `connectors/<name>/simulator.py`.
    """

    name: str
    folder: Path
    settings: type[BaseModel]
    documents: Mapping[str, Sequence[str]]
    outbound: Callable[[Partner], Outbound] | None = None
    poller: Callable[[Partner, Translate], Poller] | None = None
    desk_poller: Callable[[Partner, Desk], Poller] | None = (
        None  # a poller that parks files or asks about known dossiers
    )
    hooks: Callable[[Partner], Sequence[Hook]] | None = None
    settings_mappings: Callable[[Any], Sequence[str]] | None = (
        None  # the mappings that its settings name, to be looked for
    )
    catalogue: Callable[[Partner], Catalogue] | None = None
    over_bus: Callable[[Partner, Bus], Outbound] | None = None  # an outbound that publishes on the gateway's own broker
    simulator: Callable[..., Any] | None = None
    passes_on: bool = False  # it can send a parcel's `original`
    describe: Callable[[Path], Description] | None = None  # reads a partner's own description; raises `Misconfigured`

    @property
    def delivers(self) -> bool:
        """May a route lead to its partners?"""
        return self.outbound is not None or self.over_bus is not None


class Translate(Protocol):
    """Translate a document by a mapping's name."""

    def __call__(self, mapping: str, document: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation: target field ← source field, by which rule, and what it became.

    `target` and `source` are JSON pointers; `source` is "" for a constant.
    """

    target: str
    source: str
    rule: str
    value: Any


class Translation(Protocol):
    """One mapping, loaded and compiled. Pure: the same document in gives the same document out. `lists` are the code lists it looks into."""

    name: str
    version: str
    lists: Sequence[str]

    def translate(self, document: Any) -> Any:
        """The target document. Raises `Refused` with every fault (required field missing, too long, code unknown …)."""

    def explain(self, document: Any) -> Sequence[Line]:
        """The same translation, line by line."""


class Codes(Protocol):
    """Code lists with effective dates, for mappings and for `accept`."""

    def find(self, listname: str, code: str, at: datetime | None = None) -> Mapping[str, str] | None:
        """The row in force at `at`, or None. Procedure codes match on their national part."""


# ── channel ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ticket:
    """A hint that there is work for `destination`. `handle` is the channel's own."""

    destination: str
    handle: Any = None


class Channel(Protocol):
    """Where work is announced. Tickets are hints: losing one costs a sweep's delay and nothing else; many rows may share one."""

    def ring(self, destination: str) -> None:
        """Announce work. Never blocks for long, never raises for a broker that is away (it logs; the sweep rings again)."""

    def listen(self, destinations: Sequence[str]) -> None:
        """From now on `take` gives tickets of these destinations."""

    def take(self, timeout: float) -> Ticket | None:
        """The next ticket, or None after `timeout` seconds."""

    def done(self, ticket: Ticket) -> None:
        """Acknowledge."""

    def close(self) -> None: ...


# ── bus ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Publication:
    """One message for a broker: to `exchange` under `key`, or straight into the queue `key` when `exchange` is "".

    `id` travels as its message id, `reply_of` as its correlation id; `headers` are AMQP headers (strings).
    """

    exchange: str
    key: str
    body: bytes
    id: str
    content_type: str = "application/json"
    reply_of: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Confirm(StrEnum):
    """What became of a publication. KEPT: on a majority of the broker's nodes. UNROUTED: no queue wanted it.

    REFUSED: the broker said no (a queue is full). UNSAID: the connection ended, or time ran out, before it said anything.
    """

    KEPT = "kept"
    UNROUTED = "unrouted"
    REFUSED = "refused"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that an agency put into its inbox queue. `user` is who the broker says published it, if it was told to say.

    `handle` is the bus's own.
    """

    queue: str
    body: bytes
    content_type: str
    id: str | None
    reply_of: str | None
    user: str | None
    headers: Mapping[str, Any]
    again: bool
    handle: Any = None


class BusAway(Exception):
    """No broker can be reached. What was to be published is still in the ledger."""


class Bus(Protocol):
    """Messages themselves, not tickets, over a broker: events to agencies, messages from agencies' inboxes, answers to them.

    Used by several threads at once. Nothing is promised without a confirm, and everything may come twice.
    """

    def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
        """Publish all, in order, and wait for the broker's word on each. Raises `BusAway` when nothing was sent."""

    def attend(self, queues: Sequence[str], most: int) -> None:
        """From now on `receive` gives messages of these queues and no others; at most `most` of each are out unanswered.

        What it held of a queue that is named no more goes back. Where several processes attend a queue, one of them gets its messages,
        in order, until it goes away.
        """

    def receive(self, most: int, timeout: float) -> Sequence[Arrival]:
        """Up to `most` messages, the first of them within `timeout` seconds; none of them is acknowledged yet."""

    def done(self, arrivals: Sequence[Arrival]) -> None:
        """Acknowledge: its receipt is kept. One that came over a connection since lost comes again; that is no error."""

    def put_back(self, arrivals: Sequence[Arrival]) -> None:
        """Not now: they come again, in their old place."""

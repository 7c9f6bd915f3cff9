"""Reconciliation: ask a partner how each dossier stands, compare that with what it was told, heal what differs through the ordinary lanes.

One question at a time a partner, paced. An answer counts only if nothing happened in the dossier's lane while it was asked. What heals is
written into the lane in the same transaction that judges the answer, so that it can be written once only.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog

from gateway.canonical.scalars import write_instant
from gateway.config import Reconcile, StatusRow
from gateway.dossiers.differences import AGREES, Finding, Told, find_difference
from gateway.dossiers.families import received_on
from gateway.dossiers.view import build_view
from gateway.errors import AskFirst, DeliveryError, Misconfigured, Refused, TryLater
from gateway.flow.gateway import Gateway
from gateway.flow.retell import write_retellings
from gateway.flow.route import Facts
from gateway.ledger import paces, queries
from gateway.ledger import reconciling as ledger
from gateway.ledger.messages import histories, lock_dossier, storable
from gateway.ledger.opening import Clash, LedgerAway
from gateway.message import Message
from gateway.ports import Parcel, Standing, Telling

log = structlog.get_logger("reconcile")

VAIN = 3  # after so many healings in vain a person looks
FLIPS = 3  # a dossier that was healed so often within FLIP_TIME, and differs again, is for a person
FLIP_TIME = timedelta(days=7)
AWAY = 3  # so many questions in a row without an answer: a run at a person's word ends
PAUSE = 60.0  # seconds before a partner that could not answer is asked again
REST = timedelta(hours=1)  # so long after its end a finished dossier leaves the rounds of the day, once confirmed
SHARE = 9  # so many questions of the day's rounds, then one of the night's while it is under way
WORD = 200  # characters of a partner's own word for a status that are kept
MUTE = 50_000  # dossiers remembered of which nothing can be asked
FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """One dossier asked about: what the partner said, what that means, what was done. `state` is the difference's, None where there is none."""

    dossier: str
    says: Standing
    finding: Finding
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that failed, and the code of what failed: the partner's own words about a dossier may name its people."""

    dossier: str
    code: str


@dataclass(frozen=True, slots=True)
class Permit:
    """A person's word that what differs is to be healed now. What wants a person, because it is careful or because too much differs, is healed
    only where it is `named`: a dossier that this person has looked at."""

    who: str
    reason: str
    named: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Case:
    """A dossier's lane before the question: its mark, what the partner took or said, the parcels of what it took, and what a person wrote in
    place of the mapping's documents, by message. `disputed`: statuses that the partner says it is at, and of which a person is to decide.
    `table`: the moves that are lawful for it. `ended`: the dossier has."""

    mark: Any
    told: Sequence[Told]
    parcels: Sequence[Parcel]
    edited: Mapping[str, str]
    disputed: Collection[int]
    table: Mapping[int, StatusRow]
    ended: bool


@dataclass(slots=True)
class _Walk:
    """A round: how far it is through the dossiers, by their codes. `ended`: over finished ones alone."""

    since: datetime | None = None
    ended: bool = False
    after: str = ""
    waiting: list[str] = field(default_factory=list)
    read: bool = False  # the last of its dossiers wait

    @property
    def over(self) -> bool:
        return self.read and not self.waiting


class Reconciler:
    """One partner's. `dry` asks and writes nothing; `permit`: by whose word differences are healed now."""

    def __init__(self, gateway: Gateway, partner: str, *, dry: bool = False, permit: Permit | None = None) -> None:
        """Raises `Misconfigured` for a partner that cannot be asked."""
        require_telling(gateway, partner)
        self.gateway, self.partner, self.dry, self.permit = gateway, partner, dry, permit
        self.rules: Reconcile = gateway.config.partners[partner].reconcile
        self.policy = gateway.config.delivery(partner)
        self.outbound = cast(Telling, gateway.outbound(partner))
        self._ended = [code for code, row in gateway.config.statuses.items() if row.clock == "ends"]
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{id(self):x} asking"
        self._day, self._night = _Walk(), _Walk(read=True)
        self._day_asked = 0  # questions of the day's rounds since the last one of the night's
        self._next_round = ledger.later(gateway.now(), self.rules.every_seconds)
        self._silent_until = gateway.now()
        self._unanswered: set[str] = set()  # dossiers whose last question failed
        self._knew = False  # the last question was about a known difference
        self._mute: dict[str, int] = {}  # dossiers of which nothing could be asked, when so much had been delivered

    # ── rounds ──────────────────────────────────────────────────────────────────────────────────────────────────

    def step(self) -> int:
        """Put some of the questions whose time has come, as far as the pace allows. Returns how many are done with. Raises `LedgerAway`."""
        count = 0
        while count < ledger.LOOK and self.gateway.now() >= self._silent_until:
            code = self._pick()
            if code is None or not (self._passed_over(code) or self._question(code)):
                break
            count += 1
        return count

    def begin_night(self, since: datetime) -> None:
        """A round over every finished dossier that moved since then, beside the rounds of the day."""
        self._night = _Walk(since, ended=True)

    @property
    def night(self) -> bool:
        """Is the round at night under way?"""
        return not self._night.over

    def _pick(self) -> str | None:
        """A known difference and the next of the rounds, in turns: many of the one sort hold up none of the other."""
        now = self.gateway.now()
        if self._day.over and now >= self._next_round:
            self._day, self._next_round = _Walk(), ledger.later(now, self.rules.every_seconds)
        with self.gateway.ledger.read() as connection:
            again = ledger.due_again(connection, self.partner, now)
            if again and not self._knew:
                return again[0]
            for walk in (self._day, self._night):
                self._fill(connection, walk, now)
        day, night = self._day.waiting, self._night.waiting
        first = night if night and (not day or self._day_asked >= SHARE) else day
        return next(iter((*first[:1], *again)), None)

    def _fill(self, connection: Any, walk: _Walk, now: datetime) -> None:
        if walk.waiting or walk.read:
            return
        found = ledger.next_lanes(
            connection, self.partner, walk.after, settled=ledger.later(now, -self.rules.after_seconds), rested=now - REST,
            ended=self._ended, since=walk.since, only_ended=walk.ended,
        )  # fmt: skip
        walk.waiting = list(found)
        walk.after, walk.read = (found[-1] if found else ""), len(found) < ledger.LOOK

    def _passed_over(self, code: str) -> bool:
        """Is there nothing of it to be asked about? That costs the partner nothing, and so none of its pace."""
        with self.gateway.ledger.read() as connection:
            mark = ledger.lane_mark(connection, self.partner, code)
            took = mark is not None and bool(ledger.told_rows(connection, self.partner, code))
        if mark is not None and took and self._mute.get(code) != mark.delivered:
            return False
        if code in (*self._day.waiting[:1], *self._night.waiting[:1]):
            self._done_with(code)
        else:
            self._put_off(code)
        return True

    def _question(self, code: str) -> bool:
        """False when it was not put: the pace does not allow it yet, or the partner did not answer."""
        with self.gateway.ledger.write() as connection:
            seats = ledger.may_ask(
                connection, self.partner, rate=self.rules.rate, pace=self.policy.rate, calls=self.policy.calls,
                owner=self._owner, now=self.gateway.now(),
            )  # fmt: skip
        if seats is None:
            return False
        self._knew = code not in (*self._day.waiting[:1], *self._night.waiting[:1])
        try:
            asked = self.ask(code)
            self._unanswered.discard(code)
            self._done_with(code)
            if asked is None:  # something came into its lane meanwhile
                self._put_off(code)
        except (TryLater, AskFirst) as error:  # the partner is away: this question is put once more, and then others
            # without the reason: the partner's own words about a dossier may name its people
            log.warning("question_failed", partner=self.partner, dossier=code, code=error.code)
            self._silent_until = ledger.later(self.gateway.now(), min(PAUSE, self.rules.every_seconds))
            if code in self._unanswered:
                self._unanswered.discard(code)
                self._done_with(code)
                self._put_off(code)
            else:
                self._unanswered.add(code)
        except LedgerAway:
            raise
        except Exception as error:  # one dossier that cannot be asked about holds up no other
            log.exception("question_failed", partner=self.partner, dossier=code, error=type(error).__name__)
            self._done_with(code)
            self._put_off(code)
        finally:
            if seats:
                with self.gateway.ledger.write() as connection:
                    paces.leave_seats(connection, self.partner, self._owner, seats)
        return True

    def _done_with(self, code: str) -> None:
        for walk in (self._day, self._night):
            if walk.waiting[:1] == [code]:
                walk.waiting.pop(0)
                self._day_asked = self._day_asked + 1 if walk is self._day else 0

    def _put_off(self, code: str) -> None:
        with self.gateway.ledger.write() as connection:
            row = ledger.open_difference(connection, self.partner, code)
            if row is not None and row.again_at is not None:
                again = ledger.later(self.gateway.now(), self.rules.again_seconds)
                ledger.change_difference(connection, row.id, again_at=again)

    # ── one dossier ─────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, code: str) -> Asked | None:
        """Ask about one dossier, note the answer, and do about a difference what the partner's rules say.

        None where there is nothing to ask: the partner took nothing that it can be asked about, or something is under way. Raises a
        `DeliveryError` when the question failed.
        """
        case = self._case(code)
        if case is None:
            return None
        says = self.outbound.state(case.parcels)
        if says is None:
            if len(self._mute) >= MUTE:
                self._mute.clear()  # each is found to be so once more
            self._mute[code] = case.mark.delivered
            return None
        says = replace(says, theirs=says.theirs[:WORD] if says.theirs else says.theirs)
        finding = find_difference(case.told, says, case.table, self.rules.superseded)
        # what has ended would be worked on again
        again = says.works and case.ended and finding.kind in ("missing-there", "missing-steps")
        if again or set(says.statuses or ()) & set(case.disputed):
            finding = replace(finding, careful=finding.kind != AGREES)
        if self.dry:
            return Asked(code, says, finding)
        try:
            with self.gateway.ledger.write() as connection:
                asked = self._note(connection, code, case, says, finding)
        except Clash:  # another process found the same difference at the same moment
            return None
        if asked is not None and asked.state == "healing":
            self.gateway.channel.ring(self.partner)
        return asked

    def _case(self, code: str) -> _Case | None:
        with self.gateway.ledger.read() as connection:
            mark = ledger.lane_mark(connection, self.partner, code)
            if mark is None or mark.open or not mark.delivered:
                return None
            rows = ledger.told_rows(connection, self.partner, code)
            messages = histories(connection, [code]).get(code, [])
            held = [queries.read_body(row) for row in queries.held_of(connection, code) if row.source == self.partner]
            ended = ledger.status_of(connection, code) in self._ended
        took = {row.message_seq: row for row in rows}
        told: list[Told] = []
        parcels: list[Parcel] = []
        for place, message in enumerate(messages):
            row, status = took.get(message.seq), _status(message, first=not told)
            own = message.source == self.partner and message.held is None and status is not None
            if row is None and not own:
                continue
            told.append(Told(message.id, message.type, status, message.event_time, own))
            if row is not None:
                parcels.append(self._parcel(row, message, messages[:place]))
        edited = {by.message.id: took[by.message.seq].edited for by in parcels if took[by.message.seq].edited}
        disputed = {body["status"] for body in held if body.get("status")}
        return _Case(mark, told, parcels, edited, disputed, self._lawful(messages), ended) if parcels else None

    def _lawful(self, messages: Sequence[Message]) -> Mapping[int, StatusRow]:
        config = self.gateway.config
        moved = [one for one in messages if one.type in ("DossierSubmitted", "StatusChanged") and one.held is None]
        submitted = [one.body for one in moved if one.type == "DossierSubmitted"]
        if not submitted:
            return config.statuses
        moves = [(int(one.body["status"]), one.event_time) for one in moved]
        procedure = Facts({}, self.partner, submitted[-1], self.gateway.codes).procedure
        return config.lawful(procedure, received_on(submitted[-1], moves))

    def _parcel(self, row: Any, message: Message, earlier: Sequence[Message]) -> Parcel:
        """As it was sent. What cannot be made again today, because a code or a mapping has changed, has no documents."""
        documents: dict[str, Any] = json.loads(row.edited) if row.edited else {}
        if not documents:
            try:
                documents = self.gateway.documents(
                    self.partner, message, build_view(message, earlier, self.gateway.link)
                )
            except Refused:
                log.info("not_made_again", partner=self.partner, message=message.id)
        return Parcel(row.id, message.id, message, documents, known_there=True)

    def _note(self, connection: Any, code: str, case: _Case, says: Standing, finding: Finding) -> Asked | None:
        """The answer and what follows, unless something happened in the lane meanwhile."""
        dossier = lock_dossier(connection, code)
        if ledger.lane_mark(connection, self.partner, code, lock=True) != case.mark:
            return None
        now = self.gateway.now()
        one = says.statuses[0] if says.statuses is not None and len(says.statuses) == 1 else None
        status = finding.expected if _confirms(case.told, says, finding) else one
        ledger.note_answer(
            connection,
            {
                "dossier": code, "system": self.partner, "at": now, "there": says.there, "theirs": _text(says.theirs),
                "status": status if says.there else None, "since": says.since, "finding": finding.kind, "answer": _text(says.answer),
            },
        )  # fmt: skip
        row = ledger.open_difference(connection, self.partner, code)
        if finding.kind == AGREES:
            if says.statuses is not None or (
                row is not None and (row.kind == "missing-steps" or row.plan != "[]")
            ):  # else it told nothing of what differs: that is of the whole days
                self._end(connection, row, now)
            return Asked(code, says, finding)
        quiet = case.mark.due_at <= ledger.later(now, -self.rules.after_seconds)
        if not quiet and row is not None and row.state == "healing":  # it may not show yet what it has just taken
            ledger.change_difference(connection, row.id, again_at=ledger.later(now, self.rules.after_seconds))
            return Asked(code, says, finding, row.state)
        number, state = self._follow(connection, row, code, says, finding, now, quiet=quiet)
        if state == "heal":
            state = self._heal(connection, number, dossier, case, finding, row, now)
        return Asked(code, says, finding, state)

    def _end(self, connection: Any, row: Any, now: datetime) -> None:
        if row is not None:
            state = "healed" if row.state == "healing" else "gone"
            ledger.change_difference(connection, row.id, state=state, ended_at=now, again_at=None)
            log.info(f"difference_{state}", partner=self.partner, dossier=row.dossier, kind=row.kind)

    def _follow(
        self, connection: Any, row: Any, code: str, says: Standing, finding: Finding, now: datetime, *, quiet: bool
    ) -> tuple[int, str]:
        """The difference written down, its number, and its state; ``heal`` when it is to be healed at once.

        `quiet`: nothing was delivered just now. Two answers in a row are one when they came closer than the partner's file has it.
        """
        plan = json.dumps([one.as_json() for one in finding.plan], ensure_ascii=False)
        values: dict[str, Any] = {
            "kind": finding.kind,
            "told": finding.expected,
            "theirs": _text(says.theirs),
            "plan": plan,
        }
        same = row is not None and all(getattr(row, name) == value for name, value in values.items())
        early = same and row.again_at is not None and now < row.again_at
        seen = row.seen + (not early) if same and row.state != "healing" else 1
        rounds = row.rounds + 1 if row is not None and row.state == "healing" else row.rounds if row is not None else 0
        before = row.state if same else None
        if row is not None and row.state == "healing" and ledger.was_discarded(connection, self.partner, code, row.id):
            before = "declined"  # the person who discarded what was to heal it has said so
        state = self._decide(connection, code, finding, seen, rounds, before) if quiet else before or "open"
        wait = self.rules.again_seconds if state == "open" and seen < self.rules.sure else self.rules.every_seconds
        again = None if state == "declined" else row.again_at if early and state == before else ledger.later(now, wait)
        values |= {"seen": seen, "rounds": rounds, "state": "open" if state == "heal" else state, "again_at": again}
        if row is not None:
            ledger.change_difference(connection, row.id, **values)
            return row.id, state
        values |= {"system": self.partner, "dossier": code, "found_at": now}
        log.warning("difference_found", partner=self.partner, dossier=code, kind=finding.kind)
        return ledger.add_difference(connection, values), state

    def _decide(self, connection: Any, code: str, finding: Finding, seen: int, rounds: int, before: str | None) -> str:
        """What becomes of a difference: open (to be asked about again), proposed, person, declined, or heal."""
        named = self.permit is not None and code in self.permit.named
        if before == "declined" and not named:
            return before
        waits = finding.careful or ledger.open_count(connection, self.partner) > self.rules.most
        said = named or before == "approved"
        if finding.plan and (said or self.permit is not None):
            return "proposed" if waits and not said else "heal"
        if seen < self.rules.sure or self.rules.mode in ("off", "show"):
            return "open"
        in_vain = rounds >= VAIN or self._flips(connection, code)
        if not finding.plan or in_vain:
            return "person"
        return "proposed" if self.rules.mode == "approve" or waits else "heal"

    def _flips(self, connection: Any, code: str) -> bool:
        """Was it healed again and again, and did not stay so?"""
        return ledger.healed_since(connection, self.partner, code, self.gateway.now() - FLIP_TIME) >= FLIPS

    def _heal(
        self, connection: Any, number: int, dossier: Any, case: _Case, finding: Finding, row: Any, now: datetime
    ) -> str:
        again = ledger.later(now, self.rules.after_seconds)
        rounds = 0 if row is None else row.rounds + (row.state == "healing")
        because = f"{self.partner}-{number}-{rounds}-{write_instant(now)}"
        made = write_retellings(connection, dossier, self.partner, finding.plan, because, now, case.edited)
        ledger.change_difference(connection, number, state="healing", again_at=again)
        if self.permit is not None:
            ledger.note_healing(connection, number, who=self.permit.who, reason=self.permit.reason, made=made, now=now)
        log.info(
            "difference_healing", partner=self.partner, dossier=dossier.code, kind=finding.kind, messages=len(made)
        )
        return "healing"

    # ── several, at a person's word ─────────────────────────────────────────────────────────────────────────────

    def ask_all(self, codes: Sequence[str] = (), since: datetime | None = None) -> Iterator[Asked | Unanswered]:
        """Every dossier named, or every one that is due, one after another; those under way are left out.

        A question that fails is told and the others go on. Raises its `DeliveryError` when so many fail in a row that the partner is away.
        """
        failed = 0
        for code in codes or self._every(since):
            try:
                asked = self.ask(code)
            except DeliveryError as error:
                failed += 1
                if failed == AWAY or len(codes) == 1:
                    raise
                yield Unanswered(code, error.code)
                continue
            failed = 0
            if asked is not None:
                yield asked

    def count(self, since: datetime | None = None) -> int:
        """How many dossiers `ask_all` would ask about now."""
        with self.gateway.ledger.read() as connection:
            return ledger.count_lanes(connection, self.partner, settled=self.gateway.now(), since=since or FIRST)

    def _every(self, since: datetime | None) -> Iterator[str]:
        after = ""
        while True:
            with self.gateway.ledger.read() as connection:
                found = ledger.next_lanes(
                    connection, self.partner, after, settled=self.gateway.now(), rested=FIRST, ended=self._ended, since=since or FIRST
                )  # fmt: skip
            yield from found
            if len(found) < ledger.LOOK:
                return
            after = found[-1]


def decide(gateway: Gateway, number: int, decision: str, *, who: str, reason: str) -> Any:
    """As the ledger's `decide`, and `NotOpen` for a healing at a partner whose reconciliation is off: nobody would ask
    it once more, so nothing would ever come of the approval."""
    with gateway.ledger.write() as connection:
        partner = gateway.config.partners.get(ledger.one(connection, number).system)
        if decision == "approved" and (partner is None or partner.reconcile.mode == "off"):
            words = (
                'thuộc đối tác đang tắt đối soát (mode = "off"): bật lên, hoặc dùng lienthong reconcile run --heal',
                "is of a partner whose reconciliation is off: switch it on, or use lienthong reconcile run --heal",
            )
            raise ledger.not_open(number, *words)
        return ledger.decide(connection, number, decision, who=who, reason=reason, now=gateway.now())


def require_partner(gateway: Gateway, partner: str) -> None:
    """Raises `Misconfigured` for a name that is no partner's."""
    if partner not in gateway.config.partners:
        known = ", ".join(gateway.config.partners)
        raise Misconfigured(f"không có đối tác · no partner {partner!r}; có · known: {known}")


def require_telling(gateway: Gateway, partner: str) -> None:
    """Raises `Misconfigured` for a partner that cannot be asked."""
    require_partner(gateway, partner)
    if not can_tell(gateway, partner):
        raise Misconfigured(
            f"{partner}: kết nối này không hỏi được hồ sơ đang ở đâu, xem docs/reconciliation.md · "
            "this connector cannot ask how a dossier stands"
        )


def can_tell(gateway: Gateway, partner: str) -> bool:
    """Can this partner be asked how a dossier stands? A partner that gets copies is not: it believes nothing in earnest."""
    kind = gateway.kinds[gateway.partners[partner].connector]
    return kind.delivers and partner not in gateway.config.replicas and hasattr(gateway.outbound(partner), "state")


def _status(message: Message, *, first: bool) -> int | None:
    """The status that a message tells; a dossier submitted again tells nothing new."""
    tells = message.type == "StatusChanged" or (message.type == "DossierSubmitted" and first)
    return int(message.body["status"]) if tells else None


def _confirms(told: Sequence[Told], says: Standing, finding: Finding) -> bool:
    """Does it stand where it was told to stand? Who shows messages alone says nothing of a status that it said itself."""
    if finding.kind not in (AGREES, "missing-steps"):
        return False
    if says.statuses is not None:  # one word for several of our statuses cannot tell which of them it is
        return tuple(says.statuses) == (finding.expected,)
    moves = [one for one in told if one.status is not None]
    return bool(moves) and not moves[-1].own


def _text(words: str | None) -> str | None:
    return storable(words) if words is not None else None


__all__ = ["Asked", "Permit", "Reconciler", "Unanswered", "can_tell", "decide", "require_partner", "require_telling"]

"""One letter's way into the ledger, inside the open transaction: duplicate? lawful? routed? and then all rows at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gateway.config import Route, StatusRow
from gateway.dossiers.agreement import CHECKS, disagreements
from gateway.dossiers.algebra import Standing, judge
from gateway.dossiers.families import received_on
from gateway.dossiers.view import build_view
from gateway.errors import Conflicting, Fault, NotFound, Refused, Taken
from gateway.flow.letter import Letter
from gateway.flow.route import Facts, destinations, implications
from gateway.ledger import facts as ledger_facts
from gateway.ledger import messages as ledger
from gateway.ledger.queries import beliefs_of
from gateway.ledger.restoring import doubt_message
from gateway.message import Message, name_message
from gateway.ports import Accepted, Submission

if TYPE_CHECKING:
    from gateway.flow.accept import Acceptance


NEWEST = 1 << 62  # above every number of the ledger
DEEPEST = 8  # how many messages may follow one from another: rows that imply each other would never end


class Entry:
    """One letter's way into the ledger, inside the open transaction. Every refusal comes before the first write."""

    def __init__(
        self, acceptance: Acceptance, connection: Any, letter: Letter, bells: list[str], depth: int = 0
    ) -> None:
        self.acceptance, self.connection, self.letter, self.bells = acceptance, connection, letter, bells
        self.depth = depth
        self.gateway, self.partner, self.now = acceptance.gateway, acceptance.partner, acceptance.now
        self.config = self.gateway.config
        self._warnings: Sequence[Mapping[str, Any]] = ()
        self._doubts: Sequence[Fault] = ()

    def write(self) -> Accepted:
        letter = self.letter
        earlier = ledger.find_earlier(self.connection, self.partner.id, letter.submission.source_id, letter.key)
        if earlier is not None:
            return self._repeat(earlier)
        if letter.canonical is None:
            return self._store("", "unreadable", [], [])
        code = letter.said.dossier
        row = ledger.lock_dossier(self.connection, code)
        if letter.said.type == "DossierSubmitted":
            return self._submitted(row)
        if row is None or not self._takes_part(row):
            if self.acceptance.lenient:
                return self._store(code, "unknown-dossier", [], [])
            raise NotFound.of(
                "/dossier",
                "unknown-dossier",
                "cổng không có hồ sơ này của đối tác",
                "the gateway knows no such dossier of this partner",
            )
        return self._about(row)

    def _repeat(self, earlier: ledger.Earlier) -> Accepted:
        if earlier.digest != self.letter.digest or earlier.message.source_id != self.letter.submission.source_id:
            where = "Idempotency-Key" if earlier.by_key else "id"
            raise Conflicting.of(
                "/id", "conflict", f"{where} này đã dùng cho nội dung khác", f"this {where} was used for other content"
            )
        told = earlier.message
        known = [destination for destination in earlier.destinations if destination in self.config.partners]
        if told.held is None and told.type != "Unreadable":
            history = self._history(told.seq)
            self._doubts = self.gateway.reckoner.doubts(self.letter.body, _newest_of([*history, told]))
            if self.gateway.mapped(known, told.type):
                self._warn(known, build_view(told, history, self.gateway.link))
        return self._receipt(told, earlier.destinations, repeated=True)

    def _takes_part(self, row: Any) -> bool:
        if self.letter.because is not None or row.owner == self.partner.id:
            return True
        if self.partner.id in self.config.replicas:
            return False  # it got copies, for comparison: what it makes of them moves nothing
        if self.partner.speaks_of == "all":
            return True
        return ledger_facts.has_lane(self.connection, self.partner.id, row.code)

    def _submitted(self, row: Any) -> Accepted:
        body = self.letter.body
        if row is not None and row.owner != self.partner.id:
            raise Taken.of(
                "/dossier", "owned-by-other", "hồ sơ này do hệ thống khác quản lý", "another system owns this dossier"
            )
        if row is not None and row.status != body["status"]:
            raise Refused.of(
                "/status",
                "status-differs",
                f"hồ sơ đang ở trạng thái {row.status}; đổi trạng thái bằng StatusChanged",
                f"the dossier stands at {row.status}; send StatusChanged to move it",
            )
        if row is None and judge(self.config.statuses, None, body["status"], self.letter.said.event_time) is not None:
            raise Refused.of(
                "/status",
                "not-first",
                "hồ sơ mới phải bắt đầu ở trạng thái 1 hoặc 2",
                "a new dossier starts at status 1 or 2",
            )
        held = self._overtaken(row) or (self._contradicted() if row is not None else None)
        return self._routed(row, body, held=held)

    def _overtaken(self, row: Any) -> str | None:
        """A submission that was written before the one that stands for the dossier now does not replace it."""
        if row is None:
            return None
        newest = ledger_facts.body_of(self.connection, row.newest)
        return "late" if self.letter.said.event_time < datetime.fromisoformat(newest["event_time"]) else None

    def _about(self, row: Any) -> Accepted:
        letter = self.letter
        held = None
        dossier = ledger_facts.body_of(self.connection, row.newest)
        if letter.said.type == "StatusChanged":
            table = self._lawful(row.code, dossier)
            standing = Standing(row.status, row.status_time, self._overtook(row, table))
            held = judge(table, standing, letter.body["status"], letter.said.event_time, reopens=letter.body["reopens"])
        elif letter.said.type in CHECKS:
            held = self._contradicted()
        return self._routed(row, dossier, held)

    def _lawful(self, code: str, dossier: Mapping[str, Any]) -> Mapping[int, StatusRow]:
        """The table of moves for this dossier. Its own are looked at only where its day may matter."""
        families = [family for family, _ in self.config.families]
        dated = any(family.from_ or family.until for family in families)
        moves = ledger_facts.moves_of(self.connection, code) if dated else []
        facts = Facts(self.letter.body, self.partner.id, dossier, self.gateway.codes)
        return self.config.lawful(facts.procedure, received_on(dossier, moves))

    def _overtook(self, row: Any, table: Mapping[int, StatusRow]) -> bool:
        """Does the dossier stand where a reopening of this very instant put it, without having been done before?"""
        if (
            self.letter.said.event_time != row.status_time
            or row.status not in table[self.letter.body["status"]].reopens
        ):
            return False
        before = [status for status, _ in ledger_facts.moves_of(self.connection, row.code)][-2:-1]
        reopened = any(row.status in table[status].reopens for status in before)
        return not reopened and bool(ledger_facts.body_of(self.connection, row.status_seq).get("reopens"))

    def _contradicted(self) -> str | None:
        faults = disagreements(self.letter.body, self._history(NEWEST))
        if faults and not self.acceptance.lenient:
            raise Refused(faults)
        return "contradicts" if faults else None

    def _routed(self, row: Any, dossier: Mapping[str, Any], held: str | None) -> Accepted:
        body = self.letter.body
        facts = Facts(body, self.partner.id, dossier, self.gateway.codes)
        to = [] if held else destinations(self.config.routes, facts, self.config.partners)
        sent = self.letter.because is None or self.letter.taken_up
        if not sent:  # there is nothing to pass on
            to = [d for d in to if d not in self.config.proxied]
        implied = [] if held else implications(self.config.routes, facts)
        replicas = self.config.replicas
        earnest = [d for d in to if d not in replicas]
        if not held and not earnest and not implied:
            if not self.acceptance.lenient:
                raise Refused.of(
                    "", "no-route", "không có tuyến nào cho bản tin này", "no route leads anywhere for this message"
                )
            held, to = "no-route", []
        if not held and self.letter.because is None:
            self._doubts = self.gateway.reckoner.doubts(body, dossier)
            if self.gateway.mapped(earnest, body["type"]):
                self._lint(earnest, body, new=row is None)
        urgency = self._promised(row) or (self._legal_due(row, dossier) if to else None)
        return self._store(body["dossier"], held, to, implied, row, urgency)

    def _promised(self, row: Any) -> datetime | None:
        """The promised return as it is recorded after this message."""
        return self.letter.due_at or (row.due_at if row is not None else None)

    def _legal_due(self, row: Any, dossier: Mapping[str, Any]) -> datetime | None:
        """What a dossier without a promise is urgent by. Reckoned anew for each of its messages: the end of a pause moves it."""
        events = ledger_facts.moves_of(self.connection, row.code) if row is not None else []
        if self.letter.said.type == "StatusChanged" or row is None:
            events.append((self.letter.body["status"], self.letter.said.event_time))
        return self.gateway.reckoner.legal_due(dossier, events, self.now)

    def _lint(self, to: Sequence[str], body: Mapping[str, Any], *, new: bool) -> None:
        """What a destination would refuse in this very message is refused here, where its sender can mend it."""
        earlier = [] if new else self._history(NEWEST)
        view = build_view(self._message(0, None), earlier, self.gateway.link)
        own = ("/message", "/dossier") if body["type"] == "DossierSubmitted" else ("/message",)
        faults = {f.pointer: f for d in to for f in self.gateway.lint(d, body["type"], view)}
        mine = [
            Fault(p[len(o) :], f.code, f.detail, f.detail_en)
            for p, f in faults.items()
            for o in own
            if p.startswith(o + "/")
        ]
        if mine and not self.acceptance.lenient:
            raise Refused(mine)
        self._warn(to, view)

    def _warn(self, to: Sequence[str], view: Mapping[str, Any]) -> None:
        """What the dossier would lose by the national index, where its sender can still mend it."""
        kpi = self.gateway.kpi
        if any(destination in kpi.partners for destination in to):
            losses = kpi.lint(view, self.gateway.codes, self.now, mend=True)
            self._warnings = [loss.as_json() for loss in losses]

    def _history(self, before: int) -> list[Message]:
        return ledger.history(self.connection, self.letter.body["dossier"], before)

    def _message(self, seq: int, held: str | None, ours: str = "") -> Message:
        letter = self.letter
        return Message(
            seq=seq, id=ours, source=self.partner.id, source_id=letter.submission.source_id, type=letter.body["type"],
            dossier=letter.body.get("dossier", ""), event_time=letter.event_time or self.now, received_time=self.now,
            body=letter.body, held=held, trace=letter.trace,
        )  # fmt: skip

    def _store(
        self,
        dossier: str,
        held: str | None,
        to: Sequence[str],
        implied: Sequence[Route],
        row: Any = None,
        urgency: datetime | None = None,
    ) -> Accepted:
        letter, connection = self.letter, self.connection
        when = letter.event_time or self.now
        ours = name_message(self.partner.id, letter.submission.source_id, when)
        seq = ledger.add_message(
            connection,
            {
                "id": ours, "source": self.partner.id, "source_id": letter.submission.source_id, "idempotency_key": letter.key,
                "type": letter.body["type"], "dossier": dossier, "event_time": when,
                "received_time": self.now, "digest": letter.digest, "content_type": letter.submission.content_type,
                "original": letter.submission.original, "body": letter.json, "mapping": letter.submission.mapping, "held": held,
                "routed": len(to), "because": letter.because, "trace": letter.trace,
            },
        )  # fmt: skip
        message = self._message(seq, held, ours)
        self._follow(message, row, self._promised(row))
        ledger.add_deliveries(connection, seq, dossier, to, self.now, urgency)
        if to and when <= self.acceptance.doubtful_until:
            doubt_message(connection, seq)
        self.bells += [d for d in to if d not in self.bells]
        for route in implied:
            self._imply(message, route)
        return self._receipt(message, to)

    def _follow(self, message: Message, row: Any, due: datetime | None) -> None:
        """What the message changes of its dossier, and what its sender believes now."""
        connection, submitted = self.connection, message.type == "DossierSubmitted" and message.held is None
        new = submitted and row is None
        if new:
            self._found(message, due)
        elif submitted:
            ledger.amend_dossier(connection, message.dossier, message.seq, due, message.body["handled_by"]["code"])
        elif message.type == "StatusChanged" and message.held is None:
            ledger.move_dossier(connection, message, message.body["status"], due)
        elif self.letter.due_at is not None and message.held is None:
            ledger.promise_dossier(connection, message.dossier, due)
        if new or message.type == "StatusChanged":
            ledger.add_status(connection, _status_row(message))
            if not self._said_after(message, row):
                ledger.note_beliefs(connection, [_belief(message, self.now)])

    def _said_after(self, message: Message, row: Any) -> bool:
        """Has its sender said already what came after it at the same instant?"""
        if message.held is None or row is None or message.event_time != row.status_time:
            return False
        rank = {code: status.rank for code, status in self.config.statuses.items()}
        later = {code for code in rank if rank[code] > rank[message.body["status"]]}
        if message.held == "late":
            later.add(row.status)
        return any(
            one.system == message.source and one.since == message.event_time and one.status in later
            for one in beliefs_of(self.connection, message.dossier)
        )

    def _found(self, message: Message, due: datetime | None) -> None:
        body = message.body
        ledger.add_dossier(
            self.connection,
            {
                "code": message.dossier, "owner": message.source, "origin": body["origin"], "procedure": body["procedure"]["code"],
                "organisation": body["handled_by"]["code"], "channel": body["channel"], "status": body["status"],
                "status_time": message.event_time, "status_seq": message.seq, "due_at": due, "newest": message.seq,
                "created_at": self.now,
            },
        )  # fmt: skip

    def _imply(self, message: Message, route: Route) -> None:
        """A further message that follows from this one, by the mapping the route names. One that cannot be made is kept and held."""
        view = build_view(message, self._history(message.seq), self.gateway.link)
        name = route.implies or ""
        translation = self.gateway.translation(name)
        source_id = f"{name}-{message.id}"
        original = json.dumps(view, ensure_ascii=False).encode()
        try:
            if self.depth == DEEPEST:
                raise Refused.of(
                    "", "endless", f"quá {DEEPEST} bản tin suy ra từ nhau", f"more than {DEEPEST} messages follow one from another"
                )  # fmt: skip
            body = translation.translate(view)
            if body is None:
                return  # its `only_when` does not hold: nothing follows
            submission = Submission(body.get("id", source_id), body, original, mapping=f"{name}@{translation.version}")
            letter = self.acceptance.read(submission, None, self.letter.trace, message.id, self._missing)
            Entry(self.acceptance, self.connection, letter, self.bells, self.depth + 1).write()
        except Refused as refused:
            letter = self.acceptance.unreadable(Submission(source_id, None, original), refused.faults)
            Entry(self.acceptance, self.connection, letter, self.bells).write()

    def _receipt(self, message: Message, to: Sequence[str], *, repeated: bool = False) -> Accepted:
        return Accepted(
            message.id, message.source, message.source_id, message.type, message.dossier, message.received_time, list(to), message.held,
            repeated, self._warnings, self._doubts,
        )  # fmt: skip

    def _missing(self, shas: Collection[str]) -> set[str]:
        return self.gateway.files.missing(shas, self.connection)


def _newest_of(told: Sequence[Message]) -> Mapping[str, Any]:
    """The body that stands for the dossier after these messages, oldest first."""
    return next(one.body for one in reversed(told) if one.type == "DossierSubmitted" and one.held is None)


def _status_row(message: Message) -> dict[str, Any]:
    return {
        "seq": message.seq, "message": message.id, "dossier": message.dossier, "source": message.source, "status": message.body["status"],
        "event_time": message.event_time, "received_time": message.received_time, "held": message.held, "position": None,
    }  # fmt: skip


def _belief(message: Message, now: datetime) -> dict[str, Any]:
    return {
        "dossier": message.dossier, "system": message.source, "status": message.body["status"], "since": message.event_time,
        "message": message.id, "how": "said", "at": now,
    }  # fmt: skip

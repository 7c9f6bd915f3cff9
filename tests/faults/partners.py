"""Partners of every habit, in memory: what a resend does there, what it can tell, and how it misbehaves. Each keeps its book."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from gateway.errors import AskFirst, DeliveryError, Fault, Rejected, TryLater, Unclassified
from gateway.ports import Found, Health, Page, Parcel, Receipt, Submission


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a partner did: for which dossier, by our message id, when."""

    dossier: str
    key: str
    at: datetime


class Partner:
    """Base, and the plainest habit: each call is one effect, and it can tell what arrived.

    `trouble` is the share of calls that go wrong: refused for now, cut before or after the deed, a fault of the connector, a refusal.
    """

    habit = "can tell"

    def __init__(self, now: Callable[[], datetime], dice: Random, trouble: float = 0.0) -> None:
        self.now = now
        self.dice = dice
        self.trouble = trouble
        self.down = False
        self.effects: list[Effect] = []
        self.here: dict[str, int] = {}  # by our message id, how often
        self.upset: list[datetime] = []  # when it last misbehaved: what waits longer than that is our doing
        self.wrong: list[str] = []
        self.poisoned: set[str] = (
            set()
        )  # the sender's ids of messages on which the connector blows up before it calls anybody

    # ── what the connector does ──────────────────────────────────────────────────────────────────────────────────

    def deliver(self, parcel: Parcel) -> Receipt:
        if parcel.message.source_id in self.poisoned:
            raise ZeroDivisionError(f"a fault of the connector with {parcel.message.source_id}")
        before, after = self._mood()
        if before is not None:
            raise before
        receipt = self.act(parcel)
        if after is not None:
            raise after
        return receipt

    def find(self, parcel: Parcel) -> Found:
        if self.down or self.dice.random() < self.trouble / 2:
            self.upset.append(self.now())
            raise TryLater("không trả lời", code="connect")
        return self.tell(parcel)

    def check(self) -> Sequence[Health]:
        return []

    def _mood(self) -> tuple[Exception | None, Exception | None]:
        """What is raised before the deed, and what after it."""
        if self.down:
            self.upset.append(self.now())
            return TryLater("tắt", code="connect"), None
        if self.dice.random() >= self.trouble:
            return None, None
        self.upset.append(self.now())
        moods: list[tuple[Exception | None, Exception | None]] = [
            (TryLater("bận", code="503"), None),
            (TryLater("bận", code="429", retry_after=self.dice.choice([1.0, 30.0])), None),
            (AskFirst("đứt trước khi làm", code="timeout"), None),
            (None, AskFirst("làm xong rồi đứt", code="timeout")),
            (None, AskFirst("làm xong rồi đứt", code="timeout")),
            (RuntimeError("a fault of the connector before the call"), None),
            (None, RuntimeError("a fault of the connector after the call")),
            (Rejected("chưa nhận", code="-1"), None),
            (None, Unclassified("lạ", code="77", answer="???")),
        ]
        return self.dice.choice(moods)

    # ── its habit ────────────────────────────────────────────────────────────────────────────────────────────────

    def act(self, parcel: Parcel) -> Receipt:
        return self.note(parcel)

    def note(self, parcel: Parcel) -> Receipt:
        self.effects.append(Effect(parcel.message.dossier, parcel.key, self.now()))
        self.here[parcel.key] = self.here.get(parcel.key, 0) + 1
        return Receipt("0", "thành công", reference=f"ref-{len(self.effects)}")

    def tell(self, parcel: Parcel) -> Found:
        return Found.ARRIVED if parcel.key in self.here else Found.ABSENT


class Idempotent(Partner):
    """Knows our id: the second time it says so and does nothing. It cannot tell, and need not: a resend doubles nothing."""

    habit = "idempotent by id"

    def act(self, parcel: Parcel) -> Receipt:
        if parcel.key in self.here:
            return Receipt("0", "đã có", duplicate=True)
        return self.note(parcel)

    def tell(self, parcel: Parcel) -> Found:
        return Found.ABSENT


class Upsert(Partner):
    """Overwrites what it holds of a dossier. The newest twice is one effect; an older one after a newer is disorder."""

    habit = "upsert"

    def act(self, parcel: Parcel) -> Receipt:
        last = next((e for e in reversed(self.effects) if e.dossier == parcel.message.dossier), None)
        if last is not None and last.key == parcel.key:
            return Receipt("0", "cập nhật")
        return self.note(parcel)

    def tell(self, parcel: Parcel) -> Found:
        return Found.ABSENT


class Mute(Partner):
    """Does all that comes, and can tell nothing: a doubt waits for a person."""

    habit = "cannot tell"

    def tell(self, parcel: Parcel) -> Found:
        return Found.UNKNOWN


class Batches(Partner):
    """Takes several in one call, and can tell."""

    habit = "takes batches"
    together = 4

    def deliver_together(
        self, parcels: Sequence[Parcel], between: Callable[[], None] = lambda: None
    ) -> Sequence[Receipt | DeliveryError]:
        if self.down or self.dice.random() < self.trouble / 4:
            self.upset.append(self.now())
            raise TryLater("bận", code="503")
        results: list[Receipt | DeliveryError] = []
        for parcel in parcels:
            try:
                results.append(self.deliver(parcel))
            except DeliveryError as error:
                results.append(error)
            between()
        return results


class TwoSteps(Partner):
    """Wants two calls: the first may be made twice, the second may not. It can tell whether the second was done."""

    habit = "two steps"

    def __init__(self, now: Callable[[], datetime], dice: Random, trouble: float = 0.0) -> None:
        super().__init__(now, dice, trouble)
        self.opened: set[str] = set()

    def act(self, parcel: Parcel) -> Receipt:
        if "open" in parcel.steps:
            if parcel.key not in self.opened:
                self.wrong.append(f"a step is remembered that was never done: {parcel.key}")
        else:
            self.opened.add(parcel.key)
            parcel.remember("open", {"ticket": parcel.key})
            if self.trouble and self.dice.random() < self.trouble:
                self.upset.append(self.now())
                raise AskFirst("đứt giữa hai bước", code="timeout")
        return self.note(parcel)


class Post(Idempotent):
    """Carries parcels, and publishes events in a feed that is read in pages; now and then one that nobody can read."""

    habit = "a feed in pages"
    page = 3

    def __init__(self, now: Callable[[], datetime], dice: Random, trouble: float = 0.0) -> None:
        super().__init__(now, dice, trouble)
        self.feed: list[Submission] = []
        self._home: list[str] = []

    def note(self, parcel: Parcel) -> Receipt:
        if parcel.message.type == "PostalOrdered":
            self._home.append(parcel.message.dossier)
        return super().note(parcel)

    def bring(self) -> None:
        """The oldest parcel under way is accepted, and then delivered; or something odd is published."""
        if self._home:
            code = self._home.pop(0)
            for state in ("accepted", "delivered"):
                self.publish(code, state)
        elif self.dice.random() < 0.2:
            self.publish_odd()

    def publish(self, code: str, state: str) -> None:
        name = f"event-{len(self.feed)}"
        body = {
            "type": "PostalEvent", "id": name, "dossier": code, "event_time": self.now().isoformat(), "order": code, "leg": "return",
            "state": state, "their_code": "4",
        }  # fmt: skip
        self.feed.append(Submission(name, body, json.dumps(body).encode()))

    def publish_odd(self) -> None:
        name = f"odd-{len(self.feed)}"
        fault = Fault("", "odd", "không đọc được", "cannot be read")
        odd = [
            Submission(name, None, b"\xff\x00?", problem=[fault]),
            Submission(name, {"type": "PostalEvent", "id": name}, b"{}"),
        ]
        self.feed.append(self.dice.choice(odd))

    def poll(self, cursor: str | None) -> Page:
        if self.down or self.dice.random() < self.trouble:
            self.upset.append(self.now())
            raise TryLater("bưu điện không trả lời", code="connect")
        start = int(cursor or 0)
        items = self.feed[start : start + self.page]
        end = start + len(items)
        return Page(items, str(end), more=end < len(self.feed))


HABITS: dict[str, Any] = {
    "teller": Partner,
    "idempotent": Idempotent,
    "upsert": Upsert,
    "mute": Mute,
    "batches": Batches,
    "steps": TwoSteps,
}

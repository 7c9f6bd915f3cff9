"""The one-stop system's side: lives of dossiers, each message sent under one id until its receipt has come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from gateway.canonical.cloudevents import event_type, write_headers
from gateway.config import PartnerFile
from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.flow.gateway import Gateway
from gateway.ports import Accepted, Bus, Publication, Submission
from tests.faults.grounds import SOURCE
from tests.house import dossier, status

MOVES = {2: (4, 4, 5), 4: (4, 5, 9, 9), 5: (2, 4)}
HOME = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": {"detail": "Số 1 đường A", "province": "19"}}


def life(number: int, dice: Random, time: Callable[[], datetime], longest: int) -> Iterator[dict[str, Any]]:
    """The messages of one dossier, each made when it is asked for, and each later than the one before: submitted, lawful moves, supplements,
    a result."""
    now = _ticking(time)
    wishes = {"postal": {"return_to": HOME}} if dice.random() < 0.4 else {}
    begun = (now() - timedelta(minutes=30)).isoformat()
    due = (now() + timedelta(days=dice.randint(1, 30))).isoformat()
    yield dossier(
        number,
        event_time=now().isoformat(),
        submitted_at=begun,
        deadlines={"received_at": begun, "due_at": due},
        **wishes,
    )
    here = 2
    for step in range(longest):
        if here == 9:
            return
        here = dice.choice(MOVES[here]) if step < longest - 1 or here != 4 else 9
        yield _dated(status(number, here, 0, id=f"st-{number}-{step}"), now)
        if here == 5:
            asked = f"ask-{number}-{step}"
            yield _supplement(number, "SupplementRequested", asked, now)
            yield _supplement(number, "SupplementProvided", asked, now)


def _ticking(time: Callable[[], datetime]) -> Callable[[], datetime]:
    """Never the same instant twice: of one instant a status of lower rank would count as the earlier one."""
    last = datetime.min.replace(tzinfo=UTC)

    def now() -> datetime:
        nonlocal last
        last = max(time(), last + timedelta(milliseconds=1))
        return last

    return now


def _dated(body: dict[str, Any], now: Callable[[], datetime]) -> dict[str, Any]:
    return body | {"event_time": now().isoformat()}


def _supplement(number: int, kind: str, request: str, now: Callable[[], datetime]) -> dict[str, Any]:
    officer = {"name": "Trần Thị Ví Dụ", "unit": "Phòng Hộ tịch"}
    body = {
        "type": kind, "id": f"{kind}-{request}", "dossier": dossier(number)["dossier"], "request": request,
        "content": "Bổ sung giấy khai sinh", ("officer" if kind == "SupplementRequested" else "received_by"): officer,
    }  # fmt: skip
    return _dated(body, now)


class Sender:
    """Holds what is not receipted yet. `said` is, by dossier, every id in the order it was said; `receipts` our ids by its ids."""

    def __init__(self, dice: Random, now: Callable[[], datetime], dossiers: int, longest: int = 6) -> None:
        self.dice = dice
        self._now, self._longest = now, longest
        self._lives = {n: life(n, dice, now, longest) for n in range(1, dossiers + 1)}
        self._last = dossiers
        self._pending: dict[int, dict[str, Any]] = {}
        self._old: list[dict[str, Any]] = []
        self.said: dict[str, list[str]] = {}
        self.receipts: dict[str, str] = {}
        self.wrong: list[str] = []
        self.posted: dict[str, dict[str, Any]] = {}

    @property
    def done(self) -> bool:
        return not self._lives and not self._pending

    def begin(self, dossiers: int) -> None:
        """New dossiers are filed until `dossiers` are under way."""
        while len({*self._lives, *self._pending}) < dossiers:
            self._last += 1
            self._lives[self._last] = life(self._last, self.dice, self._now, self._longest)

    def send(self, gateway: Gateway, partner: PartnerFile) -> None:
        """The next messages of one to three dossiers, in one batch; sometimes one that was receipted long ago. Raises what accept raises."""
        numbers = self._some(self.dice.randint(1, 3))
        bodies = [body for n in numbers if (body := self._next(n)) is not None]
        if self._old and self.dice.random() < 0.15:
            bodies.append(self.dice.choice(self._old))
        if not bodies:
            return
        mail = [Submission(body["id"], body, json.dumps(body).encode()) for body in bodies]
        for body, result in zip(bodies, Acceptance(gateway, partner).many(mail), strict=True):
            self._judge(body, result)

    def submit(self, number: int, gateway: Gateway) -> None:
        """One dossier, alone. Raises what accept raises."""
        body = next(life(number, self.dice, self._now, 0))
        self.said[body["dossier"]] = [body["id"]]
        submission = Submission(body["id"], body, json.dumps(body).encode())
        self._judge(body, Acceptance(gateway, gateway.config.partners[SOURCE]).one(submission))

    def post(self, bus: Bus) -> None:
        """The next message of one dossier, into the inbox of the broker; it may be the second time, when no answer has come."""
        for number in self._some(1):
            body = self._next(number)
            if body is not None:
                event = {"specversion": "1.0", "id": body["id"], "source": "/mot-cua", "type": event_type(body["type"])}
                raw = json.dumps(body, ensure_ascii=False).encode()
                self.posted[body["id"]] = body
                to = f"send.{SOURCE}", f"inbox.{SOURCE}"
                bus.publish([Publication(*to, raw, body["id"], headers=write_headers(event))], 1)

    def hear(self, bus: Bus) -> None:
        """The answers on the reply queue."""
        for answer in bus.receive(100, 0):
            body = self.posted[answer.reply_of or ""]
            told = json.loads(answer.body)
            if answer.headers["status"] in ("200", "202"):
                self._note(body, told["id"], told.get("held"))
            else:
                self.wrong.append(f"refused over the broker: {body['id']}: {told}")
            bus.done([answer])

    def _some(self, count: int) -> Sequence[int]:
        open_ones = sorted({*self._lives, *self._pending})
        return self.dice.sample(open_ones, min(count, len(open_ones)))

    def _next(self, number: int) -> dict[str, Any] | None:
        if number not in self._pending:
            body = next(self._lives[number], None)
            if body is None:
                del self._lives[number]
                return None
            self._pending[number] = body
            self.said.setdefault(body["dossier"], []).append(body["id"])
        return self._pending[number]

    def _judge(self, body: dict[str, Any], result: Accepted | Refused) -> None:
        if isinstance(result, Refused):
            self.wrong.append(f"refused: {body['id']}: {result}")
        else:
            self._note(body, result.id, result.held)

    def _note(self, body: dict[str, Any], ours: str, held: str | None) -> None:
        if held:
            self.wrong.append(f"held as {held}: {body['id']}")
        first = self.receipts.setdefault(body["id"], ours)
        if first != ours:
            self.wrong.append(f"two receipts for {body['id']}: {first}, {ours}")
        for number in [n for n, pending in self._pending.items() if pending is body]:
            del self._pending[number]
            self._old.append(body)

"""A case as the messages that a one-stop system sends of it. The people are invented."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from bench.cases import Case
from bench.figures import Scenario
from gateway.canonical.scalars import HANOI
from gateway.cli.samples import WORDS, attachment, person

Body = Mapping[str, Any]
PAPER = "Tờ khai, bản mẫu để chạy thử.\n".encode() * 8


@dataclass(frozen=True, slots=True)
class Told:
    """One message, and when it happens."""

    at: datetime
    body: Body


class Teller:
    """Gives each dossier its code, its people and its procedure. `procedures`: rows of the code list."""

    def __init__(self, scenario: Scenario, procedures: Sequence[Mapping[str, str]]) -> None:
        self.scenario, self.procedures = scenario, procedures
        self.units = scenario.codes()
        self._dice = random.Random(scenario.invented.seed + 1)
        self._numbers: Counter[tuple[str, date]] = Counter()

    def tell(self, case: Case) -> Iterator[Told]:
        """All its messages, in order."""
        unit = {"code": self.units[case.agency], "name": case.agency}
        code = self._number(unit["code"], case.received.date())
        steps = list(self._steps(case))
        yield Told(case.received, self._submission(case, code, unit))
        for number, (at, status) in enumerate(steps):
            officer = {"name": person(self._dice), "unit": case.agency}
            yield Told(
                at,
                {
                    "type": "StatusChanged", "id": f"{code}-{number + 2}", "dossier": code, "event_time": at.isoformat(), "status": status,
                    "content": WORDS[status], "officer": officer,
                },
            )  # fmt: skip

    def _number(self, unit: str, day: date) -> str:
        self._numbers[unit, day] += 1
        return f"{unit}-{day:%y%m%d}-{self._numbers[unit, day]:04}"

    def _steps(self, case: Case) -> Iterator[tuple[datetime, int]]:
        """After its reception: taken up, perhaps supplemented, done, fetched. What goes home is returned by the post's own event."""
        yield case.received + timedelta(minutes=10), 4
        if case.ended is None:
            return
        if case.supplement:
            third = (case.ended - case.received) / 3
            yield from ((case.received + third, 5), (case.received + 2 * third, 4))
        yield case.ended, 9
        fetched = datetime.combine(case.ended.date() + timedelta(days=1), time(8), HANOI)
        if not case.home and fetched.date() <= self.scenario.last:
            yield fetched, 10

    def _submission(self, case: Case, code: str, unit: Mapping[str, str]) -> Body:
        row = self.procedures[self._dice.randrange(len(self.procedures))]
        before = timedelta(hours=20) if case.channel == 2 else timedelta(minutes=15)
        body: dict[str, Any] = {
            "type": "DossierSubmitted", "id": f"{code}-1", "dossier": code, "event_time": case.received.isoformat(), "origin": "local",
            "channel": case.channel, "procedure": {name: row[name] for name in ("code", "name", "field_code", "field_name")},
            "received_by": unit, "handled_by": unit, "applicant": self._person(case.channel == 2),
            "submitted_at": (case.received - before).isoformat(),
            "deadlines": {"received_at": case.received.isoformat(), "due_at": case.due.isoformat()}, "status": 2,
            "attachments": [attachment("tep-1", "To-khai.txt", PAPER)],
        }  # fmt: skip
        if case.home:
            body["postal"] = {"return_to": {k: body["applicant"][k] for k in ("name", "phone", "address")}}
        return body

    def _person(self, online: bool) -> dict[str, Any]:
        dice = self._dice
        address = {"detail": f"Số {dice.randrange(1, 200)} đường Hòa Bình", "province": self.scenario.invented.province}
        account = {"tech_id": f"tk-{dice.randrange(10**9):09}", "verified_by_vneid": True} if online else {}
        return {
            "kind": "citizen", "name": person(dice), "papers": [{"kind": "CCCD", "number": f"0010{dice.randrange(10**8):08}"}],
            "phone": f"09{dice.randrange(10**8):08}", "address": address, **account,
        }  # fmt: skip


def by_day(told: Sequence[Told]) -> Iterator[tuple[date, list[Body]]]:
    """The messages of each day in the order in which they happen."""
    days: dict[date, list[Told]] = {}
    for one in told:
        days.setdefault(one.at.astimezone(HANOI).date(), []).append(one)
    for day in sorted(days):
        yield day, [one.body for one in sorted(days[day], key=lambda one: one.at)]

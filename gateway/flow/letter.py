"""A letter: a submission that has passed every check that needs no ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.canonical import Canonical, DossierSubmitted, StatusChanged, SupplementProvided
from gateway.ports import Submission


@dataclass(frozen=True, slots=True)
class Letter:
    """A submission that has passed every check that needs no ledger. `taken_up`: its sender sent it, and it was held until now."""

    submission: Submission
    canonical: Canonical | None
    json: str
    body: Mapping[str, Any]
    digest: str
    key: str | None = None
    trace: str | None = None
    because: str | None = None
    taken_up: bool = False

    @property
    def said(self) -> Canonical:
        """The canonical message of a letter that could be read."""
        if self.canonical is None:
            raise ValueError("an unreadable letter says nothing")
        return self.canonical

    @property
    def event_time(self) -> datetime | None:
        return self.canonical.event_time if self.canonical is not None else None

    @property
    def due_at(self) -> datetime | None:
        """The promised return that this message makes, if it makes one."""
        match self.canonical:
            case DossierSubmitted(deadlines=deadlines):
                return deadlines.due_at
            case StatusChanged(
                due_at=due_at, apology=False
            ):  # form 04 moves no deadline: the first promise still counts
                return due_at
            case SupplementProvided(new_due_at=new_due_at):
                return new_due_at
        return None

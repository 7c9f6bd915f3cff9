"""What the operator says about a partner that speaks REST: `[settings]` of its file. README.md has a table of all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from gateway.dialect.calling import PageQuestion
from gateway.dialect.delivering import Partnership
from gateway.dialect.hooks import HookRow
from gateway.dialect.polling import Feed


class Poll(Feed):
    """`[[settings.poll]]`: a feed, read by `ask`; see `gateway.dialect.polling`."""

    ask: PageQuestion


class Settings(Partnership):
    """What we call (`gateway.dialect.delivering`), what we read on a schedule, and what they call."""

    poll: list[Poll] = Field(default=[])
    hook: list[HookRow] = Field(default=[])

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [row.name for row in self.poll] + [row.name for row in self.hook]
        if len(set(names)) != len(names):
            raise ValueError("poll, hook: hai dòng cùng name · two rows carry the same name")
        self.check_places(row.ask for row in self.poll)
        return self

    @property
    def mappings(self) -> Sequence[str]:
        return [mapping for row in (*self.poll, *self.hook) for mapping in row.mapping]

"""What the operator says about a mailbox: `[settings]` of its partner file. README.md has a table of what is its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from gateway.dialect.calling import ItemCall, PageQuestion
from gateway.dialect.delivering import Partnership
from gateway.dialect.taking import NAME, Taking


class Box(Taking):
    """`[[settings.box]]`. `list` gives rows at `items`, each named by `id`; `fetch` gets what a row stands for, without it the row is all.

    `done` and `failed` acknowledge, after the store; without `failed` what cannot be read is not acknowledged and comes again each round.
    `row_as`: the row lies beside what was fetched, under this name. `ok`: codes of a good answer. `gone`: HTTP statuses that say that there
    is nothing to acknowledge any more.
    """

    name: str = Field(pattern=NAME)
    list: PageQuestion
    page_size: int | None = Field(default=None, ge=1, le=10_000)
    first_page: int = 1
    fetch: ItemCall | None = None
    row_as: str | None = None
    done: ItemCall
    failed: ItemCall | None = None
    ok: Sequence[str] = Field(default=[])
    gone: Sequence[int] = Field(default=[404, 410])

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.items is None or not self.id:
            raise ValueError("cần items và id · wants items and id")
        return self


class Settings(Partnership):
    """What we call (`gateway.dialect.delivering`), and the boxes that are emptied."""

    box: list[Box] = Field(default=[])

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        if len({row.name for row in self.box}) != len(self.box):
            raise ValueError("box: hai dòng cùng name · two rows carry the same name")
        self.check_places(call for row in self.box for call in (row.list, row.fetch, row.done, row.failed))
        return self

    @property
    def mappings(self) -> Sequence[str]:
        return [mapping for row in self.box for mapping in row.mapping]

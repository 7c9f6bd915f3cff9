"""The twin of a mailbox's owner, made of that partner's own file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.mailbox.settings import Box, Settings
from gateway.dialect.calling import Call
from gateway.dialect.pointers import put
from gateway.dialect.shapes import Schema
from gateway.dialect.taking import name_of
from gateway.dialect.twin import DialectTwin, read_file
from gateway.simulation import Request, Response


class MailboxTwin(DialectTwin):
    """Takes what is delivered as `DialectTwin` does; lists what was put into its boxes until it is acknowledged.

    Acts: ``{"put": {"box": name, "row": …, "content": …}}``; without `content` the row is all there is.
    """

    name = "mailbox"

    def __init__(self, settings: Settings, schemas: Mapping[str, Schema] = {}) -> None:
        super().__init__(settings, schemas)
        self._boxes = {box.name: box for box in settings.box}
        self._held: dict[str, dict[str, tuple[Any, Any]]] = {box.name: {} for box in settings.box}
        self._acknowledged: list[dict[str, str]] = []
        self._fetched: list[str] = []

    def more(self, request: Request) -> Response | None:
        """The lists, the fetches and the acknowledgements of every box."""
        for box in self._boxes.values():
            for call, answer in ((box.done, "done"), (box.failed, "failed"), (box.fetch, "fetch"), (box.list, "list")):
                holes = self.match(call, request) if call is not None else None
                if call is not None and holes is not None:
                    return self._list(box, holes) if answer == "list" else self._one(box, call, answer, holes)
        return None

    def _list(self, box: Box, holes: Mapping[str, str]) -> Response:
        rows = [row for row, _ in self._held[box.name].values()]
        if box.page_size is not None:
            start = (int(holes.get("$page", box.first_page)) - box.first_page) * box.page_size
            rows = rows[start : start + box.page_size]
        return self._said(box, box.list, put({}, (box.items or "").removesuffix("?"), rows))

    def _one(self, box: Box, call: Call, what: str, holes: Mapping[str, str]) -> Response:
        held = self._held[box.name]
        name = next((name for name, (row, _) in held.items() if _is(box, name, row, holes)), None)
        if name is None:
            return Response(404, {"error": "not found"})
        if what == "fetch":
            self._fetched.append(name)
            return self._said(box, call, held[name][1])
        del held[name]
        self._acknowledged.append({"box": box.name, "item": name, "how": what})
        return self._said(box, call, {})

    def _said(self, box: Box, call: Call, document: Any) -> Response:
        return self.say(call.answer or self.settings.answer, {}, code=box.ok[0] if box.ok else "", document=document)

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"put": {"box": str(box), "row": row, **more}} if box in self._boxes:
                name = name_of(self._boxes[box].id, row)
                if name is None:
                    raise ValueError(f"a row of {box} needs its id")
                self._held[box][name] = (row, more.get("content", row))
                return name
        return super().act(order)

    def book(self) -> dict[str, Any]:
        """`held`: what is still in the boxes; `acknowledged` and `fetched`, in order."""
        boxes = {name: list(held) for name, held in self._held.items()}
        return {
            **super().book(),
            "held": boxes,
            "acknowledged": list(self._acknowledged),
            "fetched": list(self._fetched),
        }


def _is(box: Box, name: str, row: Any, holes: Mapping[str, str]) -> bool:
    """Does a call with these fields speak of this row?"""
    named = {source: name if source == "$item" else name_of([source], row) for source in holes if source != "$now"}
    return bool(named) and all(holes[source] == value for source, value in named.items())


def twin_of(file: Mapping[str, Any]) -> MailboxTwin:
    """`file`: a partner file as a table, with `folder`, the configuration's, where its mappings lie; or bare settings."""
    settings, schemas = read_file(file, Settings.model_validate)
    return MailboxTwin(settings, schemas)

"""Truths: what a field of a partner's document may say, and only when it is so. What was made of the facts is held against the facts.

A connector's `truths.toml` names them. They stand behind every mapping, an operator's own too, and behind what a person edited: a document
that says otherwise is refused by name and goes nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from gateway.canonical.scalars import HANOI
from gateway.config import Section, parse, read_toml
from gateway.dossiers.facts import KNOWN, MOMENTS, Facts, When, texts
from gateway.errors import Fault


class Truth(Section):
    """`field` is a path in `document`, ``[]`` behind a list. Either every value there must be `among` the fact of this name, or a value
    that `says` so (patterns) must be said only `when` these facts hold. An empty text says nothing, and so does null.

    `time`: how the document writes a moment in Vietnam's time (as `strftime`); the fact is then one of moments. `or_later`: a person may have
    corrected it to a later one."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")
    document: str
    field: str
    among: str | None = None
    time: str | None = None
    or_later: bool = False
    says: list[str] = Field(default_factory=list)
    when: When | None = None
    detail: str
    detail_en: str

    @model_validator(mode="after")
    def _one_kind(self) -> Truth:
        if (self.among is None) == (self.when is None) or bool(self.says) != (self.when is not None):
            raise ValueError("give `among`, or `says` and `when`")
        if self.among is not None and self.among not in KNOWN:
            raise ValueError(f"no such fact: {self.among}; known: {', '.join(sorted(KNOWN))}")
        if (self.time is not None) != (self.among in MOMENTS) or (self.or_later and self.time is None):
            raise ValueError(f"`time` goes with a fact of moments, and only with one: {', '.join(sorted(MOMENTS))}")
        return self


class Truths(Section):
    truth: list[Truth] = Field(default_factory=list)


def read_truths(folder: Path) -> Sequence[Truth]:
    """Those of the connector in `folder`; none where it has no file. Raises `Misconfigured`."""
    file = folder / "truths.toml"
    return parse(Truths, read_toml(file), file).truth if file.exists() else ()


def falsehoods(truths: Sequence[Truth], documents: Mapping[str, Any], facts: Facts) -> list[Fault]:
    """A fault for every field that says what is not so. Its code is ``falsified-`` and the truth's id; values are not quoted."""
    return [
        Fault(f"/{truth.document}{place}", f"falsified-{truth.id}", truth.detail, truth.detail_en)
        for truth in truths
        for place, value in _values(documents.get(truth.document), truth.field.split("."))
        if value not in ("", None) and not _is_so(truth, str(value), facts)
    ]


def _is_so(truth: Truth, value: str, facts: Facts) -> bool:
    if truth.time is not None and truth.among is not None:
        return _is_then(value, truth.time, getattr(facts, truth.among), or_later=truth.or_later)
    if truth.among is not None:
        return value in texts(getattr(facts, truth.among))
    says = any(fnmatchcase(value, pattern) for pattern in truth.says)
    return not says or (truth.when is not None and truth.when.holds(facts))


def _is_then(value: str, form: str, moments: Sequence[datetime], *, or_later: bool) -> bool:
    told = [one.astimezone(HANOI).strftime(form) for one in moments]
    if value in told or not or_later:
        return value in told
    try:
        return any(datetime.strptime(value, form) >= datetime.strptime(one, form) for one in told)  # noqa: DTZ007 - both are Vietnam's
    except ValueError:  # no moment of this form at all
        return False


def _values(document: Any, path: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Every value at the path, with its pointer. What is not there says nothing; one thing where a list belongs is a list of one."""
    if not path:
        yield "", document
        return
    name = path[0].removesuffix("[]")
    if not isinstance(document, Mapping) or name not in document:
        return
    inside = document[name]
    if path[0].endswith("[]"):
        for i, one in enumerate(inside if isinstance(inside, list | tuple) else [inside]):
            yield from ((f"/{name}/{i}{place}", value) for place, value in _values(one, path[1:]))
    else:
        yield from ((f"/{name}{place}", value) for place, value in _values(inside, path[1:]))

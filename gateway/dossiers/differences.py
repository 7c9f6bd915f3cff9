"""What a partner says of a dossier beside what it was told: which difference that is, and the fewest messages that lawfully heal it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.config import StatusRow
from gateway.ports import Heal, Standing

AGREES = "agrees"
KINDS = {
    AGREES: ("khớp", "agrees"),
    "missing-there": ("đối tác không có hồ sơ", "the partner does not have the dossier"),
    "missing-here": ("cổng không có hồ sơ mà đối tác có", "the partner has a dossier that the gateway does not know"),
    "missing-steps": ("đúng trạng thái nhưng thiếu bước đã báo", "the status is right, but steps it was told are gone"),
    "behind": ("đối tác còn ở trạng thái cũ", "the partner stands where the dossier stood before"),
    "ahead": ("đối tác đi trước điều đã báo", "the partner stands further on than it was told"),
    "contradictory": ("đối tác ở trạng thái trái với điều đã báo", "the partner's status contradicts what it was told"),
    "unclassified": ("đối tác nói điều chưa có trong bảng trạng thái", "the partner's word stands in no status table"),
}
"""Findings, Vietnamese and English."""
STATES = {
    "open": ("sẽ hỏi lại", "asked again"),
    "proposed": ("chờ duyệt", "waits for approval"),
    "approved": ("đã duyệt", "approved"),
    "healing": ("đang chữa", "being healed"),
    "person": ("chờ người quyết định", "a person decides"),
    "declined": ("để nguyên", "left as it is"),
    "healed": ("đã chữa", "healed"),
    "gone": ("đã hết", "gone by itself"),
}
"""What is done about a difference, Vietnamese and English."""

_NO_CURE = {
    "missing-here": (
        "Cổng không tự lập được hồ sơ: chỉ đối tác gửi được hồ sơ này.",
        "The gateway founds no dossier by itself: only the partner can send it.",
    ),
    "missing-steps": (
        "Không gửi lại được: ở đó có dòng không ai báo, có thể chính là bước thiếu đã bị sửa; gửi lại thì thành hai. Đối tác phải sửa.",
        "Nothing can be sent again: a row stands there that nobody told, which may be the lacking step, changed; it would stand there twice. "
        "The partner has to mend it.",
    ),
    "unclassified": (
        "Chưa biết lời của đối tác nghĩa là gì: thêm một dòng vào statuses.toml của kết nối, rồi hỏi lại.",
        "What the partner's word means is not known: add a row to the connector's statuses.toml, and it is asked again.",
    ),
}
_NOTHING_LAWFUL = (
    "Chỉ đối tác sửa được: chính họ rút lại lời mình, hoặc không có gì gửi lại được mà không lặp một bước họ đã có.",
    "Only the partner can mend it: it goes back on its own word, or nothing can be sent again without doubling a step that it has.",
)


def no_cure(kind: str) -> tuple[str, str]:
    """Why nothing heals a difference of this kind that has no plan, Vietnamese and English."""
    return _NO_CURE.get(kind, _NOTHING_LAWFUL)


@dataclass(frozen=True, slots=True)
class Told:
    """A message that the partner took. `status`: the one it says the dossier is at, None when it says none.

    `own`: the partner said it itself. That counts as much, and nobody tells it so again.
    """

    message: str
    type: str
    status: int | None
    event_time: datetime
    own: bool = False


@dataclass(frozen=True, slots=True)
class Retelling:
    """One message told again. `documents`: these alone, None for all. `present`: with the dossier as it stands now, not as it stood then.
    `anew`: the partner does not have the dossier."""

    message: str
    documents: Sequence[str] | None
    present: bool = False
    anew: bool = False

    def as_json(self) -> dict[str, Any]:
        documents = None if self.documents is None else list(self.documents)
        return {"of": self.message, "documents": documents, "present": self.present, "anew": self.anew}


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` of the difference, or AGREES; `expected`, the status told last. `plan` heals it; an empty one, and `careful`, want a person."""

    kind: str
    expected: int | None
    plan: Sequence[Retelling] = ()
    careful: bool = False


def find_difference(
    told: Sequence[Told], says: Standing, table: Mapping[int, StatusRow], superseded: str = "kept"
) -> Finding:
    """`told`, oldest first. `superseded`: whether overtaken steps are ``kept``, or ``compacted``: then only the last one must be there.

    What is careful even where healing is automatic: a terminal status there is never overwritten without a person, nor a contradiction; a
    partner that shows not one of several steps may have stopped showing steps, and one that spoke of the dossier last had it. A partner that
    goes back on its own last word is nobody's to heal.
    """
    moves = [one for one in told if one.status is not None]
    expected = moves[-1].status if moves else None
    shows_none = _shows_none(told, says)
    if superseded == "compacted" and says.there and says.lacking and moves:
        overtaken = {one.message for one in moves[:-1]}
        says = replace(says, lacking=[one for one in says.lacking if one not in overtaken])
    kind = _kind([one.status for one in moves if one.status is not None], says, table)
    if kind == AGREES:
        return Finding(kind, expected)
    recants = kind not in ("missing-there", "missing-steps") and moves[-1].own
    plan = [] if recants else _plan(kind, [one for one in told if not one.own], says, superseded)
    ends_there = any(table[s].terminal for s in says.statuses or ()) and kind != "missing-steps"
    doubtful = (shows_none and kind == "missing-steps") or (kind == "missing-there" and bool(moves) and moves[-1].own)
    careful = not plan or ends_there or doubtful or kind in ("contradictory", "unclassified")
    return Finding(kind, expected, plan, careful)


def _shows_none(told: Sequence[Told], says: Standing) -> bool:
    """Is every step gone, where there were several? Where no step was told: every message."""
    took = [one for one in told if not one.own]
    traced = [one for one in took if one.type == "StatusChanged"] or took
    return len(traced) > 1 and {one.message for one in traced} <= set(says.lacking or ())


def _kind(told: Sequence[int], says: Standing, table: Mapping[int, StatusRow]) -> str:
    if not says.there:
        return "missing-there"
    lacks = "missing-steps" if says.lacking else AGREES
    if says.statuses is None or not told:
        return lacks
    if not says.statuses:
        return "unclassified"
    if told[-1] in says.statuses or (says.works and any(_leads(told[-1], one, table) for one in says.statuses)):
        return lacks
    if any(status in told[:-1] for status in says.statuses):
        return "behind"
    return side_of(told[-1], says.statuses[0], table)


def _leads(told: int, theirs: int, table: Mapping[int, StatusRow]) -> bool:
    """May who works on the dossier have moved it on to `theirs`? It has not said so yet, or the dossier stood there before it."""
    return theirs in table[told].moves or side_of(told, theirs, table) == "ahead"


def side_of(told: int, theirs: int, table: Mapping[int, StatusRow]) -> str:
    """Which of two statuses is further on: the one that fewer lawful moves lead to; of two alike the one with the higher code."""
    onwards, back = moves_between(told, theirs, table), moves_between(theirs, told, table)
    if onwards is None and back is None:
        return "contradictory"
    if onwards is None or back is None:
        return "behind" if onwards is None else "ahead"
    return "ahead" if (onwards, -theirs) < (back, -told) else "behind"


def moves_between(one: int, other: int, table: Mapping[int, StatusRow]) -> int | None:
    """The fewest lawful moves that lead from one status to another, an explicit reopening apart; None where none do."""
    found, edge, count = {one}, {one}, 0
    while edge:
        if other in edge:
            return count
        edge = {move for code in edge for move in table[code].moves} - found
        found |= edge
        count += 1
    return None


def _plan(kind: str, told: Sequence[Told], says: Standing, superseded: str) -> list[Retelling]:
    """The fewest messages: the dossier as it stands, once, and each step that left no trace, once. Nothing that is there goes again."""
    heal = says.heal
    if kind == "unclassified" or not (heal.status or heal.step):
        return []
    lacking = set(says.lacking or ())
    missed = _each([one for one in told if one.message in lacking], heal)
    if kind == "missing-steps" or (kind == "missing-there" and not heal.anew):
        return missed
    moves = [one for one in told if one.status is not None] or list(told)
    if kind == "missing-there":
        steps = [one for one in moves if one.type == "StatusChanged"]
        kept = steps if superseded == "kept" else steps[-1:]
        return [Retelling(moves[-1].message, heal.status, present=True, anew=True), *_each(kept, heal)]
    if heal.status:
        return [Retelling(moves[-1].message, heal.status, present=True), *missed]
    # the status goes with a step alone: lawful only where that step is gone, else it would stand there twice
    return missed if missed and missed[-1].message == moves[-1].message else []


def _each(steps: Sequence[Told], heal: Heal) -> list[Retelling]:
    return [Retelling(one.message, heal.step) for one in steps] if heal.step else []

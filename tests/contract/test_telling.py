"""The contract of a connector that can ask how a dossier stands: what is planted in its twin is found, of the right kind, and what it names heals
that without a double. Every one that ships passes it, against its own strict twin over HTTP, with the shipped mappings."""

# ruff: noqa: F811 - the fixture is imported
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from gateway.config import Config, default_folder
from gateway.dossiers.differences import AGREES, Finding, Told, find_difference
from gateway.dossiers.view import build_view
from gateway.ports import Parcel, Standing
from tests.contract.test_outbound import AT, BODIES, TELLING, Pair, _message, pair  # noqa: F401
from tests.house import dossier
from tests.house import status as status_changed

TABLE = Config(default_folder().parent).statuses
CODE = "000.00.01.H99-260105-0001"
DOCUMENT = f"000.00.01.H99,2026/01/05,{CODE}/MCDT"
MOVES_ITSELF = ("hotich", "lltp", "opencps")  # it works on dossiers, and says where they move to


def by_key(pair: Pair, key: str) -> None:
    pair.server.twin.act({"forget": key})


def one_stop_forgets(pair: Pair, key: str) -> None:
    twin: Any = pair.server.twin
    for book in (twin._receipts, twin._bodies):
        book.pop(key)
    twin._messages[CODE] = [line for line in twin._messages[CODE] if line["key"] != key]


LOSE: Mapping[str, Callable[[Pair, str], object]] = {
    "portal": lambda pair, key: pair.server.twin.act({"plant": {"MaHoSo": CODE, "forget": True}}),
    "one-stop": one_stop_forgets,
    "trunk": lambda pair, key: pair.server.twin.act({"forget": DOCUMENT}),
    "so-y-te": by_key,
    "so-vi-du": by_key,
    **dict.fromkeys(MOVES_ITSELF, lambda pair, key: pair.server.twin.act({"forget": CODE})),
}
"""How each twin loses dossier 1, of which it took the message `key`."""
MOVE: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "portal": lambda word: {"plant": {"MaHoSo": CODE, "TrangThaiHoSo": word}},
    "hotich": lambda word: {"raw": {"code": CODE, "row": {"trangThai": word}}},
    "lltp": lambda word: {"raw": {"code": CODE, "row": {"trangThaiXuLy": word}}},
    "opencps": lambda word: {"move": {"code": CODE, "to": word}},
}
"""How each that tells a status comes to stand at a word of its own."""
WORDS = {  # at work on it, done, and not yet begun, in their words
    "hotich": ("3", "4", "1"),
    "lltp": ("4", "10", "2"),
    "opencps": ("processing", "done", "receiving"),
}


def told(parcel: Parcel) -> Told:
    body = parcel.message.body
    return Told(parcel.key, parcel.message.type, body.get("status"), parcel.message.event_time)


def says_own(status: int) -> Told:
    """What the partner said itself, after all it was told."""
    return Told(f"own-{status}", "StatusChanged", status, AT, own=True)


def ask(pair: Pair, took: Sequence[Parcel], *own: Told) -> Finding:
    outbound: Any = pair.outbound
    says: Standing = outbound.state(took)
    return find_difference([*map(told, took), *own], says, TABLE)


def heal(pair: Pair, took: Sequence[Parcel], finding: Finding) -> None:
    """As the spine does it: message by message, of each the documents that are named, under the key that it had."""
    for retelling in finding.plan:
        parcel = next(one for one in took if one.key == retelling.message)
        named = retelling.documents
        documents = {name: doc if named is None or name in named else None for name, doc in parcel.documents.items()}
        receipt = pair.outbound.deliver(replace(parcel, documents=documents, known_there=not retelling.anew))
        assert receipt.code != "nothing-to-send"


def later(pair: Pair, seq: int, body: dict[str, Any]) -> Parcel:
    """Something more of dossier 1, translated."""
    first = _message(1, BODIES.get(pair.name, dossier)(1))
    message = _message(seq, body)
    documents = pair.gateway.documents(pair.name, message, build_view(message, [first], pair.gateway.link))
    return Parcel(seq, message.id, message, documents, known_there=True, read_file=lambda sha256: b"%PDF-1.4")


def stands(pair: Pair) -> Any:
    """What the twin holds, whatever the order in which it came by it."""
    kept = pair.kept()
    if pair.name == "portal":
        return kept["dossiers"]
    kept.pop("effects" if pair.name == "opencps" else "repeats", None)
    without = ("docId", "dossierId", "number")
    return {name: _sorted(held, without) for name, held in kept.items()}


def _sorted(held: Any, without: Sequence[str]) -> Any:
    if isinstance(held, dict):
        return {name: _sorted(one, without) for name, one in held.items() if name not in without}
    return sorted((_sorted(one, without) for one in held), key=str) if isinstance(held, list) else held


@pytest.mark.parametrize("pair", TELLING, indirect=True)
def test_a_dossier_that_is_lost_there_is_found_and_told_again_once(pair: Pair) -> None:
    lost, other = pair.parcel(1), pair.parcel(2)
    for parcel in (lost, other):
        pair.outbound.deliver(parcel)
    before = deepcopy(stands(pair))
    assert ask(pair, [lost]).kind == ask(pair, [other]).kind == AGREES
    LOSE[pair.name](pair, lost.key)
    assert stands(pair) != before

    found = ask(pair, [lost])
    heal(pair, [lost], found)

    of_messages = pair.name in ("one-stop", "so-y-te", "so-vi-du")  # their receipts tell of messages
    assert found.kind == ("missing-steps" if of_messages else "missing-there")
    assert (found.careful, [one.message for one in found.plan]) == (False, [lost.key])
    assert stands(pair) == before
    assert ask(pair, [lost]).kind == ask(pair, [other]).kind == AGREES


@pytest.mark.parametrize("pair", MOVES_ITSELF, indirect=True)
def test_where_who_works_on_it_has_moved_it_on_nothing_differs(pair: Pair) -> None:
    taken = pair.parcel(1)
    pair.outbound.deliver(taken)

    for word, own in zip(WORDS[pair.name][:2], (4, 9), strict=True):
        pair.server.twin.act(MOVE[pair.name](word))
        assert ask(pair, [taken]).kind == AGREES  # its own news is on the way
        assert ask(pair, [taken], says_own(own)).kind == AGREES


@pytest.mark.parametrize("pair", MOVES_ITSELF, indirect=True)
@pytest.mark.parametrize("own", [4, 9])
def test_a_status_set_back_by_who_said_it_is_found_and_is_a_persons(pair: Pair, own: int) -> None:
    taken = pair.parcel(1)
    pair.outbound.deliver(taken)
    pair.server.twin.act(MOVE[pair.name](WORDS[pair.name][2]))

    found = ask(pair, [taken], says_own(own))

    assert (found.kind, list(found.plan), found.careful) == ("behind", [], True)


@pytest.mark.parametrize("pair", MOVES_ITSELF, indirect=True)
def test_a_dossier_that_they_had_spoken_of_is_founded_again_only_with_a_person(pair: Pair) -> None:
    taken = pair.parcel(1)
    pair.outbound.deliver(taken)
    LOSE[pair.name](pair, taken.key)

    found = ask(pair, [taken], says_own(9))

    assert (found.kind, found.careful) == ("missing-there", True)
    assert [one.message for one in found.plan] == [taken.key]


@pytest.mark.parametrize("pair", sorted(MOVE), indirect=True)
def test_a_word_that_no_table_knows_is_found_and_heals_by_nothing(pair: Pair) -> None:
    taken = pair.parcel(1)
    pair.outbound.deliver(taken)
    pair.server.twin.act(MOVE[pair.name]("từ lạ"))

    found = ask(pair, [taken])

    assert (found.kind, list(found.plan), found.careful) == ("unclassified", [], True)


@pytest.mark.parametrize("pair", ["portal"], indirect=True)
def test_a_status_that_we_told_and_that_is_set_back_is_told_again(pair: Pair) -> None:
    took = [pair.parcel(1), later(pair, 11, status_changed(1, 4, 60))]
    for parcel in took:
        pair.outbound.deliver(parcel)
    before = deepcopy(stands(pair)[CODE]["fields"])
    pair.server.twin.act(MOVE["portal"]("2"))

    found = ask(pair, took)
    heal(pair, took, found)

    assert found.kind == "behind"
    assert stands(pair)[CODE]["fields"] == before
    assert len(stands(pair)[CODE]["progress"]) == 1
    assert ask(pair, took).kind == AGREES


@pytest.mark.parametrize("pair", ["opencps"], indirect=True)
def test_a_withdrawal_that_is_lost_there_is_told_again_unless_they_ended_it(pair: Pair) -> None:
    took = [pair.parcel(1), later(pair, 11, status_changed(1, 7, 60))]
    for parcel in took:
        pair.outbound.deliver(parcel)
    before = deepcopy(stands(pair))
    assert ask(pair, took).kind == AGREES
    pair.server.twin.act(MOVE["opencps"]("processing"))

    found = ask(pair, took)
    heal(pair, took, found)

    assert (found.kind, [one.message for one in found.plan]) == ("behind", [took[1].key])
    assert stands(pair) == before
    assert ask(pair, took).kind == AGREES
    pair.server.twin.act(MOVE["opencps"]("cancelled"))
    assert ask(pair, took).kind == AGREES  # what was asked for was done
    pair.server.twin.act(MOVE["opencps"]("denied"))
    assert list(ask(pair, took).plan) == []
    pair.server.twin.act({"forget": CODE})
    gone = ask(pair, took)
    heal(pair, took, gone)
    assert [one.message for one in gone.plan] == [one.key for one in took]
    assert stands(pair) == before


@pytest.mark.parametrize("pair", ["opencps"], indirect=True)
def test_what_was_asked_back_there_and_withdrawn_by_nobody_here_is_a_persons(pair: Pair) -> None:
    """It is no news of theirs: they would not say it."""
    taken = pair.parcel(1)
    pair.outbound.deliver(taken)
    pair.server.twin.act(MOVE["opencps"]("cancelling"))

    found = ask(pair, [taken])

    assert (found.kind, list(found.plan), found.careful) == ("ahead", [], True)


@pytest.mark.parametrize("pair", ["trunk"], indirect=True)
def test_of_several_documents_the_one_that_is_lost_goes_again_alone(pair: Pair) -> None:
    supplement = {
        "type": "SupplementProvided", "id": "bs-1", "dossier": CODE, "request": "bs-1", "event_time": "2026-01-05T14:00:00+07:00",
        "content": "Đã bổ sung giấy khai sinh", "received_by": {"name": "Trần Thị Ví Dụ", "unit": "Phòng Hộ tịch"},
        "attachments": [{"id": "2", "name": "khai-sinh.pdf", "sha256": "6f" * 32, "media_type": "application/pdf"}],
    }  # fmt: skip
    took = [pair.parcel(1), later(pair, 11, supplement)]
    for parcel in took:
        pair.outbound.deliver(parcel)
    before = deepcopy(stands(pair))
    LOSE["trunk"](pair, took[0].key)

    found = ask(pair, took)
    heal(pair, took, found)

    assert (found.kind, [one.message for one in found.plan]) == ("missing-steps", [took[0].key])
    assert stands(pair) == before
    assert ask(pair, took).kind == AGREES


@pytest.mark.parametrize("pair", ["so-vi-du"], indirect=True)
def test_of_several_messages_the_newest_that_were_lost_go_again(pair: Pair) -> None:
    took = [pair.parcel(1), later(pair, 11, status_changed(1, 4, 60)), later(pair, 12, status_changed(1, 9, 90))]
    for parcel in took:
        pair.outbound.deliver(parcel)
    before = deepcopy(stands(pair))
    for lost in took[1:]:
        by_key(pair, lost.key)

    found = ask(pair, took)
    heal(pair, took, found)

    assert (found.kind, [one.message for one in found.plan]) == ("missing-steps", [one.key for one in took[1:]])
    assert stands(pair) == before
    assert ask(pair, took).kind == AGREES


@pytest.mark.parametrize("pair", ["hotich", "lltp", "opencps", "trunk"], indirect=True)
def test_of_what_never_went_there_nothing_can_be_asked(pair: Pair) -> None:
    outbound: Any = pair.outbound
    nothing = replace(pair.parcel(1), documents=dict.fromkeys(pair.parcel(1).documents))

    assert outbound.state([nothing]) is None

"""An action timed out after it was done, and the officer went on; the dossier stood elsewhere than at the goal, so it was taken for not done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.opencps.outbound import Dossiers
from connectors.opencps.simulator import OpenCpsTwin
from gateway.errors import AskFirst
from gateway.ports import RESTORED, Found
from gateway.simulation import Chaos, Serve
from tests.connectors.test_opencps import ACTIONS, GIVEN, dossier, dossiers, step
from tests.trunks import CODE

ALONE = {**GIVEN, "files": []}


@pytest.fixture
def serve() -> Iterator[Serve]:
    serve = Serve(OpenCpsTwin())
    serve.start()
    yield serve
    serve.stop()


def waiting(serve: Serve) -> Dossiers:
    out = dossiers(serve, actions=ACTIONS)
    out.deliver(dossier())
    serve.twin.act({"move": {"code": CODE, "to": "waiting", "note": "Thiếu sơ đồ"}})
    return out


def cut(serve: Serve, out: Dossiers, chaos: Chaos) -> dict[str, Any]:
    """The step's call, without an answer. Returns what was remembered of it."""
    steps: dict[str, Any] = {}

    def remember(name: str, answer: Any) -> None:
        steps[name] = answer
        serve.chaos = chaos

    with pytest.raises(AskFirst):
        out.deliver(step(ALONE, remember=remember))
    serve.chaos = Chaos()
    return steps


@pytest.mark.parametrize(
    "moves",
    [
        [{"to": "done"}],
        [{"to": "waiting", "note": "Thiếu bản vẽ"}],  # as it stood before, for another request
    ],
)
def test_a_person_decides(serve: Serve, moves: list[dict[str, str]]) -> None:
    out = waiting(serve)
    steps = cut(serve, out, Chaos(drop_after=1))
    assert out.find(step(ALONE, in_doubt=True, steps=steps)) is Found.ARRIVED
    for move in moves:
        serve.twin.act({"move": {"code": CODE, **move}})

    assert out.find(step(ALONE, in_doubt=True, steps=steps)) is Found.UNKNOWN
    assert serve.twin.book()["dossiers"][CODE]["dossierStatus"] == moves[-1]["to"]


def test_while_it_stands_where_it_stood_the_step_goes_again(serve: Serve) -> None:
    out = waiting(serve)
    steps = cut(serve, out, Chaos(drop_before=1))

    assert out.find(step(ALONE, in_doubt=True, steps=steps)) is Found.ABSENT
    out.deliver(step(ALONE, in_doubt=True, steps=steps))
    assert serve.twin.book()["dossiers"][CODE]["dossierStatus"] == "processing"


def test_what_was_not_remembered_is_not_known(serve: Serve) -> None:
    assert waiting(serve).find(step(ALONE, in_doubt=True, steps={RESTORED: True})) is Found.UNKNOWN

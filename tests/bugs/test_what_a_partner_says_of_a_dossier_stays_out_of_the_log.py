"""A partner's refusal to tell of a dossier may name its people; the line about the failed question quoted it."""

from __future__ import annotations

from typing import Any

from structlog.testing import capture_logs

from gateway.errors import TryLater
from tests.unit.test_reconcile import STEPS, World, make_world, world  # noqa: F401


def test_a_failed_question_is_told_by_its_code(world: World) -> None:  # noqa: F811
    code = world.tell(steps=STEPS[:1])
    outbound: Any = world.house.gateway.outbound("portal")

    def refuse(dossier: str) -> Any:
        raise TryLater("Hồ sơ của Nguyễn Văn Mẫu đang bị khóa", code="-7")

    outbound._client.look_up = refuse
    with capture_logs() as lines:
        world.pass_minutes(15)

    failed = [line for line in lines if line["event"] == "question_failed"]
    assert {(line["dossier"], line["code"]) for line in failed} == {(code, "-7")}
    assert "Mẫu" not in str(lines)

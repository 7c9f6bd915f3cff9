"""All was delivered, and for minutes the digest and the list of incidents still said that the partner did not answer and seven were waiting."""

from __future__ import annotations

import pytest

from gateway.errors import TryLater
from gateway.flow.digest import gather_digest, write_digest
from gateway.flow.incidents import Watch
from tests.conftest import Run, Time
from tests.house import House, dossier


@pytest.fixture
def over(house: House, time: Time) -> House:
    """Down for half an hour, and delivered two minutes ago."""
    house.partners["portal"].script = [TryLater("không trả lời", code="connect") for _ in range(50)]
    for number in range(1, 8):
        house.accept("one-stop", dossier(number))
    house.work("portal")
    watch = Watch(house.gateway)
    for _ in range(6):
        time.move(minutes=5)
        watch.look()
    house.partners["portal"].script = []
    house.work("portal")
    time.move(minutes=2)
    watch.look()
    return house


def test_the_digest_tells_it_as_over(over: House, time: Time) -> None:
    found = gather_digest(over.gateway, time())
    subject, text = write_digest(found)

    assert (list(found.down), [one.trouble for one in found.over]) == ([], ["breaker-open"])
    assert "không có sự cố" in subject
    assert "ĐANG CÓ SỰ CỐ" not in text
    assert "đang chờ" not in text
    assert (
        "VỪA HẾT SỰ CỐ\n• Cổng Dịch vụ công Quốc gia: Đối tác không trả lời: từ 16:00 05/01/2026, hết lúc 16:32 05/01/2026"
        in text
    )
    assert [one["until"] for one in found.as_json()["over"]] == ["2026-01-05T09:32:00Z"]


def test_the_list_says_since_when_it_is_over_and_what_was_seen_last(over: House, run: Run) -> None:
    told = " ".join(run("incidents").output.split())

    assert "vừa hết" in told
    assert "just over" in told
    assert "lần thấy cuối" in told

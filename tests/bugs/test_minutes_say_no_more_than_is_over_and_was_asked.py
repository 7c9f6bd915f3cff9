"""Minutes were signed of days that were not over or had not come, of partners that cannot be asked, and in place of others that were signed."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from pypdf import PdfReader

from gateway.errors import Misconfigured
from gateway.flow.minutes import check_minutes, folder_of, write_minutes
from tests.unit.test_reconcile import World, make_world, world  # noqa: F401

DAY = date(2026, 1, 5)


def words(file: Any) -> str:
    return " ".join(" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(file.read_bytes())).pages)


def test_before_noon_of_the_next_day_they_are_provisional_and_have_no_place_for_a_signature(world: World) -> None:  # noqa: F811
    world.time.move(hours=19)
    file = write_minutes(world.house.gateway, "portal", DAY)

    assert file.name == "2026-01-05.provisional.json"
    told, paper = json.loads(file.read_text(encoding="utf-8")), words(file.with_suffix(".pdf"))
    assert (told["provisional"], told["until"]) == (True, told["made_at"])
    assert "TẠM LẬP, CHƯA KÝ" in paper
    assert "ĐẠI DIỆN BÊN A" not in paper
    with pytest.raises(Misconfigured, match="chưa ký"):
        check_minutes(world.house.gateway, file)

    world.time.move(hours=7)
    signed = write_minutes(world.house.gateway, "portal", DAY)

    assert (signed.name, file.exists()) == ("2026-01-05.json", False)
    assert "đến 12:00 hôm sau" in words(signed.with_suffix(".pdf"))
    assert check_minutes(world.house.gateway, signed) == []


def test_a_day_that_has_not_begun_and_a_partner_that_cannot_be_asked_have_none(world: World) -> None:  # noqa: F811
    with pytest.raises(Misconfigured, match="chưa đến"):
        write_minutes(world.house.gateway, "portal", date(2026, 1, 6))
    with pytest.raises(Misconfigured, match="không hỏi được"):
        write_minutes(world.house.gateway, "vnpost", date(2026, 1, 4))

    assert not folder_of(world.house.gateway, "vnpost").exists()


def test_a_day_on_which_nobody_was_asked_does_not_say_that_nothing_differed(world: World) -> None:  # noqa: F811
    world.time.move(hours=20)

    paper = words(write_minutes(world.house.gateway, "portal", DAY).with_suffix(".pdf"))

    assert "không hỏi · not asked" in paper
    assert "Không có chênh lệch." not in paper


def test_signed_ones_are_written_anew_only_when_told_so_and_the_former_are_kept(world: World) -> None:  # noqa: F811
    world.time.move(hours=27)
    first = write_minutes(world.house.gateway, "portal", DAY)
    before = first.with_suffix(".pdf").read_bytes()
    world.time.move(hours=1)
    with pytest.raises(Misconfigured, match="--again"):
        write_minutes(world.house.gateway, "portal", DAY)
    assert first.with_suffix(".pdf").read_bytes() == before

    write_minutes(world.house.gateway, "portal", DAY, again=True)

    (kept,) = (one for one in first.parent.iterdir() if one.is_dir())
    assert (kept / "2026-01-05.pdf").read_bytes() == before
    assert first.with_suffix(".pdf").read_bytes() != before
    assert check_minutes(world.house.gateway, kept / "2026-01-05.json") == []
    assert check_minutes(world.house.gateway, first) == []


def test_what_is_no_minutes_is_called_so(world: World) -> None:  # noqa: F811
    file = folder_of(world.house.gateway, "portal") / "README.md"
    file.parent.mkdir(parents=True)
    file.write_text("khác", encoding="utf-8")

    with pytest.raises(Misconfigured, match="không phải biên bản đối soát đã ký") as refused:
        check_minutes(world.house.gateway, file)

    assert "Error" not in str(refused.value)

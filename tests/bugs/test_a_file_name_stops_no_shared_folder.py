"""One long name, or one in another code page, stopped a whole folder; and a file that replaced one just read was moved away unread."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from connectors.folder.inbound import Pickup
from connectors.folder.outbound import OURS
from connectors.folder.settings import Settings
from gateway.errors import TryLater
from tests.unit.test_dialect_feeds import Desk

INBOUND = import_module("connectors.folder.inbound")
READ = {"name": "kq", "files": "*", "items": "/ds", "id": "/id", "mapping": "m"}
LONG = "Đơn đề nghị cấp giấy chứng nhận quyền sử dụng đất của ông Nguyễn Văn Mẫu, thôn Ví Dụ, xã Thử Nghiệm " * 2


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for name in ("in", "processed", "refused", OURS):
        (tmp_path / name).mkdir()
    return tmp_path


def pickup(shared: Path, **read: Any) -> Pickup:
    return Pickup(Settings.model_validate({"path": shared, "read": [{**READ, **read}]}), Desk())


def lay(shared: Path, name: bytes, *ids: str) -> None:
    """Whole at once, by rename, as a careful partner does."""
    new = shared / ".new"
    new.write_text(json.dumps({"ds": [{"id": one} for one in ids]}))
    os.utime(new, (1e9, 1e9))
    os.rename(new, os.path.join(os.fsencode(shared / "in"), name))


def read_out(shared: Path, rounds: int = 4) -> list[str]:
    """The ids of what comes, each poll by another process; every cursor goes through the ledger as text."""
    found, cursor = list[str](), None
    for _ in range(rounds):
        page = pickup(shared).poll(cursor)
        cursor = page.cursor.encode().decode()
        found += [item.source_id.split("-")[1] for item in page.items]
    return found


def kept(folder: Path) -> dict[str, dict[str, Any]]:
    """The answers beside what was moved, by their own account of the name."""
    told = [json.loads(file.read_text("utf-8")) for file in folder.glob("*.answer.json")]
    return {answer["file"]: answer for answer in told}


@pytest.mark.parametrize(
    "name",
    [
        LONG.encode()[:238].decode("utf-8", "ignore").encode() + b".json",
        b"x" * 255,
        b"a." + b"x" * 250,
        b"h\xf4 s\xf4.json",
        b"\xf4" * 250,
    ],
)
def test_an_odd_name_is_moved_like_any_other(shared: Path, name: bytes) -> None:
    lay(shared, name, "1")
    lay(shared, b"b.json", "2")

    assert sorted(read_out(shared)) == ["1", "2"]
    assert os.listdir(shared / "in") == os.listdir(shared / OURS) == []
    assert kept(shared / "processed").keys() == {name.decode("utf-8", "replace"), "b.json"}
    assert len(os.listdir(shared / "processed")) == 4


def test_two_long_names_with_one_beginning_are_two_files(shared: Path) -> None:
    for number in ("1", "2"):
        lay(shared, b"x" * 249 + number.encode() + b".json", number)
    assert sorted(read_out(shared)) == ["1", "2"]
    assert len(os.listdir(shared / "processed")) == 4


def test_a_file_that_cannot_be_moved_holds_up_no_other(shared: Path) -> None:
    lay(shared, b"a.json", "1")
    (shared / "processed").rmdir()
    cursor = pickup(shared).poll(None).cursor
    lay(shared, b"b.json", "2")

    page = pickup(shared).poll(cursor)
    assert [item.source_id.split("-")[1] for item in page.items] == ["2"]
    with pytest.raises(TryLater):
        pickup(shared).poll(page.cursor)
    (shared / "processed").mkdir()
    pickup(shared).poll(page.cursor)
    assert kept(shared / "processed").keys() == {"a.json", "b.json"}


def interrupt(patch: pytest.MonkeyPatch, place: Any, function: str, act: Callable[[], None]) -> None:
    """The partner acts just before the first call of this function."""
    real: Callable[..., Any] = getattr(place, function)

    def slow(*given: Any) -> Any:
        patch.setattr(place, function, real)
        act()
        return real(*given)

    patch.setattr(place, function, slow)


@pytest.mark.parametrize(
    ("before", "ids"),
    [
        ({"_write_whole": "2"}, ["2"]),
        ({"rename": "2"}, ["2"]),
        ({"rename": "2", "_put_back": "3"}, ["2", "3"]),
    ],
)
@pytest.mark.parametrize("ready", [None, ".done"])
def test_a_file_that_replaces_one_just_read_is_read_too(
    shared: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, str], ids: list[str], ready: str | None
) -> None:
    def put(number: str) -> None:
        lay(shared, b"a.json", number)
        if ready is not None:
            (shared / f"in/a.json{ready}").touch()

    told = {"ready": ready, "files": "*.json"}
    put("1")
    page = pickup(shared, **told).poll(None)
    with monkeypatch.context() as patch:
        for function, number in before.items():
            place = os if function == "rename" else INBOUND
            interrupt(patch, place, function, partial(put, number))
        page = pickup(shared, **told).poll(page.cursor)
    found = [item.source_id.split("-")[1] for item in page.items]
    for _ in range(4):
        page = pickup(shared, **told).poll(page.cursor)
        found += [item.source_id.split("-")[1] for item in page.items]

    assert sorted(found) == ids
    assert os.listdir(shared / "in") == os.listdir(shared / OURS) == []
    moved = [file for file in (shared / "processed").iterdir() if not file.name.endswith(".answer.json")]
    inside = sorted(json.loads(file.read_text())["ds"][0]["id"] for file in moved)
    assert inside == (["1", *ids] if "rename" not in before else ids)  # the first was replaced before we had it


def test_a_process_that_died_while_moving_leaves_nothing_behind(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(shared, b"a.json", "1")
    cursor = pickup(shared).poll(None).cursor

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        interrupt(patch, INBOUND, "_write_whole", die)
        with pytest.raises(Killed):
            pickup(shared).poll(cursor)
    lay(shared, b"a.json", "2")

    page = pickup(shared).poll(cursor)
    assert [item.source_id.split("-")[1] for item in page.items] == ["2"]
    pickup(shared).poll(page.cursor)
    assert len(os.listdir(shared / "processed")) == 4
    assert os.listdir(shared / "in") == os.listdir(shared / OURS) == []


@pytest.mark.parametrize("there_again", [True, False])
def test_without_hard_links_it_is_put_back_too(
    shared: Path, monkeypatch: pytest.MonkeyPatch, there_again: bool
) -> None:
    def no_links(*given: Any) -> None:
        raise PermissionError(1, "không có liên kết cứng")

    lay(shared, b"a.json", "1")
    page = pickup(shared).poll(None)
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_links)
        interrupt(patch, os, "rename", lambda: lay(shared, b"a.json", "2"))
        if there_again:
            interrupt(patch, INBOUND, "_put_back", lambda: lay(shared, b"a.json", "3"))
        page = pickup(shared).poll(page.cursor)

    assert sorted(item.source_id.split("-")[1] for item in page.items) == (["2", "3"] if there_again else ["2"])

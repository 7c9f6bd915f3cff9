"""A shared folder: files out whole or not at all and each once, files in read when they are whole and moved away after the store."""

from __future__ import annotations

import errno
import json
import os
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.folder import FOLDER, connector
from connectors.folder.inbound import Pickup, pickup_of
from connectors.folder.outbound import OURS, Drop
from connectors.folder.settings import Settings
from gateway.errors import AskFirst, DeliveryError, Misconfigured, Rejected, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Found, Parcel, Partner
from tests import generic
from tests.connectors.replay import DOSSIER, parcel
from tests.unit.test_dialect_feeds import Desk

STEPS = import_module("connectors.folder.outbound")
OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
KEY = "0199aa00-0000-7000-8000-000000000001"
NAME = f"{DOSSIER}_{KEY}.json"
READ = {"name": "kq", "items": "/ds", "id": "/id", "mapping": "m"}
LONG_AGO = 1_000_000_000


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for name in ("in", "out", "processed", "refused", OURS):
        (tmp_path / name).mkdir()
    return tmp_path


def drop(shared: Path, **settings: Any) -> Drop:
    told = Settings.model_validate({"path": shared, **settings})
    assert connector.outbound is not None
    made = connector.outbound(Partner("bhxh", "BHXH", "Insurance", "folder", told, {}))
    assert isinstance(made, Drop)
    return made


def sending(document: Any = None, **more: Any) -> Parcel:
    return parcel("DossierSubmitted", {"message": {"ten": "Mẫu"} if document is None else document}, **more)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


# ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_becomes_one_whole_file_with_our_key_in_its_name(shared: Path) -> None:
    receipt = drop(shared).deliver(sending())

    assert (receipt.code, receipt.reference, receipt.duplicate) == ("written", NAME, False)
    assert json.loads((shared / "out" / NAME).read_text(encoding="utf-8")) == {"ten": "Mẫu"}
    assert names(shared / "out") == [NAME]


def test_the_same_message_is_there_once_also_when_they_took_it_away(shared: Path) -> None:
    out = drop(shared)
    out.deliver(sending())
    (shared / "out" / NAME).unlink()

    assert out.deliver(sending(in_doubt=True)).duplicate
    assert out.find(sending()) is Found.ARRIVED
    assert names(shared / "out") == []


class Stopped(Exception):
    """The process died."""


@pytest.mark.parametrize("step", ["write", "mark", "rename", "after"])
def test_wherever_the_process_dies_the_file_is_there_once_in_the_end(
    shared: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rename = drop(shared), os.rename

    def die(*_: Any) -> None:
        raise Stopped

    def rename_and_die(old: Any, new: Any) -> None:
        rename(old, new)
        raise Stopped

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(os, "fsync", die)
        elif step == "mark":
            patch.setattr(STEPS, "sync", die)
        else:
            patch.setattr(os, "rename", die if step == "rename" else rename_and_die)
        with pytest.raises(Stopped):
            out.deliver(sending())

    found = out.find(sending())
    assert found is (Found.ARRIVED if step == "after" else Found.ABSENT)
    assert (found is Found.ARRIVED) == (names(shared / "out") == [NAME])
    out.deliver(sending(in_doubt=True))
    assert names(shared / "out") == [NAME]
    assert json.loads((shared / "out" / NAME).read_text(encoding="utf-8")) == {"ten": "Mẫu"}


@pytest.mark.parametrize(
    ("number", "wait"),
    [
        (errno.ENOSPC, 300),
        (errno.EDQUOT, 300),
        (errno.EACCES, 900),
        (errno.EROFS, 900),
        (errno.EXDEV, 900),
        (errno.ESTALE, None),
    ],
)
def test_each_row_of_the_table_says_what_the_filesystem_means(
    shared: Path, number: int, wait: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(TryLater) as caught:
            drop(shared).deliver(sending())

    assert (caught.value.code, caught.value.retry_after) == (errno.errorcode[number], wait)
    assert names(shared / "out") == []
    drop(shared).deliver(sending())
    assert names(shared / "out") == [NAME]


def test_every_row_of_the_table_is_one_that_some_error_hits() -> None:
    codes = ("ENOSPC", "EACCES", "ESTALE")
    hit = [OUTCOMES.judge("write", http=0, code=code).rule for code in codes]
    assert hit == [verdict.rule for verdict in OUTCOMES.verdicts]


def test_an_error_after_which_the_file_may_be_there_asks_first(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def rename_and_fail(old: Any, new: Any) -> None:
        real(old, new)
        raise OSError(errno.EIO, "lỗi đọc ghi")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename_and_fail)
        with pytest.raises(AskFirst):
            drop(shared).deliver(sending())
    assert drop(shared).find(sending()) is Found.ARRIVED


def test_a_folder_that_is_not_mounted_is_no_answer_to_whether_it_arrived(tmp_path: Path) -> None:
    out = drop(tmp_path / "chua-gan")

    with pytest.raises(TryLater):
        out.deliver(sending())
    with pytest.raises(TryLater):
        out.find(sending())
    assert [health.ok for health in out.check()] == [False, False]
    assert not (tmp_path / "chua-gan").exists()


def test_the_check_asks_for_each_folder_and_leaves_nothing_behind(shared: Path) -> None:
    assert [health.ok for health in drop(shared, read=[READ]).check()] == [True] * 5
    (shared / "refused").rmdir()
    assert [health.ok for health in drop(shared, read=[READ]).check()].count(False) == 1
    assert [health.ok for health in drop(shared).check()] == [True] * 2
    assert [names(shared / place) for place in ("in", "out", "processed", OURS)] == [[]] * 4


@given(st.text(max_size=40))
def test_no_value_leads_out_of_the_folder(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    shared = tmp_path_factory.mktemp("shared")
    for name in ("out", OURS):
        (shared / name).mkdir()
    out = drop(shared, write={"name": "{/ma}_{$key}.json"})
    try:
        out.deliver(sending({"ma": value}))
    except DeliveryError as refused:
        assert isinstance(refused, Rejected)  # noqa: PT017 - most texts are taken
    assert len(names(shared / "out")) <= 1
    assert names(shared) == [OURS, "out"]


def test_a_file_may_be_xml_wrapped_or_with_members_beside(shared: Path) -> None:
    drop(shared, write={"send": "xml", "wrap": ["xml HoSo"]}).deliver(sending({"Ma": "1"}))
    assert (shared / "out" / NAME).read_bytes().endswith(b"<HoSo><Ma>1</Ma></HoSo>")

    drop(shared, write={"with": {"tu": "{$type}"}, "inline": ["/tep"]}).deliver(
        sending({"tep": "5f"}, key="k2", read_file=lambda sha: b"%PDF")
    )
    assert json.loads((shared / "out" / f"{DOSSIER}_k2.json").read_text("utf-8")) == {
        "tep": "JVBERg==",
        "tu": "DossierSubmitted",
    }
    with pytest.raises(Rejected):
        drop(shared, write={"send": "text"}).deliver(sending({"Ma": "1"}, key="k3"))


# ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────


def pickup(shared: Path, **settings: Any) -> Pickup:
    read = [{**READ, **settings.pop("read", {})}]
    return pickup_of(
        Settings.model_validate({"path": shared, "read": read, **settings}), Desk(), "test", lambda: LONG_AGO + 100
    )


def lay(shared: Path, name: str, content: Any, at: float = LONG_AGO) -> Path:
    file = shared / "in" / name
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.utime(file, (at, at))
    return file


def answer(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def test_a_file_is_moved_only_after_its_messages_were_committed(shared: Path) -> None:
    lay(shared, "a.json", {"ds": [{"id": "1"}, {"id": "2"}]})
    box = pickup(shared)

    first = box.poll(None)
    assert [item.source_id.split("-")[1] for item in first.items] == ["1", "2"]
    assert names(shared / "in") == ["a.json"]
    assert first.more

    second = pickup(shared).poll(first.cursor)  # another process, after a restart
    assert second.items == []
    assert (names(shared / "in"), names(shared / "processed")) == ([], ["a.json", "a.json.answer.json"])
    assert answer(shared / "processed/a.json.answer.json")["taken"] is True


def test_what_cannot_be_read_is_kept_and_held_and_its_file_is_refused_with_the_reasons(shared: Path) -> None:
    lay(shared, "a.json", b"{")
    lay(shared, "b.json", {"ds": [{"id": "1"}, {"id": "2", "sai": 1}]})
    lay(shared, "c.json", {"khac": []})
    box = pickup(shared)
    page = box.poll(None)
    box.poll(page.cursor)

    assert [bool(item.problem) for item in page.items] == [True, False, True, True]
    assert names(shared / "refused") == [f"{n}.json{more}" for n in "abc" for more in ("", ".answer.json")]
    told = answer(shared / "refused/b.json.answer.json")
    assert (told["taken"], [fault["code"] for fault in told["faults"]]) == (False, ["sai"])


def test_the_same_content_under_another_name_is_the_same_message(shared: Path) -> None:
    lay(shared, "a.json", {"ds": [{"id": "1"}]})
    lay(shared, "b.json", {"ds": [{"id": "1"}]})

    page = pickup(shared).poll(None)

    assert len({item.source_id for item in page.items}) == 1


def test_a_name_that_was_there_before_overwrites_nothing(shared: Path) -> None:
    box = pickup(shared)
    for content in ({"ds": [{"id": "1"}]}, {"ds": [{"id": "2"}]}):
        lay(shared, "a.json", content)
        box.poll(box.poll(None).cursor)

    kept = [file for file in (shared / "processed").iterdir() if not file.name.endswith(".answer.json")]
    assert sorted(json.loads(file.read_text("utf-8"))["ds"][0]["id"] for file in kept) == ["1", "2"]


def test_a_file_that_was_changed_after_it_was_read_is_read_again(shared: Path) -> None:
    lay(shared, "a.json", {"ds": [{"id": "1"}]})
    box = pickup(shared)
    page = box.poll(None)
    lay(shared, "a.json", {"ds": [{"id": "2"}]})

    again = box.poll(page.cursor)

    assert [item.source_id.split("-")[1] for item in again.items] == ["2"]
    assert names(shared / "processed") == []


def test_half_written_files_links_and_folders_are_never_read(shared: Path) -> None:
    lay(shared, "moi.json", {"ds": []}, at=LONG_AGO + 95)
    lay(shared, ".an.json", {"ds": []})
    lay(shared, "b.json.part", {"ds": []})
    lay(shared, "khac.txt", b"x")
    (shared / "in/thu-muc.json").mkdir()
    (shared / "bi-mat").write_text("{}")
    (shared / "in/lien-ket.json").symlink_to(shared / "bi-mat")

    page = pickup(shared).poll(None)

    assert (page.items, page.cursor, page.more) == ([], "[]", False)


def test_with_a_ready_mark_a_file_is_whole_when_the_mark_is_there(shared: Path) -> None:
    lay(shared, "a.json", {"ds": [{"id": "1"}]}, at=LONG_AGO + 99)
    box = pickup(shared, read={"ready": ".done"})
    assert box.poll(None).items == []

    lay(shared, "a.json.done", b"")
    page = box.poll(None)
    box.poll(page.cursor)

    assert len(page.items) == 1
    assert names(shared / "in") == []


def test_a_file_that_is_written_to_while_it_is_read_is_left_for_later(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = lay(shared, "a.json", {"ds": [{"id": "1"}]})
    real: Callable[..., Any] = os.open

    def write_and_open(path: Any, *args: Any) -> Any:
        opened = real(path, *args)
        file.write_bytes(b'{"ds": [{"id": "1"}, {"id": "2"}]}')
        return opened

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", write_and_open)
        assert pickup(shared).poll(None).items == []


def test_a_file_that_is_too_large_is_refused_without_being_kept_whole(shared: Path) -> None:
    lay(shared, "a.json", b"[" + b"1," * 1000 + b"1]")

    [item] = pickup(shared, file_bytes=1024).poll(None).items

    assert (item.problem[0].code, item.original) == ("too-large", b"a.json")


def test_many_files_are_read_in_pages_and_one_that_cannot_be_opened_holds_up_no_other(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(45):
        lay(shared, f"{number:02}.json", {"ds": [{"id": str(number)}]})
    real: Callable[..., Any] = os.open

    def refuse(path: Any, *args: Any) -> Any:
        if Path(path).name == "07.json":
            raise PermissionError(errno.EACCES, "không có quyền")
        return real(path, *args)

    box = pickup(shared)
    found: list[Any] = []
    cursor, trouble = None, 0
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        for _ in range(8):
            try:
                page = box.poll(cursor)
            except TryLater:
                trouble += 1
                continue
            found, cursor = [*found, *page.items], page.cursor

    assert len(found) == 44
    assert trouble
    assert names(shared / "in") == ["07.json"]


def test_a_folder_that_is_not_there_is_told_as_trouble(tmp_path: Path) -> None:
    with pytest.raises(TryLater):
        pickup(tmp_path).poll(None)


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"path": "in"}, "path"),
        ({"write": {"name": "{$dossier}.json"}}, "write.name"),
        ({"write": {"name": "a/{$key}"}}, "write.name"),
        ({"read": [{**READ, "ready": "done"}]}, "read.0.ready"),
        ({"read": [{**READ, "name": "K Q"}]}, "read.0.name"),
        ({"read": [{**READ, "unwrap": ["csv"]}]}, "read.0.unwrap"),
    ],
)
def test_a_mistake_in_the_file_is_found_when_it_is_loaded(tmp_path: Path, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"path": tmp_path, **settings})
    assert any(".".join(map(str, e["loc"])).startswith(told) for e in caught.value.errors())


def test_the_readmes_own_file_is_right_and_a_folder_without_read_is_not_polled() -> None:
    [block] = generic.blocks("folder")
    settings = Settings.model_validate(tomllib.loads(block)["settings"])

    assert settings.mappings == ["so_y_te_status"]
    with pytest.raises(Misconfigured, match="bhxh"):
        pickup_of(settings.model_copy(update={"read": []}), Desk(), "bhxh")

"""The claim store: whole or not at all, known by content, bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.errors import Refused
from gateway.ledger.files import TooLarge
from tests.house import House, Notebook, dossier


def keep(house: House, content: bytes, **more):
    options: dict[str, Any] = {
        "media_type": "application/pdf",
        "source": "one-stop",
        "now": house.gateway.now(),
        "most": 1000,
    } | more
    return house.gateway.files.keep([content], **options)


def test_a_file_is_kept_under_its_hash_once(house: House) -> None:
    sha, size = keep(house, b"noi dung")

    assert (sha, size) == (hashlib.sha256(b"noi dung").hexdigest(), 8)
    assert keep(house, b"noi dung") == (sha, size)
    assert house.gateway.files.path(sha).read_bytes() == b"noi dung"
    assert house.gateway.files.missing([sha, "f" * 64]) == {"f" * 64}


def test_too_large_a_stream_is_cut_off_and_leaves_nothing(house: House) -> None:
    read = []

    def endless() -> Iterator[bytes]:
        while True:
            read.append(1)
            yield b"x" * 400

    with pytest.raises(TooLarge):
        house.gateway.files.keep(endless(), media_type="a/b", source="s", now=house.gateway.now(), most=1000)
    assert len(read) == 3
    assert [p for p in house.gateway.files.folder.rglob("*") if p.is_file()] == []


def test_other_content_than_promised_is_refused(house: House) -> None:
    with pytest.raises(Refused) as refused:
        keep(house, b"a", expected=hashlib.sha256(b"b").hexdigest())
    assert refused.value.faults[0].code == "digest-differs"
    assert [p for p in house.gateway.files.folder.rglob("*") if p.is_file()] == []


def test_a_dossier_may_name_a_file_that_was_uploaded_and_its_link_is_ours_alone(house: House, time) -> None:
    sha, _ = keep(house, b"to khai")
    receipt = house.accept("one-stop", dossier(attachments=[{"id": "1", "name": "tờ khai.pdf", "sha256": sha}]))
    with house.gateway.ledger.read() as connection:
        from gateway.ledger.messages import histories

        (message,) = histories(connection, [receipt.dossier])[receipt.dossier]
    link = house.gateway.link(message.body["attachments"][0], message)
    path, _, query = link.removeprefix("http://127.0.0.1:8080").partition("?")
    until, sign = (part.split("=")[1] for part in query.split("&"))

    assert house.gateway.good_link(path, until, sign)
    assert not house.gateway.good_link(path, str(int(until) + 1), sign)
    assert not house.gateway.good_link(path.replace(sha[:4], "0000"), until, sign)
    time.move(days=31)
    assert not house.gateway.good_link(path, until, sign)


def test_a_partner_without_a_mapping_gets_links_and_no_hashes(house: House) -> None:
    sha, _ = keep(house, b"to khai")
    house.accept("one-stop", dossier(attachments=[{"id": "1", "name": "a.pdf", "sha256": sha}]))
    seen = []

    class Partner(Notebook):
        def deliver(self, parcel):
            seen.append(parcel.documents["message"]["attachments"][0])
            return super().deliver(parcel)

    house.gateway._outbounds["portal"] = Partner()
    house.work("portal")

    assert "sha256" not in seen[0]
    assert seen[0]["url"].startswith("http://127.0.0.1:8080/files/")


def test_what_a_killed_process_had_half_received_is_cleared_up_a_day_later(house: House) -> None:
    import os
    import time

    from gateway.ledger.files import Files

    old, fresh = (house.gateway.files.folder / "incoming" / name for name in ("old", "fresh"))
    for file in (old, fresh):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 90_000,) * 2)

    Files(house.gateway.files.folder, house.gateway.ledger)

    assert (old.exists(), fresh.exists()) == (False, True)

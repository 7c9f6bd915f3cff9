"""The operator's files taken again: proven beside the old first; then one generation of threads gives way to the next."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from gateway.config import version_of
from gateway.errors import Misconfigured
from gateway.flow.deliver import Work
from gateway.flow.gateway import Gateway
from gateway.flow.generation import Generation, Generations
from gateway.flow.presence import Presence, present
from gateway.flow.renewal import renew
from gateway.ports import Parcel, Receipt
from tests.commands import until
from tests.house import House, Notebook, dossier


class Slow(Notebook):
    """A partner that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go = threading.Event(), threading.Event()

    def deliver(self, parcel: Parcel) -> Receipt:
        self.begun.set()
        assert self.go.wait(30)
        return super().deliver(parcel)


def works(gateway: Gateway) -> Generation:
    return Generation(gateway, Work(gateway), None, None)


def renewed(house: House, **outbounds: Any) -> Gateway:
    new = renew(house.gateway)
    new._outbounds = {**house.partners, **outbounds}
    return new


def test_a_call_under_way_while_the_files_change_is_settled_once_and_others_do_not_wait_for_it(house: House) -> None:
    slow = Slow()
    house.gateway._outbounds["portal"] = slow
    house.accept("one-stop", dossier(1))
    generations = Generations(works, house.gateway)
    generations.start()
    assert slow.begun.wait(30)

    generations.change(renewed(house))
    house.accept("one-stop", dossier(2))
    until(lambda: house.partners["portal"].effects, 30)
    assert not slow.effects

    slow.go.set()
    generations.end()
    assert [code for code, _ in slow.effects] == [dossier(1)["dossier"]]
    assert [code for code, _ in house.partners["portal"].effects] == [dossier(2)["dossier"]]
    assert not slow.asked
    assert not house.partners["portal"].asked


def test_a_generation_that_cannot_be_made_leaves_the_one_before_at_work(house: House) -> None:
    def never(gateway: Gateway) -> Generation:
        if gateway is not house.gateway:
            raise Misconfigured("no")
        return works(gateway)

    generations = Generations(never, house.gateway)
    generations.start()
    with pytest.raises(Misconfigured):
        generations.change(renewed(house))
    assert generations.alive()
    house.accept("one-stop", dossier(3))
    until(lambda: house.partners["portal"].effects, 30)
    generations.end()


def test_a_renewed_gateway_keeps_ledger_channel_and_secret_and_reads_the_files_anew(house: House) -> None:
    before = house.gateway
    secret = before.secret
    routes = before.config.folder / "routes.toml"
    routes.write_text(routes.read_text(encoding="utf-8").split("[[route]]", 2)[0] + "", encoding="utf-8")

    new = renew(before)

    assert (new.ledger, new.channel, new.files, new.secret) == (before.ledger, before.channel, before.files, secret)
    assert new.config.routes == []
    assert before.config.routes != []
    assert new.translations is not before.translations


def test_every_wrong_partner_is_told_at_once(house: House) -> None:
    for name, line in (("portal", 'dstcode = ""'), ("vnpost", "surprise = 1")):
        file = house.gateway.config.folder / "partners" / f"{name}.toml"
        file.write_text(file.read_text(encoding="utf-8").replace("[settings]\n", f"[settings]\n{line}\n", 1))
        if name == "portal":
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace('dstcode = "VN:GOV:000.00.00.G22:dvcqg"\n', ""), encoding="utf-8")
    with pytest.raises(Misconfigured) as told:
        renew(house.gateway)
    assert "partners/portal.toml" in str(told.value)
    assert "partners/vnpost.toml" in str(told.value)


def test_the_version_stands_for_every_file_and_not_for_what_editors_leave(tmp_path: Path) -> None:
    (tmp_path / "routes.toml").write_text("a", encoding="utf-8")
    first = version_of(tmp_path)
    (tmp_path / ".routes.toml.swp").write_text("x", encoding="utf-8")
    (tmp_path / "routes.toml~").write_text("x", encoding="utf-8")
    assert version_of(tmp_path) == first
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "map.yaml").write_text("b", encoding="utf-8")
    second = version_of(tmp_path)
    assert second != first
    (tmp_path / "routes.toml").rename(tmp_path / "routes2.toml")
    assert version_of(tmp_path) not in (first, second)


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    presence = Presence(tmp_path, "work")
    presence.tell("a" * 12, refused="a long reason that the next words must not leave the end of")
    presence.tell("b" * 12)
    (told,) = present(tmp_path)
    assert (told.version, told.readings, told.refused) == ("b" * 12, 2, None)
    left = next((tmp_path / "run").iterdir())
    presence.leave()
    assert present(tmp_path) == []
    left.write_text("{}", encoding="utf-8")
    assert present(tmp_path) == []
    assert not left.exists()

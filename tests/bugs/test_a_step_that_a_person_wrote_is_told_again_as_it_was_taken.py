"""A row that a person had edited was told again by the mapping: another row, still lacking, and so three times over."""

from __future__ import annotations

from gateway.errors import Rejected
from gateway.ledger import people
from gateway.ledger.tables import differences
from tests.house import status
from tests.unit.test_reconcile import STEPS, World, make_world, world  # noqa: F401


def edit_a_step(world: World) -> tuple[str, dict[str, str]]:  # noqa: F811
    """A dossier with two steps, the second refused and then sent as a person wrote it. Its code, and that row."""
    code = world.tell(steps=STEPS[:1])
    outbound = world.house.gateway.outbound("portal")
    report = outbound._client.report  # type: ignore[attr-defined]

    def refuse(rows: object) -> object:
        raise Rejected("sai thời điểm", code="-1")

    outbound._client.report = refuse  # type: ignore[attr-defined]
    world.house.accept("one-stop", status(1, 4, 90))
    world.work()
    outbound._client.report = report  # type: ignore[attr-defined]
    with world.house.gateway.ledger.write() as connection:
        (parked,) = people.parked(connection)
        row = {
            "MaHoSo": code,
            "NguoiXuLy": "Trần Thị Ví Dụ",
            "ChucDanh": "",
            "ThoiDiemXuLy": "20260105110100",
            "PhongBanXuLy": "",
        }
        more = {"NoiDungXuLy": "Đã sửa giờ", "TrangThai": "4", "NgayBatDau": "", "NgayKetThucTheoQuyDinh": ""}
        documents = {"dossier": None, "progress": row | more, "portal_status": None}
        people.edit(connection, parked.id, documents, who="lan", reason="sai giờ", now=world.time())
    world.work()
    assert world.held_there(code)["progress"][-1] == row | more
    return code, row | more


def test_the_row_there_is_the_persons_and_it_is_there_once(world: World) -> None:  # noqa: F811
    code, row = edit_a_step(world)
    world.plant(code, drop=1)

    world.pass_minutes(60)

    assert world.held_there(code)["progress"][1:] == [row]
    assert [(d.state, d.rounds) for d in world.rows(differences)] == [("healed", 0)]
    assert world.is_sound()


def test_the_dossier_as_it_stands_is_made_anew(world: World) -> None:  # noqa: F811
    code, row = edit_a_step(world)
    world.plant(code, TrangThaiHoSo="2")

    world.pass_minutes(20)

    there = world.held_there(code)
    assert (there["fields"]["TrangThaiHoSo"], there["progress"][1:]) == ("4", [row])
    assert [(d.kind, d.state, d.rounds) for d in world.rows(differences)] == [("behind", "healed", 0)]

"""`lienthong codes`: look, preview, import, and compare with what the portal itself publishes."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from connectors.mapi.simulator import PortalTwin
from gateway.cli.main import root
from gateway.codes import CsvCodes
from gateway.config import Config, default_folder
from gateway.errors import Misconfigured
from gateway.flow.clock import Clock
from gateway.flow.gateway import Setup
from gateway.simulation import Serve
from tests.conftest import Time
from tests.house import ADDRESSES, House, dossier

Run = Callable[..., Result]

PUBLISHED = 1784  # as many as one province published in 2026
FIELD = {"MaLinhVuc": "G15-HT01", "TenLinhVuc": "Hộ tịch"}


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *arguments: CliRunner().invoke(root, ["codes", *arguments, "--home", str(home)])


def put(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def listed(home: Path, name: str) -> str:
    return (home / "config" / "codelists" / f"{name}.csv").read_text(encoding="utf-8")


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_lists_are_told_with_what_is_in_force(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("list", "--json").output)}

    assert (rows["provinces"]["in_force"], rows["provinces"]["columns"]) == (34, ["code", "name", "became"])


def test_a_list_is_shown_as_it_was_on_a_day_and_a_code_with_its_history(run: Run) -> None:
    assert len(json.loads(run("show", "provinces", "--at", "2025-06-30", "--json").output)) == 63
    history = json.loads(run("show", "provinces", "46", "--json").output)
    assert [row["name"] for row in history] == ["Thừa Thiên Huế", "Huế", "Huế"]
    assert [row["from"] for row in history] == ["", "2025-01-01", "2025-07-01"]


def test_a_unit_is_shown_by_either_code_and_an_unknown_one_ends_with_1(run: Run) -> None:
    assert "Sở Tư pháp" in run("show", "organisations", "H99.1").output
    assert run("show", "organisations", "H99.77").exit_code == 1


def test_a_day_that_is_none_is_told_in_both_languages(run: Run) -> None:
    told = run("show", "provinces", "--at", "30/6/2025")

    assert told.exit_code == 2
    assert "không phải ngày" in told.output


# ── importing ───────────────────────────────────────────────────────────────────────────────────────────────────

RENAMED = "code,name\n1.001193.000.00.00.H99,Thủ tục đăng ký khai sinh\n1.009999,Thủ tục mới\n"


def test_a_preview_writes_nothing_and_yes_writes_once(run: Run, home: Path, tmp_path: Path) -> None:
    file, before = put(tmp_path, "procedures.csv", RENAMED), listed(home, "procedures")

    seen = run("import", file, "--from", "2026-07-01")
    assert (seen.exit_code, listed(home, "procedures")) == (0, before)
    assert "--yes" in seen.output

    done = json.loads(run("import", file, "--from", "2026-07-01", "--yes", "--json").output)
    assert (done["written"], [(c["kind"], c["code"]) for c in done["changes"]]) == (
        True,
        [("changed", "1.001193"), ("added", "1.009999")],
    )
    lists = CsvCodes(home / "config" / "codelists")
    june, july = datetime(2026, 6, 30, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)
    old, new = lists.find("procedures", "1.001193", june), lists.find("procedures", "1.001193", july)
    assert old is not None
    assert new is not None
    assert (old["name"], new["name"], new["field_code"]) == (
        "Đăng ký khai sinh",
        "Thủ tục đăng ký khai sinh",
        "G15-HT01",
    )

    after = listed(home, "procedures")
    again = json.loads(run("import", file, "--from", "2026-07-01", "--yes", "--json").output)
    assert (again["changes"], again["written"], listed(home, "procedures")) == ([], False, after)


def test_faults_are_told_by_line_and_nothing_is_written(run: Run, home: Path, tmp_path: Path) -> None:
    text = "code,name,from\n1.001193,x,2026-07-01\nkhai sinh,y,2026-07-01\n1.009999,z,1/7/2026\n"
    file, before = put(tmp_path, "procedures.csv", text), listed(home, "procedures")

    told = run("import", file, "--yes")

    assert (told.exit_code, listed(home, "procedures")) == (1, before)
    assert f"{file}:3: " in told.output
    assert f"{file}:4: " in told.output


def test_an_import_without_a_first_day_or_into_no_list_is_refused(run: Run, home: Path, tmp_path: Path) -> None:
    assert "--from" in run("import", put(tmp_path, "procedures.csv", RENAMED)).output
    assert run("import", put(tmp_path, "Danh mục.csv", RENAMED), "--from", "2026-07-01").exit_code == 2
    shutil.rmtree(home / "config")
    assert run("import", put(tmp_path, "procedures.csv", RENAMED), "--from", "2026-07-01").exit_code == 2


def test_a_new_list_comes_to_be(run: Run, home: Path, tmp_path: Path) -> None:
    file = put(tmp_path, "ngoai-le.csv", "code,name\nX,Một\n")

    assert run("import", file, "--list", "exceptions", "--from", "2026-07-01", "--yes").exit_code == 0
    assert listed(home, "exceptions") == "code,name,from,until\nX,Một,2026-07-01,\n"


def test_the_preview_tells_which_routes_mappings_and_dossiers_are_touched(house: House, tmp_path: Path) -> None:
    # given a route that names the procedure, two dossiers of it, one of them ended, and one of another
    home = house.gateway.config.home
    routes = home / "config" / "routes.toml"
    row = '\n[[route]]\nname = "Khai sinh"\nwhen = { procedure = ["1.00*"] }\nto = ["vnpost"]\n'
    routes.write_text(routes.read_text(encoding="utf-8") + row, encoding="utf-8")
    suffixed = {**dossier()["procedure"], "code": "1.001193.000.00.00.H99"}
    house.accept("one-stop", dossier(1, procedure=suffixed))
    house.accept("one-stop", dossier(2))
    ended = {
        "type": "StatusChanged",
        "id": "st-2",
        "dossier": dossier(2)["dossier"],
        "status": 7,
        "content": "Rút hồ sơ",
    }
    house.accept(
        "one-stop", {**ended, "event_time": "2026-01-05T10:00:00+07:00", "officer": {"name": "Trần Thị Ví Dụ"}}
    )
    house.accept("one-stop", dossier(3, procedure={**dossier()["procedure"], "code": "2.000635"}))
    file = put(tmp_path, "procedures.csv", RENAMED)

    told = CliRunner().invoke(root, ["codes", "import", file, "--from", "2026-01-05", "--json", "--home", str(home)])

    impact = json.loads(told.output)["impact"]
    assert impact["routes"] == ["Khai sinh"]
    assert "ttkm_dossier" in impact["mappings"]
    assert impact["dossiers"] == {"open": 1, "newer": 2, "examples": [dossier(1)["dossier"], dossier(2)["dossier"]]}


# ── comparing ───────────────────────────────────────────────────────────────────────────────────────────────────


class Portal:
    """The portal's twin on a port, named to the gateway by its environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = {
            "username": ADDRESSES["LIENTHONG_PORTAL_USERNAME"],
            "password": ADDRESSES["LIENTHONG_PORTAL_PASSWORD"],
        }
        self.twin = PortalTwin({**account, "agencies": {"H99.1": {"TENDONVI": "Sở Tư pháp", "CAPDONVI": "2"}}})
        self.server = Serve(self.twin)
        monkeypatch.setenv("LIENTHONG_PORTAL_URL", self.server.start())

    def publish(self, catalogue: dict[str, Any]) -> None:
        self.twin.act({"publish": catalogue})


@pytest.fixture
def portal(addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Portal]:
    made = Portal(monkeypatch)
    yield made
    made.server.stop()


def ours(home: Path) -> dict[str, dict[str, str]]:
    """Our procedures as the portal would publish them."""
    rows = CsvCodes(home / "config" / "codelists").in_force("procedures")
    return {
        code: {"TenTTHC": r.values["name"], "MaLinhVuc": r.values["field_code"], "TenLinhVuc": r.values["field_name"]}
        for code, r in rows.items()
    }


def test_what_is_new_gone_and_changed_at_the_portal_is_told(run: Run, home: Path, portal: Portal) -> None:
    published = ours(home)
    del published["3.000181"]
    published["1.001193"] = {**published["1.001193"], "TenLinhVuc": "Hộ tịch điện tử"}
    portal.publish({**published, "1.009999": {"TenTTHC": "Thủ tục mới", **FIELD}})

    told = run("diff", "portal", "--json")

    found = json.loads(told.output)
    assert told.exit_code == 1
    assert (list(found["new"]), list(found["gone"]), found["same"]) == (["1.009999"], ["3.000181"], len(published) - 1)
    assert found["changed"] == {"1.001193": {"field_name": {"ours": "Hộ tịch", "theirs": "Hộ tịch điện tử"}}}


def test_the_answer_is_kept_with_its_date_and_compared_again_without_asking(
    run: Run, home: Path, portal: Portal
) -> None:
    assert run("diff", "portal", "--cached").exit_code == 2
    portal.publish(ours(home))
    assert run("diff", "portal").exit_code == 0
    at = json.loads((home / "data" / "catalogues" / "portal.procedures.json").read_text(encoding="utf-8"))["at"]
    logins = portal.twin.book()["logins"]

    told = run("diff", "portal", "--cached", "--json")

    assert (told.exit_code, json.loads(told.output)["at"]) == (0, at)
    assert portal.twin.book()["logins"] == logins


def test_a_unit_is_compared_by_whichever_code_the_portal_uses(run: Run, portal: Portal) -> None:
    found = json.loads(run("diff", "portal", "--list", "organisations", "--json").output)

    assert (found["same"], found["changed"], found["new"]) == (1, {}, {})


def test_a_list_that_the_portal_does_not_tell_is_refused_by_name(run: Run, portal: Portal) -> None:
    told = run("diff", "portal", "--list", "provinces")

    assert told.exit_code == 2
    assert "procedures, fields, organisations" in told.output
    assert run("diff", "cong").exit_code == 2


def test_a_prepared_file_overwrites_nothing(run: Run, portal: Portal, tmp_path: Path) -> None:
    file = put(tmp_path, "quý.csv", "của ai đó\n")

    assert run("diff", "portal", "--import", file).exit_code == 2
    assert Path(file).read_text(encoding="utf-8") == "của ai đó\n"


def test_a_partner_that_tells_no_lists_cannot_be_compared_each_night(home: Path) -> None:
    file = home / "config" / "partners" / "vnpost.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\n[catalogue]\nlists = ["procedures"]\n', encoding="utf-8")

    with pytest.raises(Misconfigured, match=r"vnpost\.toml.*catalogue"):
        _ = Setup(Config(home)).partners


def test_1784_published_procedures_are_imported_and_then_agree(
    run: Run, home: Path, portal: Portal, tmp_path: Path
) -> None:
    # given as many procedures as one province has, some of ours among them, one of ours not
    kept = {code: row for code, row in ours(home).items() if code != "3.000181"}
    made = {f"1.{900_000 + i}": {"TenTTHC": f"Thủ tục thứ {i}", **FIELD} for i in range(PUBLISHED - len(kept))}
    portal.publish({**kept, **made})
    file, tomorrow = tmp_path / "nạp.csv", datetime.now(UTC) + timedelta(days=2)

    # when the prepared file is imported
    run("diff", "portal", "--import", str(file))
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    done = run("import", str(file), "--list", "procedures", "--yes", "--json")

    # then the list holds them all from that day on, and so it says
    assert len(rows) == len(made) + 1
    assert json.loads(done.output)["written"], done.output
    lists = CsvCodes(home / "config" / "codelists")
    there = lists.in_force("procedures", tomorrow)
    assert len(there) == PUBLISHED
    assert there["1.900000"].values["field_code"] == "G15-HT01"
    assert "3.000181" not in there
    assert run("import", str(file), "--list", "procedures", "--yes", "--json").exit_code == 0
    assert "nothing changes" in run("import", str(file), "--list", "procedures").output


def test_the_clock_compares_each_night_and_once_more_after_a_failure(house: House, time: Time, portal: Portal) -> None:
    # given a partner whose procedures are compared at half past two, and a portal that is away at first
    gateway = house.gateway
    row = gateway.config.partners["portal"]
    gateway.config.partners["portal"] = row.model_copy(
        update={"catalogue": row.catalogue.model_copy(update={"lists": ["procedures"]})}
    )
    published = ours(gateway.config.home)
    del published["3.000181"]
    portal.publish(published)
    clock = Clock(gateway)

    def night() -> list[tuple[str, int]]:
        with structlog.testing.capture_logs() as lines:
            clock.compare_if_due("portal")
        # Threads of other tests' gateways may say something meanwhile.
        return [(line["event"], line.get("gone", -1)) for line in lines if line["event"].startswith("catalogue_")]

    portal.server.stop()
    assert (night(), night()) == ([("catalogue_failed", -1)], [])
    portal.server.start()
    time.move(minutes=16)
    assert night() == [("catalogue_compared", 1)]

    # then it is asked again only after the next half past two
    time.move(hours=1)
    assert night() == []
    time.move(hours=24)
    assert night() == [("catalogue_compared", 1)]

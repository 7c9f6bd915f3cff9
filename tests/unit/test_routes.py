"""Routes as rows: days, levels, the three units of a dossier, both code systems, copies, and the dry run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import root
from gateway.config import Config, Route, default_folder
from gateway.errors import Forbidden, Misconfigured, NotFound, Refused, Rejected
from gateway.flow.gateway import Gateway, Setup
from gateway.flow.route import Facts, destinations
from gateway.ledger import people
from gateway.ledger.conservation import conserve
from gateway.ports import Parcel, Receipt
from tests.conftest import Time
from tests.house import House, Notebook, dossier, plain_config, status

KNOWN = {"portal": 1, "one-stop": 1, "vnpost": 1}
WARD = {"code": "000.01.20.H99", "name": "UBND phường An Bình"}
JUSTICE = {"code": "H99.1", "name": "Sở Tư pháp"}
CENTRE = {"code": "000.00.10.H99", "name": "Trung tâm Phục vụ hành chính công tỉnh"}


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    return tmp_path


@pytest.fixture
def setup(home: Path) -> Setup:
    return Setup(Config(home))


def route(**row: Any) -> Route:
    return Route.model_validate({"name": "một dòng", "to": ["vnpost"], "when": {}, **row})


def goes(setup: Setup, row: Route, body: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> bool:
    facts = Facts(body, "one-stop", about or body, setup.codes)
    return destinations([row], facts, KNOWN) == ["vnpost"]


def add_routes(home: Path, text: str) -> None:
    file = home / "config" / "routes.toml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def add_partner(home: Path, name: str, text: str = "") -> None:
    head = f'id = "{name}"\nname = "Hệ thống thử"\nname_en = "A trial"\nconnector = "one_stop_rest"\n{text}'
    settings = '\n[settings]\nurl = "http://127.0.0.1:9"\nkey = "k"\n'
    (home / "config" / "partners" / f"{name}.toml").write_text(head + settings, encoding="utf-8")


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("row", "fits"),
    [
        ({"from": "2026-01-05"}, True),
        ({"from": "2026-01-06"}, False),
        ({"until": "2026-01-05"}, True),
        ({"until": "2026-01-04"}, False),
        ({"from": "2026-01-01", "until": "2026-01-31"}, True),
    ],
)
def test_a_row_is_for_dossiers_received_within_its_days(setup: Setup, row: dict[str, str], fits: bool) -> None:
    assert goes(setup, route(**row), dossier()) is fits


def test_the_day_of_reception_is_that_of_vietnam_and_the_submission_counts_before_it(setup: Setup) -> None:
    late = dossier(deadlines={"received_at": "2026-01-04T17:30:00Z"})  # 00:30 of the fifth in Hà Nội
    waiting = dossier(status=1, deadlines={}, submitted_at="2026-01-04T16:30:00Z")

    assert goes(setup, route(**{"from": "2026-01-05"}), late)
    assert not goes(setup, route(**{"from": "2026-01-05"}), waiting)


def test_a_later_message_goes_by_its_dossiers_reception_and_not_by_its_own_day(setup: Setup) -> None:
    moved = status(1, 4, 60 * 24 * 90)

    assert goes(setup, route(until="2026-01-31"), moved, about=dossier())
    assert not goes(setup, route(**{"from": "2026-02-01"}), moved, about=dossier())


@pytest.mark.parametrize("pattern", ["000.00.01.H99", "H99.1", "H99.*", "000.00.01.*"])
def test_an_organisation_is_matched_in_either_code_system(setup: Setup, pattern: str) -> None:
    row = route(when={"organisation": [pattern]})

    assert goes(setup, row, dossier())
    assert goes(setup, row, dossier(handled_by=JUSTICE))
    assert not goes(setup, route(when={"organisation": ["H99.20.*"]}), dossier(handled_by=JUSTICE))


def test_the_level_is_that_of_the_competent_agency(setup: Setup) -> None:
    commune, province = route(when={"level": ["commune"]}), route(when={"level": ["province", "ministry"]})
    at_the_ward = dossier(received_by=CENTRE, handled_by=WARD)

    assert (goes(setup, commune, at_the_ward), goes(setup, province, at_the_ward)) == (True, False)
    assert (goes(setup, commune, dossier()), goes(setup, province, dossier())) == (False, True)


def test_submit_point_receiving_unit_and_competent_agency_are_kept_apart(setup: Setup) -> None:
    # given a dossier handed in at a ward, received by the centre, for the Department of Justice
    body = dossier(filed_at=WARD, received_by=CENTRE, handled_by=JUSTICE)
    asked = {"filed_at": WARD, "received_by": CENTRE, "organisation": JUSTICE}

    for name, unit in asked.items():
        assert [other for other in asked if goes(setup, route(when={other: [unit["code"]]}), body)] == [name]
    # one that names no submit point was handed in at its receiving unit
    assert goes(setup, route(when={"filed_at": [CENTRE["code"]]}), dossier(received_by=CENTRE))


def test_a_condition_nobody_knows_is_refused_when_it_is_loaded(home: Path) -> None:
    add_routes(home, '\n[[route]]\nname = "x"\nwhen = { level = ["huyện"] }\nto = ["vnpost"]\n')

    with pytest.raises(Misconfigured, match="level"):
        Config(home)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('from = 2026-02-01\nuntil = 2026-01-01\nwhen = {}\nto = ["vnpost"]', "lies before"),
        ('mode = "proxy"\nwhen = {}\nto = ["vnpost"]', "mode"),
        ('mode = "replicate"\nwhen = {}\nto = ["vnpost"]\nimplies = "result_by_post"', "implies nothing"),
        ('mode = "replicate"\nwhen = {}\nto = ["portal"]', "a partner file of its own"),
    ],
)
def test_a_row_that_cannot_be_is_refused_when_it_is_loaded(home: Path, row: str, says: str) -> None:
    add_routes(home, f'\n[[route]]\nname = "x"\n{row}\n')

    with pytest.raises(Misconfigured, match=says):
        Config(home)


def test_a_route_by_level_wants_the_level_of_every_unit(home: Path) -> None:
    file = home / "config" / "codelists" / "organisations.csv"
    file.write_text(file.read_text(encoding="utf-8").replace(",commune,", ",,", 1), encoding="utf-8")
    Setup(Config(home))  # nobody asks for a level yet

    add_routes(home, '\n[[route]]\nname = "Cấp xã"\nwhen = { level = ["commune"] }\nto = ["vnpost"]\n')
    with pytest.raises(Misconfigured, match=r"000\.01\.20\.H99"):
        Setup(Config(home))


# ── reception regardless of boundary ────────────────────────────────────────────────────────────────────────────


def test_a_unit_receives_for_a_foreign_agency_only_where_that_was_agreed(house: House) -> None:
    partners, body = house.gateway.config.partners, dossier(received_by=WARD, handled_by=JUSTICE)
    own = partners["one-stop"].model_copy(update={"organisations": ["000.01.20.H99"]})

    partners["one-stop"] = own
    with pytest.raises(Forbidden) as refused:
        house.accept("one-stop", body)
    assert [f.pointer for f in refused.value.faults] == ["/handled_by/code"]

    partners["one-stop"] = own.model_copy(update={"receives_for": ["H99.*"]})
    assert house.accept("one-stop", body).destinations == ["portal"]
    with pytest.raises(Forbidden):  # what it may receive for, it is not
        house.accept("one-stop", dossier(2, received_by=JUSTICE, handled_by=JUSTICE))


# ── copies ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def trial(make_house: Callable[[str], House], ledger_url: str, tmp_path: Path, time: Time) -> House:
    """A house in which `trial` gets copies of what goes to the portal."""
    house = make_house(ledger_url)
    home = house.gateway.config.home
    add_partner(home, "trial", 'sends = ["StatusChanged"]\n')
    add_routes(
        home, '\n[[route]]\nname = "Chạy thử"\nmode = "replicate"\nwhen = { source = ["one-stop"] }\nto = ["trial"]\n'
    )
    house.gateway.take(Config(home))
    house.partners["trial"] = Notebook()
    house.gateway._outbounds = dict(house.partners)
    return house


def test_a_copy_goes_out_beside_the_message_in_earnest(trial: House) -> None:
    assert trial.accept("one-stop", dossier()).destinations == ["portal", "trial"]
    trial.work()

    assert trial.partners["trial"].effects == trial.partners["portal"].effects != []


def test_a_copy_that_is_refused_holds_up_nothing_and_is_shown_apart(trial: House) -> None:
    # given a trial that refuses the first message
    trial.partners["trial"].script = [Rejected("chưa có thủ tục này", code="-1")]
    trial.accept("one-stop", dossier())
    trial.accept("one-stop", status(1, 4, 10))
    trial.work()

    # then the portal has both, the books are equal, and the list shows it among the copies
    assert len(trial.partners["portal"].effects) == 2
    with trial.gateway.ledger.read() as connection:
        assert [row.destination for row in people.parked(connection)] == ["trial"]
        assert conserve(connection) == []
    home = str(trial.gateway.config.home)
    told = CliRunner().invoke(root, ["parked", "list", "--json", "--home", home])
    assert [(row["destination"], row["copy"]) for row in json.loads(told.output)] == [("trial", True)]
    shown = CliRunner().invoke(root, ["parked", "list", "--home", home]).output
    assert shown.index("không có gì · nothing") < shown.index("Copies for comparison") < shown.index("trial")


def test_a_partner_with_copies_moves_no_dossier(trial: House) -> None:
    trial.accept("one-stop", dossier())
    trial.work()

    with pytest.raises(NotFound):
        trial.accept("trial", status(1, 4, 10))
    kept = trial.accept("trial", status(1, 4, 10), lenient=True)
    assert (kept.held, kept.destinations) == ("unknown-dossier", [])


def test_copies_alone_lead_nowhere(trial: House) -> None:
    trial.gateway.config.routes[:] = [row for row in trial.gateway.config.routes if row.mode == "replicate"]

    with pytest.raises(Refused, match="no route"):
        trial.accept("one-stop", dossier())


# ── the version of a dossier's reception ────────────────────────────────────────────────────────────────────────


class Reader(Notebook):
    """A partner that keeps the documents too."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Any] = []

    def deliver(self, parcel: Parcel) -> Receipt:
        self.read.append(parcel.documents["message"])
        return super().deliver(parcel)


def test_a_list_changed_after_reception_does_not_change_how_a_dossier_is_translated(
    home: Path, ledger_url: str, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a partner that is told the procedure's name, by a mapping over the list as at reception
    monkeypatch.setenv("LIENTHONG_LEDGER", ledger_url)
    plain_config(home / "config")
    add_partner(home, "reader")
    with (home / "config" / "partners" / "reader.toml").open("a", encoding="utf-8") as file:
        file.write('\n[mappings.DossierSubmitted]\nmessage = "named"\n[mappings.StatusChanged]\nmessage = "named"\n')
    (home / "config" / "mappings" / "named").mkdir(parents=True)
    (home / "config" / "mappings" / "named" / "map.yaml").write_text(
        "about: thử\nsource: view\nin_force_at: dossier.deadlines.received_at ?? dossier.submitted_at\n"
        "fields:\n  ten: dossier.procedure.code | lookup(procedures, name)\ndropped:\n  message: thử\n",
        encoding="utf-8",
    )
    add_routes(home, '\n[[route]]\nname = "Đọc"\nwhen = {}\nto = ["reader"]\n')
    reader = Reader()

    def restart() -> House:
        house = House(Gateway(home, now=time))
        house.partners["reader"] = reader
        house.gateway._outbounds = dict(house.partners)
        return house

    house = restart()
    house.accept("one-stop", dossier(1))
    house.work("reader")
    house.gateway.close()

    # when the list is changed from February on, and the gateway started anew
    changed = home / "procedures.csv"
    changed.write_text("code,name\n1.001193,Tên mới\n", encoding="utf-8")
    told = CliRunner().invoke(
        root, ["codes", "import", str(changed), "--from", "2026-02-01", "--yes", "--home", str(home)]
    )
    assert told.exit_code == 0, told.output
    time.move(days=60)
    house = restart()
    house.accept("one-stop", status(1, 4, 60 * 24 * 50))
    march = "2026-03-02T09:30:00+07:00"
    house.accept("one-stop", dossier(2, event_time=march, submitted_at=march, deadlines={"received_at": march}))
    house.work("reader")
    house.gateway.close()

    # then the dossier of January keeps its name, and that of March has the new one
    assert [document["ten"] for document in reader.read] == ["Đăng ký khai sinh", "Đăng ký khai sinh", "Tên mới"]


# ── the dry run ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def trying(home: Path) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(root, ["flow", "--try", *map(str, arguments), "--home", str(home)])


def sample(folder: Path, body: Any, name: str = "mẫu.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
    return file


def test_a_dry_run_tells_of_each_row_whether_it_matches_or_which_condition_failed_first(
    trying: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    add_routes(
        home, '\n[[route]]\nname = "Hệ thống cũ"\nuntil = 2025-12-31\nwhen = { origin = ["portal"] }\nto = ["vnpost"]\n'
    )
    found = json.loads(trying(sample(tmp_path, dossier()), "--json").output)

    rows = {row["name"]: row for row in found["routes"]}
    assert found["to"] == [{"partner": "portal", "copy": False, "mappings": ["mapi_dossier"], "lacks_mapping": False}]
    assert rows["Hồ sơ và mọi diễn biến lên Cổng quốc gia"]["matches"]
    assert rows["Lệnh bưu chính"]["unmet"] == {
        "condition": "type",
        "wanted": ["PostalOrdered", "PostalCancelled"],
        "found": "DossierSubmitted",
    }
    assert rows["Hệ thống cũ"]["unmet"] == {"condition": "until", "wanted": "2025-12-31", "found": "2026-01-05"}
    assert found["faults"] == []


def test_a_dry_run_needs_the_dossier_of_a_later_message(
    trying: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    moved, about = sample(tmp_path, status(1, 9, 10)), sample(tmp_path, dossier(), "hồ-sơ.json")

    assert "--dossier" in trying(moved).output
    told = trying(moved, "--dossier", about)
    assert (told.exit_code, "portal" in told.output) == (0, True)


def test_a_dry_run_takes_the_dossier_from_the_ledger(house: House, tmp_path: Path) -> None:
    house.accept("one-stop", dossier())
    home = str(house.gateway.config.home)

    told = CliRunner().invoke(
        root, ["flow", "--try", str(sample(tmp_path, status(1, 9, 10))), "--home", home, "--json"]
    )

    assert [one["partner"] for one in json.loads(told.output)["to"]] == ["portal"]


def test_a_dry_run_reads_a_partners_own_sample_by_its_mapping(trying: Callable[..., Result]) -> None:
    mapping = Path(__file__).parents[2] / "mappings" / "ttkm_dossier" / "samples"
    passing = next(file for file in sorted(mapping.glob("*/in.json")) if (file.parent / "out.json").exists())

    found = json.loads(trying(passing, "--from", "portal/ttkm_dossier", "--json").output)

    assert (found["message"]["source"], [one["partner"] for one in found["to"]]) == ("portal", ["one-stop"])


def test_a_dry_run_says_what_would_be_refused_and_that_no_route_leads_anywhere(
    trying: Callable[..., Result], home: Path, tmp_path: Path
) -> None:
    (home / "config" / "routes.toml").write_text("", encoding="utf-8")
    unknown = dossier(handled_by={"code": "000.00.77.H99", "name": "Sở Lạ"})

    told = trying(sample(tmp_path, unknown)).output

    assert "/handled_by/code" in told
    assert "no route leads anywhere" in told


def test_a_dry_run_of_what_is_no_message_tells_every_fault(trying: Callable[..., Result], tmp_path: Path) -> None:
    told = trying(sample(tmp_path, {"type": "StatusChanged", "status": 99}))

    assert told.exit_code == 1
    assert "/dossier" in told.output
    assert trying(sample(tmp_path, dossier()), "--from", "ai-đó").exit_code == 2


def test_the_map_shows_the_days_and_the_mode_of_a_row(home: Path) -> None:
    add_partner(home, "trial")
    add_routes(
        home, '\n[[route]]\nname = "Chạy thử"\nmode = "replicate"\nfrom = 2026-07-01\nwhen = {}\nto = ["trial"]\n'
    )

    told = CliRunner().invoke(root, ["flow", "--home", str(home)]).output

    assert "from = 2026-07-01" in told
    assert "trial (bản sao · copy)" in told

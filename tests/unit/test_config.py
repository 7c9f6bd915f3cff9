"""A wrong file is refused when it is loaded, with its name, the place and the cure."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.config import Config, When, default_folder, resolve_secrets
from gateway.errors import Misconfigured


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    return tmp_path


def change(home: Path, name: str, old: str, new: str) -> None:
    file = home / "config" / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_configuration_is_sound(home: Path) -> None:
    config = Config(home)

    assert set(config.partners) == {"one-stop", "portal", "vnpost"}
    assert set(config.statuses) == set(range(1, 11))
    assert config.settings.data == (home / "data").resolve()


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("gateway.toml", "future_seconds = 300", "future_seconds = -1", "future_seconds"),
        ("gateway.toml", "[web]", "[wbe]", "wbe"),
        ("gateway.toml", "[web]", "[web", "not valid TOML"),
        ("gateway.toml", "backoff_first = 1", "backoff_frist = 1", "backoff_frist"),
        ("partners/portal.toml", 'id = "portal"', 'id = "cong"', "'cong'"),
        ("partners/portal.toml", 'sends = ["DossierSubmitted"', 'sends = ["HoSo"', "HoSo"),
        ("partners/portal.toml", "[mappings.StatusChanged]", "[mappings.TrangThai]", "TrangThai"),
        ("routes.toml", 'to = ["portal"]', 'to = ["cong"]', "'cong'"),
        ("routes.toml", 'to = ["portal"]', "", "leads nowhere"),
        ("routes.toml", 'type = ["StatusChanged"]', 'type = ["Status"]', "'Status'"),
        ("routes.toml", 'type = ["StatusChanged"]', 'kind = ["StatusChanged"]', "kind"),
        ("statuses.toml", "moves = [2, 3, 5, 6, 7]", "moves = [2, 11]", "11"),
        ("statuses.toml", "terminal = true", "terminal = true\nmoves = [4]", "terminal"),
        ("statuses.toml", "code = 10", "code = 9", "ten national codes"),
    ],
)
def test_a_mistake_is_named_with_its_file(home: Path, name: str, old: str, new: str, says: str) -> None:
    change(home, name, old, new)

    with pytest.raises(Misconfigured) as error:
        Config(home)

    assert says in str(error.value)
    assert Path(name).name in str(error.value)


def test_two_routes_of_one_name_are_refused(home: Path) -> None:
    file = home / "config" / "routes.toml"
    rows = file.read_text(encoding="utf-8")
    file.write_text(
        rows + rows[rows.index("[[route]]") : rows.index("[[route]]", rows.index("[[route]]") + 1)], encoding="utf-8"
    )

    with pytest.raises(Misconfigured, match="same name"):
        Config(home)


def test_a_partners_own_delivery_settings_lie_over_the_common_ones(home: Path) -> None:
    file = home / "config" / "partners" / "vnpost.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n[delivery]\nconcurrency = 2\n", encoding="utf-8")
    config = Config(home)

    assert (config.delivery("vnpost").concurrency, config.delivery("portal").concurrency) == (2, 8)


def test_a_partners_wrong_delivery_setting_is_found_when_it_is_loaded(home: Path) -> None:
    file = home / "config" / "partners" / "vnpost.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n[delivery]\nconcurency = 2\n", encoding="utf-8")

    with pytest.raises(Misconfigured, match="concurency"):
        Config(home)


def test_secrets_come_from_the_environment_or_a_file_and_a_missing_one_is_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "secret").write_text("từ tệp\n", encoding="utf-8")
    monkeypatch.setenv("LT_TEST", "từ môi trường")
    raw = {"a": "env:LT_TEST", "b": [f"file:{tmp_path}/secret"], "c": "env:LT_NONE|mặc định", "d": 5, "e": "nguyên văn"}

    assert resolve_secrets(raw, "x") == {
        "a": "từ môi trường",
        "b": ["từ tệp"],
        "c": "mặc định",
        "d": 5,
        "e": "nguyên văn",
    }
    with pytest.raises(Misconfigured, match="LT_NONE"):
        resolve_secrets({"k": "env:LT_NONE"}, "x")
    with pytest.raises(Misconfigured, match=r"(?s)LT_ONE.*LT_TWO.*no-such"):
        resolve_secrets({"a": "env:LT_ONE", "b": ["env:LT_TWO"], "k": "file:/no-such"}, "x")
    with pytest.raises(
        Misconfigured, match=r"^x: chưa đặt biến môi trường · .* LT_ONE \(a\).*set -a; \. \./lienthong\.env; set \+a.*$"
    ):
        resolve_secrets({"a": "env:LT_ONE"}, "x")


def test_a_condition_holds_when_every_named_fact_matches() -> None:
    when = When(type=["StatusChanged"], procedure=["1.0011*"], status=[9, 10])

    assert when.holds({"type": "StatusChanged", "procedure": ["1.001193.H56", "1.001193"], "status": 9})
    assert not when.holds({"type": "StatusChanged", "procedure": ["1.001193"], "status": 4})
    assert not when.holds({"type": "StatusChanged", "procedure": ["2.001193"], "status": 9})
    assert not when.holds({"type": "StatusChanged", "status": 9})

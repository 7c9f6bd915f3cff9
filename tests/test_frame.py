"""Laws on the frame: what is pinned, what is registered, what is packed, and what no file may say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ["base", "dev", "production"]
OPEN_TO_CONNECTORS = {
    "canonical",
    "dialect",
    "errors",
    "http",
    "inline",
    "mailbox",
    "meanings",
    "message",
    "outcomes",
    "partnerjson",
    "ports",
    "sessions",
    "simulation",
    "snapshots",
    "soap",
    "xml",
}

# Needles are put together here, so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(
    r"(?<![\w.~${}/-])/(?:" + "|".join(["wor" + "k", "roo" + "t", "hom" + "e", "User" + "s"]) + r")/"
)
INDEX_ADDRESS = re.compile(
    "|".join(["py" + r"pi\.org", "python" + "hosted", "/py" + "pi/", "--(?:extra-)?index" + "-url[ =]"])
)


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def logical_lines(name: str) -> list[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


@cache
def pins(name: str) -> dict[str, Version]:
    requirements = [Requirement(line.split(" --hash=")[0]) for line in logical_lines(name)]
    return {canonicalize_name(r.name): Version(next(iter(r.specifier)).version) for r in requirements}


def contract(contract_id: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in pyproject()["tool"]["importlinter"]["contracts"] if c["id"] == contract_id)
    return found


def files_of_the_project() -> list[Path]:
    """Tracked and about to be tracked; without git, all but hidden folders and caches."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if listing.returncode == 0:
            return [ROOT / name for name in listing.stdout.split("\0") if (ROOT / name).is_file()]
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") or name == ".ci"]
        folders[:] = [name for name in folders if name not in {"__pycache__", "build", "data", "dist"}]
        found += [Path(folder, name) for name in names]
    return found


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_one_exact_pin_with_hashes_and_no_address(name: str) -> None:
    assert logical_lines(name)
    for line in logical_lines(name):
        assert re.fullmatch(r"[a-z0-9-]+==[^\s;]+( ;[^-]*?)?(\s+--hash=sha256:[0-9a-f]{64})+", line), line
        assert "://" not in line


@pytest.mark.parametrize("name", ["base", "production"])
def test_all_requirement_files_pin_the_same_versions(name: str) -> None:
    assert pins(name).items() <= pins("dev").items()


def test_pins_satisfy_the_floors_of_the_project() -> None:
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    build = [*pyproject()["build-system"]["requires"], *pyproject()["dependency-groups"]["build"]]
    wanted = {
        "base": [*project["dependencies"], *build],
        "production": [*project["dependencies"], *build, *extras["production"]],
        "dev": [*project["dependencies"], *build, *extras["production"], *extras["dev"]],
    }
    for name, requirements in wanted.items():
        for requirement in map(Requirement, requirements):
            pinned = pins(name).get(canonicalize_name(requirement.name))
            assert pinned is not None, f"{requirement.name} is not in {name}.txt: run make requirements"
            assert requirement.specifier.contains(pinned), f"{requirement} but {name}.txt pins {pinned}"
            assert str(requirement.specifier), f"{requirement.name} has no floor"


def test_every_connector_folder_is_registered_and_every_registration_has_its_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "connectors").glob("*/connector.toml")}
    registered = pyproject()["project"]["entry-points"]["lienthong.connectors"]
    assert registered == {name: f"connectors.{name}:connector" for name in folders}


@pytest.mark.parametrize("group", ["lienthong.connectors", "lienthong.mappings"])
def test_the_installation_knows_what_is_registered_and_can_load_it(group: str) -> None:
    declared = pyproject()["project"]["entry-points"][group]
    installed = entry_points(group=group)
    assert {point.name: point.value for point in installed if point.name in declared} == declared
    for point in installed:
        assert point.load() is not None


def rooms(line: str) -> set[str]:
    return {room.strip("() ").removeprefix("gateway.") for room in re.split("[|:]", line)}


def test_every_room_of_the_spine_is_either_open_to_connectors_or_closed() -> None:
    closed = rooms(contract("inner-rooms")["layers"][0])
    assert closed | OPEN_TO_CONNECTORS == set().union(*map(rooms, contract("spine")["layers"]))
    assert not closed & OPEN_TO_CONNECTORS


def test_the_wheel_carries_code_and_data_and_a_default_configuration(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())

    packages = ("gateway", "connectors", "mappings", "sso")
    files = [path.relative_to(ROOT).as_posix() for path in files_of_the_project()]
    expected = {name for name in files if name.split("/")[0] in packages}
    expected |= {f"gateway/_{name}" for name in files if name.startswith("config/")}
    assert expected - packed == set()
    assert {f"{package}/py.typed" for package in packages} <= packed
    assert any(name.startswith("gateway/_config/") for name in packed)
    assert not any(name.startswith(("tests/", "bench/", "config/")) for name in packed)


def test_no_file_names_a_machine_or_a_package_index() -> None:
    faults = []
    for path in files_of_the_project():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE_PATH.search(line) or INDEX_ADDRESS.search(line):
                faults.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert faults == []


def test_the_newcomers_commands_are_targets_and_the_help_lists_every_target() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    targets = {name for name in phony[1].split() if not name.startswith("setup-")}

    commands = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert commands
    assert commands[1].splitlines() == ["make demo", "make test"]

    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\w+)", told, re.MULTILINE)) == targets

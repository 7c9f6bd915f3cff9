"""What an operator puts on machines agrees with the program: commands, settings, ports, limits, files, metrics."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from gateway.cli.main import root
from gateway.config import Settings, parse, read_toml
from gateway.web import serve
from tests.house import House

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("lienthong*"))
EXPOSURE = 2.0  # of 10, by systemd's own measure; 1.2 when this was written


class Plain(yaml.SafeLoader):
    """Scalars as they are written, and the merge key."""


Plain.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in rows if tag == "tag:yaml.org,2002:merge"]
    for letter, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(name: str) -> Any:
    return yaml.load((DEPLOY / name).read_text(encoding="utf-8"), Loader=Plain)  # noqa: S506 - strings only


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = read_yaml("compose.yaml")
    return read


def known_variables() -> set[str]:
    """Every environment variable that the program or the operator's files read."""
    files = [*(ROOT / "gateway").rglob("*.py"), *(ROOT / "config").rglob("*.toml")]
    return {name for file in files for name in re.findall(r"LIENTHONG_[A-Z_]+", file.read_text(encoding="utf-8"))}


def settings_of(file: Path) -> Settings:
    return parse(Settings, read_toml(file), file)


def check_command(words: list[str]) -> None:
    """`lienthong` takes these words. Raises what click says."""
    command: click.Command = root
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    _, left, _ = command.make_parser(click.Context(command)).parse_args(list(words))
    assert left == []


# ── compose ─────────────────────────────────────────────────────────────────────────────────────────────────────


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: row for name, row in compose["services"].items() if row.get("image", "").startswith("lienthong")}


def test_two_web_three_work_two_clock_and_three_brokers_are_composed(compose: dict[str, Any]) -> None:
    counts: dict[str, int] = {}
    for row in ours(compose).values():
        counts[row["command"][0]] = counts.get(row["command"][0], 0) + 1
    assert counts == {"db": 1, "web": 2, "work": 3, "clock": 2}
    assert sum(row["image"].startswith("docker.io/library/rabbitmq:4") for row in compose["services"].values()) == 3


def test_every_composed_command_is_one_of_the_programs(compose: dict[str, Any]) -> None:
    for row in ours(compose).values():
        check_command(list(row["command"]))


def test_every_mounted_file_exists_or_is_the_operators_own(compose: dict[str, Any]) -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    for name, row in compose["services"].items():
        for volume in row.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists() or f"/deploy/{source.removeprefix('./')}/" in ignored, (name, volume)
            else:
                assert source in compose["volumes"], (name, volume)
        for file in row.get("env_file", []):
            assert (DEPLOY / f"{file}.example").exists(), (name, file)
            assert f"/deploy/{file}" in ignored, "its values are secrets"
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("secrets/")
    assert "/deploy/secrets/" in ignored


def test_every_secret_is_used_and_the_production_page_says_what_is_in_it(compose: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for row in compose["services"].values()
        for secret in row.get("secrets", [])
    }
    assert used == set(compose["secrets"])
    for name in used:
        assert f"`{name}`" in page, name


def test_databases_and_brokers_are_reached_from_inside_only(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inner"]["internal"] == "true"
    for name, row in compose["services"].items():
        if name != "proxy":
            assert "ports" not in row, name
        if name == "postgres" or name.startswith("rabbit"):
            assert row["networks"] == ["inner"], name


def test_what_runs_for_ever_is_started_again_and_has_time_to_drain(compose: dict[str, Any]) -> None:
    for name, row in compose["services"].items():
        if name != "upgrade":
            assert row["restart"] == "unless-stopped", name
    for name, row in ours(compose).items():
        assert int(row["stop_grace_period"].removesuffix("s")) > drain_seconds(), name
        assert (row["read_only"], row["cap_drop"]) == ("true", ["ALL"]), name


def test_the_gateway_waits_for_the_upgrade_and_nothing_waits_for_a_broker(compose: dict[str, Any]) -> None:
    for name, row in ours(compose).items():
        if name != "upgrade":
            assert set(row["depends_on"]) == {"upgrade"}, name
    assert set(compose["services"]["upgrade"]["depends_on"]) == {"postgres"}


def test_the_settings_of_production_are_settings_and_name_the_composed_hosts(compose: dict[str, Any]) -> None:
    settings = settings_of(DEPLOY / "gateway.toml")
    assert settings.channel == "rabbitmq"
    assert "host=postgres" in settings.ledger
    targets = {s["target"] for row in ours(compose).values() for s in row["secrets"]}
    named = {a.removeprefix("file:") for a in (*settings.rabbitmq.addresses, settings.rabbitmq.management)}
    named |= set(re.findall(r"passfile=([^&]+)", settings.ledger))
    assert named == targets


def test_the_brokers_find_each_other_by_the_composed_names(compose: dict[str, Any]) -> None:
    conf = dict(re.findall(r"^([a-z_.0-9]+) = (.*)$", (DEPLOY / "rabbitmq.conf").read_text(encoding="utf-8"), re.M))
    nodes = {value for key, value in conf.items() if key.startswith("cluster_formation.classic_config.nodes")}
    assert nodes == {f"rabbit@{name}" for name in compose["services"] if name.startswith("rabbit")}
    assert conf["cluster_partition_handling"] == "pause_minority"
    assert int(conf["heartbeat"]) == settings_of(DEPLOY / "gateway.toml").rabbitmq.heartbeat
    assert conf["default_vhost"] == "lienthong"


def test_the_proxy_has_our_limits_and_our_processes(compose: dict[str, Any]) -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    web = settings_of(DEPLOY / "gateway.toml").web
    sizes = [int(n) for n in re.findall(r"client_max_body_size (\d+);", text)]
    assert sizes[0] == web.body_bytes
    assert max(sizes) == web.file_bytes
    assert int(re.findall(r"client_body_timeout (\d+)s;", text)[0]) == web.read_seconds
    servers = set(re.findall(r"^\s+server ([a-z0-9-]+):(\d+)", text, re.M))
    wanted = {(n, r["command"][r["command"].index("--port") + 1]) for n, r in ours(compose).items() if "web" in n}
    assert servers == wanted
    assert text.count("{") == text.count("}")


def test_what_a_hook_takes_the_proxy_lets_through(make_house: Callable[[str], House], sqlite_url: str) -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    limit = re.search(r"location /hooks/ \{\s+client_max_body_size (\d+);", text)
    gateway = make_house(sqlite_url).gateway
    caps = [
        hook.body_bytes or 0
        for partner in gateway.partners.values()
        if (hooks := gateway.kinds[partner.connector].hooks) is not None
        for hook in hooks(partner)
    ]
    assert limit
    assert 0 < max(caps) <= int(limit[1])


# ── the container ───────────────────────────────────────────────────────────────────────────────────────────────


def instructions() -> list[tuple[str, str]]:
    """(instruction, rest) of the Containerfile; continued lines joined, comments gone."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = []
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            found.append((word, " ".join(rest.split())))
    return found


def test_the_containerfile_is_made_of_instructions_and_copies_what_exists() -> None:
    known = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}  # fmt: skip
    sent = [line.lstrip("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for word, rest in instructions():
        assert word in known, word
        if word == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in sent, f"{source} is not sent to the build"


def test_the_image_runs_as_nobody_in_particular_without_tools_to_build() -> None:
    rows = instructions()
    starts = [i for i, (word, _) in enumerate(rows) if word == "FROM"]
    final = rows[starts[-1] :]
    assert [rest for word, rest in final if word == "USER"] == ["10001:10001"]
    installed = " ".join(rest for word, rest in final if word == "RUN")
    assert not re.search(r"gcc|build-essential|python3-(dev|venv|pip)|git\b", installed)
    assert any("--require-hashes" in rest for _, rest in rows)
    uninstalled = next(rest for _, rest in rows if "pip uninstall" in rest)
    assert {"hatchling", "editables", "pip"} <= set(uninstalled.split())
    assert not re.search(r"password|secret|LIENTHONG_[A-Z]+_KEY", " ".join(rest for _, rest in rows), re.I)


def test_the_image_starts_a_command_of_the_programs_and_asks_a_path_that_is_served() -> None:
    rows = dict(instructions())
    assert rows["ENTRYPOINT"] == '["lienthong"]'
    check_command(yaml.load(rows["CMD"], Loader=Plain))  # noqa: S506 - strings only
    port = rows["EXPOSE"]
    assert f"'127.0.0.1', {port}" in rows["HEALTHCHECK"]
    assert "/readyz" in rows["HEALTHCHECK"]


# ── systemd ─────────────────────────────────────────────────────────────────────────────────────────────────────


def options(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield name, value


@pytest.mark.parametrize("unit", [u for u in UNITS if u.suffix == ".service"], ids=lambda u: u.name)
def test_a_unit_starts_a_command_with_time_to_drain_and_known_variables(unit: Path) -> None:
    rows = list(options(unit))
    program, *words = shlex.split(dict(rows)["ExecStart"])
    assert program == "/opt/lienthong/bin/lienthong"
    check_command([word for word in words if not word.startswith("$")])
    if "web" in unit.name:
        assert int(dict(rows)["TimeoutStopSec"]) > drain_seconds()
    named = {n for _, value in rows for n in re.findall(r"LIENTHONG_[A-Z_]+", value)}
    assert named <= known_variables()


def test_a_starting_instance_leaves_the_shared_socket_as_the_others_need_it() -> None:
    web = dict(options(DEPLOY / "systemd" / "lienthong-web@.service"))
    assert web["Sockets"] == "lienthong-web.socket"
    assert web["NonBlocking"] == "yes", "systemd would make it blocking under the processes that serve at it"


def test_every_variable_of_the_example_is_read_by_somebody() -> None:
    text = (DEPLOY / "lienthong.env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#?\s?(LIENTHONG_[A-Z_]+)=", text, re.M))
    assert named
    assert named <= known_variables()
    wanted = {
        name
        for file in (ROOT / "config" / "partners").glob("*.toml")
        for name in re.findall(r"env:(LIENTHONG_[A-Z_]+)", file.read_text(encoding="utf-8"))
    }
    assert wanted <= named, "what the partners' files want stands in the example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they lie on a host, with an instance of each template; the program they start is there to be looked for."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("LIENTHONG_CI"):
            pytest.fail("systemd-analyze is not installed, and this run must have it (Debian: systemd)")
        pytest.skip("systemd-analyze is not installed (Debian: systemd): the units were not checked")
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace("/opt/lienthong/bin/lienthong", "/bin/true")
        for name in {unit.name, unit.name.replace("@.", "@1.")}:
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def analyze(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:", "SYSTEMD_COLORS": "0"}
    return subprocess.run(
        ["systemd-analyze", *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    units = [str(p) for p in installed.iterdir() if "@." not in p.name]
    done = analyze(installed, "verify", "--man=no", *units)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["web@1", "work@1", "clock@1", "upgrade"])
def test_a_service_is_shut_in(installed: Path, name: str) -> None:
    done = analyze(installed, "security", "--offline=true", "--no-pager", str(installed / f"lienthong-{name}.service"))
    level = re.search(r"exposure level for .*: ([0-9.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    assert float(level[1]) <= EXPOSURE


# ── the README's section on production ──────────────────────────────────────────────────────────────────────────


def production_lines() -> list[str]:
    section = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## Chạy ở tỉnh · In production")[1].split("\n## ")[0]
    )
    blocks = re.findall(r"^```sh[ a-z]*\n(.*?)^```", section, re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_the_commands_of_the_production_section_are_the_programs() -> None:
    spoken = [re.search(r"\blt ([a-z].*?)(?:\)|;| &|$)", line) for line in production_lines()]
    commands = [shlex.split(found[1]) for found in spoken if found]
    for words in commands:
        check_command(words)
    started = [words[0] for words in commands if words[0] in ("web", "work", "clock")]
    assert {name: started.count(name) for name in started} == {"web": 2, "work": 3, "clock": 2}
    services = [unit for line in production_lines() for unit in re.findall(r"lienthong-(web|work|clock)@\d", line)]
    assert {name: services.count(name) for name in services} == {"web": 2, "work": 3, "clock": 2}


def test_the_files_of_the_production_section_exist_and_its_settings_are_settings(tmp_path: Path) -> None:
    lines = production_lines()
    for line in lines:
        for name in re.findall(r"(?<![\w/])(?:deploy|requirements|docs)/[\w./-]+", line):
            assert list(ROOT.glob(f"{name}*")), line
    begin = next(i for i, line in enumerate(lines) if line.startswith("cat > /srv/lienthong/config/gateway.toml"))
    file = tmp_path / "gateway.toml"
    file.write_text("\n".join(lines[begin + 1 : lines.index("END", begin)]), encoding="utf-8")
    settings = settings_of(file)
    for secret in (*settings.rabbitmq.addresses, settings.rabbitmq.management):
        assert any(line.endswith(f"> {secret.removeprefix('file:')}") for line in lines), secret


# ── what is watched ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_rules_of_alarm_are_about_metrics_that_exist() -> None:
    text = (ROOT / "gateway" / "web" / "operations.py").read_text(encoding="utf-8")
    gauges = set(re.findall(r'GaugeMetricFamily\(\s*"(lienthong_\w+)"', text))
    counters = {f"{n}_total" for n in re.findall(r'CounterMetricFamily[,(]\s*"(lienthong_\w+)"', text)}
    assert len(gauges) > 2
    assert len(counters) > 2
    rules = [rule for group in read_yaml("prometheus-rules.yaml")["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        for metric in re.findall(r"\blienthong_\w+", rule["expr"]):
            assert metric in gauges | counters, metric
        assert rule["annotations"].keys() >= {"summary", "summary_en", "cure"}
        assert not rule["annotations"]["summary"].isascii()


def drain_seconds() -> float:
    return float(inspect.signature(serve.run).parameters["drain_seconds"].default)

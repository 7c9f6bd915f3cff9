"""`lienthong check`: is everything in order, before it is needed?"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import as_json, at_home, read_config
from gateway.errors import DeliveryError, Misconfigured

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.flow.gateway import Gateway


MOST_FINDINGS = 8  # of one mapping; `map test` tells them all


@dataclass(frozen=True, slots=True)
class Answer:
    """One question and its answer; `answer` names file, place and cure when it is not well."""

    about: str
    ok: bool
    answer: str
    warning: bool = False


@click.command(epilog="Ví dụ · Example:  lienthong check --connections --conservation")
@at_home
@click.option("--connections", is_flag=True, help="Hỏi từng đối tác · ask each partner.")
@click.option(
    "--conservation", is_flag=True, help="Kiểm tra sổ: không mất, không thừa, đúng thứ tự · audit the ledger."
)
@click.option(
    "--schemas",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Ghi JSON Schema của các bản tin vào đây · write them.",
)
@click.option(
    "--verify-schemas",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="So với các tệp ở đây · compare them.",
)
@as_json
def check(
    home: Path, connections: bool, conservation: bool, schemas: Path | None, verify_schemas: Path | None, as_json: bool
) -> None:
    """Kiểm tra cấu hình, ánh xạ, bảng trạng thái, danh mục, cơ sở dữ liệu.

    Check the configuration, the mappings, the status tables, the code lists and the ledger; on request also the connections and the
    conservation of every message. Exit code 1 when something is not in order.
    """
    from gateway.cli.show import print_json

    answers = list(_ask_all(home, connections, conservation))
    if schemas is not None:
        answers.append(write_schemas(schemas))
    if verify_schemas is not None:
        answers.append(compare_schemas(verify_schemas))
    if as_json:
        print_json([asdict(a) for a in answers])
    else:
        for one in answers:
            mark, colour = ("!", "yellow") if one.warning else ("✓", "green") if one.ok else ("✗", "red")
            click.echo(click.style(mark, fg=colour), nl=False)
            click.echo(f" {one.about}: {one.answer}")
        wrong = sum(not one.ok for one in answers)
        click.echo(f"{wrong} điều phải sửa · to be mended" if wrong else "Mọi thứ đều ổn · all is well")
    sys.exit(int(any(not one.ok for one in answers)))


def _ask_all(home: Path, connections: bool, conservation: bool) -> Iterator[Answer]:
    try:
        config = read_config(home)
    except Misconfigured as wrong:
        yield Answer("Cấu hình · configuration", False, str(wrong))
        return
    yield Answer(
        "Cấu hình · configuration",
        True,
        f"{config.folder}: {len(config.partners)} đối tác, {len(config.routes)} tuyến, 10 trạng thái · partners, routes, statuses",
    )
    yield from _one_by_one("Ánh xạ · mappings", lambda: _check_mappings(home))
    yield from _check_calendar(config)
    ledger = Answer(*_ledger(config))
    yield ledger
    if not ledger.ok:
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            gateway = _gateway(home, config, Path(folder))
        except Misconfigured as wrong:
            yield Answer("Danh mục · code lists", False, str(wrong))
            return
        with closing(gateway):
            yield from _ask_gateway(config, gateway, connections, conservation)


def _gateway(home: Path, config: Config, folder: Path) -> Gateway:
    """The gateway on its own ledger; on a passing one in `folder` while it has none: a check leaves nothing behind."""
    from gateway.flow.gateway import Gateway
    from gateway.ledger.schema import upgrade

    if not _has_ledger(config):
        config.settings = config.settings.model_copy(update={"data": folder})
        vars(config).pop("data", None)  # it was worked out from the settings
        upgrade(config.settings.ledger_url)
    return Gateway(home, config=config)


def _ask_gateway(config: Config, gateway: Gateway, connections: bool, conservation: bool) -> Iterator[Answer]:
    yield Answer(
        "Danh mục · code lists", True, ", ".join(sorted(p.stem for p in (config.folder / "codelists").glob("*.csv")))
    )
    yield _check_index(config, gateway)
    yield from _one_by_one("Kết nối · connectors", lambda: _check_connectors(gateway))
    yield from _check_broker(gateway)
    yield from _one_by_one("Thông báo · notices", lambda: gateway.notices.faults(config.partners))
    yield from _check_signon(gateway)
    if connections:
        yield from _check_connections(gateway)
    if conservation:
        yield from _check_conservation(gateway)


def _check_index(config: Config, gateway: Gateway) -> Answer:
    about, kpi = "Bộ chỉ số 766 · national index", gateway.kpi
    strange = [partner for partner in kpi.partners if partner not in config.partners]
    if strange:
        return Answer(
            about, False, f"config/kpi.toml: partners: không có đối tác · no such partner: {', '.join(strange)}"
        )
    try:
        truths = sum(map(len, gateway.truths.values()))
    except Misconfigured as wrong:
        return Answer(about, False, str(wrong))
    return Answer(about, True, f"{len(kpi.index.rule)} quy tắc, {truths} sự thật · rules, truths")


def _one_by_one(about: str, ask: Callable[[], Iterator[str]]) -> Iterator[Answer]:
    """An answer per finding, or one that says that there was none."""
    try:
        findings = list(ask())
    except Misconfigured as wrong:
        findings = str(wrong).splitlines()
    yield from (Answer(about, False, finding) for finding in findings)
    if not findings:
        yield Answer(about, True, "đúng · in order")


def _check_mappings(home: Path) -> Iterator[str]:
    from gateway.cli.mapping import engine, load_all

    for name, translation in load_all(home).items():
        findings = engine().check(translation)
        yield from findings[:MOST_FINDINGS]
        if len(findings) > MOST_FINDINGS:
            yield f"{name}: còn {len(findings) - MOST_FINDINGS} điều nữa · more: lienthong map test {name}"


def _check_calendar(config: Config) -> Iterator[Answer]:
    """The files, and warnings: this year and the next, where nobody has reviewed them, and what is not decided yet."""
    from gateway.cli.calendar import open_calendar
    from gateway.dossiers.worktime import day_of
    from gateway.message import utc_now

    about = "Lịch · calendar"
    answers = list(_one_by_one(about, lambda: _calendar_findings(config)))
    yield from answers
    if all(one.ok for one in answers):
        calendar, today = open_calendar(config), day_of(utc_now())
        doubts = [calendar.doubt(year) for year in (today.year, today.year + 1) if year not in calendar.reviewed]
        doubts += [one for one in calendar.undecided if one.last >= today]
        yield from (Answer(about, True, f"{one.words} · {one.words_en}", warning=True) for one in doubts)


def _calendar_findings(config: Config) -> Iterator[str]:
    from gateway.cli.calendar import open_calendar
    from gateway.dossiers.calendar import compare_with_package

    calendar = open_calendar(config)
    for year in sorted(calendar.reviewed):
        yield from compare_with_package(calendar, year)


def _ledger(config: Config) -> tuple[str, bool, str]:
    from gateway.ledger import open_ledger
    from gateway.ledger.opening import LedgerAway, place_of
    from gateway.ledger.schema import require_schema

    about = "Cơ sở dữ liệu · ledger"
    if not _has_ledger(config):
        return (
            about,
            True,
            f"{config.data / 'lienthong.db'}: chưa có, `lienthong up` sẽ tạo · not there yet, `lienthong up` makes it",
        )
    try:
        return about, True, f"lược đồ · schema {require_schema(open_ledger(config.settings.ledger_url))}"
    except Misconfigured as wrong:
        return about, False, str(wrong)
    except LedgerAway as away:
        return about, False, f"{place_of(config.settings.ledger_url)}: {away}"


def _has_ledger(config: Config) -> bool:
    return bool(config.settings.ledger) or (config.data / "lienthong.db").exists()


def _check_connectors(gateway: Gateway) -> Iterator[str]:
    """Every settings table fits its connector, and every message that a route may bring has the documents that the connector wants.

    And each connector takes up its work: files that the settings name are there, and fit.
    """
    from gateway.flow.desk import OpenDesk
    from gateway.flow.renewal import prove

    known = set(gateway.config.partners)
    for route in gateway.config.routes:
        for name in route.to:
            if name in known:
                yield from _check_leg(gateway, name, route.name, route.when.type)
        if route.implies:
            gateway.translation(route.implies)
    for name, partner in gateway.partners.items():
        connector, amqp = gateway.kinds[partner.connector], gateway.config.partners[name].amqp
        if gateway.config.settings.channel != "rabbitmq" and (connector.over_bus or amqp.inbox or amqp.events):
            yield f'config/partners/{name}.toml: cần · wants channel = "rabbitmq" (config/gateway.toml)'
        wanted = connector.documents
        for kind, documents in partner.mappings.items():
            known_here = sorted(wanted.get(kind, ())) if wanted else ["message"]
            strange = set(documents) - set(known_here)
            if strange:
                yield (
                    f"config/partners/{name}.toml: mappings.{kind}: {', '.join(sorted(strange))}: kết nối {partner.connector} không có tài liệu này; "
                    f"có · the connector has no such document; known: {', '.join(known_here) or '–'}"
                )
    yield from _check_reconcile(gateway)
    try:
        prove(gateway, lambda name: OpenDesk(gateway, gateway.config.partners[name]))
    except Misconfigured as wrong:
        yield from str(wrong).splitlines()


def _check_reconcile(gateway: Gateway) -> Iterator[str]:
    """Who is to be asked can be asked."""
    from gateway.flow.reconcile import can_tell

    for name, row in gateway.config.partners.items():
        if row.reconcile.mode != "off" and not can_tell(gateway, name):
            yield (
                f'config/partners/{name}.toml: reconcile: kết nối {row.connector} không hỏi được hồ sơ đang ở đâu, đặt mode = "off" · '
                "the connector cannot ask how a dossier stands"
            )


def _check_leg(gateway: Gateway, name: str, route: str, types: list[str]) -> Iterator[str]:
    partner = gateway.partners[name]
    if not gateway.kinds[partner.connector].delivers:
        yield f"config/routes.toml: {route}: kết nối {partner.connector} không gửi được · the connector cannot deliver to {name}"
        return
    for kind in types if partner.mappings else ():
        missing = set(gateway.kinds[partner.connector].documents.get(kind, ())) - set(partner.mappings.get(kind, ()))
        if missing or kind not in partner.mappings:
            words = ", ".join(sorted(missing)) or "–"
            yield f"config/partners/{name}.toml: tuyến · route {route!r} đưa đến · brings {kind}, thiếu · missing [mappings.{kind}] {words}"


def _check_broker(gateway: Gateway) -> Iterator[Answer]:
    """What the broker holds against what the files ask for; nothing where there is none."""
    about, settings = "RabbitMQ", gateway.config.settings
    if settings.channel == "rabbitmq" and not settings.rabbitmq.management:
        words = "chưa khai management, không so được hàng đợi · no management address: its queues are not compared"
        yield Answer(about, True, words)
    elif settings.channel == "rabbitmq":
        yield from _one_by_one(about, lambda: _inspect(gateway))


def _check_signon(gateway: Gateway) -> Iterator[Answer]:
    from gateway.flow.signon import open_signon

    about = "Đăng nhập một lần · sign-on"
    try:
        signon = open_signon(gateway)
    except Misconfigured as wrong:
        yield Answer(about, False, str(wrong))
        return
    if signon is not None:
        office = signon.office
        words = f"{len(office.settings.provider)} nơi đăng nhập, {len(office.clients)} hệ thống · providers, clients"
        yield Answer(about, True, words)


def _inspect(gateway: Gateway) -> Iterator[str]:
    from gateway.channels.inspection import inspect
    from gateway.channels.management import Management

    try:
        yield from inspect(gateway.config, Management(gateway.config.settings.rabbitmq))
    except DeliveryError as error:
        yield f"API quản trị không trả lời · the management API does not answer: {error.reason}"


def _check_connections(gateway: Gateway) -> Iterator[Answer]:
    from gateway.cli.partners import ask
    from gateway.flow.herald import check_channel

    for one in ask(gateway):
        yield Answer(one["partner"], one["ok"], f"{one['question']} {one['answer']}")
    for name in gateway.notices.channels:
        try:
            yield Answer(f"Kênh · channel {name}", True, check_channel(gateway, name))
        except (DeliveryError, Misconfigured) as error:
            yield Answer(f"Kênh · channel {name}", False, str(error))


def _check_conservation(gateway: Gateway) -> Iterator[Answer]:
    from gateway.ledger.conservation import STATES, conserve, count

    about = "Bảo toàn · conservation"
    with gateway.ledger.read() as connection:
        findings, sums = conserve(connection), count(connection)
    for found in findings:
        yield Answer(
            about, False, f"{found.wrong} · {found.wrong_en} [{found.law}] {found.count}×: {', '.join(found.examples)}"
        )
    if not findings:
        yield Answer(
            about,
            True,
            f"đã nhận · accepted {sums['accepted']} = " + " + ".join(f"{state} {sums[state]}" for state in STATES),
        )


def write_schemas(folder: Path) -> Answer:
    """The JSON Schema of every message type, a file each, and the SOAP contract's XSD."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    return Answer("JSON Schema", True, f"{folder}: {len(_schemas())} tệp đã ghi · files written")


def compare_schemas(folder: Path) -> Answer:
    """Do the files say what the program says?"""
    there = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.[jx]s*")}
    wanted = _schemas()
    differ = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    if differ:
        return Answer(
            "JSON Schema", False, f"{folder}: khác · differ: {', '.join(differ)}: lienthong check --schemas {folder}"
        )
    return Answer("JSON Schema", True, f"{folder}: {len(wanted)} tệp giống hệt · files, the same")


def _schemas() -> dict[str, str]:
    from gateway.canonical import schemas
    from gateway.web.soap.contract import write_xsd

    written = {
        f"{name}.json": json.dumps(schema, ensure_ascii=False, indent=2) + "\n" for name, schema in schemas().items()
    }
    return {**written, "dossiers.xsd": write_xsd().decode()}

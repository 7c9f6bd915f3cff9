"""`lienthong map`: the mappings and their samples. The engine is found by its entry point: the spine imports no mapping."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import as_json, at_home, read_config
from gateway.errors import Misconfigured


def engine() -> Any:
    """The module behind the entry point `yaml` of `lienthong.mappings`: load, run_samples, try_file, check, cover, draft."""
    (point,) = entry_points(group="lienthong.mappings", name="yaml")
    return import_module(point.module)


def folders(home: Path) -> list[Path]:
    """Where mappings lie: those installed beside the engine, and over them the operator's own."""
    installed = Path(engine().__file__).parent.parent
    own = read_config(home).folder / "mappings"
    return [installed, *([own] if own.is_dir() else [])]


@click.group("map", epilog="Ví dụ · Example:  lienthong map test mapi_dossier")
def mapping() -> None:
    """Ánh xạ: chạy mẫu, thử với một tài liệu, soạn nháp, xem độ phủ.

    Mappings: run their samples, try one on a document, draft one, see its coverage. A mapping is data in a folder: map.yaml or map.xsl,
    codes.csv, samples.
    """


@mapping.command(epilog="Ví dụ · Example:  lienthong map test   ·   lienthong map test mapi_dossier vnpost_order")
@click.argument("names", nargs=-1, metavar="[ÁNH XẠ]…")
@click.option(
    "--write",
    is_flag=True,
    help="Ghi kết quả của mẫu nào chưa có out.json hay error.txt (error.txt: chỉ khi tên mẫu có `refused` hay `bi-tu-choi`), và dòng danh mục mà "
    "mẫu cần vào samples/lists.json; không đè tệp nào · write what came of samples that do not say yet what should (error.txt only where the "
    "sample's name says `refused`), and the rows of code lists they lean on; nothing is overwritten.",
)
@at_home
@as_json
def test(names: Sequence[str], write: bool, home: Path, as_json: bool) -> None:
    """Chạy mọi mẫu và kiểm tra từng trường của nguồn.

    Run every sample, and check that each source field is used or dropped with a reason. Exit code 1 when one differs.
    """
    from gateway.cli.show import print_json

    translations = load_all(home)
    for name in names:
        _known(name, translations)
    if write:
        _fill_lists(_run(home, names), home)
        _write(_run(home, names))
    every = _run(home, names)
    ran, lacking = [r for r in every if r.sample], [r for r in every if not r.sample]
    checked = {name: engine().check(t) for name, t in translations.items() if not names or name in names}
    if as_json:
        samples = [{"mapping": r.mapping, "sample": r.sample, "ok": r.ok, "diff": r.diff} for r in every]
        print_json({"samples": samples, "findings": checked})
    else:
        for result in ran:
            click.echo(f"{'✓' if result.ok else '✗'} {result.mapping}  {result.sample.replace('-', ' ')}")
            click.echo(result.diff, nl=bool(result.diff))
        for result in lacking:
            click.echo(f"✗ {result.mapping}: {result.diff}")
        for finding in (f for found in checked.values() for f in found):
            click.echo(f"✗ {finding}")
        good = sum(r.ok for r in ran)
        found = len(lacking) + sum(map(len, checked.values()))
        click.echo(f"{good}/{len(ran)} mẫu đúng · samples right; {found} điều phải sửa · findings")
    sys.exit(int(any(not r.ok for r in every) or any(checked.values())))


def _run(home: Path, names: Sequence[str]) -> list[Any]:
    return [r for folder in folders(home) for r in engine().run_samples(folder) if not names or r.mapping in names]


def _fill_lists(ran: Sequence[Any], home: Path) -> None:
    """Rows of the operator's code lists that samples look up and have not got go into their samples/lists.json, as they were in force then."""
    import json

    from gateway.codes import CsvCodes

    codes = CsvCodes(read_config(home).folder / "codelists")
    for result in ran:
        for one in result.lacking:
            row = codes.find(one.listname, one.code, one.at) if one.listname in codes.names else None
            if row is None:
                click.echo(f"{one.listname}: không có mã · no code “{one.code}”", err=True)
                continue
            rows = read_sample(result.lists) if result.lists.exists() else {}
            rows.setdefault(one.listname, {})[one.code] = dict(row)
            result.lists.write_text(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            click.echo(f"đã ghi · written: {result.lists}: {one.listname} “{one.code}”", err=True)


def _write(ran: Sequence[Any]) -> None:
    """The samples say from now on what came of them; a person reads it, for nobody else can know that it is right."""
    for file, made in (result.unwritten for result in ran if result.unwritten):
        with file.open("x", encoding="utf-8") as out:
            out.write(made)
        click.echo(f"đã ghi, hãy đọc lại · written, now read it: {file}\n{made}", err=True)


@mapping.command(
    "try", epilog="Ví dụ · Example:  lienthong map try mapi_dossier mappings/mapi_dossier/samples/*/in.json"
)
@click.argument("name", metavar="ÁNH XẠ")
@click.argument("documents", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@at_home
def try_(name: str, documents: Sequence[Path], home: Path) -> None:
    """Dịch thử một tài liệu và xem từng trường từ đâu mà có.

    Translate a document and show where each field comes from, by which rule; or every fault.
    """
    translation = _known(name, load_all(home))
    trials = [engine().try_file(translation, document) for document in documents]
    for trial in trials:
        click.echo(trial.text)
    sys.exit(int(not all(trial.ok for trial in trials)))


@mapping.command(
    epilog='Ví dụ · Example:  lienthong map draft so_y_te_dossier --from mau.json --source "view(DossierSubmitted)"'
)
@click.argument("name", metavar="TÊN")
@click.option(
    "--from",
    "sample",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Một mẫu JSON của cơ quan · a sample of the agency's JSON.",
)
@click.option(
    "--to", metavar="LOẠI", help="Mẫu gửi đến ta, thành bản tin loại này · it is sent to us and becomes this type."
)
@click.option(
    "--source", metavar="view(LOẠI)", help="Mẫu là thứ họ muốn nhận · it is what they want, made of this view."
)
@click.option(
    "--write", is_flag=True, help="Ghi vào config/mappings/TÊN thay vì in ra · write the folder instead of printing it."
)
@at_home
def draft(name: str, sample: Path, to: str | None, source: str | None, write: bool, home: Path) -> None:
    """Soạn nháp ánh xạ từ một mẫu của cơ quan, để người hoàn thành.

    Draft a mapping from one sample, by names and by what values look like. Each line says how sure it is; what cannot be guessed stands
    as ??? and fails `map test` until a person finishes it. Nothing is overwritten.
    """
    from gateway.cli.drafting import incoming, outgoing
    from gateway.codes import CsvCodes

    shown, kind = read_sample(sample), (source or "").removeprefix("view(").removesuffix(")")
    if (to is None) == (source is None) or (source is not None and source != f"view({kind})"):
        raise Misconfigured("cần đúng một trong hai · exactly one of: --to TYPE, --source view(TYPE)")
    codes = CsvCodes(read_config(home).folder / "codelists")
    files = incoming(to, shown) if to is not None else outgoing(kind, shown, codes)
    if not write:
        for file, text in files.items():
            click.echo(f"# ── {file}\n{text}")
        return
    folder = read_config(home).folder / "mappings" / _fit(name)
    if folder.exists():
        raise Misconfigured(f"{folder}: đã có · is there already: choose another name, or take it away first")
    for file, text in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")
    click.echo(
        f"đã ghi · written: {folder}\nhoàn thành các dòng ??? rồi · finish the ??? lines, then: lienthong map test {name}"
    )


def read_sample(file: Path) -> Any:
    """Raises `Misconfigured`."""
    import json

    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Misconfigured(f"{file}: không phải JSON · not JSON: {error}") from error


def _fit(name: str) -> str:
    import re

    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name):
        raise Misconfigured(
            f"{name!r}: tên ánh xạ gồm chữ thường, số và _ · a mapping's name is lower-case letters, digits and _"
        )
    return name


@mapping.command(
    epilog='Ví dụ · Example:  lienthong map fields DossierSubmitted   ·   lienthong map fields "view(StatusChanged)"'
)
@click.argument("what", metavar="LOẠI")
@as_json
def fields(what: str, as_json: bool) -> None:
    """Các trường của một loại bản tin: đường dẫn, kiểu, giá trị, bắt buộc.

    The fields of a message type as a map writes them, or of view(TYPE), which outgoing maps read. Needed: there whenever what holds it is.
    """
    from dataclasses import asdict

    from gateway.cli.show import print_json, table

    found = engine().list_fields(what)
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        table(
            what,
            ("Đường dẫn · Path", "Kiểu · Kind", "Bắt buộc · Needed", "Giá trị · Values", "Là gì · About"),
            [(one.path, one.kind, "✓" if one.needed else "", one.values, one.about) for one in found],
        )


@mapping.command(epilog="Ví dụ · Example:  lienthong map coverage   ·   lienthong map coverage mapi_dossier --all")
@click.argument("names", nargs=-1, metavar="[ÁNH XẠ]…")
@click.option("--all", "whole", is_flag=True, help="Kể cả từng trường để trống · every optional field by name, too.")
@at_home
@as_json
def coverage(names: Sequence[str], whole: bool, home: Path, as_json: bool) -> None:
    """Độ phủ: trường đích đã có, để trống, còn thiếu; trường nguồn đã dùng, bỏ có lý do, chưa nói đến.

    Coverage: target fields covered, optional and not made, missing (a line that is not finished is missing); source fields used, dropped with a
    reason, unmentioned. Named mappings are told field by field. Exit code 1 when something is missing or unmentioned.
    """
    from dataclasses import asdict

    from gateway.cli.show import print_json, table

    translations = load_all(home)
    found = [asdict(engine().cover(_known(name, translations))) for name in names or sorted(translations)]
    if as_json:
        print_json(found)
    else:
        sides = ("covered", "optional", "missing", "used", "dropped", "unmentioned")
        table(
            "Độ phủ · Coverage",
            ("Ánh xạ", "#Đích: có", "#Để trống", "#Thiếu", "#Nguồn: dùng", "#Bỏ", "#Chưa nói"),
            [(one["mapping"], *(len(one[side]) for side in sides)) for one in found],
        )
        words = {
            "optional": "để trống · optional",
            "missing": "thiếu · missing",
            "unmentioned": "chưa nói đến · unmentioned",
        }
        for one in found if names else ():
            for side, told in words.items():
                if side == "optional" and not whole and one[side]:
                    count = len(one[side])
                    click.echo(f"{one['mapping']}  {told}: {count} trường · fields (--all: từng trường · by name)")
                    continue
                click.echo("".join(f"{one['mapping']}  {told}: {field}\n" for field in one[side]), nl=False)
    sys.exit(int(any(one["missing"] or one["unmentioned"] for one in found)))


@mapping.command("list", epilog="Ví dụ · Example:  lienthong map list")
@at_home
@as_json
def list_(home: Path, as_json: bool) -> None:
    """Các ánh xạ đang có, phiên bản và nơi dùng.

    The mappings there are, their versions, and which partner uses them for what.
    """
    from gateway.cli.show import print_json, table

    uses: dict[str, list[str]] = {}
    for partner in read_config(home).partners.values():
        for kind, documents in partner.mappings.items():
            for document, name in documents.items():
                uses.setdefault(name, []).append(f"{partner.id}: {kind}/{document}")
    rows = [{"name": n, "version": t.version, "used": uses.get(n, [])} for n, t in sorted(load_all(home).items())]
    if as_json:
        print_json(rows)
    else:
        table(
            "Ánh xạ · Mappings",
            ("Tên", "Phiên bản", "Dùng cho"),
            [(r["name"], r["version"], "\n".join(r["used"]) or None) for r in rows],
        )


def load_all(home: Path) -> dict[str, Any]:
    """As the gateway loads them."""
    from gateway.codes import CsvCodes

    config = read_config(home)
    codes = CsvCodes(config.folder / "codelists")
    found: dict[str, Any] = dict(engine().load(None, codes))
    own = config.folder / "mappings"
    return {**found, **(engine().load(own, codes) if own.is_dir() else {})}


def _known(name: str, translations: dict[str, Any]) -> Any:
    if name not in translations:
        raise Misconfigured(f"không có ánh xạ · no mapping {name!r}; có · known: {', '.join(sorted(translations))}")
    return translations[name]

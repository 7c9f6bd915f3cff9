"""What a new agency's files say, put together from what the operator told and what the agency has to show. Nothing is written here but by `write`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from gateway.canonical import TYPES
from gateway.cli.drafting import LAID, incoming, outgoing
from gateway.cli.mapping import read_sample
from gateway.codes import CsvCodes
from gateway.config import Config, PartnerFile, Route, parse
from gateway.errors import Misconfigured
from gateway.flow.gateway import Setup
from gateway.ports import Description, Offer

UNFINISHED = "???"
_AUTH = {
    "none": 'kind = "none"',
    "bearer": 'kind = "bearer", token = "env:{prefix}_TOKEN"',
    "api_key": 'kind = "api_key", header = "X-Api-Key", key = "env:{prefix}_KEY"',
    "basic": 'kind = "basic", user = "env:{prefix}_USER", password = "env:{prefix}_PASSWORD"',
    "oauth2": 'kind = "oauth2", token_url = "env:{prefix}_TOKEN_URL", client_id = "env:{prefix}_CLIENT", client_secret = "env:{prefix}_SECRET"',
}


@dataclass
class Document:
    """One kind of message, one way. `offer`: the call it goes by; `sample`: what they showed of it."""

    type: str
    sample: Any = None
    offer: Offer | None = None
    path: str | None = None


@dataclass
class Agency:
    """`files` by their path in the home folder, new ones; `routes` is what is put behind the rows there are."""

    id: str
    home: Path
    config: Path
    files: dict[Path, str | bytes] = field(default_factory=dict)
    routes: str = ""
    mappings: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    says: bool = False

    @property
    def partner_file(self) -> Path:
        return self.config / "partners" / f"{self.id}.toml"

    def write(self) -> Iterator[Path]:
        """Each file as it is written. Raises `Misconfigured`, before anything is, for one that is there already."""
        there = [file for file in self.files if file.exists()]
        if there:
            words = "đã có, không ghi đè · there already, nothing is overwritten"
            raise Misconfigured(f"{', '.join(map(str, there))}: {words}")
        for file, content in self.files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
            yield file
        if self.routes:
            routes = self.config / "routes.toml"
            with routes.open("a", encoding="utf-8") as out:
                out.write(self.routes)
            yield routes

    def unfinished(self) -> Iterator[tuple[Path, int, str]]:
        """File, line number and line of all that a person must finish."""
        for file, content in self.files.items():
            for number, line in enumerate(content.splitlines() if isinstance(content, str) else (), start=1):
                if UNFINISHED in line and not line.lstrip().startswith("#"):
                    yield file, number, line.strip()


def begin(
    home: Path,
    id: str,
    *,
    name: str,
    name_en: str,
    speaks: str,
    describes: Path | None,
    url: str | None,
    auth: str | None,
    gets: Sequence[str],
    paths: Sequence[str],
    says: Sequence[str],
    organisations: Sequence[str],
    procedures: Sequence[str],
) -> Agency:
    """Raises `Misconfigured` for anything that cannot be: a type, a sample, a description, an operation, an id that is taken."""
    config = Config(home)
    if config.folder != home / "config":
        words = "chưa có thư mục config/ của riêng; chép của bản cài đặt · no config/ of its own; copy the shipped one"
        raise Misconfigured(f"{home}: {words}: cp -r {config.folder} {home / 'config'}")
    made = Agency(id, home, config.folder, says=bool(says))
    told = _described(speaks, describes)
    wanted = [_wanted(one, told, path) for one, path in _with_paths(gets, paths, speaks)]
    sent = [_wanted(one, None, None) for one in says]
    if speaks == "soap" and sent:
        words = "cơ quan gọi ta bằng SOAP qua /soap/v1/dossiers, không cần ánh xạ (docs/soap.md); bỏ --says"
        raise Misconfigured(f"{words} · an agency that calls us by SOAP uses /soap/v1/dossiers: leave --says out")
    prefix = id.replace("-", "_").upper()
    head = _head(made, name, name_en, speaks, sent, organisations)
    place = url or (told.url if told else "")
    settings = [f'url = "env:{prefix}_URL|{place}"', f"auth = {{ {_AUTH[auth or 'none'].format(prefix=prefix)} }}"]
    if told and describes and speaks == "soap":
        settings.insert(0, f'wsdl = "wsdl/{id}/{describes.name}"')
        for file in told.files:
            inside = file.resolve().relative_to(describes.resolve().parent)
            made.files[config.folder / "wsdl" / id / inside] = file.read_bytes()
    rows = [_call(speaks, one) for one in wanted] + [_hook(made, one) for one in sent]
    mappings = [_mapping(made, one, config) for one in wanted] + [_mapping(made, one, None) for one in sent]
    text = "\n".join([head, "[settings]", *settings, _later(speaks), *rows, *(m for m in mappings if m)])
    named = {part.split('"')[0] for part in text.split('"env:')[1:]}
    made.secrets = sorted(one for one in named if "|" not in one)
    made.files = {made.partner_file: text, **made.files}
    if wanted:
        made.routes = _route(name, id, wanted, organisations, procedures)
    _prove(made, speaks, text)
    made.notes = list(_unlisted(Setup(config).codes, organisations, procedures))
    return made


def _unlisted(codes: CsvCodes, organisations: Sequence[str], procedures: Sequence[str]) -> Iterator[str]:
    """Units and procedures that no code list has: messages that name them would be refused."""
    for listname, given in (("organisations", organisations), ("procedures", procedures)):
        rows = [row.values for row in codes.file(listname).rows]
        known = {value for row in rows for key, value in row.items() if key.startswith("code")}
        for one in given:
            if not any(fnmatchcase(code, one) for code in known):
                yield (
                    f"{one} không có trong danh mục · is in no code list: config/codelists/{listname}.csv; "
                    f"lienthong codes import TỆP --list {listname}"
                )


def _described(speaks: str, file: Path | None) -> Description | None:
    if file is None:
        return None
    points = {point.name: point for point in entry_points(group="lienthong.connectors")}
    read = points[speaks].load().describe
    found: Description = read(file)
    return found


def _with_paths(gets: Sequence[str], paths: Sequence[str], speaks: str) -> Iterator[tuple[str, str | None]]:
    if len(paths) > len(gets):
        raise Misconfigured("--path nhiều hơn --gets · there are more --path than --gets")
    for number, one in enumerate(gets):
        usual = "/" + one.partition("=")[0].lower() if speaks == "rest" else None
        yield one, paths[number] if number < len(paths) else usual


def _wanted(told: str, description: Description | None, path: str | None) -> Document:
    kind, _, shown = told.partition("=")
    if kind not in TYPES:
        raise Misconfigured(f"{kind!r} không phải loại bản tin · is no message type; có · known: {', '.join(TYPES)}")
    offers = {offer.name: offer for offer in description.offers} if description else {}
    if shown in offers:
        return Document(kind, offers[shown].sample, offers[shown])
    if not shown:
        return Document(kind, path=path)
    if not Path(shown).is_file():
        if offers:
            known = ", ".join(offers)
            raise Misconfigured(
                f"{shown}: không có thao tác này · no such operation; có · known: {known} (hoặc một tệp mẫu · or a sample's file)"
            )
        raise Misconfigured(f"{shown}: không có tệp này · no such file")
    return Document(kind, read_sample(Path(shown)), path=path)


def _head(
    made: Agency, name: str, name_en: str, speaks: str, sent: Sequence[Document], organisations: Sequence[str]
) -> str:
    sends = [one.type for one in sent]
    lines = [
        f"# {name} · {name_en}. Mọi thiết lập · every setting: connectors/{speaks}/README.md",
        f"id = {_text(made.id)}",
        f"name = {_text(name)}",
        f"name_en = {_text(name_en)}",
        f'connector = "{speaks}"',
        "enabled = false                       # true khi đã thử xong · once it was tried; rồi · then: lienthong reload",
        f"sends = {json.dumps(sends)}",
        'reads = "own"',
    ]
    if organisations:
        lines.append(f"organisations = {json.dumps(list(organisations))}")
    return "\n".join(lines) + "\n"


def _later(speaks: str) -> str:
    pointer = "/Ma" if speaks == "soap" else "/code"
    return f"""# Khi không rõ họ đã nhận chưa: gửi lại có bị trùng không? Nếu không · when in doubt: if sending twice changes nothing there:
# repeat_is_harmless = true            # nếu hỏi được họ · if they can be asked: [settings.find]

# Trong câu trả lời của họ, mã và lời nằm ở đâu · where their answers carry a code and words:
# [settings.answer]
# code = "{pointer}"
# text = "{pointer.replace("Ma", "ThongBao").replace("code", "message")}"
# Mỗi mã nghĩa là gì · what each code means:
# [[settings.rule]]
# code = ["0"]
# outcome = "delivered"                # delivered | duplicate | try_later | ask_first | rejected
# why = "Tài liệu của họ, mục … · their document, section …"
"""


def _call(speaks: str, one: Document) -> str:
    row = dict(one.offer.row) if one.offer else {"method": "POST", "path": one.path or "/"}
    if speaks == "soap" and one.offer is None:
        raise Misconfigured(
            f"--gets {one.type}: cần tên thao tác trong WSDL · name the operation of the WSDL: {one.type}=OPERATION"
        )
    lines = [f"{key} = {_text(value)}" for key, value in row.items()]
    return "\n".join(["[[settings.call]]", f"type = [{_text(one.type)}]", *lines, ""])


def _hook(made: Agency, one: Document) -> str:
    if one.sample is None:
        raise Misconfigured(
            f"--says {one.type}: cần một mẫu; bản tin chuẩn thì họ gọi /api/v1 · wants a sample; canonical messages go to /api/v1"
        )
    word = "".join("-" + c.lower() if c.isupper() else c for c in one.type).strip("-")
    lines = [
        "[[settings.hook]]",
        f'name = "{word[:30]}"                # họ gọi · they call: POST /hooks/{made.id}/{word}',
        f'path = "{word}"',
        f"mapping = [{_text(_mapping_name(made, one, incoming=True))}]",
        "# tên ta đặt cho bản tin ấy, và lúc ta nhận · the name by which we know it, and when it came:",
        f"with = {{ {', '.join(f'{name} = {_text(value)}' for name, value in LAID.items())} }}",
        '# id = "/ma"                         # trường đặt tên cho một bản tin của họ · the field that names a message of theirs',
        "",
    ]
    return "\n".join(lines)


def _mapping(made: Agency, one: Document, config: Config | None) -> str:
    """The mapping's folder, and for what goes out its table in the partner file. `config`: it goes out."""
    if one.sample is None:
        return ""
    name = _mapping_name(made, one, incoming=config is None)
    folder = made.config / "mappings" / name
    if config:
        schema = one.offer.schema if one.offer is not None else None
        drafted = outgoing(one.type, one.sample, Setup(config).codes, schema or None)
    else:
        drafted = incoming(one.type, one.sample)
    made.files |= {folder / file: text for file, text in drafted.items()}
    made.mappings.append(name)
    return f"[mappings.{one.type}]\nmessage = {_text(name)}\n" if config else ""


def _mapping_name(made: Agency, one: Document, *, incoming: bool) -> str:
    kind = "".join("_" + c.lower() if c.isupper() else c for c in one.type).strip("_")
    return f"{made.id.replace('-', '_')}_{kind}{'_in' if incoming else ''}"


def _route(
    name: str,
    id: str,
    wanted: Sequence[Document],
    organisations: Sequence[str],
    procedures: Sequence[str],
) -> str:
    when: dict[str, list[str]] = {"type": [one.type for one in wanted]}
    when |= {"organisation": list(organisations)} if organisations else {}
    when |= {"procedure": list(procedures)} if procedures else {}
    inside = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in when.items())
    return f"\n[[route]]\nname = {_text(f'Đến {name}')}\nwhen = {{ {inside} }}\nto = [{_text(id)}]\n"


def _prove(made: Agency, speaks: str, text: str) -> None:
    """What is written must be taken. Secrets are invented for this; their names must not be."""
    table = tomllib.loads(text)
    row = parse(PartnerFile, table, made.partner_file)
    for raw in tomllib.loads(made.routes).get("route", []):
        parse(Route, raw, made.config / "routes.toml")
    from gateway.cli.trial import check_settings

    check_settings(speaks, row.settings, str(made.partner_file))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)

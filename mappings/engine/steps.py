"""The steps a rule may take, one function each. A step sees a value that is there; only `else` and `choose` see an absent one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

from gateway.canonical import scalars
from gateway.ports import Codes
from mappings.engine import times
from mappings.engine.conditions import is_absent
from mappings.engine.paths import NAME, Path
from mappings.engine.tables import UNFINISHED, Table
from mappings.engine.wrong import Wrong, show, unfit

Run = Callable[[Any, Any], Any]
"""From a value (and the root of the document) to a value. Raises `Wrong`."""


@dataclass(frozen=True, slots=True)
class Materials:
    """What steps may look up: the folder's tables, the code lists, and the moment whose rows are in force. `lists`: those they name."""

    tables: dict[str, Table]
    codes: Codes
    in_force_at: Callable[[Any], datetime] | None
    lists: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Step:
    """`on_absent`: it also runs when there is no value. `arguments` as the rule gives them. `reads`: what of the document it reads besides."""

    name: str
    run: Run
    on_absent: bool = False
    arguments: tuple[Any, ...] = ()
    reads: tuple[Path, ...] = ()


FORMS: dict[str, TypeAdapter[str]] = {
    "dossier_code": TypeAdapter(scalars.DossierCode),
    "procedure_code": TypeAdapter(scalars.ProcedureCode),
    "organisation_code": TypeAdapter(scalars.OrganisationCode),
    "result_code": TypeAdapter(scalars.ResultCode),
    "cccd": TypeAdapter(scalars.Cccd),
    "cmnd": TypeAdapter(scalars.Cmnd),
    "tax_code": TypeAdapter(scalars.TaxCode),
    "phone": TypeAdapter(scalars.Phone),
    "email": TypeAdapter(scalars.Email),
    "province": TypeAdapter(Annotated[str, StringConstraints(strict=True, pattern=r"^\d{2}$")]),
    "district": TypeAdapter(Annotated[str, StringConstraints(strict=True, pattern=r"^\d{3}$")]),
    "commune": TypeAdapter(Annotated[str, StringConstraints(strict=True, pattern=r"^\d{5}$")]),
}

_NATIONAL = re.compile(r"\d\.\d{6}(?:\.\d{2}(?!\d))?(?=\.|$)")
STEPS: dict[str, tuple[tuple[type, ...], bool, Callable[..., Step]]] = {}


def make_step(name: str, arguments: list[Any], materials: Materials) -> Step:
    """The step, ready to run. Raises ValueError, whose text says what is wrong and the cure."""
    if name not in STEPS:
        raise ValueError(f"there is no step {name!r}; known: {', '.join([*STEPS, 'optional'])}")
    kinds, repeats, maker = STEPS[name]
    wanted = kinds if not repeats else kinds + kinds[-1:] * (len(arguments) - len(kinds))
    if len(arguments) != len(wanted) or not all(isinstance(a, k) for a, k in zip(arguments, wanted, strict=True)):
        usage = ", ".join({str: "a text", int: "a number", object: "a constant"}[k] for k in kinds) + (
            ", …" if repeats else ""
        )
        raise ValueError(
            f"the step {name} is written {name}({usage})" if kinds else f"the step {name} takes nothing in brackets"
        )
    step: Step = maker(materials, *arguments)
    return replace(step, arguments=tuple(arguments))


def _step(name: str, *kinds: type, repeats: bool = False) -> Callable[[Callable[..., Step]], Callable[..., Step]]:
    def register(maker: Callable[..., Step]) -> Callable[..., Step]:
        STEPS[name] = (kinds, repeats, maker)
        return maker

    return register


# ── presence ────────────────────────────────────────────────────────────────────────────────────────────────────


@_step("else", object)
def _else(materials: Materials, constant: Any) -> Step:
    return Step("else", lambda value, root: constant if value is None else value, on_absent=True)


@_step("choose", object, object)
def _choose(materials: Materials, there: Any, absent: Any) -> Step:
    return Step("choose", lambda value, root: absent if is_absent(value) else there, on_absent=True)


# ── text and numbers ────────────────────────────────────────────────────────────────────────────────────────────


@_step("max", int)
def _max(materials: Materials, most: int) -> Step:
    def run(value: Any, root: Any) -> Any:
        if len(_text(value)) > most:
            # Never cut: a shortened text is a changed text.
            raise Wrong(
                "too-long", f"dài {len(value)} ký tự, tối đa {most}", f"{len(value)} characters long, {most} at most"
            )
        return value

    return Step("max", run)


@_step("text")
def _as_text(materials: Materials) -> Step:
    def run(value: Any, root: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise unfit("not-text", "chữ hoặc số", "a text or a number", value)

    return Step("text", run)


@_step("number")
def _as_number(materials: Materials) -> Step:
    def run(value: Any, root: Any) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            return int(value)
        raise unfit("not-a-number", "số nguyên", "a whole number", value)

    return Step("number", run)


@_step("flag", object, object)
def _flag(materials: Materials, yes: Any, no: Any) -> Step:
    def run(value: Any, root: Any) -> Any:
        if not isinstance(value, bool):
            raise unfit("not-a-flag", "true hoặc false", "true or false", value)
        return yes if value else no

    return Step("flag", run)


@_step("join", str)
def _join(materials: Materials, between: str) -> Step:
    def run(value: Any, root: Any) -> str | None:
        if not isinstance(value, list):
            raise unfit("not-a-list", "danh sách", "a list", value)
        return between.join(_text(v) for v in value) or None

    return Step("join", run)


@_step("strip_suffix", str)
def _strip_suffix(materials: Materials, suffix: str) -> Step:
    return Step("strip_suffix", lambda value, root: _text(value).removesuffix(suffix))


@_step("without", str)
def _without(materials: Materials, characters: str) -> Step:
    gone = str.maketrans("", "", characters)
    return Step("without", lambda value, root: _text(value).translate(gone) or None)


@_step("national_part")
def _national_part(materials: Materials) -> Step:
    """A procedure code without the suffix of a province: 1.001193.000.00.00.H56 is 1.001193; a form's variant (.02) stays."""

    def run(value: Any, root: Any) -> str:
        match = _NATIONAL.match(_text(value))
        if match is None:
            raise Wrong(
                "wrong-form", f"“{show(value)}” không phải mã thủ tục", f"{show(value)!r} is not a procedure code"
            )
        return match.group()

    return Step("national_part", run)


@_step("form", str)
def _form(materials: Materials, form: str) -> Step:
    adapter = _known_form(form)

    def run(value: Any, root: Any) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            reason = "" if first["type"].startswith("string_") else f": {first['msg']}"
            raise Wrong("wrong-form", f"không đúng dạng {form}", f"does not have the form {form}{reason}") from error

    return Step("form", run)


@_step("only", str)
def _only(materials: Materials, form: str) -> Step:
    adapter = _known_form(form)

    def run(value: Any, root: Any) -> Any:
        try:
            return adapter.validate_python(value)
        except ValidationError:
            return None  # the map keeps the text as given in another field

    return Step("only", run)


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────


@_step("time", str)
def _time(materials: Materials, pattern: str) -> Step:
    write = times.writer(_known_pattern(pattern))
    return Step("time", lambda value, root: write(_text(value)))


@_step("from_time", str, repeats=True)
def _from_time(materials: Materials, *patterns: str) -> Step:
    read = times.reader(tuple(p if p == times.ANY_INSTANT else _known_pattern(p) for p in patterns))
    return Step("from_time", lambda value, root: read(_text(value)))


@_step("from_date", str, str)
def _from_date(materials: Materials, pattern: str, moment: str) -> Step:
    """A day without an hour is no moment. Which one stands for it is said: its end, its beginning, or the end but not after we heard of it."""
    if times.has_hour(_known_pattern(pattern)):
        raise ValueError(f"{pattern!r} has an hour: read it with from_time")
    if moment == "start_of_day":
        first = times.reader((pattern,))
        return Step("from_date", lambda value, root: first(_text(value)))
    last = times.day_reader(pattern)
    if moment == "end_of_day":
        return Step("from_date", lambda value, root: last(_text(value), None))
    if not re.fullmatch(rf"{NAME}(\.{NAME})*", moment):
        raise ValueError(
            "from_date ends with end_of_day, start_of_day, or the field that says when we heard, such as _now"
        )
    heard = Path(f"/{moment}", True, tuple(moment.split(".")))

    def run(value: Any, root: Any) -> str:
        told = heard.get(root, root)
        if told is None:
            raise Wrong("missing", f"thiếu {moment}, lúc ta nhận tin", f"{moment}, when we heard, is missing")
        return last(_text(value), times.read_instant(_text(told)))

    return Step("from_date", run, reads=(heard,))


@_step("from_epoch_ms")
def _from_epoch_ms(materials: Materials) -> Step:
    def run(value: Any, root: Any) -> str:
        if not isinstance(value, int) or isinstance(value, bool):
            raise unfit("not-a-number", "số mili giây", "a number of milliseconds", value)
        return times.from_epoch_ms(value)

    return Step("from_epoch_ms", run)


# ── codes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@_step("code", str)
def _code(materials: Materials, name: str) -> Step:
    if name not in materials.tables:
        raise ValueError(f"codes.csv has no table {name!r}: add its rows")
    table = materials.tables[name]

    def run(value: Any, root: Any) -> str:
        found = table.find(_code_text(value))
        if found is None:
            raise Wrong(
                "code-unknown",
                f"mã “{show(value)}” không có trong bảng {name}",
                f"the code {show(value)!r} is not in the table {name}",
            )
        if found == UNFINISHED:
            raise Wrong(
                "unfinished",
                f"bảng {name} chưa có mã cho “{show(value)}”",
                f"the table {name} has no code for {show(value)!r} yet",
            )
        return found

    return Step("code", run)


@_step("lookup", str, str)
def _lookup(materials: Materials, listname: str, column: str) -> Step:
    moment = materials.in_force_at
    if moment is None:
        raise ValueError("lookup wants `in_force_at:` in the map: the moment whose rows count")
    materials.lists.add(listname)

    def run(value: Any, root: Any) -> str | None:
        at = moment(root)
        row = materials.codes.find(listname, _text(value), at)
        if row is None:
            day = at.astimezone(scalars.HANOI).date().isoformat()
            raise Wrong(
                "code-unknown",
                f"mã “{show(value)}” không có hiệu lực trong danh mục {listname} ngày {day}",
                f"the code {show(value)!r} is not in force in the list {listname} on {day}",
            )
        if column not in row:
            raise Wrong(
                "column-unknown",
                f"danh mục {listname} không có cột {column}",
                f"the list {listname} has no column {column}",
            )
        return row[column] or None

    return Step("lookup", run)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise unfit("not-text", "chữ", "a text", value)
    return value


def _code_text(value: Any) -> str:
    """A code as codes.csv writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise unfit("not-a-code", "mã", "a code", value)


def _known_form(form: str) -> TypeAdapter[str]:
    if form not in FORMS:
        raise ValueError(f"there is no form {form!r}; known: {', '.join(FORMS)}")
    return FORMS[form]


def _known_pattern(pattern: str) -> str:
    try:
        times.tokens(pattern)
    except ValueError:
        raise ValueError(
            f"{pattern!r} is no time pattern: it is made of yyyy MM dd T HH mm ss XXX (the offset), each once, and signs"
        ) from None
    return pattern

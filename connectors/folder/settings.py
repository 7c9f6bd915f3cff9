"""What the operator says about a shared folder: `[settings]` of its partner file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.dialect.pointers import Pointer
from gateway.dialect.row import Row, Seconds
from gateway.dialect.taking import NAME, Taking
from gateway.dialect.template import OUTGOING, Template, Text, read_all
from gateway.dialect.unwrap import InSteps, OutSteps


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{path}: phải là đường dẫn tuyệt đối · must be an absolute path")
    return path


def _whole(name: Template) -> Template:
    if "$key" not in name.sources or "/" in "".join(piece for piece in name.pieces if isinstance(piece, str)):
        words = "tên tệp phải có {$key} và không có / · a file's name needs {$key}, and no /"
        raise ValueError(f"{name.text!r}: {words}")
    return name


class Write(Row):
    """`[settings.write]`: how a message becomes a file of ``out``. `name` is filled in, percent-encoded; the rest as in `rest`."""

    name: Annotated[Text, AfterValidator(_whole)] = Field(
        default=Template.read("{$dossier}_{$key}.json"), validate_default=True
    )
    send: Literal["json", "xml", "text"] = "json"
    wrap: OutSteps = Field(default=[])
    inline: list[Pointer] = Field(default=[])
    beside: Annotated[dict[str, Any], BeforeValidator(lambda v: read_all(v, OUTGOING))] = Field(
        default={}, alias="with"
    )


class Read(Taking):
    """`[[settings.read]]`: files of ``in`` whose names fit `files`. `unwrap`: the steps to what is in one.

    `quiet`: a file is read when nobody wrote to it for so many seconds; `ready`: or when a file of the same name with this behind it is there.
    """

    name: str = Field(pattern=NAME)
    files: str = Field(default="*.json", min_length=1)
    unwrap: InSteps = Field(default=["json"])
    quiet: Seconds = 10
    ready: str | None = Field(default=None, pattern=r"^\.[A-Za-z0-9.]{1,20}$")


class Settings(Row):
    """`path` holds ``in``, ``out``, ``processed`` and ``refused``; all on one filesystem."""

    path: Annotated[Path, AfterValidator(_absolute)]
    write: Write = Write()
    read: list[Read] = Field(default=[])
    file_bytes: int = Field(default=10 << 20, ge=1024, le=64 << 20)

    @property
    def mappings(self) -> Sequence[str]:
        return [mapping for row in self.read for mapping in row.mapping]

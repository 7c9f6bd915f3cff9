"""Strict scalar types. Nothing is coerced: a number is not a string, a zero is not 1970.

Forms are those of the field: dossier, procedure and result codes as the national portal writes them, both organisation
code systems (QCVN 102:2016 and QĐ 20/2020/QĐ-TTg), CCCD/CMND, tax codes of 10, 13 and 12 digits.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError
from stdnum.vn import mst

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")

# Fillers seen in the field where an identity paper was not known. They name nobody.
_DUMMY_PAPERS = {"000000001", "000000000001", "123456789", "123456789012"}

DOSSIER_CODE = (
    r"^(([HG][0-9]{2}(\.[0-9A-Z]{2,3}){0,3})|([0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[HG][0-9]{2}))-[0-9]{6}-[0-9]{4,7}$"
)
PROCEDURE_CODE = r"^[0-9]\.[0-9]{6}(\.[0-9]{2})?(\.000\.00\.00)?(\.[HG][0-9]{2})?$"
ORGANISATION_CODE = r"^(([HG][0-9]{2}(\.[0-9A-Z]{1,3}){0,3})|([0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[HG][0-9]{2}))$"
RESULT_CODE = r"^KQ\.[A-Z][0-9]{2}\.[0-9]{6}$"


def _dossier_code(value: str) -> str:
    day = value.rsplit("-", 2)[1]
    try:
        datetime.strptime(day, "%y%m%d")  # noqa: DTZ007 - only the calendar day is checked
    except ValueError:
        raise PydanticCustomError(
            "dossier_code_day", "the middle part {day} is not a day (yymmdd)", {"day": day}
        ) from None
    return value


def _paper_number(value: str) -> str:
    if len(set(value)) == 1 or value in _DUMMY_PAPERS:
        raise PydanticCustomError("dummy_identity", "{value} is a filler, not a person's number", {"value": value})
    return value


def _tax_code(value: str) -> str:
    if len(value) == 12:
        return _paper_number(value)  # since 2025 the personal number is the tax code
    if not mst.is_valid(value):
        raise PydanticCustomError("tax_code", "the tax code's check digit is wrong")
    return value


def read_instant(value: Any) -> datetime:
    """An RFC 3339 text, or an aware datetime, as an instant in UTC. Raises `PydanticCustomError`."""
    if isinstance(value, str):
        if not re.match(
            r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$", value
        ):
            raise PydanticCustomError(
                "instant", "must be an RFC 3339 date-time with its offset, such as 2026-01-05T08:15:00+07:00"
            )
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("instant", "this date-time does not exist") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise PydanticCustomError(
            "instant", "must be an RFC 3339 date-time with its offset, such as 2026-01-05T08:15:00+07:00"
        )
    if not 1990 <= value.year <= 2100:
        raise PydanticCustomError("instant_range", "the year must lie between 1990 and 2100")
    return value.astimezone(UTC)


def _day(value: Any) -> date:
    if isinstance(value, str) and re.match(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("day", "this day does not exist") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise PydanticCustomError("day", "must be a day such as 2026-01-05")


def write_instant(value: datetime) -> str:
    """RFC 3339 in UTC, `Z` written; the one form in which instants are stored."""
    return (
        value.astimezone(UTC)
        .isoformat(timespec="microseconds" if value.microsecond else "seconds")
        .replace("+00:00", "Z")
    )


DossierCode = Annotated[
    str,
    StringConstraints(strict=True, pattern=DOSSIER_CODE),
    AfterValidator(_dossier_code),
    Field(examples=["000.00.01.H99-260105-0001"]),
]
ProcedureCode = Annotated[
    str, StringConstraints(strict=True, pattern=PROCEDURE_CODE), Field(examples=["1.001193", "1.001193.000.00.00.H56"])
]
OrganisationCode = Annotated[
    str, StringConstraints(strict=True, pattern=ORGANISATION_CODE), Field(examples=["000.00.01.H99", "H99.1"])
]
FieldCode = Annotated[
    str, StringConstraints(strict=True, pattern=r"^G[0-9]{2}-[A-Z]{2}[0-9]{2}$"), Field(examples=["G15-HT01"])
]
ResultCode = Annotated[str, StringConstraints(strict=True, pattern=RESULT_CODE), Field(examples=["KQ.G15.000031"])]
Cccd = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{12}$"), AfterValidator(_paper_number)]
Cmnd = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9]{9}$"), AfterValidator(_paper_number)]
TaxCode = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^([0-9]{10}|[0-9]{10}-[0-9]{3}|[0-9]{13}|[0-9]{12})$"),
    AfterValidator(_tax_code),
]
Phone = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^((0|\+84)[35789][0-9]{8}|(0|\+84)2[0-9]{8,9})$"),
    Field(examples=["0912345678"]),
]
Email = Annotated[str, StringConstraints(strict=True, max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Sha256 = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{64}$")]
MessageId = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,199}$")]
WebLink = Annotated[str, StringConstraints(strict=True, max_length=2000, pattern=r"^https?://[^\s]+$")]
Instant = Annotated[
    datetime,
    BeforeValidator(read_instant),
    PlainSerializer(write_instant, return_type=str, when_used="always"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-05T08:15:00+07:00"]}),
]
Day = Annotated[
    date,
    BeforeValidator(_day),
    PlainSerializer(lambda d: d.isoformat(), return_type=str, when_used="always"),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-05"]}),
]


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNSEEN = "\u200b\u200c\u200d\u2060\ufeff"


def _filled(value: str) -> str:
    if not value.strip().strip(_UNSEEN).strip():
        raise PydanticCustomError("blank", "must not be blank")
    if _CONTROL.search(value):
        raise PydanticCustomError("control_character", "must not hold control characters")
    return value


# A text of at most so many characters, never empty, never only white space.
Text50 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=50), AfterValidator(_filled)]
Text60 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=60), AfterValidator(_filled)]
Text100 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=100), AfterValidator(_filled)]
Text150 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=150), AfterValidator(_filled)]
Text250 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=250), AfterValidator(_filled)]
Text255 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=255), AfterValidator(_filled)]
Text500 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=500), AfterValidator(_filled)]
Text1000 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1000), AfterValidator(_filled)]
Text2000 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000), AfterValidator(_filled)]
Text4000 = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=4000), AfterValidator(_filled)]
Money = Annotated[int, Field(strict=True, ge=0, le=10**13, description="Vietnamese đồng, whole")]
Count = Annotated[int, Field(strict=True, ge=0, le=100_000)]

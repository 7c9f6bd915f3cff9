"""The canonical model: strict, nothing coerced, every fault with its pointer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gateway.canonical import TYPES, DossierSubmitted, any_message, schemas
from gateway.canonical import scalars as s
from gateway.canonical.faults import faults_of
from gateway.canonical.rules import broken_rules
from gateway.errors import Refused
from gateway.flow.validate import read_canonical
from tests.house import dossier, status

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD: dict[Any, list[Any]] = {
    s.DossierCode: [
        "000.00.01.H99-260105-0001",
        "H15.50.05.13-261008-0975",
        "H37.DN.001-260101-0001",
        "G09-260105-1234567",
    ],
    s.ProcedureCode: ["1.001193", "2.000635.02", "1.001193.000.00.00.H56", "2.002621.H56"],
    s.OrganisationCode: ["000.00.01.H22", "H56", "H56.14", "H15.50.05.13", "H37.DN.001", "000.00.00.G22", "H99.1"],
    s.TaxCode: ["0100109106", "0100109106-001", "001090000037"],
    s.Phone: ["0912345678", "+84912345678", "02438212345", "0387654321"],
    s.ResultCode: ["KQ.G15.000031"],
    s.Cccd: ["001090000037"],
    s.Cmnd: ["012345679"],
    s.Instant: ["2026-01-05T08:15:00+07:00", "2026-01-05T01:15:00Z", "2026-01-05T01:15:00.5Z"],
}
BAD: dict[Any, list[Any]] = {
    s.DossierCode: [
        "",
        "000.00.01.H99-261305-0001",
        "000.00.01.H99-260105-1",
        "X00-260105-0001",
        7,
        None,
        " 000.00.01.H99-260105-0001",
    ],
    s.ProcedureCode: ["1.1193", "1001193", "1.001193.", 1.001193],
    s.OrganisationCode: ["", "H5", "000.00.1.H22", "56.14"],
    s.TaxCode: ["0100109107", "123", "000000000000", 100109106],
    s.Phone: ["01234567890", "912345678", "84912345678", "0112345678", ""],
    s.ResultCode: ["KQ.15.000031", "kq.G15.000031"],
    s.Cccd: ["000000000000", "000000000001", "12345678901", 1090000037],
    s.Cmnd: ["000000001", "123456789", "111111111", "01234567"],
    s.Instant: [
        0,
        1767575700,
        "2026-01-05",
        "2026-01-05T08:15:00",
        "2026-02-30T08:15:00Z",
        "20260105081500",
        "1970-01-01T00:00:00Z",
        True,
    ],
}


@pytest.mark.parametrize(("scalar", "value"), [(k, v) for k, values in GOOD.items() for v in values])
def test_what_the_field_writes_is_taken(scalar, value) -> None:
    TypeAdapter(scalar).validate_python(value)


@pytest.mark.parametrize(("scalar", "value"), [(k, v) for k, values in BAD.items() for v in values])
def test_what_only_looks_like_it_is_refused(scalar, value) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(scalar).validate_python(value)


SEVENTY_YEARS = 70 * 365 * 86_400 * 1_000_000


@given(st.integers(0, SEVENTY_YEARS), st.integers(-720, 840))
def test_an_instant_survives_any_offset_to_the_microsecond(microseconds, minutes) -> None:
    since = datetime(1991, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    given_ = since.astimezone(timezone(timedelta(minutes=minutes)))
    read = TypeAdapter(s.Instant).validate_python(given_.isoformat())
    written = s.write_instant(read)

    assert read == given_
    assert read.tzinfo is UTC
    assert written.endswith("Z")
    assert TypeAdapter(s.Instant).validate_python(written) == given_


@given(st.text(max_size=40))
def test_a_naive_or_odd_text_is_never_an_instant(text) -> None:
    try:
        read = TypeAdapter(s.Instant).validate_python(text)
    except ValidationError:
        return
    assert read.tzinfo is UTC
    assert text[10] == "T"


@pytest.mark.parametrize("body", [dossier(), status(1, 4, 1)])
def test_a_message_written_and_read_again_is_the_same(body) -> None:
    first = read_canonical(body)
    again = read_canonical(json.loads(first.model_dump_json(exclude_none=True)))

    assert again == first


def test_every_fault_has_its_pointer_in_both_languages_without_tags_of_unions() -> None:
    body = dossier(channel="2", extra=1)
    body["applicant"]["papers"] = [
        {"kind": "CCCD", "number": "1"},
        {"kind": "PASSPORT", "number": "B1"},
        {"kind": "CMND"},
    ]
    del body["summary" if "summary" in body else "submitted_at"]
    with pytest.raises(ValidationError) as error:
        DossierSubmitted.model_validate(body)

    faults = {f.pointer: f for f in faults_of(error.value, body)}

    assert set(faults) == {
        "/channel", "/extra", "/submitted_at", "/applicant/papers/0/number", "/applicant/papers/1", "/applicant/papers/2/number",
    }  # fmt: skip
    assert all(f.detail and f.detail_en and f.detail != f.detail_en for f in faults.values())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=20,
    )
)
def test_no_input_whatever_gets_anything_but_a_message_or_faults(body) -> None:
    with pytest.raises(Refused) as refused:
        read_canonical(body)
    assert refused.value.faults


def test_every_broken_rule_is_told_at_once_at_the_field_to_mend() -> None:
    deadlines = {"received_at": "2026-01-04T09:00:00+07:00", "due_at": "2026-01-03T09:00:00+07:00"}
    files = [{"id": "1", "name": n, "url": "https://files.example.gov.vn/a"} for n in ("a", "b")]
    body = dossier(deadlines=deadlines, attachments=files)
    body["applicant"]["tech_id"] = body["applicant"]["papers"][0]["number"]

    told = {f.pointer: f.code for f in broken_rules(read_canonical(body))}

    assert told == {
        "/deadlines/received_at": "received-before-submitted",
        "/deadlines/due_at": "due-before-received",
        "/attachments/1/id": "attachment-id-twice",
        "/applicant/tech_id": "tech-id-is-number",
    }
    missing = read_canonical(dossier(deadlines={}))
    assert [f.code for f in broken_rules(missing)] == ["received-at-missing"]
    assert broken_rules(read_canonical(dossier())) == []


def test_types_are_told_apart_by_their_name_and_no_other_is_known() -> None:
    assert len(TYPES) == 12
    for name, model in TYPES.items():
        assert model.__name__ == name
    with pytest.raises(ValidationError):
        any_message.validate_python({"type": "DossierDeleted"})


def test_the_committed_schemas_are_those_of_the_model() -> None:
    committed = {f.stem: json.loads(f.read_text(encoding="utf-8")) for f in (ROOT / "docs" / "schemas").glob("*.json")}

    assert committed == json.loads(json.dumps(schemas()))

"""Every fault of an input, with its JSON pointer, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gateway.canonical import scalars
from gateway.errors import Fault

# pydantic's fault types in an officer's words; a type that is not here keeps pydantic's English in both places.
_WORDS = {
    "missing": "thiếu trường bắt buộc",
    "extra_forbidden": "trường này không có trong mô hình dữ liệu chung",
    "string_type": "phải là chuỗi ký tự",
    "string_too_long": "không được dài quá {max_length} ký tự",
    "string_too_short": "phải có ít nhất {min_length} ký tự",
    "string_pattern_mismatch": "không đúng định dạng {pattern}",
    "int_type": "phải là số nguyên",
    "bool_type": "phải là true hoặc false",
    "list_type": "phải là danh sách",
    "dict_type": "phải là một đối tượng JSON",
    "model_type": "phải là một đối tượng JSON",
    "model_attributes_type": "phải là một đối tượng JSON",
    "literal_error": "phải là một trong các giá trị: {expected}",
    "greater_than_equal": "phải lớn hơn hoặc bằng {ge}",
    "less_than_equal": "phải nhỏ hơn hoặc bằng {le}",
    "too_long": "có quá nhiều phần tử (tối đa {max_length})",
    "too_short": "có quá ít phần tử (tối thiểu {min_length})",
    "union_tag_invalid": "không có loại {tag}; các loại được dùng: {expected_tags}",
    "union_tag_not_found": "thiếu trường phân loại {discriminator}",
    "instant": "phải là thời điểm RFC 3339 kèm múi giờ, ví dụ 2026-01-05T08:15:00+07:00",
    "instant_range": "năm phải trong khoảng 1990–2100",
    "day": "phải là ngày, ví dụ 2026-01-05",
    "blank": "không được để trống",
    "control_character": "không được chứa ký tự điều khiển",
    "dossier_code_day": "phần giữa {day} không phải là ngày (yymmdd)",
    "dummy_identity": "{value} là số giả, không phải số định danh",
    "tax_code": "chữ số kiểm tra của mã số thuế sai",
    "file_place": "phải có đúng một trong hai: sha256 (tệp đã tải lên) hoặc url",
}
# Where pydantic speaks of Python, our own English.
_ENGLISH = {
    "missing": "this field is required",
    "extra_forbidden": "this field is not in the canonical model",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a JSON object",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "literal_error": "must be one of: {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_pattern_mismatch": "does not have the form {pattern}",
    "union_tag_invalid": "there is no kind {tag}; known: {expected_tags}",
}
# A form is told by an example; the pattern itself follows, for the sender's programmer.
_FORMS = {
    scalars.DOSSIER_CODE: ("mã hồ sơ, ví dụ 000.00.01.H99-260105-0001", "a dossier code such as 000.00.01.H99-260105-0001"),
    scalars.PROCEDURE_CODE: ("mã thủ tục, ví dụ 1.001193", "a procedure code such as 1.001193"),
    scalars.ORGANISATION_CODE: ("mã đơn vị, ví dụ 000.00.01.H99", "an organisation code such as 000.00.01.H99"),
    scalars.RESULT_CODE: ("mã kết quả, ví dụ KQ.G15.000031", "a result code such as KQ.G15.000031"),
    r"^G[0-9]{2}-[A-Z]{2}[0-9]{2}$": ("mã lĩnh vực, ví dụ G15-HT01", "a field code such as G15-HT01"),
    r"^[0-9]{12}$": ("dãy đúng 12 chữ số", "a number of exactly 12 digits"),
    r"^[0-9]{9}$": ("dãy đúng 9 chữ số", "a number of exactly 9 digits"),
    r"^[0-9]{5}$": ("dãy đúng 5 chữ số", "a number of exactly 5 digits"),
    r"^[0-9]{3}$": ("dãy đúng 3 chữ số", "a number of exactly 3 digits"),
    r"^[0-9]{2}$": ("dãy đúng 2 chữ số", "a number of exactly 2 digits"),
    r"^[0-9a-f]{64}$": ("SHA-256 viết bằng 64 ký tự 0-9 a-f", "a SHA-256 in 64 characters 0-9 a-f"),
    r"^((0|\+84)[35789][0-9]{8}|(0|\+84)2[0-9]{8,9})$": ("số điện thoại, ví dụ 0912345678", "a telephone number such as 0912345678"),
    r"^[^@\s]+@[^@\s]+\.[^@\s]+$": ("địa chỉ thư điện tử, ví dụ ten@donvi.example", "an e-mail address such as name@unit.example"),
    r"^https?://[^\s]+$": ("liên kết http:// hoặc https://", "a link with http:// or https://"),
    r"^([0-9]{10}|[0-9]{10}-[0-9]{3}|[0-9]{13}|[0-9]{12})$": ("mã số thuế 10, 12 hoặc 13 chữ số", "a tax code of 10, 12 or 13 digits"),
}  # fmt: skip


def pointer(path: Sequence[str | int]) -> str:
    """An RFC 6901 JSON pointer."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path)


def faults_of(error: ValidationError, body: Any) -> list[Fault]:
    """Pydantic's findings as faults. Tags of unions, which pydantic puts into its path, are no part of the input and are left out."""
    return [_fault(e, body) for e in error.errors(include_url=False, include_input=False)]


def _fault(error: Any, body: Any) -> Fault:
    kind, english = error["type"], error["msg"]
    context = error.get("ctx", {})
    words, ours = _WORDS.get(kind), _ENGLISH.get(kind)
    vietnamese = words.format(**{**context, **_in_vietnamese(context)}) if words else english
    english = ours.format(**context) if ours else english
    form = _FORMS.get(context.get("pattern", ""))
    if form and kind == "string_pattern_mismatch":
        vietnamese, english = f"phải là {form[0]} ({vietnamese})", f"must be {form[1]} (it {english})"
    return Fault(
        pointer(_path(error["loc"], body, missing=kind == "missing")), kind.replace("_", "-"), vietnamese, english
    )


def _in_vietnamese(context: dict[str, Any]) -> dict[str, str]:
    """Pydantic joins the last two of a list by an English word."""
    return {name: context[name].replace(" or ", " hoặc ") for name in ("expected", "expected_tags") if name in context}


def _path(loc: tuple[str | int, ...], body: Any, *, missing: bool) -> list[str | int]:
    path: list[str | int] = []
    here = body
    for i, step in enumerate(loc):
        last = i == len(loc) - 1
        if isinstance(here, dict) and step not in here and not (last and missing):
            continue
        path.append(step)
        if isinstance(here, dict):
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
    return path

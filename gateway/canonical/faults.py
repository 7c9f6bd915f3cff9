"""Every fault of an input, with its JSON pointer, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gateway.errors import Fault

# pydantic's fault types in an officer's words; a type that is not here keeps pydantic's English in both places.
_WORDS = {
    "missing": "thiếu trường bắt buộc",
    "extra_forbidden": "trường này không có trong hợp đồng dữ liệu",
    "string_type": "phải là chuỗi ký tự",
    "string_too_long": "dài quá {max_length} ký tự",
    "string_too_short": "phải có ít nhất {min_length} ký tự",
    "string_pattern_mismatch": "không đúng định dạng {pattern}",
    "int_type": "phải là số nguyên",
    "bool_type": "phải là true hoặc false",
    "list_type": "phải là danh sách",
    "dict_type": "phải là đối tượng",
    "model_type": "phải là đối tượng",
    "model_attributes_type": "phải là đối tượng",
    "literal_error": "phải là một trong: {expected}",
    "greater_than_equal": "phải lớn hơn hoặc bằng {ge}",
    "less_than_equal": "phải nhỏ hơn hoặc bằng {le}",
    "too_long": "có quá nhiều phần tử (tối đa {max_length})",
    "too_short": "có quá ít phần tử (tối thiểu {min_length})",
    "union_tag_invalid": "loại {tag} không có; các loại: {expected_tags}",
    "union_tag_not_found": "thiếu trường phân loại {discriminator}",
    "instant": "phải là thời điểm RFC 3339 kèm múi giờ, ví dụ 2026-01-05T08:15:00+07:00",
    "instant_range": "năm phải trong khoảng 1990–2100",
    "day": "phải là ngày, ví dụ 2026-01-05",
    "blank": "không được để trống",
    "control_character": "không được chứa ký tự điều khiển",
    "tech_id_is_number": "tech_id là mã kỹ thuật của tài khoản, không phải số giấy tờ hay mã số thuế",
    "dossier_code_day": "phần giữa {day} không phải là ngày (yymmdd)",
    "dummy_identity": "{value} là số giả, không phải số định danh",
    "tax_code": "chữ số kiểm tra của mã số thuế sai",
    "file_place": "phải có đúng một trong hai: sha256 (tệp đã tải lên) hoặc url",
    "received_at_missing": "hồ sơ ở trạng thái {status} đã được tiếp nhận: cần deadlines.received_at",
    "received_before_submitted": "thời điểm tiếp nhận trước thời điểm nộp",
    "due_before_received": "ngày hẹn trả trước ngày tiếp nhận",
    "attachment_id_twice": "hai tệp đính kèm trùng id",
}


def pointer(path: Sequence[str | int]) -> str:
    """An RFC 6901 JSON pointer."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path)


def faults_of(error: ValidationError, body: Any) -> list[Fault]:
    """Pydantic's findings as faults. Tags of unions, which pydantic puts into its path, are no part of the input and are left out."""
    return [_fault(e, body) for e in error.errors(include_url=False, include_input=False)]


def _fault(error: Any, body: Any) -> Fault:
    kind, english = error["type"], error["msg"]
    context = error.get("ctx", {})
    words = _WORDS.get(kind)
    vietnamese = words.format(**context) if words else english
    return Fault(
        pointer(_path(error["loc"], body, missing=kind == "missing")), kind.replace("_", "-"), vietnamese, english
    )


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

"""Every error the door gives is an RFC 9457 problem document, in both languages, with every fault found."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from gateway.errors import Misconfigured, Refused
from gateway.flow.answers import problem, problem_document
from gateway.ledger.opening import Clash, LedgerAway

log = structlog.get_logger("web")

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5


class TooSlow(Refused):
    status = 408
    title = "Nội dung gửi đến quá chậm"
    title_en = "The body came too slowly"
    kind = "too-slow"


class Gone(Refused):
    status = 410
    title = "Liên kết đã hết hạn"
    title_en = "The link has expired"
    kind = "gone"


class LengthRequired(Refused):
    status = 411
    title = "Thiếu độ dài nội dung"
    title_en = "The body's length is missing"
    kind = "length-required"


class Busy(Refused):
    """One caller holds all the places it may have, or asks too often."""

    status = 429
    retry_seconds = 1
    title = "Quá nhiều yêu cầu đang dở"
    title_en = "Too many requests under way"
    kind = "busy"


_TITLES = {
    400: ("bad-request", "Yêu cầu không đọc được", "The request cannot be read"),
    404: ("not-found", "Không tìm thấy", "Not found"),
    405: ("method-not-allowed", "Phương thức không được phép", "Method not allowed"),
    413: ("too-large", "Nội dung quá lớn", "The body is too large"),
    415: ("unsupported-type", "Loại nội dung không được hỗ trợ", "Unsupported content type"),
    500: ("fault", "Cổng gặp lỗi", "The gateway has failed"),
    503: ("away", "Tạm thời không nhận được", "Temporarily not available"),
    507: ("full", "Hết chỗ lưu trữ", "Out of storage"),
}


def answer_problem(refused: Refused) -> Response:
    headers = {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="lienthong", LT-HMAC realm="lienthong"'
    if isinstance(refused, Busy):
        headers["Retry-After"] = str(refused.retry_seconds)
    return _response(problem(refused, request.path), headers)


def answer_status(
    status: int, detail: str, detail_en: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """A problem that is no refusal of an input: an unknown path, a ledger that is away. `more` stands beside the problem's own members."""
    return stand_alone(status, request.path, detail, detail_en, headers or {}, **more)


def stand_alone(
    status: int, path: str, detail: str, detail_en: str, headers: Mapping[str, str], **more: Any
) -> Response:
    """The same for a request that no app of ours has seen."""
    phrase = HTTPStatus(status).phrase
    kind, title, title_en = _TITLES.get(status, (phrase.lower().replace(" ", "-"), phrase, phrase))
    fault = {"pointer": "", "code": kind, "detail": detail, "detail_en": detail_en}
    return _response({**problem_document(status, kind, title, title_en, path, [fault]), **more}, headers)


def _response(document: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    # A character that UTF-8 cannot carry (half a surrogate pair, in a name we repeat) is written as its JSON escape.
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status=document["status"], content_type=MEDIA_TYPE, headers=dict(headers))


def catch_all(app: Flask) -> None:
    """Turn every error of the app into a problem document. An unforeseen one is logged and told without detail."""
    app.register_error_handler(Exception, answer_error)


def answer_error(error: Exception) -> Response:
    """The problem document of any error."""
    match error:
        case Refused():
            return answer_problem(error)
        case HTTPException():
            return _on_http(error)
        case Clash():  # before its parent
            return _on_clash(error)
        case LedgerAway():
            return _on_away(error)
        case OSError():
            return _on_system(error)
        case _:
            return _on_fault(error)


def _on_http(error: HTTPException) -> Response:
    status = error.code or 500
    headers = {}
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        headers["Allow"] = ", ".join(sorted(allowed))
    _, title, title_en = _TITLES.get(status, ("", error.name, error.name))
    detail, detail_en = title, title_en
    if status == 404:
        detail, detail_en = "cổng không có đường dẫn này; xem /openapi.json", "there is no such path; see /openapi.json"
    elif allowed:
        methods = ", ".join(sorted(set(allowed) - {"HEAD", "OPTIONS"}))
        detail, detail_en = f"đường dẫn này chỉ nhận {methods}", f"this path takes only {methods}"
    return answer_status(status, detail, detail_en, headers)


def _on_away(error: LedgerAway) -> Response:
    if "is full" in str(error) or "No space left" in str(error):
        return _full()
    log.error("ledger_away", route=request.endpoint)
    later = {"Retry-After": str(RETRY_SECONDS)}
    return answer_status(
        503, "cơ sở dữ liệu của cổng tạm thời không trả lời, hãy gửi lại sau", "the ledger is away, try later", later
    )


def _on_clash(_error: Clash) -> Response:
    later = {"Retry-After": "1"}
    return answer_status(
        503, "một yêu cầu trùng vừa đến trước, hãy gửi lại", "a request like this one came first, send it again", later
    )


def _on_system(error: OSError) -> Response:
    return _full() if error.errno in (errno.ENOSPC, errno.EDQUOT) else _on_fault(error)


def _full() -> Response:
    log.error("storage_full", route=request.endpoint)
    words = "hết chỗ lưu trữ, chưa có gì được nhận", "out of storage, nothing was accepted"
    return answer_status(507, *words, {"Retry-After": "60"})


def _on_fault(error: Exception) -> Response:
    log.error("request_failed", route=request.endpoint, method=request.method, exc_info=error)
    if isinstance(error, Misconfigured):
        return answer_status(500, "cấu hình của cổng có lỗi", "the gateway's configuration is wrong")
    return answer_status(
        500, "cổng gặp lỗi ngoài dự kiến, đã được ghi vào nhật ký", "an unforeseen fault; it was recorded"
    )


__all__ = [
    "MEDIA_TYPE",
    "Busy",
    "Gone",
    "LengthRequired",
    "TooSlow",
    "answer_error",
    "answer_problem",
    "answer_status",
    "catch_all",
    "stand_alone",
]

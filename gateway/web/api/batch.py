"""POST /messages/batch"""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from gateway.errors import Fault, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.answers import problem, receipt
from gateway.ports import Accepted
from gateway.web.api import api
from gateway.web.here import answer, caller, gateway, json_body, plain, trace
from gateway.web.openapi import answers, body, ref
from gateway.web.receipts import submission
from gateway.web.shapes import BatchAnswer


@api.post(
    "/messages/batch",
    summary="Gửi nhiều bản tin / send many messages of any type",
    description="Each on its own merits, in order, in one transaction: a bad one does not keep the good ones out. 202 when every one was "
    "accepted, otherwise 207. Each message's `id` makes it idempotent, so a batch may be sent again whole; Idempotency-Key adds nothing here.",
    operation_id="submitBatch",
    request_body=body(ref("Batch"), "messages of any type"),
    responses=answers(
        400, 401, 408, 413, 415, 422, 429, 507, _202=(BatchAnswer, "nhận tất cả / all accepted"), _207=(BatchAnswer, "nhận một phần / some")
    ),
)  # fmt: skip
@plain
def submit_batch() -> Response:
    content, _ = json_body()
    items = _items(content, gateway().config.settings.web.batch)
    submissions = [submission(item, json.dumps(item, ensure_ascii=False).encode()) for item in items]
    results = [_result(r) for r in Acceptance(gateway(), caller().partner).many(submissions, trace=trace())]
    accepted = sum(1 for r in results if r["receipt"] is not None)
    whole = {"accepted": accepted, "refused": len(results) - accepted, "results": results}
    return answer(whole, 202 if accepted == len(results) else 207)


def _items(content: Any, most: int) -> list[Any]:
    if not isinstance(content, dict):
        raise Refused.of("", "model-type", "phải là đối tượng", "must be an object")
    words = "trường này không có trong hợp đồng dữ liệu", "there is no such field"
    faults = [Fault(f"/{_escape(name)}", "extra-forbidden", *words) for name in content if name != "messages"]
    items = content.get("messages")
    if "messages" not in content:
        faults.append(Fault("/messages", "missing", "thiếu trường bắt buộc", "Field required"))
    elif not isinstance(items, list) or not 1 <= len(items) <= most:
        words = f"phải là danh sách 1 đến {most} bản tin", f"must be a list of 1 to {most} messages"
        faults.append(Fault("/messages", "list", *words))
    if faults or not isinstance(items, list):
        raise Refused(faults)
    return items


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _result(one: Accepted | Refused) -> dict[str, Any]:
    if isinstance(one, Refused):
        return {"status": one.status, "receipt": None, "problem": problem(one, request.path)}
    return {"status": 200 if one.repeated else 202, "receipt": receipt(one), "problem": None}

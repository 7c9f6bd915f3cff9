"""`/openapi.json`, OpenAPI 3.1: the operations as their files describe them, the canonical schemas whole, nothing coerced.

flask-openapi collects the operations. Its own rendering says 3.2, drops schema keywords that it does not know (`propertyNames`) and
promises a validation error that we never send, so the document is put together here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_openapi.openapi import OpenAPI
from pydantic.json_schema import models_json_schema

from gateway.canonical import TYPES, CatalogueChanged
from gateway.web import shapes
from gateway.web.problems import MEDIA_TYPE
from gateway.web.shapes import Problem, Receipt, Shape

_REF = "#/components/schemas/{model}"
Schema = dict[str, Any]


def ref(model: type[Any] | str) -> Schema:
    return {"$ref": _REF.format(model=model if isinstance(model, str) else model.__name__)}


def body(schema: Schema, description: str, media_type: str = "application/json") -> dict[str, Any]:
    """A request body, for the operation's `request_body`."""
    return {"description": description, "required": True, "content": {media_type: {"schema": schema}}}


def answers(*faults: int, **good: tuple[type[Shape], str]) -> dict[Any, Any]:
    """An operation's responses: ``_202=(Receipt, "stored")``, and the statuses that come with a problem document."""
    found: dict[Any, Any] = {}
    for name, (model, description) in good.items():
        content = {"application/json": {"schema": ref(model)}}
        found[name.lstrip("_")] = {"description": description, "content": content}
    for status in sorted({*faults, 500, 503}):
        found[str(status)] = {
            "description": "vấn đề / problem",
            "content": {MEDIA_TYPE: {"schema": ref(Problem)}},
        }
    return found


def parameter(
    name: str, description: str, schema: Schema, where: str = "query", required: bool = False
) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "description": description, "schema": schema}


CODE = parameter("code", "mã hồ sơ / dossier code", {"type": "string"}, "path", True)
AFTER = parameter("after", "con trỏ `next` của trang trước / `next` of the page before", {"type": "string"})
TAKEN: dict[str, tuple[type[Shape], str]] = {
    "_202": (Receipt, "đã nhận / accepted"),
    "_200": (Receipt, "đã nhận từ trước / accepted before"),
}
IDEMPOTENCY = parameter(
    "Idempotency-Key",
    "thêm vào id của bản tin; cùng khóa, cùng nội dung: biên nhận đầu tiên / besides the message's id; same key and content: first receipt",
    {"type": "string", "maxLength": 200},
    "header",
)


def limit(most: int, default: int) -> dict[str, Any]:
    return parameter(
        "limit",
        "số dòng nhiều nhất / at most so many",
        {"type": "integer", "minimum": 1, "maximum": most, "default": default},
    )


def with_parameters(*rows: dict[str, Any]) -> dict[str, Any]:
    """For the operation's `openapi_extensions`."""
    return {"parameters": list(rows)}


def document(app: OpenAPI, version: str, address: str) -> dict[str, Any]:
    """The whole document, ready for JSON."""
    paths = {
        path: item.model_dump(mode="json", by_alias=True, exclude_none=True) for path, item in sorted(app.paths.items())
    }
    _tidy(paths)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Lienthong: cổng liên thông dịch vụ công / integration gateway for public administration",
            "version": version,
            "description": "Gửi hồ sơ, trạng thái; hỏi hồ sơ đang ở đâu và ai đang tin gì. "
            "Send dossiers and statuses; ask where a dossier stands and what each system believes.",
        },
        "servers": [{"url": address}],
        "security": [{"bearer": []}, {"signed": []}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _SECURITY},
    }


_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "lt_<key id>_<secret>"},
    "signed": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "LT-HMAC key=<key id>, time=<Unix seconds>, nonce=<16–64 chars>, sign=<hex>. sign = HMAC-SHA256(secret, METHOD \\n "
        "path?query \\n time \\n nonce \\n hex SHA-256 of the body). Uploads carry the body's hash in X-Content-SHA256.",
    },
}


def _schemas() -> dict[str, Any]:
    canonical: Sequence[Any] = [*TYPES.values(), CatalogueChanged]
    ours = [m for m in vars(shapes).values() if isinstance(m, type) and issubclass(m, Shape) and m is not Shape]
    _, taken = models_json_schema([(m, "validation") for m in canonical], ref_template=_REF)
    _, given = models_json_schema([(m, "serialization") for m in ours], ref_template=_REF)
    found = {**taken["$defs"], **given["$defs"]}
    found["Message"] = {
        "oneOf": [ref(m) for m in TYPES.values()],
        "discriminator": {
            "propertyName": "type",
            "mapping": {n: _REF.format(model=m.__name__) for n, m in TYPES.items()},
        },
    }
    found["Batch"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["messages"],
        "properties": {"messages": {"type": "array", "minItems": 1, "items": ref("Message")}},
    }
    return found


def _tidy(paths: dict[str, Any]) -> None:
    for item in paths.values():
        for operation in item.values():
            if isinstance(operation, dict):
                operation.pop("tags", None)
                if operation.get("deprecated") is False:
                    del operation["deprecated"]

"""POST /files"""

from __future__ import annotations

import re

from flask import Response, request

from gateway.errors import BadRequest
from gateway.web.api import api
from gateway.web.bodies import check_length, given_digest, pieces, require_length
from gateway.web.here import answer, caller, house, plain
from gateway.web.openapi import answers, parameter, with_parameters
from gateway.web.shapes import FileAnswer

MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w!#$&^.+-]{0,99}/[A-Za-z0-9][\w!#$&^.+-]{0,99}", re.ASCII)


@api.post(
    "/files",
    summary="Tải tệp lên / upload a file",
    description="The file is the body itself. Messages then name it by its sha256. The digest, when given, is checked before the file is kept.",
    operation_id="uploadFile",
    request_body={
        "description": "the bytes of the file; Content-Type is kept",
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    responses=answers(
        400, 401, 408, 411, 413, 422, 429, 507, _201=(FileAnswer, "đã lưu / kept")
    ),
    openapi_extensions=with_parameters(
        parameter("Content-Digest", "RFC 9530, sha-256=:base64:", {"type": "string"}, "header"),
        parameter("X-Content-SHA256", "the same in hex", {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "header"),
    ),
)  # fmt: skip
@plain
def upload_file() -> Response:
    here, who = house(), caller()
    web = here.gateway.config.settings.web
    require_length(request)
    check_length(request, web.file_bytes)
    media_type = (
        request.mimetype or "application/octet-stream"
    )  # RFC 9110, 8.3: what a body without a type may be taken for
    if not MEDIA_TYPE.fullmatch(media_type):
        raise BadRequest.of("", "media-type", "Content-Type sai dạng", "the Content-Type is malformed")
    expected = given_digest(request)
    with here.places.hold(who.partner.id):
        chunks = iter([who.body]) if who.body is not None else pieces(request, web.file_bytes, web.read_seconds)
        sha, size = here.gateway.files.keep(
            chunks, media_type=media_type, source=who.partner.id, now=here.gateway.now(), most=web.file_bytes, expected=expected
        )  # fmt: skip
    return answer({"sha256": sha, "size": size}, 201)

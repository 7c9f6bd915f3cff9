"""`GET /files/<sha256>/<name>?until=&sign=`: an uploaded file by the link that a message carried to its destination."""

from __future__ import annotations

import hmac
import re
from urllib.parse import quote

from flask import Blueprint, Response, request, send_file
from werkzeug.exceptions import NotFound

from gateway.web.here import gateway, house
from gateway.web.problems import Gone

files = Blueprint("public", __name__)

_SHA256 = re.compile(r"[0-9a-f]{64}")
PUBLIC = "public"  # under this name all downloads share their places


@files.get("/files/<sha256>/<path:name>")
def download(sha256: str, name: str) -> Response:
    """404 for a link that is not ours or whose file is unknown, 410 for one of ours that has expired."""
    path = f"/files/{sha256}/{quote(name, safe='')}"
    until, sign = request.args.get("until", ""), request.args.get("sign", "")
    if not gateway().good_link(path, until, sign):
        ours = gateway().sign("link", f"{path}|{until}")
        if hmac.compare_digest(ours.encode(), sign.encode()):
            raise Gone.of("", "gone", "liên kết này đã hết hạn", "this link has expired")
        raise NotFound
    media_type = gateway().files.media_type(sha256) if _SHA256.fullmatch(sha256) else None
    if media_type is None:
        raise NotFound
    places = house().places
    places.take(PUBLIC)
    try:
        sent = send_file(
            gateway().files.path(sha256), mimetype=media_type, as_attachment=True, download_name=name, etag=sha256, conditional=True
        )  # fmt: skip
    except BaseException:
        places.leave(PUBLIC)
        raise
    sent.call_on_close(lambda: places.leave(PUBLIC))
    # Whatever the file holds, a browser keeps it a file: it shows nothing, runs nothing, and guesses no other type.
    sent.headers["X-Content-Type-Options"] = "nosniff"
    sent.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    sent.headers["Cache-Control"] = "private, no-store"
    sent.headers["Referrer-Policy"] = "no-referrer"
    return sent

"""The trunk's passing error, a JSON object with the word edXML in it, was kept as the document, and the document acknowledged away."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.edxml import FOLDER
from connectors.edxml.client import Client
from connectors.edxml.simulator import EdxmlTwin
from gateway.errors import TryLater
from gateway.outcomes import Outcomes
from gateway.simulation import Request, Response, Serve
from tests.connectors.test_edxml import CODE, mailbox, read_all, settings

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")


class Troubled(EdxmlTwin):
    said: dict[str, Any] | None = None

    def _do(self, request: Request, operation: str, kind: str, document: bytes) -> Response:
        if operation == "getEdoc" and self.said is not None:
            return Response(200, self.said)
        return super()._do(request, operation, kind, document)


@pytest.mark.parametrize("transport", ["vxp", "province"])
@pytest.mark.parametrize(
    "said",
    [
        {"status": "FAIL", "errorCode": "99", "errorDesc": "Tạm thời không đọc được tệp edXML"},
        {"status": "OK", "errorCode": "0", "message": "edXML"},
    ],
)
def test_the_document_is_fetched_again(transport: str, said: dict[str, Any]) -> None:
    twin = Troubled()
    serve = Serve(twin)
    serve.start()
    number = twin.act({"status": {"dossier": CODE, "code": "05"}})
    twin.said = said
    with pytest.raises(TryLater):
        Client(settings(serve.url, transport), OUTCOMES).fetch(number)
    feed = mailbox(serve, transport=transport)
    assert feed.poll(None).items == []
    assert twin.book()["acknowledged"] == []

    twin.said = None
    items = [item for page in read_all(mailbox(serve, transport=transport)) for item in page.items]
    serve.stop()

    assert [item.body and item.body["status"] for item in items] == [4]
    assert twin.book()["acknowledged"] == [[number, "done"]]

"""Each acceptance held a connection and wanted another to look for the files of what it implied: with a full pool, none could end."""

from __future__ import annotations

from sqlalchemy import event

from gateway.config import Route, When
from tests.house import House, dossier


class Result:
    name, version = "result", "1"

    def __init__(self, sha: str) -> None:
        self.sha = sha

    def translate(self, view):
        message = view["message"]
        file = {"id": "1", "name": "kq.pdf", "sha256": self.sha}
        names = ("dossier", "event_time")
        return {
            "type": "ResultIssued",
            "id": f"kq-{view['meta']['id']}",
            "results": [file],
            **{n: message[n] for n in names},
        }


def test_one_connection_is_enough(house: House, monkeypatch) -> None:
    sha, _ = house.gateway.files.keep(
        [b"%PDF"], media_type="application/pdf", source="one-stop", now=house.gateway.now(), most=99
    )
    monkeypatch.setitem(vars(house.gateway), "translations", {"result": Result(sha)})
    house.gateway.config.routes.append(Route(name="kq", when=When(type=["DossierSubmitted"]), implies="result"))
    out, most = 0, 0

    def taken(*_):
        nonlocal out, most
        out += 1
        most = max(most, out)

    def back(*_):
        nonlocal out
        out -= 1

    event.listen(house.gateway.ledger.engine, "checkout", taken)
    event.listen(house.gateway.ledger.engine, "checkin", back)
    house.accept("one-stop", dossier())

    house.work("portal")
    assert [code for code, _ in house.partners["portal"].effects] == [dossier()["dossier"]] * 2
    assert most == 1

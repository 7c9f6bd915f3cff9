"""The real connectors towards their twins over HTTP, while the twins misbehave in every way they know; and one that answers a drop at a time."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from gateway.cli.books import compare
from gateway.cli.trial import find_simulator
from gateway.config import Config, default_folder
from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.flow.clock import Clock
from gateway.flow.deliver import Work
from gateway.flow.gateway import Gateway
from gateway.ledger import people, standing
from gateway.ledger.conservation import conserve
from gateway.ports import Submission
from gateway.simulation import Chaos, Serve
from tests.e2e.town import PARTNERS, SETTINGS, partner_addresses, quicken
from tests.faults.cut import Cut
from tests.faults.grounds import ENGINES, fresh, scratch
from tests.faults.table import Row, fault, seeds
from tests.faults.verdict import Tally, Verdict, longest_wait
from tests.house import ADDRESSES, dossier, status

HOME = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": {"detail": "Số 1 đường A", "province": "19"}}
LIFE = ((4, 1), (4, 2), (9, 3))  # status and minute
PATIENCE = 90.0  # seconds until all is still


def misfortunes(connector: str, seed: int) -> Chaos:
    """All that a twin can do wrong, at once. Sessions end besides, each second: see `Street.expire`.

    The portal's progress rows carry no key: a proxy that repeats one doubles it, whoever sent it. That misfortune is for the others.
    """
    return Chaos(
        seed=seed, slow=0.05, slow_seconds=0.3, error_500=0.08, drop_before=0.05, drop_after=0.08, wrong_type=0.05,
        duplicate_answer=0.0 if connector == "mapi" else 0.1,
    )  # fmt: skip


class Street:
    """One gateway process with its threads, real connectors, and the twins of all partners. Pauses are short."""

    def __init__(self, url: str, *, dripping: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(dir=scratch()))
        shutil.copytree(default_folder(), self.home / "config")
        quicken(self.home / "config")
        self.twins = {name: Serve(find_simulator(name)(settings)) for name, settings in SETTINGS.items()}
        urls = {name: twin.start() for name, twin in self.twins.items()}
        self.drip = Cut(("127.0.0.1", urlsplit(urls["mapi"]).port or 0)) if dripping else None
        if self.drip is not None:
            self.drip.set("drip")
            urls["mapi"] = f"http://127.0.0.1:{self.drip.port}"
        os.environ.update({**ADDRESSES, **partner_addresses(urls)})
        config = Config(self.home)
        data = self.home / "data"
        config.settings = config.settings.model_copy(update={"ledger": url, "data": data, "channel": "memory"})
        self.gateway = Gateway(self.home, config=config)
        self.ledger = self.gateway.ledger
        self.receipts: dict[str, str] = {}
        self._expired_at = 0.0
        self.work, self.clock = Work(self.gateway), Clock(self.gateway)
        self.work.start()
        self._ticking = threading.Thread(target=self.clock.run)
        self._ticking.start()

    def live(self, dossiers: int) -> None:
        """Whole lives of dossiers; every third result goes home by post."""
        self.twins["one_stop_rest"].twin.act({"knows": [dossier(n)["dossier"] for n in range(1, dossiers + 1)]})
        acceptance = Acceptance(self.gateway, self.gateway.config.partners["one-stop"])
        for number in range(1, dossiers + 1):
            bodies = [dossier(number, **({"postal": {"return_to": HOME}} if number % 3 == 0 else {}))]
            bodies += [status(number, code, minute) for code, minute in LIFE]
            for body in bodies:
                receipt = acceptance.one(Submission(body["id"], body, json.dumps(body).encode()))
                self.receipts[body["id"]] = receipt.id

    def decide(self) -> None:
        """A person retries what is parked; the partner is asked first where that is in doubt."""
        with self.ledger.read() as connection:
            parked = [row.id for row in people.parked(connection)]
        for one in parked:
            with self.ledger.write() as connection, suppress(Refused):  # somebody was faster
                people.retry(connection, one, who="mau", reason="thử lại", now=self.gateway.now())

    def wait(self, until: Callable[[], bool], seconds: float, what: str) -> list[str]:
        """People at work meanwhile. A sentence when it did not come to pass."""
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                return [f"not within {seconds:.0f} s: {what}; {self.open()} deliveries are open"]
            self.decide()
            time.sleep(0.2)
        return []

    def expire(self) -> None:
        """End every session, once a second at most: where each one ends at its first use, we are locked out, and ask again in 15 minutes."""
        if time.monotonic() - self._expired_at > 1.0:
            self._expired_at = time.monotonic()
            for twin in self.twins.values():
                with twin.twin.lock:
                    twin.twin.expire()

    def still_in_the_midst(self) -> bool:
        self.expire()
        return self.open() == 0

    def wait_for_orders(self, wanted: int, seconds: float) -> list[str]:
        post = self.twins["vnpost_hcc"].twin
        return self.wait(lambda: len(post.book()["orders"]) == wanted, seconds, "the post has its orders")

    def open(self) -> int:
        with self.ledger.read() as connection:
            return standing.open_count(connection)

    def returned(self) -> int:
        """Dossiers that the portal knows as returned by post."""
        dossiers = self.twins["mapi"].twin.book()["dossiers"].values()
        return sum(d["fields"].get("TrangThaiHoSo") == "10" for d in dossiers)

    def finish(self, dossiers: int) -> list[str]:
        """The twins behave; everything comes to its end."""
        for twin in self.twins.values():
            twin.chaos = Chaos()
        wrong = self.wait(lambda: self.open() == 0, PATIENCE, "all delivered")
        self.twins["vnpost_hcc"].twin.act({"deliver_all": True})
        wrong += self.wait(lambda: self.returned() == dossiers // 3, PATIENCE, "all results returned")
        return wrong + self.wait(lambda: self.open() == 0, PATIENCE, "all told of it")

    def verdict(self, since: datetime) -> Verdict:
        verdict = Verdict()
        books = {partner: self.twins[connector].twin.book() for partner, connector in PARTNERS.items()}
        with self.ledger.read() as connection:
            verdict.wrong += [f"{found.law}: {found.wrong_en}" for found in conserve(connection)]
            heard = set(standing.heard_from(connection, "one-stop"))
        for sentence in compare(self.ledger, books):
            verdict.duplicated += "thừa" in sentence or "created" in sentence
            verdict.lost += "thiếu" in sentence
            verdict.reordered += "sai thứ tự" in sentence
            verdict.wrong.append(sentence)
        gone = self.receipts.keys() - heard
        verdict.lost += len(gone)
        verdict.wrong += [f"lost: {one}" for one in sorted(gone)]
        verdict.stall = longest_wait(self.ledger, books, since)
        return verdict

    def close(self) -> None:
        self.clock.stop()
        self._ticking.join()
        self.work.stop()
        self.gateway.close()
        for twin in self.twins.values():
            twin.stop()
        if self.drip is not None:
            self.drip.close()
        shutil.rmtree(self.home)


@contextmanager
def _street(url: str, *, dripping: bool = False) -> Iterator[Street]:
    before = dict(os.environ)
    street = Street(url, dripping=dripping)
    try:
        yield street
    finally:
        street.close()
        os.environ.clear()
        os.environ.update(before)


@fault(
    "Đối tác làm rồi mới đứt, trả sai kiểu, lỗi 500, hết phiên… · partners time out after the deed, answer wrongly, end sessions …"
)
def misbehaving(seed: int, scale: float) -> Row:
    tally, calls = Tally("misbehaving"), 0
    dossiers = 30
    for one in seeds(seed, scale, 8):
        with fresh(ENGINES[one % 2]) as url, _street(url) as street:
            for place, (connector, twin) in enumerate(street.twins.items()):
                twin.chaos = misfortunes(connector, one + place)
            street.live(dossiers)
            ended = random.Random(one).uniform(6, 10)
            street.wait(street.still_in_the_midst, ended, "all delivered in the midst of it")
            since = street.gateway.now()
            wrong = street.finish(dossiers)
            verdict = street.verdict(since)
            verdict.wrong += wrong
            calls += len(street.receipts)
            tally.add(one, verdict)
    return tally.row(
        f"{calls} tin qua các đầu nối thật, kể cả phiên hết hạn giữa chừng · messages over the real connectors, HTTP, sessions expiring"
    )


@fault("Đối tác trả lời từng giọt không làm ai khác phải chờ · a partner that drips its answers starves nobody else")
def dripping(seed: int, scale: float) -> Row:
    tally, waited = Tally("dripping"), 0.0
    dossiers = 30
    for one in seeds(seed, scale, 2):
        with fresh(ENGINES[one % 2]) as url, _street(url, dripping=True) as street:
            begun = time.monotonic()
            street.live(dossiers)
            wrong = street.wait_for_orders(dossiers // 3, 20)
            waited = max(waited, time.monotonic() - begun)
            if street.open() == 0:
                wrong.append("the portal did not drip: everything was delivered at once")
            assert street.drip is not None
            street.drip.set("through")
            since = street.gateway.now()
            wrong += street.finish(dossiers)
            verdict = street.verdict(since)
            verdict.wrong += wrong
            tally.add(one, verdict)
    return tally.row(
        f"bưu điện nhận đủ lệnh trong · the post had all its orders within {waited:.1f} s, the portal still dripping"
    )

"""A gateway with partners in memory, and dossiers to send through it. All people are invented."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.flow.accept import Acceptance
from gateway.flow.deliver import Courier
from gateway.flow.gateway import Gateway
from gateway.ledger.conservation import conserve
from gateway.ports import Accepted, Found, Health, Parcel, Receipt, Submission

ADDRESSES = {
    "LIENTHONG_ONE_STOP_URL": "http://127.0.0.1:9/one-stop",
    "LIENTHONG_ONE_STOP_KEY": "one-stop-test-key",
    "LIENTHONG_PORTAL_URL": "http://127.0.0.1:9",
    "LIENTHONG_PORTAL_USERNAME": "tinh-h99",
    "LIENTHONG_PORTAL_PASSWORD": "portal-test-password",
    "LIENTHONG_VNPOST_TOKEN_URL": "http://127.0.0.1:9/token",
    "LIENTHONG_VNPOST_ORDER_URL": "http://127.0.0.1:9/order",
    "LIENTHONG_VNPOST_CANCEL_URL": "http://127.0.0.1:9/cancel",
    "LIENTHONG_VNPOST_TRACKING_URL": "http://127.0.0.1:9/tracking",
    "LIENTHONG_VNPOST_KEY": "vnpost-test-key",
    "LIENTHONG_VNPOST_SECRET": "vnpost-test-secret",
    "LIENTHONG_VNPOST_CUSTOMER": "C0001",
}


def plain_config(folder: Path) -> None:
    """Partners get the canonical message as it is: the flow is tested without any partner's format."""
    for file in (folder / "partners").glob("*.toml"):
        text = re.split(r"^\[mappings\.", file.read_text(encoding="utf-8"), maxsplit=1, flags=re.M)[0]
        file.write_text(text, encoding="utf-8")


class Notebook:
    """A partner in memory. It keeps every effect in order, and can be told how to behave next.

    `script` holds what the next calls do, one each: a `DeliveryError` to raise before doing anything, or ("then", error) to do it
    and raise afterwards (a time-out after the deed), or a `Receipt` to give without doing anything. An empty script means that all goes well.
    """

    def __init__(self) -> None:
        self.effects: list[tuple[str, str]] = []  # (dossier, our message id)
        self.asked: list[str] = []
        self.script: list[Any] = []
        self.can_tell = True
        self.lock = threading.Lock()

    def deliver(self, parcel: Parcel) -> Receipt:
        with self.lock:
            order = self.script.pop(0) if self.script else None
            if isinstance(order, Exception):
                raise order
            if isinstance(order, Receipt):
                return order
            self.effects.append((parcel.message.dossier, parcel.key))
            if order is not None:
                raise order[1]
            return Receipt("0", "thành công", reference=f"ref-{len(self.effects)}")

    def find(self, parcel: Parcel) -> Found:
        with self.lock:
            self.asked.append(parcel.key)
            if not self.can_tell:
                return Found.UNKNOWN
            return Found.ARRIVED if any(key == parcel.key for _, key in self.effects) else Found.ABSENT

    def check(self) -> Sequence[Health]:
        return [Health("there?", True, "yes")]

    def keys(self, dossier: str) -> list[str]:
        return [key for code, key in self.effects if code == dossier]


class House:
    """A gateway whose partners are notebooks, driven step by step by the test itself."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.partners = {name: Notebook() for name in gateway.config.partners}
        gateway._outbounds = dict(self.partners)

    def accept(self, partner: str, body: dict[str, Any], *, key: str | None = None, lenient: bool = False) -> Accepted:
        submission = Submission(body["id"], body, json.dumps(body).encode())
        return Acceptance(self.gateway, self.gateway.config.partners[partner], lenient=lenient).one(submission, key=key)

    def courier(self, destination: str) -> Courier:
        return Courier(self.gateway, destination)

    def work(self, *destinations: str) -> None:
        """Let couriers work until nothing is due and nothing is under way."""
        for destination in destinations or list(self.partners):
            courier = self.courier(destination)
            while courier.step() or courier._flying:
                pass
            courier._drain()


def rows(house: House, table: Any) -> list[Any]:
    """All of a table of its ledger, in the order of its key."""
    with house.gateway.ledger.read() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)))


def sound(house: House) -> bool:
    """Does its ledger keep every law of conservation?"""
    with house.gateway.ledger.read() as connection:
        return conserve(connection) == []


def dossier(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A DossierSubmitted body that every check takes."""
    code = f"000.00.01.H99-260105-{number:04d}"
    body: dict[str, Any] = {
        "type": "DossierSubmitted",
        "id": f"sub-{code}",
        "dossier": code,
        "event_time": "2026-01-05T09:30:00+07:00",
        "origin": "local",
        "channel": 2,
        "procedure": {
            "code": "1.001193",
            "name": "Đăng ký khai sinh",
            "field_code": "G15-HT01",
            "field_name": "Hộ tịch",
        },
        "received_by": {"code": "000.00.01.H99", "name": "Trung tâm Phục vụ hành chính công"},
        "handled_by": {"code": "000.00.01.H99", "name": "Trung tâm Phục vụ hành chính công"},
        "applicant": {
            "kind": "citizen",
            "name": "Nguyễn Văn Mẫu",
            "papers": [{"kind": "CCCD", "number": "001090000037"}],
            "tech_id": "tech-mau-1",
            "phone": "0912345678",
        },
        "submitted_at": "2026-01-05T08:15:00+07:00",
        "deadlines": {"received_at": "2026-01-05T09:30:00+07:00", "due_at": "2026-01-12T17:00:00+07:00"},
        "status": 2,
    }
    return body | changes


def status(number: int, code: int, minute: int, **changes: Any) -> dict[str, Any]:
    """A StatusChanged body, `minute` minutes after 09:30 of the day of reception."""
    name = f"000.00.01.H99-260105-{number:04d}"
    when = datetime.fromisoformat("2026-01-05T09:30:00+07:00") + timedelta(minutes=minute)
    body: dict[str, Any] = {
        "type": "StatusChanged",
        "id": f"st-{name}-{code}-{minute}",
        "dossier": name,
        "event_time": when.isoformat(),
        "status": code,
        "content": "Đang thẩm định hồ sơ",
        "officer": {"name": "Trần Thị Ví Dụ", "unit": "Phòng Hộ tịch"},
    }
    return body | changes

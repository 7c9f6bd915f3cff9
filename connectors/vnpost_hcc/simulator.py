"""The post's twin: token, order, cancel and tracking feed, as strict as we believe the post to be."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from time import monotonic
from time import time as wall_clock
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.simulation import Request, Response, Twin

DELIVERED = 4
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_MACHINE = "6c7431303a"  # the middle of every ObjectId: the machine that made it

Filled = Annotated[str, Field(pattern=r"\S")]
Number = Annotated[int, Field(ge=0)]
PostalProvince = Annotated[int, Field(ge=1)]


class Order(BaseModel):
    """The order as the variant without ItemCode takes it. Provinces in the post's own numbers, amounts in đồng."""

    model_config = ConfigDict(extra="forbid", strict=True)

    CustomerCode: Filled
    OrderNumber: Filled
    CODAmount: Number = 0
    SenderProvince: PostalProvince
    SenderDistrict: Number = 0
    SenderAddress: Filled
    SenderName: Filled
    SenderEmail: str = ""
    SenderTel: Filled
    SenderDesc: str = ""
    Description: str = ""
    ReceiverName: Filled
    ReceiverAddress: Filled
    ReceiverTel: Filled
    ReceiverProvince: PostalProvince
    ReceiverDistrict: Number = 0
    ReceiverEmail: str = ""
    FlagConfig: Literal[2] = 2


class Wanted(BaseModel):
    """An event that a test or the demo wants. `time` in milliseconds since 1970, now by default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    order: str
    code: int
    message: str
    notes: str = ""
    time: int | None = None


class VnpostTwin(Twin):
    """Addresses: POST /token, POST /order, GET /cancel, GET /tracking.

    `settings`: customer_key, customer_secret, customer_code (invented ones by default), auth_header,
    token_life in seconds. Acts: ``{"event": {"order", "code", "message", "notes"?, "time"? in ms}}`` also for an order
    nobody knows, ``{"deliver": order}``, ``{"deliver_all": true}``, ``{"repeat": ObjectId}`` (the same event
    again under a new one), ``{"expire": true}`` (every token).
    """

    name = "vnpost_hcc"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        account = f"{settings.get('customer_key', 'khoa-thu')}:{settings.get('customer_secret', 'mat-thu')}"
        self._basic = "Basic " + b64encode(account.encode()).decode()
        self._customer = settings.get("customer_code", "C0001")
        self._token_life = settings.get("token_life", 3600)
        self._auth_header = settings.get("auth_header", "Authorization").lower()
        self._tokens: dict[str, float] = {}
        self._tokens_given = 0
        self._orders: dict[str, dict[str, Any]] = {}
        self._items: dict[str, str] = {}
        self._cancels: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._duplicates: list[str] = []
        self._last_second = 0

    # ── what the gateway calls ──────────────────────────────────────────────────────────────────────────

    def answer(self, request: Request) -> Response:
        place = (request.method, request.path)
        if request.path == "/token":
            return self._give_token(request)
        if place not in {("POST", "/order"), ("GET", "/cancel"), ("GET", "/tracking")}:
            return Response(404, "404 page not found")
        if not self._knows_token(request.headers):
            return Response(401, {"error": "invalid_token"})
        if request.path == "/order":
            return self._take_order(request)
        if request.path == "/cancel":
            return self._take_cancel(request)
        return self._show_events(request)

    def _give_token(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(405, {"error": "invalid_request"})
        if request.headers.get("authorization") != self._basic:
            return Response(401, {"error": "invalid_client"})
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return Response(400, {"error": "invalid_request"})
        if parse_qs(request.body.decode("ascii", "replace")) != {"grant_type": ["client_credentials"]}:
            return Response(400, {"error": "unsupported_grant_type"})
        self._tokens_given += 1
        token = f"token-{self._tokens_given}"
        self._tokens[token] = monotonic() + self._token_life
        return Response(body={"access_token": token, "token_type": "Bearer", "expires_in": self._token_life})

    def _knows_token(self, headers: Mapping[str, str]) -> bool:
        value = headers.get(self._auth_header, "")
        kind, token = ("Bearer", value) if self._auth_header == "access_token" else value.partition(" ")[::2]
        return kind == "Bearer" and self._tokens.get(token, 0) > monotonic()

    def _take_order(self, request: Request) -> Response:
        fault = self._fault_of(request)
        if fault:
            return Response(400, {"Status": "400", "Message": fault})
        order = request.json()
        number = order["OrderNumber"]
        if number in self._orders:
            self._duplicates.append(number)
            return Response(body={"Status": "101", "Message": "Đơn hàng đã được gửi"})
        self._orders[number] = order
        self._items[number] = item_code(len(self._orders))
        return Response(body={"Status": "100", "Message": "Thành công"})

    def _fault_of(self, request: Request) -> str:
        """The first fault of an order, in words; "" when it is right."""
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return "Content-Type phải là application/json"
        try:
            order = Order.model_validate_json(request.body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        return "" if order.CustomerCode == self._customer else "CustomerCode không đúng"

    def _take_cancel(self, request: Request) -> Response:
        number = request.query.get("OrderNumber", "")
        if request.query.keys() != {"CustomerCode", "OrderNumber"} or request.query["CustomerCode"] != self._customer:
            return Response(400, {"Status": "400", "Message": "Cần CustomerCode và OrderNumber"})
        if number not in self._orders:
            return Response(404, {"Status": "404", "Message": "Không tìm thấy đơn hàng"})
        if number in self._cancels:
            return Response(body={"Status": "101", "Message": "Đơn hàng đã hủy"})
        if number in self._delivered():
            return Response(400, {"Status": "400", "Message": "Đơn hàng đã phát, không hủy được"})
        self._cancels.append(number)
        return Response(body={"Status": "100", "Message": "Thành công"})

    def _show_events(self, request: Request) -> Response:
        after, size = request.query.get("lastId", ""), request.query.get("pagesize", "")
        if not _OBJECT_ID.fullmatch(after):
            return Response(400, {"http status code": 400, "message": "lastId phải là 24 chữ số hex"})
        if not size.isdecimal() or not 1 <= int(size) <= 1000:
            return Response(400, {"http status code": 400, "message": "pagesize từ 1 đến 1000"})
        most = int(size)
        newer = [event for event in self._events if event["_id"]["$oid"] > after]
        page = newer[:most]
        counts = {"_size": len(newer), "_total_pages": -(-len(newer) // most), "_returned": len(page)}
        return Response(body={"_embedded": {"rh:doc": page}, **counts})

    # ── what the post does by itself ────────────────────────────────────────────────────────────────────

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"event": dict(wanted)}:
                return self._publish(self._event(Wanted.model_validate(wanted)))
            case {"deliver": str(number)} if number in self._under_way():
                return self._deliver(number)
            case {"deliver_all": True}:
                return [self._deliver(number) for number in self._under_way()]
            case {"repeat": str(known)}:
                return self._repeat(known)
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def expire(self) -> None:
        self._tokens.clear()

    def _deliver(self, number: str) -> str:
        return self._publish(self._event(Wanted(order=number, code=DELIVERED, message="Phát thành công")))

    def _event(self, wanted: Wanted) -> dict[str, Any]:
        return {
            "CustomerCode": self._customer,
            "OrderNumber": wanted.order,
            "ItemCode": self._items.get(wanted.order, ""),
            "StatusCode": wanted.code,
            "StatusMessage": wanted.message,
            "EventTime": int(wall_clock() * 1000) if wanted.time is None else wanted.time,
            "POSID": "990000",
            "Notes": wanted.notes,
        }

    def _repeat(self, known: str) -> str:
        for event in self._events:
            if event["_id"]["$oid"] == known:
                return self._publish({name: value for name, value in event.items() if name != "_id"})
        raise ValueError(f"no event {known}")

    def _publish(self, event: dict[str, Any]) -> str:
        """Put it into the feed under a new ObjectId, which is always above the last one."""
        self._last_second = max(self._last_second, int(wall_clock()))
        number = f"{self._last_second:08x}{_MACHINE}{len(self._events) + 1:06x}"
        self._events.append({"_id": {"$oid": number}, **event})
        return number

    def _delivered(self) -> set[str]:
        return {event["OrderNumber"] for event in self._events if event["StatusCode"] == DELIVERED}

    def _under_way(self) -> list[str]:
        over = self._delivered().union(self._cancels)
        return [number for number in self._orders if number not in over]

    def book(self) -> dict[str, Any]:
        return {
            "orders": list(self._orders.values()),
            "items": dict(self._items),
            "cancels": list(self._cancels),
            "events": list(self._events),
            "duplicate_orders": list(self._duplicates),
            "tokens_given": self._tokens_given,
        }


def item_code(number: int) -> str:
    """An item identifier after UPU S10: two letters, eight digits, a check digit, the country."""
    digits = f"{number:08d}"
    rest = 11 - sum(int(d) * w for d, w in zip(digits, (8, 6, 4, 2, 3, 5, 9, 7), strict=True)) % 11
    return f"RA{digits}{ {10: 0, 11: 5}.get(rest, rest) }VN"

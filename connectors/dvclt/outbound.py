"""Statuses of linked dossiers, back to DVCLT."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.dvclt.client import Client
from gateway.errors import DeliveryError
from gateway.ports import Found, Health, Parcel, Receipt

_FILE = "giayKhaiSinh"  # of a result: comes from the mapping as the file's sha256


class Statuses:
    """Delivers ``status`` documents; one that its mapping left null, or without trangThai, has no counterpart at DVCLT and is not sent."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. `ketQuaXuLy`, a list of results from the mapping, goes as JSON text of the newest one, with its file inline."""
        status = parcel.documents["status"]
        if status is None or "trangThai" not in status:
            words = (
                "DVCLT không có mã cho trạng thái này, không gửi · DVCLT has no code for this status, nothing is sent"
            )
            return Receipt("nothing-to-send", words)
        verdict, reply = self._client.report(_on_the_wire(status, parcel), again=parcel.in_doubt)
        return Receipt(str(status["trangThai"]), reply.excerpt(), duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """ABSENT, always: there is no question to ask, and a status said again leaves the dossier where the first left it."""
        return Found.ABSENT

    def check(self) -> Sequence[Health]:
        """A token, and the list. Acknowledges nothing."""
        account = "DVCLT có nhận tài khoản của cổng không? · Does DVCLT know our account?"
        listing = "Đọc được danh sách hồ sơ không? · Can the list be read?"
        try:
            self._client.ask_for_token()
        except DeliveryError as fault:
            return [Health(account, False, fault.reason)]
        known = Health(account, True, "có, đã cấp token · yes, it gave a token")
        try:
            rows = self._client.waiting()
        except DeliveryError as fault:
            return [known, Health(listing, False, fault.reason)]
        return [known, Health(listing, True, f"{len(rows)} hồ sơ chờ · waiting")]


def _on_the_wire(status: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
    body = dict(status)
    results = body.pop("ketQuaXuLy", [])
    if results:
        result = dict(results[-1])
        if _FILE in result:
            result[_FILE] = b64encode(parcel.read_file(result[_FILE])).decode()
        body["ketQuaXuLy"] = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
    return body

"""Two ways to one mailbox: VXP, each call signed with an HMAC, and a province's trunk, with a token. Neither knows what it carries."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from connectors.edxml.settings import Province, Settings, Vxp
from gateway.canonical.scalars import HANOI
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes
from gateway.sessions import Sessions

_BOUNDARY = "lienthong-edxml-7d4b1c"
_DAY = "%Y/%m/%d"


class Transport(Protocol):
    """What both can do. Each gives the trunk's answer as it came; `kind` is ``edoc`` or ``status``."""

    tells_sent: bool
    lists_by_days: bool

    def send(self, kind: str, document: bytes) -> Reply: ...

    def received(self, kind: str, now: datetime, since: date | None = None) -> Reply: ...

    def sent(self) -> Reply: ...

    def fetch(self, number: str) -> Reply: ...

    def acknowledge(self, number: str, status: str) -> Reply: ...

    def agencies(self) -> Reply: ...


class VxpTransport:
    """VXP. `clock` gives the time of day in seconds since 1970: the trunk compares."""

    tells_sent = True
    lists_by_days = False

    def __init__(self, vxp: Vxp, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._vxp = vxp
        self._organ = settings.organ.code
        self._clock = clock
        self._http = _http(vxp.url, settings)

    def send(self, kind: str, document: bytes) -> Reply:
        return self._call("POST", "sendEdoc", kind, document, "application/xml")

    def received(self, kind: str, now: datetime, since: date | None = None) -> Reply:
        return self._call("GET", "getReceivedEdocList", kind)

    def sent(self) -> Reply:
        return self._call("GET", "getSentEdocList", "edoc")

    def fetch(self, number: str) -> Reply:
        return self._call("GET", "getEdoc", query={"docId": number})

    def acknowledge(self, number: str, status: str) -> Reply:
        body = json.dumps({"docId": number, "status": status}).encode()
        return self._call("POST", "updateStatus", body=body, content_type="application/json")

    def agencies(self) -> Reply:
        return self._call("GET", "getAgenciesList")

    def _call(
        self,
        method: str,
        operation: str,
        kind: str = "",
        body: bytes | None = None,
        content_type: str = "",
        query: Mapping[str, str] = {},
    ) -> Reply:
        vxp, moment = self._vxp, str(int(self._clock() * 1000))
        signed = hmac.new(vxp.secret.get_secret_value().encode(), digestmod=hashlib.sha256)
        for part in (vxp.system_id.encode(), moment.encode(), content_type.encode(), body or b""):
            signed.update(part)
        headers = {
            vxp.system_header: vxp.system_id,
            vxp.timestamp_header: moment,
            vxp.signature_header: signed.hexdigest(),
        }
        if kind:
            message = {"from": self._organ, "servicetype": "eDoc", "messagetype": kind}
            headers[vxp.message_header] = json.dumps(message)
        if content_type:
            headers["Content-Type"] = content_type
        return self._http.call(method, operation, body=body, query=query, headers=headers)


class ProvinceTransport:
    """A province's trunk: one token for all threads."""

    tells_sent = False
    lists_by_days = True

    def __init__(
        self, province: Province, settings: Settings, outcomes: Outcomes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._province = province
        self._window = timedelta(days=settings.window_days)
        self._outcomes = outcomes
        self._http = _http(province.url, settings)
        self._tokens = Sessions(self._log_in, clock)

    def send(self, kind: str, document: bytes) -> Reply:
        parts = (("edocFile", "edoc.xml", "application/xml", document), ("messageType", "", "", kind.encode()))
        form = b"".join(_part(*part) for part in parts) + f"--{_BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        return self._call("POST", "v1/sendEdoc", body=form, headers=headers)

    def received(self, kind: str, now: datetime, since: date | None = None) -> Reply:
        """Of the last `window_days`; of more, where the day `since` lies further back."""
        today = now.astimezone(HANOI).date()
        first = min(today - self._window, since or today)
        window = {"fromDate": first.strftime(_DAY), "toDate": today.strftime(_DAY)}
        return self._call("GET", "v1/syncReceivedEdocList", query={"messageType": kind, **window})

    def sent(self) -> Reply:
        raise NotImplementedError("this trunk does not tell what was sent: see tells_sent")

    def fetch(self, number: str) -> Reply:
        return self._call("GET", "v1/getEdoc", query={"docId": number})

    def acknowledge(self, number: str, status: str) -> Reply:
        return self._call("POST", "v1/updateStatus", json={"docId": number, "status": status})

    def agencies(self) -> Reply:
        self._tokens.renew(self._tokens.current)  # a token asked for now: does the trunk know us?
        return self._call("GET", "v1/getAgenciesList")

    def _call(self, method: str, path: str, *, headers: Mapping[str, str] = {}, **more: Any) -> Reply:
        reply = self._bearing(token := self._tokens.get(), method, path, headers, more)
        if reply.status == 401:  # the call was not done, so it may be repeated, once
            reply = self._bearing(self._tokens.renew(token), method, path, headers, more)
        return reply

    def _bearing(
        self, token: str, method: str, path: str, headers: Mapping[str, str], more: Mapping[str, Any]
    ) -> Reply:
        sent = {**headers, **self._who(), "Authorization": f"Bearer {token}"}
        return self._http.call(method, path, headers=sent, **more)

    def _who(self) -> dict[str, str]:
        return {"X-SystemId": self._province.system_id, "X-SecretKey": self._province.secret_key.get_secret_value()}

    def _log_in(self) -> tuple[str, float]:
        try:
            query = {"allow_anonymous": "true"}
            reply = self._http.call("POST", "v1/auth/login", json={}, query=query, headers=self._who())
        except AskFirst as fault:  # in doubt is the token only
            raise TryLater(f"login: {fault.reason}", code=fault.code) from fault
        answer = read_object(reply)
        data = answer.get("data") if answer is not None else None
        token = data.get("token") if isinstance(data, dict) else None
        if reply.status == 200 and isinstance(token, str) and token:
            return token, self._province.token_minutes * 60
        # The answer is not kept with the error: half a token may stand in it.
        code = "not-json" if answer is None else "no-token"
        self._outcomes.settle("login", http=reply.status, code=code, retry_after=reply.retry_after())
        raise Unclassified("login: the answer holds no token", code="no-token")


def read_object(reply: Reply) -> dict[str, Any] | None:
    """The answer when it is a JSON object, else None."""
    try:
        answer = reply.json()
    except Unclassified:
        return None
    return answer if isinstance(answer, dict) else None


def _part(name: str, file: str, content_type: str, content: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    head += f'; filename="{file}"\r\nContent-Type: {content_type}' if file else ""
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


def _http(url: str, settings: Settings) -> Http:
    return Http(
        base_url=url,
        connect_timeout=settings.connect_timeout,
        total_timeout=settings.total_timeout,
        max_bytes=settings.document_bytes,
        ca_file=settings.ca_file,
    )

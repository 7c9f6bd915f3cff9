"""Speaks the Ministry of Transport's interface: danhsachhoso. Knows no message of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from connectors.bgtvt.settings import Settings
from gateway.errors import AskFirst, Refused, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes
from gateway.partnerjson import read_object

NOT_JSON = "not-json"
_NUMBER = re.compile("-?[0-9]{1,6}")
_CODES = ("error_code", "errorCode", "code", "status")  # where an error may stand: its shape was never published


class Client:
    """One unit and its key. Used by several threads at once. The call only reads, so nothing is ever in doubt."""

    def __init__(self, settings: Settings, outcomes: Outcomes) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.answer_bytes,
            ca_file=settings.ca_file,
            headers={"Accept": "application/json"},
        )

    def dossiers(self, first: date, last: date) -> Sequence[Any]:
        """The dossiers that were received on these days, both included, all in one answer.

        Raises what outcomes.toml says; `Unclassified` when the list has fewer rows than its total says.
        """
        key = self._settings.api_key.get_secret_value()
        query = {
            "Start": "-1",  # with End -1: all of them
            "End": "-1",
            "GovAgencyCode": self._settings.ma_don_vi,
            "APIKey": key,
            "ReceiveFromDate": first.strftime("%d/%m/%Y"),
            "ReceiveToDate": last.strftime("%d/%m/%Y"),
        }
        # The key goes three times: in the query, in a header of its own and as a bearer key, as the one client does.
        headers = {"MaDonVi": self._settings.ma_don_vi, "ApiKey": key, "Authorization": f"Bearer {key}"}
        try:
            reply = self._http.call("GET", "/apiGTVT/danhsachhoso", query=query, headers=headers)
        except AskFirst as fault:  # reading changes nothing: no doubt to clear up
            raise TryLater(f"danhsachhoso: {fault.reason}", code=fault.code) from fault
        answer = read_answer(reply)
        # The answer is not kept with an error: it names people.
        self._outcomes.settle(
            "danhsachhoso",
            http=reply.status,
            code=code_of(answer),
            text=words_of(answer),
            retry_after=reply.retry_after(),
        )
        return _rows(answer)


def read_answer(reply: Reply) -> Mapping[str, Any] | int | None:
    """The answer: an object without its nulls, a bare error code, or None for anything else."""
    try:
        answer = reply.json()
        return answer if isinstance(answer, int) and not isinstance(answer, bool) else read_object(reply.body)
    except (Refused, Unclassified):
        return None


def code_of(answer: Mapping[str, Any] | int | None) -> str:
    """An error's code as text, "" for a list, ``not-json`` for what is neither."""
    if answer is None:
        return NOT_JSON
    if isinstance(answer, int):
        return str(answer)
    told = [str(answer[name]).strip() for name in _CODES if name in answer]
    return next((code for code in told if _NUMBER.fullmatch(code)), "")


def words_of(answer: Mapping[str, Any] | int | None) -> str:
    """What an error says to people."""
    words = answer.get("message", "") if isinstance(answer, Mapping) else ""
    return words if isinstance(words, str) else ""


def _rows(answer: Mapping[str, Any] | int | None) -> Sequence[Any]:
    found = answer.get("data", []) if isinstance(answer, Mapping) else None
    if not isinstance(found, list):
        raise Unclassified("danhsachhoso: data is no list", code="list-shape")
    total = answer.get("total", len(found)) if isinstance(answer, Mapping) else 0
    if total != len(found):
        words = f"{len(found)} trên {total} hồ sơ · {len(found)} of {total} dossiers"
        raise Unclassified(f"danhsachhoso: {words}", code="list-short")
    return found

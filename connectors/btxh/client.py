"""Speaks the social-protection system's interface: DongBoDVC, XuLyHoSo. Knows no message of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from connectors.btxh.settings import Settings
from gateway.errors import AskFirst, Refused, TryLater
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict
from gateway.partnerjson import read_object

NO_ENVELOPE = "no-envelope"
EXTENT = "CertificateExtentData"
RESULTS = "KetQua"
_NO_RESULT = dict.fromkeys(("LoaiKetQua", "SoQuyetDinh", "CoQuanBanHanh", "TrichYeu", "NgayBanHanh"), "")
_ROWS = {"DanhSachTaiLieuNop": "TaiLieuNop", "DanhSachGiayToKetQua": "GiayToKetQua"}


class Client:
    """One key. Used by several threads at once. Raises what outcomes.toml says."""

    def __init__(self, settings: Settings, outcomes: Outcomes) -> None:
        self._settings = settings
        self._outcomes = outcomes
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            ca_file=settings.ca_file,
            headers={"Accept": "application/json"},
        )

    def sync(self, dossier: Mapping[str, Any], *, updating: bool, again: bool = False) -> tuple[Verdict, str, Reply]:
        """DongBoDVC: the whole dossier. The newest of its results goes flat among the other fields, its lists of papers as XML in the text
        CertificateExtentData."""
        body = {"LoaiDuLieu": self._settings.loai_du_lieu, **dossier}
        body |= (body.pop(RESULTS) or [_NO_RESULT])[-1]
        body[EXTENT] = write_extent(dossier[EXTENT])
        call = "DongBoDVC.update" if updating else "DongBoDVC.create"
        return self._call(call, self._settings.dossier_path, body, again)

    def report(self, row: Mapping[str, Any], *, again: bool = False) -> tuple[Verdict, str, Reply]:
        """XuLyHoSo: one step of a dossier that the system has."""
        return self._call("XuLyHoSo", self._settings.progress_path, row, again)

    def reach(self) -> str:
        """Is there anybody? Any answer will do: no call of this system changes nothing. Raises `TryLater`."""
        try:
            reply = self._http.call("GET", self._settings.dossier_path)
        except AskFirst as fault:
            raise TryLater(fault.reason, code=fault.code) from fault
        if reply.status >= 500:
            raise TryLater(f"HTTP {reply.status}", code=str(reply.status))
        return f"HTTP {reply.status}"

    def _call(self, call: str, path: str, body: Mapping[str, Any], again: bool) -> tuple[Verdict, str, Reply]:
        key = {"AcceptKey": self._settings.accept_key.get_secret_value()}
        reply = self._http.call("POST", path, json={**key, **body})
        code, words = read_answer(reply)
        verdict = self._outcomes.settle(
            call,
            http=reply.status,
            code=code,
            text=words,
            answer=reply.excerpt(),
            again=again,
            retry_after=reply.retry_after(),
        )
        return verdict, code, reply


def read_answer(reply: Reply) -> tuple[str, str]:
    """error_code as text, and the message. What is no JSON object has the code ``no-envelope``; what has no error_code, ""."""
    try:
        answer = read_object(reply.body)
    except Refused:
        return NO_ENVELOPE, ""
    code, words = answer.get("error_code", ""), answer.get("message", "")
    code = str(code).strip() if isinstance(code, str | int) and not isinstance(code, bool) else ""
    return code, words if isinstance(words, str) else ""


def write_extent(lists: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    """The dossier's papers and results as the XML that travels inside JSON: ExtentData, a list element each, a row element a paper."""
    root = etree.Element("ExtentData")
    for name, row_name in _ROWS.items():
        place = etree.SubElement(root, name)
        for row in lists[name]:
            paper = etree.SubElement(place, row_name)
            for field, value in row.items():
                etree.SubElement(paper, field).text = value
    return etree.tostring(root, encoding="unicode")

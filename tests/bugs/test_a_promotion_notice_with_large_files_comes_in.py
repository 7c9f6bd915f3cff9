"""A notice carries its files inline, yet its hook had the cap of an ordinary JSON body: a scan of a megabyte was turned away."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import mappings
from tests.door import fresh_ledger, make_home, open_door

SAMPLE = Path(mappings.__file__).parent / "ttkm_dossier" / "samples" / "a-bare-notice-without-address-and-papers"


def notice(size: int) -> bytes:
    body = json.loads((SAMPLE / "in.json").read_text(encoding="utf-8"))["ttkm"]
    body |= {"MaHoSo": "000.00.02.H99-260105-0003", "NgayNopHoSo": "05/01/2026 10:15:00"}
    body["TepDonDangKy"] = base64.b64encode(b"%PDF" + b"x" * size).decode()
    return json.dumps(body).encode()


def test_a_promotion_notice_with_large_files_comes_in(tmp_path, addresses, time, monkeypatch) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    with open_door(make_home(tmp_path), time) as door:
        answer = door.post("/hooks/portal/ttkm", notice(3 << 20), "portal")
        assert (answer.status_code, answer.get_json()["error_code"]) == (200, 0)
        again = door.post("/hooks/portal/ttkm", notice(3 << 20), "portal")
        assert again.get_json()["error_code"] == 1

        assert door.post("/hooks/portal/ttkm", notice(40 << 20), "portal").status_code == 413

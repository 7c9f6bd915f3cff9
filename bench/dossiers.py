"""Dossiers of 2 KiB for measurements. The people are invented."""

from __future__ import annotations

from typing import Any

_SUMMARY = "Đề nghị cấp bản sao trích lục hộ tịch để bổ sung hồ sơ; người nộp cam kết nội dung khai là đúng. "


def dossier_code(number: int) -> str:
    return f"000.00.01.H99-260105-{number:07d}"


def bench_dossier(number: int) -> dict[str, Any]:
    """A DossierSubmitted body of about 2 KiB, with papers, a fee and two files by address."""
    code = dossier_code(number)
    centre = {"code": "000.00.10.H99", "name": "Trung tâm Phục vụ hành chính công tỉnh"}
    return {
        "type": "DossierSubmitted",
        "id": f"bench-{code}",
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
        "received_by": centre,
        "handled_by": {"code": "000.00.01.H99", "name": "Sở Tư pháp"},
        "applicant": {
            "kind": "citizen",
            "name": "Nguyễn Văn Mẫu",
            "papers": [{"kind": "CCCD", "number": f"00109{number % 10_000_000:07d}"}],
            "tech_id": f"tech-{number}",
            "verified_by_vneid": True,
            "phone": "0912345678",
            "email": "nguyen.van.mau@example.vn",
            "address": {"detail": "Số 1 đường Hòa Bình, phường An Bình", "province": "19", "commune": "05431"},
        },
        "summary": (_SUMMARY * 4)[:330],
        "submitted_at": "2026-01-05T08:15:00+07:00",
        "deadlines": {"received_at": "2026-01-05T09:30:00+07:00", "due_at": "2026-01-12T17:00:00+07:00"},
        "status": 2,
        "attachments": [
            {"id": str(i), "name": name, "url": f"https://files.example.gov.vn/{number}/{i}", "digitised": True}
            for i, name in enumerate(("to-khai.pdf", "giay-chung-sinh.pdf"), 1)
        ],
        "fees": [{"code": "PLP-1", "name": "Lệ phí đăng ký", "kind": "charge", "amount": 8000, "paid": "portal"}],
    }

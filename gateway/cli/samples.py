"""A day at a one-stop counter, invented: people, dossiers and everything that happens to them, from a seed. Nobody in it exists."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from gateway.canonical.scalars import HANOI, write_instant
from gateway.ports import Codes

FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Lương", "Nông", "Triệu")
MIDDLES = ("Văn", "Thị", "Đức", "Minh", "Ngọc", "Hồng", "Quang", "Thu", "Xuân", "Hải")
GIVEN = (
    "An",
    "Bình",
    "Châu",
    "Dung",
    "Giang",
    "Hà",
    "Khánh",
    "Lan",
    "Mai",
    "Nam",
    "Oanh",
    "Phúc",
    "Quân",
    "Sơn",
    "Trang",
    "Vinh",
)
STREETS = ("Hòa Bình", "Trung Tâm", "Suối Trong", "Đồng Xanh", "Cầu Mới", "Chợ Cũ")
TRADES = ("Hương Quê", "Bình Minh", "Sông Xanh", "An Khang", "Thành Công")
CENTRE = "000.00.10.H99"
UNITS = {"G15": "000.00.01.H99", "G02": "000.00.02.H99", "G03": "000.00.03.H99", "G07": "000.00.04.H99"}
CITIZENS = ("1.001193", "1.000656", "1.000894", "2.000635", "2.000815", "2.000488", "2.000986", "1.001776", "1.001731")
ENTERPRISES = ("2.000033", "2.000815", "2.000908")
PROMOTION = "2.000033"

WORDS = {
    2: "Đã tiếp nhận hồ sơ, giấy biên nhận đã gửi người nộp",
    3: "Không tiếp nhận: hồ sơ không thuộc thẩm quyền giải quyết",
    4: "Đang thẩm định hồ sơ",
    5: "Tạm dừng để người nộp bổ sung giấy tờ",
    6: "Đề nghị người nộp thực hiện nghĩa vụ tài chính",
    7: "Người nộp đề nghị rút hồ sơ",
    8: "Dừng xử lý: chờ kết luận của cơ quan điều tra",
    9: "Đã có kết quả giải quyết",
    10: "Đã trả kết quả cho người nộp",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """One message to send. `at` is when it is sent; `files` lie by content hash and must be uploaded first; `held` is the expected fate."""

    at: datetime
    body: Mapping[str, Any]
    files: Sequence[bytes] = ()
    held: str | None = None


@dataclass
class Story:
    """One dossier's way through the day. `at` is its clock; every step moves it."""

    dice: random.Random
    codes: Codes
    code: str
    number: int
    at: datetime
    pieces: list[Piece] = field(default_factory=list)
    submitted: dict[str, Any] = field(default_factory=dict)

    def tell(
        self,
        kind: str,
        *,
        wait: float = 0,
        late: float = 0,
        held: str | None = None,
        files: Sequence[bytes] = (),
        **body: Any,
    ) -> None:
        """A message `wait` minutes after the last; one that comes `late` happened that many minutes before it is sent."""
        self.at += timedelta(minutes=wait, seconds=self.dice.randrange(60))
        happened = self.at - timedelta(minutes=late)
        name = f"mc-{self.code}-{len(self.pieces) + 1}"
        whole = {
            "type": kind,
            "id": name,
            "dossier": self.code,
            "event_time": happened.astimezone(HANOI).isoformat(timespec="seconds"),
        }
        self.pieces.append(Piece(self.at, {**whole, **body}, files, held))

    def move(self, status: int, wait: float = 25, *, content: str = "", **more: Any) -> None:
        unit = self.submitted["handled_by"]["name"]
        officer = {"name": person(self.dice), "title": "Chuyên viên", "unit": unit}
        self.tell("StatusChanged", wait=wait, status=status, content=content or WORDS[status], officer=officer, **more)

    def submit(self, *, channel: int, status: int, enterprise: bool = False, home: bool = False, fee: int = 0) -> None:
        """The dossier arrives; `home`: the result shall come by post."""
        applicant = company(self.dice) if enterprise else citizen(self.dice)
        paper = f"Tờ khai của hồ sơ {self.code}, bản mẫu để chạy thử.\n".encode() * 8
        received = {"received_at": self._time(4), "due_at": self._time(60 * 24 * self.dice.randrange(2, 15))}
        self.submitted = {
            "origin": "local", "channel": channel, "status": status, "procedure": self._procedure(enterprise),
            "received_by": self._unit(CENTRE), "applicant": applicant, "submitted_at": self._time(0),
            "deadlines": received if status == 2 else {},
            "attachments": [attachment("tep-1", "To-khai.txt", paper)],
            "papers": [{"name": "Bản chính giấy tờ tùy thân", "copies": 1, "kind": "copy"}],
            "fees": [{"code": "LP-01", "name": "Lệ phí giải quyết", "kind": "charge", "amount": fee, "paid": "unpaid"}] if fee else [],
        }  # fmt: skip
        self.submitted["handled_by"] = self._unit(UNITS[self.submitted["procedure"]["field_code"][:3]])
        if home:
            contact = {"name": applicant["name"], "phone": applicant["phone"], "address": applicant["address"]}
            self.submitted["postal"] = {"return_to": contact}
        self.tell("DossierSubmitted", wait=5, files=(paper,), **self.submitted)

    def issue(self) -> None:
        paper = f"KẾT QUẢ GIẢI QUYẾT hồ sơ {self.code} (bản mẫu, không có giá trị pháp lý)\n".encode() * 4
        file = {"id": "kq-1", "name": "Ket-qua.txt", "symbol": f"{self.number}/KQ", "media_type": "text/plain"}
        self.tell(
            "ResultIssued", wait=1, files=(paper,), results=[{**file, "sha256": hashlib.sha256(paper).hexdigest()}]
        )

    def ask(self) -> None:
        officer = {"name": person(self.dice), "title": "Chuyên viên"}
        words = "Đề nghị bổ sung bản sao giấy chứng sinh có chứng thực"
        self.tell(
            "SupplementRequested",
            wait=1,
            request="bs-1",
            content=words,
            papers=["Bản sao có chứng thực"],
            officer=officer,
        )

    def supplement(self) -> None:
        paper = f"Giấy tờ bổ sung của hồ sơ {self.code}\n".encode() * 4
        officer = {"name": person(self.dice), "title": "Cán bộ một cửa"}
        more = [attachment("tep-2", "Bo-sung.txt", paper)]
        words = "Người nộp đã bổ sung đủ giấy tờ"
        self.tell(
            "SupplementProvided",
            wait=40,
            files=(paper,),
            request="bs-1",
            content=words,
            attachments=more,
            received_by=officer,
        )

    def charge(self) -> None:
        self.tell("PaymentRequested", wait=1, fees=self.submitted["fees"], reason="Lệ phí giải quyết thủ tục")

    def pay(self) -> None:
        amount = self.submitted["fees"][0]["amount"]
        reference = f"GD{self.number:08d}"
        self.tell("PaymentPaid", wait=20, fee_codes=["LP-01"], amount=amount, paid="local_gateway", reference=reference)

    def _procedure(self, enterprise: bool) -> dict[str, str]:
        code = self.dice.choice(ENTERPRISES if enterprise else CITIZENS)
        row = self._row("procedures", code)
        return {"code": code, "name": row["name"], "field_code": row["field_code"], "field_name": row["field_name"]}

    def _unit(self, code: str) -> dict[str, str]:
        return {"code": code, "name": self._row("organisations", code)["name"]}

    def _row(self, listname: str, code: str) -> Mapping[str, str]:
        row = self.codes.find(listname, code, self.at)
        if row is None:
            raise LookupError(f"{code} is not in the code list {listname}")
        return row

    def _time(self, minutes: float) -> str:
        return write_instant(self.at + timedelta(minutes=minutes))


# ── what can happen ─────────────────────────────────────────────────────────────────────────────────────────────


def _counter(s: Story) -> None:
    s.submit(channel=1, status=2, enterprise=s.number % 5 == 0)
    s.move(4)
    s.move(9, 60)
    s.move(10, 20)


def _online(s: Story) -> None:
    s.submit(channel=2, status=1, enterprise=s.number % 4 == 0)
    s.move(2, 10, due_at=s._time(60 * 24 * 5))
    s.move(4)
    s.issue()
    s.move(9, 50)
    s.move(10, 15)


def _steps(s: Story) -> None:
    s.submit(channel=2, status=2)
    for desk in ("Phân công xử lý", "Đang thẩm định", "Trình lãnh đạo ký"):
        s.move(4, 20, content=desk)
    s.move(9)
    s.move(10, 15)


def _supplement(s: Story) -> None:
    s.submit(channel=2, status=2)
    s.move(4, 15)
    s.move(5, 15)
    s.ask()
    s.supplement()
    s.move(4, 10)
    s.issue()
    s.move(9, 40)
    s.move(10, 15)


def _paid(s: Story) -> None:
    s.submit(channel=2, status=2, fee=s.dice.choice((8_000, 50_000, 200_000)))
    s.move(6, 15)
    s.charge()
    s.pay()
    s.move(4, 10)
    s.move(9, 40)
    s.move(10, 15)


def _by_post(s: Story) -> None:
    """10 comes from the post."""
    s.submit(channel=s.dice.choice((2, 3)), status=2, home=True)
    s.move(4)
    s.issue()
    s.move(9, 60)


def _refused(s: Story) -> None:
    s.submit(channel=2, status=1)
    s.move(3, 30)


def _withdrawn(s: Story) -> None:
    s.submit(channel=2, status=2)
    s.move(7, 45)


def _stopped(s: Story) -> None:
    s.submit(channel=1, status=2)
    s.move(4)
    s.move(8, 60)


def _late(s: Story) -> None:
    """A progress step reaches us after the result: kept, held, and nothing is undone."""
    s.submit(channel=1, status=2)
    s.move(4)
    s.move(9, 60)
    s.move(4, 10, late=50, held="late", content="Chuyển hồ sơ sang phòng chuyên môn (gửi muộn)")
    s.move(10, 15)


def _over(s: Story) -> None:
    """Someone goes on after the end: a finished dossier is never opened again."""
    s.submit(channel=1, status=2)
    s.move(4)
    s.move(9, 60)
    s.move(10, 15)
    s.move(4, 20, held="terminal", content="Xử lý lại (gửi nhầm)")


def _leapt(s: Story) -> None:
    """From 2 straight to 9 is not lawful; the proper way afterwards is."""
    s.submit(channel=1, status=2)
    s.move(9, 30, held="not-lawful", content="Đã có kết quả (bỏ qua bước xử lý)")
    s.move(4, 10)
    s.move(9, 30)
    s.move(10, 15)


def _reopened(s: Story) -> None:
    s.submit(channel=2, status=2)
    s.move(4)
    s.move(9, 40)
    s.move(4, 20, content="Mở lại: kết quả có sai sót về họ tên", reopens=True)
    s.move(9, 40)
    s.move(10, 15)


def _unfetched(s: Story) -> None:
    s.submit(channel=1, status=2)
    s.move(4)
    s.move(9, 60)


Tale = Callable[[Story], None]
_OFTEN: tuple[Tale, ...] = (
    _counter,
    _online,
    _by_post,
    _supplement,
    _online,
    _counter,
    _by_post,
    _paid,
    _steps,
    _counter,
)
_SELDOM: tuple[Tale, ...] = (_late, _refused, _over, _withdrawn, _leapt, _stopped, _reopened)


def day(dossiers: int, end: datetime, codes: Codes, seed: int = 2026) -> list[Piece]:
    """Everything `dossiers` dossiers bring about, in the order of sending; the last of it happens shortly before `end`."""
    begin = end - timedelta(hours=9)
    told: list[Piece] = []
    for number in range(1, dossiers + 1):
        tale = _SELDOM[number // 5 % len(_SELDOM)] if number % 5 == 0 else _OFTEN[number % len(_OFTEN)]
        told += _tell(tale, number, begin, timedelta(minutes=240 * number / dossiers), codes, seed)
    return sorted(told, key=lambda piece: piece.at)


def one_more(number: int, end: datetime, codes: Codes, seed: int) -> list[Piece]:
    """A dossier that has its result, which nobody has fetched yet; the last of it happens shortly before `end`."""
    return _tell(_unfetched, number, end - timedelta(hours=2), timedelta(), codes, seed)


def _tell(tale: Tale, number: int, begin: datetime, after: timedelta, codes: Codes, seed: int) -> list[Piece]:
    dice = random.Random(f"{seed}-{number}")  # noqa: S311 - invented people need no secret
    story = Story(dice, codes, f"{CENTRE}-{begin.astimezone(HANOI):%y%m%d}-{number:04d}", number, begin + after)
    tale(story)
    return story.pieces


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────


def person(dice: random.Random) -> str:
    return f"{dice.choice(FAMILIES)} {dice.choice(MIDDLES)} {dice.choice(GIVEN)}"


def citizen(dice: random.Random) -> dict[str, Any]:
    number = f"019{dice.randrange(4)}{dice.randrange(60, 100)}{dice.randrange(10**6):06d}"
    return {
        "kind": "citizen", "name": person(dice), "papers": [{"kind": "CCCD", "number": number}], "phone": f"09{dice.randrange(10**8):08d}",
        "tech_id": f"dd-{dice.randrange(10**9):09d}", "verified_by_vneid": dice.random() < 0.7, "address": address(dice),
    }  # fmt: skip


def company(dice: random.Random) -> dict[str, Any]:
    name = f"Công ty TNHH {dice.choice(TRADES)} {dice.choice(GIVEN)}"
    return {
        "kind": "enterprise", "name": name, "tax_code": tax_code(dice), "phone": f"09{dice.randrange(10**8):08d}",
        "email": f"lienhe{dice.randrange(1000)}@doanhnghiep.example", "address": address(dice),
    }  # fmt: skip


def address(dice: random.Random) -> dict[str, str]:
    return {"detail": f"Số {dice.randrange(1, 200)} đường {dice.choice(STREETS)}, phường An Bình", "province": "19"}


def tax_code(dice: random.Random) -> str:
    """Ten digits with a right check digit."""
    while True:
        digits = [dice.randrange(10) for _ in range(9)]
        check = 10 - sum(d * w for d, w in zip(digits, (31, 29, 23, 19, 17, 13, 7, 5, 3), strict=True)) % 11
        if check < 10:
            return "".join(map(str, [*digits, check]))


def attachment(name: str, title: str, content: bytes) -> dict[str, Any]:
    return {
        "id": name,
        "name": title,
        "sha256": hashlib.sha256(content).hexdigest(),
        "media_type": "text/plain",
        "digitised": True,
    }


def promotion(number: int, at: datetime, seed: int = 2026) -> dict[str, Any]:
    """A notice of a promotion (thông báo khuyến mại) as the national portal hands it in."""
    dice = random.Random(f"{seed}-ttkm-{number}")  # noqa: S311
    who, where = company(dice), address(dice)
    local = at.astimezone(HANOI)
    return {
        "MaHoSo": f"000.00.00.G22-{local:%y%m%d}-{number:04d}", "MaTTHC": PROMOTION, "SoVanBan": f"{number}/TB-KM",
        "NgayNopHoSo": f"{local:%Y%m%d%H%M%S}", "TenThuongNhan": who["name"], "DienThoai": who["phone"], "Fax": "", "Email": who["email"],
        "DiaChiDoanhNghiep": {"MaTinh": "19", "MaHuyen": "", "MaXa": "", "DiaChiChiTiet": where["detail"]},
        "MaSoThue": who["tax_code"], "NguoiLienHe": person(dice), "SoDienThoaiNguoiLienHe": f"09{dice.randrange(10**8):08d}",
        "TenChuongTrinhKhuyenMai": "Tri ân khách hàng", "HinhThucKhuyenMai": "Giảm giá", "ThoiGianKhuyenMaiTu": f"{local:%d/%m/%Y}",
        "ThoiGianKhuyenMaiDen": f"{local + timedelta(days=20):%d/%m/%Y}", "HangHoaDichVuKhuyenMai": "Hàng tiêu dùng",
        "TongGiaTriHangHoa": "50000000", "KhachHang": "Mọi khách hàng", "NoiDungChiTiet": "Giảm 10 % giá bán lẻ",
        "TenTepDonDangKy": "Don.txt", "TepDonDangKy": base64.b64encode(f"Đơn thông báo khuyến mại số {number}\n".encode() * 8).decode(),
        "TaiLieuNop": [],
    }  # fmt: skip


__all__ = ["CENTRE", "WORDS", "Piece", "day", "person", "promotion"]

"""The troubles that the gateway knows, as data: what each is called, when it counts, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPERATOR = "operator"
"""The owner of what is nobody else's."""

ENDING = ("certificate", "server-certificate", "key", "codelist", "calendar")
"""Those that are known long before they hurt."""

OPERATOR_NAMES = ("Cổng liên thông", "The gateway")


@dataclass(frozen=True, slots=True)
class Trouble:
    """`unit` and `limit`: from how much on it counts (``minutes``, ``count``, ``days`` ahead, ``seconds``). `cure`: what to do, with `{owner}`
    in its place."""

    key: str
    name: str
    name_en: str
    unit: str
    limit: float
    cure: str
    cure_en: str


_ROWS = (
    Trouble(
        "breaker-open", "Đối tác không trả lời", "A partner does not answer", "minutes", 10,
        "hỏi đối tác; mọi thứ tự gửi lại khi họ trả lời: lienthong partners check {owner}",
        "ask the partner; all goes out by itself when it answers",
    ),
    Trouble(
        "refused", "Đối tác từ chối tài khoản của cổng", "A partner refuses our credentials", "minutes", 5,
        "kiểm tra tài khoản, mật khẩu, khóa, địa chỉ mạng: lienthong partners check {owner}",
        "check account, password, key and network address",
    ),
    Trouble(
        "undelivered", "Bản tin chờ gửi quá lâu", "Messages wait too long", "minutes", 120,
        "xem vì sao chưa gửi được: lienthong flow; lienthong partners check {owner}",
        "see why they do not go out",
    ),
    Trouble(
        "parked", "Lượt gửi chờ người xử lý", "Deliveries wait for a person", "count", 1,
        "xem và xử lý từng lượt: lienthong parked list --destination {owner}",
        "look at each and decide",
    ),
    Trouble(
        "in-doubt", "Chưa rõ đối tác đã nhận hay chưa", "Nobody knows whether it arrived", "minutes", 60,
        "hỏi lại ngay hoặc quyết định: lienthong doubts list --destination {owner}",
        "have the partner asked now, or decide",
    ),
    Trouble(
        "differences", "Chênh lệch đối soát chưa hết", "Differences found by reconciliation", "count", 20,
        "duyệt hoặc để nguyên từng chênh lệch: lienthong reconcile list {owner}",
        "approve or decline each",
    ),
    Trouble(
        "silent", "Nguồn im lặng trong giờ làm việc", "A source is silent in office hours", "minutes", 0,
        "hỏi hệ thống gửi còn chạy không; không có gì để gửi thì sửa silent_minutes trong config/partners/{owner}.toml",
        "ask whether the sending system runs; if it has nothing to send, change silent_minutes in its file",
    ),
    Trouble(
        "feed-unread", "Không đọc được nguồn tin của đối tác", "A partner's feed cannot be read", "minutes", 60,
        "xem đối tác trả lời gì: lienthong partners check {owner}",
        "see what the partner answers",
    ),
    Trouble(
        "certificate", "Chứng thư sắp hết hạn", "Certificates about to expire", "days", 30,
        "xin chứng thư mới, thay tệp, rồi lienthong reload",
        "get new ones, put the files in their place, then reload",
    ),
    Trouble(
        "server-certificate", "Chứng thư máy chủ sắp hết hạn", "A server's certificate is about to expire", "days", 21,
        "báo bên quản lý máy chủ ({owner}) gia hạn; hết hạn thì mọi lượt gửi tới đó dừng lại, không mất gì",
        "tell whoever runs the server: once it has ended nothing goes there any more, and nothing is lost",
    ),
    Trouble(
        "key", "Khóa truy cập sắp hết hạn", "Access keys about to expire", "days", 14,
        "cấp khóa mới: lienthong keys rotate; khóa không dùng nữa: lienthong keys disable",
        "rotate them; disable those not used any more",
    ),
    Trouble(
        "codelist", "Mã danh mục sắp hết hiệu lực", "Codes about to end without a successor", "days", 14,
        "nạp danh mục mới: lienthong codes import; so với Cổng: lienthong codes diff",
        "import the new list; compare with the portal's",
    ),
    Trouble(
        "calendar", "Lịch làm việc chưa rà soát", "The working calendar is not reviewed", "days", 45,
        "lập và rà soát tệp của năm: lienthong calendar show",
        "write and review the year's file",
    ),
    Trouble(
        "ledger-away", "Cơ sở dữ liệu đã không trả lời", "The database did not answer", "minutes", 1,
        "xem nhật ký của cơ sở dữ liệu; không gì đã nhận bị mất",
        "look at the database's log; nothing accepted is lost",
    ),
    Trouble(
        "unwatched", "Cổng không được trông coi", "Nobody was watching", "minutes", 10,
        "xem vì sao không tiến trình lienthong clock nào chạy được lúc đó; nên chạy ít nhất hai",
        "see why no clock could run then; run at least two",
    ),
    Trouble(
        "broker-away", "RabbitMQ không trả lời", "RabbitMQ does not answer", "minutes", 2,
        "xem RabbitMQ; bản tin vẫn được nhận và gửi, chậm hơn vài giây: lienthong check",
        "look at RabbitMQ; messages are accepted and delivered, some seconds later",
    ),
    Trouble(
        "clock-differs", "Giờ máy chủ lệch giờ cơ sở dữ liệu", "A host's time differs from the database's", "seconds", 2,
        "đồng bộ giờ (chrony, NTP) trên máy chủ",
        "synchronise the host's time (chrony, NTP)",
    ),
)  # fmt: skip

TROUBLES: Mapping[str, Trouble] = {row.key: row for row in _ROWS}

"""Notices on the wire: a mail server over TLS, a web address, and a running clock that takes a changed `notices.toml`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time as wall
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import Rejected, TryLater
from gateway.flow.herald import check_channel, send_trial
from gateway.flow.incidents import Watch
from gateway.flow.mail import send_mail
from gateway.flow.notices import Email, Notices
from gateway.ledger import open_ledger
from gateway.ledger.tables import notices
from gateway.message import utc_now
from tests.certificates import Certificates, make_certificates
from tests.commands import PROGRAM, Command, running, until
from tests.conftest import Time
from tests.house import ADDRESSES, House
from tests.integration.test_reloading import Province
from tests.receivers import PASSWORD, SECRET, USER, MailServer, Receiver, receiving
from tests.unit.test_incidents import park, unpark

MAIL = """
[[email]]
name = "truc-cntt"
host = "localhost"
port = {port}
tls = "starttls"
user = "{user}"
password = "{password}"
ca_file = "{ca}"
from = "lienthong@tinh.example"
to = ["truc@tinh.example", "lanh-dao@tinh.example"]
seconds = 5

[[tell]]
channels = ["truc-cntt"]
"""
HOOK = """
[[webhook]]
name = "dieu-hanh"
url = "{url}"
secret = "env:LIENTHONG_WEBHOOK_SECRET"

[[tell]]
channels = ["dieu-hanh"]
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls") / "pem")


@pytest.fixture
def server(certificates: Certificates) -> Iterator[MailServer]:
    made = MailServer(str(certificates.server), str(certificates.server_key))
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def channel(server: MailServer, certificates: Certificates, **changes: object) -> Email:
    values = {
        "name": "truc-cntt", "host": "localhost", "port": server.port, "user": USER, "password": PASSWORD, "ca_file": str(certificates.ca),
        "from": "lienthong@tinh.example", "to": ["truc@tinh.example"], "seconds": 2.0,
    }  # fmt: skip
    return Email.model_validate(values | changes)


def configure(house: House, server: MailServer, certificates: Certificates, password: str = PASSWORD) -> None:
    text = MAIL.format(port=server.port, user=USER, password=password, ca=certificates.ca)
    file = house.gateway.config.folder / "notices.toml"
    file.write_text(text, encoding="utf-8")
    house.gateway.notices = Notices(file)


def test_an_incident_is_two_mails_that_a_telephone_shows(
    house: House, server: MailServer, certificates: Certificates, time: Time
) -> None:
    configure(house, server, certificates)
    watch = Watch(house.gateway)
    delivery = park(house, time, 1)
    for _ in range(12):
        watch.look_if_due()
        watch.send_due()
        if len(server.mails) == 1:
            unpark(house, delivery)
        time.move(minutes=1)

    opened, closed = server.mails
    assert opened["Subject"] == "[Liên thông] Sự cố: Lượt gửi chờ người xử lý: Cổng Dịch vụ công Quốc gia"
    assert opened["To"] == "truc@tinh.example, lanh-dao@tinh.example"
    assert opened["Auto-Submitted"] == "auto-generated"
    assert opened["Message-ID"].endswith("@tinh.example>")
    assert opened["Message-ID"] != closed["Message-ID"]
    text = opened.get_content()
    assert text.startswith("SỰ CỐ 1: Lượt gửi chờ người xử lý\r\nCổng Dịch vụ công Quốc gia (portal): 1 lượt (mã 17).")
    assert "INCIDENT 1: Deliveries wait for a person" in text
    assert closed["Subject"].startswith("[Liên thông] Đã hết: ")
    assert [line for mail in server.mails for line in mail.get_content().splitlines() if len(line) > 160] == []


def test_a_mail_that_may_have_arrived_goes_again_under_the_same_name(
    server: MailServer, certificates: Certificates
) -> None:
    for _ in range(2):
        send_mail(channel(server, certificates), token="abc", subject="x\r\nBcc: ai@do", text="nội dung", at=utc_now())

    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"] == "<abc@tinh.example>"
    assert first["Subject"] == "x Bcc: ai@do"
    assert first["Bcc"] is None


@pytest.mark.parametrize(("answer", "error"), [("451 4.3.0 thử lại sau", TryLater), ("554 5.7.1 không nhận", Rejected)])
def test_what_the_server_says_decides_whether_it_is_the_mail_or_the_server(
    server: MailServer, certificates: Certificates, answer: str, error: type[Exception]
) -> None:
    server.refuse = [answer]

    with pytest.raises(error, match=answer[:3]):
        send_mail(channel(server, certificates), token="abc", subject="x", text="y", at=utc_now())


def test_a_mail_that_some_mailboxes_took_is_not_sent_to_them_again_and_the_others_are_named(
    house: House, server: MailServer, certificates: Certificates, time: Time
) -> None:
    configure(house, server, certificates)
    server.unknown = {"lanh-dao@tinh.example"}
    watch = Watch(house.gateway)
    park(house, time, 1)
    watch.look()
    for _ in range(5):
        watch.send_due()
        time.move(minutes=20)

    with house.gateway.ledger.read() as connection:
        row = connection.execute(notices.select()).one()
    assert len(server.mails) == 1
    assert row.state == "given_up"
    assert "lanh-dao@tinh.example: 550" in row.error


@pytest.mark.parametrize(
    "changes",
    [{"password": "sai"}, {"host": "127.0.0.1"}, {"ca_file": ""}, {"tls": "implicit"}, {"port": 9}],
    ids=["a wrong password", "a name that its certificate does not hold", "an unknown authority", "no TLS there", "nobody there"],
)  # fmt: skip
def test_a_server_that_is_not_who_it_should_be_gets_no_mail(
    server: MailServer, certificates: Certificates, changes: dict[str, object]
) -> None:
    with pytest.raises(TryLater):
        send_mail(channel(server, certificates, **changes), token="abc", subject="x", text="y", at=utc_now())
    assert server.mails == []


def test_a_server_that_offers_no_tls_never_sees_the_password() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_speak_plainly, args=(listening, heard), daemon=True).start()
        plain = Email.model_validate(
            {"name": "mail", "host": "127.0.0.1", "port": listening.getsockname()[1], "user": USER, "password": PASSWORD,
             "from": "a@b.vn", "to": ["c@d.vn"], "seconds": 3}
        )  # fmt: skip
        with pytest.raises(TryLater, match="STARTTLS"):
            send_mail(plain, token="abc", subject="x", text="y", at=utc_now())
    assert b"AUTH" not in b"".join(heard)


def _speak_plainly(listening: socket.socket, heard: list[bytes]) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"220 x\r\n")
        while line := connection.recv(1000):
            heard.append(line)
            connection.sendall(b"250-x\r\n250 AUTH PLAIN LOGIN\r\n" if line.startswith(b"ehlo") else b"250 OK\r\n")


def test_a_server_that_drips_is_left_within_its_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_drip, args=(listening,), daemon=True).start()
        slow = Email.model_validate(
            {
                "name": "mail",
                "host": "127.0.0.1",
                "port": listening.getsockname()[1],
                "from": "a@b.vn",
                "to": ["c@d.vn"],
                "seconds": 1.5,
            }
        )
        began = wall.monotonic()
        with pytest.raises(TryLater):
            send_mail(slow, token="abc", subject="x", text="y", at=utc_now())
        assert wall.monotonic() - began < 6


def _drip(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        try:
            for _ in range(200):
                connection.sendall(b"2")
                wall.sleep(0.2)
        except OSError:
            return  # it hung up


def test_a_channel_can_be_tried_without_telling_anybody(
    house: House, server: MailServer, certificates: Certificates
) -> None:
    configure(house, server, certificates)
    assert check_channel(house.gateway, "truc-cntt")
    assert server.mails == []
    assert send_trial(house.gateway, "truc-cntt") == ""
    assert [mail["Subject"] for mail in server.mails] == ["[Liên thông] Tin thử"]

    configure(house, server, certificates, password="sai")
    with pytest.raises(TryLater, match="535"):
        check_channel(house.gateway, "truc-cntt")
    assert "535" in send_trial(house.gateway, "truc-cntt")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_running_clock_tells_by_mail_and_by_web_and_takes_a_changed_file(
    tmp_path: Path, server: MailServer, receiver: Receiver, certificates: Certificates
) -> None:
    province = Province(tmp_path)
    province.place["LIENTHONG_WEBHOOK_SECRET"] = SECRET
    file = province.config / "notices.toml"
    certain = "look_seconds = 1\nwell_seconds = 1\n"
    (province.config / "calendar" / f"{utc_now().year + 1}.toml").unlink(missing_ok=True)
    certain += '[[trouble]]\ntrouble = "certificate"\noff = true\n'  # the mail server's authority, in this test
    early = '\n[[trouble]]\ntrouble = "calendar"\ndays = 400\n'
    file.write_text(
        certain + early + MAIL.format(port=server.port, user=USER, password=PASSWORD, ca=certificates.ca),
        encoding="utf-8",
    )
    clock = Command(province.folder, province.place, "clock")
    with running(clock):
        until(lambda: server.mails, 150, clock.said)
        assert "Lịch làm việc chưa rà soát" in str(server.mails[0]["Subject"])

        file.write_text(
            certain + '[[trouble]]\ntrouble = "calendar"\noff = true\n' + HOOK.format(url=receiver.url),
            encoding="utf-8",
        )
        assert province.reload()[0] == 0
        until(lambda: receiver.calls, 90, clock.said)
        file.write_text(certain + "[[tell]]\nchannels = ['khong-co']\n", encoding="utf-8")
        code, told = province.reload()
        assert code == 1
        assert "khong-co" in told[0]["refused"]
        shown = subprocess.run(
            [*PROGRAM, "incidents", "--all", "--json"], env={**os.environ, **ADDRESSES, **province.place}, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert "khong-co" in shown.stderr  # a command reads the files as they are
        assert clock.stop() == 0
    province.serve.stop()

    assert [told[:2] for told in receiver.told] == [("incident.closed", "calendar")]
    assert len(server.mails) == 1
    ledger = open_ledger(province.place["LIENTHONG_LEDGER"])
    with ledger.read() as connection:
        rows = connection.execute(notices.select().order_by(notices.c.id)).all()
    ledger.close()
    assert [(row.kind, row.channel, row.state) for row in rows] == [
        ("opened", "truc-cntt", "sent"),
        ("closed", "dieu-hanh", "sent"),
    ]
    assert json.loads(rows[1].data)["trouble"] == "calendar"

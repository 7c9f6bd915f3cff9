"""The brokers' addresses, as an operator writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.channels.addresses import name_of, read_addresses
from gateway.config import RabbitMQ as Rules
from gateway.errors import Misconfigured


def read(*addresses: str, **rules: str) -> list[object]:
    return list(read_addresses(Rules.model_validate({"addresses": list(addresses), **rules})))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("amqp://gw:pw@mq1:5672/lienthong", "amqp://mq1:5672/lienthong"),
        ("amqp://gw:pw@mq1", "amqp://mq1:5672/"),
        ("amqp://gw:pw@mq1/%2F", "amqp://mq1:5672/"),
        ("amqps://gw:pw@mq1/a%20b", "amqps://mq1:5671/a b"),
        ("amqp://gw:pw@[::1]:5673/", "amqp://[::1]:5673/"),
    ],
)
def test_an_address_is_named_without_who_and_password(address: str, name: str) -> None:
    assert [name_of(found) for found in read(address)] == [name]


def test_a_user_and_password_may_hold_any_character() -> None:
    (found,) = read("amqp://g%40w:p%2Fw%3A@mq1/")

    assert (found.credentials.username, found.credentials.password) == ("g@w", "p/w:")  # type: ignore[attr-defined]


def test_secrets_come_from_files_and_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("amqp://gw:pw1@mq1/\n")
    monkeypatch.setenv("BROKER", "amqp://gw:pw2@mq2/")

    found = read(f"file:{tmp_path / 'secret'}", "env:BROKER")

    assert [name_of(one) for one in found] == ["amqp://mq1:5672/", "amqp://mq2:5672/"]


def test_every_wrong_address_is_told_at_once_and_no_password_with_it() -> None:
    with pytest.raises(Misconfigured) as told:
        read("http://gw:hidden1@mq1/", "amqp://mq2/", "amqp://gw:hidden2@/", "amqp://gw:hidden3@mq4:99999/")

    words = str(told.value)
    assert [f"addresses: {n}:" in words for n in (1, 2, 3, 4)] == [True] * 4
    assert "thiếu tên người dùng · no user name" in words
    assert "hidden" not in words


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="không đọc được chứng thư · a certificate cannot be read"):
        read("amqps://gw:pw@mq1/", ca_file=str(tmp_path / "nothing.pem"))


def test_a_secret_that_is_missing_is_told_by_its_name() -> None:
    with pytest.raises(Misconfigured, match="LIENTHONG_NO_SUCH_BROKER"):
        read("env:LIENTHONG_NO_SUCH_BROKER")

"""The certificates that partners' servers show: seen by a handshake, kept, and told of before they end."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.flow.digest import gather_digest
from gateway.flow.incidents import Watch
from gateway.flow.served import KEPT, Served, servers
from gateway.http import served_certificate
from gateway.ledger import facts
from gateway.message import utc_now
from tests.certificates import Certificates, make_certificates
from tests.conftest import Time
from tests.house import House


class Server:
    """Speaks TLS and nothing else; counts its handshakes, and the bytes that came after them."""

    def __init__(self, made: Certificates) -> None:
        self.shaken = self.heard = 0
        self._speaks = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._speaks.load_cert_chain(made.server, made.server_key)
        self._listens = socket.create_server(("127.0.0.1", 0))
        self.port = self._listens.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listens.accept()
            except OSError:
                return
            with plain:
                try:
                    with self._speaks.wrap_socket(plain, server_side=True) as secured:
                        self.shaken += 1
                        self.heard += len(secured.recv(100))
                except OSError:
                    continue

    def close(self) -> None:
        self._listens.shutdown(socket.SHUT_RDWR)
        self._listens.close()
        self._thread.join()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls") / "pem")  # good for two days from now on


@pytest.fixture
def server(made: Certificates) -> Iterator[Server]:
    one = Server(made)
    yield one
    one.close()


@pytest.fixture(autouse=True)
def today(time: Time) -> None:
    time.at = utc_now()


def name_server(house: House, address: str) -> None:
    rows = house.gateway.config.partners
    rows["portal"] = rows["portal"].model_copy(
        update={"settings": {"url": address, "more": [{"login": address}, "https://[", "https://:1"]}}
    )


def ending(house: House) -> list[str]:
    found = gather_digest(house.gateway, house.gateway.now()).expiring
    return [f"{one.owner} {one.what}" for one in found if one.trouble == "server-certificate"]


def test_a_server_whose_certificate_ends_soon_is_told_of_once_and_is_sent_nothing(house: House, server: Server) -> None:
    name_server(house, f"https://localhost:{server.port}/mapi/g")

    Served(house.gateway).look_if_due()
    watch = Watch(house.gateway)
    watch.look()
    watch.look()

    assert ending(house) == [f"portal localhost:{server.port}"]
    told = [sign for sign in watch.lookout.look() if sign.trouble == "server-certificate"]
    assert [(sign.owner, sign.count) for sign in told] == [("portal", 1)]
    assert (server.shaken, server.heard) == (1, 0)


def test_it_is_looked_at_once_a_day_whichever_process_leads(house: House, server: Server, time: Time) -> None:
    name_server(house, f"https://localhost:{server.port}")
    first, second = Served(house.gateway), Served(house.gateway)
    for one in (first, second, first, second):
        one.look_if_due()
        time.move(minutes=90)
    assert server.shaken == 1

    time.move(hours=24)
    second.look_if_due()
    first.look_if_due()

    assert server.shaken == 2


def test_a_server_that_shows_nothing_keeps_what_was_seen_and_one_that_is_gone_is_forgotten(
    house: House, made: Certificates
) -> None:
    server = Server(made)
    name_server(house, f"https://localhost:{server.port}")
    served = Served(house.gateway)
    served.look()
    server.close()
    served.look()
    assert ending(house) == [f"portal localhost:{server.port}"]

    name_server(house, "http://localhost:1")
    served.look()

    assert ending(house) == []
    with house.gateway.ledger.read() as connection:
        assert facts.cursor(connection, KEPT) == "{}"


def test_a_certificate_with_time_left_is_nobodys_trouble(house: House, server: Server, time: Time) -> None:
    name_server(house, f"https://localhost:{server.port}")
    Served(house.gateway).look()

    time.at -= timedelta(days=30)

    assert ending(house) == []


def test_one_that_is_to_stop_looks_at_no_further_server(house: House, server: Server) -> None:
    name_server(house, f"https://localhost:{server.port}")

    Served(house.gateway, stopped=lambda: True).look()

    assert server.shaken == 0
    with house.gateway.ledger.read() as connection:
        assert facts.cursor(connection, KEPT) is None


def test_webhooks_and_providers_of_the_sign_on_are_the_operators(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.flow.notices import Notices

    file = house.gateway.config.folder / "notices.toml"
    file.write_text(
        '[[webhook]]\nname = "truc"\nurl = "https://hook.example/in"\nsecret = "0123456789abcdef0123456789abcdef"\n'
    )
    house.gateway.notices = Notices(file)
    (house.gateway.config.folder / "signon.toml").write_text(
        '[[provider]]\nname = "a"\nissuer = "env:ISSUER_A"\n[[provider]]\nname = "b"\nenabled = false\nissuer = "env:ISSUER_B"\n'
    )
    monkeypatch.setenv("ISSUER_A", "https://[::1]:8443/realm")

    assert servers(house.gateway) == {"hook.example:443": "operator", "[::1]:8443": "operator"}


def test_who_speaks_no_tls_or_nothing_at_all_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert served_certificate(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3) is None
    assert served_certificate("https://127.0.0.1:1/", seconds=0.3) is None

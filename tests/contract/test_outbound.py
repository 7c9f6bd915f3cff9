"""The contract of an outbound connector: every one that ships passes it, against its own strict twin, with the shipped mappings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical import any_message
from gateway.dossiers.view import build_view
from gateway.errors import AskFirst, DeliveryError, TryLater, Unclassified
from gateway.flow.gateway import Gateway
from gateway.message import Message
from gateway.ports import Found, Outbound, Parcel, Receipt
from gateway.simulation import Chaos, Serve
from tests import civil, department, generic, social, trunks
from tests.door import fresh_ledger, make_home
from tests.house import ADDRESSES, dossier
from tests.house import status as status_changed
from tests.land import SECRETS, add_partner, land_dossier

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
HOME = {
    "name": "Nguyễn Văn Mẫu",
    "phone": "0912345678",
    "address": {"detail": "Số 1 đường A, phường An Bình", "province": "19"},
}
TWINS = {
    "portal": {"username": ADDRESSES["LIENTHONG_PORTAL_USERNAME"], "password": ADDRESSES["LIENTHONG_PORTAL_PASSWORD"]},
    "vnpost": {
        "customer_key": ADDRESSES["LIENTHONG_VNPOST_KEY"],
        "customer_secret": ADDRESSES["LIENTHONG_VNPOST_SECRET"],
        "customer_code": ADDRESSES["LIENTHONG_VNPOST_CUSTOMER"],
    },
    "one-stop": {"key": ADDRESSES["LIENTHONG_ONE_STOP_KEY"]},
    "land-office": {},
    "btxh": {},
    "so-vi-du": department.twin_settings(),
    **{name: {} for name in (*civil.PARTNERS, *trunks.PARTNERS, *generic.PARTNERS)},
}
COUNTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "portal": lambda book: [e["MaHoSo"] for e in book["effects"] if e["kind"] == "create"],
    "vnpost": lambda book: [o["OrderNumber"] for o in book["orders"]],
    "one-stop": lambda book: book["keys"],
    "land-office": lambda book: [e["SoBienNhan"] for e in book["effects"] if e["call"] == "tiepnhan"],
    "btxh": lambda book: [e["MaHoSo"] for e in book["effects"] if e["kind"] == "create"],
    **civil.COUNTS,
    **trunks.COUNTS,
    **generic.COUNTS,
    "so-vi-du": lambda book: book["keys"],
}
# Partners that are not in the shipped configuration: the connector whose README tells how to write their file.
WRITTEN = {"land-office": "vbdlis"}
BODIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "land-office": land_dossier,
    **dict.fromkeys(civil.PARTNERS, civil.linked_dossier),
    **dict.fromkeys(trunks.PARTNERS, trunks.trunk_dossier),
    "profiles": trunks.profile_dossier,
}


@dataclass
class Pair:
    """A connector and its partner's twin."""

    name: str
    gateway: Gateway
    server: Serve
    outbound: Outbound

    def parcel(self, number: int, **more: Any) -> Parcel:
        """Something that the partner takes: the submission of dossier `number`, or an order to the post for it."""
        body = BODIES.get(self.name, dossier)(number)
        first = _message(2 * number - 1, body)
        message, earlier = first, []
        if self.name == "vnpost":
            order = {"order": body["dossier"], "leg": "return", "sender": HOME, "receiver": HOME, "contents": "Kết quả"}
            raw = {
                "type": "PostalOrdered",
                "id": f"o{number}",
                "dossier": body["dossier"],
                "event_time": body["event_time"],
            }
            message, earlier = _message(2 * number, raw | order), [first]
        if self.name in (*civil.PARTNERS, "profiles"):  # they hear of a dossier when the one-stop receives it
            message, earlier = _message(2 * number, status_changed(number, 2, 5)), [first]
        view = build_view(message, earlier, self.gateway.link)
        documents = self.gateway.documents(self.name, message, view)
        return Parcel(number, message.id, message, documents, read_file=lambda sha256: b"%PDF-1.4", **more)

    def effects(self) -> list[str]:
        return COUNTS[self.name](self.server.twin.book())

    def kept(self) -> dict[str, Any]:
        """The twin's book, but for how often it was asked."""
        return deepcopy({name: held for name, held in self.server.twin.book().items() if name not in QUESTIONS})


def _message(seq: int, raw: dict[str, Any]) -> Message:
    body = any_message.validate_python(raw).model_dump(mode="json", exclude_none=True)
    ours = f"00000000-0000-7000-8000-{seq:012d}"
    return Message(seq, ours, "test", raw["id"], raw["type"], raw["dossier"], AT, AT, body)


@pytest.fixture(params=sorted(TWINS))
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pair]:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    for variable, value in (SECRETS | civil.SECRETS | trunks.SECRETS | social.SECRETS | generic.SECRETS).items():
        monkeypatch.setenv(variable, value)
    home = make_home(tmp_path)
    if request.param in WRITTEN:
        add_partner(home, WRITTEN[request.param])
    if request.param == "btxh":
        social.add_readme(home, "btxh")
    if request.param == "so-vi-du":
        department.add_department(home)
    civil.add_partners(home, request.param)
    trunks.add_partner(home, request.param)
    told: dict[str, Any] = TWINS[request.param]
    if request.param in generic.PARTNERS:
        told = generic.partner_file(generic.add_partner(home, generic.PARTNERS[request.param]))
    gateway = Gateway(home, now=lambda: AT)
    connector = gateway.kinds[gateway.config.partners[request.param].connector]
    assert connector.simulator is not None
    server = Serve(connector.simulator(told))
    url = server.start()
    for variable in ("PORTAL_URL", "ONE_STOP_URL", "LAND_URL", "BTXH_URL"):
        monkeypatch.setenv(f"LIENTHONG_{variable}", url)
    where = trunks.addresses(request.param, url) | generic.addresses(request.param, url) | department.addresses(url)
    for variable, value in (civil.prepare(request.param, server) | where).items():
        monkeypatch.setenv(variable, value)
    for place in ("token", "order", "cancel", "tracking"):
        monkeypatch.setenv(f"LIENTHONG_VNPOST_{place.upper()}_URL", f"{url}/{place}")
    yield Pair(request.param, gateway, server, gateway.outbound(request.param))
    server.stop()
    gateway.close()


def test_what_is_delivered_has_one_effect_and_a_receipt(pair: Pair) -> None:
    receipt = pair.outbound.deliver(pair.parcel(1))

    assert isinstance(receipt, Receipt)
    assert not receipt.duplicate
    assert len(pair.effects()) == 1


def test_several_threads_deliver_each_thing_once(pair: Pair) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: pair.outbound.deliver(pair.parcel(n)), range(1, 25)))

    assert len(pair.effects()) == len(set(pair.effects())) == 24


@pytest.mark.parametrize(
    "chaos", [{"drop_after": 1.0}, {"drop_before": 1.0}, {"error_500": 1.0}, {"wrong_type": 1.0}, {"down": True}]
)
def test_a_call_that_went_wrong_is_never_a_receipt_and_ends_as_one_effect(pair: Pair, chaos: dict[str, Any]) -> None:
    pair.outbound.deliver(pair.parcel(1))  # logged in: what fails now is the delivery itself
    pair.server.chaos = Chaos(**chaos)
    with pytest.raises((TryLater, AskFirst, Unclassified)) as failed:
        pair.outbound.deliver(pair.parcel(2))

    pair.server.chaos = Chaos()
    again = replace(pair.parcel(2), in_doubt=failed.type is AskFirst)
    if not again.in_doubt or pair.outbound.find(again) is not Found.ARRIVED:
        pair.outbound.deliver(again)

    assert len(pair.effects()) == 2


def test_a_partner_that_is_away_was_not_reached(pair: Pair) -> None:
    pair.server.stop()

    with pytest.raises(TryLater):
        pair.outbound.deliver(pair.parcel(1))
    assert pair.effects() == []


def test_a_question_to_a_partner_that_is_away_is_no_answer(pair: Pair) -> None:
    pair.server.stop()

    try:
        found = pair.outbound.find(replace(pair.parcel(1), in_doubt=True))
    except DeliveryError:
        return
    # only where sending again cannot double anything is no question needed
    pair.server.start()
    assert found is Found.ABSENT
    for _ in range(3):
        pair.outbound.deliver(replace(pair.parcel(1), in_doubt=True))
    assert len(pair.effects()) == 1


# those that can be asked how a dossier stands; what they do with a difference: test_telling.py
TELLING = ("hotich", "lltp", "one-stop", "opencps", "portal", "so-vi-du", "so-y-te", "trunk")
QUESTIONS = ("logins", "questions", "tokens_given")  # of a twin's book: what being asked may change


@pytest.mark.parametrize("pair", TELLING, indirect=True)
@pytest.mark.parametrize(
    "chaos", [{}, {"slow": 1.0, "slow_seconds": 0.05}, {"duplicate_answer": 1.0}, {"expired_session": 0.5, "seed": 6}]
)
def test_a_partner_that_is_asked_says_what_it_took_and_nothing_is_changed_by_it(
    pair: Pair, chaos: dict[str, Any]
) -> None:
    outbound: Any = pair.outbound
    taken, never = pair.parcel(1), pair.parcel(2)
    outbound.deliver(taken)
    before = pair.kept()
    pair.server.chaos = Chaos(**chaos)

    says, knows_not = outbound.state([taken]), outbound.state([never])

    assert (says.there, list(says.lacking or ())) == (True, [])
    assert says.statuses in (None, (2,))
    assert not knows_not.there or list(knows_not.lacking) == [never.key]
    assert pair.kept() == before


@pytest.mark.parametrize("pair", TELLING, indirect=True)
@pytest.mark.parametrize("chaos", [{"drop_before": 1.0}, {"error_500": 1.0}, {"wrong_type": 1.0}, {"down": True}])
def test_a_question_that_failed_says_nothing_of_a_dossier(pair: Pair, chaos: dict[str, Any]) -> None:
    outbound: Any = pair.outbound
    outbound.deliver(pair.parcel(1))
    pair.server.chaos = Chaos(**chaos)

    with pytest.raises(DeliveryError):
        outbound.state([pair.parcel(1)])


def test_who_can_be_asked_how_a_dossier_stands_is_known_here(pair: Pair) -> None:
    assert hasattr(pair.outbound, "state") == (pair.name in TELLING)


def test_a_check_answers_questions_and_changes_nothing(pair: Pair) -> None:
    well = pair.outbound.check()
    pair.server.stop()
    ill = pair.outbound.check()

    assert well
    assert all(h.ok for h in well)
    assert ill
    assert not any(h.ok for h in ill)
    assert all(h.question and h.answer for h in (*well, *ill))
    assert pair.effects() == []

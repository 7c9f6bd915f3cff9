"""The mapi connector: its outcome table against its samples, its client and its deliveries against the portal's twin."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import threading
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.mapi import connector
from connectors.mapi.client import OUTCOMES, Client, read
from connectors.mapi.inbound import hooks
from connectors.mapi.outbound import STEPS, MapiOutbound
from connectors.mapi.settings import Settings
from connectors.mapi.simulator import PortalTwin
from gateway.canonical import any_message
from gateway.errors import AskFirst, Conflicting, DeliveryError, Fault, Refused, Rejected, TryLater, Unclassified
from gateway.http import Reply
from gateway.message import Message
from gateway.ports import RESTORED, Accepted, Answer, Found, Hook, Incoming, Parcel, Partner, Receipt, Submission
from gateway.simulation import Chaos, Request, Response, Serve, Twin
from tests.connectors.replay import Recorded, Sample, outcome_of, read_samples, words_of

SAMPLES = connector.folder / "samples"
CODE = "000.00.01.H99-260105-0001"


def sent(sample: str) -> Any:
    return json.loads((SAMPLES / sample / "request.json").read_text(encoding="utf-8"))


DOSSIER = sent("a-new-dossier-is-taken")["data"][0]
PROGRESS = sent("a-progress-row-is-taken")["data"][0]
STATUS = sent("the-status-of-a-portal-born-dossier-is-taken")["data"]


ACCOUNT = {
    "username": "mot-cua",
    "password": "mat-khau-gia",
    "dstcode": "VN:GOV:000.00.00.G22:dvcqg",
    "madonvi": "000.00.00.H99",
}


# ── the outcome table ──────────────────────────────────────────────────────────────────────────────────────


def samples() -> list[Path]:
    return sorted(folder for folder in SAMPLES.iterdir() if folder.is_dir())


@pytest.mark.parametrize("folder", samples(), ids=lambda folder: folder.name)
def test_a_sample_is_judged_by_exactly_the_row_it_names(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    [answer] = folder.glob("answer.*")
    said = read(Reply(expected["http"], {}, answer.read_bytes()))

    verdict = OUTCOMES.judge(expected["call"], http=said.http, code=said.code, text=said.text)

    assert (verdict.outcome, verdict.then, verdict.rule) == (expected["outcome"], expected["then"], expected["rule"])


def test_every_row_of_the_table_has_a_sample_and_every_outcome_too() -> None:
    expected = [json.loads((folder / "expected.json").read_text(encoding="utf-8")) for folder in samples()]
    assert {e["rule"] for e in expected} == {*(verdict.rule for verdict in OUTCOMES.verdicts), ""}
    assert {e["outcome"] for e in expected} == {
        "delivered", "duplicate", "try_later", "ask_first", "rejected", "unclassified",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        (b'{"error_code": 0, "message": "xong"}', "0", "xong"),
        (b'{"error_code": "00", "message": "xong"}', "00", "xong"),
        (b'{"error_code": "0", "result": "Th\xc3\xa0nh c\xc3\xb4ng"}', "0", "Thành công"),
        (b'{"error_code": false}', "", ""),
        (b'{"error_code": null, "message": 5}', "", ""),
        (b'{"message": "xong"}', "", "xong"),
        (b"[]", "no-envelope", ""),
        (b"", "no-envelope", ""),
        (b"<html>session</html>", "no-envelope", ""),
    ],
)
def test_an_answer_is_read_whatever_its_types(body: bytes, code: str, text: str) -> None:
    said = read(Reply(200, {}, body))
    assert (said.code, said.text) == (code, text)


@pytest.mark.parametrize(
    ("call", "code", "text", "outcome", "then"),
    [
        ("DongBoHoSoMC.create", "3", "Hồ sơ đã tồn tại trên hệ thống", "duplicate", "update"),
        ("DongBoHoSoMC.create", "3", "Không rõ", "unclassified", None),
        ("DongBoHoSoMC.update", "-1", "Hồ sơ đã tồn tại", "rejected", None),
        ("DongBoHoSoMC.create", "0", "Phiên làm việc mới; thành công", "delivered", None),
        ("DongBoHoSoMC.update", "-1", "Phiên bản dữ liệu không đúng", "rejected", None),
        ("DongBoHoSoMC.update", "-1", "Invalid SESSION", "try_later", "login"),
        ("CapNhatTienDoHoSoMC", "0", "Chưa thành công", "unclassified", None),
        ("CapNhatTienDoHoSoMC", "0", "Thành công", "delivered", None),
        ("CapNhatTienDoHoSoMC", "00", "Thành công", "delivered", None),
        ("DongBoTrangThaiHoSo", "00", "", "delivered", None),
        ("DongBoHoSoMC.create", "-3", "ĐÃ TỒN TẠI", "duplicate", "update"),
        ("DongBoHoSoMC.create", "", "Thành công", "unclassified", None),
        ("DongBoHoSoMC.update", "", "Thành công", "unclassified", None),
    ],
)
def test_words_and_codes_are_weighed_together(call: str, code: str, text: str, outcome: str, then: str | None) -> None:
    verdict = OUTCOMES.judge(call, http=200, code=code, text=text)
    assert (verdict.outcome, verdict.then) == (outcome, then)


def calls() -> list[Sample]:
    return [sample for sample in read_samples(connector.folder) if sample.expected["call"] != "login"]


@pytest.mark.parametrize("sample", calls(), ids=lambda sample: sample.name)
def test_a_sample_goes_out_and_ends_as_expected_over_the_wire(sample: Sample) -> None:
    # given the portal as recorded, and a twin that gives sessions
    recorded = Recorded(sample, "/mapi/g", PortalTwin().answer)
    server = Serve(recorded)
    client = Client(Settings.model_validate({**ACCOUNT, "url": server.start()}))
    call, request, done = sample.expected["call"], sample.request, []

    # when the call of the sample is made
    def make() -> Receipt | None:
        questions: dict[str, Any] = {
            "TraCuuHoSo": lambda: client.look_up(request["mahoso"]),
            "LayThuTuc": lambda: client.procedure(request["maTTHC"]),
        }
        if call in questions:
            questions[call]()
            return None
        ways: dict[str, Any] = {
            "DongBoHoSoMC": lambda: client.sync(request["data"], updating=request["isUpdating"] == "True"),
            "CapNhatTienDoHoSoMC": lambda: client.report(request["data"]),
            "DongBoTrangThaiHoSo": lambda: client.tell_status(request["data"]),
        }
        done.append(ways[call.partition(".")[0]]())
        return Receipt(done[0].code, done[0].text, duplicate=done[0].duplicate)

    outcome, reason = outcome_of(make)
    server.stop()

    # then it ends as the table says, and what went out is the sample's request under our session
    assert outcome == sample.expected["outcome"]
    assert json.loads(recorded.asked[0].body) == {**request, "session": "s-1"}
    again = sample.expected["then"] == "login"
    assert len(recorded.asked) == (2 if again else 1)
    if done:
        assert done[0].then == sample.expected["then"]
    elif outcome not in ("delivered", "duplicate"):
        assert reason.endswith(words_of(OUTCOMES, sample.expected["rule"])) or again


# ── the portal ─────────────────────────────────────────────────────────────────────────────────────────────


class Portal:
    """A twin on a port, a connector that speaks to it, and what was said between them."""

    def __init__(self, **given: Any) -> None:
        self.clock = [0.0]
        self.twin = Listening(now=lambda: self.clock[0])
        self.server = Serve(self.twin)
        self.settings = Settings.model_validate({**ACCOUNT, "url": self.server.start(), **given})
        self.client = Client(self.settings, now=lambda: self.clock[0])
        self.out = MapiOutbound(self.settings, self.client)

    @property
    def effects(self) -> list[str]:
        return [effect["kind"] for effect in self.twin.book()["effects"]]

    def services(self) -> list[str]:
        return [json.loads(r.body).get("service", "login") for r in self.twin.heard]

    def misbehave(self, **chaos: Any) -> None:
        self.server.chaos = Chaos(**chaos)


class Listening(PortalTwin):
    """The twin, with a memory of the raw requests."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.heard: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.heard.append(request)
        return super().answer(request)


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.server.stop()


def parcel(number: int = 1, **documents: Any) -> Parcel:
    kind = "StatusChanged" if documents.keys() - {"dossier"} else "DossierSubmitted"
    now = datetime(2026, 1, 6, tzinfo=UTC)
    message = Message(number, f"m-{number}", "one-stop", f"s-{number}", kind, CODE, now, now, {})
    return Parcel(number, message.id, message, documents)


def remembering(one: Parcel, then: Any = None) -> tuple[Parcel, dict[str, Any]]:
    """The parcel with a memory; `then` runs right after a step was remembered."""
    steps: dict[str, Any] = {}

    def remember(step: str, answer: Any) -> None:
        steps[step] = answer
        if then:
            then()

    return replace(one, remember=remember), steps


# ── the client ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_envelope_is_on_the_wire_as_the_portal_wants_it(portal: Portal) -> None:
    portal.out.deliver(parcel(dossier=DOSSIER))

    login, call = portal.twin.heard
    assert (login.path, json.loads(login.body)) == ("/mapi/login", {"username": "mot-cua", "password": "mat-khau-gia"})
    assert call.path == "/mapi/g"
    assert call.headers["dstcode"] == "VN:GOV:000.00.00.G22:dvcqg"
    assert call.headers["charset"] == "utf-8"
    assert json.loads(call.body) == {**sent("a-new-dossier-is-taken"), "session": "s-1"}


def test_many_threads_log_in_once(portal: Portal) -> None:
    together = threading.Barrier(16)

    def ask(_: int) -> int:
        together.wait()
        return len(portal.client.look_up(CODE))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [0] * 16
    assert portal.twin.book()["logins"] == 1


def test_many_threads_whose_session_expired_log_in_once_more(portal: Portal) -> None:
    portal.client.look_up(CODE)
    portal.twin.expire()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(portal.client.look_up, [CODE] * 8))
    assert portal.twin.book()["logins"] == 2


def test_threads_waiting_for_a_login_share_its_failure(portal: Portal) -> None:
    wrong = Client(portal.settings.model_copy(update={"username": "ai-do"}))
    portal.misbehave(slow=1.0, slow_seconds=0.3)

    def ask(_: int) -> str:
        with pytest.raises(TryLater) as error:
            wrong.look_up(CODE)
        return error.value.reason

    with ThreadPoolExecutor(8) as pool:
        reasons = set(pool.map(ask, range(8)))
    assert len(reasons) == 1
    assert "Sai tên đăng nhập" in reasons.pop()
    assert portal.services().count("login") == 1


def test_an_expired_session_costs_one_login_and_one_replay(portal: Portal) -> None:
    portal.out.deliver(parcel(dossier=DOSSIER))
    portal.twin.expire()
    portal.out.deliver(replace(parcel(dossier=DOSSIER), known_there=True))
    assert portal.services() == ["login", "DongBoHoSoMC", "DongBoHoSoMC", "login", "DongBoHoSoMC"]
    assert portal.effects == ["create", "update"]


def test_a_session_refused_twice_is_tried_later(portal: Portal) -> None:
    portal.twin.session_uses = 0
    with pytest.raises(TryLater, match="fresh session"):
        portal.client.look_up(CODE)
    assert portal.twin.book()["logins"] == 2


def test_an_old_session_is_replaced_before_it_is_used(portal: Portal) -> None:
    portal.client.look_up(CODE)
    portal.clock[0] = 10 * 60
    portal.client.look_up(CODE)
    assert portal.twin.book()["logins"] == 2
    assert list(portal.twin.book()["refusals"]) == []


@pytest.mark.parametrize("chaos", [{"drop_after": 1.0}, {"error_500": 1.0}, {"wrong_type": 1.0}, {"down": True}])
def test_a_failed_login_puts_nothing_in_doubt(portal: Portal, chaos: dict[str, Any]) -> None:
    portal.misbehave(**chaos)
    with pytest.raises(TryLater):
        portal.out.deliver(parcel(dossier=DOSSIER))


def test_an_answer_of_the_wrong_shape_is_unclassified(portal: Portal) -> None:
    portal.twin._look_up = lambda body: {"error_code": "0", "result": {}}  # type: ignore[method-assign]
    portal.twin._services["TraCuuHoSo"] = portal.twin._look_up
    with pytest.raises(Unclassified):
        portal.client.look_up(CODE)


# ── deliveries ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_dossier_is_created_and_a_known_one_updated(portal: Portal) -> None:
    receipt = portal.out.deliver(parcel(dossier=DOSSIER))
    assert (receipt.code, receipt.duplicate) == ("0", False)
    portal.out.deliver(replace(parcel(dossier=DOSSIER), known_there=True))
    assert portal.effects == ["create", "update"]


def test_a_dossier_that_is_already_there_is_sent_as_an_update(portal: Portal) -> None:
    portal.out.deliver(parcel(1, dossier=DOSSIER))
    portal.out.deliver(parcel(2, dossier={**DOSSIER, "GhiChu": "mới"}))
    assert portal.effects == ["create", "update"]
    assert portal.twin.book()["dossiers"][CODE]["fields"]["GhiChu"] == "mới"


def test_a_status_is_a_dossier_and_then_one_progress_row(portal: Portal) -> None:
    one, steps = remembering(parcel(dossier=DOSSIER, progress=PROGRESS, portal_status=None))
    receipt = portal.out.deliver(one)
    assert portal.effects == ["create", "progress"]
    assert list(steps) == ["dossier"]
    assert "CapNhatTienDoHoSoMC: Cập nhật tiến độ thành công" in receipt.answer


def test_the_step_is_remembered_before_the_next_call(portal: Portal) -> None:
    one, _ = remembering(parcel(dossier=DOSSIER, progress=PROGRESS), then=lambda: seen.extend(portal.effects))
    seen: list[str] = []
    portal.out.deliver(one)
    assert seen == ["create"]


def test_a_refused_dossier_sends_no_progress(portal: Portal) -> None:
    with pytest.raises(Rejected) as error:
        portal.out.deliver(parcel(dossier={**DOSSIER, "TrichYeuHoSo": "x" * 1001}, progress=PROGRESS))
    assert error.value.code == "-1"
    assert "TrichYeuHoSo" in error.value.reason
    assert portal.services() == ["login", "DongBoHoSoMC"]


def test_a_redelivery_skips_the_steps_that_are_done(portal: Portal) -> None:
    one, steps = remembering(parcel(dossier=DOSSIER, progress=PROGRESS), then=lambda: portal.misbehave(down=True))
    with pytest.raises(TryLater):
        portal.out.deliver(one)
    portal.misbehave()
    portal.out.deliver(replace(one, steps=steps))
    assert portal.effects == ["create", "progress"]


def test_a_dossier_born_on_the_portal_is_told_its_status(portal: Portal) -> None:
    portal.twin._dossiers[STATUS["MaHoSo"]] = {
        "origin": "portal", "fields": {"MaHoSo": STATUS["MaHoSo"]}, "creates": 0, "updates": 0, "progress": [], "statuses": [],
    }  # fmt: skip
    one = parcel(dossier=None, progress=None, portal_status=STATUS)
    portal.out.deliver(one)
    assert portal.effects == ["status"]
    assert portal.out.find(one) is Found.ARRIVED
    assert portal.out.find(parcel(portal_status={**STATUS, "TrangThai": "5"})) is Found.ABSENT


def test_when_no_document_applies_nothing_is_sent_and_the_receipt_says_so(portal: Portal) -> None:
    receipt = portal.out.deliver(parcel(dossier=None))
    assert receipt.code == "nothing-to-send"
    assert portal.twin.heard == []


# ── doubt ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cut_connection_after_the_dossier_was_taken_is_asked_about_and_sent_as_an_update(portal: Portal) -> None:
    portal.client.log_in_again()
    portal.misbehave(drop_after=1.0)
    with pytest.raises(AskFirst):
        portal.out.deliver(parcel(dossier=DOSSIER))
    portal.misbehave()

    doubtful = replace(parcel(dossier=DOSSIER), in_doubt=True)
    assert portal.out.find(doubtful) is Found.ABSENT
    portal.out.deliver(doubtful)
    assert portal.effects == ["create", "update"]


def test_a_cut_connection_before_the_dossier_was_taken_is_asked_about_and_sent_as_a_create(portal: Portal) -> None:
    portal.client.log_in_again()
    portal.misbehave(drop_before=1.0)
    with pytest.raises(AskFirst):
        portal.out.deliver(parcel(dossier=DOSSIER))
    portal.misbehave()
    portal.out.deliver(replace(parcel(dossier=DOSSIER), in_doubt=True))
    assert portal.effects == ["create"]


@pytest.mark.parametrize(("cut", "found"), [("drop_after", Found.ARRIVED), ("drop_before", Found.ABSENT)])
def test_a_progress_row_in_doubt_is_looked_for_among_the_rows(portal: Portal, cut: str, found: Found) -> None:
    one, steps = remembering(parcel(dossier=DOSSIER, progress=PROGRESS), then=lambda: portal.misbehave(**{cut: 1.0}))
    with pytest.raises(AskFirst):
        portal.out.deliver(one)
    portal.misbehave()
    assert portal.out.find(replace(one, steps=steps, in_doubt=True)) is found


@pytest.mark.parametrize("field", ["ThoiDiemXuLy", "TrangThai", "NoiDungXuLy"])
def test_a_row_that_differs_anywhere_is_another_row(portal: Portal, field: str) -> None:
    portal.out.deliver(
        parcel(dossier=DOSSIER, progress={**PROGRESS, field: {"TrangThai": "5"}.get(field, "20260106101501")})
    )
    doubtful = replace(parcel(dossier=DOSSIER, progress=PROGRESS), steps={"dossier": {}}, in_doubt=True)
    assert portal.out.find(doubtful) is Found.ABSENT


def test_without_progress_rows_in_the_look_up_a_row_stays_in_doubt(portal: Portal) -> None:
    portal.out.deliver(parcel(dossier=DOSSIER, progress=PROGRESS))
    portal.twin._progress_key = ""
    doubtful = replace(parcel(dossier=DOSSIER, progress=PROGRESS), steps={"dossier": {}}, in_doubt=True)
    assert portal.out.find(doubtful) is Found.UNKNOWN


def test_a_dossier_that_the_look_up_does_not_show_leaves_its_row_in_doubt(portal: Portal) -> None:
    doubtful = replace(parcel(dossier=DOSSIER, progress=PROGRESS), steps={"dossier": {}}, in_doubt=True)
    assert portal.out.find(doubtful) is Found.UNKNOWN


@pytest.mark.parametrize("chaos", [{"down": True}, {"error_500": 1.0}, {"wrong_type": 1.0}, {"drop_before": 1.0}])
def test_a_failed_question_is_never_an_absence(portal: Portal, chaos: dict[str, Any]) -> None:
    portal.client.log_in_again()
    doubtful = replace(parcel(dossier=DOSSIER), in_doubt=True)
    portal.misbehave(**chaos)
    with pytest.raises(DeliveryError):
        portal.out.find(doubtful)
    with pytest.raises(AskFirst):
        portal.out.deliver(doubtful)
    assert portal.effects == []


AFTER_A_RESTORE: Any = {"steps": {RESTORED: True}, "in_doubt": True}


def test_after_a_restore_a_row_that_stands_there_means_that_all_of_it_arrived(portal: Portal) -> None:
    portal.out.deliver(parcel(dossier=DOSSIER, progress=PROGRESS))
    unknown_to_the_copy = replace(parcel(dossier=DOSSIER, progress=PROGRESS), **AFTER_A_RESTORE)
    assert portal.out.find(unknown_to_the_copy) is Found.ARRIVED


def test_after_a_restore_what_the_portal_does_not_have_is_sent(portal: Portal) -> None:
    lost = replace(parcel(dossier=DOSSIER, progress=PROGRESS), **AFTER_A_RESTORE)
    assert portal.out.find(lost) is Found.ABSENT
    portal.out.deliver(parcel(dossier=DOSSIER))
    assert portal.out.find(lost) is Found.ABSENT, "the dossier is there, its row is not"


def test_after_a_restore_a_portal_that_has_moved_on_is_not_moved_back(portal: Portal) -> None:
    submission = replace(parcel(dossier=DOSSIER), **AFTER_A_RESTORE)
    portal.out.deliver(parcel(dossier=DOSSIER))
    assert portal.out.find(submission) is Found.ABSENT, "sent again it changes nothing"
    portal.out.deliver(replace(parcel(dossier={**DOSSIER, "TrangThaiHoSo": "4"}), known_there=True))
    assert portal.out.find(submission) is Found.ARRIVED


def test_after_a_restore_a_look_up_without_rows_leaves_it_to_a_person(portal: Portal) -> None:
    portal.out.deliver(parcel(dossier=DOSSIER, progress=PROGRESS))
    portal.twin._progress_key = ""
    assert portal.out.find(replace(parcel(dossier=DOSSIER, progress=PROGRESS), **AFTER_A_RESTORE)) is Found.UNKNOWN


misfortune = st.sampled_from(
    ["", "", "drop_before", "drop_after", "error_500", "wrong_type", "expired_session", "down"]
)


def chaos_of(name: str) -> dict[str, Any]:
    return {} if not name else {"down": True} if name == "down" else {name: 1.0}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fates=st.lists(st.tuples(misfortune, misfortune, misfortune), max_size=6))
def test_whatever_befalls_the_calls_one_status_ends_as_one_row(
    shared_portal: Portal, fates: list[tuple[str, str, str]]
) -> None:
    """Law: deliver, and after a doubt find, as the worker does it: one dossier, one progress row, dossier first."""
    portal = shared_portal
    portal.twin = portal.server.twin = Listening()
    one, steps, in_doubt = parcel(dossier=DOSSIER, progress=PROGRESS), dict[str, Any](), False
    for asking, first, second in [*fates, ("", "", ""), ("", "", "")]:
        now = replace(one, steps=dict(steps), in_doubt=in_doubt)
        portal.misbehave(**chaos_of(asking))
        try:
            found = portal.out.find(now) if in_doubt else Found.ABSENT
        except DeliveryError:
            continue
        if found is Found.ARRIVED:
            break
        portal.misbehave(**chaos_of(first))
        later = chaos_of(second)
        now, fresh = remembering(now, then=partial(portal.misbehave, **later))
        try:
            portal.out.deliver(now)
            break
        except AskFirst:
            in_doubt = True
        except TryLater:
            in_doubt = False
        finally:
            steps |= fresh
    else:
        pytest.fail("two quiet rounds must be enough")

    assert portal.effects[-1] == "progress"
    assert portal.effects.count("progress") == 1
    assert portal.effects.count("create") == 1


@pytest.fixture(scope="module")
def shared_portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.server.stop()


# ── together ───────────────────────────────────────────────────────────────────────────────────────────────


def lane(number: int, known: bool = False, progress: bool = False, **changes: str) -> Parcel:
    code = f"000.00.01.H99-260105-{number:04}"
    documents: dict[str, Any] = {"dossier": {**DOSSIER, "MaHoSo": code, **changes}}
    if progress:
        documents["progress"] = {**PROGRESS, "MaHoSo": code}
    return replace(parcel(number, **documents), known_there=known)


@pytest.fixture
def batching() -> Iterator[Portal]:
    made = Portal(batch=4)
    yield made
    made.server.stop()


def test_dossiers_share_calls_of_at_most_a_batch_and_progress_rows_do_not(batching: Portal) -> None:
    said = batching.out.deliver_together([lane(n, progress=n > 4) for n in range(1, 7)])
    assert all(isinstance(one, Receipt) for one in said)
    assert batching.services()[1:] == ["DongBoHoSoMC"] * 2 + ["CapNhatTienDoHoSoMC"] * 2
    assert sorted(batching.effects) == ["create"] * 6 + ["progress"] * 2


def test_a_refused_batch_goes_one_by_one_and_only_the_bad_one_stays(batching: Portal) -> None:
    said = batching.out.deliver_together([lane(1), lane(2, TrangThaiHoSo="0"), lane(3)])
    assert [type(one) for one in said] == [Receipt, Rejected, Receipt]
    assert batching.effects == ["create", "create"]


def test_a_batch_with_one_dossier_already_there_goes_one_by_one(batching: Portal) -> None:
    batching.out.deliver(lane(2))
    said = batching.out.deliver_together([lane(1), lane(2), lane(3)])
    assert [type(one) for one in said] == [Receipt] * 3
    assert batching.effects == ["create", "create", "update", "create"]


def test_a_batch_without_an_answer_leaves_each_in_doubt(batching: Portal) -> None:
    batching.client.log_in_again()
    batching.misbehave(drop_after=1.0)
    said = batching.out.deliver_together([lane(1), lane(2)])
    assert [type(one) for one in said] == [AskFirst] * 2


def test_creates_and_updates_and_doubtful_ones_do_not_mix(batching: Portal) -> None:
    batching.out.deliver(lane(3))
    batching.out.deliver(lane(4))
    doubtful = replace(lane(5), in_doubt=True)
    said = batching.out.deliver_together([lane(1), lane(2), lane(3, known=True), lane(4, known=True), doubtful])
    assert [type(one) for one in said] == [Receipt] * 5
    assert batching.effects[2:] == ["create", "create", "update", "update", "create"]


# ── the connection check ───────────────────────────────────────────────────────────────────────────────────


def test_the_check_says_what_works_and_what_does_not(portal: Portal) -> None:
    assert [health.ok for health in portal.out.check()] == [True, True]
    wrong = portal.settings.model_copy(update={"username": "ai-do"})
    login, catalogue = MapiOutbound(wrong).check()
    assert (login.ok, catalogue.ok) == (False, False)
    assert "Sai tên đăng nhập" in login.answer
    assert portal.effects == []


# ── what the portal calls ──────────────────────────────────────────────────────────────────────────────────

PROMOTION: dict[str, Any] = {
    "MaHoSo": "000.00.00.G05-260105-000012",
    "MaTTHC": "2.000033",
    "SoVanBan": "12/TB-KM",
    "NgayNopHoSo": "20260105081500",
    "TenThuongNhan": "Công ty TNHH Hàng Mẫu",
    "MaSoThue": "0100109106",
    "DiaChiDoanhNghiep": {"MaTinh": "01", "MaHuyen": "", "MaXa": "00166", "DiaChiChiTiet": "Số 1 phố Mẫu"},
    "TenChuongTrinhKhuyenMai": "Khuyến mại mẫu",
    "TenTepDonDangKy": "don.pdf",
    "TepDonDangKy": base64.b64encode(b"%PDF-1.7 don").decode(),
    "TaiLieuNop": [{"TenTepDinhKem": "the-le.docx", "Base64": base64.b64encode(b"PK the le").decode()}],
}


class MemoryDoor:
    """The spine's side of a hook, in memory: what it accepted, kept and knows."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.known = known or {}
        self.kept: dict[str, tuple[bytes, str]] = {}
        self.accepted: dict[str, Submission] = {}
        self.translated: list[tuple[str, Any]] = []

    def accept(self, submission: Submission) -> Accepted:
        first = self.accepted.setdefault(submission.source_id, submission)
        if first.body != submission.body:
            raise Conflicting([Fault("/id", "conflict", "mã bản tin đã dùng cho nội dung khác", "other content")])
        message = any_message.validate_python(submission.body)
        return Accepted(
            "m-1", "portal", submission.source_id, message.type, message.dossier, datetime.now(UTC), ["one-stop"],
            repeated=first is not submission,
        )  # fmt: skip

    def translate(self, mapping: str, document: Any) -> Any:
        self.translated.append((mapping, document))
        ttkm, units = document["ttkm"], document["settings"]
        if not ttkm["TenThuongNhan"]:
            raise Refused([Fault("/ttkm/TenThuongNhan", "required", "không được trống", "must not be empty")])
        return {
            "type": "DossierSubmitted", "id": ttkm["MaHoSo"], "dossier": ttkm["MaHoSo"],
            "event_time": "2026-01-05T08:15:00+07:00", "submitted_at": "2026-01-05T08:15:00+07:00",
            "origin": "portal", "channel": 2, "status": 1, **units,
            "procedure": {"code": ttkm["MaTTHC"], "name": "Thông báo khuyến mại", "field_code": "G05-XT01", "field_name": "Xúc tiến"},
            "applicant": {"kind": "enterprise", "name": ttkm["TenThuongNhan"], "tax_code": ttkm["MaSoThue"]},
        }  # fmt: skip

    def hold(self, submission: Submission) -> Accepted:
        raise AssertionError("the portal's hooks hold nothing")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def waiting(self, statuses: Sequence[int], after: str, most: int) -> Sequence[Mapping[str, Any]]:
        return []

    def dossier(self, code: str) -> Mapping[str, Any] | None:
        return self.known.get(code)

    def keep(self, content: bytes, media_type: str) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.kept[digest] = (content, media_type)
        return digest


UNIT = {"code": "000.00.05.H99", "name": "Sở Công Thương"}


def hook(path: str, **given: Any) -> Hook:
    ttkm = {"received_by": UNIT, "handled_by": UNIT, **given}
    made = Settings.model_validate({**ACCOUNT, "url": "http://127.0.0.1:1", "ttkm": ttkm})
    partner = Partner("portal", "Cổng", "Portal", "mapi", made, {})
    return next(one for one in hooks(partner) if one.path == path)


def call(path: str, body: Any, door: MemoryDoor, **given: Any) -> dict[str, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer: Answer = hook(path, **given).answer(Incoming("POST", path, {}, {}, raw), door)
    assert answer.status == 200
    said: dict[str, Any] = json.loads(answer.body)
    return said


def known_dossier(**changes: Any) -> dict[str, Any]:
    dossier = {
        "dossier": CODE, "procedure": {"code": "1.001193.000.00.00.H99", "name": "Khai sinh", "field_code": "G15-HT01", "field_name": "Hộ tịch"},
        "applicant": {"kind": "citizen", "name": "Nguyễn Văn Mẫu"}, "handled_by": {"code": "000.00.01.H99", "name": "UBND xã Mẫu"}, **changes,
    }  # fmt: skip
    return {CODE: {"dossier": dossier, "status": 4, "status_time": "2026-01-06T03:15:00Z"}}


def test_a_look_up_is_answered_flat_and_true() -> None:
    said = call("direct", {"madonvi": "G22", "service": "TraCuuHoSo", "masohoso": CODE}, MemoryDoor(known_dossier()))
    assert said == {
        "MaHoSo": CODE, "MaTTHC": "1.001193", "TenTTHC": "Khai sinh", "MaLinhVuc": "G15-HT01", "TenLinhVuc": "Hộ tịch",
        "LoaiDoiTuong": "1", "TrangThaiHoSo": "4", "HinhThuc": "0", "DonViXuLy": "UBND xã Mẫu",
    }  # fmt: skip


def test_a_look_up_shows_the_true_kind_of_applicant_and_way_of_return() -> None:
    known = known_dossier(applicant={"kind": "agency", "name": "Sở Mẫu"}, postal={"return_to": {}})
    known[CODE]["dossier"]["postal"] = {"return_to": {"name": "Nguyễn Văn Mẫu"}}
    said = call("direct", {"masohoso": CODE}, MemoryDoor(known))
    assert (said["LoaiDoiTuong"], said["HinhThuc"]) == ("3", "1")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"masohoso": "000.00.01.H99-260105-9999"}, "Không tìm thấy"),
        ({"madonvi": "G22"}, "/masohoso: thiếu"),
        ({"masohoso": 5, "madonvi": 7}, "/madonvi: phải là chuỗi; /masohoso: phải là chuỗi"),
        ([], "đối tượng JSON"),
        (b"{", "không phải JSON"),
        (b"[" * 100_000, "không phải JSON"),
    ],
)
def test_a_look_up_that_cannot_be_answered_says_why(body: Any, words: str) -> None:
    said = call("direct", body, MemoryDoor())
    assert said["error_code"] == "-1"
    assert words in said["message"]


def test_a_promotion_notice_is_accepted_with_its_files_kept() -> None:
    door = MemoryDoor()
    said = call("ttkm", PROMOTION, door)

    assert (said["error_code"], said["message"].split("|")[0]) == (0, PROMOTION["MaHoSo"])
    [(mapping, document)] = door.translated
    assert mapping == "ttkm_dossier"
    assert document["settings"] == {"received_by": UNIT, "handled_by": UNIT}
    form = document["ttkm"]["TepDonDangKy"]
    assert form == {
        "name": "don.pdf", "sha256": hashlib.sha256(b"%PDF-1.7 don").hexdigest(), "media_type": "application/pdf", "size": 12,
    }  # fmt: skip
    assert document["ttkm"]["TaiLieuNop"][0]["TenTepDinhKem"] == "the-le.docx"
    assert {content for content, _ in door.kept.values()} == {b"%PDF-1.7 don", b"PK the le"}
    assert door.accepted[PROMOTION["MaHoSo"]].original == json.dumps(PROMOTION).encode()


def test_the_same_notice_again_is_a_duplicate_and_another_under_its_code_is_refused() -> None:
    door = MemoryDoor()
    call("ttkm", PROMOTION, door)
    assert call("ttkm", PROMOTION, door)["error_code"] == 1
    said = call("ttkm", {**PROMOTION, "TenThuongNhan": "Công ty khác"}, door)
    assert said["error_code"] == -1
    assert "nội dung khác" in said["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MaHoSo": ""}, ["/MaHoSo: không được trống"]),
        ({"TenThuongNhan": ""}, ["TenThuongNhan: không được trống"]),
        ({"MaSoThue": 100109106, "Fax": 5}, ["/MaSoThue: phải là chuỗi", "/Fax: phải là chuỗi"]),
        ({"MaHoSo": None}, ["/MaHoSo: thiếu"]),
        ({"TaiLieuNop": [{"TenTepDinhKem": "a.pdf", "Base64": None}]}, ["/TaiLieuNop/0/Base64: thiếu"]),
        ({"TaiLieuNop": [None]}, ["/TaiLieuNop/0"]),
        ({"TepDonDangKy": "không phải"}, ["/TepDonDangKy: không phải base64"]),
        ({"TaiLieuNop": [{"TenTepDinhKem": "a.pdf"}]}, ["/TaiLieuNop/0/Base64: thiếu"]),
        (
            {"TaiLieuNop": [{"TenTepDinhKem": "a.pdf", "Base64": "QUJ"}] * 2},
            ["/TaiLieuNop/0/Base64", "/TaiLieuNop/1/Base64"],
        ),
        ({"NoiDungChiTiet": "\ud800"}, ["nửa ký tự"]),
        ({"Khac": [[[[[[[[[1]]]]]]]]]}, ["lồng sâu"]),
    ],
)
def test_a_wrong_notice_is_refused_with_every_fault_and_nothing_is_kept(
    changes: dict[str, Any], words: list[str]
) -> None:
    door = MemoryDoor()
    said = call("ttkm", {**PROMOTION, **changes}, door)
    assert said["error_code"] == -1
    for word in words:
        assert word in said["message"]
    assert (door.kept, door.accepted) == ({}, {})


def test_a_null_is_an_absent_field() -> None:
    door = MemoryDoor()
    nulls = {"Fax": None, "TepDonDangKy": None, "TenTepDonDangKy": None, "TaiLieuNop": None}
    address = {"MaTinh": "01", "MaHuyen": None, "MaXa": None, "DiaChiChiTiet": "Số 1 phố Mẫu"}
    body = {**PROMOTION, **nulls, "DiaChiDoanhNghiep": address}
    assert call("ttkm", body, door)["error_code"] == 0
    [(_, document)] = door.translated
    assert not {"Fax", "TepDonDangKy", "TenTepDonDangKy"} & document["ttkm"].keys()
    assert document["ttkm"]["DiaChiDoanhNghiep"] == {"MaTinh": "01", "DiaChiChiTiet": "Số 1 phố Mẫu"}
    assert door.kept == {}
    assert call("direct", {"masohoso": CODE, "madonvi": None}, MemoryDoor(known_dossier()))["MaHoSo"] == CODE


def test_a_file_larger_than_allowed_is_refused() -> None:
    big = {**PROMOTION, "TepDonDangKy": base64.b64encode(bytes(2000)).decode()}
    assert "lớn hơn 1024" in call("ttkm", big, MemoryDoor(), file_bytes=1024)["message"]


def test_an_amendment_is_refused_in_clear_words() -> None:
    said = call(
        "ttkm", {"service": "x", "isUpdating": "True", "isSync": "", "data": {"MaHoSoQG": "QG-1"}}, MemoryDoor()
    )
    assert said["error_code"] == -1
    assert said["message"].startswith("QG-1| Chưa nhận bản tin sửa đổi")


def test_without_settings_for_promotion_notices_there_is_no_such_hook(portal: Portal) -> None:
    partner = Partner("portal", "Cổng", "Portal", "mapi", portal.settings, {})
    assert [one.path for one in hooks(partner)] == ["direct"]


class Front(Twin):
    """Our hooks behind a port, as the web puts them there."""

    def __init__(self, door: MemoryDoor) -> None:
        super().__init__()
        self.door = door

    def answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/hooks/portal/")
        answer = hook(path).answer(
            Incoming(request.method, path, request.headers, request.query, request.body), self.door
        )
        return Response(
            answer.status, answer.body, {"Content-Type": answer.content_type, "X-Key": request.headers["authorization"]}
        )


def test_the_twin_calls_our_hooks_as_the_portal_does(portal: Portal) -> None:
    front = Serve(Front(MemoryDoor(known_dossier())))
    url = front.start() + "/hooks/portal"

    said = portal.twin.act({"lookup": {"url": f"{url}/direct", "key": "k", "masohoso": CODE}})
    assert (said["http"], said["answer"]["TrangThaiHoSo"]) == (200, "4")

    said = portal.twin.act({"send_ttkm": {"url": f"{url}/ttkm", "key": "k", "body": copy.deepcopy(PROMOTION)}})
    assert said["answer"]["error_code"] == 0
    portal.out.deliver(parcel(portal_status={**STATUS, "MaHoSo": PROMOTION["MaHoSo"]}))
    assert portal.effects == ["status"]
    front.stop()


# ── the folder ─────────────────────────────────────────────────────────────────────────────────────────────


def test_every_message_kind_names_documents_that_deliveries_know() -> None:
    assert {name for names in connector.documents.values() for name in names} == set(STEPS)


def test_each_of_our_ten_statuses_has_one_code_there_and_those_are_the_codes_the_twin_takes() -> None:
    rows = tomllib.loads((connector.folder / "statuses.toml").read_text(encoding="utf-8"))["status"]
    limits = tomllib.loads((connector.folder / "limits.toml").read_text(encoding="utf-8"))
    assert [row["ours"] for row in rows] == list(range(1, 11))
    assert [row["theirs"] for row in rows] == limits["dossier"]["TrangThaiHoSo"]["one_of"]

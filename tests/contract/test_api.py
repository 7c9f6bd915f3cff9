"""The REST contract: what is documented is what is answered, on both engines; bad input gets every fault; nobody reads what is another's."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask import request as asked
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from gateway.errors import Misconfigured
from gateway.flow.deliver import Courier
from gateway.ledger.opening import LedgerAway
from gateway.web import openapi
from tests.conftest import Time
from tests.door import Door, faults, fresh_ledger, make_home, open_door
from tests.house import Notebook, dossier, status

CODE = "000.00.01.H99-260105-0001"
API = "/api/v1"
AGENCY = """
id = "agency"
name = "Sở mẫu"
name_en = "A sample department"
connector = "one_stop_rest"
sends = ["DossierSubmitted", "StatusChanged"]
reads = "own"
[settings]
url = "env:LIENTHONG_ONE_STOP_URL"
key = "env:LIENTHONG_ONE_STOP_KEY"
"""


both = pytest.mark.parametrize(
    "door", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
"""What asks the ledger anything is tried on both engines; what is refused before it, on one."""


@pytest.fixture
def door(
    request: pytest.FixtureRequest, tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Door]:
    home = make_home(tmp_path)
    (home / "config" / "partners" / "agency.toml").write_text(AGENCY, encoding="utf-8")
    with ExitStack() as stack:
        if getattr(request, "param", "sqlite") == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgresql_server").database())
        else:
            url = fresh_ledger(tmp_path)
        monkeypatch.setenv("LIENTHONG_LEDGER", url)
        yield stack.enter_context(open_door(home, time))


@pytest.fixture
def checked(door: Door) -> Door:
    """A door each of whose answers is held against `/openapi.json`."""
    described_here: list[dict[str, Any]] = []

    def check(response: Any) -> Any:
        if not described_here:
            described_here.append(openapi.document(door.app, "0", "http://127.0.0.1"))
        document = described_here[0]
        if asked.path.startswith(API) and asked.url_rule is not None:
            rule = re.sub(r"<(?:[^<:]+:)?([^>]+)>", r"{\1}", asked.url_rule.rule)
            hold_against(document, document["paths"][rule][asked.method.lower()], response)
        return response

    door.app.after_request(check)
    return door


def described(door: Door) -> dict[str, Any]:
    found: Any = door.get("/openapi.json", partner=None).json
    return dict(found)


def hold_against(document: Mapping[str, Any], operation: Mapping[str, Any], response: Any) -> None:
    told = operation["responses"].get(str(response.status_code))
    assert told is not None, f"{operation['operationId']} does not document {response.status_code}"
    media_type = response.content_type.split(";")[0]
    assert media_type in told["content"]
    schema = {**told["content"][media_type]["schema"], "components": document["components"]}
    OAS31Validator(schema).validate(json.loads(response.get_data()))


def notebook(door: Door, destination: str) -> Notebook:
    """Put a partner in memory behind the door, to carry deliveries to."""
    book = Notebook()
    door.gateway._outbounds[destination] = book
    return book


def work(door: Door, destination: str = "portal") -> None:
    courier = Courier(door.gateway, destination)
    while courier.step() or courier._flying:
        pass
    courier._drain()


# ── the description ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_description_is_valid_openapi_31(door: Door) -> None:
    document = described(door)
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_operation_is_described_and_every_described_one_exists(door: Door) -> None:
    rules = {
        (re.sub(r"<(?:[^<:]+:)?([^>]+)>", r"{\1}", rule.rule), method.lower())
        for rule in door.app.url_map.iter_rules()
        if rule.rule.startswith(API)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    paths = described(door)["paths"]
    assert rules == {(path, method) for path, item in paths.items() for method in item}
    assert len(rules) == 14


def test_the_schemas_are_strict_and_the_canonical_ones_are_all_there(door: Door) -> None:
    schemas = described(door)["components"]["schemas"]
    loose = {n for n, s in schemas.items() if s.get("type") == "object" and s.get("additionalProperties") is not False}
    assert loose == set()
    from gateway.canonical import TYPES

    assert TYPES.keys() <= schemas.keys()
    assert schemas["DossierSubmitted"]["properties"]["facts"]["propertyNames"] == {"maxLength": 100}
    OAS31Validator({"$ref": "#/components/schemas/Message", "components": {"schemas": schemas}}).validate(dossier(1))


# ── the good way ────────────────────────────────────────────────────────────────────────────────────────────────


@both
def test_a_dossier_is_answered_202_with_a_receipt_and_its_place(checked: Door) -> None:
    answer = checked.post(f"{API}/dossiers", dossier(1))
    assert answer.status_code == 202
    receipt: Any = answer.json
    assert receipt["destinations"] == ["portal"]
    assert (receipt["repeated"], receipt["held"], receipt["dossier"]) == (False, None, CODE)
    assert answer.headers["Location"] == f"{API}/messages/{receipt['id']}"
    there: Any = checked.get(answer.headers["Location"]).json
    assert there["body"]["applicant"]["name"] == "Nguyễn Văn Mẫu"
    assert [(d["destination"], d["state"]) for d in there["deliveries"]] == [("portal", "waiting")]


@both
def test_the_same_again_gets_the_first_receipt_with_200(checked: Door) -> None:
    first: Any = checked.post(f"{API}/dossiers", dossier(1)).json
    spaced = json.dumps(dossier(1), indent=4, sort_keys=True).encode()
    again = checked.post(f"{API}/dossiers", spaced)
    assert (again.status_code, again.json) == (200, {**first, "repeated": True})


def test_the_type_may_be_left_out_and_the_dossier_is_filled_in_from_the_path(checked: Door) -> None:
    body = dossier(1)
    del body["type"]
    assert checked.post(f"{API}/dossiers", body).status_code == 202
    moved = status(1, 4, 5)
    del moved["type"], moved["dossier"]
    answer = checked.post(f"{API}/dossiers/{CODE}/statuses", moved)
    assert (answer.status_code, answer.json["dossier"]) == (202, CODE)  # type: ignore[index]


@both
def test_many_at_once_with_one_message_make_one_and_get_one_receipt(door: Door) -> None:
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: door.post(f"{API}/dossiers", dossier(1)), range(24)))
    assert sorted(a.status_code for a in answers) == [200] * 23 + [202]
    assert len({a.json["id"] for a in answers}) == 1  # type: ignore[index]


@both
def test_an_idempotency_key_gives_the_first_receipt_and_refuses_other_content(checked: Door) -> None:
    first: Any = checked.post(f"{API}/dossiers", dossier(1), Idempotency_Key="key-1").json
    again = checked.post(f"{API}/dossiers", dossier(1), Idempotency_Key="key-1")
    assert (again.status_code, again.json["id"]) == (200, first["id"])  # type: ignore[index]
    other = checked.post(f"{API}/dossiers", dossier(2), Idempotency_Key="key-1")
    assert (other.status_code, faults(other)) == (409, {"/id": "conflict"})
    assert faults(checked.post(f"{API}/dossiers", dossier(2), Idempotency_Key="có dấu")) == {"": "idempotency-key"}


@both
def test_an_unlawful_or_late_status_is_202_and_held_and_says_why(checked: Door) -> None:
    checked.post(f"{API}/dossiers", dossier(1))
    unlawful: Any = checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 10, 5))
    late: Any = checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 4, -60))
    assert [(a.status_code, a.json["held"]["reason"], a.json["destinations"]) for a in (unlawful, late)] == [
        (202, "not-lawful", []),
        (202, "late", []),
    ]
    seen: Any = checked.get(f"{API}/dossiers/{CODE}").json
    assert seen["status"]["code"] == 2
    assert [h["reason"] for h in seen["held"]] == ["not-lawful", "late"]


@both
def test_a_dossier_shows_what_each_system_believes_side_by_side(checked: Door) -> None:
    notebook(checked, "portal")
    checked.post(f"{API}/dossiers", dossier(1))
    work(checked)
    checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 4, 5))
    apart: Any = checked.get(f"{API}/dossiers/{CODE}").json
    assert {b["system"]: (b["status"], b["agrees"]) for b in apart["beliefs"]} == {
        "one-stop": (4, True),
        "portal": (2, False),
    }
    assert (apart["agreed"], [d["state"] for d in apart["deliveries"]]) == (False, ["waiting"])
    work(checked)
    together: Any = checked.get(f"{API}/dossiers/{CODE}").json
    assert (together["agreed"], together["deliveries"]) == (True, [])


@both
def test_the_timeline_tells_every_hop_in_order_in_both_languages(checked: Door) -> None:
    from gateway.errors import AskFirst, Rejected

    book = notebook(checked, "portal")
    book.script = [AskFirst("time-out", code="timeout")]
    checked.post(f"{API}/dossiers", dossier(1))
    work(checked)
    checked.gateway.now.move(seconds=30)  # type: ignore[attr-defined]
    work(checked)
    book.script = [Rejected("mã sai", code="E1")]
    checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 4, 5))
    checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 10, 6))
    work(checked)
    steps: Any = checked.get(f"{API}/dossiers/{CODE}/timeline").json
    kinds = [(s["kind"], s["what"]) for s in steps["steps"]]
    assert kinds[:3] == [("message", "accepted"), ("status", "applied"), ("delivery", "routed")]
    assert {("attempt", "ask_first"), ("attempt", "delivered"), ("attempt", "rejected"), ("status", "held")} <= set(
        kinds
    )
    assert [s["at"] for s in steps["steps"]] == sorted(s["at"] for s in steps["steps"])
    assert all(s["words"] and s["words_en"] and s["words"] != s["words_en"] for s in steps["steps"])


@both
def test_the_status_feed_gives_every_applied_event_once_in_one_order(checked: Door) -> None:
    for number in range(1, 6):
        checked.post(f"{API}/dossiers", dossier(number))
        checked.post(f"{API}/dossiers/000.00.01.H99-260105-{number:04d}/statuses", status(number, 4, number))
    checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 10, 50))  # held: not in the feed
    whole: Any = checked.get(f"{API}/status-feed", "portal").json
    assert [i["status"] for i in whole["items"]] == [2, 4] * 5
    cursors = [i["cursor"] for i in whole["items"]]
    assert (cursors == sorted(cursors), whole["more"], whole["next"]) == (True, False, cursors[-1])
    paged, after, more = [], "0" * 16, True
    while more:
        page: Any = checked.get(f"{API}/status-feed?limit=3&after={after}", "portal").json
        paged += page["items"]
        after, more = page["next"], page["more"]
    assert paged == whole["items"]
    nothing: Any = checked.get(f"{API}/status-feed?after={after}", "portal").json
    assert (nothing["items"], nothing["next"]) == ([], after)
    checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 5, 60))
    new: Any = checked.get(f"{API}/status-feed?after={after}", "portal").json
    assert [i["status"] for i in new["items"]] == [5]


@both
def test_a_batch_is_each_on_its_own_merits(checked: Door) -> None:
    bad = dossier(3, status=11)
    answer = checked.post(f"{API}/messages/batch", {"messages": [dossier(1), status(1, 4, 5), bad, dossier(1), 7, {}]})
    content: Any = answer.json
    assert answer.status_code == 207
    assert [r["status"] for r in content["results"]] == [202, 202, 422, 200, 422, 422]
    assert (content["accepted"], content["refused"]) == (3, 3)
    assert content["results"][2]["problem"]["faults"][0]["pointer"] == "/status"
    whole = checked.post(f"{API}/messages/batch", {"messages": [dossier(1), dossier(2)]})
    assert whole.status_code == 202


@both
def test_deliveries_are_listed_filtered_and_paged(checked: Door) -> None:
    for number in range(1, 6):
        checked.post(f"{API}/dossiers", dossier(number))
    page: Any = checked.get(f"{API}/deliveries?state=waiting&destination=portal&limit=3").json
    rest: Any = checked.get(f"{API}/deliveries?limit=3&after={page['next']}").json
    assert ([len(page["items"]), page["more"]], [len(rest["items"]), rest["more"]]) == ([3, True], [2, False])
    one: Any = checked.get(f"{API}/deliveries?dossier={CODE}").json
    assert [d["dossier"] for d in one["items"]] == [CODE]
    assert checked.get(f"{API}/deliveries?state=parked").json["items"] == []  # type: ignore[index]


@both
def test_a_partners_health_is_read_from_the_ledger_and_asked_only_on_demand(checked: Door, time: Time) -> None:
    notebook(checked, "portal")
    checked.post(f"{API}/dossiers", dossier(1))
    time.move(seconds=90)
    seen: Any = checked.get(f"{API}/partners/portal/health", "portal").json
    assert (seen["waiting"], seen["oldest_undelivered_seconds"], seen["breaker"]["state"]) == (1, 90, "closed")
    assert seen["findings"] is None
    asked: Any = checked.get(f"{API}/partners/portal/health?ask=true", "portal").json
    assert asked["findings"] == [{"question": "there?", "ok": True, "answer": "yes"}]


def test_a_partner_that_does_not_answer_is_a_finding_and_no_error(checked: Door) -> None:
    asked = checked.get(f"{API}/partners/portal/health?ask=true", "portal")
    findings: Any = asked.json["findings"]  # type: ignore[index]
    assert asked.status_code == 200
    assert not all(f["ok"] for f in findings)


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────


def upload(door: Door, content: bytes, **headers: str) -> TestResponse:
    return door.post(f"{API}/files", content, **{"Content_Type": "application/pdf", **headers})


def attached(door: Door, sha256: str, name: str = "Đơn / khai sinh.pdf") -> dict[str, Any]:
    return dossier(1, attachments=[{"id": "1", "name": name, "sha256": sha256}])


@both
def test_a_file_is_uploaded_named_by_its_hash_and_fetched_by_a_signed_link(checked: Door) -> None:
    content = b"%PDF-1.7 " + b"x" * 300_000
    kept: Any = upload(checked, content)
    assert (kept.status_code, kept.json) == (201, {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)})
    receipt: Any = checked.post(f"{API}/dossiers", attached(checked, kept.json["sha256"])).json
    link = link_of(checked, receipt["id"])
    fetched = checked.client.get(link)
    assert (fetched.status_code, fetched.data, fetched.mimetype) == (200, content, "application/pdf")
    assert fetched.headers["Content-Disposition"].startswith("attachment;")
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"


def link_of(door: Door, message_id: str) -> str:
    from gateway.ledger.messages import message_by_id, read_message

    with door.gateway.ledger.read() as connection:
        message = read_message(message_by_id(connection, message_id))
    parts = urlsplit(door.gateway.link(message.body["attachments"][0], message))
    return f"{parts.path}?{parts.query}"


def test_a_link_that_is_not_ours_is_404_and_one_that_has_expired_410(checked: Door, time: Time) -> None:
    sha256 = upload(checked, b"content").json["sha256"]  # type: ignore[index]
    link = link_of(checked, checked.post(f"{API}/dossiers", attached(checked, sha256)).json["id"])  # type: ignore[index]
    end = "0" if link[-1] != "0" else "1"
    for wrong in (
        link[:-1] + end,
        link.split("?")[0],
        link.replace("until=", "until=1"),
        link.replace(sha256, "0" * 64),
    ):
        assert checked.client.get(wrong).status_code == 404
    time.move(days=31)
    gone = checked.client.get(link)
    assert (gone.status_code, faults(gone)) == (410, {"": "gone"})


def test_a_file_whose_hash_differs_is_not_kept(checked: Door) -> None:
    answer = upload(checked, b"content", X_Content_SHA256="0" * 64)
    assert (answer.status_code, faults(answer)) == (422, {"": "digest-differs"})
    assert not checked.gateway.files.path(hashlib.sha256(b"content").hexdigest()).exists()
    assert list((checked.gateway.files.folder / "incoming").iterdir()) == []


def test_a_message_naming_a_file_that_was_never_uploaded_is_refused(checked: Door) -> None:
    answer = checked.post(f"{API}/dossiers", attached(checked, "0" * 64))
    assert (answer.status_code, faults(answer)) == (422, {"/attachments/0/sha256": "unknown-file"})


def test_a_file_over_the_cap_is_refused_before_it_is_read(checked: Door) -> None:
    most = checked.gateway.config.settings.web.file_bytes
    announced = {"CONTENT_LENGTH": str(most + 1)}
    answer = checked.client.post(f"{API}/files", headers=checked.headers("one-stop"), environ_overrides=announced)
    assert (answer.status_code, faults(answer)) == (413, {"": "too-large"})


def test_a_file_without_length_and_digest_could_be_cut_off_unseen_and_is_refused(checked: Door) -> None:
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    from io import BytesIO

    answer = checked.client.post(
        f"{API}/files", headers=checked.headers("one-stop"), input_stream=BytesIO(b"abc"), environ_overrides=environ
    )
    assert (answer.status_code, faults(answer)) == (411, {"": "length-required"})


# ── bad input ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_fault_is_told_at_once_with_its_place_in_both_languages(checked: Door) -> None:
    body = dossier(1, dossier="no-code", status="2", channel=9, extra=1)
    del body["submitted_at"]
    body["applicant"] = {
        **body["applicant"],
        "phone": 912345678,
        "papers": [{"kind": "CCCD", "number": "123456789012"}],
    }
    body["procedure"] = {**body["procedure"], "name": "x" * 2001}
    answer = checked.post(f"{API}/dossiers", body)
    assert answer.status_code == 422
    assert faults(answer).keys() == {
        "/dossier", "/status", "/channel", "/extra", "/submitted_at", "/applicant/phone", "/applicant/papers/0/number", "/procedure/name",
    }  # fmt: skip
    problem: Any = answer.json
    assert problem["type"] == "urn:lienthong:problem:invalid"
    assert all(f["detail"] and f["detail_en"] for f in problem["faults"])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"id": "a"', "not-json"),
        (b'{"id":"a","id":"b"}', "name-twice"),
        (b'{"id": NaN}', "not-json"),
        (b'{"id": "\xff"}', "not-utf8"),
        (b"[" * 100_000, "too-deep"),
        (b"", "not-json"),
    ],
)
def test_broken_json_is_400_and_says_how(checked: Door, raw: bytes, code: str) -> None:
    for path in ("dossiers", f"dossiers/{CODE}/statuses", "messages/batch"):
        answer = checked.post(f"{API}/{path}", raw)
        assert (answer.status_code, faults(answer)) == (400, {"": code})


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"12", b"true"])
def test_json_that_is_no_object_is_422(checked: Door, body: bytes) -> None:
    for path in ("dossiers", f"dossiers/{CODE}/statuses", "messages/batch"):
        answer = checked.post(f"{API}/{path}", body)
        assert (answer.status_code, list(faults(answer))) == (422, [""])


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"procedure": {**dossier()["procedure"], "code": "9.999999"}}, "/procedure/code", "unknown-procedure"),
        ({"handled_by": {"code": "H99.99", "name": "x"}}, "/handled_by/code", "unknown-organisation"),
        ({"event_time": "2026-01-06T09:30:00+07:00"}, "/event_time", "future"),
        ({"event_time": "2026-01-05T09:30:00"}, "/event_time", "instant"),
        ({"status": 9}, "/status", "not-first"),
        ({"type": "StatusChanged"}, "/type", "wrong-type"),
        ({"summary": "x" * 1001}, "/summary", "string-too-long"),
        ({"id": 12}, "/id", "string-type"),
        ({"id": ["a"]}, "/id", "string-type"),
    ],
)
def test_bad_fields_are_422_with_their_place(checked: Door, changes: dict[str, Any], pointer: str, code: str) -> None:
    answer = checked.post(f"{API}/dossiers", dossier(1) | changes)
    assert answer.status_code == 422
    assert faults(answer).get(pointer) == code
    assert checked.get(f"{API}/dossiers/{CODE}").status_code == 404, "nothing is stored of what is refused"


@both
def test_a_used_id_with_other_content_is_409(checked: Door) -> None:
    checked.post(f"{API}/dossiers", dossier(1))
    answer = checked.post(f"{API}/dossiers", dossier(1, summary="khác"))
    assert (answer.status_code, faults(answer)) == (409, {"/id": "conflict"})


def test_the_path_and_the_body_must_name_the_same_dossier_and_other_faults_are_told_too(checked: Door) -> None:
    answer = checked.post(f"{API}/dossiers/{CODE}/statuses", status(2, 4, 5, officer={"name": ""}))
    assert answer.status_code == 422
    assert faults(answer) == {"/dossier": "differs-from-path", "/officer/name": "string-too-short"}


def test_a_status_of_an_unknown_dossier_is_404(checked: Door) -> None:
    answer = checked.post(f"{API}/dossiers/{CODE}/statuses", status(1, 4, 5))
    assert (answer.status_code, faults(answer)) == (404, {"/dossier": "unknown-dossier"})


def test_what_a_partner_may_not_send_is_403(checked: Door) -> None:
    answer = checked.post(f"{API}/dossiers", dossier(1), partner="vnpost")
    assert (answer.status_code, faults(answer)) == (403, {"/type": "type-not-allowed"})


@both
def test_another_systems_dossier_cannot_be_taken_over(checked: Door) -> None:
    checked.post(f"{API}/dossiers", dossier(1))
    answer = checked.post(f"{API}/dossiers", dossier(1, id="other"), partner="agency")
    assert (answer.status_code, faults(answer)) == (409, {"/dossier": "owned-by-other"})


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
def test_a_body_that_does_not_call_itself_json_is_415(checked: Door, content_type: str) -> None:
    answer = checked.post(f"{API}/dossiers", dossier(1), Content_Type=content_type)
    assert (answer.status_code, faults(answer)) == (415, {"": "unsupported-type"})


def test_ten_megabytes_of_json_are_413(checked: Door) -> None:
    answer = checked.post(f"{API}/dossiers", b'{"a":"' + b"x" * (10 << 20) + b'"}')
    assert (answer.status_code, faults(answer)) == (413, {"": "too-large"})


@pytest.mark.parametrize(
    ("content", "pointers"),
    [
        ({}, {"/messages"}),
        ({"messages": []}, {"/messages"}),
        ({"messages": {}}, {"/messages"}),
        ({"messages": [{}] * 501}, {"/messages"}),
        ({"messages": [{}], "a/b": 1}, {"/a~1b"}),
    ],
)
def test_a_batch_that_is_no_batch_is_422(checked: Door, content: Any, pointers: set[str]) -> None:
    answer = checked.post(f"{API}/messages/batch", content)
    assert (answer.status_code, set(faults(answer))) == (422, pointers)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=x", "limit=٣", "limit=1&limit=2", "limit=", "afer=1",
        "after=1", "after=zzzzzzzzzzzzzzzz", "after=ffffffffffffffff",
    ],
)  # fmt: skip
def test_a_query_that_means_nothing_is_400_and_not_ignored(checked: Door, query: str) -> None:
    answer = checked.get(f"{API}/status-feed?{query}")
    assert (answer.status_code, set(faults(answer).values())) == (400, {"parameter"})


@both
@pytest.mark.parametrize(
    ("method", "path", "status_code"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/api/v1/dossiers", 405),
        ("PUT", "/healthz", 405),
        ("GET", f"/api/v1/dossiers/{CODE}%00", 400),
        ("GET", "/api/v1/deliveries?dossier=%00", 400),
        ("GET", "/api/v1/deliveries?dossier=%ed%a0%80", 200),
        ("GET", "/api/v1/dossiers/%ff%fe", 404),
    ],
)
def test_every_error_is_a_problem_document(door: Door, method: str, path: str, status_code: int) -> None:
    answer = door.client.open(path, method=method, headers=door.headers("one-stop"))
    assert answer.status_code == status_code
    if status_code != 200:
        problem: Any = answer.json
        assert answer.content_type == "application/problem+json"
        assert (problem["status"], bool(problem["title"]), bool(problem["title_en"])) == (status_code, True, True)
    if status_code == 405:
        assert answer.headers["Allow"]


# ── when the gateway itself is in trouble ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "status_code", "retry"),
    [
        (LedgerAway("the server closed the connection"), 503, True),
        (LedgerAway("database or disk is full"), 507, True),
        (LedgerAway("could not extend file: No space left on device"), 507, True),
        (OSError(28, "No space left on device"), 507, True),
        (OSError(5, "Input/output error"), 500, False),
        (Misconfigured("config/partners/x.toml: secret=abc"), 500, False),
        (RuntimeError("CCCD 001090000037"), 500, False),
    ],
)
def test_troubles_of_the_gateway_are_told_without_their_words(
    door: Door, error: Exception, status_code: int, retry: bool
) -> None:
    raise_in(door.app, error)
    answer = door.client.get("/trouble", headers=door.headers("one-stop"))
    assert answer.status_code == status_code
    assert ("Retry-After" in answer.headers) is retry
    assert answer.content_type == "application/problem+json"
    assert not re.search("001090000037|secret|closed the connection", answer.get_data(as_text=True))


def raise_in(app: Flask, error: Exception) -> None:
    def trouble() -> str:
        raise error

    app.add_url_rule("/trouble", view_func=trouble)


def test_a_ledger_that_is_away_is_503_and_not_ready_but_alive(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_url = fresh_ledger(tmp_path)
    monkeypatch.setenv("LIENTHONG_LEDGER", sqlite_url)
    with open_door(make_home(tmp_path), time) as door:
        assert door.get("/readyz", partner=None).status_code == 200
        assert door.get(f"{API}/status-feed").status_code == 200  # the key is remembered
        door.gateway.ledger.close()
        file = Path(sqlite_url.removeprefix("sqlite:///"))
        file.unlink()
        file.mkdir()
        ready = door.get("/readyz", partner=None)
        sent = door.post(f"{API}/dossiers", dossier(1))
        assert (ready.status_code, sent.status_code) == (503, 503)
        assert ready.headers["Retry-After"]
        assert sent.headers["Retry-After"]
        assert door.get("/healthz", partner=None).status_code == 200


# ── nobody reads what is another's ──────────────────────────────────────────────────────────────────────────────


@both
def test_over_all_endpoints_and_partners_nobody_reads_or_moves_what_is_anothers(checked: Door) -> None:
    """Whatever reads is taken from the description, so a new endpoint is tried too."""
    others = "000.00.01.H99-260105-0002"
    mine: Any = checked.post(f"{API}/dossiers", dossier(1)).json
    theirs: Any = checked.post(f"{API}/dossiers", dossier(2), partner="agency").json
    objects = {"one-stop": (CODE, mine["id"]), "agency": (others, theirs["id"])}
    reading = [p for p, item in described(checked)["paths"].items() if "get" in item]
    assert len(reading) == 10
    wants = {
        "/api/v1/statistics": "?from=2026-01-01&to=2026-01-31&by=procedure",
        "/api/v1/delays": "?from=2026-01-01&to=2026-01-31&by=agency",
    }
    for asking in checked.keys:
        for owner, (code, message) in objects.items():
            may = asking in (owner, "portal")  # the portal reads all, and takes part
            for path in reading:
                if "{code}" in path or "{message}" in path:
                    answer = checked.get(path.format(code=code, message=message), asking)
                    assert (answer.status_code == 200) is may, (asking, owner, path)
                    assert may or (answer.status_code == 404 and code not in json.dumps(answer.json["faults"]))  # type: ignore[index]
                elif "{partner}" in path:
                    seen = checked.get(path.format(partner=owner), asking).status_code
                    assert (seen == 200) is may
                else:
                    listed = checked.get(path + wants.get(path, ""), asking)
                    assert listed.status_code in (200, 403)
                    if not may:
                        assert code not in listed.get_data(as_text=True)
            if asking not in (owner, "portal"):
                moved = checked.post(f"{API}/dossiers/{code}/statuses", status(int(code[-4:]), 4, 5), partner=asking)
                assert moved.status_code in (403, 404)


@both
def test_a_partner_that_takes_part_reads_the_dossier_and_its_feed(checked: Door) -> None:
    checked.post(f"{API}/dossiers", dossier(1, origin="local"))
    checked.post(f"{API}/dossiers", dossier(2), partner="agency")
    own: Any = checked.get(f"{API}/status-feed", "agency").json
    assert [i["dossier"] for i in own["items"]] == ["000.00.01.H99-260105-0002"]
    assert own["next"] == checked.get(f"{API}/status-feed", "portal").json["next"], "what is not ours is stepped over"  # type: ignore[index]
    refused = checked.get(f"{API}/status-feed", "vnpost")
    assert (refused.status_code, faults(refused)) == (403, {"": "may-not-read"})


@both
def test_a_sender_reads_what_it_sent_itself(checked: Door) -> None:
    sent: Any = checked.post(f"{API}/dossiers", dossier(1), partner="agency").json
    assert checked.get(f"{API}/messages/{sent['id']}", "agency").status_code == 200
    assert checked.get(f"{API}/messages/{sent['id']}", "vnpost").status_code == 404


# ── hooks ───────────────────────────────────────────────────────────────────────────────────────────────────────


@both
def test_a_hook_is_answered_by_its_connector_for_its_partner_alone(door: Door) -> None:
    door.post(f"{API}/dossiers", dossier(1))
    question = {"madonvi": "000.00.00.H99", "service": "x", "masohoso": CODE}
    answer: Any = door.post("/hooks/portal/direct", question, "portal")
    assert (answer.status_code, answer.json["MaHoSo"], answer.json["TrangThaiHoSo"]) == (200, CODE, "2")
    assert door.post("/hooks/portal/direct", question, "one-stop").status_code == 404
    assert door.post("/hooks/portal/nothing", question, "portal").status_code == 404
    wrong = door.get("/hooks/portal/direct", "portal")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")
    large = door.post("/hooks/portal/direct", b"x" * (door.gateway.config.settings.web.body_bytes + 1), "portal")
    assert large.status_code == 413
    unknown: Any = door.post(
        "/hooks/portal/direct", {**question, "masohoso": "000.00.01.H99-260105-9999"}, "portal"
    ).json
    assert unknown["error_code"] == "-1"


# ── trace, and fuzz ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("nonsense", False),
    ],
)
def test_a_good_trace_context_is_kept_with_the_message(checked: Door, given_: str, kept: bool) -> None:
    sent: Any = checked.post(f"{API}/dossiers", dossier(1), traceparent=given_).json
    read: Any = checked.get(f"{API}/messages/{sent['id']}").json
    assert read["trace"] == (given_ if kept else None)


scalars: Any = (
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.sampled_from([CODE, "2026-01-05T09:30:00+07:00", "CCCD", "H99", "\u0000", "1.001193"])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def spoil(body: Any, chance: random.Random, value: Any) -> Any:
    """The body with one place in it replaced, removed or added to."""
    if isinstance(body, dict) and body and chance.random() < 0.8:
        key = chance.choice(sorted(body))
        way = chance.random()
        if way < 0.15:
            return {k: v for k, v in body.items() if k != key}
        if way < 0.25:
            return {**body, str(value)[:20]: value}
        return {**body, key: spoil(body[key], chance, value)}
    if isinstance(body, list) and body and chance.random() < 0.8:
        return [spoil(body[0], chance, value), *body[1:]]
    return value


@both
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values, seed=st.integers(0, 1 << 30), path=st.sampled_from(["dossiers", "statuses", "batch", "raw"]))
def test_no_json_whatever_makes_the_door_fail(checked: Door, value: Any, seed: int, path: str) -> None:
    chance = random.Random(seed)
    makers: dict[str, Callable[[], tuple[str, Any]]] = {
        "dossiers": lambda: ("dossiers", spoil(dossier(chance.randint(1, 3)), chance, value)),
        "statuses": lambda: (f"dossiers/{CODE}/statuses", spoil(status(1, chance.randint(1, 10), 5), chance, value)),
        "batch": lambda: ("messages/batch", {"messages": [spoil(dossier(1), chance, value), value, status(1, 4, 5)]}),
        "raw": lambda: (chance.choice(["dossiers", "messages/batch", f"dossiers/{CODE}/statuses"]), value),
    }
    where, body = makers[path]()
    raw = json.dumps(body, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    answer = checked.post(f"{API}/{where}", raw)
    assert answer.status_code < 500, answer.get_data(as_text=True)
    if answer.status_code >= 400:
        assert all(f["detail"] and f["detail_en"] for f in answer.json["faults"])  # type: ignore[index]


@both
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["status-feed", "deliveries", f"dossiers/{CODE}", "partners/portal/health", "messages/x"]),
    query=st.dictionaries(st.sampled_from(["after", "limit", "state", "destination", "dossier", "ask", "x"]), st.text(max_size=20), max_size=3),
)  # fmt: skip
def test_no_query_whatever_makes_the_door_fail(checked: Door, path: str, query: dict[str, str]) -> None:
    answer = checked.client.get(f"{API}/{path}", query_string=query, headers=checked.headers("portal"))
    assert answer.status_code < 500, answer.get_data(as_text=True)

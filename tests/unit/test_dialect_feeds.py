"""Feeds and calls of partners as they are declared: cursors, windows, rounds over dossiers, files inside, and answers in their own words."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from gateway.dialect.hooks import HookRow, hooks_of
from gateway.dialect.polling import Feed, Polling
from gateway.dialect.reading import Reading, Told
from gateway.dialect.taking import Taking, take
from gateway.dialect.template import Fields
from gateway.errors import AskFirst, DeliveryError, Refused, TryLater, Unclassified
from gateway.ports import Accepted, Incoming, Page, Submission
from gateway.xml import read_xml

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class Desk:
    """The spine in memory. A document with `sai` is refused, one with `bo` makes nothing, any other makes itself."""

    def __init__(self, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.time = NOW
        self.rows = rows
        self.files: dict[str, bytes] = {}
        self.accepted: list[Submission] = []
        self.held: list[Submission] = []

    def now(self) -> datetime:
        return self.time

    def translate(self, mapping: str, document: Any) -> Any:
        if isinstance(document, dict) and "sai" in document:
            raise Refused.of("/sai", "sai", "sai rồi", "wrong")
        return None if isinstance(document, dict) and "bo" in document else {"mapping": mapping, "made": document}

    def dossier(self, code: str) -> Mapping[str, Any] | None:
        return None

    def waiting(self, statuses: Sequence[int], after: str, most: int) -> Sequence[Mapping[str, Any]]:
        return [row for row in self.rows if row["dossier"]["dossier"] > after][:most]

    def keep(self, content: bytes, media_type: str) -> str:
        self.files[sha256(content).hexdigest()] = content
        return sha256(content).hexdigest()

    def accept(self, submission: Submission) -> Accepted:
        self.accepted.append(submission)
        return Accepted(f"m{len(self.accepted)}", "p", submission.source_id, "StatusChanged", "D1", NOW, [])

    def hold(self, submission: Submission) -> Accepted:
        self.held.append(submission)
        return Accepted(f"h{len(self.held)}", "p", submission.source_id, "", "", NOW, [])


class Partner:
    """Answers each question by `answer(fields)`, and keeps what was asked."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any]) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.http = 200

    def __call__(self, feed: Feed, fields: Fields) -> Told:
        self.asked.append({"feed": feed.name, **fields.names})
        found = self.answer(fields.names)
        if isinstance(found, Exception):
            raise found
        return Reading(code="/ma").told(found, http=self.http) if feed.ok else Reading().told(found, http=self.http)


def feed(**settings: Any) -> Feed:
    return Feed.model_validate({"name": "f", "mapping": "m", "items": "/ds", "id": "/id", **settings})


def read_round(polling: Polling[Feed], cursor: str | None) -> tuple[list[Submission], str]:
    """Every page until there is no more, as the clock reads it."""
    items: list[Submission] = []
    while True:
        page: Page = polling.poll(cursor)
        items += page.items
        leads_nowhere, cursor = not page.more or page.cursor == cursor, page.cursor
        if leads_nowhere:
            return items, cursor


def ids(items: Sequence[Submission]) -> list[str]:
    return [item.source_id.split("-")[1] for item in items]


def rows(*names: Any) -> list[dict[str, Any]]:
    return [{"id": name} for name in names]


# ── cursors ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cursor_in_the_page_is_followed_to_the_end_and_goes_on_from_there() -> None:
    data = [f"i{n}" for n in range(5)]

    def answer(names: Mapping[str, Any]) -> Any:
        start = int(names["cursor"])
        return {"ds": rows(*data[start : start + 2]), "tiep": str(min(start + 2, len(data)))}

    partner = Partner(answer)
    polling = Polling([feed(cursor="/tiep", start="0")], partner, Desk())

    items, cursor = read_round(polling, None)
    assert ids(items) == data
    data.append("i5")
    again, _ = read_round(polling, cursor)
    assert ids(again) == ["i5"]


def test_the_last_items_field_may_be_the_cursor() -> None:
    data = ["a", "b", "c"]

    def answer(names: Mapping[str, Any]) -> Any:
        seen = data.index(names["cursor"]) + 1 if names["cursor"] else 0
        return {"ds": rows(*data[seen : seen + 2])}

    partner = Partner(answer)
    items, cursor = read_round(Polling([feed(last="/id", page_size=2)], partner, Desk()), None)

    assert ids(items) == data
    assert [asked["cursor"] for asked in partner.asked] == [None, "b"]
    assert read_round(Polling([feed(last="/id", page_size=2)], partner, Desk()), cursor)[0] == []


def test_a_last_item_without_that_field_stops_the_feed_loudly() -> None:
    with pytest.raises(Unclassified, match="/id"):
        Polling([feed(last="/id")], Partner(lambda _: {"ds": [{"x": 1}]}), Desk()).poll(None)


# ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_windows_overlap_and_reach_back_over_an_outage() -> None:
    desk, partner = Desk(), Partner(lambda _: {"ds": []})
    polling = Polling([feed(window="3d")], partner, desk)

    _, cursor = read_round(polling, None)
    desk.time += timedelta(days=10)
    partner.answer = lambda _: TryLater("đang tắt")
    with pytest.raises(TryLater):
        polling.poll(cursor)
    partner.answer = lambda _: {"ds": []}
    read_round(polling, cursor)

    days = [(asked["from"] - NOW, asked["to"] - NOW) for asked in partner.asked]
    assert days == [(timedelta(days=-3), timedelta()), *[(timedelta(days=-3), timedelta(days=10))] * 2]


def test_a_window_is_read_page_by_page_with_its_ends_standing_still() -> None:
    desk = Desk()

    def answer(names: Mapping[str, Any]) -> Any:
        desk.time += timedelta(minutes=1)
        page = int(names["page"])
        return {"ds": rows(f"p{page}a", f"p{page}b") if page < 3 else rows("p3")}

    partner = Partner(answer)
    items, cursor = read_round(Polling([feed(window="1h", page_size=2)], partner, desk), None)

    assert ids(items) == ["p1a", "p1b", "p2a", "p2b", "p3"]
    assert {asked["to"] for asked in partner.asked} == {NOW}
    assert json.loads(cursor)["f"] == {"done": "2026-01-05T09:00:00Z"}


# ── rounds ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_dossier_at_the_partner_is_asked_about_and_one_that_fails_holds_up_no_other() -> None:
    codes = [f"D{n}" for n in range(5)]

    def answer(names: Mapping[str, Any]) -> Any:
        return AskFirst("đứt") if names["dossier"] == "D1" else {"ds": [{"id": names["dossier"]}]}

    partner = Partner(answer)
    polling = Polling([feed(about=[2, 4], page_size=2)], partner, Desk([{"dossier": {"dossier": c}} for c in codes]))
    first = polling.poll(None)
    second = polling.poll(first.cursor)
    third = polling.poll(second.cursor)
    items = [*first.items, *second.items, *third.items]
    with pytest.raises(TryLater, match="đứt"):
        polling.poll(third.cursor)

    assert ids(items) == ["D0", "D2", "D3", "D4"]
    assert [asked["dossier"] for asked in partner.asked] == codes


def test_a_feed_in_trouble_holds_up_no_other_and_is_told_at_the_end_of_the_round() -> None:
    trouble = [True]

    def answer(names: Mapping[str, Any]) -> Any:
        return TryLater("đang tắt") if trouble[0] and len(partner.asked) % 2 else {"ds": rows("x")}

    partner = Partner(answer)
    polling = Polling([feed(name="a"), feed(name="b")], partner, Desk())
    first = polling.poll(None)
    second = polling.poll(first.cursor)
    with pytest.raises(TryLater):
        polling.poll(second.cursor)

    assert (ids(first.items), ids(second.items)) == ([], ["x"])
    trouble[0] = False
    assert [item.source_id[0] for item in read_round(polling, second.cursor)[0]] == ["a", "b"]


def test_cursors_of_two_feeds_are_kept_apart_and_survive_a_restart() -> None:
    partner = Partner(
        lambda names: (
            {"ds": rows("x"), "tiep": (names["cursor"] or "") + "+"}
            if len(partner.asked) < 9
            else {"ds": [], "tiep": None}
        )
    )
    feeds = [feed(name="a", cursor="/tiep", more="/het"), feed(name="b", cursor="/tiep", more="/het")]

    _, cursor = read_round(Polling(feeds, partner, Desk()), None)
    _, cursor = read_round(Polling(feeds, partner, Desk()), cursor)

    assert [(asked["feed"], asked["cursor"]) for asked in partner.asked] == [
        ("a", None),
        ("b", None),
        ("a", "+"),
        ("b", "+"),
    ]
    assert {name: state for name, state in json.loads(cursor).items() if name} == {
        "a": {"cursor": "++"},
        "b": {"cursor": "++"},
    }


@pytest.mark.parametrize(
    ("settings", "answer", "http", "expected"),
    [
        ({}, {"ds": None}, 200, []),
        ({}, {"khac": []}, 200, Unclassified),
        ({"items": "/ds?"}, {"khac": []}, 200, []),
        ({}, None, 204, []),
        ({"nothing": [404]}, {"loi": 1}, 404, []),
        ({}, {"ds": rows("x")}, 404, TryLater),
        ({}, {"ds": rows("x")}, 500, TryLater),
        ({"ok": ["0"]}, {"ma": 0, "ds": rows("x")}, 200, ["x"]),
        ({"ok": ["0"]}, {"ma": 9, "ds": rows("x")}, 200, TryLater),
        ({"ok": ["0"]}, {"ds": rows("x")}, 200, TryLater),
        ({"items": None}, {"id": "một"}, 200, ["một"]),
    ],
)
def test_a_page_is_read_only_when_it_is_what_the_file_says(
    settings: dict[str, Any], answer: Any, http: int, expected: Any
) -> None:
    partner = Partner(lambda _: answer)
    partner.http = http
    polling = Polling([feed(**settings)], partner, Desk())

    if isinstance(expected, list):
        assert ids(polling.poll(None).items) == expected
    else:
        with pytest.raises(expected):
            polling.poll(None)


# ── things ──────────────────────────────────────────────────────────────────────────────────────────────────


def taking(**settings: Any) -> Taking:
    return Taking.model_validate({"mapping": "m", "id": "/id", **settings})


def test_a_thing_is_known_by_its_id_and_content_whatever_the_order_of_its_fields() -> None:
    settings = taking(ignore=["/luc", "/dong/*/luc"])

    [first] = take(settings, {"id": 7, "a": 1, "luc": "08:00", "dong": [{"luc": 1, "x": 2}]}, Desk(), "f")
    [again] = take(settings, {"dong": [{"luc": 3, "x": 2}], "a": 1, "id": 7, "luc": "09:00"}, Desk(), "f")
    [changed] = take(settings, {"id": 7, "a": 2, "dong": []}, Desk(), "f")

    assert (first.source_id, first.original) == (again.source_id, again.original)
    assert changed.source_id != first.source_id
    assert first.source_id.startswith("f-7-")


def test_files_inside_are_parked_and_their_sha256_stands_in_their_place() -> None:
    desk = Desk()
    thing = {"id": "1", "tep": [{"d": base64.b64encode(b"%PDF-1").decode()}, {"d": ""}, {"ten": "x"}]}

    [made] = take(taking(keep=["/tep/*/d"]), thing, desk, "f")

    assert made.body is not None
    assert made.body["made"]["tep"][0] == {"d": sha256(b"%PDF-1").hexdigest()}
    assert list(desk.files.values()) == [b"%PDF-1"]
    assert b"JVBERi" not in made.original


@pytest.mark.parametrize(
    ("settings", "thing", "code"),
    [
        ({}, {"id": None}, "id"),
        ({}, {"id": "1", "sai": 1}, "sai"),
        ({}, "chữ", "id"),
        ({"keep": ["/d"]}, {"id": "1", "d": "@"}, "base64"),
        ({"keep": ["/d"]}, {"id": "1", "d": 5}, "base64"),
        ({"open": ["at /trong", "json"]}, {"id": "1", "trong": "{"}, "unwrap"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_faults_under_a_name_that_leaves_room_for_the_mended_one(
    settings: dict[str, Any], thing: Any, code: str
) -> None:
    [made] = take(taking(**settings), thing, Desk(), "f")

    assert (made.body, made.problem[0].code) == (None, code)
    assert made.source_id.endswith("-unread")
    assert made.original


def test_xml_goes_to_the_mapping_as_a_text_and_json_inside_it_as_json() -> None:
    told = Reading.model_validate({"unwrap": ["xml"]})
    page = told.told(read_xml(b"<r><hs><id>1</id></hs><hs><id>2</id></hs></r>"), http=200)
    polling = Polling([feed(items="/hs")], lambda f, n: page, Desk())

    items = polling.poll(None).items

    assert ids(items) == ["1", "2"]
    assert items[0].body is not None
    assert items[0].body["made"].startswith("<?xml")
    assert items[0].content_type == "application/xml"


def test_several_mappings_make_several_messages_and_each_hears_what_lies_beside() -> None:
    settings = taking(mapping=["a", "b"], **{"with": {"doc": "{$now|dd/MM/yyyy}", "so": "{$item}/{$dossier}"}})

    made = take(settings, {"id": "7"}, Desk(), "f", "D1")

    assert [(m.body or {})["mapping"] for m in made] == ["a", "b"]
    assert len({m.source_id for m in made}) == 2
    assert (made[0].body or {})["made"] == {"id": "7", "doc": "05/01/2026", "so": "7/D1"}
    assert take(taking(), {"id": "7", "bo": 1}, Desk(), "f") == []


# ── calls of theirs ─────────────────────────────────────────────────────────────────────────────────────────


def called(door: Desk, body: bytes = b"", query: Mapping[str, str] = {}, **settings: Any) -> tuple[int, str, str]:
    row = HookRow.model_validate({"name": "h", "path": "p", "mapping": "m", "id": "/id", **settings})
    [hook] = hooks_of([row])
    answer = hook.answer(Incoming(hook.method, hook.path, {}, query, body), door)
    return answer.status, answer.body.decode(), answer.content_type


def test_an_answer_is_xml_json_or_text_with_what_came_escaped() -> None:
    xml = {"xml": "<tra ma='{/id}'>{$faults}</tra>", "status": 400}

    assert called(Desk(), b'{"id": "1"}', accepted={"text": "OK {$receipt} {$dossier}"}) == (
        200, "OK m1 D1", "text/plain; charset=utf-8",
    )  # fmt: skip
    status, body, kind = called(Desk(), b'{"id": "<&\'", "sai": 1}', refused=xml)
    assert (status, kind) == (400, "application/xml; charset=utf-8")
    assert body == "<tra ma='&lt;&amp;&#x27;'>/sai: sai rồi</tra>"
    assert called(Desk(), b'{"id": "1"}')[1] == '{"id":"m1"}'


def test_without_words_of_their_own_for_it_a_refusal_is_a_problem_document() -> None:
    with pytest.raises(Refused):
        called(Desk(), b'{"id": "1", "sai": 1}')


def test_what_they_will_not_say_again_is_held_and_answered_as_accepted() -> None:
    door = Desk()

    assert called(door, b'{"id": "1", "sai": 1}', hold=True)[0] == 200
    assert called(door, b"{", hold=True) == (200, '{"id":"h2"}', "application/json; charset=utf-8")
    assert [one.body for one in door.held] == [None, None]
    assert door.held[1].original == b"{"
    assert door.accepted == []


def test_some_of_several_have_an_answer_of_their_own() -> None:
    said = {
        "refused": {"json": {"ma": 2}},
        "partly": {"json": {"ma": 1, "dong": "{$rows}"}},
        "row_refused": {"id": "{/id}"},
    }
    many: dict[str, Any] = {"items": "/ds", "accepted": {"json": {"ma": 0}}, **said}

    assert called(Desk(), json.dumps({"ds": [{"id": "1"}, {"id": "2", "sai": 1}]}).encode(), **many)[1] == (
        '{"ma":1,"dong":[null,{"id":"2"}]}'
    )
    assert called(Desk(), json.dumps({"ds": [{"id": "2", "sai": 1}]}).encode(), **many)[1] == '{"ma":2}'
    assert called(Desk(), json.dumps({"ds": rows("1")}).encode(), **many)[1] == '{"ma":0}'


def test_a_get_brings_its_document_in_the_query() -> None:
    door = Desk()

    assert called(door, query={"id": "5"}, method="GET")[0] == 200
    assert (door.accepted[0].body or {})["made"] == {"id": "5"}


def test_a_proof_stands_where_the_file_says() -> None:
    proof = {"place": "query", "name": "CodeGet", "secret": "mot-ma-bao-mat-dai"}
    [hook] = hooks_of([HookRow.model_validate({"name": "h", "path": "p", "mapping": "m", "proof": proof})])

    assert hook.proof is not None
    assert (hook.proof.place, hook.proof.name, hook.proof.secret.get_secret_value()) == (
        "query",
        "CodeGet",
        "mot-ma-bao-mat-dai",
    )


def test_trouble_is_a_delivery_error_and_nothing_else() -> None:
    polling = Polling([feed()], Partner(lambda _: Refused.of("", "absent", "thiếu", "missing")), Desk())
    with pytest.raises(DeliveryError):
        polling.poll(None)

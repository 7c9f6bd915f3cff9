"""Conservation: the laws that hold in every ledger at every moment, each as one set-based question.

accepted = delivered + waiting + in doubt + parked + cancelled-by-a-person; lanes in strict order; every ending with its proof; every
belief with its message; a feed without gaps. A question answers with the rows that break its law, so a sound ledger answers nothing.
Nothing is trusted that the tables' own constraints promise: a damaged file breaks those too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken law: its stable word, what is wrong in both languages, in how many rows, and the first few of them."""

    law: str
    wrong: str
    wrong_en: str
    count: int
    examples: Sequence[str]


@dataclass(frozen=True, slots=True)
class Law:
    """`rows` selects one column, `subject`: what names a row that breaks the law. `{status}` is the status in the body of message `m`."""

    word: str
    wrong: str
    wrong_en: str
    rows: str


STATES = ("delivered", "waiting", "in_doubt", "parked", "cancelled")
EXAMPLES = 5

_WORDS = {
    "{open}": "('waiting', 'in_doubt', 'parked')",
    "{ended}": "('delivered', 'cancelled')",
    "{states}": str(STATES),
}

LAWS = (
    Law(
        "routed",
        "bản tin không có đúng số lượt gửi đã định tuyến",
        "a message has not exactly the deliveries it was routed to",
        """SELECT m.id AS subject FROM messages m
           LEFT JOIN (SELECT message_seq, count(*) AS n FROM deliveries GROUP BY message_seq) d ON d.message_seq = m.seq
           WHERE m.routed <> coalesce(d.n, 0)""",
    ),
    Law(
        "held",
        "bản tin bị giữ mà vẫn được gửi đi",
        "a held message was sent on",
        "SELECT id AS subject FROM messages WHERE held IS NOT NULL AND routed <> 0",
    ),
    Law(
        "astray",
        "lượt gửi không thuộc bản tin hoặc hồ sơ của nó",
        "a delivery does not belong to its message or to its dossier",
        """SELECT 'delivery ' || d.id AS subject FROM deliveries d LEFT JOIN messages m ON m.seq = d.message_seq
           WHERE m.seq IS NULL OR m.dossier <> d.dossier""",
    ),
    Law(
        "state",
        "lượt gửi ở một trạng thái không ai biết",
        "a delivery is in a state that nobody knows",
        "SELECT 'delivery ' || id || ': ' || state AS subject FROM deliveries WHERE state NOT IN {states}",
    ),
    Law(
        "lane-count",
        "số đếm của làn khác số lượt gửi",
        "a lane's counts differ from its deliveries",
        """SELECT l.destination || ' ' || l.dossier AS subject FROM lanes l
           LEFT JOIN (SELECT destination, dossier, sum(CASE WHEN state IN {open} THEN 1 ELSE 0 END) AS open,
                             sum(CASE WHEN state = 'delivered' THEN 1 ELSE 0 END) AS delivered
                      FROM deliveries GROUP BY destination, dossier) d
             ON d.destination = l.destination AND d.dossier = l.dossier
           WHERE l.open <> coalesce(d.open, 0) OR l.delivered <> coalesce(d.delivered, 0)""",
    ),
    Law(
        "no-lane",
        "lượt gửi không thuộc làn nào",
        "a delivery stands in no lane",
        """SELECT 'delivery ' || d.id AS subject FROM deliveries d
           LEFT JOIN lanes l ON l.destination = d.destination AND l.dossier = d.dossier WHERE l.dossier IS NULL""",
    ),
    Law(
        "order",
        "trong một làn, bản tin sau đã kết thúc trước bản tin trước",
        "in a lane, a later message ended before an earlier one",
        """SELECT destination || ' ' || dossier AS subject FROM deliveries GROUP BY destination, dossier
           HAVING min(CASE WHEN state IN {open} THEN message_seq END) < max(CASE WHEN state IN {ended} THEN message_seq END)""",
    ),
    Law(
        "order-of-proofs",
        "trong một làn, lần gửi thành công của bản tin sau bắt đầu trước lần gửi thành công của bản tin trước",
        "in a lane, the good attempt of a later message began before that of an earlier one",
        # Attempts are numbered as they begin: an order that no clock can falsify.
        """SELECT 'delivery ' || delivery AS subject FROM (
             SELECT a.delivery, a.id, lag(a.id) OVER (PARTITION BY d.destination, d.dossier ORDER BY d.message_seq) AS before
             FROM attempts a JOIN deliveries d ON d.id = a.delivery WHERE a.outcome IN ('delivered', 'duplicate')) AS proofs
           WHERE id < before""",
    ),
    Law(
        "blocked",
        "làn bị chặn mà không có lượt gửi nào chờ người xử lý ở đầu, hoặc ngược lại",
        "a lane is blocked without a parked delivery at its head, or the reverse",
        """SELECT l.destination || ' ' || l.dossier AS subject FROM lanes l
           LEFT JOIN (SELECT d.destination, d.dossier, d.state FROM deliveries d
                      JOIN (SELECT destination, dossier, min(message_seq) AS seq FROM deliveries WHERE state IN {open}
                            GROUP BY destination, dossier) first
                        ON first.destination = d.destination AND first.dossier = d.dossier AND first.seq = d.message_seq) head
             ON head.destination = l.destination AND head.dossier = l.dossier
           WHERE l.blocked <> (coalesce(head.state, '') = 'parked')""",
    ),
    Law(
        "parked-behind",
        "lượt gửi chờ người xử lý không đứng đầu làn",
        "a parked delivery is not at the head of its lane",
        """SELECT 'delivery ' || d.id AS subject FROM deliveries d
           JOIN (SELECT destination, dossier, min(message_seq) AS seq FROM deliveries WHERE state IN {open}
                 GROUP BY destination, dossier) first
             ON first.destination = d.destination AND first.dossier = d.dossier
           WHERE d.state = 'parked' AND d.message_seq <> first.seq""",
    ),
    Law(
        "proof",
        "lượt gửi đã xong không có đúng một lần gửi thành công làm chứng, hoặc có chứng mà chưa xong",
        "a delivered delivery has not exactly one good attempt to prove it, or a proof exists without it",
        """SELECT 'delivery ' || d.id AS subject FROM deliveries d
           LEFT JOIN (SELECT delivery, count(*) AS n FROM attempts
                      WHERE ended_at IS NOT NULL AND outcome IN ('delivered', 'duplicate') GROUP BY delivery) a ON a.delivery = d.id
           WHERE coalesce(a.n, 0) <> (CASE WHEN d.state = 'delivered' THEN 1 ELSE 0 END)""",
    ),
    Law(
        "reason",
        "lượt gửi chưa rõ kết quả hoặc chờ người xử lý mà không nói vì sao",
        "a delivery in doubt or parked does not say why",
        """SELECT 'delivery ' || id AS subject FROM deliveries
           WHERE coalesce(reason, '') = '' AND (state = 'parked' OR (state = 'in_doubt' AND open_attempt IS NULL))""",
    ),
    Law(
        "ended",
        "lượt gửi đã kết thúc còn dở dang, hoặc chưa kết thúc mà đã có giờ kết thúc",
        "an ended delivery is still under way, or an open one has a time of ending",
        """SELECT 'delivery ' || id AS subject FROM deliveries
           WHERE (state IN {ended} AND (open_attempt IS NOT NULL OR ended_at IS NULL)) OR (state IN {open} AND ended_at IS NOT NULL)""",
    ),
    Law(
        "attempt",
        "lần gửi chưa khép mà không lượt gửi nào đang đi, hoặc đã khép mà không có kết quả",
        "an attempt is open though its delivery is not under way, or is closed without an outcome",
        """SELECT 'attempt ' || a.id AS subject FROM attempts a LEFT JOIN deliveries d ON d.id = a.delivery
           WHERE d.id IS NULL OR (a.ended_at IS NULL AND coalesce(d.open_attempt, -1) <> a.id)
              OR (a.ended_at IS NOT NULL AND a.outcome IS NULL)""",
    ),
    Law(
        "under-way",
        "lượt gửi trỏ tới một lần gửi đã khép hoặc không có",
        "a delivery under way names an attempt that is closed or does not exist",
        """SELECT 'delivery ' || d.id AS subject FROM deliveries d LEFT JOIN attempts a ON a.id = d.open_attempt
           WHERE d.open_attempt IS NOT NULL AND (a.id IS NULL OR a.delivery <> d.id OR a.ended_at IS NOT NULL)""",
    ),
    Law(
        "status-row",
        "dòng lịch sử trạng thái khác bản tin của nó",
        "a row of the status history differs from its message",
        """SELECT s.message AS subject FROM statuses s LEFT JOIN messages m ON m.seq = s.seq
           WHERE m.seq IS NULL OR m.id <> s.message OR m.dossier <> s.dossier OR m.source <> s.source
              OR m.event_time <> s.event_time OR coalesce(m.held, '') <> coalesce(s.held, '')
              OR m.type NOT IN ('StatusChanged', 'DossierSubmitted') OR {status} <> s.status""",
    ),
    Law(
        "status-lost",
        "bản tin trạng thái không có trong lịch sử trạng thái",
        "a status message is missing from the status history",
        """SELECT m.id AS subject FROM messages m LEFT JOIN statuses s ON s.seq = m.seq
           WHERE s.seq IS NULL AND (m.type = 'StatusChanged'
             OR m.seq IN (SELECT min(seq) FROM messages WHERE type = 'DossierSubmitted' AND held IS NULL GROUP BY dossier))""",
    ),
    Law(
        "late-applied",
        "một sự kiện đến muộn đã ghi đè trạng thái mới hơn",
        "a late event has overwritten a newer status",
        """SELECT message AS subject FROM (
             SELECT message, event_time, lag(event_time) OVER (PARTITION BY dossier ORDER BY seq) AS before
             FROM statuses WHERE held IS NULL) AS moved WHERE event_time < before""",
    ),
    Law(
        "replay",
        "trạng thái của hồ sơ khác kết quả phát lại các sự kiện đã áp dụng",
        "a dossier's status is not what replaying its applied events gives",
        """SELECT d.code AS subject FROM dossiers d
           LEFT JOIN (SELECT dossier, max(seq) AS seq FROM statuses WHERE held IS NULL GROUP BY dossier) last ON last.dossier = d.code
           LEFT JOIN statuses s ON s.seq = last.seq
           WHERE coalesce(s.seq, 0) <> d.status_seq OR s.status <> d.status OR s.event_time <> d.status_time""",
    ),
    Law(
        "no-dossier",
        "bản tin đã nhận không thuộc hồ sơ nào",
        "an accepted message belongs to no dossier",
        """SELECT m.id AS subject FROM messages m LEFT JOIN dossiers d ON d.code = m.dossier
           WHERE d.code IS NULL AND coalesce(m.held, '') NOT IN ('unreadable', 'unknown-dossier', 'no-route')""",
    ),
    Law(
        "newest",
        "hồ sơ không trỏ tới bản nộp mới nhất",
        "a dossier does not name its newest submission",
        """SELECT d.code AS subject FROM dossiers d
           LEFT JOIN (SELECT dossier, max(seq) AS seq FROM messages WHERE type = 'DossierSubmitted' AND held IS NULL
                      GROUP BY dossier) m
             ON m.dossier = d.code WHERE m.seq IS NULL OR m.seq <> d.newest""",
    ),
    Law(
        "belief",
        "điều một hệ thống tin không có bản tin làm chứng",
        "what a system believes is not proved by the message it names",
        """SELECT b.system || ' ' || b.dossier AS subject FROM beliefs b LEFT JOIN messages m ON m.id = b.message
           WHERE m.seq IS NULL OR m.dossier <> b.dossier OR m.event_time <> b.since
              OR m.type NOT IN ('StatusChanged', 'DossierSubmitted') OR {status} <> b.status""",
    ),
    Law(
        "belief-told",
        "một hệ thống được cho là tin điều nó chưa nói và chưa nhận",
        "a system is held to believe what it neither said nor was told",
        """SELECT b.system || ' ' || b.dossier AS subject FROM beliefs b JOIN messages m ON m.id = b.message
           LEFT JOIN deliveries d ON d.message_seq = m.seq AND d.destination = b.system AND d.state = 'delivered'
           WHERE (b.how = 'said' AND m.source <> b.system) OR (b.how = 'accepted' AND d.id IS NULL)""",
    ),
    Law(
        "retold",
        "một bản tin được báo lại cho nơi chưa từng nhận nó",
        "a message is told again to a system that never took it",
        """SELECT m.id AS subject FROM messages m JOIN deliveries d ON d.message_seq = m.seq
           LEFT JOIN messages o ON o.id = m.because
           LEFT JOIN deliveries first ON first.message_seq = o.seq AND first.destination = d.destination AND first.state = 'delivered'
           WHERE m.type = 'Retold' AND (o.seq IS NULL OR o.dossier <> m.dossier OR first.id IS NULL)""",
    ),
    Law(
        "ruling",
        "một quyết định về bản tin không bị giữ, hoặc nói đã áp dụng mà không có bản tin nào",
        "a ruling on a message that is not held, or one that says applied without a message",
        """SELECT r.message AS subject FROM rulings r LEFT JOIN messages m ON m.id = r.message
           LEFT JOIN messages a ON a.id = r.made AND a.because = r.message
           WHERE m.held IS NULL OR (r.ruling = 'applied' AND a.seq IS NULL)""",
    ),
    Law(
        "feed",
        "dòng trạng thái công bố có chỗ trống, hoặc chứa sự kiện bị giữ",
        "the status feed has a gap, or shows a held event",
        """SELECT 'places 1 to ' || max(position) || ', rows ' || count(position) AS subject FROM statuses
           HAVING count(position) > 0 AND (min(position) <> 1 OR max(position) <> count(position))
           UNION ALL SELECT message AS subject FROM statuses WHERE position IS NOT NULL AND held IS NOT NULL""",
    ),
)

_STATUS_OF = {
    "sqlite": "CAST(json_extract(m.body, '$.status') AS INTEGER)",
    "postgresql": "CAST(CAST(m.body AS json) ->> 'status' AS INTEGER)",
}


def conserve(connection: Connection) -> list[Finding]:
    """Every law that is broken, with how often and where; an empty list for a sound ledger. Reads one snapshot, changes nothing."""
    found = [f for f in (_ask(connection, law) for law in LAWS) if f is not None]
    sums = count(connection)
    accepted, accounted = sums.pop("accepted"), sum(sums[state] for state in STATES)
    if accepted != accounted:
        words = f"{accepted} ≠ {accounted} ({', '.join(f'{state} {sums[state]}' for state in STATES)})"
        wrong = "đã nhận ≠ đã gửi + đang chờ + chưa rõ kết quả + chờ người xử lý + đã hủy"
        found.append(
            Finding("sum", wrong, "accepted ≠ delivered + waiting + in doubt + parked + cancelled", 1, [words])
        )
    return found


def count(connection: Connection) -> dict[str, int]:
    """How many deliveries were promised (`accepted`), and how many stand in each state."""
    sums: dict[str, int] = dict.fromkeys(STATES, 0)
    for state, number in connection.execute(text("SELECT state, count(*) FROM deliveries GROUP BY state")):
        sums[state] = number
    accepted = connection.execute(text("SELECT coalesce(sum(routed), 0) FROM messages")).scalar_one()
    return {"accepted": int(accepted), **sums}


def _ask(connection: Connection, law: Law) -> Finding | None:
    rows = law.rows
    for word, meaning in {**_WORDS, "{status}": _STATUS_OF[connection.dialect.name]}.items():
        rows = rows.replace(word, meaning)
    # The subquery's rows are counted and a few are named in one pass. The text is ours: nothing from outside enters it.
    statement = f"SELECT subject, count(*) OVER () AS n FROM ({rows}) AS broken LIMIT {EXAMPLES}"  # noqa: S608
    found: Sequence[Any] = connection.execute(text(statement)).all()
    if not found:
        return None
    return Finding(law.word, law.wrong, law.wrong_en, int(found[0].n), [str(row.subject) for row in found])


__all__ = ["LAWS", "STATES", "Finding", "Law", "conserve", "count"]

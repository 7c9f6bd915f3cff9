"""The demo's play: its scenes in order, each a phase on the board."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.text import Text

from gateway.cli.board import Board, Phase
from gateway.cli.disagreement import Disagreement
from gateway.cli.samples import PROMOTION, WORDS, Piece, day, one_more, person, promotion
from gateway.cli.show import BREAKER, COLOURS, console
from gateway.cli.signon_scene import NAME, Province
from gateway.cli.stage import Caller, Stage
from gateway.cli.verdict import judge, show_dossiers
from gateway.codes import CsvCodes
from gateway.config import Config
from gateway.errors import Misconfigured
from gateway.ledger import Ledger, open_ledger, queries, standing
from gateway.ledger.conservation import STATES, count

NOTICES = 3  # promotion notices filed on the portal
PATIENCE = 60.0  # seconds within which all must be quiet again


class Play:
    """`run` plays it and returns what differs at the end; nothing when all is well."""

    def __init__(self, stage: Stage, *, dossiers: int, seed: int, fast: bool) -> None:
        self.stage = stage
        self.seed = seed
        self.fast = fast
        self.dossiers = dossiers
        self.out = console()
        self.expected: list[tuple[str, str]] = []
        self.ledger: Ledger | None = None
        self.refusals: list[str] = []
        self.acts: list[Disagreement] = []
        self.board = Board(self.out, self._counts)

    def run(self) -> list[str]:
        self.out.print("[bold]Liên thông[/]: một ngày ở bộ phận một cửa · a day at the one-stop counter")
        with self.board.showing():
            self._set_up()
            pieces = day(self.dossiers, datetime.now(UTC) - timedelta(minutes=2), self.codes, self.seed)
            self.expected += [(p.body["id"], p.held) for p in pieces if p.held]
            self._introduce(pieces)
            first, second = len(pieces) * 55 // 100, len(pieces) * 85 // 100
            self._morning(pieces[:first])
            self._outage(pieces[first:second])
            self._recovery(pieces[second:])
            self._notices()
            self._post()
            self._portal_asks()
            self._sign_on()
            with self.board.phase("Chờ mọi việc xong · wait until all is quiet") as phase:
                self._until_quiet(phase)
                phase.says = "xong · done"
            self._disagreement()
        return self._judge()

    # ── scenes ──────────────────────────────────────────────────────────────────────────────────────────────

    def _set_up(self) -> None:
        with self.board.phase("Dựng các đối tác và cổng · set up the partners and the gateway") as phase:
            self.stage.prepare()
            self.province = Province(self.stage)
            self.province.prepare()
            phase.says = "một cửa, Cổng quốc gia, bưu điện …"
            self.stage.start_twins()
            phase.says = "cổng tích hợp …"
            self.stage.start_gateway()
            phase.says = "đăng nhập quốc gia, trang của cổng tỉnh và một cửa …"
            self.province.start()
            config = Config(self.stage.home)
            self.words = {row.code: row.name for row in config.statuses.values()}
            self.codes = CsvCodes(config.folder / "codelists")
            self.ledger = open_ledger(config.settings.ledger_url)
            self.one_stop = Caller(self.stage.address, self.stage.keys["one-stop"])
            self.portal = Caller(self.stage.address, self.stage.keys["portal"])
            phase.says = self.stage.address

    def _introduce(self, pieces: Sequence[Piece]) -> None:
        """The one-stop system knows its own dossiers before the gateway tells it anything about them."""
        self.stage.twins["one-stop"].act(knows=sorted({p.body["dossier"] for p in pieces}))

    def _morning(self, pieces: Sequence[Piece]) -> None:
        with self.board.phase(
            "Một cửa gửi hồ sơ và trạng thái · the one-stop system sends dossiers and statuses"
        ) as phase:
            self._send(pieces, 14, phase)

    def _outage(self, pieces: Sequence[Piece]) -> None:
        with self.board.phase("Cổng quốc gia ngừng, một cửa vẫn gửi · the portal is down, the work goes on") as phase:
            self.stage.twins["portal"].chaos(down=True)
            began = time.monotonic()
            self._send(pieces, 9, phase, lambda: f"; {self._portal_words()}")
            while time.monotonic() - began < (2 if self.fast else 10) or self._breaker() == "closed":
                if time.monotonic() - began > PATIENCE:
                    raise Misconfigured("the breaker never opened, although the portal is down")
                phase.says = f"{len(pieces)} bản tin đã nhận · accepted; {self._portal_words()}"
                time.sleep(0.1)
            phase.says = f"ngừng {time.monotonic() - began:.0f} giây · down; {self._portal_words()}"

    def _recovery(self, pieces: Sequence[Piece]) -> None:
        with self.board.phase("Cổng quốc gia trở lại, gửi bù · the portal is back, the backlog drains") as phase:
            backlog = self._backlog()
            self.stage.twins["portal"].chaos(down=False)
            began = time.monotonic()
            self._send(pieces, 5, phase, lambda: f"; {self._portal_words()}")
            self._until_quiet(phase)
            seconds = time.monotonic() - began
            phase.says = f"{backlog} bản tin chờ đã gửi bù · caught up in {seconds:.0f} s, tạm ngừng gọi · breaker: {BREAKER[self._breaker()]}"

    def _notices(self) -> None:
        with self.board.phase(
            "Hồ sơ nộp trên Cổng quốc gia về một cửa, trạng thái trả lại Cổng · dossiers born on the portal"
        ) as phase:
            began = datetime.now(UTC) - timedelta(hours=3)
            for number in range(1, NOTICES + 1):
                notice = promotion(number, began, self.seed)
                answer = self.stage.twins["portal"].act(
                    send_ttkm={
                        "url": f"{self.stage.address}/hooks/portal/ttkm",
                        "key": self.stage.keys["portal"],
                        "body": notice,
                    }
                )
                self._expect(answer["answer"].get("error_code") == 0, f"ttkm: {answer}")
                self._handle(notice["MaHoSo"], began, number)
                phase.says = f"{number} thông báo khuyến mại · promotion notices (thủ tục {PROMOTION})"

    def _handle(self, code: str, began: datetime, number: int) -> None:
        """The one-stop system tells how such a dossier goes on."""
        dice = random.Random(self.seed + number)  # noqa: S311 - an invented officer
        for step, status in enumerate((2, 4, 9, 10)[: number + 1]):
            officer = {"name": person(dice), "unit": "Sở Công Thương"}
            when = (began + timedelta(minutes=30 * (step + 1))).isoformat(timespec="seconds")
            body = {
                "type": "StatusChanged",
                "id": f"mc-{code}-{status}",
                "dossier": code,
                "event_time": when,
                "status": status,
            }
            self._post_message({**body, "content": WORDS[status], "officer": officer})

    def _post(self) -> None:
        with self.board.phase(
            "Bưu điện phát kết quả, trạng thái 10 đến từ hành trình · the post delivers, 10 comes from its feed"
        ) as phase:
            post = self.stage.twins["vnpost"]
            orders = [order["OrderNumber"] for order in post.book()["orders"]]
            for order in orders[:2]:
                post.act(event={"order": order, "code": 5, "message": "Phát không thành công: người nhận vắng nhà"})
            published = len(post.act(deliver_all=True)) + len(orders[:2])
            phase.says = f"{len(orders)} bưu gửi · parcels"
            self._wait(
                lambda: len(self._heard()) >= published,
                "không đọc được hành trình của bưu điện · the post's feed was not read",
            )
            self._until_quiet(phase)
            phase.says = f"{len(orders)} bưu gửi, {published} sự kiện hành trình · parcels, tracking events"

    def _portal_asks(self) -> None:
        with self.board.phase(
            "Cổng quốc gia tra cứu và kéo dòng trạng thái · the portal looks up a dossier and pulls the status feed"
        ) as phase:
            code = next(iter(self.stage.twins["one-stop"].book()["knows"]))
            place = {"url": f"{self.stage.address}/hooks/portal/direct", "key": self.stage.keys["portal"]}
            said = self.stage.twins["portal"].act(lookup={**place, "masohoso": code})["answer"]
            self._expect(said.get("MaHoSo") == code, f"direct: {said}")
            rows, moves = self._feed(), self._read(standing.move_count)
            self._expect(
                len({r["message"] for r in rows}) == len(rows) == moves,
                f"the feed shows {len(rows)} of {moves} status events",
            )
            phase.says = f"{code} → TrangThaiHoSo {said.get('TrangThaiHoSo')}; {len(rows)} sự kiện · events in the feed"

    def _feed(self) -> list[Any]:
        """The whole feed, page by page, as the portal pulls it."""
        rows: list[Any] = []
        page: dict[str, Any] = {"more": True}
        while page["more"]:
            after = {"after": page["next"]} if "next" in page else {}
            page = self.portal.get("/api/v1/status-feed", limit=100, **after)
            rows += page["items"]
        return rows

    def _disagreement(self) -> None:
        with self.board.phase(
            "Có người sửa tay sổ của Cổng: thấy, giải thích, chữa · the portal's book, changed by hand, is found out and healed"
        ) as phase:
            pieces = one_more(self.dossiers + 1, datetime.now(UTC) - timedelta(minutes=1), self.codes, self.seed)
            self._introduce(pieces)
            self._send(pieces, 0, phase)
            self._until_quiet(phase)
            act = Disagreement(self._books(), self.stage.twins["portal"], self.one_stop, str(pieces[0].body["dossier"]))
            self.acts.append(act)
            act.plant()
            began = time.monotonic()
            phase.says = f"{act.code}: lùi về trạng thái 4, mất một dòng tiến độ · set back to 4, a progress row gone"
            self._wait(act.found, "không thấy chỗ lệch · the difference was not found")
            found = time.monotonic() - began
            phase.says = f"{act.code}: {act.finding}"
            self._wait(act.healed, "không chữa được chỗ lệch · the difference was not healed")
            healed = time.monotonic() - began
            for words in act.wrong():
                self._expect(False, words)
            phase.says = f"{act.code}: thấy sau {found:.0f} s, chữa xong sau {healed:.0f} s, {act.messages} bản tin · found, healed, messages"

    # ── sending and waiting ─────────────────────────────────────────────────────────────────────────────────

    def _send(
        self, pieces: Sequence[Piece], seconds: float, phase: Phase, more: Callable[[], str] = lambda: ""
    ) -> None:
        """Spread over `seconds`; at once when fast."""
        began = time.monotonic()
        for number, piece in enumerate(pieces, 1):
            for content in piece.files:
                self.one_stop.upload(content)
            self._post_message(piece.body)
            phase.says = f"{number}/{len(pieces)} bản tin · messages{more()}"
            ahead = began + seconds * number / len(pieces) - time.monotonic()
            if ahead > 0 and not self.fast:
                time.sleep(ahead)

    def _post_message(self, body: Any) -> None:
        status, answer = self.one_stop.post(body)
        self._expect(status in (200, 202), f"{body['type']} {body['id']}: HTTP {status} {answer[:300]}")

    def _expect(self, well: bool, words: str) -> None:
        if not well:
            self.refusals.append(words)

    def _until_quiet(self, phase: Phase) -> None:
        def quiet() -> bool:
            phase.says = f"còn · left {self._open()}; {self._portal_words()}"
            return self._open() == 0

        self._wait(quiet, "vẫn còn lượt gửi chưa xong · the deliveries did not end")

    def _wait(self, reached: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + PATIENCE
        while not reached():
            if time.monotonic() > until:
                self.refusals.append(f"sau {PATIENCE:.0f} giây · after: {otherwise}")
                return
            time.sleep(0.1)

    # ── what the ledger says ────────────────────────────────────────────────────────────────────────────────

    def _books(self) -> Ledger:
        if self.ledger is None:
            raise RuntimeError("the stage is not set")
        return self.ledger

    def _read(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        with self._books().read() as connection:
            return ask(connection, *arguments)

    def _open(self) -> int:
        return int(self._read(standing.open_count))

    def _heard(self) -> Sequence[str]:
        return [one for one in self._read(standing.heard_from, "vnpost") if not one.startswith(("returned-", "post-"))]

    def _backlog(self) -> int:
        found = self._read(queries.backlogs).get("portal")
        return sum(found.counts.values()) if found else 0

    def _breaker(self) -> str:
        row = self._read(queries.breaker_rows).get("portal")
        return row.state if row is not None else "closed"

    def _portal_words(self) -> str:
        return f"chờ Cổng QG · waiting {self._backlog()}, tạm ngừng gọi · breaker: {BREAKER[self._breaker()]}"

    def _counts(self) -> Text:
        if self.ledger is None:
            return Text("")
        sums = self._read(count)
        words = {
            "delivered": "đã gửi",
            "waiting": "đang chờ",
            "in_doubt": "chưa rõ",
            "parked": "chờ người xử lý",
            "cancelled": "đã hủy",
        }
        parts: list[Any] = [f"Lượt gửi: đã nhận {sums['accepted']} = "]
        for i, state in enumerate(STATES):
            parts += [" + " if i else "", (f"{words[state]} {sums[state]}", COLOURS[state] if sums[state] else "dim")]
        return Text.assemble(*parts, f"   bị giữ {self._read(queries.held_count)}")

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────

    def _sign_on(self) -> None:
        with self.board.phase("Đăng nhập một lần, đăng xuất một lần · one sign-on, one logout") as phase:
            for words in self.province.play():
                self._expect(False, words)
            phase.says = f"{NAME}: Cổng tỉnh và một cửa đều nhận ra, rồi cả ba nơi cùng thoát · known in both, gone from all three"

    def _judge(self) -> list[str]:
        books, ledger = {name: twin.book() for name, twin in self.stage.twins.items()}, self._books()
        show_dossiers(self.out, ledger, books, self.words)
        for act in self.acts:
            act.show(self.out, self.words)
        differ = judge(self.out, ledger, books, self.expected)
        for words in self.refusals:
            self.out.print(Text.assemble(("✗ ", "bold red"), words))
        return [*differ, *self.refusals]

    def linger(self) -> None:
        """Leave it running, and say what to try."""
        for line in self.advice(self.stage.write_environment()):
            self.out.print(line, markup=False, soft_wrap=True)
        threading.Event().wait()  # until Ctrl-C or SIGTERM

    def advice(self, environment: Path) -> list[str]:
        """What to type in another terminal, each line whole."""
        at, key = self.stage.address, self.stage.keys["one-stop"]
        code = next(iter(self.stage.twins["one-stop"].book()["knows"]))
        portal = self.stage.twins["portal"].address
        planted = f'{{"plant": {{"MaHoSo": "{code}", "TrangThaiHoSo": "2"}}}}'
        return [
            "", "Vẫn đang chạy; mở cửa sổ lệnh khác, dán dòng này trước · still running; in another terminal, first of all:",
            f"  set -a; . {environment}; set +a",
            "Hỏi cổng · ask the gateway:",
            f"  lienthong flow; lienthong held list; lienthong trace {code}",
            "  lienthong reconcile run portal --dry-run; lienthong reconcile list --all",
            f"  lienthong delays {code}; lienthong delays --by destination; lienthong delays --forecast",
            f"  lienthong stats --by agency; lienthong lint {code}; lienthong digest",
            f"  curl -sS -w '\\n' {at}/readyz",
            f"  curl -sS -w '\\n' {at}/api/v1/dossiers/{code} -H 'Authorization: Bearer {key}'      # khóa của · the key of one-stop",
            f"  curl -sS -w '\\n' '{at}/api/v1/status-feed?limit=5' -H 'Authorization: Bearer {self.stage.keys['portal']}'      # portal",
            *(f"  curl -sS -w '\\n' {twin.address}/_twin/book      # sổ của · the book of {name}" for name, twin in self.stage.twins.items()),
            *(f"  {site}/      # mở bằng trình duyệt · in a browser: {name}" for name, site in self.province.sites.items()),
            "Ngừng Cổng, cho Cổng chạy lại · stop the portal, start it again:",
            f"  curl -sS -w '\\n' {portal}/_twin/chaos -d '{{\"down\": true}}'",
            f"  curl -sS -w '\\n' {portal}/_twin/chaos -d '{{\"down\": false}}'",
            "Sửa tay sổ của Cổng; cổng thấy và chữa trong vài giây · change the portal's book by hand; it is found and healed within seconds:",
            f"  curl -sS -w '\\n' {portal}/_twin/act -d '{planted}'; sleep 8; lienthong reconcile list --all",
            "Ctrl-C để dừng và dọn · to stop and clean up",
        ]  # fmt: skip


__all__ = ["Play"]

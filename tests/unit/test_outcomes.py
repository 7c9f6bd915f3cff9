"""The table of answers: read strictly, first row wins, and nothing unknown is taken for good."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AskFirst, Misconfigured, Rejected, TryLater, Unclassified
from gateway.outcomes import NO_RULE, Outcomes, Verdict

TABLES = sorted((Path(__file__).parents[2] / "connectors").glob("*/outcomes.toml"))
TABLE = """
[[rule]]
call = ["create"]
code = [3, "-3"]
text = "đã tồn tại"
outcome = "duplicate"
then = "update"
say = "there already: việc cần làm"
say_en = "there already: what to do"
why = "there already"

[[rule]]
again = true
code = ["9"]
outcome = "duplicate"
say = "nine again: việc cần làm"
say_en = "nine again: what to do"
why = "nine again"

[[rule]]
http = [200]
code = ["0", "00"]
outcome = "delivered"
say = "done: việc cần làm"
say_en = "done: what to do"
why = "done"

[[rule]]
http = [401]
outcome = "rejected"
then = "login"
say = "session over: việc cần làm"
say_en = "session over: what to do"
why = "session over"

[[rule]]
http = [503]
outcome = "try_later"
wait = 60
say = "busy: việc cần làm"
say_en = "busy: what to do"
why = "busy"

[[rule]]
http = ["5xx"]
outcome = "ask_first"
say = "broken: việc cần làm"
say_en = "broken: what to do"
why = "broken"

[[rule]]
code = ["7"]
outcome = "rejected"
say = "wrong: việc cần làm"
say_en = "wrong: what to do"
why = "wrong"
"""


SAY = 'say = "v"\nsay_en = "e"\n'


@pytest.fixture
def outcomes(tmp_path: Path) -> Outcomes:
    return load(tmp_path, TABLE)


def load(folder: Path, text: str) -> Outcomes:
    file = folder / "outcomes.toml"
    file.write_text(text, encoding="utf-8")
    return Outcomes.load(file)


def row(outcome: str, then: str | None, why: str, wait: float | None = None) -> Verdict:
    return Verdict(outcome, then, why, wait, f"{why}: việc cần làm", f"{why}: what to do")


def test_the_first_row_that_fits_decides(outcomes: Outcomes) -> None:
    assert outcomes.judge("create", http=200, code="0") == row("delivered", None, "done")
    assert outcomes.judge("create", http=503) == row("try_later", None, "busy", 60.0)
    assert outcomes.judge("create", http=502).rule == "broken"


def test_a_code_is_compared_as_text_whether_it_came_as_number_or_text(outcomes: Outcomes) -> None:
    for code in (3, "3", "-3", -3):
        assert outcomes.judge("create", http=200, code=code, text="Hồ sơ ĐÃ TỒN TẠI").then == "update"
    assert outcomes.judge("create", http=200, code="00").outcome == "delivered"
    assert outcomes.judge("create", http=200, code="000").outcome == "unclassified"


def test_text_is_found_in_any_case_and_in_either_unicode_form(outcomes: Outcomes) -> None:
    apart = unicodedata.normalize("NFD", "Mã hồ sơ Đã Tồn Tại trên hệ thống")

    assert outcomes.judge("create", http=200, code=3, text=apart).outcome == "duplicate"
    assert outcomes.judge("update", http=200, code=3, text=apart).outcome == "unclassified"


def test_a_row_for_repetitions_only_counts_when_an_earlier_attempt_may_have_arrived(outcomes: Outcomes) -> None:
    assert outcomes.judge("create", http=200, code=9, again=True).rule == "nine again"
    assert outcomes.judge("create", http=200, code=9).outcome == "unclassified"


@pytest.fixture(scope="module")
def one_rule(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    row = '[[rule]]\nhttp = [299]\ncode = ["ok"]\noutcome = "delivered"\n'
    row += 'say = "v"\nsay_en = "e"\nwhy = "The only good answer."\n'
    return load(tmp_path_factory.mktemp("one"), row)


@given(http=st.integers(100, 599), code=st.text(max_size=5), text=st.text(max_size=20), again=st.booleans())
def test_what_no_row_knows_is_unclassified_and_never_good(
    one_rule: Outcomes, http: int, code: str, text: str, again: bool
) -> None:
    verdict = one_rule.judge("any", http=http, code=code, text=text, again=again)

    assert verdict.outcome == ("delivered" if (http, code) == (299, "ok") else "unclassified")


@pytest.mark.parametrize(
    ("http", "code", "error", "wait"),
    [(503, "", TryLater, 60.0), (500, "", AskFirst, None), (200, "7", Rejected, None), (200, "8", Unclassified, None)],
)
def test_settle_raises_what_the_row_says_and_keeps_the_answer(
    outcomes: Outcomes, http: int, code: str, error: type[TryLater], wait: float | None
) -> None:
    with pytest.raises(error) as caught:
        outcomes.settle("update", http=http, code=code, text="lời", answer="nguyên văn")

    assert caught.value.answer == "nguyên văn"
    assert caught.value.code == (code or str(http))
    assert caught.value.retry_after == wait
    assert "lời" in caught.value.reason


def test_the_reason_is_the_partners_words_shortened_and_the_rows_words_for_people(outcomes: Outcomes) -> None:
    with pytest.raises(Rejected) as caught:
        outcomes.settle("update", http=200, code="7", text="Sai\n  mã " + "x" * 400)

    said, _, say = caught.value.reason.partition("…: ")
    assert said.startswith("update: HTTP 200 7 Sai mã xxx")
    assert len(said) < 200
    assert say == "wrong: việc cần làm · wrong: what to do"


def test_the_reason_without_a_rule_asks_for_one_in_both_languages(outcomes: Outcomes) -> None:
    with pytest.raises(Unclassified) as caught:
        outcomes.settle("update", http=200, code="8", text="lời")

    assert caught.value.reason == f"update: HTTP 200 8 lời: {NO_RULE.say} · {NO_RULE.say_en}"


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.parent.name)
def test_every_row_of_every_connector_says_something_of_its_own_in_vietnamese_and_english(file: Path) -> None:
    rows = Outcomes.load(file).verdicts

    assert len({row.say for row in rows}) == len({row.say_en for row in rows}) == len(rows)
    for row in rows:
        assert re.search("[ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỷỹỵ]", row.say), row.say
        assert unicodedata.is_normalized("NFC", row.say), row.say
        assert row.say_en.isascii(), row.say_en


def test_the_partner_knows_best_when_it_will_be_back(outcomes: Outcomes) -> None:
    with pytest.raises(TryLater) as caught:
        outcomes.settle("update", http=503, retry_after=5)
    assert caught.value.retry_after == 5


def test_settle_returns_what_is_good_and_what_goes_on(outcomes: Outcomes) -> None:
    assert outcomes.settle("create", http=200, code="0").outcome == "delivered"
    assert outcomes.settle("create", http=401) == row("rejected", "login", "session over")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('outcome = "fine"', "outcome 'fine'"),
        ('outcome = "delivered"\nwhy = " "', "`why`"),
        ('outcome = "delivered"', "`why`"),
        ('outcome = "delivered"\nwhy = "x"\nsay = ""', "`say`"),
        ('outcome = "delivered"\nwhy = "x"\nsay = 5', "`say`"),
        (f'outcome = "delivered"\nwhy = "x"\nsay = "{"ư" * 121}"', "`say` must be a sentence of at most 120"),
        ('outcome = "delivered"\nwhy = "x"\nsay_en = " "', "`say_en`"),
        (f'outcome = "delivered"\nwhy = "x"\nsay_en = "{"x" * 121}"', "`say_en`"),
        ('outcome = "delivered"\nwhy = "x"\ntexte = "y"', "texte"),
        ('outcome = "delivered"\nwhy = "x"\ntext = "("', "no regular expression"),
        ('outcome = "delivered"\nwhy = "x"\ntext = ""', "regular expression"),
        ('outcome = "delivered"\nwhy = "x"\nhttp = [99]', "http 99"),
        ('outcome = "delivered"\nwhy = "x"\nhttp = ["6xx"]', "6xx"),
        ('outcome = "delivered"\nwhy = "x"\nhttp = 200', "`http`"),
        ('outcome = "delivered"\nwhy = "x"\nhttp = [true]', "`http`"),
        ('outcome = "delivered"\nwhy = "x"\ncode = []', "`code`"),
        ('outcome = "delivered"\nwhy = "x"\ncode = ["a", "a"]', "`code`"),
        ('outcome = "delivered"\nwhy = "x"\nagain = "yes"', "`again`"),
        ('outcome = "delivered"\nwhy = "x"\nthen = ""', "`then`"),
        ('outcome = "delivered"\nwhy = "x"\nwait = 5', "`wait`"),
        ('outcome = "try_later"\nwhy = "x"\nwait = 0', "`wait`"),
        ('outcome = "delivered"\nwhy = "done"', "same `why` as rule 1"),
        ('outcome = "delivered"\nwhy = "x"\nhttp = [200]\ncode = ["0"]', "never reached, rule 1"),
        ('outcome = "delivered"\nwhy = "x"\nhttp = [200]\ncode = ["0"]\ntext = "a"\nagain = true', "never reached"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(tmp_path: Path, row: str, words: str) -> None:
    first = '[[rule]]\nhttp = ["2xx"]\ncode = ["0", "1"]\noutcome = "delivered"\nwhy = "done"\n'
    first += SAY
    row += "".join(
        f"\n{line}" for line in SAY.splitlines() if not re.search(f"^{line.split()[0]} =", row, re.MULTILINE)
    )

    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, f"{first}[[rule]]\n{row}\n")

    assert "outcomes.toml, rule 2" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("missing", ["say", "say_en"])
def test_a_row_without_words_for_people_is_refused_with_its_place(tmp_path: Path, missing: str) -> None:
    row = "\n".join(line for line in SAY.splitlines() if line.split()[0] != missing)

    with pytest.raises(Misconfigured, match=rf"outcomes\.toml, rule 1: `{missing}`"):
        load(tmp_path, f'[[rule]]\noutcome = "delivered"\nwhy = "x"\n{row}\n')


@pytest.mark.parametrize("text", ["", "rule = 1", "[[rule]", '[[rules]]\nwhy = "x"', "other = 1"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match=r"outcomes\.toml"):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"outcomes\.toml"):
        Outcomes.load(tmp_path / "outcomes.toml")


def test_a_row_behind_a_narrower_one_is_reached(tmp_path: Path) -> None:
    narrow = '[[rule]]\nhttp = [200]\ntext = "a"\noutcome = "duplicate"\nwhy = "narrow"\n' + SAY
    wide = '[[rule]]\nhttp = ["2xx"]\noutcome = "delivered"\nwhy = "wide"\n' + SAY

    assert [verdict.rule for verdict in load(tmp_path, narrow + wide).verdicts] == ["narrow", "wide"]

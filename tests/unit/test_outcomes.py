"""The table of answers: read strictly, first row wins, and nothing unknown is taken for good."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AskFirst, Misconfigured, Rejected, TryLater, Unclassified
from gateway.outcomes import Outcomes, Verdict

TABLE = """
[[rule]]
call = ["create"]
code = [3, "-3"]
text = "đã tồn tại"
outcome = "duplicate"
then = "update"
why = "there already"

[[rule]]
again = true
code = ["9"]
outcome = "duplicate"
why = "nine again"

[[rule]]
http = [200]
code = ["0", "00"]
outcome = "delivered"
why = "done"

[[rule]]
http = [401]
outcome = "rejected"
then = "login"
why = "session over"

[[rule]]
http = [503]
outcome = "try_later"
wait = 60
why = "busy"

[[rule]]
http = ["5xx"]
outcome = "ask_first"
why = "broken"

[[rule]]
code = ["7"]
outcome = "rejected"
why = "wrong"
"""


@pytest.fixture
def outcomes(tmp_path: Path) -> Outcomes:
    return load(tmp_path, TABLE)


def load(folder: Path, text: str) -> Outcomes:
    file = folder / "outcomes.toml"
    file.write_text(text, encoding="utf-8")
    return Outcomes.load(file)


def test_the_first_row_that_fits_decides(outcomes: Outcomes) -> None:
    assert outcomes.judge("create", http=200, code="0") == Verdict("delivered", None, "done")
    assert outcomes.judge("create", http=503) == Verdict("try_later", None, "busy", 60.0)
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
    row = '[[rule]]\nhttp = [299]\ncode = ["ok"]\noutcome = "delivered"\nwhy = "The only good answer."\n'
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


def test_the_partner_knows_best_when_it_will_be_back(outcomes: Outcomes) -> None:
    with pytest.raises(TryLater) as caught:
        outcomes.settle("update", http=503, retry_after=5)
    assert caught.value.retry_after == 5


def test_settle_returns_what_is_good_and_what_goes_on(outcomes: Outcomes) -> None:
    assert outcomes.settle("create", http=200, code="0").outcome == "delivered"
    assert outcomes.settle("create", http=401) == Verdict("rejected", "login", "session over")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('outcome = "fine"', "outcome 'fine'"),
        ('outcome = "delivered"\nwhy = " "', "`why`"),
        ('outcome = "delivered"', "`why`"),
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

    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, f"{first}[[rule]]\n{row}\n")

    assert "outcomes.toml, rule 2" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "rule = 1", "[[rule]", '[[rules]]\nwhy = "x"', "other = 1"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured, match=r"outcomes\.toml"):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"outcomes\.toml"):
        Outcomes.load(tmp_path / "outcomes.toml")


def test_a_row_behind_a_narrower_one_is_reached(tmp_path: Path) -> None:
    narrow = '[[rule]]\nhttp = [200]\ntext = "a"\noutcome = "duplicate"\nwhy = "narrow"\n'
    wide = '[[rule]]\nhttp = ["2xx"]\noutcome = "delivered"\nwhy = "wide"\n'

    assert list(load(tmp_path, narrow + wide).whys) == ["narrow", "wide"]

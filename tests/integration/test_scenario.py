"""A small scenario through the whole gateway and its twins: every figure comes out again, and every book agrees."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from bench.__main__ import bench

SMALL = """
title = "Một tỉnh nhỏ"
source = "invented"
from = 2019-01-02
to = 2019-02-12
[published]
received = 50
resolved = 40
in_time = 37
late = 3
online = 9
postal = 10
all_in_time = ["Công an tỉnh"]
[published.percent]
in_time = "92.5"
late = "8"
online = "18.00"
[published.online_by_agency]
"Sở Tư pháp" = 7
[published.part]
from = 2019-02-01
to = 2019-02-12
postal = 3
[published.part.postal_by_agency]
"Công an tỉnh" = 1
[invented]
seed = 7
organisations = "000.00.{number:02}.H99"
province = "19"
part_received = 13
early_percent = 70
supplement_percent = 10
[invented.agencies]
"Sở Tư pháp" = 5
"Công an tỉnh" = 3
"Sở Y tế" = 2
"""


def test_the_published_figures_come_out_again_and_the_books_agree(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(SMALL, encoding="utf-8")

    told = CliRunner().invoke(bench, ["scenario", str(file), "--json"])

    assert told.exit_code == 0, told.output
    result = json.loads(told.stdout)
    assert result["differences"] == []
    assert [figure for figure in result["figures"] if not figure["same"]] == []
    assert (result["dossiers"], result["statistics"]["total"]["resolved"]) == (50, 40)
    assert result["deliveries"] > result["messages"] > 150


WRONG = """
title = "Một con số sai"
source = "invented"
from = 2019-01-02
to = 2019-02-12
[published]
received = 6
resolved = 5
in_time = 4
late = 1
online = 1
[published.percent]
late = "21"
[invented]
seed = 7
organisations = "000.00.{number:02}.H99"
province = "19"
early_percent = 100
[invented.agencies]
"Sở Tư pháp" = 1
"""


def test_a_figure_that_differs_is_shown_and_ends_the_command_with_one(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(WRONG, encoding="utf-8")

    told = CliRunner().invoke(bench, ["scenario", str(file)])

    assert told.exit_code == 1, told.output
    assert [line.split() for line in told.stdout.splitlines() if "✗" in line] == [["✗", "late", "%", "21", "20"]]

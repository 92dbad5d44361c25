"""Does each behaviour still tell what it told? One folder a case: events in, decisions out.

`make golden` compares; `make golden ACCEPT=1` keeps what is told now, after somebody has read it.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.golden.told import CASES, EXPECT, HERE, WHY, tell

ACCEPT = os.environ.get("GOLDEN_ACCEPT") == "1"


@pytest.mark.parametrize("name", CASES)
def test_a_case_tells_what_is_expected(name: str, tmp_path: Path) -> None:
    told = [json.dumps(line, sort_keys=True) for line in tell(HERE / name, tmp_path / "case")]
    expect = HERE / name / EXPECT
    if ACCEPT:
        expect.write_text("".join(line + "\n" for line in told))
    assert told == expect.read_text().splitlines()


@pytest.mark.parametrize("name", CASES)
def test_a_case_says_in_one_line_why_it_is_there(name: str) -> None:
    [line] = (HERE / name / WHY).read_text().splitlines()
    assert line.strip().endswith(".")


@pytest.mark.parametrize("row", [f"R{n}" for n in (*range(1, 29), 37, 40)])
def test_each_row_of_the_main_job_is_shown_by_a_case(row: str) -> None:
    assert any(re.search(rf"\b{row}\b", (HERE / name / WHY).read_text()) for name in CASES)


def test_a_case_that_changes_is_noticed(tmp_path: Path) -> None:
    case = tmp_path / "changed"
    shutil.copytree(HERE / "calm", case)
    lines = (case / "events.jsonl").read_text().splitlines()
    (case / "events.jsonl").write_text("\n".join([*lines[: len(lines) // 2], "{"]) + "\n")
    told = [json.dumps(line, sort_keys=True) for line in tell(case, tmp_path / "world")]
    assert told != (HERE / "calm" / EXPECT).read_text().splitlines()

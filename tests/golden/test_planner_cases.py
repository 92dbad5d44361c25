"""Do the stories of planners tell in PostgreSQL what they tell in a file?"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import server
from tests.golden.told import EXPECT, HERE, WHY, live_history, tell

STORIES = {
    "PL2": "brief",
    "PL3": "two_steps_approved",
    "PL4": "approve_stale",
    "PL5, PL6": "verdict_modify",
    "PL7": "verdict_reject",
    "PL8": "verdict_ask",
    "PL8, silence": "clarify_silence",
    "PL9": "one_cause",
    "PL10": "promotion_ahead",
    "PL12": "withdrawn",
}
"""The golden case by story. PL1 and PL9 to PL11 are held in both databases elsewhere too."""

Start = Callable[[Path], None]


@pytest.fixture(scope="module")
def start(postgresql: None, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Makes workspaces that have the sixty days behind them, each with a database of its own."""
    url = server().database()
    lived = live_history(tmp_path_factory.mktemp("lived") / "world", f'\n[ledger]\nurl = "{url}"\n')

    def copied(root: Path) -> None:
        shutil.copytree(lived, root)
        settings = root / "replan.toml"
        settings.write_text(settings.read_text().replace(url, server().copy_of(url)))

    return copied


@pytest.mark.parametrize("story", STORIES)
def test_a_planner_s_story_is_the_same_in_postgresql(
    story: str, start: Start, tmp_path: Path
) -> None:
    case = HERE / STORIES[story]
    told = [json.dumps(line, sort_keys=True) for line in tell(case, tmp_path / "world", start)]
    assert told == (case / EXPECT).read_text().splitlines()


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_named_by_its_golden_case(story: str) -> None:
    named = (HERE / STORIES[story] / WHY).read_text()
    assert all(name in named for name in story.split(", ") if name.startswith("PL"))

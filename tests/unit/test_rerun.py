"""What would have been decided under another table, network or model, and is the change alone the
reason?
"""

import shutil
from pathlib import Path

import pytest

from replan.errors import NotSo, UsageError
from replan.infra.running.rerun import run_otherwise, told_otherwise
from tests.golden.told import BASE, HERE
from tests.golden.world import CASE_FIRST, ordinary, write_lines

ASKS = """\
- id: MOVE
  when: {action: reallocate, value: "[0,300]"}
  then: {mode: ESCALATE,"""
RUNS = ASKS.replace("ESCALATE", "AUTO")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shortage that is put before a planner, in a workspace that never ran."""
    case, root = HERE / "verdict_modify", tmp_path / "shop"
    shutil.copytree(BASE, root)
    shutil.copytree(case / "workspace", root, dirs_exist_ok=True)
    events = root / "events"
    events.mkdir(exist_ok=True)
    write_lines(events / "history.jsonl", ordinary(CASE_FIRST.replace(month=4, day=30)))
    shutil.copy(case / "events.jsonl", events / "case.jsonl")
    return root


@pytest.mark.slow
def test_another_table_decides_the_same_plan_otherwise(shop: Path) -> None:
    text = (shop / "authority.yaml").read_text()
    assert ASKS in text
    (shop / "draft.yaml").write_text(text.replace(ASKS, RUNS))
    [row] = run_otherwise(shop, {"table": str(shop / "draft.yaml")})
    assert (row["was"]["state"], row["would"]["state"]) == ("escalated", "shadowed")
    assert row["was"]["value_minor"] == row["would"]["value_minor"]
    assert list(told_otherwise([row]))[-1] == "1 of 1 troubles would have been decided otherwise"


@pytest.mark.slow
def test_without_a_lane_another_plan_is_made(shop: Path, tmp_path: Path) -> None:
    other = tmp_path / "network"
    other.mkdir()
    lanes = (shop / "network" / "lanes.csv").read_text().splitlines()
    (other / "lanes.csv").write_text(lanes[0] + "\n")
    [row] = run_otherwise(shop, {"network": str(other)})
    assert row["was"]["chosen"] == "reallocate"
    assert row["would"] is None or row["would"]["chosen"] != "reallocate"
    assert row["changed"]


def test_what_cannot_be_meant_is_refused_before_anything_runs(shop: Path) -> None:
    for changes in (
        {"weather": "rain"},
        {"model": "oracle"},
        {"table": str(shop / "none.yaml")},
        {"network": str(shop / "none")},
    ):
        with pytest.raises(UsageError):
            list(run_otherwise(shop, changes))


def test_a_log_on_kafka_is_not_run_aside(shop: Path) -> None:
    with (shop / "replan.toml").open("a") as settings:
        settings.write('\n[source]\nkind = "kafka"\n')
    with pytest.raises(NotSo, match="on Kafka"):
        list(run_otherwise(shop, {"table": str(shop / "authority.yaml")}))

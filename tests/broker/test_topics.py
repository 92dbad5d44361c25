"""Are topics made as they must be, on a real broker, and is what is wrong with them found there?"""

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from replan.infra import cli
from tests.workspaces import write_workspace

Said = Callable[..., tuple[Any, list[dict[str, Any]], str]]


@pytest.fixture
def root(tmp_path: Path, broker: str, prefix: str) -> Path:
    settings = f'[kafka]\nbootstrap = "{broker}"\nprefix = "{prefix}"\npartitions = 2\n'
    return write_workspace(tmp_path / "shop", replan_toml=settings)


@pytest.fixture
def said(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Said:
    """Exit code, the objects that were printed, and what was said beside them."""

    def run(*words: str) -> tuple[Any, list[dict[str, Any]], str]:
        monkeypatch.setattr(sys, "argv", ["replan", "-C", str(root), "topics", *words, "--json"])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capfd.readouterr()
        return ended.value.code or 0, [json.loads(line) for line in told.out.splitlines()], told.err

    return run


def test_what_is_missing_is_named_made_once_and_then_has_nothing_wrong(said: Said) -> None:
    code, wrong, _ = said("check")
    assert (code, {row["rule"] for row in wrong}, len(wrong)) == (1, {"missing"}, 14)
    code, made, _ = said("create")
    assert (code, [row["created"] for row in made]) == (0, [True] * 14)
    code, made, _ = said("create")
    assert (code, [row["created"] for row in made]) == (0, [False] * 14)
    assert said("check")[:2] == (0, [])


def test_a_topic_that_would_lose_events_is_left_alone_and_refused(
    said: Said, broker: str, prefix: str
) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        short = {"num_partitions": 3, "configs": {"retention.ms": "1000"}}
        admin.create_topics({f"{prefix}pos": short})
    code, _, err = said("create")
    assert code == 1
    assert "[retention.ms]" in err
    assert "[message.timestamp.type]" in err
    assert "warning" in err
    assert "[partitions]" in err

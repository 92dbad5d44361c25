"""Where does a file lie that a command is given? As with git: relative to DIR of `-C DIR` (C1)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.workspaces import write_workspace

COMMAND = Path(sys.executable).parent / "replan"


def replan(cwd: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = write_workspace(tmp_path / "shop")
    (root / "events").mkdir()
    (root / "events" / "day.jsonl").write_text("{\n")
    (root / "draft.yaml").write_text((root / "authority.yaml").read_text())
    return root


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("events", "check", "events/day.jsonl"), 1),
        (("authority", "check", "draft.yaml"), 0),
        (("authority", "diff", "draft.yaml"), 0),
        (("check", "."), 0),
    ],
)
def test_a_relative_file_begins_in_the_workspace(
    shop: Path, words: tuple[str, ...], code: int
) -> None:
    said = replan(shop.parent, "-C", "shop", *words)
    assert (said.returncode, "no such file" in said.stderr + said.stdout) == (code, False)


@pytest.mark.parametrize(
    "words",
    [
        ("events", "check", "none.jsonl"),
        ("authority", "check", "none.yaml"),
        ("authority", "diff", "none.yaml"),
        ("authority", "simulate", "none.yaml"),
        ("audit", "verify", "--anchors", "none.jsonl"),
    ],
)
def test_a_file_that_is_not_there_is_bad_input(shop: Path, words: tuple[str, ...]) -> None:
    said = replan(shop, *words, "--json")
    assert (said.returncode, said.stdout) == (2, "")
    assert words[-1] in said.stderr


def test_an_absolute_file_stays_where_it_is(shop: Path) -> None:
    said = replan(shop, "events", "check", shop / "events" / "day.jsonl", "--json")
    assert (said.returncode, '"malformed"' in said.stdout) == (1, True)


def test_a_workspace_is_made_inside_the_folder_of_dash_c(tmp_path: Path) -> None:
    said = replan(tmp_path.parent, "-C", tmp_path, "init", "shop")
    assert (said.returncode, (tmp_path / "shop" / "replan.toml").is_file()) == (0, True)


def test_a_file_that_is_written_is_named_where_it_lies(shop: Path) -> None:
    run = replan(shop.parent, "-C", "shop", "technical-file", "-o", "file.md")
    anchor = replan(shop.parent, "-C", "shop", "audit", "anchor", "anchors.jsonl")
    build = replan(shop.parent, "-C", "shop", "grafana", "build", "boards")
    assert run.stderr.startswith("shop/file.md: ")
    assert anchor.stderr.startswith("shop/anchors.jsonl: ")
    assert "shop/boards/escalations.json" in build.stdout
    assert all((shop / name).exists() for name in ("file.md", "anchors.jsonl", "boards"))

"""Where does a file lie that a command is given? As with git: relative to DIR of `-C DIR` (C1)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminals import Said, cli_of
from tests.workspaces import write_workspace

Replan = Callable[..., Said]


@pytest.fixture
def replan(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Replan:
    """`replan …` as it is called in a folder."""
    cli = cli_of(monkeypatch, capfd)

    def run(cwd: Path, *words: object) -> Said:
        monkeypatch.chdir(cwd)
        return cli(*words)

    return run


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
    replan: Replan, shop: Path, words: tuple[str, ...], code: int
) -> None:
    said = replan(shop.parent, "-C", "shop", *words)
    assert (said.code, "no such file" in said.err + said.out) == (code, False)


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
def test_a_file_that_is_not_there_is_bad_input(
    replan: Replan, shop: Path, words: tuple[str, ...]
) -> None:
    said = replan(shop, *words, "--json")
    assert (said.code, said.out) == (2, "")
    assert words[-1] in said.err


def test_an_absolute_file_stays_where_it_is(replan: Replan, shop: Path) -> None:
    said = replan(shop, "events", "check", shop / "events" / "day.jsonl", "--json")
    assert (said.code, '"malformed"' in said.out) == (1, True)


def test_a_workspace_is_made_inside_the_folder_of_dash_c(replan: Replan, tmp_path: Path) -> None:
    said = replan(tmp_path.parent, "-C", tmp_path, "init", "shop")
    assert (said.code, (tmp_path / "shop" / "replan.toml").is_file()) == (0, True)


def test_a_file_that_is_written_is_named_where_it_lies(replan: Replan, shop: Path) -> None:
    run = replan(shop.parent, "-C", "shop", "technical-file", "-o", "file.md")
    anchor = replan(shop.parent, "-C", "shop", "audit", "anchor", "anchors.jsonl")
    build = replan(shop.parent, "-C", "shop", "grafana", "build", "boards")
    assert run.err.startswith("shop/file.md: ")
    assert anchor.err.startswith("shop/anchors.jsonl: ")
    assert "shop/boards/escalations.json" in build.out
    assert all((shop / name).exists() for name in ("file.md", "anchors.jsonl", "boards"))

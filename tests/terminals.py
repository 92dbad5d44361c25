"""What does a command say? `replan …` in the process of the test, as its entry point runs it.

A process of its own costs a second, most of it for loading; a few tests of the entry point itself
start one.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from replan.infra import cli as commands


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Stdout of `--json`: one object a line, and nothing else."""
        rows = [json.loads(line) for line in self.out.splitlines()]
        assert all(isinstance(row, dict) for row in rows)
        return rows

    @property
    def row(self) -> dict[str, Any]:
        """The one object."""
        [row] = self.rows
        return row


Cli = Callable[..., Said]


def cli_of(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs the words it is given as a command."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["replan", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            commands.main()
        told = capfd.readouterr()
        code = stopped.value.code
        return Said(code if isinstance(code, int) else 0, told.out, told.err)

    return run

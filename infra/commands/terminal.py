"""What do all commands share? Where the workspace is, and how they speak."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from replan.findings import finding_json, finding_text, has_errors

Json = Annotated[bool, typer.Option("--json", help="Print JSON objects on stdout, one a line.")]


NOT_SO = 1
"""Exit code: the thing asked about is not so."""


@dataclass
class Place:
    """Where the workspace is: `-C DIR`, else the current folder."""

    root: Path = Path()

    def of(self, file: Path) -> Path:
        """A path that was given: a relative one begins in the workspace, as with `git -C DIR`."""
        return self.root / file


place = Place()


def say(text: str) -> None:
    """A message for a person, on stderr."""
    sys.stderr.write(text.rstrip() + "\n")


def print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON objects on stdout, one a line."""
    for row in rows:
        sys.stdout.write(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def report(findings: Iterable[Any], as_json: bool) -> None:
    """What is wrong, one finding a line; ends with 1 if one of them is an error."""
    found = list(findings)
    if as_json:
        print_rows(finding_json(f) for f in found)
    else:
        for f in found:
            sys.stdout.write(finding_text(f) + "\n")
            if f.counterexample is not None:
                sys.stdout.write(f"    for example: {json.dumps(dict(f.counterexample))}\n")
        if not found:
            sys.stdout.write("nothing wrong\n")
    if has_errors(found):
        raise typer.Exit(NOT_SO)

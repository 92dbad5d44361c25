"""What do all commands share? Where the workspace is, and how they speak."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON objects on stdout, one a line.")]


@dataclass
class Place:
    """Where the workspace is: `-C DIR`, else the current folder."""

    root: Path = Path()


place = Place()


def say(text: str) -> None:
    """A message for a person, on stderr."""
    sys.stderr.write(text.rstrip() + "\n")


def print_rows(rows: Iterable[Mapping[str, Any]]) -> None:
    """JSON objects on stdout, one a line."""
    for row in rows:
        sys.stdout.write(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n")
    sys.stdout.flush()

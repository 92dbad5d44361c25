"""Which dashboards are there, and what do their files hold?"""

import json
from pathlib import Path
from typing import Any, Final

from replan.infra.grafana import authority, escalations, forecast, models, shadow, system
from replan.infra.grafana.model import Dashboard

FOLDER: Final = Path(__file__).parents[1] / "dashboards"
"""Where the JSON files stand that Grafana is provisioned with."""

BOARDS: Final[dict[str, Dashboard]] = {
    "escalations": escalations.BOARD,
    "forecast": forecast.BOARD,
    "authority": authority.BOARD,
    "shadow": shadow.BOARD,
    "model": models.BOARD,
    "system": system.BOARD,
}
"""By the name of its file."""


def board_text(board: Dashboard) -> str:
    """The file of a dashboard: JSON that reads well in a diff."""
    return json.dumps(board.json(), indent=1, ensure_ascii=False) + "\n"


def build(folder: Path) -> list[Path]:
    """Write all files into a folder; those that changed."""
    changed = []
    for name, board in BOARDS.items():
        file, text = folder / f"{name}.json", board_text(board)
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            changed.append(file)
    return changed


def kept(folder: Path) -> dict[str, dict[str, Any]]:
    """The dashboards as a folder holds them, by the name of the file; ValueError for a file that is
    no JSON.
    """
    return {
        file.stem: json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(folder.glob("*.json"))
    }

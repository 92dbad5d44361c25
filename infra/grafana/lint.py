"""Is a dashboard one that Grafana reads and a planner can use? Its rules, and what breaks them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, pairwise
from typing import Any, Final

from replan.infra.grafana.macros import expanded, variables_in
from replan.infra.grafana.model import COLUMNS, LEDGER, SCHEMA_VERSION
from replan.infra.grafana.wording import BROKER

PANELS: Final = ("barchart", "bargauge", "stat", "table", "timeseries")
UNITS: Final = ("dateTimeAsIso", "dtdurations", "none", "percentunit", "s", "short")
_UID: Final = re.compile(r"[A-Za-z0-9-]{1,40}")
_BROKER_LINK: Final = re.compile(
    rf"/api/datasources/proxy/uid/{BROKER}/review/\$\{{__data\.fields\.decision_id\}}"
)
_EARLY, _LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong: in which dashboard, at which panel or variable, by which rule, in words."""

    board: str
    place: str
    rule: str
    text: str

    def json(self) -> dict[str, str]:
        """As printed."""
        return {"board": self.board, "place": self.place, "rule": self.rule, "text": self.text}


def lint(boards: Mapping[str, Mapping[str, Any]]) -> list[Fault]:
    """All that is wrong with dashboards, given as JSON by the name of their file."""
    found = [fault for name, board in boards.items() for fault in _board(name, board)]
    uids: dict[str, str] = {}
    for name, board in boards.items():
        first = uids.setdefault(board["uid"], name)
        if first != name:
            found.append(
                Fault(
                    board=name,
                    place="uid",
                    rule="unique",
                    text=f"{board['uid']!r} is the uid of {first} too",
                )
            )
    return found


def _board(name: str, board: Mapping[str, Any]) -> Iterator[Fault]:
    def fault(place: str, rule: str, text: str) -> Fault:
        return Fault(board=name, place=place, rule=rule, text=text)

    for member, must in (("schemaVersion", SCHEMA_VERSION), ("editable", False)):
        if board[member] != must:
            yield fault(member, "head", f"is {board[member]!r}, must be {must!r}")
    if not _UID.fullmatch(board["uid"]):
        yield fault("uid", "head", f"{board['uid']!r} must be letters, digits, hyphens, at most 40")
    panels = board["panels"]
    ids = [panel["id"] for panel in panels]
    if len(set(ids)) != len(ids):
        yield fault("panels", "unique", f"ids {ids} must be unique")
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield fault(one["title"], "grid", f"overlaps {other['title']!r}")
    known = {variable["name"] for variable in board["templating"]["list"]}
    for place, sql in queries(board):
        yield from (fault(place, "query", text) for text in _query(sql, known))
    for panel in panels:
        yield from (fault(panel["title"], rule, text) for rule, text in _panel(panel))


def queries(board: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every query of a dashboard with its place: panels, variables, annotations."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["rawSql"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]
    for annotation in board["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["target"]["rawSql"]


def _query(sql: str, known: set[str]) -> Iterator[str]:
    for name in sorted(variables_in(sql) - known):
        yield f"asks for the variable {name!r}, which there is not"
    rest = expanded(sql, dict.fromkeys(known, "x"), _EARLY, _LATE)
    if "$" in rest:
        yield f"something is left of ${rest.split('$', 1)[1][:30]!r}"
    if re.search(r"\burgency\b[^,]*[*/]|[*/][^,]*\burgency\b", sql):
        yield "urgency is computed anew; the view has it"
    if not re.match(r"\s*(SELECT|WITH)\b", sql):
        yield "does something else than SELECT"


def _panel(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if panel["type"] not in PANELS:
        yield "type", f"{panel['type']!r} must be one of {', '.join(PANELS)}"
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        if source != LEDGER:
            yield "datasource", f"{json.dumps(source)} must be {json.dumps(LEDGER)}"
    grid = panel["gridPos"]
    if grid["x"] < 0 or grid["w"] < 1 or grid["x"] + grid["w"] > COLUMNS:
        yield "grid", f"columns {grid['x']} to {grid['x'] + grid['w']} must be within {COLUMNS}"
    config = panel["fieldConfig"]
    settings = [*config["defaults"].items()]
    for override in config["overrides"]:
        settings += [(one["id"], one["value"]) for one in override["properties"]]
    for name, value in settings:
        if name == "unit" and value not in UNITS:
            yield "unit", f"{value!r} must be one of {', '.join(UNITS)}"
        if name == "thresholds":
            yield from (("thresholds", text) for text in _steps(value["steps"]))
        if name == "links":
            yield from (("link", text) for text in _links(value))


def _steps(steps: list[Mapping[str, Any]]) -> Iterator[str]:
    values = [step["value"] for step in steps]
    if values[0] is not None:
        yield f"the first step begins at {values[0]}, must begin at null"
    if any(value is None for value in values[1:]) or any(
        low >= high for low, high in pairwise(values[1:])
    ):
        yield f"steps {values} must ascend"


def _links(links: list[Mapping[str, Any]]) -> Iterator[str]:
    for link in links:
        if not link.get("targetBlank"):
            yield f"{link['url']} must open a new tab"
        if not _BROKER_LINK.fullmatch(link["url"]):
            yield f"{link['url']} must lead to the review page through {BROKER}"


def _overlap(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )

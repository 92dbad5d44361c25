"""Does every query of every dashboard run as the role that reads, and show what the panel needs?

On a real PostgreSQL that a small shop has filled.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import make_url

from replan.infra.grafana.boards import BOARDS, FOLDER
from replan.infra.grafana.lint import queries
from replan.infra.grafana.macros import Value, expanded
from replan.infra.grafana.model import Panel
from tests.databases import server
from tests.grafana_world import READER, SINCE, UNTIL, fill

pytestmark = pytest.mark.slow

MOST_MS = 1_000
"""A panel is asked every ten seconds; the role is cut off after five."""


@pytest.fixture(scope="module")
def reader(postgresql: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    """A connection as the role of the dashboards."""
    owner = fill(tmp_path_factory.mktemp("grafana") / "shop")
    with server().connected() as conn:
        conn.exec_driver_sql(f"ALTER ROLE {READER} PASSWORD 'reads'")
    engine = sa.create_engine(make_url(owner).set(username=READER, password="reads"))
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def asked(conn: sa.Connection, sql: str) -> list[dict[str, Any]]:
    with conn.begin():
        found = conn.exec_driver_sql(sql, execution_options={"no_parameters": True})
        return [dict(row._mapping) for row in found]


@cache
def values(conn: sa.Connection, name: str) -> dict[str, Value]:
    """What a reader finds chosen: of a list everything, or where one is asked for OATS at S1."""
    found: dict[str, Value] = {}
    for variable in BOARDS[name].variables:
        if variable.sql is None:
            found[variable.name] = (*variable.choices, variable.text)[0]
            continue
        rows = asked(conn, expanded(variable.sql, found, SINCE, UNTIL))
        listed = [str(next(iter(row.values()))) for row in rows]
        assert listed, f"nothing to choose for {variable.name}"
        wanted = next((one for one in ("OATS", "S1") if one in listed), listed[0])
        found[variable.name] = listed if variable.several else wanted
    return found


def told(conn: sa.Connection, name: str, panel: Panel) -> list[dict[str, Any]]:
    return asked(conn, expanded(panel.sql, values(conn, name), SINCE, UNTIL))


PANELS = [
    pytest.param(name, panel, id=f"{name}: {panel.title}")
    for name, board in BOARDS.items()
    for panel in board.panels
]


@pytest.mark.parametrize(("name", "panel"), PANELS)
def test_a_panel_shows_something_of_a_filled_ledger_and_finds_the_columns_it_speaks_of(
    reader: sa.Connection, name: str, panel: Panel
) -> None:
    rows = told(reader, name, panel)
    assert any(value is not None for row in rows for value in row.values())
    found = set(rows[0])
    linked = {
        field
        for column in panel.columns
        for field in re.findall(r"__data\.fields\.(\w+)", column.link or "")
    }
    # One series for each value of `metric`: which there are depends on what happened.
    spoken = set() if "metric" in found else {column.name for column in panel.columns}
    assert spoken | linked <= found
    assert "time" in found or not panel.is_series


@pytest.mark.parametrize(
    ("name", "panel"),
    [one for one in PANELS if one.values[1].is_series],  # type: ignore[union-attr]
)
def test_a_series_comes_in_order_of_time(reader: sa.Connection, name: str, panel: Panel) -> None:
    times = [row["time"] for row in told(reader, name, panel)]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_annotations_stand_at_milliseconds(reader: sa.Connection, name: str) -> None:
    board = BOARDS[name]
    for annotation in board.annotations:
        rows = asked(reader, expanded(annotation.sql, values(reader, name), SINCE, UNTIL))
        assert rows
        first, last = (at.timestamp() * 1_000 for at in (SINCE, UNTIL))
        assert all(first <= float(row["time"]) <= last for row in rows)
        assert all(row["text"] for row in rows)


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_no_query_costs_the_database_much(reader: sa.Connection, name: str) -> None:
    board = BOARDS[name]
    given = values(reader, name)
    for place, sql in queries(board.json()):
        explained = "EXPLAIN (ANALYZE, FORMAT JSON) " + expanded(sql, given, SINCE, UNTIL)
        [row] = asked(reader, explained)
        [plan] = row["QUERY PLAN"]
        assert plan["Execution Time"] < MOST_MS, place


def test_the_queries_of_the_example_alerts_run(reader: sa.Connection) -> None:
    file = FOLDER.parent / "provisioning" / "examples" / "alerting" / "rules.yaml"
    [group] = yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]:
        asked(reader, rule["data"][0]["model"]["rawSql"])


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM v_decisions",
        "UPDATE v_decisions SET state = 'executed'",
        "SELECT body FROM decision_now",
        "SELECT 1; DROP VIEW v_queue",
    ],
)
def test_what_is_no_reading_of_a_view_is_refused(reader: sa.Connection, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"permission denied|read-only|must be owner"):
        asked(reader, statement)
    reader.rollback()


def test_the_rates_are_those_of_the_command(reader: sa.Connection) -> None:
    """PO5: the board and `replan kpi` count alike."""
    board = BOARDS["escalations"]
    shown = {panel.title: told(reader, "escalations", panel)[0] for panel in board.panels[:8]}
    rows = asked(reader, "SELECT outcome, count(*) AS n FROM v_exceptions GROUP BY 1")
    counted = {row["outcome"]: row["n"] for row in rows}
    assert float(shown["Autonomous"]["rate"]) == counted["resolved"] / sum(counted.values())
    assert float(shown["Reviewed"]["rate"]) == counted["escalated"] / sum(counted.values())

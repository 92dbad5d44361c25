"""What do dashboards look at in tests? A ledger in PostgreSQL that a small shop has filled.

Sixty days of history, a weekend of surges of which one runs, one is asked about and one goes to a
person, who answers; a plan that was only played, a model that drifted, a check of the ledger.
"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from replan.alarms import Alarm, AlarmScope
from replan.infra.desk.shown import Row
from replan.infra.dev import database as dev_database
from replan.infra.ledger import database as ledger_database
from replan.infra.ledger import schema as t
from replan.infra.ledger.store import Ledger
from replan.infra.running.opened import opened_office
from replan.infra.running.proved import verify_workspace
from replan.infra.running.run import run_workspace
from tests.databases import server
from tests.golden.told import BASE
from tests.golden.world import CASE_FIRST, ordinary, write_lines

SURGES = Path(__file__).parent / "golden" / "three_outcomes"
ROLES = Path(ledger_database.__file__).parents[1] / "defaults" / "ledger" / "roles.sql"
READER = "grafana_ro"
SINCE, UNTIL = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 5, 31, tzinfo=UTC)
"""A time range that holds all of it."""

CAPS = """caps:
- {scope: [action], window: "calendar_day@Europe/Berlin", value: 1000, count: 20}
- {scope: [global], window: rolling_7d, value: 5000}
"""

SHADOW_CASE: Row = {
    "decision_id": "dec-played",
    "date": "2026-05-03",
    "category": "demand_surge",
    "item": "TEA",
    "site": "S1",
    "model": "ets_ana",
    "dq": "green",
    "at": datetime(2026, 5, 3, 9, tzinfo=UTC),
    "agreed": False,
    "difference": "less",
    "cost_delta_minor": 1_250,
    "currency": "EUR",
    "found_by": "report",
}
SHADOW_DAYS: list[Row] = [
    {
        "date": f"2026-05-0{day}",
        "category": "demand_surge",
        "currency": "EUR",
        "cases": cases,
        "agreed": agreed,
        "agreement_low": low,
        "agreement_high": high,
        "cost_delta_minor": delta,
        "cause": "less",
    }
    for day, cases, agreed, low, high, delta in (
        (1, 6, 5, 0.44, 0.97, 800),
        (2, 9, 8, 0.57, 0.98, -350),
        (3, 4, 3, 0.3, 0.95, 1_250),
    )
]
DRIFT = Alarm(
    alarm_id="alarm-drift",
    kind="coverage",
    scope=AlarmScope(model="ets_ana"),
    opened_at=datetime(2026, 5, 2, tzinfo=UTC),
    closed_at=None,
    text="ets_ana: 70 of 100 days lay in the 90 % band",
)


def fill(root: Path) -> str:
    """Live the shop's weeks in a new database of the session's server; the URL of its owner."""
    url = server().database()
    dev_database.psql(server().folder, url, ROLES)
    shutil.copytree(BASE, root)
    shutil.copytree(SURGES / "workspace", root, dirs_exist_ok=True)
    settings = root / "replan.toml"
    settings.write_text(settings.read_text() + f'\n[ledger]\nurl = "{url}"\n', encoding="utf-8")
    table = root / "authority.yaml"
    table.write_text(table.read_text(encoding="utf-8") + CAPS, encoding="utf-8")
    write_lines(root / "events" / "history.jsonl", ordinary(CASE_FIRST - timedelta(days=1)))
    shutil.copy(SURGES / "events.jsonl", root / "events" / "case.jsonl")
    run_workspace(root, source=None, until_end=True, mode=None)
    _answer_one(root)
    run_workspace(root, source=None, until_end=True, mode=None)
    ledger = Ledger.open(url, root)
    with ledger.transaction() as write:
        write.put_alarms([DRIFT])
    ledger.close()
    engine = ledger_database.open_engine(url, root, 5.0)
    with engine.begin() as conn:
        conn.execute(t.shadow_case.insert(), [SHADOW_CASE])
        conn.execute(t.shadow_day.insert(), SHADOW_DAYS)
    engine.dispose()
    assert verify_workspace(root).ok
    return url


def _answer_one(root: Path) -> None:
    """A planner refuses what one shop was asked about; another case goes on waiting."""
    with opened_office(root) as desk:
        [asked, *_] = desk.office.decisions(state="clarifying", item=None, since=None)
        said = desk.office.verdict(
            asked["decision_id"],
            "reject",
            login="lead-1",
            chip="policy",
            note="",
            option=None,
            version=None,
            confirm=False,
        )
    assert said.result == "accepted", said

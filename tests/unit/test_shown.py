"""Do dashboards show what a decision and a table said, in rows of their own?"""

from pathlib import Path

from replan.infra.desk.shown import authority_rows
from replan.units import instant_text
from tests.authority_worlds import table, upto
from tests.databases import Place
from tests.desk_cases import NOW, case, rule
from tests.ledger_builders import new_ledger
from tests.unit.test_office import source, tick


def test_a_plan_that_is_decided_leaves_its_outlook_of_stock(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    tick(ledger, source(), case())
    ledger.close()
    place = Place(url="sqlite:///ledger.db", root=tmp_path)
    found = place.rows("SELECT DISTINCT item, site, made_at FROM v_projection ORDER BY site")
    assert found == [
        {"item": "I1", "site": site, "made_at": instant_text(NOW)} for site in ("S03", "S05")
    ]


def test_the_table_that_decides_is_the_boundary_in_force(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    tick(ledger, source(), case())
    ledger.close()
    place = Place(url="sqlite:///ledger.db", root=tmp_path)
    assert place.rows("SELECT rule_id, mode, in_force FROM v_authority") == [
        {"rule_id": "ASK", "mode": "ESCALATE", "in_force": 1}
    ]


def test_a_row_of_the_table_is_shown_in_words_with_its_limit() -> None:
    [row] = authority_rows(table(rule("MOVE", "AUTO", value=upto(250_000), regions=("EAST",))), NOW)
    assert row["limit_minor"] == 250_000
    assert row["text"] == "AUTO reallocate, value 0.00 EUR to 2,500.00 EUR, region EAST"

"""Do shadow report, ladder and incidents hold in SQLite and in PostgreSQL alike?"""

from replan.infra.boundary.shadow_report import shadow_rows
from replan.infra.desk.incident_record import incidents
from tests.databases import Place
from tests.unit.test_boundary import boundary, overridden, played, stage, tick, under


def test_what_steps_down_is_on_record_and_open(place: Place) -> None:
    ledger = place.open()
    policies = under(demote={"override_rate": ">0.20 over 5"})
    for n in range(2):
        overridden(ledger, policies, n)
    assert tick(ledger, policies, 2)["state"] == "recommended"
    assert [one.scope for one in incidents(ledger)] == ["category=demand_surge"]
    assert ledger.verify_audit().ok
    ledger.close()


def test_what_was_compared_is_evidence_and_in_the_view(place: Place) -> None:
    ledger = place.open()
    policies = under({"demand_surge": "shadow"})
    played(ledger, 30, 30)
    for login in ("max", "zoe"):
        boundary(ledger, policies).promote("demand_surge", login=login)
    assert stage(ledger, policies) == "recommend"
    days = place.rows("SELECT date, cases, agreed, agreement_low FROM v_shadow ORDER BY date")
    assert (
        sum(day["cases"] for day in days) == shadow_rows(ledger.compared_since(None))[-1]["cases"]
    )
    assert {day["cases"] - day["agreed"] for day in days} == {0}
    ledger.close()

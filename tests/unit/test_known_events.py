"""Does what a planner knows, and the model does not, become a driver of demand (R44)?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from replan.effects import Feedback, KnownEvent, Proposal
from replan.errors import UsageError
from replan.infra.ledger.store import Ledger
from replan.infra.planners.office import Office
from replan.infra.planners.wishes import Wish, known_wished
from replan.infra.proof.replay_run import replay
from replan.live_model import forecast
from replan.records import feedback_from_json, feedback_json
from replan.solver.joint import JointPlanner
from replan.state import empty_state
from replan.state_record import state_bytes, state_from_bytes
from replan.units import EventId
from tests.authority_worlds import table
from tests.databases import Place
from tests.desk_cases import Desk, case, move, option, rule
from tests.sense_facts import OATS, S1, S2, on, when
from tests.sense_worlds import FORECASTERS, World, fitted_world
from tests.unit.test_office import source, tick
from tests.unit.test_scoring import _Recorded as AsRecorded

ASKING = table(rule("ASK", "ESCALATE"))
FAIR = KnownEvent(first=date(2026, 5, 8), last=date(2026, 5, 10), uplift=1_800)


def told(desk: Desk) -> KnownEvent | None:
    [feedback] = desk.said.feedback
    return feedback.known


def asked(*cases: Proposal) -> Desk:
    desk = Desk(ASKING)
    desk.tick(*(cases or (case(),)))
    return desk


@pytest.mark.parametrize("verdict", ["approve", "reject", "defer"])
def test_what_is_known_goes_to_sense_with_any_verdict(verdict: str) -> None:
    desk = asked()
    decision_id = desk.decision_id
    desk.verdict(verdict, known=FAIR, last_version=1)
    known = told(desk)
    assert known is not None
    assert (known.sites, known.event_id) == (("S03",), f"{decision_id}.v1.known")
    assert (known.first, known.last, known.uplift) == (FAIR.first, FAIR.last, FAIR.uplift)


def test_a_refused_verdict_tells_nothing() -> None:
    desk = asked()
    desk.verdict("approve", login="tim", known=FAIR)
    assert desk.said.feedback == ()


def test_a_wider_case_tells_it_of_every_site_that_the_plan_supplies() -> None:
    wide = case(option("plan", move(to="S04"), move(to="S06")), cause="item:I1")
    desk = asked(wide)
    desk.state.decisions[desk.decision_id].body["site"] = None
    desk.verdict("reject", known=FAIR)
    known = told(desk)
    assert known is not None
    assert known.sites == ("S04", "S06")


def feedback(event: KnownEvent) -> Feedback:
    return Feedback(
        item=OATS, at=when(28), known=replace(event, sites=(S1,), event_id=EventId("d-1.v1.known"))
    )


def medians(world: World, site: Any) -> list[float]:
    """The median of each of the next seven days."""
    rows = np.array([world.state.panel.row_of[(OATS, site)]])
    return [float(q) for q in forecast(world.state.panel, rows, 7, FORECASTERS)[3, :, 0]]


def known_from(first: int, last: int, uplift: int = 2_000) -> Feedback:
    return feedback(KnownEvent(first=on(first), last=on(last), uplift=uplift))


def test_from_the_next_tick_on_forecasts_reckon_with_it_on_its_days_alone() -> None:
    plain, told = fitted_world(), fitted_world()
    plain.tell([], 29)
    told.tell([known_from(31, 32)], 29)
    pairs = zip(medians(plain, S1), medians(told, S1), strict=True)
    assert sum(after > 1.2 * before for before, after in pairs) == 2
    assert medians(plain, S2) == medians(told, S2)


def test_it_is_kept_in_the_state_as_an_announcement_is() -> None:
    world = fitted_world()
    world.tell([known_from(31, 32)], 29)
    kept = state_bytes(world.state, {})
    again, _ = state_from_bytes(
        empty_state(world.network, world.rules), kept, world.state.panel.fit
    )
    row = again.panel.row_of[(OATS, S1)]
    [driver] = again.panel.drivers.of(row, 0, 100_000)
    assert (driver.sort, driver.prior, driver.source) == ("known_event", 2.0, "/replan/verdicts")


def test_it_is_written_down_and_read_back() -> None:
    word = known_from(31, 32)
    assert feedback_from_json(feedback_json(word)) == word


# From outside


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    tick(ledger, source(), case(option("plan", move(qty=10))))
    yield ledger
    ledger.close()


def test_a_verdict_with_a_known_event_is_on_record_and_replays(ledger: Ledger) -> None:
    office = Office(ledger, source())
    [body] = office.queue()
    wish = Wish(known=FAIR)
    said = office.verdict(
        body["decision_id"], "reject", login="ann", chip="known_event", note="fair", wish=wish
    )
    assert said.result == "accepted"
    decided_at = ledger.desk("all").tick
    assert decided_at is not None
    [row] = [r for r in ledger.feedback_for(decided_at) if r.feedback.known is not None]
    assert row.feedback.known is not None
    assert row.feedback.known.last == FAIR.last
    assert ledger.verify_audit().first_bad is None
    assert all(c.equal for c in replay(ledger, ["all"], AsRecorded(), JointPlanner()))


def test_a_known_event_goes_with_that_reason_alone(ledger: Ledger) -> None:
    office = Office(ledger, source())
    [body] = office.queue()
    with pytest.raises(UsageError, match="goes with the reason known_event"):
        office.verdict(
            body["decision_id"], "reject", login="ann", chip="policy", wish=Wish(known=FAIR)
        )


def test_a_known_event_is_read_as_it_is_written() -> None:
    assert known_wished("2026-05-08", "2026-05-10", "1.8") == FAIR
    assert known_wished(None, "", None) is None


@pytest.mark.parametrize(
    ("first", "last", "uplift", "rule"),
    [
        ("2026-05-08", None, "1.8", "needs its first day, its last day and its uplift"),
        ("2026-05-08", "2026-05-10", "", "needs its first day"),
        ("2026-05-10", "2026-05-08", "1.8", "on or after its first day"),
        ("2026-05-08", "2027-06-08", "1.8", "within a year"),
        ("2026-05-08", "2026-05-10", "much", "is not a factor"),
        ("2026-05-08", "2026-05-10", "0", "above 0"),
        ("2026-05-08", "2026-05-10", "nan", "above 0"),
        ("2026-05-08", "2026-05-10", "101", "at most 100"),
        ("8 May", "2026-05-10", "1.8", "is not a day"),
    ],
)
def test_a_known_event_that_cannot_be_meant_is_refused(
    first: str, last: str | None, uplift: str, rule: str
) -> None:
    with pytest.raises(UsageError, match=rule):
        known_wished(first, last, uplift)


def test_a_factor_has_three_decimals() -> None:
    found = known_wished("2026-05-08", "2026-05-08", "1.23456")
    assert found is not None
    assert (found.uplift, found.last - found.first) == (1_235, timedelta(0))

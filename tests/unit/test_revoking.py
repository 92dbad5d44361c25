"""Is a plan that waits to be sent judged again once the table has changed, and by the new table?"""

from dataclasses import replace

import pytest

from replan.authority import AuthorityTable
from replan.desk_state import ClaimDue
from replan.limits import CalendarDay, Cap
from replan.records import desk_input_from_json, desk_input_json
from tests.authority_worlds import table
from tests.desk_cases import MAY_MOVE, NOW, Desk, allowing, bodies, case, codes

WORTH = 5_000
"""Minor units of the plan of every case here."""


def claimed(new: AuthorityTable | None) -> Desk:
    """A desk whose plan ran by itself and is judged again under another table, before it is
    sent.
    """
    desk = Desk(allowing(WORTH))
    one = case()
    desk.tick(one)
    versions = {**desk.policy.versions, "authority": "none" if new is None else new.hash}
    desk.policy = replace(desk.policy, table=new, versions=versions)
    desk.take(ClaimDue(at=NOW, claims=((desk.decision_id, one),)))
    return desk


def test_a_lowered_limit_revokes_what_is_not_sent_yet() -> None:
    """G5, P8."""
    desk = claimed(allowing(WORTH - 1))
    [body] = bodies(desk.said)
    assert (body["state"], codes(desk.said)) == ("escalated", ["revoked_by_limit"])
    assert [m.changes["state"] for m in desk.said.moved] == ["superseded"]
    assert body["supersedes"] == desk.said.moved[0].decision_id
    assert [a.state for a in desk.said.actions] == ["cancelled"]


def test_what_is_revoked_gives_its_reservation_back() -> None:
    desk = claimed(allowing(WORTH - 1))
    assert [move.released for move in desk.moves] == [True]


def test_what_is_revoked_can_be_released_by_a_person_under_a_key_of_its_own() -> None:
    desk = claimed(allowing(WORTH - 1))
    [cancelled] = desk.said.actions
    assert desk.verdict("approve", login="max").result == "accepted"
    [command] = desk.said.commands
    assert command.action_id != cancelled.action_id


@pytest.mark.parametrize("new", [allowing(WORTH), allowing(10 * WORTH), table(MAY_MOVE)])
def test_what_the_new_table_allows_too_goes_out(new: AuthorityTable) -> None:
    desk = claimed(new)
    assert (desk.said.made, desk.said.moved, desk.said.released) == ((), (), ())
    assert [d.state for d in desk.state.decisions.values()] == ["executing"]


def test_its_own_reservation_does_not_stand_in_its_way() -> None:
    cap = Cap(scope=("item",), window=CalendarDay(zone="UTC"), value_minor=WORTH, count=1)
    assert claimed(allowing(WORTH, caps=(cap,))).said.made == ()


def test_a_lowered_cap_revokes_it_too() -> None:
    cap = Cap(scope=("item",), window=CalendarDay(zone="UTC"), value_minor=WORTH - 1, count=1)
    assert codes(claimed(allowing(WORTH, caps=(cap,))).said) == ["revoked_by_limit"]


def test_without_a_table_nothing_goes_out() -> None:
    assert codes(claimed(None).said) == ["no_table"]


@pytest.mark.parametrize("stage", ["recommend", "shadow"])
def test_a_category_that_steps_down_sends_nothing_more_by_itself(stage: str) -> None:
    stepped_down = allowing(WORTH, stages={"demand_surge": stage})
    assert codes(claimed(stepped_down).said) == ["mode"]


def test_what_the_desk_was_told_of_a_claim_comes_back_as_it_was_written_down() -> None:
    desk = Desk(allowing(WORTH))
    one = case()
    desk.tick(one)
    given = ClaimDue(at=NOW, claims=((desk.decision_id, one),))
    assert desk_input_from_json(desk_input_json(given), {}) == given

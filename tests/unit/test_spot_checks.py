"""Is exactly a share of what runs by itself looked at, and what is found only kept?"""

from dataclasses import replace
from typing import Any

import pytest

from replan.effects import DeskOutcome
from replan.spot_checks import is_drawn
from tests.authority_worlds import table
from tests.desk_cases import HOUR, MAY_MOVE, NOW, Desk, bodies, case

MILLION = 1_000_000
EVERY = table(replace(MAY_MOVE, spot_check=MILLION))


def test_a_share_is_drawn_and_not_another() -> None:
    """PO8: exactly rate r. Of 20,000 at 5 % a thousand are expected, with a deviation of 31."""
    drawn = sum(is_drawn("sha256:ab", f"dec-{n}", 50_000) for n in range(20_000))
    assert abs(drawn - 1_000) < 4 * 31


def test_nothing_and_everything_are_shares_too() -> None:
    assert not any(is_drawn("sha256:ab", f"dec-{n}", 0) for n in range(1_000))
    assert all(is_drawn("sha256:ab", f"dec-{n}", MILLION) for n in range(1_000))


def test_who_is_drawn_at_a_share_is_drawn_at_any_larger_one() -> None:
    small = {n for n in range(2_000) if is_drawn("sha256:ab", f"dec-{n}", 100_000)}
    large = {n for n in range(2_000) if is_drawn("sha256:ab", f"dec-{n}", 300_000)}
    assert small < large


def test_another_table_draws_others() -> None:
    one = [is_drawn("sha256:ab", f"dec-{n}", 500_000) for n in range(200)]
    other = [is_drawn("sha256:cd", f"dec-{n}", 500_000) for n in range(200)]
    assert one != other


def ran(desk: Desk) -> dict[str, Any]:
    [body] = bodies(desk.tick(case()))
    assert body["state"] == "executing"
    return dict(body)


def test_what_is_drawn_runs_all_the_same() -> None:
    desk = Desk(EVERY)
    assert ran(desk)["spot_check"]["recipient"] == "role:planner"
    assert len(desk.said.commands) == 1


def test_without_a_share_nothing_is_drawn() -> None:
    assert ran(Desk(table(MAY_MOVE)))["spot_check"] is None


def test_in_stage_spot_check_everything_is_drawn_whose_row_names_no_share() -> None:
    staged = table(MAY_MOVE, stages={"demand_surge": "spot_check"})
    assert ran(Desk(staged))["spot_check"] is not None


@pytest.mark.parametrize(("verdict", "found"), [("approve", "right"), ("reject", "wrong")])
def test_a_look_is_kept_as_a_label(verdict: str, found: str) -> None:
    """R46: spot checks of automatically resolved cases."""
    desk = Desk(EVERY)
    ran(desk)
    result, said = look(desk, verdict)
    assert (result.result, result.state) == ("accepted", "executing")
    [moved] = said.moved
    assert moved.changes["spot_check"] == {
        "recipient": "role:planner",
        "found": found,
        "by": "ann",
        "chip": "data_wrong",
    }
    assert (moved.changes["state"], said.commands) == ("executing", ())


def test_a_look_is_taken_once_and_by_who_may() -> None:
    desk = Desk(EVERY)
    ran(desk)
    result, _ = look(desk, "approve", login="tim")
    assert (result.code, result.status) == ("not_allowed", 403)
    result, _ = look(desk, "approve", found="right")
    assert (result.code, result.status) == ("already_decided", 409)


def look(desk: Desk, verdict: str, login: str = "ann", found: str | None = None) -> Any:
    drawn = {"recipient": "role:planner", "found": found, "region": "EAST"}
    result = desk.verdict(
        verdict,
        login,
        chip="data_wrong",
        at=NOW + HOUR,
        last_state="executing",
        last_version=1,
        spot_check=drawn,
    )
    said: DeskOutcome = desk.said
    return result, said

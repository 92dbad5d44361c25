"""Is trouble worth money a case, noise none, and what is said never beyond the evidence?"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from replan.effects import Feedback, Proposal
from replan.events import SenseFact
from replan.forecasting import LEVELS
from replan.live_model import reference_mean
from replan.offering import reallocation
from replan.outlook import left_to_sell
from replan.panel import NEVER
from replan.planning import Option
from replan.scenarios import draws, judge, play
from replan.sensing import Sensed, SenseInput
from replan.units import ONE_UNIT, SiteId, Units
from tests.sense_facts import (
    OATS,
    RICE,
    S1,
    S2,
    adjusted,
    alert,
    committed,
    counted,
    eta,
    lead_word,
    line,
    milestone,
    receipt,
    sale,
    shipped,
    when,
)
from tests.sense_worlds import CALM, FORECASTERS, World, calm_sales, fitted_world

PLENTY = {S1: 900.0, S2: 900.0}


def half_days(first: float, last: float) -> list[float]:
    return [first + 0.5 * k for k in range(1, round((last - first) * 2) + 1)]


def lived(
    facts: Sequence[SenseFact],
    last: float,
    *,
    stock: dict[SiteId, float] = PLENTY,
    **changes: Any,
) -> tuple[World, list[Sensed]]:
    """28 calm days, a fit, then these facts, two ticks a day."""
    world = fitted_world(28, stock=stock, **changes)
    world.planner.asked.clear()
    return world, world.live(facts, half_days(28, last))


def proposals(said: Sequence[Sensed]) -> list[Proposal]:
    return [p for one in said for p in one.proposals]


def calm(first: int, last: int, *, only: SiteId | None = None, **changes: Any) -> list[SenseFact]:
    return [
        fact
        for site in (S1, S2)
        if only in (None, site)
        for fact in calm_sales(first, last, site=site, **changes)
    ]


# What is a case.


def test_a_surge_that_runs_a_shelf_down_is_a_case_of_its_store() -> None:
    stock = {S1: 260.0, S2: 900.0}
    facts = [*calm(28, 33, only=S1, factor=2.5), *calm(28, 33, only=S2)]
    world, said = lived(facts, 33, stock=stock)
    assert world.state.panel.live.alarm_up[0] != NEVER
    found = proposals(said)[-1]
    assert (found.site, found.category, found.cause) == (S1, "demand_surge", "site:S1")


def test_a_surge_at_every_store_is_a_cause_of_the_item() -> None:
    stock = {S1: 260.0, S2: 260.0}
    _, said = lived(calm(28, 33, factor=2.5), 33, stock=stock)
    found = proposals(said)[-1]
    assert (found.category, found.cause) == ("demand_surge", "item:OATS")


def test_demand_inside_its_band_but_heading_for_a_stock_out_is_a_case() -> None:
    world, said = lived([*calm(28, 29), counted(28.9, 40)], 29)
    assert (world.state.panel.live.alarm_up == NEVER).all()
    assert [p.site for p in proposals(said)] == [S1]


def test_a_surge_with_plenty_on_the_shelf_is_no_case() -> None:
    world, said = lived(calm(28, 33, factor=2.5), 33, stock={S1: 9_000.0, S2: 9_000.0})
    assert world.state.panel.live.alarm_up[0] != NEVER
    assert proposals(said) == []


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_ordinary_weeks_are_no_case(seed: int) -> None:
    _, said = lived(calm(28, 42, seed=seed), 42)
    assert proposals(said) == []


def loss_of(min_value_minor: int) -> int | None:
    rules = replace(CALM, min_value_minor=min_value_minor)
    _, said = lived([*calm(28, 29), counted(28.9, 40)], 29, rules=rules)
    found = proposals(said)
    return found[0].loss_mean_minor if found else None


def test_the_money_at_stake_decides_whether_there_is_a_case() -> None:
    loss = loss_of(2_000)
    assert loss is not None
    assert loss_of(loss) == loss
    assert loss_of(loss + 1) is None


def test_a_shortage_that_costs_nothing_is_no_case_even_if_every_loss_is_one() -> None:
    rules = replace(CALM, min_value_minor=0)
    facts = [*calm(28, 29), counted(28.9, 40)]
    _, said = lived(facts, 29, rules=rules, shortage_minor=0)
    assert proposals(said) == []


def test_nothing_at_stake_is_no_case_even_if_every_loss_is_one() -> None:
    rules = replace(CALM, min_value_minor=0)
    _, said = lived(calm(28, 30), 30, rules=rules, stock={S1: 9_000.0, S2: 9_000.0})
    assert proposals(said) == []


# Category and cause.

SHORT = counted(28.9, 40)


def last_case(*facts: SenseFact, **changes: Any) -> Proposal:
    _, said = lived([*calm(28, 29), SHORT, *facts], 29, **changes)
    return proposals(said)[-1]


def test_a_promotion_under_which_it_sold_is_the_cause() -> None:
    assert last_case(sale(28.4, 3, promo="P7")).cause == "promo:P7"


def test_a_promotion_of_last_month_is_not() -> None:
    world = fitted_world(28, stock=PLENTY)
    world.live([sale(28.1, 3, promo="P7"), *calm(28, 44)], half_days(28, 44))
    said = world.live([counted(44.1, 10)], [44.2])
    assert proposals(said)[0].cause == "site:S1"
    assert not [key for key in world.state.sightings if key[1] == "promo:P7"]


def test_a_line_promised_later_than_before_is_a_slip() -> None:
    found = last_case(line(28.1, 33), line(28.3, 39))
    assert (found.category, found.cause) == ("lead_time_slip", "supplier:SUP")


def test_an_overdue_line_is_a_slip() -> None:
    """Promised for yesterday, expected tomorrow: too late for a shelf that lasts two days."""
    found = last_case(line(20.1, 27, qty=200))
    assert (found.category, found.cause) == ("lead_time_slip", "supplier:SUP")


def test_a_line_as_promised_is_none() -> None:
    assert last_case(line(28.1, 34, qty=20)).category != "lead_time_slip"


def test_stock_that_vanished_is_a_discrepancy() -> None:
    """SHORT counts 40 where the book knew of 900 less a day's sales."""
    found = last_case()
    assert (found.category, found.cause) == ("stock_discrepancy", "site:S1")


def test_an_adjustment_is_one_too() -> None:
    _, said = lived([*calm(28, 29), adjusted(28.3, -860)], 29)
    assert proposals(said)[-1].category == "stock_discrepancy"


def test_a_count_close_to_the_book_is_none() -> None:
    stock = {S1: 90.0, S2: 900.0}
    world, said = lived([*calm(28, 29), counted(28.1, 88)], 29, stock=stock)
    assert (0, "mismatch") not in world.state.sightings
    assert proposals(said)[-1].category == "demand_surge"


# Evidence.


def test_evidence_names_facts_that_were_told_newest_last() -> None:
    facts = [*calm(28, 29), SHORT, line(28.1, 33), sale(28.4, 3, promo="P7")]
    _, said = lived(facts, 29)
    found = proposals(said)[-1]
    ids = [e.event_id for e in found.evidence]
    told = {f.event_id for f in facts} | {f.event_id for f in calm_sales(0, 28)}
    assert set(ids) <= told
    assert found.event_time == max(e.time for e in found.evidence)
    assert SHORT.event_id in ids


def test_a_sale_under_a_promotion_is_told_once_and_as_such() -> None:
    promoted = sale(28.6, 3, promo="P7")
    (told,) = [e for e in last_case(promoted).evidence if e.event_id == promoted.event_id]
    assert told.fact == "OATS at S1: sold under promotion P7"


def test_two_sources_with_one_id_are_told_apart() -> None:
    one = replace(adjusted(28.2, -1), event_id="e1", source="/a")  # type: ignore[arg-type]
    other = replace(line(28.1, 33), event_id="e1", source="/b")  # type: ignore[arg-type]
    ids = [e.event_id for e in last_case(one, other).evidence]
    assert {"/a#e1", "/b#e1"} <= set(ids)


def test_an_order_that_comes_in_time_speaks_against() -> None:
    found = last_case(line(28.1, 30, qty=20))
    (order,) = [e for e in found.evidence if e.speaks_against]
    assert order.fact == "order line PO1@1: 20 due at S1 on 2026-07-01"


def test_a_slip_is_told_with_the_first_promise() -> None:
    found = last_case(line(28.1, 33), line(28.3, 39))
    assert any("first promised for 2026-07-04" in e.fact for e in found.evidence)


# Drivers.


@pytest.mark.parametrize("model", ["mean28", "ets_ana", "seasonal_naive"])
@pytest.mark.parametrize("last", [31, 31.7])
def test_the_drivers_add_up_to_what_demand_differs_by(model: str, last: float) -> None:
    stock = {S1: 150.0, S2: 900.0}
    facts = [*calm(28, 31, only=S1, factor=2.5), *calm(28, 31, only=S2), sale(31.3, 7)]
    world = fitted_world(28, stock=stock, model=model)
    said = world.live([f for f in facts if f.arrived_at <= when(last)], [30, last])
    found = proposals(said)[-1]
    panel = world.state.panel
    asked = found.problem
    site = next(s for s in asked.sites if s.site == found.site)
    today = (asked.first_day - when(0).date()).days + panel.first_day
    row = panel.row_of[(OATS, found.site)]
    first_open = int(panel.closed[row]) + 1
    mean = reference_mean(panel, np.array([row]), 20, FORECASTERS)
    frozen = left_to_sell(panel, row, mean.T, first_open, today, site.window).sum()
    live = sum(site.quantiles[LEVELS.index(0.5)][: site.window])
    stated = sum(driver.units for driver in found.drivers)
    assert stated / ONE_UNIT == pytest.approx(live - frozen, abs=1.0)


def test_a_surge_of_one_store_is_told_as_its_own() -> None:
    stock = {S1: 260.0, S2: 900.0}
    facts = [*calm(28, 35, only=S1, factor=2.5), *calm(28, 35, only=S2)]
    _, said = lived(facts, 35, stock=stock)
    parts = {d.name: d.units for d in proposals(said)[-1].drivers}
    assert parts["this_site"] > abs(parts["item_wide"])


# Quality of the data.


def test_a_case_on_good_data_is_green() -> None:
    stock = {S1: 60.0, S2: 900.0}
    _, said = lived(calm(28, 29), 29, stock=stock)
    assert (proposals(said)[-1].dq, proposals(said)[-1].lacks) == ("green", ())


def test_a_count_off_the_book_makes_it_amber_for_a_day() -> None:
    found = last_case()
    assert found.dq == "amber"
    assert found.lacks[0].startswith("S1: 40 counted where ")


def test_a_suspicious_sale_makes_it_amber() -> None:
    suspect = sale(28.4, 3, suspect=True)
    assert any(suspect.event_id in lack for lack in last_case(suspect).lacks)


def test_a_store_that_was_never_counted_is_named() -> None:
    _, said = lived(calm(28, 29), 29, stock={S1: 60.0})
    assert proposals(said)[-1].lacks == ("S2: stock was never counted, so it is left out",)


# Quiet, growth, and the end of an episode.


def rest(world: World, case: Proposal, *, days: float = 2, **changes: Any) -> Feedback:
    at = world.state.clock
    assert at is not None
    given = {
        "item": OATS,
        "at": at,
        "quiet_until": at + timedelta(days=days),
        "loss_minor": case.loss_mean_minor,
    }
    return Feedback(**{**given, **changes})


def in_trouble() -> tuple[World, Proposal]:
    world, said = lived([*calm(28, 29), counted(28.9, 120)], 29)
    return world, proposals(said)[-1]


def looked_at(world: World, *inputs: SenseInput, at: float = 29.1) -> Sensed:
    """What is said when the item is looked at again: an adjustment by nothing stirs it."""
    return world.tell([*inputs, adjusted(at - 0.01, 0)], at)


def test_a_case_left_alone_stays_quiet_while_it_is_the_same() -> None:
    world, case = in_trouble()
    assert looked_at(world, rest(world, case)).proposals == []


def test_a_rest_ends() -> None:
    world, case = in_trouble()
    looked_at(world, rest(world, case, days=1))
    assert len(looked_at(world, at=30.01).proposals) == 1


def test_a_loss_grown_by_more_than_a_quarter_ends_the_rest() -> None:
    world, case = in_trouble()
    grown = looked_at(world, rest(world, case), counted(29.05, 70))
    assert grown.proposals[0].loss_mean_minor * 4 > case.loss_mean_minor * 5


def test_a_loss_grown_by_a_quarter_exactly_does_not() -> None:
    world, case = in_trouble()
    word = rest(world, case, loss_minor=-(-4 * case.loss_mean_minor // 5))
    assert looked_at(world, word).proposals == []
    less = rest(world, case, loss_minor=4 * case.loss_mean_minor // 5 - 1)
    assert len(looked_at(world, less, at=29.2).proposals) == 1


def test_a_word_about_something_else_does_not_end_a_rest() -> None:
    world, case = in_trouble()
    looked_at(world, rest(world, case))
    other = rest(world, case, quiet_until=None, loss_minor=0)
    assert looked_at(world, other, at=29.2).proposals == []


def test_the_same_trouble_keeps_its_episode() -> None:
    world, case = in_trouble()
    assert looked_at(world).proposals[0].episode == case.episode


def test_trouble_that_is_over_is_cleared_once() -> None:
    world, case = in_trouble()
    over = looked_at(world, counted(29.05, 900))
    assert [(c.item, c.episode) for c in over.cleared] == [(OATS, case.episode)]
    assert looked_at(world, at=29.2).cleared == []


def test_trouble_that_comes_back_is_a_new_episode_without_old_words() -> None:
    world, case = in_trouble()
    looked_at(world, rest(world, case, days=30), counted(29.05, 900))
    again = looked_at(world, counted(29.15, 120), at=29.2)
    assert again.proposals[0].episode != case.episode


# The plan that waits for a planner.


def move(case: Proposal, units: int) -> Option:
    """A plan to move some units on the first lane."""
    asked = case.problem
    held_out = draws(asked, asked.held_out, 2)
    nothing = play(asked, (), held_out)
    action = reallocation(asked.item, asked.lanes[0], Units(units * ONE_UNIT))
    return judge(asked, "reallocate", (action,), held_out=held_out, nothing=nothing)


def test_a_plan_that_waits_is_judged_again_and_not_asked_anew() -> None:
    world, case = in_trouble()
    word = rest(world, case, quiet_until=None, watch=move(case, 40))
    said = looked_at(world, word)
    assert said.proposals == []
    (now,) = said.reassessed
    assert (now.episode, now.option.actions[0].qty) == (case.episode, 40_000)


def test_a_plan_that_missed_its_departure_is_dated_anew() -> None:
    world, case = in_trouble()
    word = rest(world, case, quiet_until=None, watch=move(case, 40))
    before = looked_at(world, word).reassessed[0].option.actions[0]
    later = looked_at(world, at=29.6).reassessed[0].option.actions[0]
    assert (before.ship_day, later.ship_day) == (0, 1)


def test_a_plan_whose_donor_needs_the_goods_itself_waits_no_more() -> None:
    world, case = in_trouble()
    word = rest(world, case, quiet_until=None, watch=move(case, 40))
    said = looked_at(world, word, counted(29.05, 50, site=S2))
    assert said.reassessed == []
    assert said.proposals[0].watched is None


def test_a_loss_that_has_grown_asks_for_another_plan_beside_the_one_that_waits() -> None:
    world, case = in_trouble()
    word = rest(world, case, quiet_until=None, watch=move(case, 40))
    said = looked_at(world, word, counted(29.05, 30))
    assert said.reassessed == []
    assert said.proposals[0].watched is not None


# Several items.


def test_items_are_looked_at_in_order_and_each_by_itself() -> None:
    world = fitted_world(28, stock=PLENTY, items=(OATS, RICE))
    facts = [counted(28.1, 40, item=RICE), counted(28.1, 40)]
    said = world.live(facts, [28.2])
    assert [p.item for p in said[0].proposals] == [OATS, RICE]


# Supply that slips.


def kind_of(*facts: SenseFact, stock: dict[SiteId, float] | None = None) -> tuple[str, str]:
    found = proposals(lived([*calm(28, 29), *facts], 29, stock=stock or {S1: 60.0, S2: 900.0})[1])[
        -1
    ]
    return (found.category, found.cause)


ON_TIME = line(27.0, 30, qty=300)


def test_a_shipment_that_a_carrier_reports_late_is_a_delay() -> None:
    facts = (ON_TIME, shipped(28.1, 30.4, qty=300), eta(28.3, 37.4))
    assert kind_of(*facts) == ("shipment_delay", "supplier:SUP")


def test_goods_lost_on_the_way_are_one_too() -> None:
    facts = (ON_TIME, shipped(28.1, 30.4, qty=300), milestone(28.3, "A7"))
    assert kind_of(*facts) == ("shipment_delay", "supplier:SUP")


def test_a_delay_under_an_alert_has_the_alert_for_its_cause() -> None:
    storm = alert(28.2, 28.2, 34.0)
    facts = (ON_TIME, shipped(28.1, 30.4, qty=300), eta(28.3, 37.4), storm)
    assert kind_of(*facts) == ("shipment_delay", f"alert:{storm.event_id}")


def test_a_commit_to_a_later_day_is_a_slip() -> None:
    assert kind_of(ON_TIME, committed(28.2, 38, qty=300)) == ("lead_time_slip", "supplier:SUP")


def test_a_longer_lead_time_is_a_slip() -> None:
    facts = (line(27.0, 30, qty=300), lead_word(28.2, 16, valid=26.0))
    assert kind_of(*facts) == ("lead_time_slip", "supplier:SUP")


def test_an_alert_over_an_order_that_is_needed_soon_is_a_disruption() -> None:
    storm = alert(28.2, 28.2, 36.0)
    assert kind_of(ON_TIME, storm) == ("disruption", f"alert:{storm.event_id}")


def test_an_alert_over_full_shelves_is_no_case() -> None:
    storm = alert(28.2, 28.2, 36.0, places=("SUP", "S1", "S2"))
    assert proposals(lived([*calm(28, 29), ON_TIME, storm], 29)[1]) == []


def test_a_slip_that_changes_nothing_is_not_the_cause() -> None:
    """A day's delay of a few units: the shelf is short with or without it."""
    assert kind_of(line(28.1, 40, qty=2), line(28.3, 41, qty=2))[0] == "demand_surge"


def told_of(source: str, *facts: SenseFact) -> list[str]:
    found = proposals(lived([*calm(28, 29), *facts], 29, stock={S1: 60.0, S2: 900.0})[1])[-1]
    return [e.fact for e in found.evidence if source in e.event_id]


def test_the_reports_of_a_delay_are_evidence() -> None:
    facts = (ON_TIME, shipped(28.1, 30.4, qty=300), milestone(28.2, "SD", reason="AO"))
    (words,) = told_of("milestone", *facts, eta(28.3, 37.4))
    assert words == "order line PO1@1: shipment SHIP1 delayed at Brenner (weather)"


def test_an_alert_is_evidence_with_its_end() -> None:
    (words,) = told_of("alert", ON_TIME, alert(28.2, 28.2, 36.0))
    assert words == ("S1: alert STORM on the way until 2026-07-07T00:00:00Z: snow storm, extreme")


def test_how_late_a_supplier_is_on_average_is_shown() -> None:
    history: list[SenseFact] = []
    for n in range(4):
        ordered_on = 2 + 5 * n
        history += [
            line(ordered_on, ordered_on + 4, po_line=f"OLD{n}@1", qty=1),
            receipt(ordered_on + 6, 1, po_line=f"OLD{n}@1"),
        ]
    world = fitted_world(28, stock={S1: 60.0, S2: 900.0})
    late = [replace(fact, arrived_at=when(28.1)) for fact in history]
    said = world.live([*late, *calm(28, 29), ON_TIME, line(28.2, 38, qty=300)], half_days(28, 29))
    words = [e.fact for e in proposals(said)[-1].evidence if e.fact.startswith("order line PO1@1")]
    assert "SUP is 2.0 days late on average over 4 lines" in words[0]

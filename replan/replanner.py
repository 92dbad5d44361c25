"""The item's story: facts in, proposals out.

`step` takes a batch of facts, feedback, fits and ticks. Facts wait in the inbox until the tick they
belong to; at a tick, top to bottom: facts up to it are applied in the order of their arrival, days
that have closed step the live model, items that were stirred are looked at, and those whose trouble
is worth money become proposals. Nothing is decided between ticks, so where the edges of batches
fall cannot show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from replan import alerts, outside_moves
from replan.ahead import Ahead
from replan.alarms import AlarmBook
from replan.canonical import seed_from
from replan.casework import Case, find_case, is_quiet, nearness, proposal_of, reassessed
from replan.closing import apply_fit, censored, close_days, due_day
from replan.effects import Cleared, DayRow, Feedback
from replan.events import HumanActed, QuestionAnswered, Retracted, SaleRecorded, SenseFact, Tick
from replan.folding import fold_facts
from replan.forecasting import FitRequest, combined
from replan.hearing import close_episode, is_locked
from replan.hygiene import doubt_returns, pass_time, take_doubts
from replan.known_events import as_drivers
from replan.live_model import fit_request, forecast, live_mean
from replan.model_watch import score, watch_answers, watch_models
from replan.network import close_instant
from replan.outlook import look_ahead
from replan.overdue import miss_report, watch_overdue
from replan.overstock import find_overstock
from replan.panel import NEVER, add_driver, is_forecast, micros, takes_part, trim_history
from replan.published import behind, forecast_rows
from replan.sensing import FitMade, Sensed, SenseInput, Sensing
from replan.silence import hear, is_blind, listen
from replan.state import SenseRules, SenseState
from replan.stock_book import fold_old_moves
from replan.taking_back import take_back
from replan.units import ItemId, SiteId, Units, day_from_number, day_number, instant_text
from replan.watch import after_surges, left_of_day, reopened_from, restart_pools, step_pools, surges

SUPPLY_MEMORY = timedelta(days=35)
"""How long an order line or transfer that has ended is remembered after its promised day."""


PROMOTION_MEMORY = timedelta(days=14)
"""How long a promotion is remembered after the newest sale under it."""


def step(state: SenseState, batch: Sequence[SenseInput], sensing: Sensing) -> Sensed:
    """Fold a batch into the state and say what follows from it. The state is changed in place."""
    said = Sensed()
    for event in batch:
        match event:
            case Tick():
                _tick(state, event.at, sensing, said)
            case Feedback():
                _take_feedback(state, event)
            case FitMade():
                apply_fit(state.panel, event.fit, sensing.forecasters)
                restart_pools(state.panel, sensing.forecasters)
                state.fit_sha = event.sha
                for item in sensing.network.sites_of:
                    state.case(item).stirred = True
            case _:
                state.inbox.append(event)
    return said


def _tick(state: SenseState, at: datetime, sensing: Sensing, said: Sensed) -> None:
    due = sorted((f for f in state.inbox if f.arrived_at <= at), key=lambda f: f.order)
    state.inbox = [f for f in state.inbox if f.arrived_at > at]
    state.clock = at
    take_doubts(state, due)
    fold_facts(state, due, at, sensing)
    retracted = [fact for fact in due if isinstance(fact, Retracted)]
    said.corrected += take_back(state, retracted, sensing.rules, sensing.network)
    outside_moves.arrive(state)
    doubt_returns(state, due)
    pass_time(state, at)
    said.replies += [f for f in due if isinstance(f, QuestionAnswered)]
    said.reports += [f for f in due if isinstance(f, HumanActed)]
    hear(state, due)
    listen(state, at)
    fold_old_moves(state.panel, micros(at - sensing.rules.lateness))
    _close_days(state, at, sensing, said)
    _want_fit(state, at, sensing, said)
    rules = sensing.rules
    watch_models(state, at)
    watch_overdue(state, at)
    if rules.decide_from is None or at >= rules.decide_from:
        _stir_surges(state, due, at, sensing)
        _look(state, at, sensing, said)
        said.alarms += state.alarms.take_news()
    else:
        # Nobody is alarmed before decisions are taken; what lasts until then is told then.
        state.alarms = AlarmBook()
        _forecast_closed(state, at, sensing, said)


def _close_days(state: SenseState, at: datetime, sensing: Sensing, said: Sensed) -> None:
    panel, rules = state.panel, sensing.rules
    through: dict[SiteId, int] = {}
    ends: dict[SiteId, dict[int, int]] = {}
    for site, rows in panel.site_rows.items():
        told = state.told_closed.get(site, NEVER)
        last = max(told, due_day(at, panel.zones[site], rules.day_closes_at))
        begun = panel.began[rows]
        if not (begun != NEVER).any():
            continue
        through[site] = last
        first = max(int(panel.closed[rows].max()), int(begun[begun != NEVER].min()) - 1) + 1
        ends[site] = {
            day: micros(close_instant(day_from_number(day), rules.day_closes_at, panel.zones[site]))
            for day in range(first, last + 1)
        }
    blind = frozenset(
        (site, day) for site, days in ends.items() for day in days if is_blind(state, site, day)
    )
    back, before = reopened_from(panel), panel.closed.copy()
    closings = close_days(panel, through, ends, sensing.forecasters, blind)
    score(state, closings, before)
    step_pools(panel, sensing.forecasters, back)
    for day, rows, _ in closings:
        for row in rows.tolist():
            item, site = panel.series[row]
            state.case(item).stirred = True
            if not NEVER < panel.began[row] <= day:
                continue
            units = int(panel.sold[day - panel.first_day, row])
            said.days.append(
                DayRow(
                    item=item,
                    site=site,
                    day=day_from_number(day),
                    actual=Units(units),
                    censored=bool(censored(panel, day, np.array([row]))[0]),
                )
            )
    if closings:
        trim_history(panel, rules.history_days)
        state.supply.forget_closed((at - SUPPLY_MEMORY).date())
        state.forget_promotions(at - PROMOTION_MEMORY)
        alerts.forget(state.alerts, at - alerts.MEMORY)


def _forecast_closed(state: SenseState, at: datetime, sensing: Sensing, said: Sensed) -> None:
    """While nothing is decided, a forecast is made of every series when a day of some closes."""
    panel, ready = state.panel, sensing.forecasters
    rows = np.flatnonzero(is_forecast(panel) & (panel.closed != NEVER))
    if not said.days or not len(rows):
        return
    today = max(day_number(at.astimezone(zone).date()) for zone in panel.zones.values())
    quantiles = forecast(
        panel, rows, sensing.rules.horizon_days + behind(panel, rows, today), ready
    )
    said.forecasts += forecast_rows(panel, rows, quantiles, sensing.rules.horizon_days, at)


def fit_question(state: SenseState, at: datetime, rules: SenseRules) -> FitRequest | None:
    """What would be asked of the fitter at a tick; None while some site has no closed day."""
    return fit_request(
        state.panel,
        asked_at=instant_text(at),
        min_days=rules.min_days,
        false_alarms_per_1000=rules.false_alarms_per_1000,
        seed=seed_from(["fit", instant_text(at)]),
    )


def _want_fit(state: SenseState, at: datetime, sensing: Sensing, said: Sensed) -> None:
    """Ask for the first fit when some series is old enough, then on the schedule."""
    rules = sensing.rules
    if state.fit_asked is not None and at - state.fit_asked < rules.refit:
        return
    request = fit_question(state, at, rules)
    if request is not None and not request.young.all():
        state.fit_asked = at
        said.fit_wanted = request


def _stir_surges(
    state: SenseState, facts: Sequence[SenseFact], at: datetime, sensing: Sensing
) -> None:
    """A day that runs away is looked at before it closes. Only a sale can make one surge."""
    panel = state.panel
    sold = {panel.row_of.get((f.item, f.site)) for f in facts if isinstance(f, SaleRecorded)}
    rows = [row for row in sold if row is not None]
    for row in surges(panel, rows, at, sensing.forecasters):
        state.case(panel.series[row][0]).stirred = True


def _look(state: SenseState, at: datetime, sensing: Sensing, said: Sensed) -> None:
    """Look at every stirred item once: is its trouble worth a plan, and is an old trouble over?"""
    stirred = [item for item in sorted(state.cases) if state.cases[item].stirred]
    if not stirred or state.panel.fit is None:
        return
    cases: list[Case] = []
    answers = sensing.planner.plan(
        case.problem for case in _cases(state, stirred, at, sensing, said, cases)
    )
    watch_answers(state, zip((case.item for case in cases), answers, strict=True), at)
    for case, answer in zip(cases, answers, strict=True):
        said.proposals.append(
            proposal_of(state, sensing.network, sensing.forecasters, case, answer, sensing.rules)
        )


def _cases(
    state: SenseState,
    stirred: Sequence[ItemId],
    at: datetime,
    sensing: Sensing,
    said: Sensed,
    cases: list[Case],
) -> Iterator[Case]:
    """The cases to be planned, each kept in `cases` as it is found: the planner works on the first
    while the next one is looked for. What else a look says goes to `said`.
    """
    today, aheads = _ahead_of(state, stirred, at, sensing, said)
    for item in stirred:
        file = state.cases[item]
        file.stirred = False
        about = (state, sensing.network, sensing.rules, item, aheads[item], at, today)
        case = find_case(*about, sensing.forecasters) or find_overstock(*about)
        if case is not None:
            if is_locked(file) or (not file.replied and is_quiet(file, case, at)):
                continue
            file.nearness = nearness(case)
            # An answer from outside has the whole case worked out anew.
            waiting = None if file.replied else reassessed(sensing.network, file, case)
            file.replied = False
            if waiting is not None:
                said.reassessed.append(waiting)
            else:
                cases.append(case)
                yield case
        elif file.episode is not None:
            said.cleared.append(
                Cleared(
                    item=item, episode=file.episode, reason="stock and orders cover demand again"
                )
            )
            close_episode(state, item)


def _ahead_of(
    state: SenseState,
    items: Sequence[ItemId],
    at: datetime,
    sensing: Sensing,
    said: Sensed,
) -> tuple[int, dict[ItemId, list[Ahead]]]:
    """What lies ahead of the items' series that have a model, and the newest forecasts for the
    record.
    """
    panel, rules = state.panel, sensing.rules
    sites = sensing.network.sites_of
    ready, known = takes_part(panel), is_forecast(panel)
    rows = np.array(
        [
            row
            for item in items
            for site in sites[item]
            if known[row := panel.row_of[(item, site)]] and panel.closed[row] != NEVER
        ],
        dtype=np.int64,
    )
    local = [day_number(at.astimezone(zone).date()) for zone in panel.zones.values()]
    today = max(local)
    found: dict[ItemId, list[Ahead]] = {item: [] for item in items}
    if not len(rows):
        return today, found
    first_open = panel.closed[rows] + 1
    days = rules.horizon_days + behind(panel, rows, today) - 1
    shown = forecast(panel, rows, days + 1, sensing.forecasters)
    said.forecasts += forecast_rows(panel, rows, shown, rules.horizon_days, at)
    quantiles = shown[:, :days]
    mean = live_mean(panel, rows, days, sensing.forecasters)
    surged = surges(panel, rows.tolist(), at, sensing.forecasters)
    left = left_of_day(panel, rows, at, today, sensing.forecasters)
    planned = after_surges(
        panel, rows, combined(quantiles, mean), surged, left, sensing.forecasters
    )
    ahead = look_ahead(
        panel,
        state.supply,
        sensing.network,
        rows,
        planned,
        first_open,
        today,
        rules,
        at,
        left,
        surged,
        alerts.standing(state.alerts, sensing.network, at),
    )
    for row in rows.tolist():
        item, _ = panel.series[row]
        if row in ahead and ready[row]:
            found[item].append(ahead[row])
    return today, found


def _take_feedback(state: SenseState, feedback: Feedback) -> None:
    file = state.case(feedback.item)
    was_locked = is_locked(file)
    if feedback.quiet_until is None and file.feedback is not None:
        # A word about something else does not end a rest that was asked for.
        file.feedback = replace(
            feedback,
            quiet_until=file.feedback.quiet_until,
            until_nearer=file.feedback.until_nearer,
            loss_minor=feedback.loss_minor or file.feedback.loss_minor,
        )
    else:
        file.feedback = feedback
    for ordered in feedback.ordered:
        state.supply.order(ordered, feedback.at)
    for action_id in feedback.ended:
        state.supply.end(action_id)
    if feedback.unreported is not None:
        miss_report(state, feedback.item, feedback.unreported, feedback.at)
    for fact in as_drivers(feedback):
        row = state.panel.row_of.get((fact.item, fact.site))
        if row is not None:
            add_driver(state.panel, row, state.panel.drivers.state(row, fact))
            file.stirred = True
    if feedback.ordered or feedback.ended or (was_locked and not feedback.locked):
        file.stirred = True

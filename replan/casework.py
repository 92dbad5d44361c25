"""Is there a case? One item's trouble in money, its category and cause, and what it rests on.

A case exists where the money that would be lost until normal supply can arrive is worth a plan,
whether demand has left its band or is still inside and heading for a stock-out.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from replan import alerts
from replan.ahead import Ahead, shortfalls
from replan.canonical import short_id
from replan.causes import counterfactuals, late_units, leading_driver, sent_over, split
from replan.decision import last_moment
from replan.drivers import driver_text
from replan.effects import Category, DataQuality, Evidence, Feedback, Proposal, Reassessed
from replan.forecasting import Forecaster
from replan.holds import Hold
from replan.intraday import surge_text
from replan.lost_sales import lost_sales
from replan.network import Network
from replan.offering import most_of, offers_of, taken_up
from replan.outlook import planning_problem
from replan.panel import NEVER, days_known
from replan.planning import Action, Answer, Option, PlanningProblem
from replan.replies import as_answered
from replan.scenarios import HELD_OUT_STREAM, Z90, Draws, Outlook, draws, judge, play
from replan.slips import endangered_by, line_evidence, slip_evidence
from replan.state import CaseFile, SenseRules, SenseState, Sighting
from replan.substitutes import emptied_items
from replan.units import ONE_UNIT, ItemId, SiteId

RECENT_DAYS = 7
"""An alarm, promotion or slip explains a shortage only while it is this young."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An item in trouble: the problem, what doing nothing costs on the held-out draws, and why.

    What would happen is only played through when it is asked for: most looks find the trouble that
    was known already.
    """

    item: ItemId
    episode: str
    site: SiteId
    category: Category
    cause: str
    needy: tuple[SiteId, ...]
    problem: PlanningProblem
    loss_mean_minor: int
    today: int
    aheads: tuple[Ahead, ...]

    @cached_property
    def held_out(self) -> Draws:
        """The draws on which plans are judged."""
        return draws(self.problem, self.problem.held_out, HELD_OUT_STREAM)

    @cached_property
    def nothing(self) -> Outlook:
        """What happens on them if nothing is done."""
        return play(self.problem, (), self.held_out)

    @cached_property
    def short_by(self) -> int:
        """First day on which half of the draws have run short at some site if nothing is done; the
        horizon where there is too much.
        """
        if self.category == "demand_drop":
            return self.problem.horizon
        return _short_by(self.problem, self.nothing)


def find_case(
    state: SenseState,
    network: Network,
    rules: SenseRules,
    item: ItemId,
    aheads: list[Ahead],
    at: datetime,
    today: int,
    forecasters: Mapping[str, Forecaster],
) -> Case | None:
    """The case of an item, or None where too little is at stake. Opens an episode for a new one."""
    at_stake = {
        a.site: short * network.shortage_minor(item, a.site)
        for a, short in zip(aheads, shortfalls(aheads, Z90), strict=True)
    }
    # Even where every loss is worth a plan, nothing at stake is no trouble.
    least = max(rules.min_value_minor, 1)
    if sum(at_stake.values()) < least:
        return None
    # A site is in need where it bears a fair part of what is at stake; dust at many sites is no
    # need.
    needy = frozenset(s for s, minor in at_stake.items() if 4 * minor >= least)
    if not needy:
        return None
    assert state.panel.fit is not None, "without a model nothing lies ahead"
    shared = state.panel.fit.shared
    in_need = [a for a in aheads if a.site in needy]
    alone = planning_problem(
        network,
        state.supply,
        item,
        in_need,
        needy,
        at,
        today,
        rules,
        shared=shared,
        with_offers=False,
    )
    nothing_done = play(alone, (), draws(alone, alone.held_out, HELD_OUT_STREAM)).short
    margin = np.array([s.shortage_minor for s in alone.sites], dtype=np.int64)
    lost = nothing_done.sum(axis=0) * margin // (alone.held_out * ONE_UNIT)
    loss = int(lost[4 * lost >= least].sum())
    if loss < least:
        return None
    problem = planning_problem(
        network,
        state.supply,
        item,
        aheads,
        needy,
        at,
        today,
        rules,
        shared=shared,
        reaches=alerts.standing(state.alerts, network, at),
    )
    problem = as_answered(problem, state.case(item).terms)
    worst = alone.sites[int(np.argmax(lost))].site
    category, cause = _category(state, network, item, worst, aheads, at, today, forecasters)
    file = state.case(item)
    if file.episode is None:
        file.episode = short_id("ep", [item, category, cause, at.isoformat()])
        file.opened_at = at
        file.feedback = None
        file.terms = ()
    return Case(
        item=item,
        episode=file.episode,
        site=worst,
        category=category,
        cause=cause,
        needy=tuple(sorted(needy)),
        problem=problem,
        loss_mean_minor=loss,
        today=today,
        aheads=tuple(aheads),
    )


def is_quiet(file: CaseFile, case: Case, at: datetime) -> bool:
    """Whether the desk asked not to hear of this again yet; a loss grown by more than a quarter is
    news, and where a person said no, so is a shortage that has come nearer.
    """
    word = file.feedback
    return (
        word is not None
        and word.quiet_until is not None
        and at < word.quiet_until
        and not has_grown(case, word)
        and not (word.until_nearer and nearness(case) < file.nearness)
    )


def nearness(case: Case) -> int:
    """How soon stock runs short: 0 within a day, 1 within three, 2 later."""
    return 0 if case.short_by <= 1 else 1 if case.short_by <= 3 else 2


def has_grown(case: Case, word: Feedback) -> bool:
    """Whether the loss is more than a quarter above what it was when the desk last spoke."""
    return 4 * case.loss_mean_minor > 5 * word.loss_minor


def reassessed(network: Network, file: CaseFile, case: Case) -> Reassessed | None:
    """The waiting plan as things stand now, where it still helps and nothing calls for another."""
    word = file.feedback
    now = watched_option(word, case)
    if word is None or now is None or now.benefit_mean_minor <= 0 or has_grown(case, word):
        return None
    deadline = last_moment(now, case.problem, case.short_by)
    assert deadline is not None, "a plan that waits has actions, and each has a last moment"
    return Reassessed(
        item=case.item,
        group=network.items[case.item].group,
        episode=case.episode,
        option=now,
        deadline=deadline,
        loss_mean_minor=case.loss_mean_minor,
        problem=case.problem,
    )


def proposal_of(
    state: SenseState,
    network: Network,
    forecasters: Mapping[str, Forecaster],
    case: Case,
    answer: Answer,
    rules: SenseRules,
) -> Proposal:
    """The case and the planner's answer as a proposal for the desk."""
    evidence = _with_lost_sales(state, case, _evidence(state, network, case), forecasters)
    parts = split(state, network, case.item, case.site, case.aheads, case.today, forecasters)
    holds = _holds(state, case, answer)
    dq, lacks = _quality(state, case, holds)
    row = state.panel.row_of[(case.item, case.site)]
    fit = state.panel.fit
    assert fit is not None, "a case needs a model"
    return Proposal(
        item=case.item,
        group=network.items[case.item].group,
        episode=case.episode,
        site=case.site,
        category=case.category,
        cause=case.cause,
        event_time=max(e.time for e in evidence) if evidence else case.problem.asked_at,
        dq=dq,
        lacks=lacks,
        model=fit.models[int(fit.choice[row])],
        model_hash=state.fit_sha,
        loss_mean_minor=case.loss_mean_minor,
        short_by=case.short_by,
        evidence=evidence,
        drivers=parts.drivers,
        problem=case.problem,
        answer=answer,
        watched=watched_option(state.case(case.item).feedback, case),
        tags=parts.tags,
        cause_confidence=parts.confidence,
        counterfactuals=counterfactuals(
            state, case.problem, case.site, parts, case.today, HELD_OUT_STREAM
        ),
        held=tuple(hold.reason for hold in holds),
        novel=_novel(state, case, answer, rules),
    )


def watched_option(feedback: Feedback | None, case: Case) -> Option | None:
    """The plan that waits for a planner, dated and judged as things stand now; None if it cannot be
    done.
    """
    if feedback is None or feedback.watch is None:
        return None
    actions = tuple(_redated(action, case.problem) for action in feedback.watch.actions)
    feasible = tuple(a for a in actions if a is not None)
    given: dict[str, int] = {}
    for action in feasible:
        if action.kind == "reallocate":
            given[action.origin] = given.get(action.origin, 0) + action.qty
    spare = {s.site: s.spare for s in case.problem.sites}
    if len(feasible) < len(actions) or any(
        qty > spare.get(SiteId(origin), 0) for origin, qty in given.items()
    ):
        return None
    return judge(
        case.problem,
        feedback.watch.name,
        feasible,
        held_out=case.held_out,
        nothing=case.nothing,
        binding=feedback.watch.binding,
        gap=feedback.watch.gap,
    )


def _redated(action: Action, problem: PlanningProblem) -> Action | None:
    """The same goods on the days that an order now would meet; None where it can no longer be."""
    same = [
        offer
        for (kind, ref, _), offer in offers_of(problem).items()
        if (kind, ref) == (action.kind, action.ref)
    ]
    if not same:
        return None
    dated = [taken_up(action.item, offer, action.qty) for offer in same]
    now = min(dated, key=lambda a: (abs(a.arrive_p50 - action.arrive_p50), a.arrive_p50))
    most = most_of(problem, same[dated.index(now)])
    return None if most is not None and now.qty > most else now


def _short_by(problem: PlanningProblem, nothing: Outlook) -> int:
    """First day on which half of the draws have run short at some site if nothing is done."""
    count = nothing.lost.shape[0]
    by_day = (np.cumsum(nothing.lost, axis=2) > 0).sum(axis=0).max(axis=0, initial=0)
    late = np.flatnonzero(2 * by_day >= count)
    return int(late[0]) if len(late) else problem.horizon


def _category(
    state: SenseState,
    network: Network,
    item: ItemId,
    site: SiteId,
    aheads: list[Ahead],
    at: datetime,
    today: int,
    forecasters: Mapping[str, Forecaster],
) -> tuple[Category, str]:
    """Category and cause, never beyond the evidence: a slip or an adjustment only where one was
    reported.
    """
    panel, since = state.panel, today - RECENT_DAYS
    row = panel.row_of[(item, site)]
    alarmed = [a.site for a in aheads if a.risen >= since]
    together = any(a.site == site and a.risen_with_others for a in aheads)
    leading = leading_driver(panel, next(a for a in aheads if a.site == site), today)
    late = sum(late_units(state, item, site, today).values())
    # Whatever stands for more units is the cause; goods that are late are told further below.
    if leading is not None and leading[1] > late:
        return "demand_surge", leading[0]
    for kind, sighting in _seen_of(state, row):
        if kind.startswith("promo:") and at - sighting.time <= timedelta(days=RECENT_DAYS):
            return "demand_surge", kind
    if site in alarmed and (together or (len(alarmed) >= 2 and 2 * len(alarmed) >= len(aheads))):
        return "demand_surge", f"item:{item}"
    if site in alarmed:
        sender = sent_over(state, network, item, site, aheads, today, forecasters)
        missing = () if sender else emptied_items(panel, network, item, site, today, RECENT_DAYS)
        if missing:
            return "demand_surge", f"item:{missing[0]}"
        return "demand_surge", f"site:{sender or site}"
    by_supply = endangered_by(next(a for a in aheads if a.site == site), at)
    if by_supply is not None:
        return by_supply
    for kind in ("adjust", "mismatch"):
        seen = state.sightings.get((row, kind))
        if seen is not None and at - seen.time <= timedelta(days=3):
            return "stock_discrepancy", f"site:{site}"
    return "demand_surge", f"site:{site}"


def _evidence(state: SenseState, network: Network, case: Case) -> tuple[Evidence, ...]:
    """The newest facts about the sites in need and their open orders, in order of time."""
    found: dict[tuple[str, str], Evidence] = {}
    item = case.item
    surging = {a.site: surge_text(a.surge) for a in case.aheads if a.surge is not None}
    for site in case.needy:
        for kind, seen in _seen_of(state, state.panel.row_of[(item, site)]):
            key = (seen.source, seen.event_id)
            if kind == "sale" and site in surging:
                text = f"{item} at {site}: {surging[site]}; {seen.text}"
                found[key] = Evidence(event_id=seen.event_id, time=seen.time, fact=text)
                continue
            # A sale under a promotion is seen twice; the promotion says more.
            if kind != "sale" or key not in found:
                text = f"{item} at {site}: {seen.text}"
                found[key] = Evidence(event_id=seen.event_id, time=seen.time, fact=text)
        for driver in state.panel.drivers.of(
            state.panel.row_of[(item, site)], case.today, case.today + case.problem.horizon - 1
        ):
            if driver.is_announced:
                found[(driver.source, driver.event_id)] = Evidence(
                    event_id=driver.event_id,
                    time=driver.time,
                    fact=f"{item} at {site}: {driver_text(driver)}",
                )
        for other in emptied_items(state.panel, network, item, site, case.today, RECENT_DAYS):
            seen_there = _seen_of(state, state.panel.row_of[(other, site)])
            shelf = [seen for kind, seen in seen_there if kind in ("sale", "count")]
            for newest in sorted(shelf, key=lambda seen: seen.time)[-1:]:
                fact = f"{other} at {site}, whose place {item} takes, ran out: {newest.text}"
                found[(newest.source, newest.event_id)] = Evidence(
                    event_id=newest.event_id, time=newest.time, fact=fact
                )
    # Goods that come in time speak against a plan where they are short, not where too many.
    short_from = 0 if case.category == "demand_drop" else case.today + case.short_by
    for ahead in case.aheads:
        if ahead.site in case.needy:
            for outlook in ahead.lines:
                told = line_evidence(state.supply, outlook, short_from)
                found[(outlook.line.stated.source, told.event_id)] = told
            for source, told in slip_evidence(ahead, case.problem.asked_at):
                found.setdefault((source, told.event_id), told)
    sources = Counter(event_id for _, event_id in found)
    named = [
        replace(e, event_id=f"{source}#{e.event_id}") if sources[e.event_id] > 1 else e
        for (source, _), e in found.items()
    ]
    return tuple(sorted(named, key=lambda e: (e.time, e.event_id)))


def _with_lost_sales(
    state: SenseState,
    case: Case,
    evidence: tuple[Evidence, ...],
    forecasters: Mapping[str, Forecaster],
) -> tuple[Evidence, ...]:
    """The newest fact about each site in need, with what its empty shelf did not sell."""
    told = list(evidence)
    for site in case.needy:
        row = state.panel.row_of[(case.item, site)]
        lost = lost_sales(state.panel, row, forecasters)
        prefix = f"{case.item} at {site}: "
        mine = [n for n, e in enumerate(told) if e.fact.startswith(prefix)]
        if lost is not None and mine:
            fact = told[mine[-1]].fact
            told[mine[-1]] = replace(told[mine[-1]], fact=f"{fact}; {lost.text}")
    return tuple(told)


def _seen_of(state: SenseState, row: int) -> list[tuple[str, Sighting]]:
    """What was seen of one series, by kind."""
    return sorted((kind, seen) for (of, kind), seen in state.sightings.items() if of == row)


def _holds(state: SenseState, case: Case, answer: Answer) -> tuple[Hold, ...]:
    """What is on HOLD of all that the case rests on: the sites in need, and those that would give
    to them.
    """
    return state.holds.reasons(case.item, {*case.needy, *_origins(answer)}, state.panel.row_of)


def _novel(state: SenseState, case: Case, answer: Answer, rules: SenseRules) -> tuple[str, ...]:
    """Series that a plan rests on and that are known for too few days to act unseen."""
    panel = state.panel
    days = {
        site: days_known(panel, panel.row_of[(case.item, site)])
        for site in sorted({*case.needy, *_origins(answer)})
    }
    return tuple(
        f"{case.item} at {site} is known for {n} days, {rules.novel_days} are needed"
        for site, n in days.items()
        if n < rules.novel_days
    )


def _origins(answer: Answer) -> set[SiteId]:
    """The sites that some option takes goods from."""
    return {
        SiteId(action.origin)
        for option in answer.options
        for action in option.actions
        if action.kind == "reallocate"
    }


def _quality(
    state: SenseState, case: Case, holds: tuple[Hold, ...]
) -> tuple[DataQuality, tuple[str, ...]]:
    lacks = [hold.reason for hold in holds]
    fit = state.panel.fit
    assert fit is not None, "a case needs a model"
    for site in case.needy:
        row = state.panel.row_of[(case.item, site)]
        for kind in ("mismatch", "corrected"):
            wrong = state.sightings.get((row, kind))
            if wrong is not None and case.problem.asked_at - wrong.time <= timedelta(days=1):
                lacks.append(f"{site}: {wrong.text}")
        if fit.degraded[row]:
            model = fit.models[int(fit.choice[row])]
            lacks.append(f"{site}: forecast by the fallback model {model}")
    unknown = [
        site
        for item, site in state.panel.series
        if item == case.item and state.panel.stock_as_of[state.panel.row_of[(item, site)]] == NEVER
    ]
    lacks += [f"{site}: stock was never counted, so it is left out" for site in unknown]
    if any(hold.quality == "red" for hold in holds):
        return "red", tuple(lacks)
    return ("amber" if lacks else "green"), tuple(lacks)

"""What does an answer from outside change about an item? The terms on which its offers still stand.

A supplier or a site that was asked about a plan says yes, no, or on which terms. That is a fact:
until the episode ends the offers it speaks of are limited to it, and the case is worked out anew at
the tick of the answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from replan.decision import action_id_of
from replan.effects import Feedback
from replan.events import QuestionAnswered
from replan.planning import ExpediteOffer, LaneOffer, PlanningProblem
from replan.units import Units, quantity_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an answer says about one offer, a lane or an order line: the most that can be done of it
    (thousandths, 0 for nothing, None as offered) and the day it arrives (None: as offered).
    """

    ref: str
    most: Units | None
    arrives_on: date | None


def is_understood(fact: QuestionAnswered, actions: int) -> bool:
    """Whether it is clear which action of the plan the answer's terms are about."""
    has_terms = fact.accepted and (fact.qty is not None or fact.arrives_on is not None)
    return not has_terms or fact.action_id is not None or actions == 1


def terms_of(fact: QuestionAnswered, word: Feedback) -> tuple[Terms, ...]:
    """The terms that an answer puts on the offers of the plan it is about; none for a plain yes, or
    where it is not clear which of several actions they are about.
    """
    plan = word.watch
    if plan is None or word.decision_id is None or not is_understood(fact, len(plan.actions)):
        return ()
    named = {
        action_id_of(word.decision_id, plan.name, n): action
        for n, action in enumerate(plan.actions)
    }
    about = [a for i, a in named.items() if fact.action_id in (None, i)]
    if not fact.accepted:
        return tuple(Terms(ref=a.ref, most=Units(0), arrives_on=None) for a in about)
    if fact.qty is None and fact.arrives_on is None:
        return ()
    return tuple(Terms(ref=a.ref, most=fact.qty, arrives_on=fact.arrives_on) for a in about)


def as_answered(problem: PlanningProblem, terms: Iterable[Terms]) -> PlanningProblem:
    """The problem with its offers limited to what was answered; of two answers the newer counts."""
    by_ref = {t.ref: t for t in terms}
    if not by_ref:
        return problem
    lanes = (_lane(offer, by_ref.get(str(offer.lane)), problem) for offer in problem.lanes)
    lines = (_line(offer, by_ref.get(str(offer.po_line)), problem) for offer in problem.expedites)
    return replace(
        problem,
        lanes=tuple(o for o in lanes if o is not None),
        expedites=tuple(o for o in lines if o is not None),
    )


def reply_text(fact: QuestionAnswered) -> str:
    """An answer in words."""
    said = "confirmed" if fact.accepted else "declined"
    if fact.accepted and fact.qty is not None:
        said = f"can do {quantity_json(fact.qty)}"
    if fact.accepted and fact.arrives_on is not None:
        said += f", there on {fact.arrives_on}"
    return f"asked from outside, the answer is: {said}" + (f" ({fact.note})" if fact.note else "")


def _lane(offer: LaneOffer, terms: Terms | None, problem: PlanningProblem) -> LaneOffer | None:
    if terms is None:
        return offer
    if terms.most is not None:
        most = terms.most if offer.capacity is None else min(terms.most, offer.capacity)
        if most <= 0:
            return None
        offer = replace(offer, capacity=most)
    if terms.arrives_on is not None:
        day = max((terms.arrives_on - problem.first_day).days, offer.ship_day)
        offer = replace(offer, arrive_p50=day, arrive_p90=day)
    return offer


def _line(
    offer: ExpediteOffer, terms: Terms | None, problem: PlanningProblem
) -> ExpediteOffer | None:
    if terms is None:
        return offer
    if terms.most is not None:
        most = min(terms.most, offer.qty)
        if most <= 0:
            return None
        offer = replace(offer, qty=most)
    if terms.arrives_on is not None:
        day = max((terms.arrives_on - problem.first_day).days, 0)
        offer = replace(offer, new_day_p50=day, new_day_p90=day)
    return offer

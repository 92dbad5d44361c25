"""What does an answer from outside change about an item? The terms on which its offers still stand.

A supplier or a site that was asked about a plan says yes, no, or on which terms. That is a fact:
until the episode ends the offers it speaks of are limited to it, and the case is worked out anew at
the tick of the answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from replan.decision import action_id_of
from replan.effects import Feedback
from replan.events import QuestionAnswered
from replan.offering import key_of
from replan.planning import BufferOffer, LaneOffer, Offer, PlanningProblem
from replan.units import Units, quantity_json

_O = TypeVar("_O", bound=Offer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an answer says about one offer, by the kind and `ref` of the action that takes it up.

    `most`: what can be done of it (thousandths, 0 for nothing); `arrives_on`: the day it arrives;
    None: as offered.
    """

    kind: str
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
        return tuple(Terms(kind=a.kind, ref=a.ref, most=Units(0), arrives_on=None) for a in about)
    if fact.qty is None and fact.arrives_on is None:
        return ()
    return tuple(
        Terms(kind=a.kind, ref=a.ref, most=fact.qty, arrives_on=fact.arrives_on) for a in about
    )


def as_answered(problem: PlanningProblem, terms: Iterable[Terms]) -> PlanningProblem:
    """The problem with its offers limited to what was answered; of two answers the newer counts."""
    by_offer = {(t.kind, t.ref): t for t in terms}
    if not by_offer:
        return problem

    return replace(
        problem,
        lanes=_still_on(problem.lanes, by_offer, problem),
        expedites=_still_on(problem.expedites, by_offer, problem),
        buffers=_still_on(problem.buffers, by_offer, problem),
        postpones=_still_on(problem.postpones, by_offer, problem),
    )


def reply_text(fact: QuestionAnswered) -> str:
    """An answer in words."""
    said = "confirmed" if fact.accepted else "declined"
    if fact.accepted and fact.qty is not None:
        said = f"can do {quantity_json(fact.qty)}"
    if fact.accepted and fact.arrives_on is not None:
        said += f", there on {fact.arrives_on}"
    return f"asked from outside, the answer is: {said}" + (f" ({fact.note})" if fact.note else "")


def _still_on(
    offers: tuple[_O, ...], terms: Mapping[tuple[str, str], Terms], problem: PlanningProblem
) -> tuple[_O, ...]:
    left = (_on_terms(offer, terms.get(key_of(offer)[:2]), problem) for offer in offers)
    return tuple(offer for offer in left if offer is not None)


def _on_terms(offer: Any, terms: Terms | None, problem: PlanningProblem) -> Any:
    """What is left of an offer on the terms answered; None for nothing."""
    if terms is None:
        return offer
    if terms.most is not None:
        size = "capacity" if isinstance(offer, LaneOffer) else "qty"
        stands = getattr(offer, size)
        most = terms.most if stands is None else min(terms.most, stands)
        if most <= 0:
            return None
        offer = replace(offer, **{size: most})
    if terms.arrives_on is not None:
        moves = isinstance(offer, LaneOffer)
        day = max((terms.arrives_on - problem.first_day).days, offer.ship_day if moves else 0)
        dated = isinstance(offer, LaneOffer | BufferOffer)
        names = ("arrive_p50", "arrive_p90") if dated else ("new_day_p50", "new_day_p90")
        offer = replace(offer, **dict.fromkeys(names, day))
    return offer

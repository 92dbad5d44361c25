"""May this plan run, and what is it as a decision? One option of one proposal on its way through
authority.

Its row is asked with the plan's own value, then with what adds up over the aggregation window; a
row that allows it is still held against proof of optimality, data quality, supplier approval,
freeze, rest and caps. What the table says to a person comes back as a `Why`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from replan.authority import Case, Ruling, judge
from replan.commitments import cap_breach, cap_text, counting, resting, strictest_sum
from replan.decision import (
    Why,
    action_keys,
    action_values,
    incident_of,
    last_moment,
    moves_of,
    on_offer,
    option_json,
)
from replan.desk_state import PENDING, OpenDecision, Policy
from replan.docket import Tally
from replan.effects import Move, Proposal
from replan.mode import account_of
from replan.offering import key_of_action, offers_of, supplier_of
from replan.plain_words import scope_text, window_text
from replan.planning import BufferOffer, ExpediteOffer, LaneOffer, Offer, Option, PostponeOffer
from replan.stops import stop_on
from replan.units import ActionId, DecisionId, instant_text, priced
from replan.wording import time_text

GAP_LIMIT = 0.02
"""A plan whose distance from a proven optimum is larger than this is not carried out unseen."""


@dataclass(slots=True)
class Judgement:
    """One option of one proposal on its way through authority."""

    proposal: Proposal
    option: Option
    decision_id: DecisionId
    tally: Tally

    @property
    def policy(self) -> Policy:
        return self.tally.policy

    @property
    def values(self) -> tuple[int, ...]:
        return action_values(self.policy.table, self.option, self.proposal.problem.unit_cost_minor)

    @property
    def value(self) -> int:
        return sum(self.values)

    @property
    def deadline(self) -> datetime | None:
        return last_moment(self.option, self.proposal.problem, self.proposal.short_by)

    @property
    def actions(self) -> list[dict[str, Any]]:
        first = self.proposal.problem.first_day
        return list(option_json(self.option, self.decision_id, first)["actions"])

    @property
    def keys(self) -> list[dict[str, str]]:
        network, offers = self.policy.network, self._offers()
        return [
            action_keys(a, self.proposal, network, supplier_of(offer))
            for a, offer in zip(self.option.actions, offers, strict=True)
        ]

    @property
    def mode(self) -> str:
        """The mode that holds for this plan."""
        p = self.proposal
        return self.policy.mode_of(p.category, self.regions, p.model)

    @property
    def regions(self) -> tuple[str, ...]:
        """Where the goods go, sorted."""
        sites = self.policy.network.sites
        return tuple(sorted({sites[a.destination].region for a in self.option.actions}))

    def ruled(self, *, confirmed: bool = False) -> tuple[Why | None, Ruling]:
        """Why the plan may not run by itself (None: it may), and the strictest row.

        A row that asks first (mode CLARIFY) lets it run once the question is answered: `confirmed`
        says that it is. Without, whoever gets the ruling has to ask before anything runs.
        """
        account = account_of(self.mode)
        own = moves_of(
            self.decision_id,
            [ActionId(a["action_id"]) for a in self.actions],
            self.keys,
            self.values,
            self.tally.at,
            account,
        )
        alone = self.row()
        if not self.option.actions:
            return None, alone
        if alone.mode == "ESCALATE":
            return _why(alone), alone
        table = self.policy.table
        assert table is not None, "no table never rules AUTO"
        counted = counting(self.tally.moves, account)
        summed = strictest_sum(table, counted, own, self.tally.at)
        together = self._strictest(summed)
        if together.mode == "ESCALATE":
            why = replace(_why(together), code="aggregate")
            return replace(
                why, text=f"with what ran before, the value adds up: {together.text}"
            ), together
        row = together if together.mode == "CLARIFY" else alone
        return self._refused(own, counted, row), replace(row, mode="AUTO") if confirmed else row

    def row(self) -> Ruling:
        """What the table says to the plan's own value: the strictest row of its actions."""
        return self._strictest(self.value)

    def _strictest(self, value: int) -> Ruling:
        rulings = []
        for action, offer in zip(self.option.actions, self._offers(), strict=True):
            approved, within = _terms(offer)
            rulings.append(
                judge(
                    self.policy.table,
                    Case(
                        action=action.kind,
                        region=self.policy.network.sites[action.destination].region,
                        abc=self.policy.network.items[action.item].abc,
                        category=self.proposal.category,
                        value_minor=value,
                        confidence=self.option.p_wins,
                        dq=self.proposal.dq,
                        reversible_for=offer.latest_start - self.tally.at,
                        supplier_approved=approved,
                        donor_p_stockout=self.option.p_stockout_donor
                        if isinstance(offer, LaneOffer)
                        else None,
                        within_contract=within,
                        model=self.proposal.model,
                        currency=self.policy.network.items[action.item].currency,
                        order_value_minor=priced(offer.qty, self.proposal.problem.unit_cost_minor)
                        if isinstance(offer, ExpediteOffer | PostponeOffer)
                        else None,
                    ),
                    self.tally.at,
                    self.policy.absent,
                )
            )
        if not rulings:
            return _nothing_needed()
        order_of = {"AUTO": 0, "CLARIFY": 1, "ESCALATE": 2}
        return max(rulings, key=lambda r: (order_of[r.mode], r.approvals, r.rule_id or ""))

    def _refused(self, own: Sequence[Move], counted: Sequence[Move], ruling: Ruling) -> Why | None:
        """What stands against a plan that its row allows."""
        table, at = self.policy.table, self.tally.at
        assert table is not None, "no table never rules AUTO"

        def why(code: str, text: str, limit: int | None = None, actual: int | None = None) -> Why:
            return Why(
                code=code,
                rule_id=ruling.rule_id,
                limit_minor=limit,
                actual_minor=self.value if actual is None else actual,
                text=text,
            )

        answer = self.proposal.answer
        if answer.outcome == "fallback" or self.option.gap > GAP_LIMIT:
            return why("solver_gap", "the plan is not proven to be near the best one")
        if self.proposal.held or self.proposal.dq == "red":
            return why("data_quality", "; ".join(self.proposal.held or self.proposal.lacks))
        if self.proposal.novel:
            return why("novelty", "; ".join(self.proposal.novel))
        if any(_terms(offer)[0] is False for offer in self._offers()):
            return why("supplier_not_approved", "the supplier is not approved")
        for kind, name in self._master_records():
            if self.policy.network.is_quarantined(kind, name):
                return why("master_data", f"this rests on {kind} {name}, which is in quarantine")
        first = min(offer.latest_start for offer in self._offers())
        if at > first - table.freeze.before_cutoff:
            return why("freeze", "the cut-off is too near for an unattended change")
        rest = resting(table, counted, own, at)
        if rest is not None and (
            self.option.benefit_mean_minor
            <= table.cooldown.break_factor * self.policy.change_cost_minor
        ):
            before = time_text(rest.at, "UTC")
            return why("cooldown", f"the same goods were moved just before, on {before} UTC")
        breach = cap_breach(table, counted, own, at)
        if breach is not None:
            return why(
                "cap",
                f"the cap on {scope_text(breach.scope)} {window_text(breach.window)} would be "
                f"exceeded "
                f"({cap_text(breach, self.policy.currency)})",
                breach.limit_minor,
                breach.used_minor,
            )
        stop = stop_on(self.policy.stops, self.keys, self.proposal.model)
        return None if stop is None else why("stopped", stop.text)

    def _offers(self) -> list[Offer]:
        """The offer behind each action. Its `latest_start` is until when the action can still be
        called off: nothing has left before then.
        """
        offers = offers_of(self.proposal.problem)
        return [offers[key_of_action(a)] for a in self.option.actions]

    def _master_records(self) -> list[tuple[str, str]]:
        """What of the network the plan rests on, as quarantine names it."""
        records = []
        for action, offer in zip(self.option.actions, self._offers(), strict=True):
            supplier = supplier_of(offer)
            ends = [str(action.destination), *([action.origin] if supplier is None else [])]
            records += [("item", str(action.item)), *(("site", end) for end in ends)]
            records += [("stocking", f"{action.item}@{end}") for end in ends]
            records.append(
                ("lane", action.ref)
                if supplier is None
                else ("supply", f"{supplier}@{action.item}@{action.destination}")
            )
        return records

    def body(
        self,
        state: str,
        why: Mapping[str, Any] | None,
        ruling: Ruling,
        deadline: datetime | None,
        version: int,
        supersedes: str | None,
    ) -> dict[str, Any]:
        """The decision body; `why`: as the member `why_escalated`."""
        p, policy = self.proposal, self.policy
        item = policy.network.items[p.item]
        return {
            "decision_id": self.decision_id,
            "version": version,
            "item": p.item,
            "site": None if is_wide(p) else p.site,
            "category": p.category,
            "cause": p.cause,
            "cause_confidence": p.cause_confidence,
            "tags": list(p.tags),
            "group": p.group,
            "incident_id": incident_of(p.cause),
            "parent": None,
            "notified": False,
            "episode": p.episode,
            "event_time": instant_text(p.event_time),
            "decided_at": instant_text(self.tally.at),
            "mode": self.mode,
            "state": state,
            "rule_id": ruling.rule_id,
            "authority_hash": policy.versions["authority"],
            "why_escalated": None if why is None else dict(why),
            "value_minor": self.value,
            "currency": item.currency,
            "at_risk_minor": p.loss_mean_minor,
            "confidence": self.option.p_wins,
            "dq": p.dq,
            "options": [
                option_json(o, self.decision_id, p.problem.first_day)
                for o in on_offer(p, self.option)
            ],
            "chosen": self.option.name,
            "deadline": None if deadline is None else instant_text(deadline),
            "recipient": ruling.recipient if state in PENDING else None,
            "model": {"name": p.model, "hash": p.model_hash},
            "solver": {"name": p.answer.solver, "outcome": p.answer.outcome},
            "evidence": [e.event_id for e in p.evidence],
            "flags": [],
            "supersedes": supersedes,
            "clarification": None,
            "waits_until": None,
            "spot_check": None,
            "reasoning": ruling.text,
            "brief": None,
            "versions": dict(policy.versions),
        }

    def released_by_a_person(self, ruling: Ruling) -> Why:
        """Why a plan that the table allows waits all the same, in mode recommend."""
        return Why(
            code="mode",
            rule_id=ruling.rule_id,
            limit_minor=None,
            actual_minor=self.value,
            text="the table allows it; in this mode a person releases it",
        )

    def asked_first(self, ruling: Ruling, asked: Mapping[str, Any]) -> Why:
        """Why a plan that may run once it is confirmed has not run yet."""
        return Why(
            code="rule",
            rule_id=ruling.rule_id,
            limit_minor=None,
            actual_minor=self.value,
            text=f"{ruling.text}; the question to {', '.join(asked['to'])} is out",
        )

    def open(
        self,
        body: dict[str, Any],
        state: str,
        deadline: datetime | None,
        ruling: Ruling,
        plan: str,
    ) -> OpenDecision:
        """The decision as the desk remembers it while it can still change."""
        return OpenDecision(
            decision_id=self.decision_id,
            version=1,
            item=self.proposal.item,
            episode=self.proposal.episode,
            state=state,
            body=body,
            option=self.option,
            current=self.option,
            value_minor=self.value,
            current_value_minor=self.value,
            deadline=deadline,
            current_deadline=self.deadline,
            recipient=ruling.recipient,
            next_recipient=ruling.next_recipient,
            region=self.regions[0] if len(self.regions) == 1 else None,
            approvals=ruling.approvals,
            approved_by=[],
            plan_sha=plan,
            loss_mean_minor=self.proposal.loss_mean_minor,
            actions={ActionId(a["action_id"]): "pending" for a in self.actions},
            move_keys=self.keys,
            move_values=list(self.values),
        )


def _terms(offer: Offer) -> tuple[bool | None, bool | None]:
    """Whether the supplier is approved, and whether the contract covers it; None for a move.

    A buffer is called, and a line expedited, by the terms of the contract: beyond them there is no
    offer. No term of ours speaks of pushing an order out.
    """
    match offer:
        case LaneOffer():
            return None, None
        case ExpediteOffer() | BufferOffer():
            return offer.approved, True
        case PostponeOffer():
            return offer.approved, False
        case _:
            assert_never(offer)


def is_wide(proposal: Proposal) -> bool:
    """Whether the trouble is an item's at several sites: it is the item that sells more, and goods
    would go to more than one of them.
    """
    options = proposal.answer.options
    ends = {action.destination for option in options for action in option.actions}
    return proposal.cause.startswith("item:") and len(ends) > 1


def _why(ruling: Ruling) -> Why:
    return Why(
        code=ruling.code or "rule",
        rule_id=ruling.rule_id,
        limit_minor=ruling.limit_minor,
        actual_minor=ruling.actual_minor,
        text=ruling.text,
    )


def _nothing_needed() -> Ruling:
    return Ruling(
        mode="AUTO",
        rule_id=None,
        code=None,
        limit_minor=None,
        actual_minor=0,
        recipient="",
        next_recipient="",
        approvals=0,
        document=(),
        spot_check=0,
        text="doing nothing needs no authority",
    )

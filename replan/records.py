"""How are the values that pass between the stories written down and read back?

Each pair is exact: what is read equals what was written, so a story told again from its records
gives the same bytes.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from replan.canonical import digest
from replan.desk_state import (
    AnswersDue,
    CaseOpened,
    ClaimDue,
    DeskInput,
    SendingWord,
    StopMoved,
    TickDue,
    TimersDue,
    VerdictGiven,
)
from replan.effects import (
    CaseResult,
    Cited,
    Cleared,
    Counterfactual,
    Driver,
    Evidence,
    Feedback,
    KnownEvent,
    Move,
    Ordered,
    Proposal,
    Reassessed,
)
from replan.errors import LedgerBroken
from replan.events import ActionAnswered, HumanActed, HumanLineDone, QuestionAnswered
from replan.planning import members, problem_json
from replan.planning_record import (
    answer_from_json,
    answer_json,
    option_from_json,
    option_plain,
    problem_from_json,
)
from replan.stops import stop_from_json, stop_json
from replan.units import instant_text


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """A proposal as plain JSON data."""
    return {
        "item": proposal.item,
        "group": proposal.group,
        "episode": proposal.episode,
        "site": proposal.site,
        "category": proposal.category,
        "cause": proposal.cause,
        "event_time": instant_text(proposal.event_time),
        "dq": proposal.dq,
        "lacks": list(proposal.lacks),
        "model": proposal.model,
        "model_hash": proposal.model_hash,
        "loss_mean_minor": proposal.loss_mean_minor,
        "short_by": proposal.short_by,
        "evidence": [{**members(e), "time": instant_text(e.time)} for e in proposal.evidence],
        "drivers": [members(d) for d in proposal.drivers],
        "problem": problem_json(proposal.problem),
        "answer": answer_json(proposal.answer),
        "watched": None if proposal.watched is None else option_plain(proposal.watched),
        "tags": list(proposal.tags),
        "cause_confidence": proposal.cause_confidence,
        "novel": list(proposal.novel),
        "counterfactuals": [members(c) for c in proposal.counterfactuals],
        "held": list(proposal.held),
    }


def proposal_from_json(plain: Mapping[str, Any]) -> Proposal:
    """The proposal that `proposal_json` wrote."""
    return Proposal(
        **{
            **plain,
            "event_time": datetime.fromisoformat(plain["event_time"]),
            "lacks": tuple(plain["lacks"]),
            "held": tuple(plain["held"]),
            "evidence": tuple(
                Evidence(**{**row, "time": datetime.fromisoformat(row["time"])})
                for row in plain["evidence"]
            ),
            "drivers": tuple(Driver(**row) for row in plain["drivers"]),
            "problem": problem_from_json(plain["problem"]),
            "answer": answer_from_json(plain["answer"]),
            "watched": None if plain["watched"] is None else option_from_json(plain["watched"]),
            "tags": tuple(plain["tags"]),
            "novel": tuple(plain["novel"]),
            "counterfactuals": tuple(Counterfactual(**row) for row in plain["counterfactuals"]),
        }
    )


def reassessed_json(reassessed: Reassessed) -> dict[str, Any]:
    """A reassessment as plain JSON data."""
    return {
        "item": reassessed.item,
        "group": reassessed.group,
        "episode": reassessed.episode,
        "option": option_plain(reassessed.option),
        "deadline": instant_text(reassessed.deadline),
        "loss_mean_minor": reassessed.loss_mean_minor,
        "problem": problem_json(reassessed.problem),
    }


def reassessed_from_json(plain: Mapping[str, Any]) -> Reassessed:
    """The reassessment that `reassessed_json` wrote."""
    return Reassessed(
        **{
            **plain,
            "option": option_from_json(plain["option"]),
            "problem": problem_from_json(plain["problem"]),
            "deadline": datetime.fromisoformat(plain["deadline"]),
        }
    )


def feedback_json(feedback: Feedback) -> dict[str, Any]:
    """Feedback as plain JSON data."""
    return {
        "item": feedback.item,
        "at": instant_text(feedback.at),
        "ordered": [dated_json(o) for o in feedback.ordered],
        "ended": list(feedback.ended),
        "watch": None if feedback.watch is None else option_plain(feedback.watch),
        "quiet_until": None if feedback.quiet_until is None else instant_text(feedback.quiet_until),
        "loss_minor": feedback.loss_minor,
        "decision_id": feedback.decision_id,
        "locked": feedback.locked,
        "until_nearer": feedback.until_nearer,
        "unreported": feedback.unreported,
        **({} if feedback.known is None else {"known": known_json(feedback.known)}),
    }


def feedback_from_json(plain: Mapping[str, Any]) -> Feedback:
    """The feedback that `feedback_json` wrote."""
    quiet = plain["quiet_until"]
    return Feedback(
        item=plain["item"],
        at=datetime.fromisoformat(plain["at"]),
        ordered=tuple(ordered_from_json(row) for row in plain["ordered"]),
        ended=tuple(plain["ended"]),
        watch=None if plain["watch"] is None else option_from_json(plain["watch"]),
        quiet_until=None if quiet is None else datetime.fromisoformat(quiet),
        loss_minor=plain["loss_minor"],
        decision_id=plain["decision_id"],
        locked=plain["locked"],
        until_nearer=plain["until_nearer"],
        unreported=plain["unreported"],
        known=known_from_json(plain.get("known")),
    )


def known_json(known: KnownEvent) -> dict[str, Any]:
    """A known event as plain JSON data."""
    return {**asdict(known), "first": known.first.isoformat(), "last": known.last.isoformat()}


def known_from_json(plain: Mapping[str, Any] | None) -> KnownEvent | None:
    """The event that `known_json` wrote."""
    if plain is None:
        return None
    days = {name: date.fromisoformat(plain[name]) for name in ("first", "last")}
    return KnownEvent(**{**plain, **days, "sites": tuple(plain["sites"])})


def move_json(move: Move) -> dict[str, Any]:
    """A reservation as plain JSON data."""
    return {**members(move), "keys": dict(move.keys), "at": instant_text(move.at)}


def move_from_json(plain: Mapping[str, Any]) -> Move:
    """The reservation that `move_json` wrote."""
    return Move(**{**plain, "at": datetime.fromisoformat(plain["at"])})


def desk_input_json(given: DeskInput) -> dict[str, Any]:
    """What a desk transaction was given; proposals are records of their own, named by item and
    hash.
    """
    match given:
        case TickDue():
            return {
                "kind": "tick",
                "at": instant_text(given.at),
                "proposals": [[p.item, digest(proposal_json(p))] for p in given.proposals],
                "reassessed": [reassessed_json(r) for r in given.reassessed],
                "cleared": [asdict(c) for c in given.cleared],
                "cited": [asdict(c) for c in given.cited],
                "replies": [reply_json(r) for r in given.replies],
                "reports": [report_json(r) for r in given.reports],
                **({"results": [asdict(r) for r in given.results]} if given.results else {}),
            }
        case AnswersDue():
            return {
                "kind": "answers",
                "at": instant_text(given.at),
                "answers": [answered_json(a) for a in given.answers],
                **({"words": [asdict(word) for word in given.words]} if given.words else {}),
            }
        case VerdictGiven():
            return {"kind": "verdict", **_verdict_json(given)}
        case StopMoved():
            return {
                "kind": "stop",
                "at": instant_text(given.at),
                "before": [stop_json(stop) for stop in given.before],
                "unsent": list(given.unsent),
            }
        case ClaimDue():
            return {
                "kind": "claim",
                "at": instant_text(given.at),
                "claims": [[d, proposal_json(proposal)] for d, proposal in given.claims],
            }
        case CaseOpened():
            return {"kind": "opened", **asdict(given), "at": instant_text(given.at)}
        case TimersDue():
            return {"kind": "timers", "at": instant_text(given.at)}


def desk_input_from_json(
    plain: Mapping[str, Any], proposals: Mapping[str, Mapping[str, Any]]
) -> DeskInput:
    """The input that `desk_input_json` wrote; `proposals`: those of its tick by item. LedgerBroken
    if one of them is not the one that the tick was given.
    """
    at = datetime.fromisoformat(plain["at"])
    if plain["kind"] == "tick":
        for item, sha in plain["proposals"]:
            if item not in proposals or digest(proposals[item]) != sha:
                raise LedgerBroken(f"tick {plain['at']}: the proposal for {item} is not {sha}")
        return TickDue(
            at=at,
            proposals=tuple(proposal_from_json(proposals[item]) for item, _ in plain["proposals"]),
            reassessed=tuple(reassessed_from_json(r) for r in plain["reassessed"]),
            cleared=tuple(Cleared(**c) for c in plain["cleared"]),
            cited=tuple(Cited(**c) for c in plain["cited"]),
            replies=tuple(reply_from_json(r) for r in plain["replies"]),
            reports=tuple(report_from_json(r) for r in plain["reports"]),
            results=tuple(CaseResult(**r) for r in plain.get("results", ())),
        )
    if plain["kind"] == "answers":
        return AnswersDue(
            at=at,
            answers=tuple(answered_from_json(a) for a in plain["answers"]),
            words=tuple(SendingWord(**word) for word in plain.get("words", ())),
        )
    if plain["kind"] == "stop":
        before = tuple(stop_from_json(stop) for stop in plain["before"])
        return StopMoved(at=at, before=before, unsent=tuple(plain["unsent"]))
    if plain["kind"] == "claim":
        claims = tuple((d, proposal_from_json(proposal)) for d, proposal in plain["claims"])
        return ClaimDue(at=at, claims=claims)
    if plain["kind"] == "timers":
        return TimersDue(at=at)
    rest = {name: value for name, value in plain.items() if name not in ("kind", "at")}
    if plain["kind"] == "opened":
        return CaseOpened(at=at, **rest)
    ship_on, basis = rest["ship_on"], rest["basis"]
    rest["ship_on"] = None if ship_on is None else date.fromisoformat(ship_on)
    rest["known"] = known_from_json(rest.get("known"))
    rest["basis"] = None if basis is None else proposal_from_json(basis)
    return VerdictGiven(at=at, **rest)


def _verdict_json(given: VerdictGiven) -> dict[str, Any]:
    plain = {name: getattr(given, name) for name in VerdictGiven.__slots__}
    plain["at"] = instant_text(given.at)
    plain["ship_on"] = None if given.ship_on is None else given.ship_on.isoformat()
    plain["basis"] = None if given.basis is None else proposal_json(given.basis)
    plain["via"] = None if given.via is None else dict(given.via)
    del plain["known"]
    if given.known is not None:
        plain["known"] = known_json(given.known)
    return plain


def report_json(report: HumanActed) -> dict[str, Any]:
    """What people reported as plain JSON data."""
    plain = asdict(report)
    for name in ("occurred_at", "arrived_at", "at"):
        plain[name] = instant_text(plain[name])
    return plain


def report_from_json(plain: Mapping[str, Any]) -> HumanActed:
    """The report that `report_json` wrote."""
    names = ("occurred_at", "arrived_at", "at")
    times = {name: datetime.fromisoformat(plain[name]) for name in names}
    lines = tuple(HumanLineDone(**line) for line in plain["lines"])
    return HumanActed(**{**plain, **times, "lines": lines})


def reply_json(reply: QuestionAnswered) -> dict[str, Any]:
    """An answer from outside as plain JSON data."""
    plain = asdict(reply)
    for name in ("occurred_at", "arrived_at"):
        plain[name] = instant_text(plain[name])
    plain["arrives_on"] = None if reply.arrives_on is None else reply.arrives_on.isoformat()
    return plain


def reply_from_json(plain: Mapping[str, Any]) -> QuestionAnswered:
    """The answer that `reply_json` wrote."""
    times = {name: datetime.fromisoformat(plain[name]) for name in ("occurred_at", "arrived_at")}
    day = plain["arrives_on"]
    return QuestionAnswered(
        **{**plain, **times, "arrives_on": None if day is None else date.fromisoformat(day)}
    )


def answered_json(answer: ActionAnswered) -> dict[str, Any]:
    """An executor's answer as plain JSON data."""
    plain = asdict(answer)
    for name in ("occurred_at", "arrived_at"):
        plain[name] = instant_text(plain[name])
    return plain


def answered_from_json(plain: Mapping[str, Any]) -> ActionAnswered:
    """The answer that `answered_json` wrote."""
    times = {name: datetime.fromisoformat(plain[name]) for name in ("occurred_at", "arrived_at")}
    return ActionAnswered(**{**plain, **times})


def dated_json(ordered: Ordered) -> dict[str, Any]:
    """An action under way as plain JSON data."""
    plain = asdict(ordered)
    for name in ("ship_on", "arrive_p50", "arrive_p90"):
        plain[name] = plain[name].isoformat()
    return plain


def ordered_from_json(plain: Mapping[str, Any]) -> Ordered:
    """The action under way that `dated_json` wrote."""
    dates = {
        name: date.fromisoformat(plain[name]) for name in ("ship_on", "arrive_p50", "arrive_p90")
    }
    return Ordered(**{**plain, **dates})

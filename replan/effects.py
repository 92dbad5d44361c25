"""What can be asked for? What the two stories hand on: proposals, decisions, commands, feedback.

Sense hands proposals to the desk, the desk hands commands to executors and feedback to sense. All
are plain values that the ledger stores with the transaction that made them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from replan.planning import ActionKind, Answer, Option, PlanningProblem
from replan.units import ActionId, DecisionId, EventId, ItemId, SiteId, Units

DataQuality = Literal["green", "amber", "red"]
Category = Literal[
    "demand_surge",
    "demand_drop",
    "lead_time_slip",
    "shipment_delay",
    "disruption",
    "data_quality",
    "stock_discrepancy",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A fact that a case rests on, in words; `speaks_against` the recommendation where it does."""

    event_id: str
    time: datetime
    fact: str
    speaks_against: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One part of a deviation, in thousandths of a base unit; the drivers of a case add up to
    it.
    """

    name: str
    units: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """What one part of a case does to its shortage, in thousandths of a base unit: of `short` units
    on average, `avoided` would not have been short without it.
    """

    name: str
    short: int
    avoided: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A case about one item at one tick: the question asked, the options found, what they rest on.

    `watched` is the plan already before a planner for this episode, judged again as things stand
    now (None: there is none, or it can no longer be carried out). `lacks` says what made `dq` worse
    than green. `tags` are the kinds of cause that the evidence shows, `cause_confidence` the share
    of the deviation that named causes explain, `counterfactuals` what each part does to the
    shortage. `novel` names series known for too few days to act on unseen.
    """

    item: ItemId
    group: str
    episode: str
    site: SiteId
    category: Category
    cause: str
    event_time: datetime
    dq: DataQuality
    lacks: tuple[str, ...]
    model: str
    model_hash: str
    loss_mean_minor: int
    short_by: int
    """First day index on which half the scenarios have run short somewhere; the horizon if none."""
    evidence: tuple[Evidence, ...]
    drivers: tuple[Driver, ...]
    problem: PlanningProblem
    answer: Answer
    watched: Option | None
    tags: tuple[str, ...] = ()
    cause_confidence: float = 0.0
    counterfactuals: tuple[Counterfactual, ...] = ()
    novel: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Why nothing may be done about it unattended, whatever the table allows; empty: it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassessed:
    """The plan before a planner, judged as things stand now, where nothing calls for another plan.

    `deadline`: its last moment now. `loss_mean_minor`: what doing nothing costs now. `problem`: the
    one it was judged on, for whoever asks about another plan.
    """

    item: ItemId
    group: str
    episode: str
    option: Option
    deadline: datetime
    loss_mean_minor: int
    problem: PlanningProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The trouble of an episode is over without our doing; whatever waits for it is withdrawn."""

    item: ItemId
    episode: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """An event was taken back by another (`by`): decisions that rested on it are to say so.

    `item` is None for what is about a whole site.
    """

    event_id: str
    source: str
    item: ItemId | None
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """A decision that names a corrected event (`by`: the correction) as evidence: its newest body,
    and the state of each action that was ever ordered for it.
    """

    event_id: str
    by: str
    decision_id: DecisionId
    version: int
    body: Mapping[str, Any]
    actions: Mapping[ActionId, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What one decision came to (`hindsight.result_of`), with its version and state on record."""

    decision_id: DecisionId
    item: ItemId
    version: int
    state: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """One of our own actions is under way: sense nets it as supply, and never reads it as
    demand.
    """

    action_id: ActionId
    kind: ActionKind
    item: ItemId
    origin: str
    destination: SiteId
    qty: Units
    ref: str
    ship_on: date
    arrive_p50: date
    arrive_p90: date


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownEvent:
    """Something that a person knows and the model does not: from `first` to `last`, days of the
    site, both included, demand is `uplift` thousandths of the usual. `sites` and `event_id` are
    filled in once it is kept.
    """

    first: date
    last: date
    uplift: int
    sites: tuple[SiteId, ...] = ()
    event_id: EventId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What the desk did about one item at one tick; a fact of the next tick for sense.

    `watch`: the option before a planner (its actions), None when nothing is open. `quiet_until`: do
    not raise the episode again before then. Either holds until the loss has grown by a quarter over
    `loss_minor`. `decision_id`: the decision that waits, which an answer from outside names.
    `locked`: a person acts on the item; propose nothing for it. `until_nearer`: the rest ends also
    when stock runs short sooner than it did. `unreported`: a decision that was taken over, of which
    nobody said in time what was done. `known`: what a person said will move its demand.
    """

    item: ItemId
    at: datetime
    ordered: tuple[Ordered, ...] = ()
    ended: tuple[ActionId, ...] = ()
    watch: Option | None = None
    quiet_until: datetime | None = None
    loss_minor: int = 0
    decision_id: DecisionId | None = None
    locked: bool = False
    until_nearer: bool = False
    unreported: DecisionId | None = None
    known: KnownEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A reservation: one action that counts against caps, aggregates and cool-downs.

    `keys` names what it counts for: action, region, item, site, category, cause, supplier, lane,
    origin. `account` is `live` or `shadow`. `released` only on proof that nothing was done.
    """

    action_id: ActionId
    decision_id: DecisionId
    at: datetime
    value_minor: int
    keys: Mapping[str, str]
    account: str
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """An effect for an executor: one action, with a key derived from content and a last moment."""

    idem: str
    action_id: ActionId
    decision_id: DecisionId
    not_after: datetime
    body: Mapping[str, Any]
    """Data of `action.request.v1`: the action as in the decision, `idem`, `decision_id`,
    `not_after`.
    """
    compensates: bool = False
    """Whether it asks to undo the action: then it is an `action.compensate.v1`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question about a decision to somebody outside: data of `clarification.requested.v1`."""

    decision_id: DecisionId
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """A new decision, or a new version of one: its body as published, and what it was decided
    from.
    """

    decision_id: DecisionId
    version: int
    body: Mapping[str, Any]
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMoved:
    """A decision changed state without a new plan: executed, failed, superseded, withdrawn,
    expired, …

    `changes` are the members of the newest body that differ from then on, `state` among them.
    """

    decision_id: DecisionId
    version: int
    at: datetime
    changes: Mapping[str, Any]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionMoved:
    """An action changed its own state: pending, sent, acked, rejected, cancelled, expired,
    failed.
    """

    action_id: ActionId
    state: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictTaken:
    """A planner's answer as recorded, refused ones included."""

    decision_id: DecisionId
    version: int
    login: str
    verdict: str
    chip: str
    note: str
    at: datetime
    result: Literal["accepted", "refused"]
    code: str | None
    plan_sha: str
    via: Mapping[str, str] | None = None
    """Who vouched for the login, from where, in which session, under which key of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOutcome:
    """Everything one desk transaction stores, in order."""

    made: tuple[DecisionMade, ...] = ()
    moved: tuple[DecisionMoved, ...] = ()
    actions: tuple[ActionMoved, ...] = ()
    commands: tuple[Command, ...] = ()
    reserved: tuple[Move, ...] = ()
    released: tuple[ActionId, ...] = ()
    verdicts: tuple[VerdictTaken, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow:
    """The newest forecast of one series: quantiles by day (K, H) as nested tuples, base units, from
    `first_day` on, the day after the one (the site's) on which it was made.
    """

    item: ItemId
    site: SiteId
    made_at: datetime
    first_day: date
    quantiles: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One closed day of a series: what was sold, whether it was censored."""

    item: ItemId
    site: SiteId
    day: date
    actual: Units
    censored: bool

"""What does the desk remember? Open decisions of one planning group, and the last word on each
episode.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from replan.authority import AbsentCode
from replan.authority_table import AuthorityTable
from replan.effects import CaseResult, Cited, Cleared, KnownEvent, Proposal, Reassessed
from replan.events import ActionAnswered, HumanActed, QuestionAnswered
from replan.ladder import StageMove, lowest
from replan.mode import lower_of
from replan.network import Network
from replan.people import People
from replan.planning import JointChooser, Option
from replan.planning_record import option_from_json, option_plain
from replan.stops import Stop
from replan.throttle import ALERTS_PER_DAY, Notice, Told
from replan.units import ActionId, DecisionId, ItemId, Units, instant_text

PENDING = frozenset({"escalated", "recommended", "clarifying", "deferred"})
"""States in which a planner may still answer."""

WAITING_ASIDE = frozenset({"clarifying", "deferred"})
"""Pending states in which nobody has to answer now: a timer ends them."""

RELEASED = frozenset({"approved", "modified"})
"""States in which a planner has released a plan that is not sent yet."""

FINAL_ACTION = frozenset({"acked", "rejected", "cancelled", "expired", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the desk decides under: the table in force (or why there is none), people, mode,
    network.
    """

    table: AuthorityTable | None
    absent: AbsentCode
    people: People
    mode: str
    network: Network
    change_cost_minor: int
    currency: str
    versions: Mapping[str, str]
    chooser: JointChooser
    alerts_per_day: int = ALERTS_PER_DAY
    told: tuple[Told, ...] = ()
    """What other planning groups announced within the last day."""
    stops: tuple[Stop, ...] = ()
    """What is stopped, in the order in which it was."""

    moved: tuple[StageMove, ...] = ()
    """What was moved on the ladder since the table stated it."""

    def mode_of(self, category: str, regions: Sequence[str] = (), model: str | None = None) -> str:
        """The lowest of the run's mode and the stages of the category, of the regions that goods go
        to, and of the forecasting model.
        """
        stage = lowest(self.table, self.moved, category=category, regions=regions, model=model)
        return lower_of(self.mode, stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class TickDue:
    """A planning tick: the group's proposals and reassessed plans in order of item, what cleared,
    and what was answered from outside.
    """

    at: datetime
    proposals: Sequence[Proposal]
    reassessed: Sequence[Reassessed]
    cleared: Sequence[Cleared]
    cited: Sequence[Cited] = ()
    """Decisions that rest on events taken back since the last tick."""
    replies: Sequence[QuestionAnswered] = ()
    reports: Sequence[HumanActed] = ()
    results: Sequence[CaseResult] = ()
    """What decisions came to whose horizon is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingWord:
    """What became of a command on its way, where no executor told it: `expired` and `failed` if it
    certainly was not carried out, `unknown` if it may have been.
    """

    action_id: ActionId
    idem: str
    state: Literal["expired", "failed", "unknown"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersDue:
    """What executors answered, and what became of commands on their way; `at` is the clock."""

    at: datetime
    answers: Sequence[ActionAnswered]
    words: Sequence[SendingWord] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictGiven:
    """A planner's answer, bound to a version where one is named.

    `last_state` and `last_version`: the decision's in the ledger, for one that the desk has already
    put away. `qty` (of the whole plan), `ship_on`, `source` and `transport` are what a modification
    asks for, None leaves it as it is. `basis`: the newest proposal about the decision's item, where
    the verdict is about another plan than the one shown.
    """

    at: datetime
    decision_id: DecisionId
    version: int | None
    verdict: str
    login: str
    chip: str
    note: str
    option: str | None
    confirm: bool
    last_state: str
    last_version: int = 0
    qty: Units | None = None
    ship_on: date | None = None
    source: str | None = None
    transport: str | None = None
    basis: Proposal | None = None
    to: str | None = None
    known: KnownEvent | None = None
    """What the person knows and the model does not, with the reason `known_event`."""
    spot_check: Mapping[str, str | None] | None = None
    """Of a plan that ran by itself and is to be looked at: recipient, region, what was found."""
    via: Mapping[str, str] | None = None
    """How the login was known, as it is kept with the verdict; nothing is decided by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMoved:
    """Something was stopped or may go on: `before` held until now, what holds from here on is the
    policy's. `unsent`: actions whose commands wait to be sent.
    """

    at: datetime
    before: tuple[Stop, ...]
    unsent: tuple[ActionId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDue:
    """Plans that ran by themselves and are about to be sent, though the table has changed since;
    with the case that each was decided from.
    """

    at: datetime
    claims: tuple[tuple[DecisionId, Proposal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened:
    """Somebody has a case before them."""

    at: datetime
    decision_id: DecisionId
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimersDue:
    """Time went on between two ticks: what was to be done by now is due."""

    at: datetime


DeskInput = TickDue | AnswersDue | VerdictGiven | StopMoved | ClaimDue | CaseOpened | TimersDue


@dataclass(slots=True, kw_only=True)
class OpenDecision:
    """A decision that can still change: pending, approved or executing.

    `current` is the plan judged as things stand now, None where it can no longer be done;
    `current_deadline` its last moment. `region` is the one all goods go to, None where they go to
    several. `actions` maps each action of the plan to its state.
    """

    decision_id: DecisionId
    version: int
    item: ItemId
    episode: str
    state: str
    body: dict[str, Any]
    option: Option
    current: Option | None
    value_minor: int
    current_value_minor: int
    deadline: datetime | None
    current_deadline: datetime | None
    recipient: str
    next_recipient: str
    region: str | None
    approvals: int
    approved_by: list[str]
    plan_sha: str
    loss_mean_minor: int
    actions: dict[ActionId, str]
    move_keys: list[dict[str, str]]
    move_values: list[int]
    proposed_by: str | None = None
    """Who made this plan out of another one; that login cannot be its second approver."""
    looked_at: datetime | None = None
    """The tick at which sense last judged the plan again without asking for another one."""
    timer: datetime | None = None
    """When waiting for an answer from outside, or putting it off, is over."""
    asked: int = 0
    """How many questions were asked about it."""


def mode_now(decision: OpenDecision, policy: Policy) -> str:
    """The mode that holds for an open decision."""
    body = decision.body
    regions = sorted({keys["region"] for keys in decision.move_keys if "region" in keys})
    return policy.mode_of(body["category"], regions, body["model"]["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """An action whose executor was asked to undo it, and the decision that it belongs to; `by` is
    the correction of the event that this rested on.
    """

    idem: str
    decision_id: DecisionId
    version: int
    item: ItemId
    event_id: str
    by: str
    body: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class EpisodeFile:
    """The last word on an episode: how many plans it had, the newest one, and its state."""

    episode: str
    revision: int
    decision_id: DecisionId
    state: str
    plan_sha: str


@dataclass(slots=True, kw_only=True)
class DeskState:
    """Everything one group's desk folds; plain data, so that it is stored with each transaction."""

    group: str
    decisions: dict[DecisionId, OpenDecision] = field(default_factory=dict)
    episodes: dict[ItemId, EpisodeFile] = field(default_factory=dict)
    past: dict[ItemId, list[dict[str, Any]]] = field(default_factory=dict)
    """Per item the last three closed cases, for precedents."""
    notices: list[Notice] = field(default_factory=list)
    """What was announced to whom within the last day."""
    leads: dict[str, DecisionId] = field(default_factory=dict)
    """By incident and recipient the decision that leads those that wait."""
    undoing: dict[ActionId, Undoing] = field(default_factory=dict)

    @property
    def pending(self) -> list[OpenDecision]:
        """Decisions that wait for a planner, by id."""
        return [d for _, d in sorted(self.decisions.items()) if d.state in PENDING]


INSTANTS = ("deadline", "current_deadline", "looked_at", "timer")
"""Members of an open decision that are instants or None."""


def desk_json(state: DeskState) -> dict[str, Any]:
    """The state as plain JSON data."""
    decisions = []
    for _, decision in sorted(state.decisions.items()):
        plain = {name: getattr(decision, name) for name in decision.__dataclass_fields__}
        plain["option"] = option_plain(decision.option)
        plain["current"] = None if decision.current is None else option_plain(decision.current)
        for name in INSTANTS:
            value = plain[name]
            plain[name] = None if value is None else instant_text(value)
        decisions.append(plain)
    return {
        "group": state.group,
        "decisions": decisions,
        "episodes": {item: asdict(e) for item, e in sorted(state.episodes.items())},
        "past": dict(sorted(state.past.items())),
        "leads": dict(sorted(state.leads.items())),
        "notices": [{**asdict(n), "at": instant_text(n.at)} for n in state.notices],
        "undoing": {a: asdict(u) for a, u in sorted(state.undoing.items())},
    }


def desk_from_json(plain: Mapping[str, Any]) -> DeskState:
    """The state that `desk_json` wrote."""
    decisions = {}
    for row in plain["decisions"]:
        instants = {
            name: None if row[name] is None else datetime.fromisoformat(row[name])
            for name in INSTANTS
        }
        decision = OpenDecision(
            **{
                **row,
                "option": option_from_json(row["option"]),
                "current": None if row["current"] is None else option_from_json(row["current"]),
                **instants,
            }
        )
        decisions[decision.decision_id] = decision
    return DeskState(
        group=plain["group"],
        decisions=decisions,
        episodes={item: EpisodeFile(**row) for item, row in plain["episodes"].items()},
        past={item: list(rows) for item, rows in plain["past"].items()},
        leads=dict(plain["leads"]),
        notices=[
            Notice(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in plain["notices"]
        ],
        undoing={a: Undoing(**row) for a, row in plain["undoing"].items()},
    )

"""What is the item's story given, and what does it say? Inputs, ports and settings, outputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from replan.alarms import Alarm
from replan.effects import Cleared, Corrected, DayRow, Feedback, ForecastRow, Proposal, Reassessed
from replan.events import HumanActed, QuestionAnswered, SenseFact, Tick
from replan.forecasting import FitRequest, Forecaster, PanelFit
from replan.network import Network
from replan.planning import Planner
from replan.state import SenseRules


@dataclass(frozen=True, slots=True, kw_only=True)
class FitMade:
    """A recorded fit and its digest; it takes effect at the tick before which it is given."""

    fit: PanelFit
    sha: str


SenseInput = SenseFact | Feedback | FitMade | Tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensing:
    """The ports and settings of a run; nothing here changes while it lasts."""

    network: Network
    rules: SenseRules
    forecasters: Mapping[str, Forecaster]
    planner: Planner


@dataclass(slots=True, kw_only=True)
class Sensed:
    """What a step has to say: per batch, in order."""

    proposals: list[Proposal] = field(default_factory=list)
    reassessed: list[Reassessed] = field(default_factory=list)
    cleared: list[Cleared] = field(default_factory=list)
    replies: list[QuestionAnswered] = field(default_factory=list)
    reports: list[HumanActed] = field(default_factory=list)
    fit_wanted: FitRequest | None = None
    forecasts: list[ForecastRow] = field(default_factory=list)
    days: list[DayRow] = field(default_factory=list)
    alarms: tuple[Alarm, ...] = ()
    corrected: list[Corrected] = field(default_factory=list)

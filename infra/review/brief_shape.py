"""What shape has a brief? Its JSON Schema, published with the API and held against every brief."""

from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Minor = int


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Range(_Shape):
    """An uncertain quantity: p10 ≤ p50 ≤ p90."""

    p10: float
    p50: float
    p90: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.p10 <= self.p50 <= self.p90:
            raise ValueError(f"{self.p10}, {self.p50}, {self.p90} is no range")
        return self


class MoneyRange(Range):
    """An uncertain amount in minor units of the decision's currency."""

    p10: Minor
    p50: Minor
    p90: Minor


class Benefit(MoneyRange):
    """Cost of doing nothing less that of the plan, scenario by scenario; `mean` ranks plans."""

    mean: Minor


class Headline(_Shape):
    """What, where, when, how much."""

    text: str = Field(min_length=1)
    units_short: Range
    value_minor: MoneyRange


class WhyEscalated(_Shape):
    """Why a person is asked: code, row of the table, limit and actual value."""

    code: str
    rule_id: str | None
    limit_minor: Minor | None
    actual_minor: Minor
    text: str


class Fact(_Shape):
    """A fact that the case rests on; `event_id` is among the decision's `evidence`."""

    event_id: str
    time: Annotated[AwareDatetime, Field(strict=False)]
    fact: str
    speaks_against: bool


class Arrival(_Shape):
    """Days on which goods arrive."""

    p50: Day
    p90: Day


class ActionShape(_Shape):
    """One action of a plan."""

    action_id: str
    kind: Literal["reallocate", "expedite", "buffer_call", "postpone"]
    item: str
    origin: str = Field(alias="from")
    to: str
    qty: float = Field(gt=0)
    ship_on: Day
    arrive_on: Arrival
    cost_minor: Minor
    order_id: str | None
    lane: str | None


class AuthorityNeeded(_Shape):
    """What the table says to this option by itself."""

    mode: Literal["AUTO", "CLARIFY", "ESCALATE"]
    rule_id: str | None
    recipient: str
    approvals: int
    value_minor: Minor


class OptionShape(_Shape):
    """One plan that may be chosen; `none` is to do nothing."""

    name: str
    actions: list[ActionShape]
    cost_minor: MoneyRange
    benefit_minor: Benefit
    units_short: Range
    units_short_avoided: Range
    fill_rate: Range
    p_stockout_receiver: Share
    p_stockout_donor: Share
    confidence: Share
    binding: list[str]
    gap: float = Field(ge=0)
    terms: list[str]
    authority: AuthorityNeeded | None
    order_by: Annotated[AwareDatetime, Field(strict=False)] | None
    cancel_by: Annotated[AwareDatetime, Field(strict=False)] | None


class DriverShape(_Shape):
    """One part of the deviation, in base units; the parts add up to it."""

    name: str
    units: float
    text: str


class Recommendation(_Shape):
    """Which option, what drives it, how sure it is, and what would change it."""

    option: str
    drivers: list[DriverShape] = Field(max_length=3)
    confidence: Share
    would_change: str


class Worth(_Shape):
    """What an earlier case came to, once that is known."""

    gained_minor: Minor | None
    missed_minor: Minor | None


class Precedent(_Shape):
    """An earlier case of the item."""

    decision_id: str
    decided_at: Annotated[AwareDatetime, Field(strict=False)]
    state: str
    chosen: str
    value_minor: Minor
    result: Worth | None = None


class Ids(_Shape):
    """What it can be traced by."""

    decision: str
    version: int
    episode: str
    plan: str
    problem: str
    model: str
    solver: str
    policy: str
    code: str


class Brief(_Shape):
    """The page on which a person decides, in eleven blocks and as one text."""

    model_config = ConfigDict(extra="forbid", strict=True, title="Brief")

    headline: Headline
    question: str = Field(pattern=r"\?$")
    deadline: Annotated[AwareDatetime, Field(strict=False)]
    on_timeout: str
    why_escalated: WhyEscalated
    evidence: list[Fact]
    options: list[OptionShape] = Field(min_length=3)
    recommendation: Recommendation
    already_done: list[str]
    held: list[str]
    precedents: list[Precedent] = Field(max_length=3)
    unknowns: list[str]
    ids: Ids
    text: str


def faults_of_shape(brief: Any) -> list[str]:
    """What of a brief is not of its shape, as JSON pointers with what is wrong; empty for none."""
    try:
        Brief.model_validate(brief)
    except ValidationError as wrong:
        return [f"/{'/'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors()]
    return []

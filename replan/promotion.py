"""Is there evidence enough to let a category go one step further? What is missing, in words.

Comparable cases are those on green data since the category last moved. Enough of them over enough
days, alike in all likelihood (the lower end of the interval) or cheaper in all likelihood, and no
limit exceeded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt

from replan.intervals import Z_95, wilson
from replan.mode import MODE_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is asked for: comparable cases, days that they span, and the agreement that the lower
    end of its 95 % interval must reach.
    """

    cases: int = 200
    days: int = 14
    agreement: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One comparable case: the day of its plan, whether people agreed, and what their way cost
    more, minor units (None: nobody can say).
    """

    day: date
    agreed: bool
    cost_delta_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the cases come to; `cost_low_minor`: the lower end of the 95 % interval of the mean cost
    difference, None where it cannot be told.
    """

    cases: int
    agreed: int
    agreement_low: float
    agreement_high: float
    days: int
    cost_delta_minor: int
    cost_low_minor: float | None


def evidence_of(cases: Sequence[Case], today: date) -> Evidence:
    """The sums of comparable cases, up to a day."""
    agreed = sum(case.agreed for case in cases)
    low, high = wilson(agreed, len(cases))
    first = min((case.day for case in cases), default=today)
    costs = [case.cost_delta_minor for case in cases if case.cost_delta_minor is not None]
    return Evidence(
        cases=len(cases),
        agreed=agreed,
        agreement_low=low,
        agreement_high=high,
        days=(today - first).days,
        cost_delta_minor=sum(costs),
        cost_low_minor=_mean_low(costs) if len(costs) == len(cases) else None,
    )


def missing(evidence: Evidence, gate: Gate) -> tuple[str, ...]:
    """Why the gate stays closed; nothing if it opens."""
    wrong = []
    if evidence.cases < gate.cases:
        wrong.append(f"{evidence.cases} comparable cases, {gate.cases} are needed")
    if evidence.days < gate.days:
        wrong.append(f"they span {evidence.days} days, {gate.days} are needed")
    cheaper = evidence.cost_low_minor is not None and evidence.cost_low_minor > 0
    if evidence.agreement_low < gate.agreement and not cheaper:
        wrong.append(
            f"agreement may be as low as {100 * evidence.agreement_low:.1f} %, "
            f"{100 * gate.agreement:.1f} % are needed, and the plans are not cheaper for sure"
        )
    return tuple(wrong)


def next_stage(stage: str) -> str | None:
    """One step up; None at the top, and where the table halts."""
    if stage in ("halted", MODE_ORDER[-1]):
        return None
    return MODE_ORDER[MODE_ORDER.index(stage) + 1]


def _mean_low(costs: Sequence[int]) -> float | None:
    """Lower end of the 95 % interval of a mean (normal approximation); None below two cases."""
    n = len(costs)
    if n < 2:
        return None
    mean = sum(costs) / n
    variance = sum((cost - mean) ** 2 for cost in costs) / (n - 1)
    return round(mean - Z_95 * sqrt(variance / n), 2)

"""Which open case comes first? What is likely to be lost, by the time left to do something about
it.

Value at risk times the chance that it is lost, which is the mean loss if nothing is done, divided
by the hours to the last moment of the plan. The time left passes, so urgency is worked out when it
is asked for, on the engine's clock, and never stored.
"""

from datetime import datetime

LEAST_HOURS = 0.25
"""Less time than this counts as this: nobody can use the difference."""


def urgency(at_risk_minor: int, deadline: datetime | None, clock: datetime) -> float:
    """Minor units an hour; without a deadline nothing is urgent."""
    if deadline is None:
        return 0.0
    hours = (deadline - clock).total_seconds() / 3600
    return round(at_risk_minor / max(hours, LEAST_HOURS), 6)

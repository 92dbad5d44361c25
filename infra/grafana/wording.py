"""Which words do the queries of dashboards share? Money, days, links, what a reader chose."""

from typing import Final

from replan.currencies import currencies_of
from replan.infra.grafana.model import Step, Variable

BROKER: Final = "replanbroker"
"""Uid of the data source through which a planner comes to the review page: letters and digits."""
ESCALATIONS: Final = "replan-escalations"
REVIEW: Final = f"/api/datasources/proxy/uid/{BROKER}/review/${{__data.fields.decision_id}}"
"""The way to a case: Grafana adds who asks and our key, the engine sends the planner on."""

GOOD, WATCH, BAD = "green", "orange", "red"
ANYWHERE: Final = "everywhere"
"""What stands for what belongs to no one region."""

IN_TIME: Final = "$__timeFrom() AND $__timeTo()"


def money(column: str, currency: str = "currency") -> str:
    """An amount of minor units in whole units of its currency."""
    none, three = (_quoted(currencies_of(digits)) for digits in (0, 3))
    return (
        f"{column} / CASE WHEN {currency} IN ({none}) THEN 1.0 "
        f"WHEN {currency} IN ({three}) THEN 1000.0 ELSE 100.0 END"
    )


def day(column: str = "date") -> str:
    """A calendar date as the instant at which it begins in UTC."""
    return f"CAST({column} || 'T00:00:00Z' AS timestamptz)"


def at(column: str) -> str:
    """An instant, kept as text, as the database's own."""
    return f"CAST({column} AS timestamptz)"


def chosen(name: str, column: str) -> str:
    """Whether a column is among what a reader chose of a list."""
    return f"{column} IN (${{{name}:sqlstring}})"


def given(name: str) -> str:
    """What a reader typed, as a text."""
    return f"${{{name}:sqlstring}}"


def worse_above(watch: float, bad: float) -> tuple[Step, ...]:
    """Green, and from there on not."""
    return (
        Step(colour=GOOD),
        Step(colour=WATCH, above=watch),
        Step(colour=BAD, above=bad),
    )


def worse_below(bad: float, watch: float) -> tuple[Step, ...]:
    """Red up to the first, green from the second on."""
    return (
        Step(colour=BAD),
        Step(colour=WATCH, above=bad),
        Step(colour=GOOD, above=watch),
    )


CATEGORY: Final = Variable(
    name="category",
    label="Category",
    sql="SELECT DISTINCT category FROM v_decisions WHERE category IS NOT NULL ORDER BY 1",
    several=True,
)
LOCATION: Final = Variable(
    name="location",
    label="Region",
    sql="SELECT DISTINCT region FROM v_model_health WHERE region IS NOT NULL "
    f"UNION SELECT '{ANYWHERE}' ORDER BY 1",
    several=True,
)
ITEM: Final = Variable(
    name="item", label="Item", sql="SELECT DISTINCT item FROM v_forecast ORDER BY 1"
)
SITE: Final = Variable(
    name="site",
    label="Site",
    sql=f"SELECT DISTINCT site FROM v_forecast WHERE item = {given('item')} ORDER BY 1",
)


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)

"""What was expected of one item at one site, what was sold, and what lies ahead of its shelf?"""

from replan.infra.grafana.model import Annotation, Column, Dashboard, Panel, Step
from replan.infra.grafana.wording import (
    BAD,
    GOOD,
    IN_TIME,
    ITEM,
    REVIEW,
    SITE,
    at,
    day,
    given,
    money,
    worse_below,
)

_HERE = f"item = {given('item')} AND site = {given('site')}"

_FORECAST = Panel(
    kind="timeseries",
    title="Units sold a day and the band they were expected in",
    text="Nine days of ten should lie in the band. Red: outside it. Grey: the shelf was empty, so "
    "what was sold is less than what was asked for.",
    sql=f"""SELECT {day()} AS time, p95, p05, p50, actual AS sold,
       CASE WHEN actual NOT BETWEEN p05 AND p95 THEN actual END AS outside,
       CASE WHEN censored THEN actual END AS "empty shelf"
FROM v_forecast WHERE {_HERE} AND {day()} BETWEEN {IN_TIME} ORDER BY 1""",
    columns=(
        Column(name="p95", title="at most", style="band", colour="blue", band_to="at least"),
        Column(name="p05", title="at least", style="hidden", colour="blue"),
        Column(name="p50", title="expected", style="dashed", colour="blue"),
        Column(name="sold", style="line", colour="text"),
        Column(name="outside", style="points", colour=BAD),
        Column(name="empty shelf", style="points", colour="gray"),
    ),
    lowest=0,
    empty="No forecast of this item at this site in this time.",
    width=24,
    height=10,
)

_STOCK = Panel(
    kind="timeseries",
    title="Stock at the end of each day, with the newest plan and without it",
    text="Ranges hold eight cases of ten. The newest plan that touches this site; none, no chart.",
    sql=f"""SELECT {day()} AS time, without_p90, without_p10, without_p50, with_p90, with_p10,
       with_p50, safety_stock AS "safety stock",
       CASE WHEN without_p50 <= 0 THEN 0 END AS "runs out"
FROM v_projection WHERE {_HERE} ORDER BY 1""",
    columns=(
        Column(
            name="without_p90",
            title="without, at most",
            style="band",
            colour=BAD,
            band_to="without, at least",
        ),
        Column(name="without_p10", title="without, at least", style="hidden", colour=BAD),
        Column(name="without_p50", title="without the plan", colour=BAD),
        Column(
            name="with_p90",
            title="with, at most",
            style="band",
            colour=GOOD,
            band_to="with, at least",
        ),
        Column(name="with_p10", title="with, at least", style="hidden", colour=GOOD),
        Column(name="with_p50", title="with the plan", colour=GOOD),
        Column(name="safety stock", style="dashed", colour="purple"),
        Column(name="runs out", style="points", colour=BAD),
    ),
    lowest=0,
    empty="No plan has touched this item at this site.",
    width=16,
    height=10,
)

_PLANS = Panel(
    kind="table",
    title="Decisions about it",
    sql=f"""SELECT {at("decided_at")} AS decided, decision_id, category, chosen, state,
       {money("value_minor")} AS value
FROM v_decisions WHERE {_HERE} AND chosen <> 'none' ORDER BY 1 DESC LIMIT 50""",
    columns=(
        Column(name="decided", title="Decided", unit="dateTimeAsIso", width=150),
        Column(name="decision_id", title="Review", link=REVIEW, width=110),
        Column(name="category", title="Category"),
        Column(name="chosen", title="Plan"),
        Column(name="state", title="State"),
        Column(name="value", title="Value", decimals=2),
    ),
    empty="None.",
    width=8,
    height=10,
)

_HEALTH = (
    ("Coverage of the band", "coverage", "percentunit", worse_below(0.85, 0.88)),
    ("Scaled error", "rmsse", None, (Step(colour=GOOD), Step(colour=BAD, above=1))),
    ("Bias", "bias", "percentunit", ()),
)


def _stat(title: str, column: str, unit: str | None, steps: tuple[Step, ...]) -> Panel:
    return Panel(
        kind="stat",
        title=title,
        sql=f"SELECT {column} FROM v_model_health WHERE {_HERE}",
        unit=unit,
        decimals=2 if unit is None else 1,
        steps=steps,
        empty="no closed day yet",
        width=6,
        height=4,
    )


_MODEL = Panel(
    kind="stat",
    title="Model",
    sql=f"SELECT model FROM v_model_health WHERE {_HERE}",
    as_text=True,
    empty="none yet",
    width=6,
    height=4,
)

BOARD = Dashboard(
    uid="replan-forecast",
    title="Forecast and stock",
    text="One item at one site: what was expected and sold, and what lies ahead of its shelf.",
    variables=(ITEM, SITE),
    annotations=(
        Annotation(
            name="Actions",
            sql=f"""SELECT extract(epoch FROM {at("sent_at")}) * 1000 AS time,
       kind || ' ' || qty || ' from ' || from_site || ' to ' || to_site || ' (' || state || ')'
           AS text,
       kind AS tags
FROM v_actions WHERE item = {given("item")} AND {given("site")} IN (from_site, to_site)
  AND sent_at IS NOT NULL AND {at("sent_at")} BETWEEN {IN_TIME}""",
            colour="purple",
        ),
    ),
    rows=((_FORECAST,), (_STOCK, _PLANS), (*(_stat(*row) for row in _HEALTH), _MODEL)),
    since="now-45d",
    until="now+14d",
)

"""Do the forecasts keep what they promise? Coverage, error and bias, and when models drifted."""

from replan.infra.grafana.model import Annotation, Column, Dashboard, Panel, Step
from replan.infra.grafana.wording import (
    BAD,
    GOOD,
    IN_TIME,
    WATCH,
    at,
    day,
    worse_above,
    worse_below,
)

_SERIES = f"FROM v_forecast WHERE NOT censored AND p50 IS NOT NULL AND {day()} BETWEEN {IN_TIME}"
_INSIDE = "CASE WHEN actual BETWEEN p05 AND p95 THEN 1.0 ELSE 0.0 END"

_COVERAGE = Panel(
    kind="timeseries",
    title="Coverage of the 90 % band, by day",
    text="Share of series that sold inside their band, over the last seven days; 90 % is meant.",
    sql=f"""SELECT time, avg(inside) OVER (ORDER BY time ROWS 6 PRECEDING) AS coverage,
       0.9 AS target
FROM (SELECT {day()} AS time, avg({_INSIDE}) AS inside {_SERIES} GROUP BY 1) AS days ORDER BY 1""",
    columns=(
        Column(name="coverage", colour="blue"),
        Column(name="target", style="dashed", colour=GOOD),
    ),
    unit="percentunit",
    lowest=0.5,
    highest=1,
    width=16,
    height=9,
)
_HELD = Panel(
    kind="stat",
    title="Coverage in this time",
    sql=f"SELECT avg({_INSIDE}) AS coverage {_SERIES}",
    unit="percentunit",
    decimals=1,
    steps=worse_below(0.85, 0.88),
    empty="no closed day yet",
    width=4,
    height=9,
)
_SCORED = Panel(
    kind="stat",
    title="Days of series",
    sql=f"SELECT count(*) AS days {_SERIES}",
    decimals=0,
    width=4,
    height=9,
)
_FAMILIES = Panel(
    kind="table",
    title="Error by family",
    text="Scaled error: by that of saying the day before again; below one is better. Bias: above "
    "zero where more was forecast than sold.",
    sql="""SELECT coalesce(family, 'not fitted') AS family, count(*) AS series, sum(days) AS days,
       sum(coverage * days) / sum(days) AS coverage, sum(rmsse * days) / sum(days) AS rmsse,
       sum(wape * days) / sum(days) AS wape, sum(bias * days) / sum(days) AS bias
FROM v_model_health WHERE days > 0 GROUP BY 1 ORDER BY 1""",
    columns=(
        Column(name="family", title="Family"),
        Column(name="series", title="Series"),
        Column(name="days", title="Days"),
        Column(
            name="coverage",
            title="Coverage",
            unit="percentunit",
            decimals=1,
            steps=worse_below(0.85, 0.88),
        ),
        Column(name="rmsse", title="Scaled error", decimals=2, steps=worse_above(0.9, 1.0)),
        Column(name="wape", title="Error by sales", unit="percentunit", decimals=1),
        Column(name="bias", title="Bias", unit="percentunit", decimals=1),
    ),
    empty="No closed day yet.",
    width=12,
    height=8,
)
_BIAS = Panel(
    kind="timeseries",
    title="Bias, by day",
    text="Forecast less sold, by what was sold, over the last seven days.",
    sql=f"""SELECT time, sum(off) OVER last / nullif(sum(sold) OVER last, 0) AS bias, 0.0 AS none
FROM (SELECT {day()} AS time, sum(p50 - actual) AS off, sum(actual) AS sold {_SERIES} GROUP BY 1)
     AS days
WINDOW last AS (ORDER BY time ROWS 6 PRECEDING) ORDER BY 1""",
    columns=(
        Column(name="bias", colour="blue"),
        Column(name="none", style="dashed", colour=GOOD),
    ),
    unit="percentunit",
    width=12,
    height=8,
)
_MODELS = Panel(
    kind="table",
    title="Which models serve",
    sql="""SELECT coalesce(model, 'none yet') AS model, count(*) AS series,
       sum(fallback) AS fallback, sum(coverage * days) / sum(days) AS coverage,
       sum(rmsse * days) / sum(days) AS rmsse
FROM v_model_health WHERE days > 0 GROUP BY 1 ORDER BY 2 DESC, 1""",
    columns=(
        Column(name="model", title="Model"),
        Column(name="series", title="Series"),
        Column(
            name="fallback",
            title="In another's place",
            steps=(Step(colour="text"), Step(colour=WATCH, above=1)),
        ),
        Column(name="coverage", title="Coverage", unit="percentunit", decimals=1),
        Column(name="rmsse", title="Scaled error", decimals=2),
    ),
    empty="No fit yet.",
    width=8,
    height=8,
)
_VERSIONS = Panel(
    kind="table",
    title="Versions that decided",
    text="Each fit is a version of its own.",
    sql=f"""SELECT max({at("decided_at")}) AS newest, body #>> '{{model,name}}' AS model,
       left(body #>> '{{versions,models}}', 19) AS version, count(*) AS decisions
FROM (SELECT decided_at, CAST(body AS jsonb) AS body FROM v_decisions
      WHERE {at("decided_at")} BETWEEN {IN_TIME} ORDER BY decided_at DESC LIMIT 500) AS decided
GROUP BY 2, 3 ORDER BY 1 DESC LIMIT 30""",
    columns=(
        Column(name="newest", title="Last decision", unit="dateTimeAsIso", width=150),
        Column(name="model", title="Model"),
        Column(name="version", title="Version"),
        Column(name="decisions", title="Decisions"),
    ),
    empty="No decision in this time.",
    width=8,
    height=8,
)
_DRIFT = Panel(
    kind="table",
    title="When models drifted",
    sql=f"""SELECT {at("opened_at")} AS opened, {at("closed_at")} AS closed, kind, model, text
FROM v_alarms WHERE kind IN ('coverage', 'bias', 'model') ORDER BY 1 DESC LIMIT 100""",
    columns=(
        Column(name="opened", title="From", unit="dateTimeAsIso", width=150),
        Column(name="closed", title="To", unit="dateTimeAsIso", width=150),
        Column(name="kind", title="What"),
        Column(name="model", title="Model"),
        Column(name="text", title="In words"),
    ),
    empty="Never.",
    width=8,
    height=8,
)

BOARD = Dashboard(
    uid="replan-model",
    title="Model health",
    text="Do the forecasts keep what they promise, and when did models drift?",
    annotations=(
        Annotation(
            name="Drift",
            sql=f"""SELECT extract(epoch FROM {at("opened_at")}) * 1000 AS time,
       extract(epoch FROM {at("closed_at")}) * 1000 AS timeend, text, kind AS tags
FROM v_alarms WHERE kind IN ('coverage', 'bias', 'model')
  AND {at("opened_at")} BETWEEN {IN_TIME}""",
            colour=BAD,
        ),
    ),
    rows=((_COVERAGE, _HELD, _SCORED), (_FAMILIES, _BIAS), (_MODELS, _VERSIONS, _DRIFT)),
    since="now-90d",
)

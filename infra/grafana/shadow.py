"""Where would the engine have decided as people did, and what did the difference cost?"""

from replan.infra.grafana.model import Column, Dashboard, Panel
from replan.infra.grafana.wording import CATEGORY, IN_TIME, REVIEW, chosen, day, money, worse_below

_DAYS = f"FROM v_shadow WHERE {day()} BETWEEN {IN_TIME} AND {chosen('category', 'category')}"
_CASES = f"FROM v_shadow_cases WHERE {day()} BETWEEN {IN_TIME} AND {chosen('category', 'category')}"

_AGREED = Panel(
    kind="stat",
    title="Agreement",
    text="Cases in which people did what the engine would have done, of those that people decided.",
    sql=f"SELECT sum(agreed) / nullif(CAST(sum(cases) AS numeric), 0) AS rate {_DAYS}",
    unit="percentunit",
    decimals=1,
    steps=worse_below(0.8, 0.95),
    empty="nothing to compare yet",
    width=6,
    height=4,
)
_COMPARED = Panel(
    kind="stat",
    title="Cases compared",
    sql=f"SELECT coalesce(sum(cases), 0) AS cases {_DAYS}",
    decimals=0,
    width=6,
    height=4,
)
_DEARER = Panel(
    kind="stat",
    title="What people's way was expected to cost more",
    text="Below zero: people found something cheaper.",
    sql=f"SELECT sum({money('cost_delta_minor')}) AS delta {_DAYS}",
    decimals=2,
    empty="nothing to compare yet",
    width=6,
    height=4,
)
_DAYS_COUNTED = Panel(
    kind="stat",
    title="Days compared",
    sql=f"SELECT count(DISTINCT date) AS days {_DAYS}",
    decimals=0,
    width=6,
    height=4,
)
_BY_CATEGORY = Panel(
    kind="table",
    title="By category",
    sql=f"""SELECT category, sum(cases) AS cases, sum(agreed) AS agreed,
       sum(agreed) / nullif(CAST(sum(cases) AS numeric), 0) AS rate,
       sum({money("cost_delta_minor")}) AS delta, min(currency) AS currency
{_DAYS} GROUP BY category ORDER BY 2 DESC, 1""",
    columns=(
        Column(name="category", title="Category"),
        Column(name="cases", title="Cases"),
        Column(name="agreed", title="Alike"),
        Column(
            name="rate",
            title="Agreement",
            unit="percentunit",
            decimals=1,
            steps=worse_below(0.8, 0.95),
        ),
        Column(name="delta", title="People's way cost more by", decimals=2),
        Column(name="currency", title="", width=60),
    ),
    empty="Nothing to compare in this time.",
    width=12,
    height=8,
)
_RATE = Panel(
    kind="timeseries",
    title="Agreement by day, with the ends of its interval",
    text="Nineteen times of twenty the true share lies between the ends.",
    sql=f"""SELECT {day()} AS time, avg(agreement_high) AS "at most",
       avg(agreement_low) AS "at least",
       sum(agreed) / nullif(CAST(sum(cases) AS numeric), 0) AS agreement
{_DAYS} GROUP BY 1 ORDER BY 1""",
    columns=(
        Column(name="at most", style="band", colour="blue", band_to="at least"),
        Column(name="at least", style="hidden", colour="blue"),
        Column(name="agreement", colour="blue"),
    ),
    unit="percentunit",
    lowest=0,
    highest=1,
    width=12,
    height=8,
)
_DELTA = Panel(
    kind="timeseries",
    title="What people's way cost more, by day and category",
    sql=f"""SELECT {day()} AS time, category AS metric, sum({money("cost_delta_minor")}) AS delta
{_DAYS} GROUP BY 1, 2 ORDER BY 1, 2""",
    stacked=True,
    decimals=2,
    width=12,
    height=9,
)
_LARGEST = Panel(
    kind="table",
    title="Largest differences",
    sql=f"""SELECT date, decision_id, category, item, site, difference,
       {money("cost_delta_minor")} AS delta, currency
{_CASES} AND NOT (CAST(agreed AS text) IN ('1', 'true'))
ORDER BY abs(coalesce(cost_delta_minor, 0)) DESC, decision_id LIMIT 50""",
    columns=(
        Column(name="date", title="Day", width=100),
        Column(name="decision_id", title="Review", link=REVIEW, width=110),
        Column(name="category", title="Category"),
        Column(name="item", title="Item"),
        Column(name="site", title="Site"),
        Column(name="difference", title="Difference"),
        Column(name="delta", title="Cost more by", decimals=2),
        Column(name="currency", title="", width=60),
    ),
    empty="None in this time.",
    width=12,
    height=9,
)

BOARD = Dashboard(
    uid="replan-shadow",
    title="Shadow",
    text="Plans that were only played, held against what people did.",
    variables=(CATEGORY,),
    rows=(
        (_AGREED, _COMPARED, _DEARER, _DAYS_COUNTED),
        (_BY_CATEGORY, _RATE),
        (_DELTA, _LARGEST),
    ),
)

"""What waits for a decision, by when, and how is the process going? The planner's first page."""

from replan.infra.grafana.model import Column, Dashboard, Panel, Step, Variable
from replan.infra.grafana.wording import (
    ANYWHERE,
    BAD,
    CATEGORY,
    ESCALATIONS,
    GOOD,
    IN_TIME,
    LOCATION,
    REVIEW,
    WATCH,
    at,
    chosen,
    given,
    money,
    worse_above,
)

_EXCEPTIONS = (
    f"FROM v_exceptions WHERE {at('began_at')} BETWEEN {IN_TIME} "
    f"AND {chosen('category', 'category')}"
)
_REGION = f"coalesce(region, '{ANYWHERE}')"
_LEVEL = "coalesce(recipient, 'nobody')"
_MINE = (
    f"{chosen('category', 'category')} AND {chosen('level', _LEVEL)} "
    f"AND {chosen('location', _REGION)}"
)


def _rate(title: str, of: str, text: str, steps: tuple[Step, ...] = ()) -> Panel:
    return Panel(
        kind="stat",
        title=title,
        text=text,
        sql=f"SELECT avg(CASE WHEN {of} THEN 1.0 ELSE 0.0 END) AS rate {_EXCEPTIONS}",
        unit="percentunit",
        decimals=1,
        steps=steps,
        empty="no exception yet",
        width=3,
        height=4,
    )


def _cycle(title: str, share: float) -> Panel:
    return Panel(
        kind="stat",
        title=title,
        text="From the newest event that a case rests on to its first plan.",
        sql=f"SELECT percentile_cont({share}) WITHIN GROUP (ORDER BY cycle_seconds) AS cycle "
        f"{_EXCEPTIONS}",
        unit="dtdurations",
        empty="none yet",
        width=3,
        height=4,
    )


_KPIS = (
    _rate("Autonomous", "outcome = 'resolved'", "Exceptions that ran within authority, unasked."),
    _rate("Reviewed", "outcome = 'escalated'", "Exceptions that were put before a person."),
    Panel(
        kind="stat",
        title="Errors",
        text="Of those that ran by themselves: failed, called off, or found wrong afterwards.",
        sql=f"SELECT avg(CAST(wrong AS numeric)) AS rate {_EXCEPTIONS} AND outcome = 'resolved'",
        unit="percentunit",
        decimals=1,
        steps=worse_above(0.02, 0.05),
        empty="none ran yet",
        width=3,
        height=4,
    ),
    _cycle("Cycle time, median", 0.5),
    _cycle("Cycle time, nine of ten", 0.9),
    Panel(
        kind="stat",
        title="Cost per exception",
        text="Minutes of a review and what an hour costs are chosen above.",
        sql="SELECT sum(CASE WHEN outcome = 'escalated' THEN 1 ELSE 0 END) "
        "* CAST(${review_minutes:sqlstring} AS numeric) / 60 "
        "* CAST(${hourly_cost:sqlstring} AS numeric) / nullif(count(*), 0) AS cost "
        f"{_EXCEPTIONS}",
        decimals=2,
        empty="no exception yet",
        width=3,
        height=4,
    ),
    Panel(
        kind="stat",
        title="Open",
        sql=f"SELECT count(*) AS open FROM v_queue WHERE {_MINE}",
        width=3,
        height=4,
    ),
    Panel(
        kind="stat",
        title="Past deadline",
        text="These go to the next recipient at the next tick.",
        sql=f"SELECT count(*) AS late FROM v_queue WHERE seconds_left < 0 AND {_MINE}",
        steps=(Step(colour=GOOD), Step(colour=BAD, above=1)),
        width=3,
        height=4,
    ),
)

_QUEUE = Panel(
    kind="table",
    title="What waits for a decision",
    text="The most urgent first: value at risk by the hours left. A click on review opens the case "
    "in a new tab.",
    sql=f"""SELECT seconds_left, decision_id, headline, site, region, item,
       {money("at_risk_p50_minor")} AS at_risk,
       round(cast({money("at_risk_p10_minor")} AS numeric)) || ' – '
           || round(cast({money("at_risk_p90_minor")} AS numeric)) AS at_risk_range,
       currency, question,
       coalesce(why_code, 'released by a person') || coalesce(' · ' || rule_id, '') AS reason,
       confidence, state, recipient, of_cause, urgency
FROM v_queue AS waits
WHERE {_MINE} AND ({given("escalation")} IN ('', decision_id))
  AND ({given("children")} = 'listed' OR {given("escalation")} = decision_id OR parent IS NULL
       OR NOT EXISTS (SELECT 1 FROM v_queue AS first WHERE first.decision_id = waits.parent))
ORDER BY urgency DESC NULLS LAST, seconds_left, decision_id""",
    columns=(
        Column(
            name="seconds_left",
            title="Time left",
            unit="dtdurations",
            width=110,
            steps=(
                Step(colour=BAD),
                Step(colour=WATCH, above=3_600),
                Step(colour="text", above=14_400),
            ),
        ),
        Column(
            name="decision_id",
            title="Review",
            width=110,
            link=REVIEW,
            link_title="Review ${__data.fields.decision_id}",
        ),
        Column(name="headline", title="What happens", width=380),
        Column(name="site", title="Site", width=80),
        Column(name="region", title="Region", width=90),
        Column(name="item", title="Item", width=110),
        Column(name="at_risk", title="At risk, middle", decimals=0, width=110),
        Column(name="at_risk_range", title="At risk, 8 of 10", width=120),
        Column(name="currency", title="", width=60),
        Column(name="question", title="Question", width=380),
        Column(name="reason", title="Why a person", width=150),
        Column(name="confidence", title="Confidence", unit="percentunit", decimals=0, width=95),
        Column(name="state", title="State", width=95),
        Column(name="recipient", title="For", width=130),
        Column(name="of_cause", title="Of this cause", width=90),
        Column(name="urgency", title="Urgency", decimals=0, width=85),
    ),
    empty="Nothing waits.",
    width=24,
    height=13,
)

_VOLUME = Panel(
    kind="timeseries",
    title="Exceptions a day, by category",
    sql=f"""SELECT date_trunc('day', {at("began_at")}) AS time, category AS metric, count(*) AS n
{_EXCEPTIONS} GROUP BY 1, 2 ORDER BY 1, 2""",
    stacked=True,
    decimals=0,
    lowest=0,
    width=8,
    height=8,
)

_VELOCITY = Panel(
    kind="timeseries",
    title="Pace: exceptions and reviews a week",
    text="Reviews that grow against exceptions are a boundary that erodes.",
    sql=f"""SELECT date_trunc('week', {at("began_at")}) AS time, count(*) AS exceptions,
       sum(CASE WHEN outcome = 'escalated' THEN 1 ELSE 0 END) AS reviewed
{_EXCEPTIONS} GROUP BY 1 ORDER BY 1""",
    columns=(Column(name="exceptions", style="bars"), Column(name="reviewed", colour=WATCH)),
    decimals=0,
    lowest=0,
    width=8,
    height=8,
)

_ANSWERED = Panel(
    kind="table",
    title="What became of it",
    text="Answers of people, newest first, with the state of the decision now.",
    sql=f"""SELECT {at("verdicts.at")} AS answered, verdicts.decision_id, verdicts.verdict,
       verdicts.chip, verdicts.result, coalesce(verdicts.code, '') AS code, decisions.state
FROM v_verdicts AS verdicts JOIN v_decisions AS decisions USING (decision_id)
WHERE {at("verdicts.at")} BETWEEN {IN_TIME} ORDER BY 1 DESC LIMIT 100""",
    columns=(
        Column(name="answered", title="Answered", unit="dateTimeAsIso", width=150),
        Column(name="decision_id", title="Review", width=110, link=REVIEW),
        Column(name="verdict", title="Verdict"),
        Column(name="chip", title="Reason"),
        Column(name="result", title="Taken"),
        Column(name="code", title="Why not"),
        Column(name="state", title="State now"),
    ),
    empty="No answer in this time.",
    width=8,
    height=8,
)

BOARD = Dashboard(
    uid=ESCALATIONS,
    title="Escalations",
    text="What waits for a person, by when, and how the process is going.",
    variables=(
        CATEGORY,
        LOCATION,
        Variable(
            name="level",
            label="For",
            sql="SELECT DISTINCT coalesce(recipient, 'nobody') FROM v_decisions ORDER BY 1",
            several=True,
        ),
        Variable(name="escalation", label="Decision"),
        Variable(name="children", label="More of one cause", choices=("collapsed", "listed")),
        Variable(name="review_minutes", label="Minutes a review", text="8"),
        Variable(name="hourly_cost", label="Cost of an hour", text="60"),
    ),
    rows=(_KPIS, (_QUEUE,), (_VOLUME, _VELOCITY, _ANSWERED)),
    refresh="10s",
)

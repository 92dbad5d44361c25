"""What may run by itself, how much of it is used, and how has the boundary moved?"""

from replan.infra.grafana.model import Column, Dashboard, Panel
from replan.infra.grafana.wording import BAD, GOOD, IN_TIME, WATCH, at, money, worse_above

_USED = Panel(
    kind="bargauge",
    title="Caps: used of what is allowed",
    text="Of money where a cap limits money, else of the number of actions.",
    sql="""SELECT scope || ' · ' || "window" AS metric,
       CAST(coalesce(used_minor / nullif(CAST(limit_minor AS numeric), 0),
                     used_count / nullif(CAST(limit_count AS numeric), 0)) AS double precision)
           AS used
FROM v_caps ORDER BY 1""",
    unit="percentunit",
    lowest=0,
    highest=1,
    steps=worse_above(0.7, 0.9),
    empty="No cap is in force, or none was used yet.",
    width=10,
    height=9,
)

_CAPS = Panel(
    kind="table",
    title="Caps in numbers",
    text="Money in minor units of the table's currency.",
    sql="""SELECT scope, "window", used_minor, limit_minor, used_count, limit_count
FROM v_caps ORDER BY 1, 2""",
    columns=(
        Column(name="scope", title="For"),
        Column(name="window", title="Within"),
        Column(name="used_minor", title="Used, minor units"),
        Column(name="limit_minor", title="Limit, minor units"),
        Column(name="used_count", title="Used, actions"),
        Column(name="limit_count", title="Limit, actions"),
    ),
    empty="None.",
    width=14,
    height=9,
)

_LIMITS = Panel(
    kind="table",
    title="The table in force",
    sql=f"""SELECT rule_id, text, mode, {money("limit_minor")} AS limit_value, currency, recipient,
       table_name || ' ' || version AS version, {at("effective_to")} AS until
FROM v_authority WHERE in_force = 1 ORDER BY 1""",
    columns=(
        Column(name="rule_id", title="Row", width=120),
        Column(name="text", title="What it says", width=480),
        Column(
            name="mode",
            title="Answer",
            width=110,
            words={"AUTO": "runs", "CLARIFY": "asks first", "ESCALATE": "to a person"},
        ),
        Column(name="limit_value", title="Up to", decimals=2, width=110),
        Column(name="currency", title="", width=60),
        Column(name="recipient", title="For"),
        Column(name="version", title="Version"),
        Column(name="until", title="In force until", unit="dateTimeAsIso", width=150),
    ),
    empty="No table is in force: everything goes to a person.",
    width=24,
    height=9,
)

_MOVED = Panel(
    kind="timeseries",
    title="How the boundary moved: what rows let run by themselves",
    text="The limit of each row that runs by itself, from the moment a version first decided.",
    # What holds still does so at the end of the time shown.
    sql=f"""SELECT {at("seen_at")} AS time, rule_id AS metric, {money("limit_minor")} AS up_to
FROM v_authority WHERE mode = 'AUTO' AND limit_minor IS NOT NULL
UNION ALL
SELECT CAST($__timeTo() AS timestamptz), rule_id, {money("limit_minor")}
FROM v_authority WHERE mode = 'AUTO' AND limit_minor IS NOT NULL AND in_force = 1
ORDER BY 1, 2""",
    interpolated_by_steps=True,
    empty="No row runs by itself up to a limit.",
    lowest=0,
    width=12,
    height=9,
)

_VERSIONS = Panel(
    kind="table",
    title="Versions that decided",
    sql=f"""SELECT {at("seen_at")} AS seen, table_name, version, count(*) AS rules,
       sum(CASE WHEN mode = 'AUTO' THEN 1 ELSE 0 END) AS runs, author, approver,
       {at("effective_from")} AS since, {at("effective_to")} AS until, in_force
FROM v_authority
GROUP BY hash, seen_at, table_name, version, author, approver, effective_from, effective_to,
         in_force
ORDER BY 1 DESC""",
    columns=(
        Column(name="seen", title="First decided", unit="dateTimeAsIso", width=150),
        Column(name="table_name", title="Table"),
        Column(name="version", title="Version"),
        Column(name="rules", title="Rows"),
        Column(name="runs", title="Run by themselves"),
        Column(name="author", title="Written by"),
        Column(name="approver", title="Approved by"),
        Column(name="since", title="From", unit="dateTimeAsIso", width=150),
        Column(name="until", title="To", unit="dateTimeAsIso", width=150),
        Column(name="in_force", title="Holds", words={"1": "yes", "0": "no"}, width=70),
    ),
    empty="No table has decided yet.",
    width=12,
    height=9,
)

_WHY = Panel(
    kind="barchart",
    title="Why plans went to a person",
    sql=f"""SELECT why_code AS reason, count(*) AS plans
FROM v_decisions WHERE why_code IS NOT NULL AND {at("decided_at")} BETWEEN {IN_TIME}
GROUP BY 1 ORDER BY 2 DESC""",
    columns=(Column(name="plans", title="Plans", colour=WATCH),),
    empty="None did in this time.",
    decimals=0,
    width=12,
    height=8,
)

_STATES = Panel(
    kind="timeseries",
    title="Plans a day, by what became of them",
    sql=f"""SELECT date_trunc('day', {at("decided_at")}) AS time, state AS metric, count(*) AS n
FROM v_decisions WHERE chosen <> 'none' AND {at("decided_at")} BETWEEN {IN_TIME}
GROUP BY 1, 2 ORDER BY 1, 2""",
    columns=(
        Column(name="executed", colour=GOOD),
        Column(name="escalated", colour=WATCH),
        Column(name="failed", colour=BAD),
    ),
    stacked=True,
    decimals=0,
    lowest=0,
    width=12,
    height=8,
)

BOARD = Dashboard(
    uid="replan-authority",
    title="Authority",
    text="What may run by itself, how much of it is used, and how the boundary has moved.",
    rows=((_USED, _CAPS), (_LIMITS,), (_MOVED, _VERSIONS), (_WHY, _STATES)),
)

"""Does the machine run? What is behind, late, lost, stopped, or not checked for long."""

from replan.infra.grafana.model import Column, Dashboard, Panel, Step
from replan.infra.grafana.wording import BAD, GOOD, IN_TIME, at, day, worse_above

_STOPS_AT_ONE = (Step(colour=GOOD), Step(colour=BAD, above=1))


def _stat(
    title: str,
    column: str,
    text: str = "",
    *,
    unit: str | None = None,
    steps: tuple[Step, ...] = (),
    empty: str | None = None,
    as_text: bool = False,
    words: dict[str, str] | None = None,
) -> Panel:
    name = column.rsplit(" AS ", 1)[-1]
    return Panel(
        kind="stat",
        title=title,
        text=text,
        sql=f"SELECT {column} FROM v_stream_health",
        unit=unit,
        steps=steps,
        empty=empty,
        as_text=as_text,
        columns=() if words is None else (Column(name=name, words=words),),
        width=4,
        height=4,
    )


_FIRST = (
    _stat(
        "Stopped",
        "stopped",
        "How many stops hold: while one does, what it covers waits for a person.",
        steps=_STOPS_AT_ONE,
        words={"0": "no"},
    ),
    _stat("Mode", "mode", "Of the newest run.", as_text=True, empty="no run yet"),
    _stat(
        "Behind",
        "behind_seconds",
        "How far the newest decisions stand behind the newest events.",
        unit="dtdurations",
        steps=worse_above(3_601, 7_200),
        empty="no event yet",
    ),
    _stat(
        "Late events",
        "late_share",
        "Came after the lateness bound: they count for history and training alone.",
        unit="percentunit",
        steps=worse_above(0.01, 0.05),
        empty="no event yet",
    ),
    _stat("Dead letters", "dlq", "Events that were not applied.", steps=worse_above(1, 100)),
    _stat(
        "Series on a fallback model",
        "fallback_series",
        "What rests on these is never carried out unseen.",
        steps=worse_above(1, 10),
    ),
)
_SECOND = (
    _stat("Open alarms", "open_alarms", steps=worse_above(1, 5)),
    _stat(
        "Commands waiting",
        "commands_waiting",
        "Decided and not sent yet.",
        steps=worse_above(20, 100),
    ),
    _stat(
        "Last ledger check",
        "extract(epoch FROM now() - CAST(checked_at AS timestamptz)) AS age",
        "Since `replan audit verify` last went through all records.",
        unit="dtdurations",
        steps=worse_above(86_400, 604_800),
        empty="never",
    ),
    _stat(
        "Did it hold",
        "check_held",
        steps=(Step(colour=BAD), Step(colour=GOOD, above=1)),
        words={"1": "yes", "0": "NO"},
        empty="never checked",
    ),
    _stat("Events taken", "accepted"),
    _stat("Events refused", "rejected + quarantined AS refused", steps=worse_above(1, 100)),
)

_ALARMS = Panel(
    kind="table",
    title="Alarms",
    sql=f"""SELECT {at("opened_at")} AS opened, {at("closed_at")} AS closed, kind, item, site,
       model, source, text
FROM v_alarms WHERE closed_at IS NULL OR {at("opened_at")} BETWEEN {IN_TIME}
ORDER BY closed_at IS NOT NULL, 1 DESC LIMIT 200""",
    columns=(
        Column(name="opened", title="From", unit="dateTimeAsIso", width=150),
        Column(name="closed", title="To", unit="dateTimeAsIso", width=150),
        Column(name="kind", title="What", width=110),
        Column(name="item", title="Item", width=100),
        Column(name="site", title="Site", width=90),
        Column(name="model", title="Model", width=110),
        Column(name="source", title="Source", width=130),
        Column(name="text", title="In words"),
    ),
    empty="None.",
    width=16,
    height=10,
)
_ACTIONS = Panel(
    kind="table",
    title="Actions, by what became of them",
    sql="SELECT state, count(*) AS actions FROM v_actions GROUP BY 1 ORDER BY 2 DESC, 1",
    columns=(Column(name="state", title="State"), Column(name="actions", title="Actions")),
    empty="None yet.",
    width=8,
    height=10,
)
_DECISIONS = Panel(
    kind="timeseries",
    title="Decisions a day",
    sql=f"""SELECT {day()} AS time, sum(decisions) AS decisions
FROM v_kpi_daily WHERE {day()} BETWEEN {IN_TIME} GROUP BY 1 ORDER BY 1""",
    columns=(Column(name="decisions", style="bars"),),
    decimals=0,
    lowest=0,
    width=24,
    height=7,
)

BOARD = Dashboard(
    uid="replan-system",
    title="System",
    text="What is behind, late, lost, stopped, or not checked for long.",
    rows=(_FIRST, _SECOND, (_ALARMS, _ACTIONS), (_DECISIONS,)),
    refresh="10s",
)

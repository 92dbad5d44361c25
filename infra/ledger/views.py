"""What may dashboards and auditors read? The ledger's views, stable in names and columns.

Instants come out as RFC 3339 in UTC, quantities in base units, money in minor units. The views are
made again whenever their text changed, so they need no migration of their own. Their text is one
for both databases but for a few words, which stand as `@word@` and are spelt for each below.
"""

from functools import cache
from typing import Final

import sqlalchemy as sa

from replan.canonical import digest
from replan.desk_state import PENDING
from replan.hindsight import PLANS
from replan.urgency import LEAST_HOURS


def _instant(column: str) -> str:
    # Whole seconds lose their six zeros, as everywhere else in what we publish.
    return f"replace({column}, '.000000Z', 'Z')"


def _counted(name: str) -> str:
    return f"coalesce((SELECT value FROM counter WHERE name = 'events.{name}'), 0) AS {name}"


def _controlled(key: str, name: str) -> str:
    return f"(SELECT replace(value, '\"', '') FROM control WHERE key = '{key}') AS {name}"


_THOUSAND: Final = "CAST(1000 AS DOUBLE PRECISION)"

_URGENCY: Final = f"""CASE WHEN state IN ({", ".join(f"'{state}'" for state in sorted(PENDING))})
                    AND deadline IS NOT NULL
               THEN CAST(round(CAST(CAST(urgency AS DOUBLE PRECISION)
                          / @larger@(@hours_left@, {LEAST_HOURS}) AS NUMERIC), 6)
                         AS DOUBLE PRECISION)
               END"""
"""As in `replan.urgency`: the column holds what is at risk, the time left is counted now."""

_CLOCK: Final = "(SELECT replace(value, '\"', '') FROM control WHERE key = 'clock')"
_LEVELS: Final = ("p05", "p10", "p25", "p50", "p75", "p90", "p95")


def _levels(column: str) -> str:
    return ", ".join(column.format(k, level) for k, level in enumerate(_LEVELS))


_RESULT: Final[dict[str, tuple[str, ...]]] = {
    **{f"{name}_minor": ("cost_minor", name) for name in PLANS},
    **{name: (name,) for name in ("gained_minor", "missed_minor", "override_minor")},
    **{name: (name,) for name in ("days", "days_estimated")},
}
"""Whole numbers of a result: column → where it stands in it."""


def _result_columns(spelling: str, joint: str) -> str:
    """`spelling`: how a number of a result is read, with `{}` for its path."""
    return ", ".join(
        f"{spelling.format(joint.join(path))} AS {name}" for name, path in _RESULT.items()
    )


_SPELT: Final[dict[str, dict[str, str]]] = {
    "sqlite": {
        "has_result": "json_type(body, '$.result') IS NOT NULL",
        "result_verdict": "json_extract(body, '$.result.verdict')",
        "result_best": "json_extract(body, '$.result.best')",
        "result_numbers": _result_columns("json_extract(body, '$.result.{}')", "."),
        "larger": "max",
        "hours_left": f"(julianday(deadline) - julianday({_CLOCK})) * 24.0",
        "days_ahead": f"""
              SELECT forecast.item, forecast.site, forecast.made_at,
                     date(forecast.first_day, '+' || day.key || ' days') AS date,
                     {_levels("json_extract(day.value, '$[{}]') AS {}")}
              FROM forecast_now AS forecast, json_each(forecast.body) AS day""",
    },
    "postgresql": {
        "has_result": "CAST(body AS jsonb) ? 'result'",
        "result_verdict": "CAST(body AS jsonb) #>> '{result,verdict}'",
        "result_best": "CAST(body AS jsonb) #>> '{result,best}'",
        "result_numbers": _result_columns(
            "CAST(CAST(body AS jsonb) #>> '{{result,{}}}' AS BIGINT)", ","
        ),
        "larger": "greatest",
        "hours_left": f"extract(epoch FROM CAST(deadline AS timestamptz)"
        f" - CAST({_CLOCK} AS timestamptz)) / 3600.0",
        "days_ahead": f"""
              SELECT forecast.item, forecast.site, forecast.made_at,
                     to_char(CAST(forecast.first_day AS date) + CAST(day.n AS integer) - 1,
                             'YYYY-MM-DD') AS date,
                     {_levels("CAST(day.value ->> {} AS DOUBLE PRECISION) AS {}")}
              FROM forecast_now AS forecast,
                   jsonb_array_elements(CAST(forecast.body AS jsonb)) WITH ORDINALITY
                       AS day(value, n)""",
    },
}

VIEWS: Final[dict[str, str]] = {
    "v_decisions": f"""
        SELECT decision_id, version, state, planning_group, item, site, category, cause,
               incident_id, event_time, {_instant("decided_at")} AS decided_at, mode, chosen,
               rule_id, why_code, value_minor, currency, confidence, deadline, recipient,
               {_URGENCY} AS urgency, body
        FROM decision_now""",
    "v_actions": f"""
        SELECT action_id, decision_id, kind, item, from_site, to_site, qty / {_THOUSAND} AS qty,
               cost_minor, state, idem, {_instant("sent_at")} AS sent_at,
               {_instant("acked_at")} AS acked_at
        FROM action""",
    "v_escalations": f"""
        SELECT decision_id, version, state, recipient, deadline, {_URGENCY} AS urgency, value_minor
        FROM decision_now
        WHERE was_escalated""",
    "v_verdicts": f"""
        SELECT decision_id, version, login, verdict, chip, note, {_instant("at")} AS at, result,
               code
        FROM verdict""",
    "v_caps": """
        SELECT scope, "window", used_minor, limit_minor, used_count, limit_count
        FROM cap_now""",
    "v_forecast": f"""
        SELECT item, site, date, {_instant("made_at")} AS made_at, {", ".join(_LEVELS)},
               actual / {_THOUSAND} AS actual, censored
        FROM forecast_day
        UNION ALL
        SELECT ahead.item, ahead.site, ahead.date, {_instant("ahead.made_at")},
               {", ".join(f"ahead.{level}" for level in _LEVELS)}, NULL, NULL
        FROM (@days_ahead@) AS ahead
        WHERE NOT EXISTS (SELECT 1 FROM forecast_day AS closed
                          WHERE closed.item = ahead.item AND closed.site = ahead.site
                            AND closed.date = ahead.date)""",
    "v_kpi_daily": """
        SELECT substr(decided_at, 1, 10) AS date, category, state, count(*) AS decisions,
               CAST(sum(value_minor) AS BIGINT) AS value_minor
        FROM decision_now
        GROUP BY substr(decided_at, 1, 10), category, state""",
    "v_exceptions_by_category": """
        SELECT category, count(*) AS decisions,
               sum(CASE WHEN was_escalated THEN 1 ELSE 0 END) AS escalations,
               sum(CASE WHEN state = 'escalated' THEN 1 ELSE 0 END) AS open,
               sum(CASE WHEN state = 'executed' THEN 1 ELSE 0 END) AS executed,
               CAST(sum(value_minor) AS BIGINT) AS value_minor
        FROM decision_now
        GROUP BY category""",
    "v_stream_health": f"""
        SELECT {_controlled("clock", "clock")},
               (SELECT {_instant("max(tick)")} FROM manifest) AS last_tick,
               {_counted("accepted")}, {_counted("rejected")}, {_counted("duplicate")},
               {_counted("late")}, {_counted("quarantined")},
               (SELECT count(*) FROM dlq) AS dlq, {_controlled("run_mode", "mode")}""",
    "v_results": """
        SELECT decision_id, version, state, item, site, category, cause, rule_id, mode, chosen,
               @result_verdict@ AS verdict, @result_best@ AS best, currency, @result_numbers@
        FROM decision_now
        WHERE @has_result@""",
    "v_alarms": f"""
        SELECT alarm_id, kind, item, site, model, source, {_instant("opened_at")} AS opened_at,
               {_instant("closed_at")} AS closed_at, text
        FROM alarm""",
    "v_model_health": f"""
        SELECT item, site, count(*) AS days,
               CAST(avg(CASE WHEN actual / {_THOUSAND} BETWEEN p05 AND p95 THEN 1.0 ELSE 0.0 END)
                    AS DOUBLE PRECISION) AS coverage,
               sum(abs(actual / {_THOUSAND} - p50)) / nullif(sum(actual) / {_THOUSAND}, 0) AS wape,
               (sum(p50) - sum(actual) / {_THOUSAND}) / nullif(sum(actual) / {_THOUSAND}, 0) AS bias
        FROM forecast_day
        WHERE p50 IS NOT NULL AND NOT censored
        GROUP BY item, site""",
    "v_shadow": """
        SELECT date, category, cases, agreed, agreement_low, agreement_high, cost_delta_minor,
               currency, cause
        FROM shadow_day""",
    "v_shadow_cases": f"""
        SELECT decision_id, date, category, item, site, model, {_instant("at")} AS at, agreed,
               difference, cost_delta_minor, currency, found_by
        FROM shadow_case""",
    "v_audit": f"""
        SELECT writer, seq, prev, hash, body, {_instant("at")} AS at
        FROM audit""",
}


@cache
def _spelt(dialect: str) -> dict[str, str]:
    """The views as a database understands them."""
    found = dict(VIEWS)
    for word, spelling in _SPELT[dialect].items():
        found = {name: text.replace(f"@{word}@", spelling) for name, text in found.items()}
    return found


@cache
def views_sha(dialect: str) -> str:
    """Digest of the text of all views; the ledger keeps it to see whether they must be made
    again.
    """
    return digest(_spelt(dialect))


def drop_views(conn: sa.Connection) -> None:
    """Remove the views, so that a migration may change the tables below them."""
    for name in VIEWS:
        conn.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def create_views(conn: sa.Connection) -> None:
    """Make all views; none of them may stand."""
    for name, select in _spelt(conn.dialect.name).items():
        conn.exec_driver_sql(f"CREATE VIEW {name} AS {select}")

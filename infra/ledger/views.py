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

_WAITING: Final = ", ".join(f"'{state}'" for state in sorted(PENDING))

_URGENCY: Final = f"""CASE WHEN state IN ({_WAITING})
                    AND deadline IS NOT NULL
               THEN CAST(round(CAST(CAST(urgency AS DOUBLE PRECISION)
                          / @larger@(@hours_left@, {LEAST_HOURS}) AS NUMERIC), 6)
                         AS DOUBLE PRECISION)
               END"""
"""As in `replan.urgency`: the column holds what is at risk, the time left is counted now."""

_CLOCK: Final = "(SELECT replace(value, '\"', '') FROM control WHERE key = 'clock')"
_IN_FORCE: Final = "(SELECT replace(value, '\"', '') FROM control WHERE key = 'authority_in_force')"
_LEVELS: Final = ("p05", "p10", "p25", "p50", "p75", "p90", "p95")


_STOCK: Final = ("without_p10", "without_p50", "without_p90", "with_p10", "with_p50", "with_p90")

_MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "headline": ("brief", "headline", "text"),
    "question": ("brief", "question"),
    "risk_p10": ("brief", "headline", "value_minor", "p10"),
    "risk_p50": ("brief", "headline", "value_minor", "p50"),
    "risk_p90": ("brief", "headline", "value_minor", "p90"),
    "parent": ("parent",),
}
"""Members of a body that are read where a decision waits: these are few."""

_CASE: Final[dict[str, tuple[str, str]]] = {
    "decision_id": ("decision_id", "TEXT"),
    "version": ("version", "BIGINT"),
    "item": ("item", "TEXT"),
    "site": ("site", "TEXT"),
    "category": ("category", "TEXT"),
    "cause": ("cause", "TEXT"),
    "incident_id": ("incident_id", "TEXT"),
    "chosen": ("chosen", "TEXT"),
    "value_minor": ("value_minor", "BIGINT"),
    "currency": ("currency", "TEXT"),
    "why_code": ("why_escalated.code", "TEXT"),
    "rule_id": ("rule_id", "TEXT"),
    "confidence": ("confidence", "DOUBLE PRECISION"),
    "state": ("state", "TEXT"),
    "recipient": ("recipient", "TEXT"),
    "deadline": ("deadline", "TEXT"),
    "urgency": ("at_risk_minor", "TEXT"),
    "decided_at": ("decided_at", "TEXT"),
    "mode": ("mode", "TEXT"),
}
"""What the queue shows of a case, and where it stands in a body: a planted check has no row among
decisions, and must look like one.
"""

_SPANS: Final[dict[str, tuple[str, str]]] = {
    "cycle": ("event_time", "decided_at"),
    "left": (_CLOCK, "deadline"),
    "behind": ("(SELECT max(tick) FROM manifest)", _CLOCK),
}
"""Seconds from one instant to another."""


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


def _case(spelling: str, joint: str) -> str:
    return ", ".join(
        f"CAST({spelling.format(path.replace('.', joint))} AS {kind}) AS {name}"
        for name, (path, kind) in _CASE.items()
    )


def _stock(column: str) -> str:
    return ", ".join(column.format(k, name) for k, name in enumerate(_STOCK))


_FACTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "at_risk_minor": (("at_risk_minor",), "BIGINT"),
    "dq": (("dq",), "TEXT"),
    "cause_confidence": (("cause_confidence",), "DOUBLE PRECISION"),
    "tags": (("tags",), "TEXT"),
    "model": (("model", "name"), "TEXT"),
    "recommended": (("brief", "recommendation", "option"), "TEXT"),
    "override_minor": (("result", "override_minor"), "BIGINT"),
    "gained_minor": (("result", "gained_minor"), "BIGINT"),
}
"""Facts of a case that go with a label: column → where it stands in the body, and what it is."""


def _facts(spelling: str, joint: str) -> str:
    return ", ".join(
        f"CAST({spelling.format(joint.join(path))} AS {kind}) AS {name}"
        for name, (path, kind) in _FACTS.items()
    )


_SPELT: Final[dict[str, dict[str, str]]] = {
    "sqlite": {
        "label_facts": _facts("json_extract(now.body, '$.{}')", "."),
        "has_result": "json_type(body, '$.result') IS NOT NULL",
        "result_verdict": "json_extract(body, '$.result.verdict')",
        "result_best": "json_extract(body, '$.result.best')",
        "result_numbers": _result_columns("json_extract(body, '$.result.{}')", "."),
        **{name: f"json_extract(body, '$.{'.'.join(path)}')" for name, path in _MEMBERS.items()},
        **{
            name: f"CAST(round((julianday({end}) - julianday({start})) * 86400.0) AS INTEGER)"
            for name, (start, end) in _SPANS.items()
        },
        "case": _case("json_extract(body, '$.{}')", "."),
        "stops": "json_array_length(value, '$.in_force')",
        "stock_ahead": f"""
              SELECT item, site, decision_id, made_at, safety_stock,
                     date(first_day, '+' || day.key || ' days') AS date,
                     {_stock("json_extract(day.value, '$[{}]') AS {}")}
              FROM projection, json_each(projection.body) AS day""",
        "larger": "max",
        "hours_left": f"(julianday(deadline) - julianday({_CLOCK})) * 24.0",
        "days_ahead": f"""
              SELECT forecast.item, forecast.site, forecast.made_at,
                     date(forecast.first_day, '+' || day.key || ' days') AS date,
                     {_levels("json_extract(day.value, '$[{}]') AS {}")}
              FROM forecast_now AS forecast, json_each(forecast.body) AS day""",
    },
    "postgresql": {
        "label_facts": _facts("CAST(now.body AS jsonb) #>> '{{{}}}'", ","),
        "has_result": "CAST(body AS jsonb) ? 'result'",
        "result_verdict": "CAST(body AS jsonb) #>> '{result,verdict}'",
        "result_best": "CAST(body AS jsonb) #>> '{result,best}'",
        "result_numbers": _result_columns(
            "CAST(CAST(body AS jsonb) #>> '{{result,{}}}' AS BIGINT)", ","
        ),
        **{
            name: f"CAST(body AS jsonb) #>> '{{{','.join(path)}}}'"
            for name, path in _MEMBERS.items()
        },
        **{
            name: f"CAST(round(extract(epoch FROM CAST({end} AS timestamptz)"
            f" - CAST({start} AS timestamptz))) AS BIGINT)"
            for name, (start, end) in _SPANS.items()
        },
        "case": _case("CAST(body AS jsonb) #>> '{{{}}}'", ","),
        "stops": "jsonb_array_length(CAST(value AS jsonb) -> 'in_force')",
        "stock_ahead": f"""
              SELECT item, site, decision_id, made_at, safety_stock,
                     to_char(CAST(first_day AS date) + CAST(day.n AS integer) - 1,
                             'YYYY-MM-DD') AS date,
                     {_stock("CAST(day.value ->> {} AS DOUBLE PRECISION) AS {}")}
              FROM projection,
                   jsonb_array_elements(CAST(projection.body AS jsonb)) WITH ORDINALITY
                       AS day(value, n)""",
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
    "v_queue": f"""
        SELECT decision_id, version, @headline@ AS headline, @question@ AS question, item, site,
               (SELECT min(series.region) FROM series WHERE series.site = waits.site) AS region,
               category, cause, incident_id, @parent@ AS parent,
               count(*) OVER (PARTITION BY incident_id) AS of_cause,
               CAST(@risk_p10@ AS BIGINT) AS at_risk_p10_minor,
               CAST(@risk_p50@ AS BIGINT) AS at_risk_p50_minor,
               CAST(@risk_p90@ AS BIGINT) AS at_risk_p90_minor,
               chosen, value_minor, currency, why_code, rule_id, confidence, state, recipient,
               deadline, @left@ AS seconds_left, {_URGENCY} AS urgency,
               {_instant("decided_at")} AS decided_at, mode
        FROM (SELECT {", ".join(_CASE)}, body
              FROM decision_now
              WHERE state IN ({_WAITING})
              UNION ALL
              SELECT @case@, body
              FROM planted
              WHERE answered_at IS NULL AND deadline > {_CLOCK}) AS waits""",
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
        SELECT item, site, date, {_instant("made_at")}, {", ".join(_LEVELS)}, NULL, NULL
        FROM forecast_begun
        UNION ALL
        SELECT ahead.item, ahead.site, ahead.date, {_instant("ahead.made_at")},
               {", ".join(f"ahead.{level}" for level in _LEVELS)}, NULL, NULL
        FROM (@days_ahead@) AS ahead
        WHERE NOT EXISTS (SELECT 1 FROM forecast_day AS closed
                          WHERE closed.item = ahead.item AND closed.site = ahead.site
                            AND closed.date = ahead.date)""",
    "v_projection": f"""
        SELECT item, site, date, decision_id, {_instant("made_at")} AS made_at,
               {", ".join(_STOCK)}, safety_stock
        FROM (@stock_ahead@) AS ahead""",
    "v_exceptions": f"""
        SELECT episode, {_instant("decided_at")} AS began_at, category, item, site,
               CASE WHEN reviewed = 1 THEN 'escalated' WHEN questions > 0 THEN 'clarified'
                    ELSE 'resolved' END AS outcome,
               CASE WHEN reviewed = 0 AND questions = 0 AND wrong = 1 THEN 1 ELSE 0 END AS wrong,
               @cycle@ AS cycle_seconds, value_minor, currency
        FROM (SELECT episode, decided_at, event_time, category, item, site, value_minor, currency,
                     row_number() OVER (PARTITION BY episode
                                        ORDER BY decided_at, decision_id) AS n,
                     max(CASE WHEN was_escalated OR mode = 'recommend'
                                   OR (asked = 'asked' AND state = 'expired')
                              THEN 1 ELSE 0 END) OVER (PARTITION BY episode) AS reviewed,
                     count(asked) OVER (PARTITION BY episode) AS questions,
                     max(CASE WHEN state IN ('failed', 'unknown', 'cancelled') OR found = 'wrong'
                              THEN 1 ELSE 0 END) OVER (PARTITION BY episode) AS wrong
              FROM decision_now
              WHERE chosen <> 'none' AND episode IS NOT NULL) AS plans
        WHERE n = 1""",
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
               (SELECT count(*) FROM dlq) AS dlq, {_controlled("run_mode", "mode")},
               @behind@ AS behind_seconds,
               (SELECT sum(CASE WHEN name = 'events.late' THEN value ELSE 0 END)
                           / nullif(CAST(sum(value) AS DOUBLE PRECISION), 0)
                FROM counter WHERE substr(name, 1, 7) = 'events.') AS late_share,
               (SELECT count(*) FROM series WHERE degraded) AS fallback_series,
               (SELECT count(*) FROM alarm WHERE closed_at IS NULL) AS open_alarms,
               (SELECT count(*) FROM outbox WHERE state IN ('pending', 'claimed', 'attempted'))
                   AS commands_waiting,
               coalesce((SELECT @stops@ FROM control WHERE key = 'stops'), 0) AS stopped,
               {_controlled("checked_at", "checked_at")},
               (SELECT CASE value WHEN 'true' THEN 1 WHEN 'false' THEN 0 END
                FROM control WHERE key = 'check_held') AS check_held""",
    # What people said of a case, without who said it.
    "v_labels": f"""
        SELECT now.decision_id, verdict.version, {_instant("verdict.at")} AS at,
               CASE WHEN now.was_escalated OR now.mode = 'recommend' THEN 'verdict'
                    ELSE 'spot_check' END AS kind,
               verdict.verdict, verdict.chip, verdict.note, now.item, now.site, now.category,
               now.cause, now.incident_id, now.mode, now.state, now.chosen, now.rule_id,
               now.why_code, now.value_minor, now.currency, now.confidence, @label_facts@
        FROM verdict JOIN decision_now AS now ON now.decision_id = verdict.decision_id
        WHERE verdict.result = 'accepted'""",
    "v_results": """
        SELECT decision_id, version, state, item, site, category, cause, rule_id, mode, chosen,
               @result_verdict@ AS verdict, @result_best@ AS best, currency, @result_numbers@
        FROM decision_now
        WHERE @has_result@""",
    "v_alarms": f"""
        SELECT alarm_id, kind, item, site, model, source, {_instant("opened_at")} AS opened_at,
               {_instant("closed_at")} AS closed_at, text
        FROM alarm""",
    "v_notices": f"""
        SELECT notice.notice_id, notice.decision_id, notice.recipient,
               {_instant("notice.at")} AS at, way.way, way.state, way.attempts,
               {_instant("way.told_at")} AS told_at, way.note
        FROM notice LEFT JOIN notice_way AS way ON way.notice_id = notice.notice_id""",
    "v_model_health": f"""
        SELECT days.item, days.site, count(*) AS days,
               CAST(avg(CASE WHEN sold BETWEEN p05 AND p95 THEN 1.0 ELSE 0.0 END)
                    AS DOUBLE PRECISION) AS coverage,
               sum(abs(sold - p50)) / nullif(sum(sold), 0) AS wape,
               (sum(p50) - sum(sold)) / nullif(sum(sold), 0) AS bias,
               min(series.model) AS model, min(series.category) AS family,
               min(series.class) AS class, min(series.region) AS region,
               sqrt(avg((sold - p50) * (sold - p50))
                    / nullif(avg((sold - before) * (sold - before)), 0)) AS rmsse,
               max(CASE WHEN series.degraded THEN 1 ELSE 0 END) AS fallback
        FROM (SELECT item, site, p05, p50, p95, actual / {_THOUSAND} AS sold,
                     lag(actual) OVER (PARTITION BY item, site ORDER BY date) / {_THOUSAND}
                         AS before
              FROM forecast_day
              WHERE NOT censored) AS days
        LEFT JOIN series ON series.item = days.item AND series.site = days.site
        WHERE p50 IS NOT NULL
        GROUP BY days.item, days.site""",
    "v_authority": f"""
        SELECT hash, table_name, version, {_instant("effective_from")} AS effective_from,
               {_instant("effective_to")} AS effective_to, author, approver,
               {_instant("seen_at")} AS seen_at, rule_id, mode, limit_minor, currency, recipient,
               text, CASE WHEN hash = {_IN_FORCE} THEN 1 ELSE 0 END AS in_force
        FROM authority_row""",
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

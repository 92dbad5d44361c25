"""What does Grafana make of a query before the database sees it? Variables and macros, filled in.

As the PostgreSQL data source and the formatting of variables do it, for tests and for looking at a
query by hand; what is not known stays as it is, so that a check finds it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_GROUP: Final = re.compile(r"\$__timeGroup(?:Alias)?\(\s*([^,()]+),\s*'?([\w$]+)'?[^()]*\)")
_FILTER: Final = re.compile(r"\$__timeFilter\(([^()]*)\)")
_SPANS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Value = str | Sequence[str]


def expanded(
    sql: str,
    values: Mapping[str, Value],
    since: datetime,
    until: datetime,
    interval: str = "1h",
) -> str:
    """The query as the database gets it. `values`: by variable a text, or a list of them."""

    def filled(match: re.Match[str]) -> str:
        name, form = match.groups()
        if name not in values:
            return match.group()
        value = values[name]
        several = [value] if isinstance(value, str) else list(value)
        if form == "sqlstring":
            return ", ".join("'" + one.replace("'", "''") + "'" for one in several)
        return ",".join(several)

    first, last = _literal(since), _literal(until)
    text = _VARIABLE.sub(filled, sql).replace("$__interval", interval)
    text = _FILTER.sub(lambda m: f"{m.group(1)} BETWEEN {first} AND {last}", text)
    text = _GROUP.sub(lambda m: f"floor(extract(epoch from {m[1]})/{_seconds(m[2])})", text)
    return text.replace("$__timeFrom()", first).replace("$__timeTo()", last)


def variables_in(sql: str) -> set[str]:
    """Names of the variables that a query asks for."""
    return {match.group(1) for match in _VARIABLE.finditer(sql)}


def _literal(at: datetime) -> str:
    return "'" + at.astimezone(UTC).isoformat().replace("+00:00", "Z") + "'"


def _seconds(span: str) -> int:
    return int(span[:-1]) * _SPANS[span[-1]]

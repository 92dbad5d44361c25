"""How often would the engine have done what people did, and what is the difference worth?

By day and category, and over all days by category: how many played plans people decided, how many
alike, between what ends the true share lies (95 %), why the others differ and what it cost.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from replan.currencies import money_text
from replan.intervals import wilson


def shadow_rows(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a day and category, by day, then one row a category with `date` null."""
    days: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    whole: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for case in cases:
        days.setdefault((case["date"], case["category"], case["currency"]), []).append(case)
        whole.setdefault((case["category"], case["currency"]), []).append(case)
    rows = [_row(day, category, mine) for (day, category, _), mine in sorted(days.items())]
    return rows + [_row(None, category, mine) for (category, _), mine in sorted(whole.items())]


def _row(date: str | None, category: str, cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    agreed = sum(bool(case["agreed"]) for case in cases)
    low, high = wilson(agreed, len(cases))
    causes = Counter(case["difference"] for case in cases if case["difference"] is not None)
    priced = [case["cost_delta_minor"] for case in cases if case["cost_delta_minor"] is not None]
    return {
        "date": date,
        "category": category,
        "cases": len(cases),
        "agreed": agreed,
        "agreement": round(agreed / len(cases), 4),
        "agreement_low": low,
        "agreement_high": high,
        "cost_delta_minor": sum(priced),
        "not_priced": len(cases) - len(priced),
        "currency": cases[0]["currency"],
        "causes": dict(sorted(causes.items(), key=lambda cause: (-cause[1], cause[0]))),
    }


def shadow_lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The report as lines for a terminal."""
    lines = []
    for row in rows:
        causes = ", ".join(f"{n} {cause}" for cause, n in row["causes"].items())
        lines.append(
            f"{row['date'] or 'all days':<10}  {row['category']:<17} "
            f"{row['agreed']} of {row['cases']} alike "
            f"({100 * row['agreement_low']:.0f} to {100 * row['agreement_high']:.0f} %), "
            f"people's way cost {money_text(row['cost_delta_minor'], row['currency'])} more"
            + (f"; different: {causes}" if causes else "")
        )
    return lines or ["nobody has said yet what people did about a plan that was only played"]

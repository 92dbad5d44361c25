"""What did the days cost, with our actions, without any, and by the simple rule? Day by day, exact,
in one currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from replan.units import Units, quantity_json

_MICROS = 1_000_000


@dataclass(slots=True)
class DayTally:
    """What a store day cost: as it went, without any action (`idle`), and by `erp_rule` (`rule`).

    `lost`: thousandths of units not sold. Micros: millionths of a minor unit, of lost margin, of
    holding and of what perished. `direct`: what acting cost.
    """

    lost: int = 0
    lost_idle: int = 0
    lost_micros: int = 0
    lost_micros_idle: int = 0
    held_micros: int = 0
    held_micros_idle: int = 0
    wasted_micros: int = 0
    wasted_micros_idle: int = 0
    direct_minor: int = 0
    lost_rule: int = 0
    lost_micros_rule: int = 0
    held_micros_rule: int = 0
    wasted_micros_rule: int = 0
    direct_minor_rule: int = 0


def gained(days: Mapping[str, DayTally]) -> dict[str, Any]:
    """Totals, and the same members for each day in `by_day`.

    Quantities in base units, money in minor units; pairs have members `with` and `without`.
    `net_gain_minor` = lost margin avoided + holding avoided + waste avoided - direct cost of the
    actions; `rule` holds what the simple rule came to, and its gain against doing nothing.
    """
    total = DayTally()
    for tally in days.values():
        for column in fields(DayTally):
            name = column.name
            setattr(total, name, getattr(total, name) + getattr(tally, name))
    named = sorted(days.items())
    return {
        "days": len(named),
        "first_day": named[0][0] if named else None,
        "last_day": named[-1][0] if named else None,
        **_tally_json(total),
        "by_day": [{"day": day, **_tally_json(tally)} for day, tally in named],
    }


def with_and_without(real: int, idle: int) -> dict[str, int | float]:
    """A pair of quantities (thousandths) as JSON numbers in base units."""
    return {"with": quantity_json(Units(real)), "without": quantity_json(Units(idle))}


def _tally_json(tally: DayTally) -> dict[str, Any]:
    # Rounded before they are subtracted, so that what is shown adds up.
    lost, lost_idle = _minor(tally.lost_micros), _minor(tally.lost_micros_idle)
    held, held_idle = _minor(tally.held_micros), _minor(tally.held_micros_idle)
    wasted, wasted_idle = _minor(tally.wasted_micros), _minor(tally.wasted_micros_idle)
    cost_idle = lost_idle + held_idle + wasted_idle
    by_rule = [
        _minor(micros)
        for micros in (tally.lost_micros_rule, tally.held_micros_rule, tally.wasted_micros_rule)
    ]
    return {
        "lost_units": with_and_without(tally.lost, tally.lost_idle),
        "lost_margin_minor": {"with": lost, "without": lost_idle},
        "holding_minor": {"with": held, "without": held_idle},
        "wasted_minor": {"with": wasted, "without": wasted_idle},
        "direct_cost_minor": tally.direct_minor,
        "net_gain_minor": cost_idle - (lost + held + wasted) - tally.direct_minor,
        "rule": {
            "lost_units": quantity_json(Units(tally.lost_rule)),
            "lost_margin_minor": by_rule[0],
            "holding_minor": by_rule[1],
            "wasted_minor": by_rule[2],
            "direct_cost_minor": tally.direct_minor_rule,
            "net_gain_minor": cost_idle - sum(by_rule) - tally.direct_minor_rule,
        },
    }


def _minor(micros: int) -> int:
    """Nearest minor unit, halves up."""
    return (micros + _MICROS // 2) // _MICROS

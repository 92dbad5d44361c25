"""How is a planning problem read back from the record, and its answer written and read?"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from replan.planning import (
    Action,
    Answer,
    BufferOffer,
    ExpediteOffer,
    Inbound,
    LaneOffer,
    NextOrder,
    Option,
    PlanningProblem,
    PostponeOffer,
    SiteOutlook,
    Spread,
    members,
)
from replan.units import ItemId, Units, quantity_json


def problem_from_json(plain: Mapping[str, Any]) -> PlanningProblem:
    """The problem that `problem_json` wrote."""
    return PlanningProblem(
        item=ItemId(plain["item"]),
        asked_at=datetime.fromisoformat(plain["asked_at"]),
        first_day=date.fromisoformat(plain["first_day"]),
        horizon=plain["horizon"],
        sites=tuple(
            SiteOutlook(
                **{
                    **site,
                    "inbound": tuple(Inbound(**row) for row in site["inbound"]),
                    "quantiles": tuple(tuple(row) for row in site["quantiles"]),
                    "next_order": None
                    if site["next_order"] is None
                    else NextOrder(**site["next_order"]),
                }
            )
            for site in plain["sites"]
        ),
        lanes=tuple(LaneOffer(**_timed(row)) for row in plain["lanes"]),
        expedites=tuple(ExpediteOffer(**_timed(row)) for row in plain["expedites"]),
        buffers=tuple(BufferOffer(**_timed(row)) for row in plain["buffers"]),
        postpones=tuple(PostponeOffer(**_timed(row)) for row in plain["postpones"]),
        scenarios=plain["scenarios"],
        held_out=plain["held_out"],
        unit_cost_minor=plain["unit_cost_minor"],
        shared=plain["shared"],
        seed=plain["seed"],
    )


def answer_json(answer: Answer) -> dict[str, Any]:
    """An answer as plain JSON data."""
    return {**members(answer), "options": [option_plain(option) for option in answer.options]}


def option_plain(option: Option) -> dict[str, Any]:
    """An option as plain JSON data, read back by `option_from_json`."""
    spreads = ("cost_minor", "benefit_minor", "short_avoided", "units_short")
    return {
        **members(option),
        **{name: members(getattr(option, name)) for name in spreads},
        "actions": [members(action) for action in option.actions],
        "donor_shortage_p90_minor": dict(option.donor_shortage_p90_minor),
    }


def answer_from_json(plain: Mapping[str, Any]) -> Answer:
    """The answer that `answer_json` wrote."""
    return Answer(
        **{
            **plain,
            "options": tuple(map(option_from_json, plain["options"])),
            "notes": tuple(plain["notes"]),
        }
    )


def option_from_json(plain: Mapping[str, Any]) -> Option:
    """The option inside `answer_json`."""
    spreads = ("cost_minor", "benefit_minor", "short_avoided", "units_short")
    return Option(
        **{
            **plain,
            **{name: Spread(**plain[name]) for name in spreads},
            "actions": tuple(Action(**row) for row in plain["actions"]),
            "binding": tuple(plain["binding"]),
        }
    )


def units_spread(spread: Spread) -> dict[str, int | float]:
    """A spread of thousandths as JSON numbers in base units."""
    return {
        "p10": quantity_json(Units(spread.p10)),
        "p50": quantity_json(Units(spread.p50)),
        "p90": quantity_json(Units(spread.p90)),
    }


def _timed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "latest_start": datetime.fromisoformat(row["latest_start"])}

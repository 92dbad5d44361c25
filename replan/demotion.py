"""Has a category got worse than its table allows? Three measures, each over the newest cases.

`demote` in the table says `">0.20 over 50"`: more than a fifth of fifty is a breach, so the
eleventh override among the newest fifty is one, however few came before. Without `over`, fifty.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Measure = Literal["coverage_90", "error_rate", "override_rate"]

MEASURES: tuple[Measure, ...] = ("coverage_90", "error_rate", "override_rate")

DEFAULT_OVER = 50

DEMOTED_TO = "recommend"
"""Where people release everything again."""

_LIMIT = re.compile(r"([<>])(0(?:\.[0-9]{1,6})?|1(?:\.0{1,6})?)(?: over ([1-9][0-9]{0,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `most` bad ones among the newest `over`."""

    most: int
    over: int


def limit_of(measure: str, text: str) -> Limit:
    """What a limit says; ValueError for one that cannot be meant. A rate is limited from above, a
    coverage from below.
    """
    found = _LIMIT.fullmatch(text)
    sign = "<" if measure == "coverage_90" else ">"
    if found is None or found[1] != sign:
        raise ValueError(f'{text!r} is not a limit such as "{sign}0.20 over 50"')
    over = int(found[3] or DEFAULT_OVER)
    share = Decimal(found[2])
    allowed = 1 - share if measure == "coverage_90" else share
    return Limit(most=int(allowed * over), over=over)


def breach(measure: str, text: str, bad: int, of: int) -> str | None:
    """In words, what was exceeded; None if nothing. `bad` of the newest `of` cases."""
    limit = limit_of(measure, text)
    if bad <= limit.most:
        return None
    named = {
        "coverage_90": f"{bad} of {of} closed days lay outside their 90 % band",
        "error_rate": f"{bad} of {of} plans that ran by themselves failed or were found wrong",
        "override_rate": f"{bad} of {of} plans were changed or refused by people",
    }[measure]
    return f"{named}; {measure} {text} allows {limit.most}"

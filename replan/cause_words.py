"""What may be said of why something is so, never beyond the evidence?

Where trouble is and why it is there are two things. A case always has a place (`site:S1`,
`item:OATS`), which groups what belongs together; a reason it has only where one was told: a
promotion, a price, an empty neighbour, goods that are late. Of a reason that explains little of the
difference it is said how little.
"""

from collections.abc import Mapping, Sequence

from replan.wording import CATEGORY_WORDS, listed, share_text

KNOWN_FROM = 0.5
"""Named causes that explain less of a difference than this are not its explanation."""

KINDS: Mapping[str, str] = {"promo": "promotion", "price": "price", "competitor": "competitor"}

TAGS: Mapping[str, str] = {
    "promotion": "a promotion",
    "price": "a price",
    "competitor": "a competitor",
    "neighbour_stock_out": "an empty neighbour",
    "substitute_stock_out": "an item in whose place it is bought",
    "late_supply": "goods that are late",
}
"""Kinds of cause in words, as far as they may explain a difference."""


def likely_cause(
    category: str, cause: str, tags: Sequence[str], confidence: float, item: str, site: str | None
) -> str:
    """The likely cause in words. `cause`: `<kind>:<id>`; `tags` and `confidence` (0 to 1, the
    share of the difference in demand that named causes explain) as a decision publishes them.
    """
    kind, _, of = cause.partition(":")
    if category not in ("demand_surge", "demand_drop"):
        return f"{CATEGORY_WORDS.get(category, 'trouble')}: {of}"
    share = share_text(confidence)
    if kind in KINDS:
        named = f"{KINDS[kind]} {of}"
        if confidence >= KNOWN_FROM:
            return f"{named} explains {share} of it"
        return f"{named} is at work, but known causes explain only {share} of it"
    known = [TAGS[tag] for tag in tags if tag in TAGS]
    if known and confidence >= KNOWN_FROM:
        return f"{listed(known)}: {share} of it"
    if "calendar" in tags:
        return "the days until supply arrives are the busy ones of the week"
    beside = f"; {share} of it: {listed(known)}" if known else ""
    if (kind == "item" and of == item) or "item_wide" in tags:
        return f"demand for {item} differs at its sites together, why is not known{beside}"
    return f"no common cause is known: {item} differs at {site or 'several sites'} alone{beside}"


def is_known(category: str, cause: str, tags: Sequence[str], confidence: float) -> bool:
    """Whether named causes explain most of what a case is about."""
    if category not in ("demand_surge", "demand_drop") or "calendar" in tags:
        return True
    named = cause.partition(":")[0] in KINDS or any(tag in TAGS for tag in tags)
    return named and confidence >= KNOWN_FROM

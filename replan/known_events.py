"""What did a person know that the model did not? A dated event with its effect, entered with a
verdict.

It becomes a driver of demand like an announced promotion: from the next tick on forecasts, bands
and causes reckon with it, and what it really did is learned. Its evidence is the verdict.
"""

from replan.canonical import digest
from replan.effects import Feedback
from replan.events import DriverStated

SOURCE = "/replan/verdicts"
SORT = "known_event"


def as_drivers(feedback: Feedback) -> list[DriverStated]:
    """The event as facts, one for each site."""
    known = feedback.known
    if known is None or known.event_id is None:
        return []
    return [
        DriverStated(
            event_id=known.event_id,
            source=SOURCE,
            occurred_at=feedback.at,
            arrived_at=feedback.at,
            payload_sha=digest([known.event_id, site]).removeprefix("sha256:"),
            item=feedback.item,
            site=site,
            kind="promo",
            name=known.event_id,
            sort=SORT,
            first=known.first,
            last=known.last,
            uplift_prior=known.uplift,
        )
        for site in known.sites
    ]

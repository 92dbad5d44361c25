"""How are shares, times and spans said on the pages? Also where there is nothing to say."""

from datetime import datetime, timedelta

from replan.wording import share_text, time_text

SOON = timedelta(hours=4)
"""Less time than this is marked."""


def share_or_dash(share: float | None) -> str:
    """`93 %`, or a dash."""
    return "–" if share is None else share_text(share)


def time_words(at: str | None, timezone: str) -> str:
    """`Mon 4 May 14:00` from an RFC 3339 text, or nothing."""
    return "" if at is None else time_text(datetime.fromisoformat(at), timezone)


def left_words(deadline: str | None, clock: str | None) -> tuple[str, bool]:
    """How long until the deadline on the engine's clock, and whether that is soon."""
    if not deadline or not clock:
        return "", False
    left = _between(clock, deadline)
    if left <= timedelta():
        return "overdue", True
    return _span(left), left < SOON


def ago_words(at: str, clock: str | None) -> str:
    """How old something is on the engine's clock."""
    return f"{_span(max(_between(at, clock), timedelta()))} old" if clock else ""


def _between(start: str, end: str) -> timedelta:
    return datetime.fromisoformat(end) - datetime.fromisoformat(start)


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} days"
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min"

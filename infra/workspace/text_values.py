"""How are durations, intervals and shares written in a file, and what do they mean exactly?

Durations are `<n>m|h|d`. Intervals are `[0,5000]`, `(5000,50000]`, `(50000,inf)` or a comparison
such as `>=0.85`. Numbers are plain decimals: no exponent, no sign but a minus that is refused
with its own words, no NaN, no blanks inside. All of it becomes closed intervals of integers, so
an open end is the next integer.
"""

import re
from datetime import time, timedelta
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from replan.authority_table import MILLION, Band

MAX_MINOR = 10**12
"""The largest amount that a file may state, in minor units; above it a slip of the keyboard is
likelier."""

MAX_DURATION = timedelta(days=3660)

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DURATION = re.compile(r"(0|[1-9][0-9]{0,6})([mhd])")
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
_INTERVAL = re.compile(rf"([\[(]) ?({_NUMBER}) ?, ?({_NUMBER}|inf) ?([\])])")
_COMPARISON = re.compile(rf"(<=|>=|<|>) ?({_NUMBER})")
_DURATION_COMPARISON = re.compile(r"(<=|>=|<|>) ?([0-9]+[mhd])")


class NotAValue(ValueError):
    """A text is not what it should be; `rule` names the rule that it breaks."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(message)
        self.rule = rule


class _Ends(NamedTuple):
    low: Decimal | None
    low_open: bool
    high: Decimal | None
    high_open: bool


def duration(text: object) -> timedelta:
    """`90m`, `48h`, `7d` as a stretch of time; raises NotAValue."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise NotAValue("duration", f"{text!r} is not a duration: write <n>m, <n>h or <n>d")
    length = int(match[1]) * _UNITS[match[2]]
    if length > MAX_DURATION:
        raise NotAValue("duration", f"{text} is longer than {MAX_DURATION.days}d")
    return length


def is_zone(name: str) -> bool:
    """Whether the tz database knows a zone of that name."""
    try:
        return bool(ZoneInfo(name).key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def day_time(text: object) -> time:
    """A time of day, HH:MM."""
    match = (
        re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", text) if isinstance(text, str) else None
    )
    if match is None:
        raise NotAValue("time", f"{text!r} is not a time of day: write HH:MM")
    return time(int(match[1]), int(match[2]))


def web_address(text: object) -> str:
    """An http or https address without a login in it."""
    try:
        parts = urlsplit(text) if isinstance(text, str) else None
        well = parts is not None and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        well = False
    if parts is None or not well or parts.scheme not in ("http", "https"):
        raise NotAValue("url", f"{text!r} is not an http or https address")
    if parts.username is not None or parts.fragment:
        raise NotAValue("url", "an address holds no login and no fragment; a token is a secret")
    return str(text)


def value_band(text: object, digits: int) -> Band:
    """An interval of whole units of a currency with that many minor digits, as minor units."""
    ends = _ends(text)
    for end in (ends.low, ends.high):
        if end is not None and end != end.to_integral_value():
            raise NotAValue("number", f"{text!r}: {end} must be a whole number of currency units")
    return _closed(text, ends, Decimal(10) ** digits, MAX_MINOR, floor=0, ceiling=None)


def share_band(text: object) -> Band:
    """An interval of shares between 0 and 1, as millionths; at most six decimals."""
    ends = _ends(text)
    for end in (ends.low, ends.high):
        if end is not None and end * MILLION != (end * MILLION).to_integral_value():
            raise NotAValue("number", f"{text!r}: {end} has more than 6 decimals")
    return _closed(text, ends, Decimal(MILLION), MILLION, floor=0, ceiling=MILLION)


def duration_band(text: object) -> Band:
    """A comparison with a duration, such as `>=2h`, as seconds."""
    match = _DURATION_COMPARISON.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise NotAValue("duration", f"{text!r} is not a comparison with a duration, such as >=2h")
    seconds = Decimal(duration(match[2]) // timedelta(seconds=1))
    ends = _compared(match[1], seconds)
    most = int(MAX_DURATION.total_seconds())
    return _closed(text, ends, Decimal(1), most, floor=0, ceiling=None)


def whole_minor(number: object, digits: int) -> int:
    """Whole units of a currency, an integer ≥ 0, as minor units."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise NotAValue("number", f"{number} must be a whole number of currency units")
    if number < 0:
        raise NotAValue("number", f"{number} must be at least 0")
    if number * 10**digits > MAX_MINOR:
        raise NotAValue("number", f"{number} is larger than any limit may be")
    return int(number * 10**digits)


def share_millionths(number: object) -> int:
    """A share from 0 to 1 with at most six decimals, as millionths."""
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise NotAValue("number", f"{number!r} must be a number from 0 to 1")
    scaled = Decimal(number) * MILLION
    if not 0 <= scaled <= MILLION or scaled != scaled.to_integral_value():
        raise NotAValue("number", f"{number} must be from 0 to 1 with at most 6 decimals")
    return int(scaled)


def _ends(text: object) -> _Ends:
    if not isinstance(text, str):
        raise NotAValue("number", f'{text!r} is not an interval: write "[0,5000]" or ">=0.85"')
    interval = _INTERVAL.fullmatch(text)
    if interval is not None:
        open_low, low, high, close = interval.groups()
        if high == "inf" and close == "]":
            raise NotAValue("number", f"{text!r}: an interval without end is open: write inf)")
        top = None if high == "inf" else Decimal(high)
        return _Ends(Decimal(low), open_low == "(", top, close == ")")
    comparison = _COMPARISON.fullmatch(text)
    if comparison is None:
        raise NotAValue("number", f'{text!r} is not an interval: write "[0,5000]" or ">=0.85"')
    return _compared(comparison[1], Decimal(comparison[2]))


def _compared(sign: str, number: Decimal) -> _Ends:
    if sign.startswith(">"):
        return _Ends(number, sign == ">", None, True)
    return _Ends(None, False, number, sign == "<")


def _closed(
    text: object, ends: _Ends, scale: Decimal, most: int, floor: int, ceiling: int | None
) -> Band:
    for end in (ends.low, ends.high):
        if end is not None and end < 0:
            raise NotAValue("number", f"{text!r}: {end} must be at least 0")
        if end is not None and end * scale > most:
            raise NotAValue("number", f"{text!r}: {end} is too large")
    low = floor if ends.low is None else int(ends.low * scale) + ends.low_open
    high = ceiling if ends.high is None else int(ends.high * scale) - ends.high_open
    if high is not None and low > high:
        raise NotAValue("number", f"{text!r} is empty: nothing lies in it")
    return Band(lo=low, hi=high)

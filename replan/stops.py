"""What is stopped? Everything, or what bears one name: by whom, since when, and what it holds.

While a stop holds, nothing within it is carried out: a plan that would have run goes to a person,
and what waits to be sent waits on. The region of a plan is where its goods go, as in the table; a
site is touched by what leaves it as much as by what comes to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from replan.units import instant_text

STOP_KEYS: Final = ("region", "site", "item", "category", "supplier", "action", "model")
"""What a stop may name; without a key it is about everything."""

STOP_FILE: Final = "STOP"
"""Name of the file in a workspace that stops everything, and of who stopped it then."""

_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {"site": ("site", "origin", "supplier")}
"""Which keys of an action a stop looks at, where they are not called as the stop's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop in force; `key` and `value` None: everything. `by` is a login or `STOP_FILE`.
    `since` None: before the first event, when no clock stood anywhere.
    """

    key: str | None
    value: str | None
    by: str
    since: datetime | None
    reason: str

    @property
    def scope(self) -> str | None:
        """As on the command line, `KEY=VALUE`; None for everything."""
        return None if self.key is None else f"{self.key}={self.value}"

    @property
    def text(self) -> str:
        """In words."""
        what = "everything" if self.scope is None else self.scope
        since = "before the first event" if self.since is None else f"at {instant_text(self.since)}"
        return f"{what} was stopped by {self.by} {since}: {self.reason}"

    def holds(self, keys: Mapping[str, str], model: str) -> bool:
        """Whether an action that counts for these keys, planned on a model, is within it."""
        if self.key is None:
            return True
        if self.key == "model":
            return self.value == model
        return any(keys.get(name) == self.value for name in _MEMBERS.get(self.key, (self.key,)))


def stop_on(stops: Iterable[Stop], actions: Sequence[Mapping[str, str]], model: str) -> Stop | None:
    """The first stop that one of a plan's actions is within; None: it may go on."""
    return next((s for s in stops if any(s.holds(keys, model) for keys in actions)), None)


def stop_json(stop: Stop) -> dict[str, Any]:
    """A stop as plain JSON data."""
    return {
        "key": stop.key,
        "value": stop.value,
        "by": stop.by,
        "since": None if stop.since is None else instant_text(stop.since),
        "reason": stop.reason,
    }


def stop_from_json(plain: Mapping[str, Any]) -> Stop:
    """The stop that `stop_json` wrote."""
    since = plain["since"]
    return Stop(**{**plain, "since": None if since is None else datetime.fromisoformat(since)})

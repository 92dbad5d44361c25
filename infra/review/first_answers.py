"""Was this request answered before? The same key gets the first answer again."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from replan.verdicts import VerdictResult

MOST_ANSWERS = 10_000
"""Beyond it the oldest is forgotten; the decision itself then refuses a second verdict."""


class KeyReused(Exception):
    """One idempotency key with two different requests."""


class FirstAnswers:
    """First answers by (login, key), in the memory of this process; one request at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[tuple[str, str], tuple[str, VerdictResult]] = OrderedDict()

    def once(
        self, login: str, key: str, request: Mapping[str, Any], do: Callable[[], VerdictResult]
    ) -> tuple[VerdictResult, bool]:
        """The answer, and whether it is an earlier one; raises KeyReused for another request."""
        asked = json.dumps(request, sort_keys=True)
        with self._lock:
            known = self._known.get((login, key))
            if known is not None:
                if known[0] != asked:
                    raise KeyReused(f"key {key} was used before with another request")
                return known[1], True
            answer = do()
            self._known[(login, key)] = (asked, answer)
            while len(self._known) > MOST_ANSWERS:
                self._known.popitem(last=False)
            return answer, False

    def seen(self, login: str, key: str) -> VerdictResult | None:
        """The first answer to a key of this login."""
        with self._lock:
            known = self._known.get((login, key))
        return None if known is None else known[1]

"""What do the pages and the API ask of the engine? The questions and the one command, as a port."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from replan.infra.answerable import Standing
from replan.infra.what_if import Tried
from replan.infra.wishes import NO_WISH, Wish
from replan.verdicts import VerdictResult


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRequest:
    """A planner's answer as it comes in; `key` is the idempotency key, unique for one login."""

    login: str
    verdict: str
    version: int
    chip: str
    note: str
    option: str | None
    confirm: bool
    key: str
    wish: Wish = NO_WISH


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfRequest:
    """A planner's answer whose outcome is asked for before it is given."""

    login: str
    verdict: str
    version: int | None
    option: str | None
    confirm: bool
    wish: Wish


class ReviewOffice(Protocol):
    """What stands behind the queue, the case page and the API.

    A decision is its body as published, and beside it `verdicts` (rows of login, verdict, chip,
    note, at, result, code), `actions` (rows of action_id, state) and, where there is one, `chart`:
    `{"band": {site, days: [{date, p05, p50, p95, actual, censored}]}, "stock": …}`, the stock as
    `replan.projection.stock_chart` gives it, and `offers`, rows of source and mode, of what goods
    could come by. Methods may be called from several threads at once.
    """

    @property
    def timezone(self) -> str:
        """The zone in which times are shown."""
        ...

    @property
    def chips(self) -> Sequence[str]:
        """The reasons that may go with a verdict."""
        ...

    def queue(self) -> list[dict[str, Any]]:
        """Decisions that wait for a person, each with `deadline` and, where known, `urgency`."""
        ...

    def standings(self, login: str) -> Mapping[str, Standing]:
        """By id of each case that waits, how this login stands to it."""
        ...

    def spot_checks(self) -> list[dict[str, Any]]:
        """What ran by itself and was drawn for a look afterwards, with `spot_check`."""
        ...

    def decisions(
        self, state: str | None, item: str | None, since: str | None
    ) -> list[dict[str, Any]]:
        """Newest bodies by (decided_at, decision_id); None leaves a condition out."""
        ...

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        """A decision with its brief, verdicts and actions; None if there is none of that id."""
        ...

    def verdict(self, decision_id: str, request: VerdictRequest) -> VerdictResult:
        """Take an answer for a decision that exists; refusals are recorded too."""
        ...

    def what_if(self, decision_id: str, request: WhatIfRequest) -> Tried:
        """What an answer for a decision that exists would come to; nothing is recorded. UsageError
        for what cannot be meant.
        """
        ...

    def status(self) -> Mapping[str, Any]:
        """`clock`, `mode` and the rest of `replan status`."""
        ...

    def move_switch(
        self, verb: str, scope: str | None, login: str, reason: str
    ) -> Mapping[str, Any]:
        """Stop (`verb` stop) or let go on (resume), as `replan stop --json` prints it. UsageError
        for a scope that cannot be meant.
        """
        ...

    def login_of(self, token: str) -> str | None:
        """Whose personal token this is."""
        ...

    def knows(self, login: str) -> bool:
        """Whether this is an active login of planners.yaml."""
        ...

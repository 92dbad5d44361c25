"""What do the pages and the API ask of the engine? The questions and the one command, as a port."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from replan.infra.identity.book import Book
from replan.infra.planners.answerable import Answerable
from replan.infra.planners.first_estimate import FirstEstimate
from replan.infra.planners.what_if import Tried
from replan.infra.planners.wishes import NO_WISH, Wish
from replan.people import People
from replan.verdicts import VerdictResult


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRequest:
    """A planner's answer as it comes in; `key` is the idempotency key, unique for one login, and
    `via` says how the login was known.
    """

    login: str
    verdict: str
    version: int
    chip: str
    note: str
    option: str | None
    confirm: bool
    key: str
    wish: Wish = NO_WISH
    via: Mapping[str, str] = field(default_factory=dict)

    def plain(self, decision_id: str) -> dict[str, Any]:
        """What is asked, as plain JSON data: by this a repetition is told from another request."""
        return {
            "decision_id": decision_id,
            "verdict": self.verdict,
            "version": self.version,
            "chip": self.chip,
            "note": self.note,
            "option": self.option,
            "confirm": self.confirm,
            "wish": json.dumps(asdict(self.wish), default=str, sort_keys=True),
        }


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

    @property
    def people(self) -> People:
        """Everybody of planners.yaml, as it stands now."""
        ...

    @property
    def book(self) -> Book:
        """Where sessions and tickets are kept."""
        ...

    def regions(self, body: Mapping[str, Any]) -> Collection[str]:
        """The regions that a case touches."""
        ...

    def queue(self) -> list[dict[str, Any]]:
        """Decisions that wait for a person, each with `deadline` and, where known, `urgency`."""
        ...

    def ended(self, most: int) -> list[dict[str, Any]]:
        """So many of the newest decisions that wait for nothing any more, the newest first; without
        those that left a case alone on purpose.
        """
        ...

    def standings(self, login: str) -> Mapping[str, Answerable]:
        """By id of each case that waits, how this login stands to it."""
        ...

    def estimate(self, decision_id: str, login: str) -> FirstEstimate:
        """Whether this login owes its own estimate of a case that exists before it sees ours."""
        ...

    def keep_estimate(self, decision_id: str, login: str, units: str) -> None:
        """Put this login's own estimate on record; UsageError for what is no quantity."""
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

    def open_case(self, decision_id: str, login: str) -> None:
        """Somebody has a case that exists before them; it keeps nobody else from answering."""
        ...

    def verdict(self, decision_id: str, request: VerdictRequest) -> tuple[VerdictResult, bool]:
        """Take an answer for a decision that exists; refusals are recorded too. Also whether its
        key was answered before, and this is that answer; KeyReused if that was another request.
        """
        ...

    def approve_each(self, cases: Sequence[tuple[str, VerdictRequest]]) -> Sequence[VerdictResult]:
        """Take approvals of several decisions that exist, of one login with one reason, each for
        itself or as its key was answered first. UsageError where they need an answer each,
        KeyReused as for one.
        """
        ...

    def first_answer(self, login: str, key: str) -> VerdictResult | None:
        """What a key of this login was answered first."""
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

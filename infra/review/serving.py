"""How do the pages reach the engine? The office of a workspace behind the review port, and the
server.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

import uvicorn

from replan.errors import NotSo, UsageError
from replan.infra.identity.book import LedgerBook
from replan.infra.identity.choice import provider_of, takes_run_token
from replan.infra.identity.tokens import Tokens
from replan.infra.ledger.store import Ledger
from replan.infra.planners.answerable import Answerable
from replan.infra.planners.first_estimate import FirstEstimate
from replan.infra.planners.office import Office
from replan.infra.planners.request_key import AnsweredBefore, RequestKey
from replan.infra.planners.what_if import Tried
from replan.infra.process.ending import ended_by_signal
from replan.infra.process.logs import logging_to_stderr
from replan.infra.process.metrics import ledger_text
from replan.infra.review.api import make_app
from replan.infra.review.office import VerdictRequest, WhatIfRequest
from replan.infra.review.sessions import new_token
from replan.infra.workspace.folder import Workspace
from replan.infra.workspace.people_now import PeopleNow
from replan.people import People
from replan.planning_record import option_from_json, problem_from_json
from replan.projection import stock_chart
from replan.verdicts import CHIPS, VerdictResult

GRACE_S = 10
"""How long a request that was begun may take when the server is asked to end."""

BAND_DAYS = 42
"""How many closed days the demand chart of a case shows."""


class DeskReview:
    """The review port over an office: the same answers, with charts beside each case."""

    def __init__(self, office: Office, ledger: Ledger, workspace: Workspace, mode: str) -> None:
        self._office = office
        self._ledger = ledger
        self._workspace = workspace
        self._mode = mode
        idle = timedelta(minutes=workspace.settings.review.session_minutes)
        self._tokens = Tokens(ledger)
        self._people = PeopleNow(workspace.root, workspace.people)
        self._book = LedgerBook(ledger, idle)

    @property
    def timezone(self) -> str:
        """The policy zone."""
        return self._workspace.settings.timezone

    @property
    def chips(self) -> Sequence[str]:
        """The reasons that may go with a verdict."""
        return CHIPS

    @property
    def people(self) -> People:
        """Everybody of planners.yaml, with what was stated of them since."""
        return self._office.people_now(self._people())

    @property
    def book(self) -> LedgerBook:
        """Where sessions and tickets are kept."""
        return self._book

    def regions(self, body: Mapping[str, Any]) -> tuple[str, ...]:
        """The regions that a case touches."""
        return self._office.regions(body)

    def queue(self) -> list[dict[str, Any]]:
        """Decisions that wait for a person, the most urgent first."""
        return self._office.queue()

    def ended(self, most: int) -> list[dict[str, Any]]:
        """The newest decisions that wait for nothing any more, the newest first."""
        return self._office.ended(most)

    def standings(self, login: str) -> Mapping[str, Answerable]:
        """How this login stands to what waits."""
        return self._office.standings(login)

    def estimate(self, decision_id: str, login: str) -> FirstEstimate:
        """Whether this login owes its own estimate."""
        return self._office.estimate(decision_id, login)

    def keep_estimate(self, decision_id: str, login: str, units: str) -> None:
        """Put this login's own estimate on record."""
        self._office.keep_estimate(decision_id, login, units)

    def spot_checks(self) -> list[dict[str, Any]]:
        """What ran by itself and was drawn for a look afterwards."""
        return self._office.spot_checks()

    def decisions(
        self, state: str | None, item: str | None, since: str | None
    ) -> list[dict[str, Any]]:
        """Newest bodies by (decided_at, decision_id)."""
        return self._office.decisions(
            state, item, None if since is None else datetime.fromisoformat(since)
        )

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        """A decision with its brief, verdicts, actions and charts; None for an unknown id."""
        check = self._ledger.check(decision_id)
        if check is not None:
            # What was made out of another case has its charts.
            like = self.decision(check.source_id) or {}
            apart: dict[str, Any] = {"verdicts": [], "actions": []}
            return {**like, **self._office.decision(decision_id), **apart}
        try:
            file = self._ledger.decision(decision_id)
        except UsageError:
            return None
        body = dict(file.body)
        inputs = self._planned_from(decision_id, file.body["version"])
        return {
            **body,
            "verdicts": [dict(row) for row in file.verdicts],
            "actions": [{"action_id": a.action_id, "state": a.state} for a in file.actions],
            "chart": self._charts(body, inputs),
            "offers": self._offers(inputs),
        }

    def open_case(self, decision_id: str, login: str) -> None:
        """Somebody has a case before them."""
        self._office.open_case(decision_id, login=login)

    def verdict(self, decision_id: str, request: VerdictRequest) -> tuple[VerdictResult, bool]:
        """Take an answer for a decision that exists, or repeat the first one to its key."""
        try:
            result = self._office.verdict(
                decision_id,
                request.verdict,
                login=request.login,
                chip=request.chip,
                note=request.note,
                option=request.option,
                version=request.version,
                confirm=request.confirm,
                wish=request.wish,
                via=request.via,
                key=RequestKey.of(request.login, request.key, request.plain(decision_id)),
            )
        except AnsweredBefore as before:
            return before.first, True
        return result, False

    def approve_each(self, cases: Sequence[tuple[str, VerdictRequest]]) -> Sequence[VerdictResult]:
        """Take approvals of several like decisions."""
        first = cases[0][1]
        return self._office.approve_each(
            [(decision_id, request.version) for decision_id, request in cases],
            login=first.login,
            chip=first.chip,
            note=first.note,
            via=first.via,
            keys={d: RequestKey.of(r.login, r.key, r.plain(d)) for d, r in cases},
        )

    def first_answer(self, login: str, key: str) -> VerdictResult | None:
        """What a key of this login was answered first."""
        known = self._ledger.first_answer(login, key)
        return None if known is None else VerdictResult(**known[1])

    def what_if(self, decision_id: str, request: WhatIfRequest) -> Tried:
        """What an answer would come to."""
        return self._office.what_if(
            decision_id,
            request.verdict,
            login=request.login,
            option=request.option,
            version=request.version,
            confirm=request.confirm,
            wish=request.wish,
        )

    def status(self) -> Mapping[str, Any]:
        """The state of everything."""
        return self._office.status(self._mode)

    def move_switch(
        self, verb: str, scope: str | None, login: str, reason: str
    ) -> Mapping[str, Any]:
        """Stop, or let go on."""
        switch = self._office.switch
        move = switch.stop if verb == "stop" else switch.resume
        return move(scope, login=login, reason=reason).json()

    def login_of(self, token: str) -> str | None:
        """Whose personal token this is."""
        return self._tokens.login_of(token)

    def _planned_from(self, decision_id: str, version: int) -> Mapping[str, Any]:
        """What the newest version that was planned anew was made from; the first one always was."""
        while True:
            _, inputs = self._ledger.decision_made(decision_id, version)
            if "proposal" in inputs or version == 1:
                found: Mapping[str, Any] = inputs
                return found
            version -= 1

    def _offers(self, inputs: Mapping[str, Any]) -> list[dict[str, str]]:
        """What else goods could come by: giving site and means of transport of each lane."""
        lanes = self._workspace.network.lanes
        offers = problem_from_json(inputs["proposal"]["problem"]).lanes
        return [
            {"source": str(offer.origin), "mode": lanes[offer.lane].mode}
            for offer in offers
            if offer.lane in lanes
        ]

    def _charts(self, body: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
        proposal = inputs["proposal"]
        problem = problem_from_json(proposal["problem"])
        # A plan judged again stands beside the answer; one that a planner changed, in neither.
        plans = [proposal["watched"], *proposal["answer"]["options"]]
        named = [plan for plan in plans if plan is not None and plan["name"] == body["chosen"]]
        actions = option_from_json(named[0]).actions if named else ()
        site = body["site"] or proposal["site"]
        days = self._ledger.closed_days(body["item"], site, BAND_DAYS)
        return {
            "band": {"site": site, "days": list(days)},
            "stock": stock_chart(problem, actions, site),
        }


def serve(
    office: Office,
    ledger: Ledger,
    workspace: Workspace,
    mode: str,
    port: int,
    secrets: Sequence[str] = (),
    host: str = "127.0.0.1",
) -> None:
    """Serve until SIGTERM or SIGINT, answering first what was asked; the address and the token of
    this run, if there is one, go to stderr. `secrets` never stand in a log line. NotSo where others
    than this machine could ask and nobody says who they are.
    """
    review = workspace.settings.review
    provider = provider_of(review)
    loopback = is_loopback(host)
    if not loopback and provider is None:
        raise NotSo(
            f"--host {host}: other machines could ask, and nobody says who they are; set "
            "review.identity to grafana_broker, trusted_proxy or oidc, or stay on 127.0.0.1"
        )
    if provider is not None and not review.public_url and not loopback:
        raise NotSo(
            f"--host {host}: review.public_url must say at which address browsers reach the pages"
        )
    if provider is None and review.is_public:
        raise NotSo(
            f"review.public_url {review.public_url}: others are meant to come, and nobody says who "
            "they are; set review.identity"
        )
    token = new_token() if takes_run_token(review) and loopback else None
    app = make_app(
        DeskReview(office, ledger, workspace, mode),
        token=token,
        loopback=loopback,
        metrics=ledger_text(ledger.standing),
        provider=provider,
        review=review,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            # Whom a proxy speaks for is judged by the settings, not by the server.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    sys.stderr.write(f"review page: {review.public_url or f'http://{host}:{port}'}/\n")
    if provider is not None:
        sys.stderr.write(f"planners are known by {provider.name}\n")
    if token is not None:
        logins = ", ".join(p.login for p in workspace.people.planners if p.active)
        sys.stderr.write(f"sign in with token {token} and one of the logins: {logins}\n")
    sys.stderr.write("stop with Ctrl-C\n")
    masked = (*secrets,) if token is None else (token, *secrets)
    # The server ends in order by itself, and then repeats the signal that made it.
    with ended_by_signal(lambda: None), logging_to_stderr(masked, as_json=True):
        server.run()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is served there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

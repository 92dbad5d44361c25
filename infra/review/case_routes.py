"""How is a case read and answered in a browser? The page, what a change would come to, the answer.

Every form works without scripts; with them, what a change would come to is asked for while it is
typed.
"""

import re
from typing import Annotated, Any

from fastapi import FastAPI, Form, Header, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from replan.errors import UsageError
from replan.infra.planners.first_estimate import FirstEstimate
from replan.infra.review.answer_form import KEY, AnswerForm
from replan.infra.review.page import (
    changes,
    estimate_notice,
    not_priced,
    priced,
    refusal_text,
)
from replan.infra.review.reception import Reception, check_csrf, message_of, refused_request
from replan.infra.review.sessions import Identity
from replan.plain_words import VERDICT_WORDS, state_text


def add_case_routes(app: FastAPI, reception: Reception) -> None:
    """The routes under `/review/`."""

    @app.get("/review/{decision_id}", include_in_schema=False)
    def review(request: Request, decision_id: str, answer: str = "") -> Response:
        who: Identity = request.state.identity
        first = reception.answered(who, answer)
        notice = None
        if first is not None and first.decision_id == decision_id and first.result == "accepted":
            text = (
                f"Your answer ({VERDICT_WORDS[first.verdict]}) is recorded. "
                f"The case is now: {state_text(first.state)}."
            )
            body = reception.body(decision_id)
            rows = changes(first.diff, body["currency"])
            notice = {"kind": "good", "title": "Done.", "text": text, "changes": rows}
        body = reception.body(decision_id)
        own = _estimate(reception, who, body)
        if own is not None and own.is_owed:
            return reception.case(who, body, template="estimate.html")
        if own is not None and own.units is not None and notice is None:
            notice = estimate_notice(own.units, body)
        return reception.case(who, body, notice=notice)

    @app.post("/review/{decision_id}/open", include_in_schema=False)
    def take_up(request: Request, decision_id: str, csrf: Annotated[str, Form()] = "") -> Response:
        """Say that the reader has the case before them, so that others see it."""
        who: Identity = request.state.identity
        check_csrf(who, csrf)
        reception.seen(who, decision_id)
        if who.login is None:
            raise refused_request(403, "not_allowed", "only somebody with a login takes a case up")
        reception.office.open_case(decision_id, who.login)
        return RedirectResponse(f"/review/{decision_id}", status_code=303)

    @app.post("/review/{decision_id}/estimate", include_in_schema=False)
    def estimate(
        request: Request,
        decision_id: str,
        csrf: Annotated[str, Form()] = "",
        units: Annotated[str, Form(max_length=16)] = "",
    ) -> Response:
        """What the reader thinks, before the engine's figures are shown."""
        who: Identity = request.state.identity
        check_csrf(who, csrf)
        body = reception.seen(who, decision_id)
        own = _estimate(reception, who, body)
        if who.login is None or own is None:
            raise refused_request(403, "not_allowed", "only whoever may answer is asked for it")
        try:
            reception.office.keep_estimate(decision_id, who.login, units)
        except UsageError as wrong:
            notice = _bad_notice(str(wrong), [])
            return reception.case(who, body, status=422, notice=notice, template="estimate.html")
        return RedirectResponse(f"/review/{decision_id}", status_code=303)

    @app.post("/review/{decision_id}/what-if", include_in_schema=False)
    def what_if(
        request: Request,
        decision_id: str,
        form: Annotated[AnswerForm, Form()],
        hx_request: Annotated[str, Header()] = "",
    ) -> Response:
        """What the change would come to: the answer alone for a script, else the whole page."""
        who: Identity = request.state.identity
        check_csrf(who, form.csrf)
        body = reception.body(decision_id)
        found = _priced(reception, who, decision_id, form, body)
        if hx_request == "true":
            return reception.page("priced.html", None, priced=found)
        return reception.case(who, body, given=form.typed, priced=found)

    @app.post("/review/{decision_id}/verdict", include_in_schema=False)
    def verdict(
        request: Request, decision_id: str, form: Annotated[AnswerForm, Form()]
    ) -> Response:
        who: Identity = request.state.identity
        check_csrf(who, form.csrf)
        if form.version < 1 or not re.fullmatch(KEY, form.key):
            raise refused_request(422, "form", "the form came without its version or key")
        try:
            result, _ = reception.answer(who, decision_id, form.meant(), form.key)
        except HTTPException as refused:
            if refused.status_code != 422:
                raise
            notice = _bad_notice(message_of(refused.detail), [])
            body = reception.body(decision_id)
            return reception.case(who, body, status=422, notice=notice, given=form.typed)
        if result.result == "accepted":
            return RedirectResponse(f"/review/{decision_id}?answer={form.key}", status_code=303)
        body = reception.body(decision_id)
        diff = result.diff or {}
        return reception.case(
            who,
            body,
            status=result.status,
            notice=_bad_notice(refusal_text(result.code), changes(diff, body["currency"])),
            given=form.typed,
            confirm=result.code == "stale" and "version" not in diff,
        )


def _estimate(reception: Reception, who: Identity, body: dict[str, Any]) -> FirstEstimate | None:
    """Only whoever may answer is asked; a reader without a login or a session never is."""
    if who.login is None or not who.csrf:
        return None
    standing = reception.office.standings(who.login).get(body["decision_id"])
    if standing is None or not standing.mine:
        return None
    return reception.office.estimate(body["decision_id"], who.login)


def _priced(
    reception: Reception, who: Identity, decision_id: str, form: AnswerForm, body: dict[str, Any]
) -> dict[str, Any]:
    """What stands beside the fields of a change."""
    if not any(form.changed.values()):
        return not_priced("none", "Nothing is changed yet.", "")
    try:
        found = reception.what_if(who, decision_id, form.asked())
    except HTTPException as refused:
        if refused.status_code != 422:
            raise
        return not_priced("bad", "Not possible.", message_of(refused.detail))
    return priced(found, body)


def _bad_notice(text: str, rows: list[tuple[str, str, str]]) -> dict[str, Any]:
    return {"kind": "bad", "title": "Not done.", "text": text, "changes": rows}

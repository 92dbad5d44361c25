"""What do the pages and the API share? The office, the doors, the first answers, the templates."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import HTTPException
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from replan.errors import UsageError
from replan.infra.identity.provider import TurnedAway
from replan.infra.planners.request_key import KeyReused
from replan.infra.planners.what_if import Tried
from replan.infra.planners.wishes import Wish, day_wished, known_wished, quantity_wished
from replan.infra.review.office import ReviewOffice, VerdictRequest, WhatIfRequest
from replan.infra.review.page import case_page
from replan.infra.review.sessions import Doors, Identity
from replan.people import may_read
from replan.verdicts import CHIPS, VERDICTS, VerdictResult
from replan.wording import sentence, time_text

PAGES = Path(__file__).parent.parent / "pages"
DECISION_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
MOST_NOTE = 2_000
MOST_NAME = 64
TYPED = (
    *("verdict", "chip", "note", "base", "qty", "date", "source", "mode", "to"),
    *("known_from", "known_until", "uplift"),
)
"""What a reader may have filled in on a case page."""


class VerdictBody(BaseModel):
    """A verdict as a program sends it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: str = Field(json_schema_extra={"enum": list(VERDICTS)})
    version: int = Field(ge=1)
    chip: str = Field(json_schema_extra={"enum": list(CHIPS)})
    note: str = Field(default="", max_length=MOST_NOTE)
    option: str | None = None
    confirm: bool = False
    qty: int | float | str | None = None
    date: str | None = Field(default=None, max_length=10)
    source: str | None = Field(default=None, max_length=MOST_NAME)
    mode: str | None = Field(default=None, max_length=MOST_NAME)
    to: str | None = Field(default=None, max_length=MOST_NAME)
    known_from: str | None = Field(default=None, max_length=10)
    known_until: str | None = Field(default=None, max_length=10)
    uplift: int | float | str | None = None

    def wish(self) -> Wish:
        """What goes with the verdict; UsageError for what cannot be meant."""
        wish = _wish(self.verdict, self.qty, self.date, self.source, self.mode, self.to)
        known = known_wished(self.known_from, self.known_until, self.uplift)
        return wish if known is None else replace(wish, known=known)


class WhatIfBody(BaseModel):
    """A verdict whose outcome is asked for; without a version, of the newest."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: str = Field(default="modify", json_schema_extra={"enum": list(VERDICTS)})
    version: int | None = Field(default=None, ge=1)
    option: str | None = None
    confirm: bool = False
    qty: int | float | str | None = None
    date: str | None = Field(default=None, max_length=10)
    source: str | None = Field(default=None, max_length=MOST_NAME)
    mode: str | None = Field(default=None, max_length=MOST_NAME)

    def wish(self) -> Wish:
        """What goes with the verdict; UsageError for what cannot be meant."""
        return _wish(self.verdict, self.qty, self.date, self.source, self.mode, None)


class StopBody(BaseModel):
    """What a program sends to stop or to let go on: `KEY=VALUE` or nothing for everything."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scope: str | None = Field(default=None, max_length=2 * MOST_NAME)
    reason: str = Field(max_length=MOST_NOTE)


class Reception:
    """Checks what every route checks, and renders what every page shows."""

    def __init__(self, office: ReviewOffice, doors: Doors) -> None:
        self.office = office
        self.doors = doors
        self._loopback = doors.loopback
        self._pages = Environment(
            loader=FileSystemLoader(PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters["sentence"] = sentence

    def page(self, name: str, who: Identity | None, status: int = 200, **values: Any) -> Response:
        """A rendered page."""
        shown: dict[str, Any] = {}
        if who is not None:
            now = self.office.status()
            clock = now.get("clock")
            shown["mode"] = now.get("mode")
            shown["stopped"] = now.get("stopped", [])
            shown["clock"] = clock and time_text(
                datetime.fromisoformat(clock), self.office.timezone
            )
        text = self._pages.get_template(name).render(
            who=who if who is not None and who.csrf else None,
            status=shown,
            **values,
        )
        return HTMLResponse(text, status_code=status)

    def sign_in(self, request: Request, message: str = "", status: int = 401) -> Response:
        """How to get in, in place of the page asked for."""
        way = self.doors.way_in(request.url.path)
        if way.goes_to is not None:
            return RedirectResponse(way.goes_to, status_code=303)
        if not way.form:
            return self.turn_away(TurnedAway(text=way.text, link=way.link), status)
        return self.page(
            "login.html", None, status, next=self.doors.own_path(request.url.path), message=message
        )

    def turn_away(self, why: TurnedAway, status: int = 403) -> Response:
        """A page for somebody who is not signed in."""
        title = "Sign in" if status == 401 else "This does not open the page"
        return self.page("outside.html", None, status, title=title, message=why.text, link=why.link)

    def body(self, decision_id: str) -> dict[str, Any]:
        """A decision; 400 for what cannot be an id, 404 for what is not there."""
        if not DECISION_ID.fullmatch(decision_id):
            raise HTTPException(400, {"code": "id", "message": "this is not the id of a decision"})
        body = self.office.decision(decision_id)
        if body is None:
            raise HTTPException(
                404, {"code": "unknown", "message": f"there is no decision {decision_id}"}
            )
        return body

    def sees(self, who: Identity, body: Mapping[str, Any]) -> bool:
        """Whether somebody may see a case; on this machine the token of the run alone may."""
        if who.login is None:
            return True
        return may_read(self.office.people, who.login, self.office.regions(body))

    def seen(self, who: Identity, decision_id: str) -> dict[str, Any]:
        """A decision for somebody; 403 if it is of regions that are not theirs."""
        body = self.body(decision_id)
        self._check_sight(who, body)
        return body

    def theirs(self, who: Identity, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of some cases that somebody may see."""
        return [body for body in bodies if self.sees(who, body)]

    def _check_sight(self, who: Identity, body: Mapping[str, Any]) -> None:
        if not self.sees(who, body):
            raise refused_request(403, "not_allowed", "this case is of another region than yours")

    def answer(
        self, who: Identity, decision_id: str, given: VerdictBody, key: str
    ) -> tuple[VerdictResult, bool]:
        """Pass a verdict on, or repeat the first answer to its key."""
        request = self._request(who, decision_id, given, key)
        try:
            return self.office.verdict(decision_id, request)
        except KeyReused as reused:
            raise refused_request(409, "key_reused", str(reused)) from reused

    def approve_each(
        self, who: Identity, cases: Sequence[tuple[str, VerdictBody, str]]
    ) -> Sequence[VerdictResult]:
        """Pass approvals of like cases on, each as id, verdict and key; 422 where they are not
        alike.
        """
        asked = [(d, self._request(who, d, given, key)) for d, given, key in cases]
        try:
            return self.office.approve_each(asked)
        except KeyReused as reused:
            raise refused_request(409, "key_reused", str(reused)) from reused
        except UsageError as wrong:
            raise refused_request(422, "case", str(wrong)) from wrong

    def _request(
        self, who: Identity, decision_id: str, given: VerdictBody, key: str
    ) -> VerdictRequest:
        """A verdict as the office takes it."""
        login = self._person(who)
        if given.verdict not in VERDICTS:
            raise refused_request(422, "verdict", f"{given.verdict!r} is none of {VERDICTS}")
        if given.chip not in self.office.chips:
            raise refused_request(422, "chip", f"{given.chip!r} is no reason; choose one")
        if given.chip == "other" and not given.note.strip():
            raise refused_request(422, "note", "the reason `other` needs a note")
        body = self.body(decision_id)
        if given.option is not None and given.option not in [o["name"] for o in body["options"]]:
            raise refused_request(422, "option", f"{given.option!r} is not an option of this case")
        try:
            wish = given.wish()
        except UsageError as wrong:
            raise refused_request(422, "wish", str(wrong)) from wrong
        return VerdictRequest(
            login=login,
            key=key,
            verdict=given.verdict,
            version=given.version,
            chip=given.chip,
            note=given.note,
            option=given.option,
            confirm=given.confirm,
            wish=wish,
            via=who.via(key),
        )

    def what_if(self, who: Identity, decision_id: str, given: WhatIfBody) -> Tried:
        """What a verdict of this login would come to."""
        login = self._known(who)
        self.seen(who, decision_id)
        try:
            request = WhatIfRequest(
                login=login,
                verdict=given.verdict,
                version=given.version,
                option=given.option,
                confirm=given.confirm,
                wish=given.wish(),
            )
            return self.office.what_if(decision_id, request)
        except UsageError as wrong:
            raise refused_request(422, "wish", str(wrong)) from wrong

    def answered(self, who: Identity, key: str) -> VerdictResult | None:
        """What a key of this login was answered first."""
        if who.login is None or len(key) > 128 or not key.isprintable():
            return None
        return self.office.first_answer(who.login, key)

    def _known(self, who: Identity) -> str:
        """The login of somebody in planners.yaml."""
        if who.login is None or not self.doors.admits(who.login):
            raise refused_request(403, "not_allowed", "only a login of planners.yaml may do this")
        return who.login

    def _person(self, who: Identity) -> str:
        """The login of somebody who may act here at all."""
        login = self._known(who)
        if not (who.personal or self._loopback):
            raise refused_request(403, "not_allowed", "this needs a personal token here")
        return login

    def move_switch(self, who: Identity, verb: str, given: StopBody) -> Mapping[str, Any]:
        """Pass a stop, or the end of one, on."""
        login = self._person(who)
        try:
            return self.office.move_switch(verb, given.scope, login, given.reason)
        except UsageError as wrong:
            raise refused_request(422, "scope", str(wrong)) from wrong

    def case(
        self,
        who: Identity,
        body: Mapping[str, Any],
        *,
        status: int = 200,
        notice: Mapping[str, Any] | None = None,
        given: Mapping[str, str] | None = None,
        confirm: bool = False,
        priced: Mapping[str, Any] | None = None,
        template: str = "case.html",
    ) -> Response:
        """The case page; `given` is what the reader had filled in, `priced` what the change in it
        would come to, `confirm` whether it may be said once more in the knowledge of what changed.
        """
        self._check_sight(who, body)
        office = self.office
        return self.page(
            template,
            who,
            status,
            case=case_page(body, office.chips, office.status().get("clock"), office.timezone),
            key=secrets.token_urlsafe(24),
            notice=notice,
            given=dict.fromkeys(TYPED, "") | dict(given or {}),
            confirm=confirm,
            priced=priced,
        )


def _wish(
    verdict: str,
    qty: float | str | None,
    day: str | None,
    source: str | None,
    mode: str | None,
    to: str | None,
) -> Wish:
    wish = Wish(
        qty=quantity_wished(qty),
        ship_on=day_wished(day),
        source=source or None,
        transport=mode or None,
        to=to or None,
    )
    wish.check(verdict)
    return wish


def check_csrf(who: Identity, csrf: str) -> None:
    """403 for a form that is not of this session."""
    if not who.csrf or not secrets.compare_digest(csrf.encode(), who.csrf.encode()):
        raise refused_request(403, "csrf", "the form is not of this session; open it again")


def refused_request(status: int, code: str, message: str) -> HTTPException:
    """A refusal with a code for programs and words for people."""
    return HTTPException(status, {"code": code, "message": message})


def message_of(detail: Any) -> str:
    """The words of a refusal."""
    return str(detail.get("message", "")) if isinstance(detail, dict) else str(detail)

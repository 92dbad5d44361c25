"""How is the queue read in a browser, and how are several like cases approved at once?"""

import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from replan.infra.review.answer_form import KEY
from replan.infra.review.page import refusal_text
from replan.infra.review.queue import (
    MOST_CHILDREN,
    PAGE_ROWS,
    Asked,
    alike,
    choices,
    listed,
    queue_rows,
)
from replan.infra.review.reception import (
    MOST_NAME,
    MOST_NOTE,
    Reception,
    VerdictBody,
    check_csrf,
    refused_request,
)
from replan.infra.review.sessions import Identity
from replan.plain_words import CHIP_WORDS, state_text
from replan.verdicts import VerdictResult

MOST_AT_ONCE = 100
"""How many cases one form may approve."""


class BatchForm(BaseModel):
    """Cases ticked on the queue, each as `id version`."""

    model_config = ConfigDict(extra="ignore")

    csrf: str = ""
    key: str = Field(default="", max_length=100)
    chip: str = Field(default="", max_length=32)
    note: str = Field(default="", max_length=MOST_NOTE)
    case: list[str] = Field(default_factory=list, max_length=MOST_AT_ONCE)


def add_queue_routes(app: FastAPI, reception: Reception) -> None:
    """The queue and the form that approves several cases."""
    office = reception.office

    @app.get("/", include_in_schema=False)
    def queue(
        request: Request,
        mine: str = "",
        above: str = "",
        region: Annotated[str, Query(max_length=256)] = "",
        cause: Annotated[str, Query(max_length=256)] = "",
        owner: Annotated[str, Query(max_length=256)] = "",
        item: Annotated[str, Query(max_length=MOST_NAME)] = "",
        page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    ) -> Response:
        who: Identity = request.state.identity
        asked = Asked(
            mine=bool(mine), above=bool(above), region=region, cause=cause, owner=owner, item=item
        )
        clock = office.status().get("clock")
        rows = queue_rows(
            reception.theirs(who, office.queue()),
            _standings(reception, who),
            clock,
            office.timezone,
        )
        shown = [row for row in rows if asked.shows(row)]
        leads = listed(shown, asked)
        first = PAGE_ROWS * (page - 1)
        looks = queue_rows(reception.theirs(who, office.spot_checks()), {}, clock, office.timezone)
        return reception.page(
            "queue.html",
            who,
            rows=leads[first : first + PAGE_ROWS],
            most_children=MOST_CHILDREN,
            shown=len(shown),
            total=len(rows),
            looks=looks,
            asked=asked,
            filters=[
                (name, name.capitalize(), choices(rows, name), chosen)
                for name, chosen in (("region", region), ("cause", cause), ("owner", owner))
            ],
            before=_page_link(asked, page - 1) if page > 1 else None,
            after=_page_link(asked, page + 1) if len(leads) > first + PAGE_ROWS else None,
            alike=alike(shown),
            most_at_once=MOST_AT_ONCE,
            chips=[(chip, CHIP_WORDS.get(chip, chip)) for chip in office.chips],
            key=secrets.token_urlsafe(24),
            timezone=office.timezone,
        )

    @app.post("/batch", include_in_schema=False)
    def batch(request: Request, form: Annotated[BatchForm, Form()]) -> Response:
        """Approve what was ticked, each as a verdict of its own."""
        who: Identity = request.state.identity
        check_csrf(who, form.csrf)
        if not re.fullmatch(KEY, form.key):
            raise refused_request(422, "form", "the form came without its key")
        cases = [_named(text) for text in form.case]
        if not cases:
            raise refused_request(422, "case", "no case is ticked")
        bodies = [reception.seen(who, decision_id) for decision_id, _ in cases]
        given = [
            (
                decision_id,
                VerdictBody(verdict="approve", version=version, chip=form.chip, note=form.note),
                f"{form.key[:60]}.{decision_id}"[:128],
            )
            for decision_id, version in cases
        ]
        results = reception.approve_each(who, given)
        rows = [_said(body, result) for body, result in zip(bodies, results, strict=True)]
        return reception.page("batch.html", who, rows=rows)


def _standings(reception: Reception, who: Identity) -> Any:
    return {} if who.login is None else reception.office.standings(who.login)


def _said(body: Mapping[str, Any], result: VerdictResult) -> dict[str, Any]:
    """What the approval of one case came to, as a row."""
    decision_id, done = body["decision_id"], result.result == "accepted"
    return {
        "id": decision_id,
        "headline": ((body.get("brief") or {}).get("headline") or {}).get("text", decision_id),
        "done": done,
        "text": f"Approved; the case is now: {state_text(result.state)}."
        if done
        else refusal_text(result.code),
    }


def _named(text: str) -> tuple[str, int]:
    decision_id, _, version = text.rpartition(" ")
    if not version.isdecimal() or len(version) > 9 or int(version) < 1:
        raise refused_request(422, "case", f"{text[:80]!r} is not a case and its version")
    return decision_id, int(version)


def _page_link(asked: Asked, page: int) -> str:
    return f"/?{urlencode(asked.query() | {'page': str(page)})}"

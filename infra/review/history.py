"""What became of earlier decisions? The history, with what each came to where that is known."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from replan.currencies import money_text
from replan.explain import SINCE
from replan.infra.review.reception import Reception
from replan.infra.review.sessions import Identity
from replan.infra.review.words import time_words
from replan.plain_words import state_text
from replan.wording import actions_text

MOST = 1_000
"""How many decisions are looked through, the newest first; `replan decisions` lists all."""
PAGE_ROWS = 50


def add_history_routes(app: FastAPI, reception: Reception) -> None:
    """The page of what has been decided."""
    office = reception.office

    @app.get("/history", include_in_schema=False)
    def history(
        request: Request, by: str = "", page: Annotated[int, Query(ge=1, le=MOST)] = 1
    ) -> Response:
        who: Identity = request.state.identity
        asked = by if by in ("person", "itself") else ""
        rows = [_row(b, office.timezone) for b in reception.theirs(who, office.ended(MOST))]
        shown = [row for row in rows if asked in ("", row["by"])]
        first = PAGE_ROWS * (page - 1)
        return reception.page(
            "history.html",
            who,
            rows=shown[first : first + PAGE_ROWS],
            shown=len(shown),
            most=MOST if len(rows) == MOST else None,
            by=asked,
            before=page - 1 if page > 1 else None,
            after=page + 1 if len(shown) > first + PAGE_ROWS else None,
            timezone=office.timezone,
        )


def _row(body: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    brief, result = body.get("brief") or {}, body.get("result") or {}
    chosen: Mapping[str, Any] = next(
        (o for o in body["options"] if o["name"] == body["chosen"]), {}
    )
    state, currency = body["state"], body["currency"]
    gained = result.get("gained_minor")
    return {
        "id": body["decision_id"],
        "decided": time_words(body["decided_at"], timezone),
        "headline": (brief.get("headline") or {}).get("text")
        or f"{body.get('site') or 'several'}, {body['item']}",
        "plan": actions_text(chosen.get("actions") or [], most=2),
        "value": money_text(body["value_minor"], currency),
        "state": state_text(state),
        "became": SINCE.get(state, ""),
        "by": "itself" if body.get("why_escalated") is None else "person",
        "gained": "" if gained is None else money_text(gained, currency),
    }

"""How do people and programs read the queue and answer it? Pages without scripts, and a JSON API.

What is decided is decided behind `ReviewOffice`; this module reads, shows and passes on. Reading
never changes anything; every answer is a POST with a version and a key.
"""

import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import FastAPI, Form, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)

from replan.errors import LedgerBusy, LedgerMoved, ReplanError, UsageError
from replan.infra.identity.provider import Provider, Vouched
from replan.infra.process.metrics import CONTENT_TYPE
from replan.infra.review.answer_form import KEY
from replan.infra.review.brief_shape import Brief
from replan.infra.review.case_routes import add_case_routes
from replan.infra.review.gate import Gate
from replan.infra.review.history import add_history_routes
from replan.infra.review.office import ReviewOffice
from replan.infra.review.queue_routes import add_queue_routes
from replan.infra.review.reception import (
    PAGES,
    Reception,
    StopBody,
    VerdictBody,
    WhatIfBody,
    check_csrf,
    message_of,
)
from replan.infra.review.sessions import Doors, Identity
from replan.infra.workspace.review_settings import Review
from replan.units import instant_text

SHORTEST_SHARED_TOKEN = 16
ON_THIS_MACHINE = Review()


def make_app(
    office: ReviewOffice,
    *,
    token: str | None,
    loopback: bool,
    metrics: Callable[[], bytes] | None = None,
    provider: Provider | None = None,
    review: Review = ON_THIS_MACHINE,
    clock: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The web application.

    `token`: of this run, with which anybody is whom they like; None: there is none. `loopback`:
    served to this machine alone; only then does a verdict given with that token count, and are
    metrics told to whoever asks. `provider` says who planners are. `metrics`: what monitors are
    told; None: nothing. `clock`: seconds by which requests are counted.
    """
    if token is not None and len(token) < SHORTEST_SHARED_TOKEN:
        raise UsageError(f"the token has {len(token)} characters, at least 16 are needed")
    if token is None and provider is None and not loopback:
        raise UsageError("without a token the pages are served on 127.0.0.1 only")
    doors = Doors(office=office, token=token, provider=provider, review=review, loopback=loopback)
    reception = Reception(office, doors)
    app = FastAPI(title="replan", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(
        Gate,
        doors=doors,
        sign_in=reception.sign_in,
        turn_away=reception.turn_away,
        clock=clock,
    )
    _add_machine_routes(app, office, metrics)
    _add_api(app, reception)
    _add_switch(app, reception)
    _add_pages(app, reception)
    add_queue_routes(app, reception)
    add_history_routes(app, reception)
    add_case_routes(app, reception)
    _add_errors(app, reception)
    return app


def _add_machine_routes(
    app: FastAPI, office: ReviewOffice, metrics: Callable[[], bytes] | None
) -> None:
    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "ok"}

    @app.get("/readyz")
    def readyz() -> Response:
        """Whether the ledger answers too: 200, else 503 with the reasons."""
        try:
            office.status()
        except ReplanError:
            reasons = ["the ledger does not answer"]
            return JSONResponse({"ready": False, "reasons": reasons}, status_code=503)
        return JSONResponse({"ready": True, "reasons": []})

    if metrics is not None:

        @app.get("/metrics", response_class=PlainTextResponse)
        def told() -> Response:
            """The numbers of the ledger, for Prometheus."""
            return Response(metrics(), media_type=CONTENT_TYPE)


def _add_api(app: FastAPI, reception: Reception) -> None:
    office = reception.office

    @app.get("/api/escalations")
    def escalations(request: Request) -> list[dict[str, Any]]:
        """Decisions that wait for a person, the most urgent first."""
        mine = reception.theirs(request.state.identity, office.queue())
        return sorted(mine, key=lambda b: (-(b.get("urgency") or 0.0), b["decision_id"]))

    @app.get("/api/spot-checks")
    def spot_checks(request: Request) -> list[dict[str, Any]]:
        """What ran by itself and was drawn for a look afterwards."""
        return reception.theirs(request.state.identity, office.spot_checks())

    @app.get("/api/decisions")
    def decisions(
        request: Request,
        state: Annotated[str | None, Query(max_length=32)] = None,
        item: Annotated[str | None, Query(max_length=64)] = None,
        since: Annotated[AwareDatetime | None, Query()] = None,
    ) -> list[dict[str, Any]]:
        """Newest version of each decision."""
        found = office.decisions(state, item, None if since is None else instant_text(since))
        return reception.theirs(request.state.identity, found)

    @app.get("/api/brief-schema")
    def brief_schema() -> dict[str, Any]:
        """The JSON Schema of the member `brief` of a decision."""
        return Brief.model_json_schema()

    @app.get("/api/decisions/{decision_id}")
    def decision(request: Request, decision_id: str) -> dict[str, Any]:
        """One decision, whole."""
        return reception.seen(request.state.identity, decision_id)

    @app.post("/api/decisions/{decision_id}/verdict")
    def verdict(
        request: Request,
        decision_id: str,
        given: VerdictBody,
        idempotency_key: Annotated[str, Header(pattern=f"^{KEY}$")],
    ) -> Response:
        """Answer a decision. The same key with the same body gets the first answer again."""
        who: Identity = request.state.identity
        result, again = reception.answer(who, decision_id, given, idempotency_key)
        headers = {"Idempotency-Replayed": "true"} if again else {}
        return JSONResponse(result.json(), status_code=result.status, headers=headers)

    @app.post("/api/decisions/{decision_id}/what-if")
    def what_if(request: Request, decision_id: str, given: WhatIfBody) -> dict[str, Any]:
        """What a verdict would come to now; nothing is recorded. `status` is the one that the
        verdict itself would have.
        """
        return reception.what_if(request.state.identity, decision_id, given).json()


def _add_switch(app: FastAPI, reception: Reception) -> None:
    @app.post("/api/stop")
    def stop(request: Request, given: StopBody) -> Response:
        """Stop everything, or what `KEY=VALUE` names."""
        return _moved(reception.move_switch(request.state.identity, "stop", given))

    @app.post("/api/resume")
    def resume(request: Request, given: StopBody) -> Response:
        """Let go on what somebody else stopped under this scope."""
        return _moved(reception.move_switch(request.state.identity, "resume", given))


def _moved(row: Mapping[str, Any]) -> Response:
    return JSONResponse(dict(row), status_code=row["status"])


def _add_pages(app: FastAPI, reception: Reception) -> None:
    doors = reception.doors

    @app.get("/static/replan.css", include_in_schema=False)
    def style() -> Response:
        return FileResponse(PAGES / "replan.css", media_type="text/css")

    @app.get("/static/htmx.js", include_in_schema=False)
    def script() -> Response:
        return FileResponse(PAGES / "htmx.js", media_type="text/javascript")

    @app.get("/static/replan.svg", include_in_schema=False)
    def icon() -> Response:
        return FileResponse(PAGES / "replan.svg", media_type="image/svg+xml")

    @app.get("/login", include_in_schema=False)
    def login_form(request: Request) -> Response:
        return reception.sign_in(request, status=200)

    @app.post("/login", include_in_schema=False)
    def login(
        request: Request,
        token: Annotated[str, Form(max_length=512)] = "",
        login: Annotated[str, Form(max_length=64)] = "",
        next: Annotated[str, Form(max_length=256)] = "/",
    ) -> Response:
        client = doors.client(request)
        who = None
        if doors.way_in("/").form:
            who = doors.by_token(token.strip(), login.strip() or None, client)
        if who is None or who.login is None or not doors.admits(who.login):
            return reception.sign_in(request, "Token and login do not match.")
        vouched = Vouched(login=who.login, provider=who.provider, org="", client=client)
        return doors.let_in(vouched, doors.own_path(next))

    @app.post("/logout", include_in_schema=False)
    def logout(request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        check_csrf(request.state.identity, csrf)
        doors.sign_out(request)
        answer = RedirectResponse("/login", status_code=303)
        answer.delete_cookie(doors.cookie, secure=doors.over_tls)
        return answer


def _add_errors(app: FastAPI, reception: Reception) -> None:
    def failed(request: Request, status: int, detail: Any, headers: Any = None) -> Response:
        path = request.url.path
        if path.startswith("/api/") or request.method not in ("GET", "POST") or status == 405:
            plain = detail if isinstance(detail, dict) else {"code": "http", "message": str(detail)}
            return JSONResponse(plain, status_code=status, headers=headers)
        who = getattr(request.state, "identity", None)
        title = {400: "Not an address of ours", 403: "Not allowed", 404: "Not found"}.get(
            status, "That did not work"
        )
        return reception.page("message.html", who, status, title=title, message=message_of(detail))

    @app.exception_handler(StarletteHTTPException)
    def on_http(request: Request, error: StarletteHTTPException) -> Response:
        return failed(request, error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    def on_invalid(request: Request, error: RequestValidationError) -> Response:
        # What was sent is not sent back: it may hold a token.
        wrong = [
            {"pointer": "/" + "/".join(map(str, e["loc"])), "message": e["msg"]}
            for e in error.errors()
        ]
        first = f"{wrong[0]['pointer']}: {wrong[0]['message']}" if wrong else "not valid"
        return failed(request, 422, {"code": "invalid", "message": first, "errors": wrong})

    def on_busy(request: Request, error: Exception) -> Response:
        detail = {"code": "busy", "message": "the ledger is busy; try again"}
        return failed(request, 503, detail, {"Retry-After": "1"})

    def on_meaningless(request: Request, error: Exception) -> Response:
        # What no rule of a route refused, such as a NUL that a database does not keep.
        return failed(request, 422, {"code": "invalid", "message": "this cannot be meant"})

    app.add_exception_handler(UsageError, on_meaningless)
    app.add_exception_handler(LedgerBusy, on_busy)
    app.add_exception_handler(LedgerMoved, on_busy)

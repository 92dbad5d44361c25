"""Which commands show decisions and answer them?"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from replan.currencies import money_text
from replan.errors import UsageError
from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, say
from replan.plain_words import CHIP_WORDS, option_text, why_text
from replan.wording import CATEGORY_WORDS


def decisions(
    state: Annotated[
        str | None, typer.Option(help="Only in this state, such as escalated.")
    ] = None,
    item: Annotated[str | None, typer.Option(help="Only of this item.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Decided at or after this instant: 2026-05-03T00:00:00Z.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List decisions, each in its newest version."""
    from replan.explain import SINCE as STATES
    from replan.infra.running.opened import opened_office

    if state is not None and state not in STATES:
        raise UsageError(f"state {state!r} is not one of {', '.join(STATES)}")
    with opened_office(place.root) as desk:
        rows = desk.office.decisions(state, item, _instant(since))
    if as_json:
        print_rows(rows)
    else:
        _table(list(rows), DECISION_COLUMNS)


WIDE = 200
"""Columns of a table that goes to a file or a pipe."""

DECISION_COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "decision": lambda r: r["decision_id"],
    "decided": lambda r: r["decided_at"][:16],
    "item": lambda r: r["item"],
    "site": lambda r: r["site"] or "",
    "trouble": lambda r: CATEGORY_WORDS.get(r["category"], r["category"]),
    "plan": lambda r: option_text(r["chosen"]),
    "value": lambda r: money_text(r["value_minor"], r["currency"]),
    "state": lambda r: r["state"],
    "why a person": lambda r: why_text(r["why_escalated"]),
}


LABEL_COLUMNS: Mapping[str, Callable[[Any], str]] = {
    "decision": lambda r: r["decision_id"],
    "said": lambda r: r["at"][:16],
    "item": lambda r: r["item"],
    "site": lambda r: r["site"] or "",
    "trouble": lambda r: CATEGORY_WORDS.get(r["category"], r["category"]),
    "verdict": lambda r: r["verdict"],
    "reason": lambda r: CHIP_WORDS.get(r["chip"], r["chip"]),
    "note": lambda r: r["note"],
}


def _table(rows: list[Mapping[str, Any]], columns: Mapping[str, Callable[[Any], str]]) -> None:
    """The first column is an id and stays whole, so that it can be copied."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    for n, name in enumerate(columns):
        table.add_column(name, overflow="fold", no_wrap=n == 0)
    for row in rows:
        table.add_row(*(Text(show(row)) for show in columns.values()))
    console = Console()
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an instant such as 2026-05-03T00:00:00Z") from None
    if at.tzinfo is None:
        raise UsageError(f"{text!r} has no zone; write 2026-05-03T00:00:00Z")
    return at


def show(decision_id: str, as_json: Json = False) -> None:
    """The brief of a decision; with --json the whole decision."""
    from replan.infra.planners.plain_text import decision_text
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        file = desk.ledger.decision(decision_id)
    if as_json:
        print_rows([file.body])
    else:
        sys.stdout.write(decision_text(file) + "\n")


def explain(decision_id: str, as_json: Json = False) -> None:
    """Why a decision came out as it did, in words."""
    from replan.explain import explain as in_words
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        body = desk.office.decision(decision_id)
        _, inputs = desk.ledger.decision_made(decision_id, 1)
        text = in_words(body, inputs)
    if as_json:
        print_rows([{"decision_id": decision_id, "text": text}])
    else:
        sys.stdout.write(text + "\n")


def verdict(
    decision_id: str,
    answer: Annotated[
        str,
        typer.Argument(metavar="VERDICT", help="approve, modify, reject, ask, defer or takeover"),
    ],
    login: Annotated[str, typer.Option("--as", help="Who answers: a login of planners.yaml.")],
    reason: Annotated[
        str,
        typer.Option(
            help="Why: data_wrong, known_event, supplier_info, capacity_cutoff, customer_priority, "
            "cost_not_justified, better_alternative, policy or other."
        ),
    ],
    option: Annotated[
        str | None, typer.Option(help="The option; else the recommended one.")
    ] = None,
    qty: Annotated[
        str | None, typer.Option(help="modify: how much the whole plan carries, in base units.")
    ] = None,
    ship_on: Annotated[
        str | None, typer.Option("--date", help="modify: the day on which all of it leaves.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="modify: the site that all of it comes from.")
    ] = None,
    transport: Annotated[
        str | None, typer.Option("--mode", help="modify: the means of transport, as in lanes.csv.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="ask: who is asked; else whoever the goods come from.")
    ] = None,
    known_from: Annotated[
        str | None, typer.Option("--from", help="known_event: the first day of the event.")
    ] = None,
    known_to: Annotated[
        str | None, typer.Option("--until", help="known_event: its last day.")
    ] = None,
    uplift: Annotated[
        str | None,
        typer.Option(help="known_event: the factor on demand, such as 1.8."),
    ] = None,
    note: Annotated[
        str, typer.Option(help="Free words, with ask the question; needed with the reason other.")
    ] = "",
    version: Annotated[
        int | None, typer.Option(help="Answer only if this is still the version.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Approve although things have changed since.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer a decision that waits for a person."""
    from replan.infra.planners.wishes import Wish, day_wished, known_wished, quantity_wished
    from replan.infra.review.page import refusal_text
    from replan.infra.running.opened import opened_office

    wish = Wish(
        qty=quantity_wished(qty),
        ship_on=day_wished(ship_on),
        source=source,
        transport=transport,
        to=to,
        known=known_wished(known_from, known_to, uplift),
    )
    with opened_office(place.root) as desk:
        desk.needs_people()
        result = desk.office.verdict(
            decision_id,
            answer,
            login=login,
            chip=reason,
            note=note,
            option=option,
            version=version,
            confirm=confirm,
            wish=wish,
            via={"provider": "command"},
        )
    if as_json:
        print_rows([result.json()])
    else:
        code = "" if result.code is None else f" ({result.code})"
        say(f"{decision_id}: {answer} {result.result}{code}, now {result.state}")
        if result.result == "refused":
            say(f"    {refusal_text(result.code)}")
        if result.diff is not None:
            said = "changed" if result.result == "accepted" else "because"
            say(f"    {said}: {json.dumps(dict(result.diff))}")
    if result.result == "refused":
        raise typer.Exit(NOT_SO)


def approve(
    decision_ids: Annotated[list[str], typer.Argument(help="The cases, all of one kind.")],
    login: Annotated[str, typer.Option("--as", help="Who answers: a login of planners.yaml.")],
    reason: Annotated[str, typer.Option(help="Why, for all of them: as with verdict.")],
    note: Annotated[str, typer.Option(help="Free words; needed with the reason other.")] = "",
    each: Annotated[
        bool, typer.Option("--each", help="Take those that can be taken; else all or none.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Approve several cases with one answer, where one is enough."""
    from replan.infra.review.page import refusal_text
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        office = desk.office
        cases = [(name, int(office.decision(name)["version"])) for name in decision_ids]
        via = {"provider": "command"}
        if each:
            results = office.approve_each(cases, login=login, chip=reason, note=note, via=via)
        else:
            done = office.approve_together(cases, login=login, chip=reason, note=note, via=via)
            results = done.results
    if as_json:
        print_rows(result.json() for result in results)
    else:
        for result in results:
            code = "" if result.code is None else f" ({result.code})"
            say(f"{result.decision_id}: {result.result}{code}, now {result.state}")
            if result.result == "refused":
                say(f"    {refusal_text(result.code)}")
        if all(result.result == "refused" for result in results):
            say("none of them was approved")
    if any(result.result == "refused" for result in results):
        raise typer.Exit(NOT_SO)


def opened(
    decision_id: str,
    login: Annotated[str, typer.Option("--as", help="Who has it: a login of planners.yaml.")],
    as_json: Json = False,
) -> None:
    """Say that somebody has a case before them; others see it and may answer all the same."""
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        desk.needs_people()
        held = desk.office.open_case(decision_id, login=login)
    row = {"decision_id": decision_id, "by": None, "at": None} | dict(held or {})
    if as_json:
        print_rows([row])
    else:
        say(f"{decision_id}: {row['by']} has it since {row['at']}" if held else "nobody has it")
    if row["by"] != login:
        raise typer.Exit(NOT_SO)


def labels(
    since: Annotated[
        str | None, typer.Option(help="Said at or after this instant: 2026-05-03T00:00:00Z.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What people said of cases, with the facts of each: for training and for judging models."""
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        rows = desk.ledger.labels(_instant(since))
    if as_json:
        print_rows(rows)
    else:
        _table(list(rows), LABEL_COLUMNS)


def kpi(
    days: Annotated[
        int | None, typer.Option(help="Only decisions of so many days before the clock.")
    ] = None,
    manual_minutes: Annotated[
        int, typer.Option(min=0, help="Minutes an exception took by hand.")
    ] = 25,
    review_minutes: Annotated[int, typer.Option(min=0, help="Minutes a review takes.")] = 8,
    hourly_cost: Annotated[
        int | None, typer.Option(min=0, help="What an hour costs, whole units of currency.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The six measures, from the ledger: volume, autonomous, reviewed, errors, cycle, cost."""
    from replan.infra.kpi import Effort, kpi_text
    from replan.infra.running.figures import workspace_kpi

    effort = Effort(
        manual_minutes=manual_minutes, review_minutes=review_minutes, hourly_cost=hourly_cost
    )
    row, currency = workspace_kpi(place.root, days, effort)
    if as_json:
        print_rows([row])
    else:
        sys.stdout.write(kpi_text(row, currency) + "\n")

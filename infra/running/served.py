"""How are people reached from a workspace? Pages served until interrupted, and what is sent out."""

from pathlib import Path

from replan.errors import NotSo
from replan.infra.notify.command import tell_on, tell_once, ways_of
from replan.infra.process.logs import logging_to_stderr
from replan.infra.rules import refuse_to_run
from replan.infra.running.opened import opened_office
from replan.infra.workspace.settings import SETTINGS_FILE


def notify_people(root: Path, *, once: bool) -> dict[str, int]:
    """Tell people what waits for them, in the mode of the newest run; once, or until asked to end.
    NotSo where no way is set.
    """
    with opened_office(root) as desk:
        settings = desk.workspace.settings
        refuse_to_run([f for f in desk.workspace.findings if f.file == SETTINGS_FILE])
        if not settings.notify.ways:
            raise NotSo(f"{SETTINGS_FILE} names no way to tell people: see [notify.ways]")
        ways = ways_of(settings.notify, desk.mode)
        if once:
            return tell_once(desk.ledger, settings.notify, settings.zone, ways)
        with logging_to_stderr(desk.workspace.secrets, as_json=True):
            tell_on(desk.ledger, settings.notify, settings.zone, ways)
    return {}


def serve_workspace(root: Path, port: int, host: str) -> None:
    """Serve the review page of a workspace until interrupted."""
    from replan.infra.review.serving import serve

    with opened_office(root) as desk:
        if desk.ledger.clock() is None:
            raise NotSo("nothing has run here yet: replan run --until-end comes first")
        serve(
            desk.office,
            desk.ledger,
            desk.workspace,
            desk.mode,
            port,
            desk.workspace.secrets,
            host,
        )

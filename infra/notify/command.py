"""How do the commands tell people? Once at the end of a run, or on and on beside one."""

from collections.abc import Mapping
from threading import Event
from zoneinfo import ZoneInfo

from replan.errors import LedgerBusy
from replan.infra.ledger.store import Ledger
from replan.infra.notify.telling import Telling
from replan.infra.notify.ways import Notifier, notifiers
from replan.infra.process.ending import ended_by_signal
from replan.infra.process.patience import Patience
from replan.infra.workspace.notify_settings import Notify


def ways_of(settings: Notify, mode: str) -> Mapping[str, Notifier]:
    """The ways of a workspace; none in shadow, where nothing leaves. NotSo for a bad secret."""
    return {} if mode == "shadow" else notifiers(settings)


def tell_once(
    ledger: Ledger, settings: Notify, zone: ZoneInfo, ways: Mapping[str, Notifier]
) -> dict[str, int]:
    """Tell all that waits to be told; how many messages became what."""
    if not ways:
        return {}
    return Telling(ledger, ways, settings, zone).round()


def tell_on(ledger: Ledger, settings: Notify, zone: ZoneInfo, ways: Mapping[str, Notifier]) -> None:
    """Tell until SIGTERM or Ctrl-C; a ledger that is away for a while is waited for."""
    over, patience = Event(), Patience()
    telling = Telling(ledger, ways, settings, zone)
    with ended_by_signal(over.set):
        while not over.is_set():
            try:
                telling.rounds(over)
            except LedgerBusy as away:
                patience.wait(away)

"""How does a run bring an ingest worker? A process of its own, started again whenever it ends.

It ends with the process that started it, however that ends. The engine does not need it: it only
makes reading cheaper, so an ingest worker that cannot live is said and goes on being tried.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from replan.infra.kafka.headers import aiokafka_reads_any_header_name

SHORTEST_S: Final = 1.0
LONGEST_S: Final = 60.0
"""How long is waited before an ingest worker that ended is started again; twice as long each time
until one lived for longer than that.
"""

LOOK_EVERY_S: Final = 0.2

_log = logging.getLogger(__name__)


@contextmanager
def ingest_beside(root: Path) -> Iterator[None]:
    """An ingest worker of a workspace runs while the block does."""
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(root, over), name="ingest", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(root: Path, over: threading.Event) -> None:
    wait, bears_more = SHORTEST_S, False
    while not over.is_set():
        began = time.monotonic()
        given = (root, os.getpid(), bears_more)
        worker = get_context("spawn").Process(target=_work, args=given, daemon=True)
        worker.start()
        while worker.is_alive() and not over.wait(LOOK_EVERY_S):
            pass
        if over.is_set():
            worker.terminate()
            worker.join(LONGEST_S)
            return
        # One that ended so soon may have met a record that the quick reader does not bear.
        bears_more = time.monotonic() - began < LONGEST_S
        wait = min(2 * wait, LONGEST_S) if bears_more else SHORTEST_S
        _log.warning("ingest worker ended with %s, again in %s s", worker.exitcode, wait)
        over.wait(wait)


def _work(root: Path, parent: int, bears_more: bool) -> None:
    """The ingest worker's process."""
    if bears_more:
        aiokafka_reads_any_header_name()
    from replan.infra.kafka.ingest import run_ingest
    from replan.infra.process.logs import logging_to_stderr
    from replan.infra.workspace.folder import open_workspace

    stop = threading.Event()

    def watch() -> None:
        while os.getppid() == parent:
            stop.wait(SHORTEST_S)
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    workspace = open_workspace(root)
    with logging_to_stderr(workspace.secrets, as_json=True):
        run_ingest(workspace.settings.kafka, root, stop)

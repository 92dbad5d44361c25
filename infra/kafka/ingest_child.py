"""How does a run bring an ingest worker? A process of its own, started again whenever it ends.

It ends with the process that started it, however that ends. The engine does not need it: it only
makes reading cheaper, so an ingest worker that cannot live is said and goes on being tried.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

SHORTEST_S: Final = 1.0
LONGEST_S: Final = 60.0
"""How long is waited before an ingest worker that ended is started again; twice as long each time
until one lived for longer than that.
"""

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
    wait = SHORTEST_S
    while not over.is_set():
        worker = get_context("spawn").Process(target=_work, args=(root, os.getpid()), daemon=True)
        worker.start()
        if _ended_within(worker, over, wait):
            _log.warning("ingest worker ended with %s, again in %s s", worker.exitcode, wait)
            over.wait(wait)
            wait = min(2 * wait, LONGEST_S)
        else:
            wait = SHORTEST_S
        while worker.is_alive() and not over.wait(SHORTEST_S):
            pass
        if worker.is_alive():
            worker.terminate()
            worker.join(LONGEST_S)


def _ended_within(worker: BaseProcess, over: threading.Event, seconds: float) -> bool:
    """Whether the worker ended by itself so soon."""
    over.wait(seconds)
    return not over.is_set() and not worker.is_alive()


def _work(root: Path, parent: int) -> None:
    """The ingest worker's process."""
    from replan.infra.kafka.ingest import run_ingest
    from replan.infra.logs import logging_to_stderr
    from replan.infra.workspace import open_workspace

    stop = threading.Event()

    def watch() -> None:
        while os.getppid() == parent:
            stop.wait(SHORTEST_S)
        os._exit(0)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    workspace = open_workspace(root)
    with logging_to_stderr(workspace.secrets, as_json=True):
        run_ingest(workspace.settings.kafka, root, stop)

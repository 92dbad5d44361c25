"""Which world do the pictures show? The golden stores in days with several troubles."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from replan.infra.review.serving import DeskReview
from replan.infra.running.opened import opened_office
from replan.infra.running.run import run_workspace
from tests.golden.told import history
from tests.golden.world import CASE_FIRST, ordinary, write_lines

DAYS = 4


def write_world(root: Path) -> Path:
    """A workspace in mode recommend, run to its end: oats sell three times as much at one store,
    kefir nearly twice as much at another, where little is left, and tea was miscounted.
    """
    shutil.copytree(history(), root)
    last = CASE_FIRST + timedelta(days=DAYS - 1)
    days = [CASE_FIRST + timedelta(days=n) for n in range(DAYS)]
    times = {("OATS", "S1", day): 2.6 for day in days[1:]}
    times |= {("KEFIR", "S2", day): 1.8 for day in days[1:]}
    events = ordinary(
        last, first=CASE_FIRST, times=times, stock={("TEA", "S3"): 9, ("KEFIR", "S2"): 31}
    )
    write_lines(root / "events" / "case.jsonl", events)
    run_workspace(root, source=None, until_end=True, mode="recommend")
    return root


@contextmanager
def shown(root: Path) -> Iterator[DeskReview]:
    """What the pages ask, over that workspace."""
    with opened_office(root) as desk:
        yield DeskReview(desk.office, desk.ledger, desk.workspace, desk.mode)

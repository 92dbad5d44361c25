"""How are several cases approved with one answer, all of them or none?

Every case is still judged by itself: who may answer, what has changed, what stands in the way. All
verdicts of a whole go into one transaction, so nobody sees a part of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from replan.desk_state import Policy, VerdictGiven
from replan.errors import LedgerBusy, LedgerMoved
from replan.infra.desk.room import ATTEMPTS, store, take
from replan.infra.desk.stepping_down import step_down
from replan.infra.ledger.records import LedgerRecords
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.writer import LedgerWriter
from replan.verdicts import VerdictResult


class _NotAll(Exception):
    """One of a whole was refused; carries what each came to."""

    def __init__(self, results: list[VerdictResult]) -> None:
        super().__init__()
        self.results = results


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """What one answer to several cases came to: `taken`, with the result of each case, or not, with
    those of the cases that stood against it.
    """

    taken: bool
    results: tuple[VerdictResult, ...]


Asked = tuple[str, Callable[[LedgerRecords], VerdictGiven], Policy]
"""A verdict as it is to be taken: planning group, how it reads as the ledger stands, policy."""


Beside = Callable[[LedgerWriter], Sequence[VerdictResult]]
"""Answers that no desk takes, given in the same transaction."""


def nothing_beside(write: LedgerWriter) -> Sequence[VerdictResult]:
    """Every case is one of a desk."""
    return ()


def take_all(ledger: Ledger, asked: Sequence[Asked], beside: Beside = nothing_beside) -> Together:
    """Take verdicts in their order, all in one transaction: where one is refused none is taken, and
    the refused ones are put on record. What is answered `beside` them comes last.
    """
    for _ in range(ATTEMPTS):
        try:
            with ledger.transaction() as write:
                results, stored = [], []
                for group, given, policy in asked:
                    taken = take(write, group, given(write), policy)
                    assert taken.result is not None, "a verdict always has a result"
                    results.append(taken.result)
                    store(write, taken)
                    stored.append(taken)
                results += beside(write)
                if any(result.result == "refused" for result in results):
                    raise _NotAll(results)
                step_down(write, stored)
        except LedgerMoved:
            continue
        except _NotAll as refused:
            _record(ledger, asked, refused.results)
            against = [r for r in refused.results if r.result == "refused"]
            return Together(taken=False, results=tuple(against))
        return Together(taken=True, results=tuple(results))
    raise LedgerBusy("the desks kept moving; try again")


def _record(ledger: Ledger, asked: Sequence[Asked], results: Sequence[VerdictResult]) -> None:
    """Put the refused verdicts on record, as any other refused one; what would be taken by now is
    left alone. `results` begin with those of `asked`.
    """
    for (group, given, policy), result in zip(asked, results, strict=False):
        if result.result != "refused":
            continue
        try:
            with ledger.transaction() as write:
                taken = take(write, group, given(write), policy)
                if taken.result is not None and taken.result.result == "refused":
                    store(write, taken)
        except LedgerMoved:
            # Somebody was faster; what was refused for that is told all the same.
            continue

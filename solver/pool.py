"""How are many items planned at once? The same planner in worker processes, answers in order.

Processes, not threads: solver libraries are not safe across threads, and one that crashes takes
only its worker with it. The answer does not depend on the number of workers.
"""

import os
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from types import TracebackType
from typing import Self

from replan.planning import Answer, PlanningProblem
from replan.solver.backend import DEFAULT_LIMITS, DEFAULT_SOLVER, Limits, SolverName
from replan.solver.offers import LANES_PER_RECEIVER
from replan.solver.planner import MilpPlanner


def new_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that end with this one, however it ends."""
    # Never fork: the parent may hold threads and database connections.
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "a worker has a parent"

    def wait() -> None:
        # A worker waits for work for ever: it would outlive a parent that was killed.
        parent.join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


class PooledPlanner:
    """A `Planner` on `workers` processes, started with the first problems that need them.

    With `workers` 0, or a single problem, it solves in this process. Use it as a context manager,
    or call `close`. A worker that dies is not asked again: what it had not answered is planned here
    by the greedy rule, outcome `fallback`, and the next call starts new workers.
    """

    def __init__(
        self,
        workers: int,
        *,
        solver: SolverName = DEFAULT_SOLVER,
        limits: Limits = DEFAULT_LIMITS,
        lanes_per_receiver: int = LANES_PER_RECEIVER,
    ) -> None:
        if workers < 0:
            raise ValueError(f"workers is {workers}, must be at least 0")
        self._workers = workers
        self._planner = MilpPlanner(
            solver=solver, limits=limits, lanes_per_receiver=lanes_per_receiver
        )
        self._pool: ProcessPoolExecutor | None = None

    def plan(self, problems: Iterable[PlanningProblem]) -> tuple[Answer, ...]:
        """One answer per problem, in order; workers begin while further ones are put together."""
        if self._workers == 0:
            return self._planner.plan(problems)
        coming = iter(problems)
        asked: list[PlanningProblem] = []
        tasks: list[Future[Answer]] = []
        answers: list[Answer] = []
        try:
            for problem in coming:
                asked.append(problem)
                if len(asked) > 1:
                    tasks += [self._submitted(one) for one in asked[len(tasks) :]]
            answers.extend(task.result() for task in tasks)
        except BrokenProcessPool:
            self.close()
            asked.extend(coming)
        if len(asked) <= 1:
            return self._planner.plan(asked)
        answers.extend(
            self._planner.answer(problem, without_solver="a solver process died")
            for problem in asked[len(answers) :]
        )
        return tuple(answers)

    def _submitted(self, problem: PlanningProblem) -> Future[Answer]:
        if self._pool is None:
            self._pool = new_pool(self._workers)
        return self._pool.submit(self._planner.answer, problem)

    def close(self) -> None:
        """End the workers; a later call starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

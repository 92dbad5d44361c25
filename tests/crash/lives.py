"""Runs that die: a nursery process loads the program once and forks a process for each life.

A life runs a workspace to its end, as the command does, unless it is killed (SIGKILL) on the way:
at the n-th time that it comes to a named point, or after some milliseconds. Points lie around what
the program calls; nothing in the program knows of them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parents[2]

POINTS = (
    "transaction begun",
    "transaction written",
    "transaction committed",
    "lines coming",
    "lines torn",
    "lines written",
    "executor asked",
    "executor answered",
    "fit asked",
    "fit made",
)


class Nursery:
    """The test's side: lives and looks, each in a process of its own. A context manager."""

    def __init__(self, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.lives"],
            cwd=REPOSITORY,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def live(
        self,
        root: Path,
        *,
        point: str | None = None,
        n: int = 0,
        deed: str = "kill",
        ms: float | None = None,
        approve_at: str | None = None,
    ) -> dict[str, Any]:
        """One life: {"ended": True, "points": {point: count}, "approved": [ids]}, {"ended": False}
        if killed, {"ended": False, "busy": what} if the ledger stayed away. `deed`: what happens at
        the point, see `DEEDS`. `approve_at`: at that place of each tick somebody else, who has the
        workspace open too, approves what is new in the queue.
        """
        question = {"point": point, "n": n, "ms": ms, "approve_at": approve_at, "deed": deed}
        return self._ask({"do": "live", "root": str(root), **question})

    def look(self, root: Path, *, replay: bool = True) -> dict[str, Any]:
        """All that a finished run leaves behind; see `seen`."""
        found: dict[str, Any] = self._ask({"do": "look", "root": str(root), "replay": replay})[
            "seen"
        ]
        return found

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer


def seen(root: Path, replay: bool) -> dict[str, Any]:
    """Digests, counts, decisions, actions, out files line by line, and whether the record holds."""
    from replan.infra.running.opened import opened_office
    from replan.infra.running.proved import replay_workspace

    with opened_office(root) as desk:
        status = desk.office.status(desk.mode)
        found = {
            name: status[name] for name in ("clock", "events", "state_digest", "decisions_digest")
        }
        bodies = desk.office.decisions(None, None, None)
        found["decisions"] = [[body["decision_id"], body["state"]] for body in bodies]
        found["actions"] = sorted(
            [action.action_id, action.state]
            for body in bodies
            for action in desk.ledger.decision(body["decision_id"]).actions
        )
        found["audit"] = desk.ledger.verify_audit().ok
        found["waiting"] = len(desk.ledger.publications(1)) + len(desk.ledger.pending_outbox())
        found["confirmed"] = {
            name: (root / "out" / name).stat().st_size == length
            for name, length in desk.ledger.out_lengths().items()
        }
    out = {
        path.name: path.read_text().splitlines() for path in sorted((root / "out").glob("*.jsonl"))
    }
    found["out"] = out
    found["sent"] = Counter(json.loads(line)["id"] for line in out.get("commands.jsonl", []))
    if replay:
        again = list(replay_workspace(root, None))
        found["replayed"] = [len(again), all(one.equal for one in again)]
    return found


def assert_same(undisturbed: dict[str, Any], killed: dict[str, Any]) -> None:
    """Assert that two runs left the same behind, to the byte, and that nothing waits any more."""
    assert killed["out"] == undisturbed["out"]
    assert killed == {name: undisturbed[name] for name in killed}
    assert set(killed["sent"].values()) == {1}
    assert killed["waiting"] == 0
    assert all(killed["confirmed"].values())
    assert killed["audit"]


def _serve() -> None:
    """The nursery's side: answer questions line by line, each in a fork."""
    # Loaded once, what takes longest to load; nothing of it is used before the fork.
    for module in (
        "replan.infra.running.run",
        "statsforecast.models",
        "highspy",
        "pulp",
        "alembic",
    ):
        import_module(module)
    for line in sys.stdin:
        print(json.dumps(_in_fork(json.loads(line))), flush=True)


def _in_fork(question: dict[str, Any]) -> dict[str, Any]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            out.write(json.dumps(_answer(question)))
        os._exit(0)
    os.close(writer)
    if question.get("ms") is not None:
        time.sleep(question["ms"] / 1000)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    if text:
        found: dict[str, Any] = json.loads(text)
        return found
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return {"ended": False}
    return {"error": f"the life ended with status {status} and no word"}


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    import traceback

    from replan.errors import LedgerBusy
    from replan.infra.running.run import run_workspace

    root = Path(question["root"])
    try:
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            if question["do"] == "look":
                return {"seen": seen(root, question["replay"])}
            approved: list[str] = []
            if question["approve_at"] is not None:
                _lay_approval(question["approve_at"], root, approved)
            deed = partial(DEEDS[question["deed"]], root)
            passed = _lay_points(question["point"], question["n"], deed)
            run_workspace(root, source=None, until_end=True, mode=None)
            return {"ended": True, "points": passed, "approved": approved}
    except LedgerBusy as away:
        return {"ended": False, "busy": str(away)}
    except Exception:  # noqa: BLE001 - the test is told
        return {"error": traceback.format_exc()}


def _die(_root: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _sever(root: Path) -> None:
    """The server ends every connection to the ledger."""
    import psycopg

    mine = "datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(_ledger_url(root)) as conn:
        conn.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {mine}")


def _server_dies(root: Path) -> None:
    """As in a power cut; what it had confirmed must be there when it is started again."""
    from replan.infra.dev import database as dev_database

    dev_database.stop(root.parent / "server", at_once=True)


def _server_restarts(root: Path) -> None:
    from replan.infra.dev import database as dev_database

    _server_dies(root)
    dev_database.start(root.parent / "server")


DEEDS: dict[str, Callable[[Path], None]] = {
    "kill": _die,
    "sever": _sever,
    "server dies": _server_dies,
    "server restarts": _server_restarts,
}
"""What may happen at a point. The server is the one whose folder stands beside the workspace."""


def _ledger_url(root: Path) -> str:
    from replan.infra.workspace.folder import open_workspace

    return open_workspace(root).settings.ledger.url


def _lay_points(point: str | None, n: int, deed: Callable[[], None]) -> Counter[str]:
    """Put points around what the program calls; the deed is done at the n-th pass of one."""
    from replan.infra.erp.reference import ReferenceErp
    from replan.infra.executors.execution import FileExecutor
    from replan.infra.ledger.store import Ledger
    from replan.infra.out_files import OutFiles
    from replan.models.fitting import StatsforecastFitter

    passed: Counter[str] = Counter()

    def is_due(name: str) -> bool:
        passed[name] += 1
        return name == point and passed[name] == n

    def pass_by(name: str) -> None:
        if is_due(name):
            deed()

    transaction = Ledger.transaction

    @contextmanager
    def pointed(self: Ledger) -> Iterator[Any]:
        with transaction(self) as write:
            pass_by("transaction begun")
            yield write
            pass_by("transaction written")
        pass_by("transaction committed")

    append = OutFiles.append

    def appended(self: Any, file: str, lines: Any) -> None:
        pass_by("lines coming")
        append(self, file, lines)
        if is_due("lines torn"):
            path = self._folder / file
            os.truncate(path, path.stat().st_size - 5)
            os.kill(os.getpid(), signal.SIGKILL)
        pass_by("lines written")

    def around(call: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
        @wraps(call)
        def called(*given: Any) -> Any:
            pass_by(before)
            answer = call(*given)
            pass_by(after)
            return answer

        return called

    Ledger.transaction = pointed  # type: ignore[method-assign]
    OutFiles.append = appended  # type: ignore[method-assign]
    for executor in (FileExecutor, ReferenceErp):
        asked = around(executor.advance, "executor asked", "executor answered")
        executor.advance = asked  # type: ignore[method-assign]
    fitted = around(StatsforecastFitter.fit_panel, "fit asked", "fit made")
    StatsforecastFitter.fit_panel = fitted  # type: ignore[method-assign]
    return passed


def _lay_approval(where: str, root: Path, approved: list[str]) -> None:
    """Let somebody else approve what waits, at a place between two transactions of the run."""
    from replan.infra.engine import belief
    from replan.infra.engine import loop as engine
    from replan.infra.engine.sending import Sending
    from replan.infra.running.opened import opened_office

    asked: set[str] = set()

    def approve() -> None:
        with opened_office(root) as desk:
            for body in desk.office.queue():
                if body["decision_id"] in asked:
                    continue
                asked.add(body["decision_id"])
                login = "planner-1" if body["recipient"] == "role:planner" else "owner-1"
                answer = desk.office.verdict(
                    body["decision_id"],
                    "approve",
                    login=login,
                    chip="policy",
                    note="seen beside the run",
                    confirm=True,
                )
                if answer.result == "accepted":
                    approved.append(body["decision_id"])

    def after(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            answer = call(*given, **named)
            approve()
            return answer

        return called

    places = {"sensed": (belief, "step"), "decided": (engine, "take")}
    if where in places:
        module, name = places[where]
        setattr(module, name, after(getattr(module, name)))
    else:
        assert where == "releasing", where
        Sending.sendable = after(Sending.sendable)  # type: ignore[method-assign]


if __name__ == "__main__":
    _serve()

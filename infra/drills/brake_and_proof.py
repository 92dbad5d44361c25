"""Would the emergency brake hold, and would the proof convince? Rehearsed on the workspace itself.

A drill does the real thing, says what it saw, and leaves a row in the audit chain `control`. A stop
drill calls off what waited to be sent by itself, as any stop does; sense looks at it anew.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from replan.errors import NotSo
from replan.infra.desk.stop_switch import StopSwitch
from replan.infra.ledger.store import Ledger
from replan.infra.proof.evidence import write_evidence

REASON = "drill"
MOST_MS = 1_000
"""A stop holds this soon after it was asked for."""


def drill_stop(ledger: Ledger, switch: StopSwitch, login: str, other: str) -> dict[str, Any]:
    """One operator stops everything, cannot let go, and another one does; on record with the time
    from the call to the commit, `took_ms`. UsageError for an unknown login.
    """
    began = time.monotonic()
    stopped = switch.stop(None, login=login, reason=REASON)
    # From the commit on whatever claims commands, in any process, reads that it may not.
    took_ms = round(1_000 * (time.monotonic() - began), 1)
    steps: dict[str, bool] = {f"{login} may stop": stopped.code is None}
    if stopped.code is None:
        alone = switch.resume(None, login=login, reason=REASON)
        steps["everything is stopped"] = any(s.key is None for s in ledger.stops())
        steps[f"it held within {MOST_MS} ms"] = took_ms <= MOST_MS
        steps[f"{login} cannot let go alone"] = alone.code == "own_stop"
        resumed = switch.resume(None, login=other, reason=REASON)
        steps[f"{other} lets go"] = resumed.code is None
        steps["nothing else is stopped"] = not ledger.stops()
    return recorded(
        ledger, "stop", steps, logins=[login, other], held=list(stopped.held), took_ms=took_ms
    )


def drill_evidence(ledger: Ledger) -> dict[str, Any]:
    """The newest decision is packed and checked by a Python that knows nothing of us. NotSo where
    nothing was decided yet.
    """
    decided = ledger.decisions()
    if not decided:
        raise NotSo("nothing was decided yet, so there is nothing to prove")
    decision_id = str(decided[-1]["decision_id"])
    with TemporaryDirectory() as folder:
        pack = Path(folder) / "pack.zip"
        write_evidence(ledger, decision_id, pack)
        command = [sys.executable, "-I", "-S", str(pack)]
        checked = subprocess.run(command, capture_output=True, check=False, cwd=folder)
    steps = {
        "the pack holds": checked.returncode == 0,
        "the chain holds": ledger.verify_audit().ok,
    }
    return recorded(ledger, "evidence", steps, decision_id=decision_id)


def recorded(ledger: Ledger, what: str, steps: dict[str, bool], **more: Any) -> dict[str, Any]:
    """What a drill came to, put on record."""
    told = {"drill": what, "ok": all(steps.values()), "steps": steps, **more}
    with ledger.transaction() as write:
        write.note_drill(told, write.clock())
    return told

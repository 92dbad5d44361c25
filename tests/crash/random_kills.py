"""Kills runs at random moments, resumes them, and compares with a run that nobody disturbed.

Prints one JSON line. `lost`: decisions, commands and lines of the out files that the undisturbed
run has and a killed one lacks; `doubled`: those that a killed one has more of.

    python -m tests.crash.random_kills 200
"""

import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from tests.busy_world import write_busy_world
from tests.crash.lives import Nursery

LONGEST_MS = 1_500


def kill_at_random(kills: int, folder: Path, *, seed: int) -> dict[str, Any]:
    """As printed. Each workspace is killed again and again until it gets to its end."""
    rng = random.Random(seed)
    report = {"kills": 0, "lost": 0, "doubled": 0, "digest_equal": True}
    with Nursery() as nursery:
        undisturbed = {}
        for erp in (False, True):
            root = write_busy_world(folder / f"undisturbed-{erp}", erp=erp)
            assert nursery.live(root)["ended"]
            undisturbed[erp] = nursery.look(root)
        world = 0
        while report["kills"] < kills:
            world += 1
            erp = bool(world % 2)
            root = write_busy_world(folder / f"killed-{world}", erp=erp)
            while report["kills"] < kills:
                if nursery.live(root, ms=rng.uniform(0, LONGEST_MS))["ended"]:
                    break
                report["kills"] += 1
            assert nursery.live(root)["ended"]
            _compare(undisturbed[erp], nursery.look(root), report)
    return report


def _compare(undisturbed: dict[str, Any], killed: dict[str, Any], report: dict[str, Any]) -> None:
    expected, found = _things(undisturbed), _things(killed)
    report["lost"] += (expected - found).total()
    report["doubled"] += (found - expected).total()
    names = ("clock", "events", "state_digest", "decisions_digest", "replayed", "audit")
    report["digest_equal"] &= all(undisturbed[name] == killed[name] for name in names)


def _things(seen: dict[str, Any]) -> Counter[str]:
    things = Counter(f"action {a}" for a in seen["actions"])
    things += Counter(f"decision {d}" for d in seen["decisions"])
    for name, lines in seen["out"].items():
        things += Counter(f"{name} {line}" for line in lines)
    return things


def main() -> None:
    """Kill as often as the command line says and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        report = kill_at_random(int(sys.argv[1]), Path(folder), seed=random.randrange(2**32))
    print(json.dumps(report))
    sound = report["digest_equal"] and not report["lost"] and not report["doubled"]
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()

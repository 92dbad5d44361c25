"""Kills runs over files, then over Kafka and PostgreSQL, and tells what came of both.

Prints one line of JSON: `kills`, `lost`, `doubled` and `digest_equal` of both together, then those
and the seconds of each.

    python -m tests.crash.all_kills 200
"""

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.crash import kafka_kills, random_kills

PARTS = {"files": random_kills.kill_at_random, "kafka": kafka_kills.kill_at_random}


def kill_all(kills: int, folder: Path, *, seed: int) -> dict[str, Any]:
    """As printed; so many kills in each part."""
    parts: dict[str, dict[str, Any]] = {}
    for name, part in PARTS.items():
        begun = time.monotonic()
        (folder / name).mkdir(mode=0o755)
        report = part(kills, folder / name, seed=seed)
        parts[name] = report | {"seconds": round(time.monotonic() - begun, 1)}
    return {
        "kills": sum(part["kills"] for part in parts.values()),
        "lost": sum(part["lost"] for part in parts.values()),
        "doubled": sum(part["doubled"] for part in parts.values()),
        "digest_equal": all(part["digest_equal"] for part in parts.values()),
        "seed": seed,
        **parts,
    }


def main() -> None:
    """Kill as often as the command line says."""
    with tempfile.TemporaryDirectory() as folder:
        # The database runs as a user of its own where this runs as root.
        Path(folder).chmod(0o755)
        report = kill_all(int(sys.argv[1]), Path(folder), seed=random.randrange(2**32))
    print(json.dumps(report))
    sound = report["digest_equal"] and not report["lost"] and not report["doubled"]
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()

"""What did a command use? Runs one, waits for it, and writes its figures to a file.

    python -m replan.infra.bench.child FILE COMMAND …

A process of its own, because on Linux a new process starts with the memory peak of the one that
starts it: a large one would measure itself.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(file: str, *command: str) -> None:
    """Exit code, wall and processor seconds, and peak bytes of its largest process, as JSON."""
    begun = time.monotonic()
    child = subprocess.Popen(command)
    _, status, used = os.wait4(child.pid, 0)
    wall_seconds = time.monotonic() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    figures = {
        "exit_code": child.returncode,
        "wall_seconds": wall_seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        # Linux counts in KiB, macOS in bytes.
        "peak_bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    Path(file).write_text(json.dumps(figures), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""An ingest worker as a process of its own: packs until its standard input ends."""

import sys
import threading
from pathlib import Path

from replan.infra.kafka.ingest import run_ingest
from replan.infra.workspace.settings import read_settings

if __name__ == "__main__":
    settings, findings = read_settings(Path(sys.argv[1]).read_bytes())
    assert findings == (), findings
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    run_ingest(settings.kafka, Path(sys.argv[1]).parent, stop)

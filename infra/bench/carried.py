"""What does it take only to bring events from the input topics to the engine? No more than that.

    python -m replan.infra.bench.carried WORKSPACE

An ingest worker packs all records of the input topics into blocks, which are read and decoded here,
as the engine does it while it keeps up: nothing is judged, answered, folded or stored.
"""

import sys
from pathlib import Path

from replan.infra.kafka.ingest_child import ingest_beside
from replan.infra.kafka.log import KafkaLog
from replan.infra.workspace.folder import open_workspace
from replan.infra.workspace.kafka_settings import connection
from replan.streams.topics import FACTS

PATIENCE_S = 120.0
"""Blocks are waited for so long: what is read otherwise is another way, at another price."""


def main(root: Path) -> int:
    """How many events arrived."""
    kafka = open_workspace(root).settings.kafka
    options, names = connection(kafka, root).for_kafka_python(), kafka.names
    count = 0
    with (
        KafkaLog(
            options, names.inputs, names.of(FACTS), stamped=False, patience_s=PATIENCE_S
        ) as log,
        ingest_beside(root),
    ):
        ends, reached = log.ends(), dict(log.begins())
        while behind := [p for p, at in sorted(reached.items()) if at < ends[p]]:
            taken = [(p, log.take(p, reached[p], ends[p])) for p in behind]
            for partition, reads in taken:
                if reads:
                    reached[partition] = reads[-1].offset + 1
                    count += sum(len(read.results) for read in reads)
            if not any(reads for _, reads in taken):
                log.wait()
    return count


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]))}\n")

"""Workers over Kafka and PostgreSQL killed at moments that nobody chose, their servers too."""

import pytest

from tests.crash.kafka_kills import kill_at_random


@pytest.mark.slow
def test_twenty_kills_lose_and_double_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("kills")
    # The database runs as a user of its own where tests run as root.
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)
    report = kill_at_random(20, folder, seed=5)
    assert (report["kills"], report["lost"], report["doubled"]) == (20, 0, 0)
    assert report["digest_equal"]
    assert len(report["faults"]) >= 3, "workers, servers and pauses must have been among them"

"""G11: does not a byte leave in shadow, while the same world live calls its target?"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from replan.infra.running.run import run_workspace
from tests.worlds import QUICK, write_world


@contextmanager
def counting_socket() -> Iterator[tuple[int, list[int]]]:
    """A port of the loopback interface, and how many bytes each connection brought."""
    came: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    line.settimeout(5)
                    came.append(len(line.recv(65_536)))

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "calls"), [("shadow", False), ("live", True)])
def test_bytes_at_the_target_are_counted(tmp_path: Path, mode: str, calls: bool) -> None:
    with counting_socket() as (port, came):
        settings = QUICK + (
            '\n[executor]\nkind = "http"\nallowed_hosts = ["127.0.0.1"]\ntimeout_seconds = 1\n'
            f'[executor.targets.erp]\nurl = "http://127.0.0.1:{port}/orders"\nprivate = true\n'
        )
        root = write_world(tmp_path / "world", limit=1_000, settings=settings)
        run_workspace(root, source=None, until_end=True, mode=mode)
    commands = root / "out" / "commands.jsonl"
    assert (sum(came) > 0) == calls
    assert not commands.exists() or commands.stat().st_size == 0 or mode == "live"

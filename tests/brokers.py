"""Where do tests get a real Kafka broker? One for all of a run, started by the first that asks."""

import fcntl
import hashlib
import shutil
from pathlib import Path

import pytest

from replan.infra.dev import broker as dev_broker


def shared_folder(factory: pytest.TempPathFactory, is_worker: bool) -> Path:
    """One folder for all workers of a run."""
    base = factory.getbasetemp()
    return (base.parent if is_worker else base) / "broker"


def start_once(folder: Path) -> str:
    """The address of the broker of a run, whoever of its workers comes first."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return dev_broker.start(folder)


def stop_and_remove(folder: Path) -> None:
    """The end of a run."""
    if dev_broker.stop(folder):
        shutil.rmtree(folder, ignore_errors=True)


def own_prefix(node_id: str) -> str:
    """The beginning of names of topics and groups that no other test of the run uses."""
    return f"t{hashlib.sha256(node_id.encode()).hexdigest()[:10]}."

"""Where can one try Kafka without containers, root, Java or Maven? A real broker, one node, by pip.

Apache Kafka in KRaft mode on free ports of the loopback interface; all it keeps is in one folder,
with its process id and address in a state file. It is stopped by that id only. Started again on
the same folder it comes back on the same ports with what it held.
"""

import json
import logging
import os
import re
import signal
import socket
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from replan.errors import UsageError
from replan.infra.dev import jars as kafka_jars

STATE_FILE = "broker.json"
_SETTINGS = "server.properties"
_LOG = "broker.log"

START_WITHIN_S = 120
STOP_WITHIN_S = 30
_ASK_EVERY_S = 0.2
_PORT_ATTEMPTS = 3

_MEMORY = ("-Xms128m", "-Xmx512m")
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A broker of one's own starts often and does little: the quick compiler alone starts sooner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevBroker:
    """A broker that was started: its folder, its process, where clients find it."""

    folder: Path
    pid: int
    born: str
    bootstrap: str

    @property
    def is_alive(self) -> bool:
        """Whether that process still runs and is this broker, not another that got its number."""
        return born_at(self.pid) == self.born


def start(folder: Path) -> str:
    """Start the broker of a folder and return its `host:port` once it answers.

    One that already runs there is left alone. Raises UsageError, with the end of its log, where it
    does not come up.
    """
    folder = folder.resolve()
    running = found(folder)
    if running is not None and _has_answered(running):
        return running.bootstrap
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / _SETTINGS
    log = ""
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        if not settings.exists():
            port, controller_port = free_ports(2)
            prepare(folder, port, controller_port)
        broker = _launch(folder)
        if _has_answered(broker):
            return broker.bootstrap
        stop(folder)
        log = (folder / _LOG).read_text(encoding="utf-8", errors="replace")[-4000:]
        # Between finding a port free and taking it, another program may have been quicker.
        is_taken = "Address already in use" in log
        if not is_taken or attempt == _PORT_ATTEMPTS or _holds_data(folder):
            break
        settings.unlink()
    raise UsageError(f"the broker of {folder} did not come up; the end of its log:\n{log}")


def stop(folder: Path) -> bool:
    """Stop the broker of a folder; False if none ran there. What it held stays."""
    broker = found(folder.resolve())
    if broker is None:
        return False
    was_alive = broker.is_alive
    for asked, patience in ((signal.SIGTERM, STOP_WITHIN_S), (signal.SIGKILL, STOP_WITHIN_S)):
        if not broker.is_alive:
            break
        os.kill(broker.pid, asked)
        _await_end(broker, patience)
    (broker.folder / STATE_FILE).unlink(missing_ok=True)
    return was_alive


def found(folder: Path) -> DevBroker | None:
    """The broker that was started on a folder, alive or not; None after a stop."""
    try:
        state = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    del state["kafka"]
    return DevBroker(folder=folder, **state)


def tool(name: str, *arguments: str) -> list[str]:
    """The command line of one of Kafka's own tools, by the name of its class."""
    return [kafka_jars.java(), *_JVM, "-cp", kafka_jars.class_path(), name, *arguments]


def prepare(
    folder: Path, port: int, controller_port: int, more: Mapping[str, str] | None = None
) -> None:
    """Make the folder of a broker that `start` starts then; `more`: settings in Kafka's own words,
    instead of ours or beside them.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = _properties(folder, port, controller_port) | dict(more or {})
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    (folder / _SETTINGS).write_text(lines, encoding="utf-8")
    _format(folder)


def _properties(folder: Path, port: int, controller_port: int) -> dict[str, Any]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": folder / "data",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "log.cleaner.dedupe.buffer.size": 8_388_608,
        "num.network.threads": 2,
        "num.io.threads": 2,
        # By default old events are deleted within minutes and future ones refused, without a word
        # to any client.
        "log.retention.ms": -1,
        "log.message.timestamp.after.max.ms": 2**63 - 1,
    }


def _format(folder: Path) -> None:
    """Make the data folder; the id of the cluster comes from where it lies."""
    cluster = urlsafe_b64encode(sha256(str(folder).encode()).digest()[:16]).decode().rstrip("=")
    options = ("--ignore-formatted", "-c", str(folder / _SETTINGS))
    said = subprocess.run(
        tool("kafka.tools.StorageTool", "format", "-t", cluster, *options),
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        told = f"exit {said.returncode}\n{said.stdout}{said.stderr}"
        raise UsageError(f"{folder} cannot be formatted for Kafka: {told}")


def _launch(folder: Path) -> DevBroker:
    logging_settings = kafka_jars.LOCK.parent / "log4j2.properties"
    java, *rest = tool("kafka.Kafka", str(folder / _SETTINGS))
    command = [java, *_MEMORY, f"-Dlog4j2.configurationFile={logging_settings}", *rest]
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # Spawned, not a Popen, which would complain of a child that outlives it. A session of its own:
    # Ctrl-C in the terminal that started it is not meant for it.
    pid = os.posix_spawn(
        java,
        command,
        os.environ,
        file_actions=(
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(folder / _LOG), appended, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ),
        setsid=True,
    )
    settings = (folder / _SETTINGS).read_text(encoding="utf-8")
    (address,) = re.findall(r"^advertised\.listeners=PLAINTEXT://([^,\n]*)", settings, re.MULTILINE)
    state: dict[str, Any] = {"pid": pid, "born": born_at(pid), "bootstrap": address}
    written = json.dumps({**state, "kafka": kafka_jars.VERSION})
    (folder / STATE_FILE).write_text(written + "\n", encoding="utf-8")
    return DevBroker(folder=folder, **state)


def _has_answered(broker: DevBroker) -> bool:
    """Wait for an answer to a question about the cluster: an open port answers too early. False
    where the process ended or says nothing for too long.
    """
    give_up = time.monotonic() + START_WITHIN_S
    while _is_running(broker) and time.monotonic() < give_up:
        if _answers(broker.bootstrap):
            return True
        time.sleep(_ASK_EVERY_S)
    return False


def _answers(bootstrap: str) -> bool:
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    host, port = bootstrap.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    # The client says on its log what is only to be expected while a broker starts.
    noise = logging.getLogger("kafka")
    level = noise.level
    noise.setLevel(logging.CRITICAL)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, request_timeout_ms=5_000, client_id="replan-dev"
        )
        try:
            return bool(admin.describe_cluster()["brokers"])
        finally:
            admin.close()
    except (KafkaError, OSError):
        return False
    finally:
        noise.setLevel(level)


def _await_end(broker: DevBroker, patience_s: float) -> None:
    give_up = time.monotonic() + patience_s
    while _is_running(broker) and time.monotonic() < give_up:
        time.sleep(_ASK_EVERY_S)


def _is_running(broker: DevBroker) -> bool:
    # Where it is a child of this process, its end must be taken note of.
    with suppress(ChildProcessError):
        os.waitpid(broker.pid, os.WNOHANG)
    return broker.is_alive


def born_at(pid: int) -> str | None:
    """When a process began, in the words of its system; None where it has ended."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        # The name stands in brackets and may hold anything; state and start time follow it.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    asked = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on by now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _holds_data(folder: Path) -> bool:
    """Whether topics were made here: then the ports stay, since clients know them."""
    return any((folder / "data").glob("*-[0-9]*"))

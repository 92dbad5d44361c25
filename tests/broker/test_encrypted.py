"""Do all clients reach a broker that asks for TLS and a password, and none without them?"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from replan.errors import ReplanError
from replan.infra.dev import broker as dev_broker
from replan.infra.kafka.admin import create_topics, find_topics, opened_admin
from replan.infra.workspace.kafka_settings import PASSWORD, Connection, connection
from replan.infra.workspace.settings import Settings, read_settings
from replan.streams.blocks import decode_block
from replan.streams.topics import plans

REPOSITORY = Path(__file__).parents[2]
SECRET = "canary-of-the-cluster"


def certificate(folder: Path) -> None:
    """A key and a certificate for this machine, and both together as the broker wants them."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed here, so no certificate can be made")
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(command, check=True, capture_output=True)
    both = (folder / "key.pem").read_text() + (folder / "ca.pem").read_text()
    (folder / "both.pem").write_text(both)


def listening_safely(folder: Path) -> str:
    """Settings of a broker with a listener that asks for TLS and a password; where it listens."""
    port, controller_port, safe_port = dev_broker.free_ports(3)
    plain, safe = f"127.0.0.1:{port}", f"127.0.0.1:{safe_port}"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    more = {
        "listeners": f"PLAINTEXT://{plain},CONTROLLER://127.0.0.1:{controller_port},SAFE://{safe}",
        "advertised.listeners": f"PLAINTEXT://{plain},SAFE://{safe}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SAFE:SASL_SSL",
        "listener.name.safe.ssl.keystore.type": "PEM",
        "listener.name.safe.ssl.keystore.location": str(folder / "both.pem"),
        "listener.name.safe.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.safe.scram-sha-512.sasl.jaas.config": scram,
    }
    dev_broker.prepare(folder, port, controller_port, more)
    return safe


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose replan.toml names a broker that asks who one is."""
    certificate(tmp_path)
    safe = listening_safely(tmp_path)
    (tmp_path / "replan.toml").write_text(
        f'[kafka]\nbootstrap = "{safe}"\nprotocol = "SASL_SSL"\nusername = "replan"\n'
        'ca_file = "ca.pem"\npartitions = 1\n'
    )
    monkeypatch.setenv(PASSWORD, SECRET)
    try:
        plain = dev_broker.start(tmp_path)
        with closing(KafkaAdminClient(bootstrap_servers=plain)) as admin:
            login = UserScramCredentialUpsertion("replan", ScramMechanism.SCRAM_SHA_512, SECRET)
            admin.alter_user_scram_credentials([login])
        yield tmp_path
    finally:
        dev_broker.stop(tmp_path)


def settings_of(root: Path) -> Settings:
    settings, findings = read_settings((root / "replan.toml").read_bytes())
    assert findings == ()
    return settings


def refused(reached: Connection) -> str:
    with pytest.raises(ReplanError) as told, opened_admin(reached) as admin:
        find_topics(admin, ["replan.pos"])
    return str(told.value)


def test_every_client_is_let_in_with_the_password_and_none_without(root: Path) -> None:
    kafka = settings_of(root).kafka
    reached = connection(kafka, root)
    with opened_admin(reached) as admin:
        create_topics(admin, plans(kafka.names, 1, None), 0)
    with closing(KafkaProducer(**reached.for_kafka_python())) as producer:
        producer.send("replan.pos", b"{}").get(60)
    command = [sys.executable, "-m", "tests.broker.ingest_worker", str(root / "replan.toml")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE) as worker:
        reader = KafkaConsumer(
            "replan.facts",
            **reached.for_kafka_python(),
            auto_offset_reset="earliest",
            consumer_timeout_ms=90_000,
        )
        with closing(reader):
            assert decode_block(next(reader).value).topic == "replan.pos"
        worker.kill()
    said = refused(replace(reached, password="wrong"))
    assert "by SASL_SSL as user replan" in said
    assert SECRET not in said

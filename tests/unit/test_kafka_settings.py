"""How are brokers reached, by what replan.toml says and what the environment hides?"""

import ssl
from pathlib import Path

import pytest

from replan.errors import NotSo
from replan.infra.workspace.kafka_settings import PASSWORD, Kafka, connection
from replan.infra.workspace.settings import read_settings


def kafka(text: str) -> Kafka:
    settings, findings = read_settings(f"[kafka]\n{text}\n".encode())
    assert findings == ()
    return settings.kafka


def rule_of(text: str) -> str:
    (finding,) = read_settings(f"[kafka]\n{text}\n".encode())[1]
    return finding.rule


def test_brokers_may_be_a_text_with_commas_or_a_list() -> None:
    both = ("127.0.0.1:9092", "localhost:9093")
    assert kafka('bootstrap = "127.0.0.1:9092, localhost:9093"').bootstrap == both
    assert kafka('bootstrap = ["127.0.0.1:9092", "localhost:9093"]').bootstrap == both


def test_a_table_has_the_prefix_unless_its_topic_is_renamed() -> None:
    names = kafka('prefix = "shop."\ntopics = {pos = "till.sales"}').names
    assert (names.of("pos"), names.of("inventory")) == ("till.sales", "shop.inventory")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('bootstrap = "localhost"', "server"),
        ('bootstrap = "localhost:99999"', "server"),
        ("bootstrap = []", "server"),
        ("bootstrap = 9092", "type"),
        ('bootstrap = "broker.example:9092"', "plaintext"),
        ('topics = {sales = "x"}', "unknown_name"),
        ('topics = {pos = "a b"}', "topic"),
        ('topics = {pos = ".."}', "topic"),
        ('topics = {pos = "replan.acks"}', "unique"),
        ('prefix = "a/b"', "charset"),
        ("partitions = 0", "range"),
        ('retention = "3d"', "range"),
        ('protocol = "SASL_PLAINTEXT"', "range"),
        ('protocol = "SASL_SSL"', "missing"),
        ('protocol = "SSL"\nusername = "replan"', "protocol"),
        ('protocol = "SSL"\ncert_file = "our.pem"', "missing"),
        ('ca_file = "ca.pem"', "protocol"),
        ('password = "secret"', "unknown_key"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_rule(text: str, rule: str) -> None:
    assert rule_of(text) == rule


def test_plain_text_leaves_this_machine_only_for_a_development_of_no_consequence() -> None:
    assert kafka('bootstrap = "broker.example:9092"\ninsecure_dev = true').insecure_dev
    assert kafka('bootstrap = "broker.example:9092"\nprotocol = "SSL"').protocol == "SSL"


def test_this_machine_has_several_names() -> None:
    assert kafka('bootstrap = "localhost:1, 127.0.0.5:2, [::1]:3"').protocol == "PLAINTEXT"


SAFE = 'bootstrap = "broker.example:9093"\nprotocol = "SASL_SSL"\nusername = "replan"'


def test_every_client_checks_certificates_and_logs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "canary-7")
    reached = connection(kafka(SAFE), tmp_path)
    for options in (reached.for_kafka_python(), reached.for_aiokafka()):
        assert options["security_protocol"] == "SASL_SSL"
        assert options["sasl_mechanism"] == "SCRAM-SHA-512"
        assert options["sasl_plain_username"] == "replan"
        assert options["sasl_plain_password"] == "canary-7"
        assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
        assert options["ssl_context"].check_hostname


def test_a_password_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "canary-7")
    assert "canary-7" not in repr(connection(kafka(SAFE), tmp_path))


def test_a_missing_password_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    with pytest.raises(NotSo, match=PASSWORD):
        connection(kafka(SAFE), tmp_path)


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotSo, match=r"ca_file ca\.pem"):
        connection(kafka('protocol = "SSL"\nca_file = "ca.pem"'), tmp_path)

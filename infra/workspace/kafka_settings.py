"""How are brokers reached, and what are topics called? The section `[kafka]`, and what clients get.

Secrets come from the environment or from a file that it names, never from replan.toml, and never
stand in a message. Without encryption only brokers of this machine are spoken to, unless the
settings say that this is a development of no consequence.
"""

import re
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from replan.errors import NotSo
from replan.infra.workspace.secret_values import secret
from replan.infra.workspace.shapes import StrictShape, parsed_by, refuse
from replan.infra.workspace.text_values import NotAValue, duration
from replan.streams.topics import MIN_RETENTION, TABLES, TopicNames

PASSWORD: Final = "REPLAN_KAFKA_PASSWORD"
KEY_PASSWORD: Final = "REPLAN_KAFKA_KEY_PASSWORD"

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
_NAME_PART = re.compile(r"[A-Za-z0-9._-]{0,200}")


def _servers(written: object) -> tuple[str, ...]:
    words = written.split(",") if isinstance(written, str) else written
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise NotAValue("type", f"{written!r} is neither a text nor a list of host:port")
    servers = tuple(word.strip() for word in words)
    for server in servers:
        port = _SERVER.fullmatch(server)
        if port is None or not 0 < int(port[1]) < 65536:
            raise NotAValue("server", f"{server!r} is not host:port")
    if not servers:
        raise NotAValue("server", "no broker is named: write host:port")
    return servers


def _renamed(written: object) -> dict[str, str]:
    if not isinstance(written, dict):
        raise NotAValue("type", f"{written!r} is not a table of names")
    for table, name in written.items():
        if table not in TABLES:
            raise NotAValue("unknown_name", f"{table!r} is not one of {', '.join(TABLES)}")
        if not isinstance(name, str) or not _TOPIC.fullmatch(name):
            raise NotAValue("topic", f"{table}: {name!r} cannot be the name of a topic")
    return dict(sorted(written.items()))


def _name_part(written: object) -> str:
    if not isinstance(written, str) or not _NAME_PART.fullmatch(written):
        raise NotAValue("charset", f"{written!r}: only A-Z a-z 0-9 . _ - can stand in a name")
    return written


def _retention(written: object) -> timedelta:
    length = duration(written)
    if length < MIN_RETENTION:
        days = MIN_RETENTION.days
        raise NotAValue("range", f"{written} is less than {days}d, the least that inputs keep")
    return length


class Kafka(StrictShape):
    """Brokers, names and safety of a Kafka cluster. `retention` None: kept for ever; `replication`
    0: as the cluster's default says."""

    bootstrap: Annotated[tuple[str, ...], parsed_by(_servers)] = ("127.0.0.1:9092",)
    prefix: Annotated[str, parsed_by(_name_part)] = "replan."
    topics: Annotated[dict[str, str], parsed_by(_renamed)] = {}  # noqa: RUF012 (pydantic copies it)
    partitions: Annotated[int, Field(ge=1, le=1000)] = 4
    replication: Annotated[int, Field(ge=0, le=16)] = 0
    retention: Annotated[timedelta | None, parsed_by(_retention)] = None
    group: Annotated[str, parsed_by(_name_part)] = "replan"
    protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    username: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    insecure_dev: bool = False

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        names = [self.names.of(table) for table in TABLES]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise refuse("unique", f"topics: {twice[0]} stands for more than one table")
        if self.protocol == "PLAINTEXT" and not self.insecure_dev:
            for server in self.bootstrap:
                if not _is_loopback(server):
                    raise refuse(
                        "plaintext",
                        f"{server} is not this machine: use protocol SSL or SASL_SSL, or for "
                        "development insecure_dev = true",
                    )
        if self.protocol == "SASL_SSL" and not self.username:
            raise refuse("missing", "protocol SASL_SSL needs a username")
        if self.protocol != "SASL_SSL" and self.username:
            raise refuse("protocol", "a username is only used with protocol SASL_SSL")
        if bool(self.key_file) != bool(self.cert_file):
            raise refuse("missing", "cert_file and key_file belong together")
        if self.protocol == "PLAINTEXT" and (self.ca_file or self.cert_file):
            raise refuse("protocol", "ca_file and cert_file are only used with SSL or SASL_SSL")
        return self

    @property
    def names(self) -> TopicNames:
        """What topics are called."""
        return TopicNames(prefix=self.prefix, renamed=self.topics)


def _is_loopback(server: str) -> bool:
    host = server.rsplit(":", 1)[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How clients reach the brokers, secrets in hand. For each library the options of its own."""

    bootstrap: tuple[str, ...]
    protocol: str
    mechanism: Mechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        where = f"brokers {', '.join(self.bootstrap)} by {self.protocol}"
        # Clients say of a wrong password only that they were disconnected.
        return where if self.username is None else f"{where} as user {self.username}"

    def for_kafka_python(self) -> dict[str, Any]:
        """Options of kafka-python's admin, consumer and producer."""
        return {"bootstrap_servers": list(self.bootstrap), **self._safety()}

    def for_aiokafka(self) -> dict[str, Any]:
        """Options of aiokafka's consumer and producer."""
        options = {"bootstrap_servers": list(self.bootstrap), **self._safety()}
        if self.mechanism is None:
            del options["sasl_mechanism"]
        return options

    def for_faust(self) -> dict[str, Any]:
        """Settings of a Faust app."""
        import faust

        settings: dict[str, Any] = {"broker": ";".join(f"kafka://{s}" for s in self.bootstrap)}
        if self.mechanism is not None:
            settings["broker_credentials"] = faust.SASLCredentials(
                username=self.username,
                password=self.password,
                mechanism=self.mechanism,
                ssl_context=self.ssl_context,
            )
        elif self.ssl_context is not None:
            settings["broker_credentials"] = faust.SSLCredentials(self.ssl_context)
        return settings

    def _safety(self) -> dict[str, Any]:
        return {
            "security_protocol": self.protocol,
            "ssl_context": self.ssl_context,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }


def connection(kafka: Kafka, root: Path) -> Connection:
    """How clients of a workspace reach its brokers. NotSo where a secret or a certificate is
    missing, naming it.
    """
    if kafka.protocol == "PLAINTEXT":
        return Connection(bootstrap=kafka.bootstrap, protocol=kafka.protocol)
    context = _ssl_context(kafka, root)
    if kafka.protocol == "SSL":
        return Connection(bootstrap=kafka.bootstrap, protocol=kafka.protocol, ssl_context=context)
    password = secret(PASSWORD)
    if password is None:
        raise NotSo(
            f"kafka.protocol SASL_SSL needs the password of {kafka.username}: set {PASSWORD}"
        )
    return Connection(
        bootstrap=kafka.bootstrap,
        protocol=kafka.protocol,
        mechanism=kafka.sasl_mechanism,
        username=kafka.username,
        password=password,
        ssl_context=context,
    )


def _ssl_context(kafka: Kafka, root: Path) -> ssl.SSLContext:
    """Server certificates are always checked, by the CA file or by what the system trusts."""
    try:
        context = ssl.create_default_context(
            cafile=str(root / kafka.ca_file) if kafka.ca_file else None
        )
    except OSError as wrong:
        raise NotSo(f"kafka.ca_file {kafka.ca_file}: cannot be used: {wrong}") from wrong
    if kafka.cert_file:
        try:
            context.load_cert_chain(
                root / kafka.cert_file, root / kafka.key_file, secret(KEY_PASSWORD) or ""
            )
        except OSError as wrong:
            raise NotSo(
                f"kafka.cert_file {kafka.cert_file}, key_file {kafka.key_file}: cannot be used: "
                f"{wrong}"
            ) from wrong
    return context

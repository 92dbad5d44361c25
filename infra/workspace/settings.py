"""How does a team want the engine to run? The settings of replan.toml, every key with a default.

An empty file is valid and an unknown key is an error. Durations are `<n>m|h|d`.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from replan.currencies import minor_digits
from replan.findings import Finding
from replan.infra.ledger.schema import POSTGRESQL
from replan.infra.workspace.executor_settings import Executor
from replan.infra.workspace.kafka_settings import Kafka
from replan.infra.workspace.notify_settings import Notify
from replan.infra.workspace.review_settings import Review
from replan.infra.workspace.secret_values import PLACEHOLDERS
from replan.infra.workspace.shapes import Path, StrictShape, findings_of, parsed_by, refuse
from replan.infra.workspace.text_values import NotAValue, day_time, duration, is_zone
from replan.models.registry import factories
from replan.throttle import ALERTS_PER_DAY

SETTINGS_FILE = "replan.toml"

Duration = Annotated[timedelta, parsed_by(duration)]
RunMode = Literal["live", "recommend", "shadow"]

_DAY = timedelta(days=1)
_RULES = {"missing": "missing", "extra_forbidden": "unknown_key", "*": "type"} | dict.fromkeys(
    ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "literal_error"), "range"
)


def _planning(text: object) -> timedelta:
    length = duration(text)
    if not length or _DAY % length:
        raise NotAValue("divides_day", f"{text} does not divide a day")
    return length


def _calendar_date(value: object) -> date:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise NotAValue("date", f"{value!r} is not a date: write YYYY-MM-DD") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise NotAValue("date", f"{value!r} is not a date: write YYYY-MM-DD")


def _timezone(name: object) -> str:
    if not isinstance(name, str) or not is_zone(name):
        raise NotAValue("timezone", f"{name!r} is not a zone of the tz database")
    return name


def _currency(code: object) -> str:
    if not isinstance(code, str) or minor_digits(code) is None:
        raise NotAValue("currency", f"{code!r} is not a currency code of ISO 4217")
    return code


def _ledger_url(text: object) -> str:
    try:
        url = make_url(text) if isinstance(text, str) else None
    except ArgumentError:
        url = None
    if url is None or url.drivername not in ("sqlite", *POSTGRESQL):
        raise NotAValue(
            "url",
            "is not a URL of a SQLite file, such as sqlite:///ledger.db, or of a PostgreSQL "
            "database, such as postgresql://replan_engine@localhost/replan",
        )
    # Through a socket the server knows the user without a password, and tools write the colon.
    no_secret = url.password == "" and not url.host
    if url.password is not None and str(url.password) in PLACEHOLDERS and not no_secret:
        raise NotAValue("secret", "the password is empty or a placeholder")
    shown = url.render_as_string(hide_password=True)
    if url.drivername in POSTGRESQL:
        if not url.database:
            raise NotAValue("url", f"{shown} names no database, as postgresql://…/replan does")
        return str(text)
    if not url.database or url.database.startswith(":"):
        raise NotAValue("url", f"{shown} names no file, as sqlite:///ledger.db does")
    if ".." in url.database.split("/"):
        raise NotAValue("outside", f"{shown} leaves the workspace by ..")
    return str(text)


def _forecasters(names: object) -> tuple[str, ...]:
    known = factories()
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise NotAValue("type", f"{names!r} is not a list of names")
    for name in names:
        if name not in known:
            raise NotAValue(
                "unknown_name", f"{name!r} is not an installed forecaster: {', '.join(known)}"
            )
    return tuple(sorted(set(names)))


class Source(StrictShape):
    """Where events come from."""

    kind: Literal["file", "kafka"] = "file"


class Ledger(StrictShape):
    """Where everything is kept, in SQLite or PostgreSQL; a relative SQLite path is relative to the
    workspace."""

    url: Annotated[str, parsed_by(_ledger_url)] = "sqlite:///ledger.db"


class Time(StrictShape):
    """Lateness bound, the largest jump of the log clock, when a store day closes by itself."""

    lateness: Duration = timedelta(hours=48)
    max_jump: Duration = timedelta(days=30)
    day_closes_at: Annotated[time, parsed_by(day_time)] = time(4)
    clock: Literal["auto", "log", "database"] = "auto"


class Ticks(StrictShape):
    """When is planned: every `planning` from 00:00 UTC, deciding from the start of a date on;
    `max_wait` is how long a tick waits for a slow input on the database clock."""

    planning: Annotated[timedelta, parsed_by(_planning)] = timedelta(hours=1)
    decide_from: Annotated[date | None, parsed_by(_calendar_date)] = None
    max_wait: Duration = timedelta(minutes=5)


class Plan(StrictShape):
    """What is worth a plan and how plans are computed. `min_value_minor` is the value at stake
    below which nothing is planned, `change_cost_minor` what changing a plan again must be worth."""

    horizon_days: Annotated[int, Field(ge=1, le=60)] = 14
    min_value_minor: Annotated[int, Field(ge=0)] = 5000
    max_batch: Annotated[int, Field(ge=1, le=100_000)] = 500
    scenarios: Annotated[int, Field(ge=1, le=1000)] = 10
    held_out: Annotated[int, Field(ge=10, le=10_000)] = 100
    change_cost_minor: Annotated[int, Field(ge=0)] = 500


class Bands(StrictShape):
    """Coverage of the forecast band, and how often a quiet series may raise a false alarm."""

    nominal: Annotated[float, Field(ge=0.5, lt=1)] = 0.90
    false_alarms_per_1000_series_days: Annotated[float, Field(gt=0, le=1000)] = 2.0


class Attention(StrictShape):
    """How many alerts are announced to one recipient within 24 hours; all others wait unannounced
    in the queue. `planted_checks`: whether each month one case with a planted fault stands among
    those of each recipient."""

    alerts_per_day: Annotated[int, Field(ge=0)] = ALERTS_PER_DAY
    planted_checks: bool = False


class Models(StrictShape):
    """Closed days before a series takes part; closed days before a plan that rests on it may run
    unseen (0: as `min_days`); plug-in forecasters that may serve a series; time between fits;
    days of history in a fit."""

    candidates: Annotated[tuple[str, ...], parsed_by(_forecasters)] = ()
    novel_days: Annotated[int, Field(ge=0, le=3650)] = 0
    min_days: Annotated[int, Field(ge=1, le=3650)] = 28
    refit: Duration = timedelta(days=7)
    history_days: Annotated[int, Field(ge=14, le=3650)] = 400

    @model_validator(mode="after")
    def _history_holds_the_minimum(self) -> Self:
        if self.history_days < self.min_days:
            text = f"history_days {self.history_days} is less than min_days {self.min_days}"
            raise refuse("range", text)
        return self


class Observe(StrictShape):
    """Where a run over Kafka tells monitors how it is; port 0: nowhere."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0


class Engine(StrictShape):
    """Ticks between snapshots of the state, worker processes (0: none)."""

    snapshot_ticks: Annotated[int, Field(ge=1, le=100_000)] = 24
    workers: Annotated[int, Field(ge=0, le=64)] = 2


class Audit(StrictShape):
    """Where a run writes checkpoints of the audit chain by itself; empty: nowhere."""

    anchors: str = ""


class Promotion(StrictShape):
    """What it takes to let a category go one step further: comparable cases, days that they span,
    and the agreement with people that the lower end of its 95 % interval must reach."""

    min_cases: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    min_days: Annotated[int, Field(ge=1, le=3650)] = 14
    agreement: Annotated[float, Field(gt=0, le=1)] = 0.8


class Security(StrictShape):
    """Whether the authority table and the risk record must be signed, and the file that says whose
    key is whose: in the workspace, or better elsewhere."""

    require_signatures: bool = False
    keys: str = "keys.yaml"


class Settings(StrictShape):
    """Everything that replan.toml says."""

    timezone: Annotated[str, parsed_by(_timezone)] = "Europe/Berlin"
    currency: Annotated[str, parsed_by(_currency)] = "EUR"
    mode: RunMode = "shadow"
    source: Source = Source()
    kafka: Kafka = Kafka()
    ledger: Ledger = Ledger()
    time: Time = Time()
    ticks: Ticks = Ticks()
    plan: Plan = Plan()
    bands: Bands = Bands()
    attention: Attention = Attention()
    models: Models = Models()
    executor: Executor = Executor()
    notify: Notify = Notify()
    engine: Engine = Engine()
    observe: Observe = Observe()
    audit: Audit = Audit()
    promotion: Promotion = Promotion()
    review: Review = Review()
    security: Security = Security()

    @property
    def zone(self) -> ZoneInfo:
        """The policy zone."""
        return ZoneInfo(self.timezone)

    @property
    def clock(self) -> Literal["log", "database"]:
        """Which clock decides: with `auto` the log for files, the database for Kafka."""
        if self.time.clock == "auto":
            return "log" if self.source.kind == "file" else "database"
        return self.time.clock

    @property
    def decides_from(self) -> datetime | None:
        """The instant from which anything is decided; None: from the first event."""
        if self.ticks.decide_from is None:
            return None
        return datetime.combine(self.ticks.decide_from, time(0), tzinfo=self.zone)


def read_settings(
    content: bytes, file: str = SETTINGS_FILE
) -> tuple[Settings, tuple[Finding, ...]]:
    """Settings from the bytes of a replan.toml; with findings, the settings are the defaults and
    must not run."""
    try:
        text = content.decode("utf-8")
        plain = tomllib.loads(text)
    except UnicodeDecodeError as wrong:
        return Settings(), (
            _finding(file, None, None, "encoding", f"is not UTF-8: {wrong.reason}"),
        )
    except tomllib.TOMLDecodeError as wrong:
        line = re.search(r"at line (\d+)", str(wrong))
        at = int(line[1]) if line else max(1, len(text.splitlines()))
        shown = text.splitlines()[at - 1].strip() if text.splitlines() else None
        return Settings(), (_finding(file, at, shown, "toml", f"is not TOML: {wrong}"),)
    try:
        return Settings.model_validate(plain), ()
    except ValidationError as wrong:
        lines = _key_lines(text)
        return Settings(), tuple(
            findings_of(wrong, file, lambda where: _line(lines, where), _RULES)
        )


def _key_lines(text: str) -> Mapping[Path, int]:
    """Line of each `[section]` and of each key in it, found by their plain spelling."""
    lines: dict[Path, int] = {}
    section: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\s*([A-Za-z0-9_.\s-]+?)\s*\]", line)
        key = re.match(r"\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=", line)
        if header:
            section = tuple(part.strip() for part in header[1].split("."))
            lines.setdefault(section, number)
        elif key:
            parts = tuple(part.strip() for part in key[1].split("."))
            for end in range(1, len(parts) + 1):
                lines.setdefault((*section, *parts[:end]), number)
    return lines


def _line(lines: Mapping[Path, int], where: Path) -> int | None:
    for end in range(len(where), 0, -1):
        if where[:end] in lines:
            return lines[where[:end]]
    return None


def _finding(file: str, line: int | None, value: str | None, rule: str, text: str) -> Finding:
    return Finding(
        severity="error", file=file, line=line, value=value, rule=rule, message=f"{file} {text}"
    )

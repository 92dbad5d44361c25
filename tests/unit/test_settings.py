"""Is replan.toml read strictly, with a default for every key?"""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from replan.findings import Finding
from replan.infra.workspace.settings import Settings, read_settings


def read(text: str) -> Settings:
    settings, findings = read_settings(text.encode())
    assert findings == ()
    return settings


def only_finding(text: str) -> Finding:
    (finding,) = read_settings(text.encode())[1]
    return finding


def test_an_empty_file_is_valid_and_has_the_fixed_defaults() -> None:
    settings = read("")
    assert (settings.timezone, settings.currency, settings.mode) == (
        "Europe/Berlin",
        "EUR",
        "shadow",
    )
    assert settings.source.kind == settings.executor.kind == "file"
    assert settings.ledger.url == "sqlite:///ledger.db"
    assert settings.time.lateness == timedelta(hours=48)
    assert settings.time.max_jump == timedelta(days=30)
    assert settings.time.day_closes_at == time(4)
    assert settings.ticks.planning == timedelta(hours=1)
    assert settings.ticks.decide_from is None
    assert (settings.plan.horizon_days, settings.plan.min_value_minor) == (14, 5000)
    assert settings.plan.max_batch == 500
    assert settings.bands.nominal == 0.9
    assert settings.bands.false_alarms_per_1000_series_days == 2
    assert (settings.models.min_days, settings.models.refit) == (28, timedelta(days=7))


def test_every_key_may_be_set() -> None:
    settings = read(
        'timezone = "UTC"\n[ticks]\nplanning = "30m"\ndecide_from = 2026-05-01\n'
        "[executor]\nreference_erp = true\n"
    )
    assert settings.ticks.decide_from == date(2026, 5, 1)
    assert settings.decides_from == datetime(2026, 5, 1, tzinfo=UTC)
    assert settings.executor.reference_erp


def test_the_start_of_deciding_is_midnight_in_the_policy_zone() -> None:
    settings = read("[ticks]\ndecide_from = 2026-05-01\n")
    assert settings.decides_from == datetime(2026, 4, 30, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("", "log"),
        ('[source]\nkind = "kafka"', "database"),
        ('[source]\nkind = "kafka"\n[time]\nclock = "log"', "log"),
    ],
)
def test_which_clock_decides(text: str, clock: str) -> None:
    assert read(text).clock == clock


@pytest.mark.parametrize(
    ("text", "line", "value", "rule"),
    [
        ("\ncolour = 1", 2, "1", "unknown_key"),
        ("[plan]\n\nhorizon = 3", 3, "3", "unknown_key"),
        ("[nope]\na = 1", 1, "{'a': 1}", "unknown_key"),
        ("[plan]\nhorizon_days = '3'", 2, "3", "type"),
        ("[plan]\nhorizon_days = 0", 2, "0", "range"),
        ("[plan]\nmin_value_minor = 50.5", 2, "50.5", "type"),
        ("[plan]\nmin_value_minor = true", 2, "True", "type"),
        ("mode = 'turbo'", 1, "turbo", "range"),
        ("timezone = 'Mars/Base'", 1, "Mars/Base", "timezone"),
        ("timezone = '../../etc/passwd'", 1, "../../etc/passwd", "timezone"),
        ("currency = 'EURO'", 1, "EURO", "currency"),
        ("[time]\nlateness = '2 days'", 2, "2 days", "duration"),
        ("[time]\nday_closes_at = '25:00'", 2, "25:00", "time"),
        ("[ticks]\nplanning = '7h'", 2, "7h", "divides_day"),
        ("[ticks]\nplanning = '0m'", 2, "0m", "divides_day"),
        ("[ticks]\ndecide_from = '1 May'", 2, "1 May", "date"),
        ("[ticks]\ndecide_from = 2026-05-01T00:00:00Z", 2, "2026-05-01 00:00:00+00:00", "date"),
        ("[bands]\nnominal = nan", 2, "nan", "type"),
        ("[ledger]\nurl = 'mysql://x/y'", 2, "mysql://x/y", "url"),
        ("[ledger]\nurl = 'postgresql+psycopg2://x/y'", 2, "postgresql+psycopg2://x/y", "url"),
        ("[ledger]\nurl = 'postgresql://x'", 2, "postgresql://x", "url"),
        ("[ledger]\nurl = 'sqlite://'", 2, "sqlite://", "url"),
        ("[engine]\nbatch = 500", 2, "500", "unknown_key"),
        ("[ledger]\nurl = 'sqlite:///../x.db'", 2, "sqlite:///../x.db", "outside"),
        ("mode = \n", 1, "mode =", "toml"),
        ("mode = 'live'\nmode = 'live'", 2, "mode = 'live'", "toml"),
    ],
)
def test_a_mistake_is_named_with_line_value_and_rule(
    text: str, line: int, value: str, rule: str
) -> None:
    found = only_finding(text)
    assert (found.file, found.line, found.value, found.rule) == ("replan.toml", line, value, rule)


def test_a_dotted_key_has_its_line_too() -> None:
    assert only_finding("mode = 'shadow'\nplan.horizon_days = 0").line == 2


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://replan_engine@db.example/replan",
        "postgresql+psycopg://replan_engine:s3cret@db.example:5433/replan?sslmode=verify-full",
        "postgresql://postgres:@/replan?host=/run/postgresql",
    ],
)
def test_a_ledger_may_be_in_postgresql(url: str) -> None:
    settings, findings = read_settings(f"[ledger]\nurl = '{url}'".encode())
    assert findings == ()
    assert settings.ledger.url == url


def test_a_password_never_shows_in_a_finding() -> None:
    found = only_finding("[ledger]\nurl = 'mysql://me:canary@host/db'")
    assert "canary" not in str(found)


def test_less_history_than_the_minimum_is_refused() -> None:
    found = only_finding("[models]\nmin_days = 100\nhistory_days = 50")
    assert (found.line, found.rule) == (1, "range")


def test_a_file_that_is_not_utf8_is_refused() -> None:
    assert read_settings(b"mode = '\xff'")[1][0].rule == "encoding"

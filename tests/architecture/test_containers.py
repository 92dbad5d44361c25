"""Do the container files say what the program understands, and give a container no more than it
needs?
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from sqlalchemy.engine import make_url

from replan.infra.cli import app
from replan.infra.ledger.postgres import _is_near
from replan.infra.workspace.secret_values import LEDGER_PASSWORD
from replan.infra.workspace.settings import Settings, read_settings

INFRA = Path(__file__).parents[2] / "infra"
TEXT = (INFRA / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "replan"}
CONTAINERFILE = (INFRA / "Containerfile").read_text(encoding="utf-8")


def settings() -> Settings:
    """What the head of compose.yaml asks replan.toml to say."""
    head = re.findall(r"^#   (?=[\[\w])(?!export|docker)(.*)$", TEXT, re.MULTILINE)
    found, findings = read_settings("\n".join(head).encode())
    assert findings == ()
    assert tomllib.loads("\n".join(head)).keys() == {"source", "kafka", "ledger", "observe"}
    return found


def test_all_that_a_service_uses_is_declared() -> None:
    for name, one in COMPOSE["services"].items():
        volumes = [v.split(":")[0] for v in one.get("volumes", ()) if not v.startswith(("$", "."))]
        configs = [c["source"] for c in one.get("configs", ())]
        assert set(volumes) <= set(COMPOSE["volumes"]), name
        assert set(configs) <= set(COMPOSE["configs"]), name
        assert set(one.get("secrets", ())) <= set(COMPOSE["secrets"]), name
        assert set(one.get("depends_on", ())) <= set(COMPOSE["services"]), name


def test_files_that_are_mounted_exist() -> None:
    for one in COMPOSE["services"].values():
        for volume in one.get("volumes", ()):
            if volume.startswith("./"):
                assert (INFRA / volume.split(":")[0]).exists()


def test_workers_find_the_broker_where_it_listens_inside() -> None:
    (server,) = settings().kafka.bootstrap
    advertised = COMPOSE["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{server}" in advertised


def test_workers_find_the_ledger_in_the_folder_that_both_mount() -> None:
    url = make_url(settings().ledger.url)
    assert _is_near(url)
    assert url.database == COMPOSE["services"]["postgres"]["environment"]["POSTGRES_DB"]
    assert "socket:/var/run/postgresql" in COMPOSE["services"]["postgres"]["volumes"]
    assert f"socket:{url.query['host']}" in OURS["worker"]["volumes"]


def test_a_worker_is_healthy_when_its_own_port_says_that_it_is_ready() -> None:
    port = settings().observe.port
    assert f"http://127.0.0.1:{port}/readyz" in OURS["worker"]["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_service_runs_a_command_that_there_is(name: str) -> None:
    command: Any = typer.main.get_command(app)
    words = list(OURS[name]["command"])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_of_ours_can_do_no_more_than_it_needs(name: str) -> None:
    one = OURS[name]
    assert one["user"] == "10001:10001"
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"/tmp:mode=0700,uid=10001,gid=10001,size=\d+m", one["tmpfs"][0])
    assert one["pids_limit"]
    assert one["mem_limit"]


def test_no_port_is_open_to_other_machines() -> None:
    ports = [port for one in COMPOSE["services"].values() for port in one.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_secret_comes_from_the_environment_and_none_stands_in_the_file() -> None:
    assert all(set(one) == {"environment"} for one in COMPOSE["secrets"].values())
    given = [
        name
        for one in COMPOSE["services"].values()
        for name in one.get("environment", {})
        if "PASSWORD" in name
    ]
    assert given
    assert all(name.endswith("_FILE") for name in given)
    assert f"{LEDGER_PASSWORD}_FILE" in OURS["worker"]["environment"]


def test_every_role_that_a_container_uses_is_made_and_gets_a_password() -> None:
    made = (INFRA / "defaults/ledger/roles.sql").read_text(encoding="utf-8")
    passwords = COMPOSE["configs"]["passwords"]["content"]
    users = {one.get("environment", {}).get("PGUSER") for one in OURS.values()} - {None}
    assert users == {"replan_migrate", "replan_engine", "replan_api"}
    for role in (*sorted(users), "grafana_ro"):
        assert f"'{role}'" in made
        assert f"ALTER ROLE {role} PASSWORD" in passwords


def test_the_image_is_of_the_python_that_is_tested_and_runs_as_nobody_in_particular() -> None:
    pyproject = (INFRA.parent / "pyproject.toml").read_text(encoding="utf-8")
    versions = set(re.findall(r"python:(3\.\d+)-slim", CONTAINERFILE))
    (version,) = versions
    assert f"Programming Language :: Python :: {version}" in pyproject
    assert "\nUSER 10001:10001\n" in CONTAINERFILE
    assert "--require-hashes -r requirements.lock" in CONTAINERFILE


def test_the_container_of_grafana_is_given_what_provisioning_gives_any_other() -> None:
    file = INFRA / "provisioning" / "datasources" / "replan.yaml"
    given = yaml.safe_load(COMPOSE["configs"]["datasources"]["content"])["datasources"]
    for mine, any_other in zip(given, yaml.safe_load(file.read_text())["datasources"], strict=True):
        assert mine.keys() == any_other.keys()
        for name in ("name", "uid", "type", "access", "user", "editable"):
            assert mine.get(name) == any_other.get(name)
        for name in ("jsonData", "secureJsonData"):
            assert mine[name].keys() == any_other[name].keys()


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    one = COMPOSE["services"]["grafana"]
    place = one["environment"]["REPLAN_DASHBOARDS_DIR"]
    assert f"./dashboards:{place}:ro" in one["volumes"]
    home = Path(one["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (INFRA / "dashboards" / home.name).is_file()
    assert str(home.parent) == place


def test_grafana_listens_to_this_machine_alone_and_says_who_asks() -> None:
    environment = COMPOSE["services"]["grafana"]["environment"]
    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert environment["GF_DATAPROXY_SEND_USER_HEADER"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"

"""Does the documentation say what the code does: every name, every snippet, every link?"""

import json
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

from replan.authority import WhyCode
from replan.authority_table import CATEGORIES, STAGES, VALUE_TERMS
from replan.brief import BLOCKS, check_brief
from replan.explain import SINCE
from replan.infra.cli import app
from replan.infra.ledger.standing import Standing
from replan.infra.ledger.store import Ledger
from replan.infra.ledger.views import VIEWS
from replan.infra.process.metrics import Observer
from replan.infra.workspace import authority_shapes, people_file
from replan.infra.workspace.network_files import COLUMNS
from replan.infra.workspace.settings import Settings
from replan.limits import SCOPE_KEYS
from replan.streams.codec import Decoder
from replan.streams.messages import STATUSES, Code, Decoded, Place
from replan.streams.schemas import DATA_MODELS, ENVELOPE_NAMES, SUBJECT_PARTS, member_names
from replan.verdicts import CHIPS, STATUS_OF, VERDICTS
from replan.wording import WHY_WORDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "infra" / "docs"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
CALLED = [str(page.relative_to(ROOT)) for page in PAGES]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAME = re.compile(r"`([^`]+)`")
# What belongs to where and how this was made, not to the project.
FORBIDDEN = (
    r"(?:\.\./|/)shared/",
    r"/(?:work|tmp|root|home)/",
    r"\bthis session\b",
    r"\bhelper session\b",
    r"\bissue \d+\b",
    r"(?<![\w&])#\d+\b",
    r"\blocalhost\b",
)


def text_of(page: str) -> str:
    """A page under infra/docs."""
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """What stands under a heading, up to the next one of the same or a higher rank."""
    text = re.sub(FENCE, lambda m: m[0].replace("\n#", "\n\\#"), text_of(page))
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found is not None, f"{page} has no heading {heading!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest if end is None else rest[: end.start()]


def rows(text: str) -> list[list[str]]:
    """Cells of all tables in a text, without headers and rules."""
    lines = text.splitlines()
    ruled = {n for n, line in enumerate(lines) if re.fullmatch(r"\|[ :|-]+\|", line)}
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for n, line in enumerate(lines)
        if line.startswith("|") and n not in ruled and n + 1 not in ruled
    ]


def named(text: str) -> list[str]:
    """Names in backticks in the first column of the tables of a text."""
    return [name for row in rows(text) for name in NAME.findall(row[0])]


def snippets(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [m[2] for m in FENCE.finditer(page.read_text(encoding="utf-8")) if m[1] == language]


def dotted(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the settings with its default."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from dotted(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.default


def commands() -> dict[str, set[str]]:
    """Each command of the command line with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        children = getattr(command, "commands", None)
        if children:
            for name, child in children.items():
                walk(child, (*words, name))
            return
        options = {o for p in command.params for o in p.opts if o.startswith("-")}
        found[" ".join(words)] = options - {"--help"}

    walk(typer.main.get_command(app), ("replan",))
    return found


# Links, words, pictures


@pytest.mark.parametrize("page", PAGES, ids=CALLED)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(FENCE, "", page.read_text(encoding="utf-8"))
    broken = []
    for target in LINK.findall(text):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    heads = re.findall(r"^#+ (.+)$", re.sub(FENCE, "", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=CALLED)
def test_files_that_are_named_exist(page: Path) -> None:
    path = r"`((?:replan|models|solver|streams|infra|tests)/[\w/.]*)`"
    found = re.findall(path, page.read_text(encoding="utf-8"))
    assert [name for name in found if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=CALLED)
def test_the_project_speaks_of_itself_alone(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = [m[0] for word in FORBIDDEN for m in re.finditer(word, text, re.IGNORECASE)]
    assert found == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = set(), [README]
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            there = (page.parent / target.partition("#")[0]).resolve()
            if there.is_file() and there.is_relative_to(ROOT):
                todo.append(there)
    assert {p for p in PAGES if p.is_relative_to(DOCS)} - reached == set()


@pytest.mark.parametrize("folder", ["replan", "streams", "models", "solver"])
def test_every_module_stands_once_on_the_map(folder: str) -> None:
    found = [name for row in rows(section("map.md", heading_of(folder))) for name in named_in(row)]
    there = [path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__"]
    assert sorted(found) == sorted(there)


def heading_of(folder: str) -> str:
    """The heading of the map under which a folder's modules stand."""
    heads = re.findall(r"^## (.+)$", text_of("map.md"), re.MULTILINE)
    return next(head for head in heads if head.startswith(f"`{folder}/`"))


def named_in(row: list[str]) -> list[str]:
    """Names in backticks in the last cell of a row."""
    return NAME.findall(row[-1])


def test_every_room_of_infra_stands_on_the_map() -> None:
    infra = ROOT / "infra"
    rooms = [f"infra/{init.parent.name}/" for init in infra.glob("*/__init__.py")]
    alone = [f"infra/{path.name}" for path in infra.glob("*.py") if path.stem != "__init__"]
    assert sorted({*rooms, *alone} - set(NAME.findall(text_of("map.md")))) == []


def test_decision_records_are_numbered_without_a_hole() -> None:
    numbers = [int(page.name[:4]) for page in sorted((DOCS / "adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("[0-9]*.md")), ids=lambda p: p.name)
def test_a_decision_record_has_context_choice_and_consequence(page: Path) -> None:
    heads = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert heads == ["Context", "Choice", "Consequences"]


# Commands


def test_every_command_and_option_is_documented_and_no_other() -> None:
    documented = {}
    for usage, *_ in rows(section("contract.md", "Commands")):
        path = re.match(r"`(replan(?: [a-z][a-z-]*)+)", usage)
        if path is not None:
            documented[path[1]] = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage))
    assert documented == {name: options - {"--json"} for name, options in commands().items()}


def test_every_command_but_serve_speaks_json() -> None:
    silent = [name for name, options in commands().items() if "--json" not in options]
    assert silent == ["replan serve"]


def shell_lines() -> list[tuple[str, str]]:
    """Every line of a documented shell snippet that calls replan, with its page."""
    return [
        (str(page.relative_to(ROOT)), line)
        for page in PAGES
        for language in ("sh", "console")
        for block in snippets(page, language)
        for line in block.splitlines()
        if re.match(r"\s*(?:\w+=\$\()?replan\b", line)
    ]


@pytest.mark.parametrize(("page", "line"), shell_lines())
def test_a_documented_command_line_is_one_that_exists(page: str, line: str) -> None:
    words = shlex.split(re.sub(r"^\s*\w+=\$\(", "", line).partition("|")[0].partition("#")[0])
    known = commands()
    if words[1:2] == ["-C"]:
        del words[1:3]
    name = next(
        (n for k in (3, 2) if (n := " ".join(words[:k])) in known),
        None,
    )
    assert name is not None, f"{page}: {line}"
    used = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert used <= known[name] | {"--help"}, f"{page}: {line}"


def test_every_metric_is_documented_and_no_other() -> None:
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    many = ("events", "letters", "decisions", "actions", "commands", "alarms", "read_to")
    standing = Standing(
        now=now,
        clock=now,
        last_tick=now,
        mode="live",
        stopped=0,
        waiting=0,
        leases=(),
        **{name: {} for name in many},
    )
    told = Observer(lambda: standing).text().decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", told, re.MULTILINE))
    names = {name for name in kinds if not name.endswith("_created")}
    documented = named(section("operating.md", "Health and metrics"))
    assert {name for name in documented if not name.startswith("/")} == names


# The workspace


def test_every_setting_is_documented_with_its_default_and_no_other() -> None:
    documented = {
        NAME.findall(row[0])[0]: row[1].strip("`")
        for row in rows(section("workspace.md", "replan.toml"))
    }
    for key, default in dotted(Settings):
        shown = documented.pop(key)
        if default is None:
            assert shown == "none", key
            continue
        table, _, name = key.rpartition(".")
        text = (f"[{table}]\n" if table else "") + f"{name} = {shown}"
        read: Any = Settings.model_validate(tomllib.loads(text))
        for part in key.split("."):
            read = getattr(read, part)
        assert read == default, key
    assert documented == {}


@pytest.mark.parametrize("file", sorted(COLUMNS))
def test_every_column_is_documented_and_no_other(file: str) -> None:
    optional = {
        "network/items.csv": {"group"},
        "network/sites.csv": {"lat", "lon"},
        "network/lanes.csv": {"departures", "effective_from", "effective_to", "max_qty"},
        "network/supply.csv": {"buffer_until", "price_minor"},
    }
    wanted = set(COLUMNS[file]) | optional.get(file, set())
    assert set(named(section("workspace.md", file))) == wanted


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("planners.yaml", people_file._PlannerShape),
        ("risk_record.yaml", people_file._RiskShape),
    ],
)
def test_every_key_of_the_people_files_is_documented(heading: str, shape: type[BaseModel]) -> None:
    assert set(named(section("workspace.md", heading))) == set(shape.model_fields)


# The authority table


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("The whole table", authority_shapes.TableShape),
        ("When", authority_shapes._When),
        ("Then", authority_shapes._Then),
    ],
)
def test_every_key_of_the_table_is_documented(heading: str, shape: type[BaseModel]) -> None:
    wanted = {field.alias or name for name, field in shape.model_fields.items()}
    assert set(named(section("authority.md", heading))) == wanted


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Scopes", SCOPE_KEYS),
        ("Value", VALUE_TERMS),
        ("Stages", STAGES),
    ],
)
def test_every_name_the_table_may_use_is_documented(heading: str, names: tuple[str, ...]) -> None:
    assert set(named(section("authority.md", heading))) == set(names)


@pytest.mark.slow
def test_the_tables_of_the_page_are_proved(tmp_path: Path) -> None:
    replan = Path(sys.executable).with_name("replan")
    run(["sh", "-c", f"{replan} init {tmp_path / 'w'}"])
    good, bad = snippets(DOCS / "authority.md", "yaml")[:2]
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "bad.yaml").write_text(bad)
    command = [str(replan), "-C", str(tmp_path / "w"), "authority", "check"]
    assert run([*command, str(tmp_path / "good.yaml")]).returncode == 0
    refused = run([*command, str(tmp_path / "bad.yaml")], check=False)
    assert refused.returncode == 1
    assert "[monotone]" in refused.stdout


# Events


def documented_types() -> dict[str, str]:
    """Each event type of events.md with what stands under its heading."""
    heads = re.findall(r"^### (.+)$", text_of("events.md"), re.MULTILINE)
    return {
        kind: section("events.md", head)
        for head in heads
        for kind in NAME.findall(head)
        if re.fullmatch(r"[a-z_.]+\.v\d+", kind)
    }


def test_every_event_type_is_documented_and_no_other() -> None:
    assert set(documented_types()) == set(DATA_MODELS)


@pytest.mark.parametrize("kind", sorted(DATA_MODELS))
def test_every_field_of_an_event_is_documented_and_no_other(kind: str) -> None:
    text = documented_types()[kind]
    assert set(named(text)) == member_names(DATA_MODELS[kind])
    assert f"`{'@'.join(f'<{part}>' for part in SUBJECT_PARTS[kind])}`" in text


@pytest.mark.parametrize("kind", sorted(DATA_MODELS))
def test_the_documented_required_fields_are_the_required_ones(kind: str) -> None:
    marked = {
        NAME.findall(row[0])[0] for row in rows(documented_types()[kind]) if row[0].startswith("**")
    }
    fields = DATA_MODELS[kind].model_fields
    assert marked == {f.alias or n for n, f in fields.items() if f.is_required()}


def test_every_attribute_of_the_envelope_is_documented_and_no_other() -> None:
    assert set(named(section("events.md", "The envelope"))) == set(ENVELOPE_NAMES)


def test_every_status_and_code_is_documented_and_no_other() -> None:
    assert set(named(section("events.md", "Statuses"))) == set(STATUSES)
    assert set(named(section("events.md", "Codes"))) == set(get_args(Code))


def documented_events() -> list[str]:
    """The events shown on the page, one a line."""
    return [line for block in snippets(DOCS / "events.md", "json") for line in block.splitlines()]


@pytest.mark.parametrize("line", documented_events())
def test_a_documented_event_is_well_formed(line: str) -> None:
    (result,) = Decoder().record(line.encode(), Place("events.md", 1))
    assert isinstance(result, Decoded), result


def test_each_type_has_an_example() -> None:
    shown = {kind for line in documented_events() for kind in DATA_MODELS if f'"{kind}"' in line}
    assert shown == set(DATA_MODELS)


# Decisions


def test_every_state_is_documented_and_no_other() -> None:
    assert set(named(section("decisions.md", "States"))) == set(SINCE)


def test_every_reason_to_escalate_is_documented_and_no_other() -> None:
    said = set(get_args(WhyCode))
    for module in ("judgement", "desk", "verdicts", "questions", "settling", "revoking"):
        source = (ROOT / "replan" / f"{module}.py").read_text(encoding="utf-8")
        said |= set(re.findall(r'(?:\bwhy\(\s*"|\bcode ?= ?"|"code": ")([a-z_]+)"', source))
    assert set(named(section("decisions.md", "Why it came to a person"))) == said == set(WHY_WORDS)


def test_every_category_is_documented_and_no_other() -> None:
    assert set(named(section("decisions.md", "Categories"))) == set(CATEGORIES)


def test_every_block_of_the_brief_is_documented_and_no_other() -> None:
    assert set(named(section("decisions.md", "The brief"))) == {*BLOCKS, "text"}


def test_every_verdict_reason_and_refusal_is_documented_and_no_other() -> None:
    assert set(named(section("decisions.md", "Refusals"))) == set(STATUS_OF)
    reasons = section("decisions.md", "Verdicts")
    assert set(NAME.findall(reasons)) >= {*CHIPS, *VERDICTS}


def test_every_column_of_every_view_is_documented_and_no_other(tmp_path: Path) -> None:
    Ledger.open("sqlite:///ledger.db", tmp_path).close()
    documented = {
        NAME.findall(row[0])[0]: set(NAME.findall(row[1]))
        for row in rows(section("contract.md", "Views"))
    }
    with sqlite3.connect(tmp_path / "ledger.db") as conn:
        there = {
            view: {column[1] for column in conn.execute(f"PRAGMA table_info({view})")}
            for view in VIEWS
        }
    assert documented == there


# The snippets run


def run(
    command: list[str], *, check: bool = True, **options: Any
) -> subprocess.CompletedProcess[str]:
    """A command, whose words appear if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def shell(folder: Path, script: str) -> str:
    """What a documented script prints, with the commands of this environment first."""
    bin_ = Path(sys.executable).parent
    path = f"{bin_}:/usr/bin:/bin"
    return run(["sh", "-e", "-c", script], cwd=folder, env={"PATH": path, "COLUMNS": "200"}).stdout


def blocks(page: Path, language: str, count: int) -> list[str]:
    """The fenced blocks of a language, as many as the test below knows of."""
    found = snippets(page, language)
    assert len(found) == count, f"{page.name} has {len(found)} {language} blocks, not {count}"
    return found


def decisions_of(folder: Path, workspace: str) -> list[dict[str, Any]]:
    """What `replan decisions` lists."""
    printed = shell(folder, f"replan -C {workspace} decisions --json")
    return [json.loads(line) for line in printed.splitlines()]


def replace(file: Path, old: str, new: str) -> None:
    """An edit that the page asks for."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file.name} does not hold {old!r}"
    file.write_text(text.replace(old, new), encoding="utf-8")


def moves(decision: dict[str, Any]) -> list[tuple[str, str]]:
    """From where to where the chosen plan moves goods."""
    (option,) = (o for o in decision["options"] if o["name"] == decision["chosen"])
    return [(a["from"], a["to"]) for a in option["actions"] if a["kind"] == "reallocate"]


@pytest.mark.slow
def test_the_quick_start_ends_in_an_approved_and_executed_move(tmp_path: Path) -> None:
    page = DOCS / "quick_start.md"
    init, check, run_it, take, answer, prove, live = blocks(page, "sh", 7)
    (script,) = blocks(page, "python", 1)
    (signed,) = blocks(page, "yaml", 1)
    (tmp_path / "write_events.py").write_text(script)
    shell(tmp_path, init)
    printed = shell(tmp_path, check)
    assert "REJECTED" not in printed
    assert "QUARANTINED" not in printed
    replace(tmp_path / "shop/replan.toml", 'planning = "1h"', 'planning = "6h"')
    shell(tmp_path, run_it)
    (waiting,) = (d for d in decisions_of(tmp_path, "shop") if d["state"] == "recommended")
    assert moves(waiting) == [("S2", "S1")]
    # The id stands in a variable, so what uses it is one script.
    told = shell(tmp_path, f"{take}\n{answer}")
    assert "Question: Approve the plan" in told
    now = {d["decision_id"]: d["state"] for d in decisions_of(tmp_path, "shop")}
    assert now[waiting["decision_id"]] == "executed"
    commands = (tmp_path / "shop/out/commands.jsonl").read_text().splitlines()
    ordered = [json.loads(line)["data"] for line in commands]
    assert {command["decision_id"] for command in ordered} == {waiting["decision_id"]}
    assert sorted(command["kind"] for command in ordered) == ["buffer_call", "reallocate"]
    shell(tmp_path, prove)
    body = json.loads(shell(tmp_path, f"replan -C shop show {waiting['decision_id']} --json"))
    the_members_are_documented(body)
    record = tmp_path / "shop/risk_record.yaml"
    kept = record.read_text().splitlines(keepends=True)[:-3]
    record.write_text("".join(kept) + signed)
    shell(tmp_path, live)
    asked = [d for d in decisions_of(tmp_path, "shop") if d["state"] == "clarifying"]
    assert ("S2", "S1") in [move for d in asked for move in moves(d)]


def the_members_are_documented(body: dict[str, Any]) -> None:
    """Every member of a real decision stands on the page, and no other."""
    option = next(o for o in body["options"] if o["actions"])
    members = {
        "The body": body,
        "An option": option,
        "An action": option["actions"][0],
        "The brief": body["brief"],
    }
    for heading, value in members.items():
        text = section("decisions.md", heading)
        may_lack = {
            name for row in rows(text) if "absent" in row[1] for name in NAME.findall(row[0])
        }
        assert set(value) <= set(named(text)) <= set(value) | may_lack, heading


@pytest.mark.slow
def test_a_workspace_written_by_hand_acts_inside_its_limit_and_asks_above_it(
    tmp_path: Path,
) -> None:
    page = (DOCS / "workspace.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(hand/[\w./]+)`\n\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(files) == 9
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "hand/events").mkdir()
    (script,) = blocks(DOCS / "quick_start.md", "python", 1)
    (tmp_path / "write_events.py").write_text(script.replace("shop/", "hand/"))
    shell(tmp_path, "replan check hand\npython write_events.py\nreplan -C hand run --until-end")
    acted = decisions_of(tmp_path, "hand")
    assert [(d["state"], moves(d)) for d in acted][-1] == ("executed", [("S2", "S1")])
    assert "unknown_site" in (tmp_path / "hand/out/dlq.jsonl").read_text()
    table = tmp_path / "hand/authority.yaml"
    replace(table, "[0,1000]", "[0,50]")
    replace(table, "(1000,inf)", "(50,inf)")
    shell(tmp_path, "rm -r hand/ledger.db* hand/out\nreplan -C hand run --until-end")
    asked = decisions_of(tmp_path, "hand")[-1]
    assert (asked["state"], asked["why_escalated"]["code"]) == ("escalated", "limit")
    body = json.loads(shell(tmp_path, f"replan -C hand show {asked['decision_id']} --json"))
    assert check_brief(body["brief"], body["evidence"]) == []
    assert not (tmp_path / "hand/out/commands.jsonl").exists()
    approve = (
        f"replan -C hand verdict {asked['decision_id']} approve --as planner-1 --reason policy"
    )
    shell(tmp_path, f"{approve}\nreplan -C hand run --until-end\nreplan -C hand run --until-end")
    assert decisions_of(tmp_path, "hand")[-1]["state"] == "executed"
    assert len((tmp_path / "hand/out/commands.jsonl").read_text().splitlines()) == 1


@pytest.mark.slow
def test_the_readme_works_in_an_empty_folder(tmp_path: Path) -> None:
    (script,) = blocks(README, "sh", 1)
    shell(tmp_path, script)


@pytest.mark.slow
def test_the_model_of_the_page_keeps_the_contract(tmp_path: Path) -> None:
    (script,) = blocks(DOCS / "models.md", "python", 1)
    (tmp_path / "mine.py").write_text(script)
    shell(tmp_path, "python mine.py")

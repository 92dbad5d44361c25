"""What does a terminal promise? Exit codes, one object a line, and the loop from a surge to an
answered escalation.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from replan.brief import check_brief
from replan.infra.running.run import run_workspace
from tests.terminals import Cli, Said, cli_of
from tests.worlds import AUTHORITY, PLANNERS, QUICK, RISK, event, write_events, write_world

COMMAND = Path(sys.executable).parent / "replan"


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """`replan …`, run in this process."""
    return cli_of(monkeypatch, capfd)


def _ran(folder: Path, limit: int) -> Path:
    root = write_world(folder / "world", limit=limit, settings=QUICK)
    run_workspace(root, source=None, until_end=True, mode=None)
    return root


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world whose surge is answered inside the limits; not to be changed."""
    return _ran(tmp_path_factory.mktemp("inside"), limit=1_000)


@pytest.fixture(scope="module")
def beyond(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a limit that the plan exceeds; not to be changed."""
    return _ran(tmp_path_factory.mktemp("beyond"), limit=10)


@pytest.fixture
def waiting(beyond: Path, tmp_path: Path) -> Path:
    """A copy with one escalation that waits."""
    return Path(shutil.copytree(beyond, tmp_path / "world"))


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A workspace in which nothing has run."""
    return write_world(tmp_path / "world", settings=QUICK)


def lines(root: Path, name: str) -> list[dict[str, Any]]:
    path = root / "out" / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def escalation(cli: Cli, root: Path) -> str:
    return str(cli("-C", root, "decisions", "--state", "escalated", "--json").row["decision_id"])


def answer(cli: Cli, root: Path, *words: str, login: str = "planner-1") -> Said:
    decision_id = escalation(cli, root)
    given = ("--as", login, "--reason", "known_event", "--json")
    return cli("-C", root, "verdict", decision_id, *words, *given)


# The loop: two sites, one item, four months of sales, one surge.


@pytest.mark.slow
def test_a_surge_inside_the_limits_is_answered_by_a_reallocation(cli: Cli, inside: Path) -> None:
    decided = cli("-C", inside, "decisions", "--json").row
    assert (decided["site"], decided["category"], decided["chosen"], decided["state"]) == (
        "S1",
        "demand_surge",
        "reallocate",
        "executed",
    )
    [action] = next(o["actions"] for o in decided["options"] if o["name"] == "reallocate")
    assert (action["kind"], action["from"], action["to"]) == ("reallocate", "S2", "S1")
    assert decided["value_minor"] <= 100_000
    assert decided["rule_id"] == "MOVE"
    [sent] = lines(inside, "commands.jsonl")
    assert {name: sent["data"][name] for name in action} == action


@pytest.mark.slow
def test_the_same_surge_beyond_the_limit_waits_with_a_complete_brief(
    cli: Cli, beyond: Path
) -> None:
    body = cli("-C", beyond, "show", escalation(cli, beyond), "--json").row
    why = body["why_escalated"]
    assert (why["code"], why["rule_id"], why["limit_minor"]) == ("limit", "MOVE-HIGH", 1_000)
    assert why["actual_minor"] == body["value_minor"] > 1_000
    assert check_brief(body["brief"], body["evidence"]) == []
    assert lines(beyond, "commands.jsonl") == []
    assert lines(beyond, "escalations.jsonl")[-1]["decision_id"] == body["decision_id"]


@pytest.mark.slow
def test_an_approval_is_sent_by_the_next_run_and_executes_once(cli: Cli, waiting: Path) -> None:
    decision_id = escalation(cli, waiting)
    first = answer(cli, waiting, "approve")
    assert (first.code, first.row) == (
        0,
        {
            "decision_id": decision_id,
            "verdict": "approve",
            "result": "accepted",
            "status": 200,
            "code": None,
            "state": "approved",
            "diff": None,
        },
    )
    for _ in range(2):
        assert cli("-C", waiting, "run", "--until-end").code == 0
    shown = cli("-C", waiting, "show", decision_id, "--json").row
    assert shown["state"] == "executed"
    [sent] = lines(waiting, "commands.jsonl")
    chosen = next(o for o in shown["options"] if o["name"] == shown["chosen"])
    assert sent["data"]["action_id"] == chosen["actions"][0]["action_id"]
    states = [row["state"] for row in lines(waiting, "decisions.jsonl")]
    assert states == ["escalated", "approved", "executing", "executed"]
    again = cli(
        *("-C", waiting, "verdict", decision_id, "approve"),
        *("--as", "planner-1", "--reason", "policy", "--json"),
    )
    assert (again.code, again.row["code"]) == (1, "already_decided")
    said = cli(
        "-C", waiting, "verdict", decision_id, "approve", "--as", "planner-1", "--reason=policy"
    )
    assert "This case has been decided already." in said.err
    assert [row["equal"] for row in cli("-C", waiting, "replay", "--all", "--json").rows] == [True]
    assert cli("-C", waiting, "audit", "verify").code == 0


def test_a_rejection_sends_nothing(cli: Cli, waiting: Path) -> None:
    said = answer(cli, waiting, "reject")
    assert (said.code, said.row["state"]) == (0, "rejected")
    assert cli("-C", waiting, "run", "--until-end").code == 0
    assert lines(waiting, "commands.jsonl") == []


def test_a_run_with_nothing_new_decides_nothing(cli: Cli, waiting: Path) -> None:
    before = cli("-C", waiting, "status", "--json").row
    assert cli("-C", waiting, "run", "--until-end").code == 0
    assert cli("-C", waiting, "status", "--json").row == before


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["", AUTHORITY % {"limit": 10} + "\nrules: []\n"])
def test_without_a_valid_table_everything_escalates_loudly(
    cli: Cli, fresh: Path, broken: str
) -> None:
    (fresh / "authority.yaml").write_text(broken)
    said = cli("-C", fresh, "run", "--until-end")
    assert (said.code, "NO AUTHORITY TABLE" in said.err) == (0, True)
    decided = cli("-C", fresh, "decisions", "--json").row
    assert (decided["state"], decided["why_escalated"]["code"]) == ("escalated", "no_table")
    assert lines(fresh, "commands.jsonl") == []


@pytest.mark.slow
def test_an_expired_table_escalates_everything_loudly(cli: Cli, fresh: Path) -> None:
    expired = (AUTHORITY % {"limit": 1_000}).replace("2027-01-01", "2026-05-01")
    (fresh / "authority.yaml").write_text(expired)
    said = cli("-C", fresh, "run", "--until-end")
    assert (said.code, "NO AUTHORITY TABLE" in said.err) == (0, True)
    decided = cli("-C", fresh, "decisions", "--json").row
    assert (decided["state"], decided["why_escalated"]["code"]) == ("escalated", "table_expired")
    assert lines(fresh, "commands.jsonl") == []


@pytest.mark.slow
def test_in_shadow_not_a_byte_is_sent_and_no_risk_record_is_needed(cli: Cli, fresh: Path) -> None:
    (fresh / "risk_record.yaml").unlink()
    assert cli("-C", fresh, "run", "--until-end", "--mode", "shadow").code == 0
    decided = cli("-C", fresh, "decisions", "--json").rows
    assert {(row["state"], row["mode"]) for row in decided} == {("shadowed", "shadow")}
    assert not (fresh / "out" / "commands.jsonl").exists()


@pytest.mark.slow
def test_in_recommend_mode_an_approval_releases(cli: Cli, fresh: Path) -> None:
    assert cli("-C", fresh, "run", "--until-end", "--mode", "recommend").code == 0
    decided = cli("-C", fresh, "decisions", "--json").row
    assert (decided["state"], decided["why_escalated"]["code"]) == ("recommended", "mode")
    said = cli(
        *("-C", fresh, "verdict", decided["decision_id"], "approve"),
        *("--as", "planner-1", "--reason", "policy"),
    )
    assert said.code == 0
    assert cli("-C", fresh, "run", "--until-end", "--mode", "recommend").code == 0
    assert len(lines(fresh, "commands.jsonl")) == 1


# Verdicts: exit codes and words.


@pytest.mark.parametrize(
    ("login", "code"), [("planner-2", "over_limit"), ("owner-1", "not_allowed")]
)
def test_a_refused_verdict_exits_1_with_its_code(
    cli: Cli, waiting: Path, login: str, code: str
) -> None:
    said = answer(cli, waiting, "approve", login=login)
    assert (said.code, said.row["result"], said.row["code"], said.row["status"]) == (
        1,
        "refused",
        code,
        403,
    )


def stop_or_resume(cli: Cli, root: Path, verb: str, login: str, *words: str) -> Said:
    return cli("-C", root, verb, "--as", login, "--reason", "drill", "--json", *words)


def test_a_stop_before_the_first_run_stands_in_the_status(cli: Cli, fresh: Path) -> None:
    assert stop_or_resume(cli, fresh, "stop", "ops-1", "--scope", "region=NORTH").code == 0
    assert cli("-C", fresh, "status", "--json").row["stopped"] == [
        {"scope": "region=NORTH", "by": "ops-1", "since": None}
    ]


@pytest.mark.parametrize("verb", ["stop", "resume"])
@pytest.mark.parametrize(("login", "code"), [("planner-1", 1), ("nobody", 2)])
def test_stop_and_resume_exit_1_without_the_role_and_2_for_an_unknown_login(
    cli: Cli, fresh: Path, verb: str, login: str, code: int
) -> None:
    assert stop_or_resume(cli, fresh, verb, login).code == code


def test_resume_by_whoever_stopped_exits_1(cli: Cli, fresh: Path) -> None:
    stop_or_resume(cli, fresh, "stop", "ops-1")
    said = stop_or_resume(cli, fresh, "resume", "ops-1")
    assert (said.code, said.row["code"]) == (1, "own_stop")
    assert stop_or_resume(cli, fresh, "resume", "owner-1").code == 0


def test_an_approval_while_stopped_is_refused_with_423(cli: Cli, waiting: Path) -> None:
    stop_or_resume(cli, waiting, "stop", "ops-1")
    said = answer(cli, waiting, "approve")
    assert (said.code, said.row["status"], said.row["code"]) == (1, 423, "stopped")


@pytest.mark.slow
def test_an_approved_plan_is_sent_only_after_the_stop_has_ended(cli: Cli, waiting: Path) -> None:
    answer(cli, waiting, "approve")
    assert stop_or_resume(cli, waiting, "stop", "ops-1").row["held"] != []
    cli("-C", waiting, "run", "--until-end")
    assert lines(waiting, "commands.jsonl") == []
    stop_or_resume(cli, waiting, "resume", "owner-1")
    cli("-C", waiting, "run", "--until-end")
    assert len(lines(waiting, "commands.jsonl")) == 1
    assert cli("-C", waiting, "audit", "verify").code == 0
    assert cli("-C", waiting, "replay", "--all").code == 0


@pytest.mark.slow
def test_nothing_is_sent_from_a_stop_file_on(cli: Cli, fresh: Path) -> None:
    (fresh / "STOP").touch()
    said = cli("-C", fresh, "run", "--until-end", "--json")
    assert [(s["scope"], s["by"]) for s in said.row["stopped"]] == [(None, "STOP")]
    assert "STOPPED: everything by STOP" in said.err
    [body] = cli("-C", fresh, "decisions", "--json").rows
    assert (body["state"], body["why_escalated"]["code"]) == ("escalated", "stopped")
    assert lines(fresh, "commands.jsonl") == []


def test_a_verdict_may_be_bound_to_a_version(cli: Cli, waiting: Path) -> None:
    said = answer(cli, waiting, "approve", "--version", "9")
    assert (said.code, said.row["code"]) == (1, "stale")
    assert said.row["diff"] == {"version": {"answered": 9, "now": 1}}
    assert answer(cli, waiting, "approve", "--version", "1").code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("approve", "--as", "nobody", "--reason", "policy"), "login 'nobody' is not in planners"),
        (("approve", "--as", "planner-1", "--reason", "why"), "reason 'why' is not one of"),
        (("approve", "--as", "planner-1", "--reason", "other"), "reason other needs a note"),
        (
            ("approve", "--as", "planner-1", "--reason", "policy", "--option", "fly"),
            "option 'fly' is not one of",
        ),
        (("wait", "--as", "planner-1", "--reason", "policy"), "'wait' is not one of approve"),
        (("approve", "--reason", "policy"), "--as"),
        (("approve", "--as", "planner-1"), "--reason"),
    ],
)
def test_a_verdict_that_cannot_be_exits_2(
    cli: Cli, beyond: Path, words: tuple[str, ...], says: str
) -> None:
    said = cli("-C", beyond, "verdict", escalation(cli, beyond), *words)
    assert (said.code, said.out) == (2, "")
    assert says in said.err


def test_a_verdict_under_a_broken_planners_file_names_the_line(cli: Cli, waiting: Path) -> None:
    (waiting / "planners.yaml").write_text(PLANNERS.replace("active: true", "active: maybe", 1))
    said = answer(cli, waiting, "approve")
    assert said.code == 1
    assert said.err.startswith("planners.yaml:3: error: ")


@pytest.mark.slow
def test_of_many_processes_that_answer_at_once_exactly_one_wins(cli: Cli, waiting: Path) -> None:
    decision_id = escalation(cli, waiting)
    words = ("--as", "planner-1", "--reason", "policy", "--json")
    started = [
        subprocess.Popen(
            [COMMAND, "-C", waiting, "verdict", decision_id, verdict, *words],
            stdout=subprocess.PIPE,
            text=True,
        )
        for verdict in ("approve", "reject", "approve", "reject")
    ]
    said = [json.loads(process.communicate(timeout=300)[0]) for process in started]
    assert sorted(process.returncode for process in started) == [0, 1, 1, 1]
    assert [row["result"] for row in said].count("accepted") == 1


# Lists and texts.


@pytest.mark.parametrize("words", [("show",), ("explain",), ("replay",)])
def test_an_unknown_decision_exits_2(cli: Cli, beyond: Path, words: tuple[str, ...]) -> None:
    said = cli("-C", beyond, *words, "dec-none")
    assert (said.code, said.out) == (2, "")
    assert "decision 'dec-none': there is none of that id" in said.err


def test_listed_decisions_have_neither_brief_nor_versions(cli: Cli, beyond: Path) -> None:
    row = cli("-C", beyond, "decisions", "--json").row
    whole = cli("-C", beyond, "show", row["decision_id"], "--json").row
    assert set(whole) - set(row) == {"brief", "versions"}


def test_decisions_since_an_instant(cli: Cli, beyond: Path) -> None:
    at = cli("-C", beyond, "decisions", "--json").row["decided_at"]
    assert len(cli("-C", beyond, "decisions", "--since", at, "--json").rows) == 1
    assert cli("-C", beyond, "decisions", "--since", "2026-05-05T00:00:00Z", "--json").rows == []
    same = at.replace("Z", "+00:00").replace("T00:00", "T02:00").replace("+00:00", "+02:00")
    assert len(cli("-C", beyond, "decisions", "--since", same, "--json").rows) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "2026-05-03"), "has no zone; write 2026-05-03T00:00:00Z"),
        (("--since", "yesterday"), "'yesterday' is not an instant such as"),
        (("--state", "done"), "state 'done' is not one of "),
    ],
)
def test_a_list_that_cannot_be_exits_2(
    cli: Cli, beyond: Path, words: tuple[str, ...], says: str
) -> None:
    said = cli("-C", beyond, "decisions", *words)
    assert (said.code, says in said.err) == (2, True)


def test_ids_stay_whole_in_a_list_that_is_not_on_a_screen(cli: Cli, beyond: Path) -> None:
    decision_id = escalation(cli, beyond)
    [line] = [row for row in cli("-C", beyond, "decisions").out.splitlines() if decision_id in row]
    for word in ("OATS", "S1", "escalated", "limit"):
        assert word in line


def test_a_decision_is_shown_in_words_with_all_that_became_of_it(cli: Cli, inside: Path) -> None:
    decision_id = cli("-C", inside, "decisions", "--json").row["decision_id"]
    text = cli("-C", inside, "show", decision_id).out
    assert text.startswith(
        f"{decision_id} version 1: executed\nOATS at S1, more demand than foreseen"
    )
    for part in (
        " * reallocate: move ",
        "   none: do nothing",
        ": done",
        " executed: all actions",
    ):
        assert part in text


def test_an_escalation_is_shown_with_its_brief(cli: Cli, beyond: Path) -> None:
    text = cli("-C", beyond, "show", escalation(cli, beyond)).out
    assert "not by itself (above the limit): value " in text
    assert "waits for planner until 2026-05-" in text
    assert "\n\nS1, OATS: " in text


def test_a_decision_is_explained(cli: Cli, inside: Path, beyond: Path) -> None:
    decided = cli("-C", inside, "decisions", "--json").row["decision_id"]
    assert "Rule MOVE of the authority table" in cli("-C", inside, "explain", decided).out
    said = cli("-C", beyond, "explain", escalation(cli, beyond), "--json").row
    assert "It waits for a person" in said["text"]


def test_the_status_reads_well(cli: Cli, inside: Path) -> None:
    text = cli("-C", inside, "status").out
    for line in ("clock      2026-05-04T20:00:00Z", "mode       live", "stopped    no"):
        assert line in text
    assert "authority  version 1, sha256:" in text


def test_the_status_says_when_no_table_is_in_force(cli: Cli, waiting: Path) -> None:
    (waiting / "authority.yaml").unlink()
    text = cli("-C", waiting, "status").out
    assert "NONE IN FORCE (no_table): everything escalates" in text


def test_every_json_line_is_an_object_and_words_go_elsewhere(
    cli: Cli, inside: Path, tmp_path: Path
) -> None:
    decision_id = cli("-C", inside, "decisions", "--json").row["decision_id"]
    sales = inside / "events" / "days.jsonl"
    for words in (
        ("status",),
        ("decisions",),
        ("show", decision_id),
        ("explain", decision_id),
        ("check",),
        ("authority", "check"),
        ("audit", "verify"),
        ("replay", decision_id),
        ("replay", "--all"),
        ("events", "check", sales),
        ("events", "schema"),
    ):
        said = cli("-C", inside, *words, "--json")
        assert (said.code, said.rows != []) == (0, True), words
    assert cli("init", tmp_path / "new", "--json").row["workspace"] == str(tmp_path / "new")


def test_the_status_has_its_members(cli: Cli, inside: Path) -> None:
    row = cli("-C", inside, "status", "--json").row
    assert set(row) == {
        *("clock", "mode", "stopped", "authority", "events"),
        *("state_digest", "decisions_digest", "alarms"),
    }
    assert set(row["authority"]) == {"version", "hash", "in_force", "reason"}
    assert set(row["events"]) == {"accepted", "rejected", "duplicate", "late", "quarantined"}
    assert row["events"]["accepted"] == len(lines(inside, "accepted.jsonl"))


def test_a_run_reports_on_stdout_and_nothing_but_that(cli: Cli, waiting: Path) -> None:
    said = cli("-C", waiting, "run", "--until-end", "--json")
    assert said.row == cli("-C", waiting, "status", "--json").row


# Where the workspace is, and what may not run.


def test_the_current_folder_is_the_workspace_by_default(inside: Path) -> None:
    done = subprocess.run(
        [COMMAND, "status", "--json"], cwd=inside, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["clock"] == "2026-05-04T20:00:00Z"


@pytest.mark.parametrize("words", [("status",), ("decisions",), ("run", "--until-end"), ("check",)])
def test_a_folder_that_is_not_there_exits_2(
    cli: Cli, tmp_path: Path, words: tuple[str, ...]
) -> None:
    said = cli("-C", tmp_path / "nowhere", *words)
    assert (said.code, "is not a folder" in said.err) == (2, True)


@pytest.mark.parametrize(("words", "code"), [(("status",), 2), (("run", "--until-end"), 1)])
def test_a_folder_without_settings_is_no_workspace_and_stays_as_it_is(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    said = cli("-C", tmp_path, *words)
    assert (said.code, "replan.toml" in said.err) == (code, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--until-end"),
        (("--until-end", "--mode", "loud"), "mode 'loud' is not one of live, recommend, shadow"),
        (("--until-end", "--source", "rabbit"), "source 'rabbit' is not one of file, kafka"),
    ],
)
def test_a_run_that_cannot_be_exits_2(
    cli: Cli, fresh: Path, words: tuple[str, ...], says: str
) -> None:
    said = cli("-C", fresh, "run", *words)
    assert (said.code, says in said.err) == (2, True)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("risk_record.yaml", None, "risk_record.yaml"),
        (
            "risk_record.yaml",
            RISK.replace("signed_by: owner-1", "signed_by: planner-1"),
            "planner-1",
        ),
        ("risk_record.yaml", RISK.replace("2027-01-01", "2026-01-04"), "expired on 2026-01-04"),
        ("risk_record.yaml", RISK.replace("signed_on: 2026-01-01\n", ""), "not signed"),
        (
            "planners.yaml",
            PLANNERS.replace("limit_minor: 100,", "limit_minor: -1,"),
            "planners.yaml:4",
        ),
        ("replan.toml", QUICK.replace("workers = 0", "workers = 0\nspeed = 9"), "speed"),
    ],
)
def test_what_forbids_a_run_is_named_before_any_event_is_read(
    cli: Cli, fresh: Path, file: str, text: str | None, says: str
) -> None:
    (fresh / file).unlink() if text is None else (fresh / file).write_text(text)
    said = cli("-C", fresh, "run", "--until-end")
    assert (said.code, says in said.err) == (1, True)
    assert said.err.startswith(file)
    assert not (fresh / "out").exists()
    assert not (fresh / "ledger.db").exists()


def test_a_slip_of_the_unit_is_suspect_where_a_ledger_knows_what_is_usual(
    cli: Cli, inside: Path, tmp_path: Path
) -> None:
    slip = event("pos.sale.v1", "slip", "OATS@S1", "2026-05-05T10:00:00+02:00", {"qty": 9_000})
    write_events(tmp_path / "slip.jsonl", [slip])
    fresh = write_world(tmp_path / "fresh", settings=QUICK)
    codes = [
        cli("-C", root, "events", "check", tmp_path / "slip.jsonl", "--json").row["code"]
        for root in (inside, fresh)
    ]
    assert codes == ["suspect", None]
    assert not (fresh / "ledger.db").exists()


def test_events_that_would_be_refused_exit_1(cli: Cli, inside: Path, tmp_path: Path) -> None:
    bad = event("pos.sale.v1", "s-1", "OATS@S9", "2026-05-04T12:00:00+02:00", {"qty": 1})
    write_events(tmp_path / "bad.jsonl", [bad])
    said = cli("-C", inside, "events", "check", tmp_path / "bad.jsonl", "--json")
    assert (said.code, said.row["status"], said.row["code"]) == (1, "QUARANTINED", "unknown_site")


def test_a_workspace_with_a_mistake_fails_its_check(cli: Cli, fresh: Path) -> None:
    assert cli("check", fresh).code == 0
    lanes = fresh / "network" / "lanes.csv"
    lanes.write_text(lanes.read_text().replace("S2", "S9"))
    said = cli("-C", fresh, "check", "--json")
    [wrong] = [row for row in said.rows if row["severity"] == "error"][:1]
    assert (said.code, wrong["file"], wrong["value"]) == (1, "network/lanes.csv", "S9")
    assert set(wrong) == {
        *("severity", "file", "line", "value", "rule", "message", "counterexample")
    }


def test_replay_wants_one_decision_or_all(cli: Cli, inside: Path) -> None:
    for words in ((), ("dec-1", "--all")):
        said = cli("-C", inside, "replay", *words)
        assert (said.code, "name one decision, or --all" in said.err) == (2, True)


def test_an_edited_decision_is_found(cli: Cli, waiting: Path) -> None:
    edit(waiting, "UPDATE decision_now SET body = replace(body, '\"S1\"', '\"S2\"')")
    said = cli("-C", waiting, "audit", "verify", "--json")
    assert (said.code, said.row["ok"]) == (1, False)
    assert set(said.row["first_bad"]) == {"writer", "seq"}


def test_a_ledger_that_contradicts_itself_stops_with_70(cli: Cli, waiting: Path) -> None:
    edit(waiting, "UPDATE proposal SET sha = 'none'")
    said = cli("-C", waiting, "replay", "--all")
    assert (said.code, said.out) == (70, "")
    assert said.err.startswith("stopped, because something that must hold does not: ")


def edit(root: Path, statement: str) -> None:
    engine = sa.create_engine(f"sqlite:///{root / 'ledger.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_what_could_not_be_called_off_any_more_is_not_approved_together(
    cli: Cli, waiting: Path
) -> None:
    """The van that the plan was made for has left."""
    given = ("--as", "planner-1", "--reason", "policy", "--json")
    said = cli("-C", waiting, "approve", escalation(cli, waiting), *given)
    assert (said.code, "could not be called off any more" in said.err) == (2, True)


def test_who_has_a_case_is_said_from_the_terminal(cli: Cli, waiting: Path) -> None:
    decision_id = escalation(cli, waiting)
    said = cli("-C", waiting, "opened", decision_id, "--as", "planner-1", "--json")
    assert said.row["by"] == "planner-1"


def test_a_known_event_comes_with_its_days_and_uplift_and_is_a_label(
    cli: Cli, waiting: Path
) -> None:
    days = ("--from", "2026-05-08", "--until", "2026-05-10", "--uplift", "1.8")
    assert answer(cli, waiting, "reject", *days).row["state"] == "rejected"
    [label] = cli("-C", waiting, "labels", "--json").rows
    assert (label["verdict"], label["chip"]) == ("reject", "known_event")


def test_without_a_way_to_tell_people_notify_says_so(cli: Cli, waiting: Path) -> None:
    said = cli("-C", waiting, "notify", "--once")
    assert (said.code, "notify.ways" in said.err) == (1, True)

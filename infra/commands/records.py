"""Which commands prove what was recorded?"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from replan.errors import UsageError
from replan.infra.commands.terminal import NOT_SO, Json, place, print_rows, say


def replay(
    decision_id: Annotated[str | None, typer.Argument(metavar="ID")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All decisions.")] = False,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            help="Run the log again aside with table=FILE, network=FOLDER or model=NAME; may be "
            "given more than once."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide again from the record and compare byte by byte, or run the log otherwise."""
    from replan.infra.running.proved import replay_workspace

    if what_if:
        if everything or decision_id is not None:
            raise UsageError("--what-if runs the whole log: without an id and without --all")
        _otherwise(what_if, as_json)
        return
    if (decision_id is None) != everything:
        raise UsageError("name one decision, or --all")
    total, wrong = 0, 0
    for compared in replay_workspace(place.root, decision_id):
        total, wrong = total + 1, wrong + (not compared.equal)
        row = {
            "decision_id": compared.decision_id,
            "version": compared.version,
            "equal": compared.equal,
            "first_difference": compared.first_difference,
            "words_only": compared.words_only,
        }
        if as_json:
            print_rows([row])
        elif not compared.equal:
            sys.stdout.write(
                f"{compared.decision_id}: differs at {compared.first_difference or '/'}"
                f"{', in words alone' if compared.words_only else ''}\n"
            )
    if not as_json:
        say(f"{total - wrong} of {total} decisions are byte-equal")
    if wrong:
        raise typer.Exit(NOT_SO)


def _otherwise(what_if: list[str], as_json: bool) -> None:
    from replan.infra.running.rerun import run_otherwise, told_otherwise

    changes: dict[str, str] = {}
    for text in what_if:
        name, equals, value = text.partition("=")
        if not equals or not value or name in changes:
            raise UsageError(f"--what-if {text!r} is not table=FILE, network=FOLDER or model=NAME")
        changes[name] = value if name == "model" else str(place.of(Path(value)))
    rows = list(run_otherwise(place.root, changes))
    if as_json:
        print_rows(rows)
    else:
        sys.stdout.write("\n".join(told_otherwise(rows)) + "\n")


audit = typer.Typer(no_args_is_help=True, help="The hash chain over all records.")


@audit.command("verify")
def audit_verify(
    anchors: Annotated[
        Path | None, typer.Option(help="Checkpoints kept outside the ledger, by audit anchor.")
    ] = None,
    public: Annotated[
        str | None,
        typer.Option("--key", help="The public key, in base64, that must have signed them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Walk the hash chain and compare every record with it: was anything changed afterwards?"""
    from replan.infra.running.proved import verify_with_anchors, verify_workspace

    if public is not None and anchors is None:
        raise UsageError("--key says who signed checkpoints: name them by --anchors")
    held = None if anchors is None else verify_with_anchors(place.root, place.of(anchors), public)
    report = verify_workspace(place.root) if held is None else held.report
    bad = report.first_bad
    if as_json:
        first = None if bad is None else {"writer": bad.writer, "seq": bad.seq}
        row: dict[str, Any] = {"ok": report.ok, "rows": report.rows, "first_bad": first}
        print_rows([row if held is None else {**row, "uncovered": held.uncovered}])
    elif bad is None:
        said = "" if held is None else f", {held.uncovered} of them after the last checkpoint"
        say(f"{report.rows} rows hold{said}")
    else:
        say(f"first bad row: writer {bad.writer}, seq {bad.seq}: {bad.reason}")
    if not report.ok:
        raise typer.Exit(NOT_SO)


@audit.command("anchor")
def audit_anchor(
    file: Annotated[Path, typer.Argument(help="Where checkpoints are kept; not on this machine.")],
    as_json: Json = False,
) -> None:
    """Append a checkpoint of every chain to a file that lies outside the ledger."""
    from replan.infra.running.proved import anchor_workspace

    line = anchor_workspace(place.root, place.of(file))
    if as_json:
        print_rows([line])
    else:
        rows = sum(seq for seq, _ in line["heads"].values())
        sealed = "sealed" if line["seal"] else "not sealed: no key is given"
        say(f"{place.of(file)}: a checkpoint of {rows} rows, {sealed}")


def evidence(
    name: Annotated[str, typer.Argument(metavar="ID", help="A decision or an action.")],
    file: Annotated[Path, typer.Option("-o", help="Where the pack is written, such as pack.zip.")],
    as_json: Json = False,
) -> None:
    """One decision with its proof, in a file that checks itself: python FILE."""
    from replan.infra.proof.evidence import write_evidence
    from replan.infra.running.opened import opened_office

    with opened_office(place.root) as desk:
        said = write_evidence(desk.ledger, name, place.of(file))
    if as_json:
        print_rows([said])
    else:
        pack = place.of(file)
        say(f"{pack}: {said['rows']} rows of evidence; check it with: python {pack}")
        for fault in said["faults"]:
            say(f"WRONG: {fault}")
    if said["faults"]:
        raise typer.Exit(NOT_SO)


def technical_file(
    file: Annotated[Path | None, typer.Option("-o", help="Where to; else stdout.")] = None,
    as_json: Json = False,
) -> None:
    """What the system is, may do and does, written from its record, with hazards and controls."""
    from replan.infra.running.figures import technical_file_of

    text = technical_file_of(place.root)
    if file is not None:
        file = place.of(file)
        if file.exists():
            raise UsageError(f"{file} is there already; name another file")
        file.write_text(text, encoding="utf-8")
    if as_json:
        print_rows([{"file": None if file is None else str(file), "text": text}])
    elif file is None:
        sys.stdout.write(text)
    else:
        say(f"{file}: written")

"""How are many findings of one kind told?"""

from replan.findings import Finding, folded


def finding(rule: str, severity: str = "warning", file: str = "authority.yaml") -> Finding:
    return Finding(
        severity="error" if severity == "error" else "warning",
        file=file,
        line=3,
        value=None,
        rule=rule,
        message=f"{rule} of {file}",
        counterexample={"action": "expedite"},
    )


def test_the_gaps_of_a_table_are_told_in_one_line_in_the_place_of_the_first() -> None:
    before, after = finding("no_end"), finding("number", "error")
    told = folded([before, finding("gap"), finding("gap"), after, finding("gap")])
    assert [f.rule for f in told] == ["no_end", "gap", "number"]
    assert told[1].message.startswith("3 kinds of cases")
    assert told[1].counterexample is None


def test_a_single_gap_is_told_as_it_is() -> None:
    assert folded([finding("gap")]) == (finding("gap"),)


def test_a_gap_that_is_an_error_is_never_folded() -> None:
    wrong = [finding("gap", "error"), finding("gap", "error")]
    assert folded(wrong) == tuple(wrong)

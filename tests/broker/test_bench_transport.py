"""Does the row `transport` run the whole way on a real broker? On tiny sizes, never its time."""

import math

from replan.infra.bench.transport import OTHERS, RIVALS, transport


def test_ours_is_measured_on_single_and_packed_records() -> None:
    found = transport(few_days=1, many_days=2, others=())
    assert [m.measure for m in found if m.unit == "µs/event"] == [
        "replan, an event a record",
        "replan, 50 events a record",
    ]
    assert all(math.isfinite(m.value) for m in found)


def test_each_of_the_others_is_a_script_that_comes_along() -> None:
    scripts = {path.name for path in RIVALS.glob("*.py")}
    assert scripts == set(OTHERS)

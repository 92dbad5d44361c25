"""Does the row `transport` run the whole way on a real broker? On tiny sizes, never its time."""

import math

from replan.infra.bench.transport import OTHERS, PACKED, RIVALS, transport


def test_ours_is_measured_whole_and_carried_only(broker: str) -> None:
    found = transport(few_days=1, many_days=2, packs=(PACKED,), others=(), broker=broker)
    costs = {m.measure: m.value for m in found if m.unit == "µs/event"}
    assert list(costs) == [
        "replan, carried and decoded, 50 events a record",
        "replan, whole run, 50 events a record",
    ]
    assert all(math.isfinite(cost) for cost in costs.values())


def test_each_of_the_others_is_a_script_that_comes_along() -> None:
    scripts = {path.name for path in RIVALS.glob("*.py")}
    assert scripts == set(OTHERS)

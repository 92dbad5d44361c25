"""Does the row `restart` measure what it says? On two short logs, never its time."""

import math

import pytest

from replan.infra.bench.measure import Measure
from replan.infra.bench.restart import A_DAY, restart


@pytest.mark.slow
def test_no_more_than_a_day_is_judged_again_however_long_the_log_is() -> None:
    found = {m.measure: m for m in restart(sizes=(4_000, 8_000))}
    again = [found[f"events judged again, {size} events"].value for size in (4_000, 8_000)]
    assert max(again) < A_DAY
    assert found["coming back, 8000 events"].against == "coming back, 4000 events"
    assert all(is_told(measure) for measure in found.values())


def is_told(measure: Measure) -> bool:
    return measure.row == "restart" and math.isfinite(measure.value) and measure.value > 0

"""Does the status say first what stands, in as few lines as it takes?"""

from typing import Any

from replan.infra.planners.plain_text import status_text

STATUS: dict[str, Any] = {
    "clock": "2026-05-04T00:00:00Z",
    "mode": "live",
    "stopped": [],
    "authority": {"version": 1, "hash": "sha256:1", "in_force": True, "reason": None},
    "events": {"accepted": 3},
    "state_digest": None,
    "decisions_digest": "sha256:2",
}


def alarm(text: str, *, closed_at: str | None = None) -> dict[str, Any]:
    return {"text": text, "closed_at": closed_at}


def test_alarms_that_stand_are_told_one_a_line_and_alike_ones_counted() -> None:
    late, dry = alarm("the order of SUP1 is late"), alarm("the till of S01 is silent")
    text = status_text({**STATUS, "alarms": [late, dry, late]})
    assert "alarms     the order of SUP1 is late (2 times)" in text
    assert "\n           the till of S01 is silent\n" in text


def test_alarms_that_were_closed_are_only_counted() -> None:
    over = alarm("the till of S01 is silent", closed_at="2026-05-03T00:00:00Z")
    assert "alarms     none; 1 closed before" in status_text({**STATUS, "alarms": [over]})

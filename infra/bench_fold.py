"""How many events a second does one core fold, and does that hold for more items?

Counted is the way of a sale from the bytes of its line to the panel: codec, intake, and the fold
itself with hourly ticks, in which days close and step their models. Nothing is decided, nothing is
stored.
"""

from collections.abc import Sequence
from datetime import timedelta

from replan.events import ActionAnswered, SenseFact, Tick
from replan.infra.bench_measure import Measure, typical, typical_on
from replan.infra.bench_sales import BEGINS, fit_of, network, sensing, till_lines
from replan.network import Network
from replan.replanner import SenseInput, Sensing, step
from replan.state import SenseState, empty_state
from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Decoded, Place, Refused

TICK = timedelta(hours=1)
WHOLE = "codec + intake + step"


def core(*, series: int = 300, days: int = 14) -> list[Measure]:
    """Events a second through the fold, and which part takes how much of the time."""
    chain = network(series)
    lines = till_lines(chain, days)
    decoded = _decode(chain, lines)
    facts = _judge(_intake(), decoded)
    assert len(facts) == len(lines), "every line made for a measure is a good sale"
    seconds = {
        "codec": typical(lambda: _decode(chain, lines)),
        "intake": typical_on(_intake, lambda intake: _judge(intake, decoded)),
        "step": _step_seconds(chain, facts, days),
    }
    n, whole = len(lines), sum(seconds.values())
    shares = [
        Measure(
            row="core",
            measure=part,
            value=spent / n * 1e6,
            unit="µs/event",
            against=WHOLE,
            ratio=spent / whole,
        )
        for part, spent in seconds.items()
    ]
    rates = {
        WHOLE: whole,
        "codec + intake": seconds["codec"] + seconds["intake"],
        "step alone": seconds["step"],
    }
    return shares + [
        Measure(
            row="core",
            measure=part,
            value=n / spent,
            unit="events/s",
            against=None if part == WHOLE else WHOLE,
            ratio=None if part == WHOLE else whole / spent,
        )
        for part, spent in rates.items()
    ]


def growth(*, sizes: Sequence[int] = (30, 300, 3_000), days: int = 14) -> list[Measure]:
    """The same fold at growing numbers of items; each series goes on selling as often."""
    rates: dict[int, float] = {}
    for series in sizes:
        chain = network(series)
        lines = till_lines(chain, days)
        facts = _judge(_intake(), _decode(chain, lines))
        rates[series] = len(facts) / _step_seconds(chain, facts, days)
    smallest = sizes[0]
    return [
        Measure(
            row="growth",
            measure=f"step, {series} series",
            value=rate,
            unit="events/s",
            against=None if series == smallest else f"step, {smallest} series",
            ratio=None if series == smallest else rate / rates[smallest],
        )
        for series, rate in rates.items()
    ]


def _step_seconds(chain: Network, facts: Sequence[SenseFact], days: int) -> float:
    ports, batches = sensing(chain), _by_tick(facts, days)

    def fresh() -> SenseState:
        state = empty_state(chain, ports.rules)
        state.fit_asked = BEGINS
        step(state, [fit_of(len(chain.series))], ports)
        return state

    return typical_on(fresh, lambda state: fold(state, batches, ports))


def fold(state: SenseState, batches: Sequence[Sequence[SenseInput]], ports: Sensing) -> None:
    """Every batch, one after the other."""
    for batch in batches:
        step(state, batch, ports)


def _by_tick(facts: Sequence[SenseFact], days: int) -> list[list[SenseInput]]:
    """The facts in batches that end with the tick they belong to; a last day lets the day close."""
    batches: list[list[SenseInput]] = []
    place, tick = 0, BEGINS
    while tick < BEGINS + timedelta(days=days + 1):
        tick += TICK
        first = place
        while place < len(facts) and facts[place].arrived_at <= tick:
            place += 1
        batches.append([*facts[first:place], Tick(at=tick)])
    assert place == len(facts), "every sale falls into a tick"
    return batches


def _decode(chain: Network, lines: Sequence[bytes]) -> list[Decoded | Refused]:
    decoder = Decoder(chain)
    return [
        result
        for n, line in enumerate(lines, start=1)
        for result in decoder.record(line, Place("made-up.jsonl", n))
    ]


def _intake() -> Intake:
    return Intake(lateness=timedelta(hours=48), max_jump=timedelta(days=30))


def _judge(intake: Intake, results: Sequence[Decoded | Refused]) -> list[SenseFact]:
    return [
        fact
        for outcome in intake.take_all(results)
        for fact in outcome.facts
        if not isinstance(fact, ActionAnswered)
    ]

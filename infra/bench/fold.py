"""How many events a second does one core fold, and does that hold for more items?

Counted is the way of a sale from the bytes of its line to the panel: codec, intake, and the fold
itself with hourly ticks, in which days close and step their models. Nothing is decided, nothing is
stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from replan.events import SenseFact, Tick, Unsensed
from replan.infra.bench.measure import Measure, typical, typical_on
from replan.infra.bench.sales import BEGINS, fit_of, network, sensing, till_lines
from replan.network import Network
from replan.replanner import step
from replan.sensing import SenseInput, Sensing
from replan.state import SenseState, empty_state
from replan.streams.codec import Decoder
from replan.streams.intake import Intake
from replan.streams.messages import Decoded, Place, Refused

TICK = timedelta(hours=1)
WHOLE = "codec + intake + step"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A fold to be measured: till lines, what the codec and the intake make of them, and the
    batches, each of which ends with its tick.
    """

    chain: Network
    ports: Sensing
    lines: Sequence[bytes]
    decoded: Sequence[Decoded | Refused]
    batches: Sequence[Sequence[SenseInput]]

    def fresh(self) -> SenseState:
        """A state that knows its models and nothing else."""
        state = empty_state(self.chain, self.ports.rules)
        state.fit_asked = BEGINS
        step(state, [fit_of(len(self.chain.series))], self.ports)
        return state

    def fold(self, state: SenseState) -> None:
        """Every batch into the state, one after the other."""
        for batch in self.batches:
            step(state, batch, self.ports)


def core(*, series: int = 300, days: int = 14) -> list[Measure]:
    """Events a second through the fold, and which part takes how much of the time."""
    work = work_of(series, days)
    seconds = {
        "codec": typical(lambda: _decode(work.chain, work.lines)),
        "intake": typical_on(_intake, lambda intake: _judge(intake, work.decoded)),
        "step": typical_on(work.fresh, work.fold),
    }
    n, whole = len(work.lines), sum(seconds.values())
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
    """The step at growing numbers of items; each series goes on selling as often."""
    rates: dict[int, float] = {}
    for series in sizes:
        work = work_of(series, days)
        rates[series] = len(work.lines) / typical_on(work.fresh, work.fold)
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


def work_of(series: int, days: int) -> Work:
    """The sales of so many series over so many days."""
    chain = network(series)
    lines = till_lines(chain, days)
    decoded = _decode(chain, lines)
    facts = _judge(_intake(), decoded)
    assert len(facts) == len(lines), "every line made for a measure is a good sale"
    return Work(
        chain=chain,
        ports=sensing(chain),
        lines=lines,
        decoded=decoded,
        batches=_by_tick(facts, days),
    )


def _by_tick(facts: Sequence[SenseFact], days: int) -> list[list[SenseInput]]:
    """The facts with the ticks they belong to; a day without facts lets the last one close."""
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
        if not isinstance(fact, Unsensed)
    ]

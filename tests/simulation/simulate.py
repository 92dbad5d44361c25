"""How many stories hold? `make simulate SEEDS=10000` tells them and prints one line of JSON.

A seed that fails is printed with what it violates, and kept in `kept_seeds.txt`, whose stories are
told first each time: one seed is one story for good, as long as the world is the same.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.simulation.judged import judge, know_undisturbed
from tests.simulation.people import People
from tests.simulation.story import World, told

KEPT: Final = Path(__file__).with_name("kept_seeds.txt")
TOGETHER: Final = 10
"""Seeds that a process tells at a time."""

DEEP_EACH: Final = 5
"""So seldom the audit chain is verified and everything decided again: it takes as long as a
story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of one story: None, or what it violates."""

    seed: int
    violated: str | None
    faults: Counter[str]


_world: World | None = None


def prepare(folder: Path) -> World:
    """The world that all stories of this process, and of those forked from it, begin with."""
    global _world
    _world = World.made(folder)
    know_undisturbed(_world, folder)
    return _world


def world() -> World:
    """The world that was prepared."""
    assert _world is not None, "prepared before"
    return _world


def tell(seed: int, folder: Path, *, deep: bool | None = None) -> Told:
    """One story and its judgement; `deep`: all of it, by default for some seeds only."""
    root = folder / f"story-{seed}-{os.getpid()}"
    story = told(world(), root, seed)
    if seed % 2:
        People(story)
    violated = None
    try:
        story.run()
        judge(world(), story, deep=seed % DEEP_EACH == 0 if deep is None else deep)
    except Exception as error:  # noqa: BLE001 - whatever the story ends with is what it violates
        violated = f"{type(error).__name__}: {error}"
    finally:
        story.close()
        shutil.rmtree(root)
    return Told(seed=seed, violated=violated, faults=story.baton.faults)


def tell_some(seeds: Sequence[int], folder: Path) -> list[Told]:
    """Several stories, one after the other."""
    return [tell(seed, folder) for seed in seeds]


def place() -> str | None:
    """Where folders cost nothing: in memory, if the machine has such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def kept() -> list[int]:
    """Seeds that failed once."""
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def main() -> int:
    """Tell the stories; 0 if nothing was violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, help="how many")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    begun = time.monotonic()
    faults: Counter[str] = Counter()
    violated: list[Told] = []
    with tempfile.TemporaryDirectory(dir=place()) as name:
        folder = Path(name)
        prepare(folder)
        seeds = [*kept(), *range(given.first, given.first + given.seeds)]
        some = [seeds[n : n + TOGETHER] for n in range(0, len(seeds), TOGETHER)]
        with ProcessPoolExecutor(
            given.processes, mp_context=multiprocessing.get_context("fork")
        ) as pool:
            for stories in pool.map(tell_some, some, [folder] * len(some)):
                for one in stories:
                    faults += one.faults
                    if one.violated is not None:
                        violated.append(one)
                        print(f"seed {one.seed}: {one.violated}", file=sys.stderr, flush=True)
    known = kept()
    with KEPT.open("a") as lines:
        lines.writelines(
            f"{one.seed} {(one.violated or '').splitlines()[0][:80]}\n"
            for one in violated
            if one.seed not in known
        )
    seconds = time.monotonic() - begun
    answer = {
        "seeds": len(seeds),
        "violations": len(violated),
        "faults": dict(sorted(faults.items())),
        "seconds": round(seconds, 1),
        "ms_per_seed": round(1000 * seconds * given.processes / max(1, len(seeds)), 1),
    }
    print(json.dumps(answer))
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())

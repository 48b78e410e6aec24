"""Benchmark of idle connections with an open data channel: memory, objects, garbage collections.

Usage: `python -m benchmarks.idle [ROUNDS]`. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.harness import ARTIFACTS, run_rounds
from benchmarks.setup_subjects import Aiortc, Handfast
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds by default, and most rounds (ours).
ROUNDS, MOST_ROUNDS = 3, 100
#: Pairs of connections that are open at a time (ours).
PAIRS = 200
_STACKS = (Handfast.name, Aiortc.name)
#: Targets: ours by aiortc's, memory and the time of a full collection; objects of an end of ours
#: that the collector looks at (ours).
MOST_MEMORY, MOST_COLLECTION, MOST_OBJECTS = 0.9, 1.2, 400


@dataclass(frozen=True, slots=True)
class Idle:
    """What one end of a connection holds, and what many of them cost the garbage collector.

    Args:
        kilobytes: Resident memory of an end.
        objects: Objects of an end that the collector looks at.
        collection: Processor time of a full collection with all pairs open, in milliseconds.
    """

    kilobytes: float
    objects: float
    collection: float


async def _measure(stack: str) -> Idle:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.idle_subject", stack, str(PAIRS)),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    return Idle(**json.loads(told))


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the targets are met."""
    found: dict[str, list[Idle]] = {stack: [] for stack in _STACKS}
    for _ in range(rounds):
        for stack in _STACKS:
            found[stack].append(await _measure(stack))
    table = Table(title=f"an idle end with a data channel, {PAIRS} pairs open, {rounds} rounds")
    table.add_column("stack")
    for heading in ("memory", "objects", "full collection"):
        table.add_column(heading, justify="right")
    for stack, each in found.items():
        table.add_row(
            stack,
            f"{median(one.kilobytes for one in each):.0f} KB",
            f"{median(one.objects for one in each):.0f}",
            f"{median(one.collection for one in each):.1f} ms",
        )
    console.print(table)
    pairs = list(zip(*found.values(), strict=True))
    memory = [ours.kilobytes / theirs.kilobytes for ours, theirs in pairs]
    collection = [ours.collection / theirs.collection for ours, theirs in pairs]
    objects = [ours.objects for ours, _ in pairs]
    ARTIFACTS.mkdir(exist_ok=True)
    numbers = {stack: [asdict(one) for one in each] for stack, each in found.items()}
    (ARTIFACTS / "bench-idle.json").write_text(json.dumps(numbers, indent=2))
    targets = (
        Target("memory of an idle end, ours / aiortc's", memory, MOST_MEMORY),
        Target("full collection, ours / aiortc's", collection, MOST_COLLECTION),
        Target("objects of an idle end", objects, MOST_OBJECTS),
    )
    return judge("idle", targets, console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

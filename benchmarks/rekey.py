"""Benchmark of a rekey: gap, loss and processor time while media flows.

Usage: `python -m benchmarks.rekey [CHANGES]`. Exits with 1 where a packet was lost by a rekey of
ours, or where the longest gap is more than 20 ms beyond the longest one without a rekey.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from benchmarks.harness import ARTIFACTS
from benchmarks.rekey_subjects import (
    RATE,
    Aiortc,
    Change,
    Handfast,
    HandfastOnOnePath,
    measure,
    processor_time,
)
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Changes of keys by default, and most of them (ours).
CHANGES = 30
MOST_CHANGES = 1000
#: Processor time is measured in one of so many calls (ours).
PROCESSOR_EVERY = 5
#: Target: milliseconds by which the longest gap may exceed the longest one without a rekey (ours).
MOST_BEYOND = 20.0


@dataclass
class Result:
    """Measurements of one subject; `processor` in milliseconds a change."""

    changes: list[Change] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


async def run(changes: int) -> dict[str, Result]:
    """Measure all subjects in turn, each change in a call of its own."""
    taken: dict[str, Result] = {}
    subjects = (Handfast, HandfastOnOnePath, Aiortc)
    for turn in range(changes):
        for make in (subjects, subjects[::-1])[turn % 2]:
            async with make() as subject:
                result = taken.setdefault(subject.name, Result())
                result.changes.append(await measure(subject))
                if turn % PROCESSOR_EVERY == 0:
                    result.processor.append(await processor_time(subject))
    return taken


def table(taken: dict[str, Result]) -> Table:
    """Format the figures as medians with their least and greatest values."""
    drawn = Table(title=f"keys changed under {RATE} packets a second each way")
    headings = "longest gap", "without a change", "packets lost", "not even sent", "processor time"
    for heading in ("subject", *headings):
        drawn.add_column(heading, justify="left" if heading == "subject" else "right")
    for name, result in taken.items():
        changes = result.changes
        drawn.add_row(
            name,
            _spread([change.gap for change in changes], "ms"),
            _spread([change.usual_gap for change in changes], "ms"),
            f"{sum(change.lost for change in changes)} in {len(changes)} changes",
            str(sum(change.unsent for change in changes)),
            _spread(result.processor, "ms"),
        )
    return drawn


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.1f} {unit} ({min(values):.1f} to {max(values):.1f})"


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    changes = int(arguments[0]) if arguments else CHANGES
    if not 1 <= changes <= MOST_CHANGES:
        print(f"CHANGES is 1 to {MOST_CHANGES}", file=sys.stderr)
        return 2
    taken = asyncio.run(run(changes))
    console = Console()
    console.print(table(taken))
    ARTIFACTS.mkdir(exist_ok=True)
    numbers = {name: asdict(result) for name, result in taken.items()}
    (ARTIFACTS / "bench-rekey.json").write_text(json.dumps(numbers, indent=2))
    ours = {each.name: taken[each.name].changes for each in (Handfast, HandfastOnOnePath)}
    judged = (target for name, changes in ours.items() for target in _targets(name, changes))
    return int(not judge("rekey", judged, console))


def _targets(name: str, changes: Sequence[Change]) -> tuple[Target, Target]:
    beyond = max(change.gap for change in changes) - max(change.usual_gap for change in changes)
    lost = sum(change.lost for change in changes)
    return (
        Target(f"{name}: packets lost", [lost], 0),
        Target(f"{name}: longest gap beyond the usual one, ms", [beyond], MOST_BEYOND),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

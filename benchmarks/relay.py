"""Benchmark of video streams relayed as they come, each to one peer, beside Pion.

Usage: `python -m benchmarks.relay [ROUNDS]`. Exits with 1 where the target is missed. It needs two
cores: a subject has one for itself, and the load runs on the other.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.harness import ARTIFACTS, run_rounds
from benchmarks.rtp_process import LOAD_CORE, SUBJECT_CORE, Process, Who, subject_process
from benchmarks.rtp_subjects import Work
from benchmarks.rtp_trial import ROOMS, Trial, relay_by
from benchmarks.targets import Target, judge
from tests.support.peers.third_party import compiled_with_pion
from tests.support.project.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

#: Rounds by default, and most rounds (ours).
ROUNDS, MOST_ROUNDS = 5, 100
#: Packets a second of all streams (ours): 400 of each.
RATE = 8000.0
#: Target: our processor time for a packet by Pion's (ours).
TARGET = 1.0
_OURS = ("handfast, asyncio", "handfast, uvloop")
_PION = "Pion"


async def _subjects() -> dict[str, Callable[[], Process]]:
    def ours(loop: str) -> Callable[[], Process]:
        return lambda: subject_process(Who("handfast", loop), Work.RELAY)

    found = {name: ours(name.rpartition(" ")[2]) for name in _OURS}
    if TOOLS["pion"].path is not None:
        source = Path(__file__).with_name("pion_relay") / "main.go"
        program = str(await compiled_with_pion("pion_relay", [source]))
        found[_PION] = lambda: Process("taskset", "-c", str(SUBJECT_CORE), program)
    return found


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    os.sched_setaffinity(0, {LOAD_CORE})
    subjects = await _subjects()
    found: dict[str, list[Trial]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, make in subjects.items():
            found[name].append(await relay_by(make(), 1, RATE))
    console.print(_table(found))
    ARTIFACTS.mkdir(exist_ok=True)
    numbers = {name: [asdict(trial) for trial in trials] for name, trials in found.items()}
    (ARTIFACTS / "bench-relay.json").write_text(json.dumps(numbers, indent=2))
    if _PION not in found:
        console.print(f"[yellow]without Pion: {TOOLS['pion'].how_to_get}")
    targets = [
        Target(f"a relayed packet, {name} / Pion's", _ratios(found[name], found.get(_PION)), TARGET)
        for name in _OURS
    ]
    return judge("relay", targets, console)


def _ratios(ours: Sequence[Trial], theirs: Sequence[Trial] | None) -> list[float]:
    if theirs is None:
        return []
    return [one.cost / other.cost for one, other in zip(ours, theirs, strict=True)]


def _table(found: dict[str, list[Trial]]) -> Table:
    table = Table(title=f"{ROOMS[1]} streams, each relayed to one peer, {RATE:,.0f} packets/s")
    table.add_column("subject")
    for heading in ("a packet, median", "spread", "came out"):
        table.add_column(heading, justify="right")
    for name, trials in found.items():
        costs = [trial.cost for trial in trials]
        came = sum(trial.out for trial in trials) / sum(trial.expected for trial in trials)
        table.add_row(
            name,
            f"{median(costs):.1f} µs",
            f"{min(costs):.1f} to {max(costs):.1f} µs",
            f"{100 * came:.1f}%",
        )
    return table


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

"""Benchmark of audio echo bots: connections that decode what they get, and send it back encoded.

Usage: `python -m benchmarks.echo [ROUNDS]`. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table

from benchmarks.echo_trial import CORES, Echo, Stack, Trial, echo
from benchmarks.harness import ARTIFACTS, run_rounds
from benchmarks.rtp_process import LOAD_CORE
from benchmarks.rtp_streams import sounds
from benchmarks.targets import Target, judge
from tests.support.project.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


#: Rounds by default, and most rounds (ours).
ROUNDS, MOST_ROUNDS = 3, 100
#: Bots of a trial of cost, and of one beside a busy machine (ours).
BOTS, FEW = 16, 10
#: Busy loops beside the few (ours): with them there is three times the work that the cores can do.
BUSY = 3
#: Priority of the load beside busy loops (ours): it stands for a network, which is never late.
_NICENESS = -15
#: Targets (ours): processor time of a bot by libwebrtc's (75 bots on a core for its 65), memory of
#: a bot by aiortc's, share of the sound that comes back beside the busy loops.
MOST_PROCESSOR, MOST_MEMORY, LEAST_SOUND = 0.87, 0.5, 0.85

Found = dict[Stack, list[Echo]]


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the targets are met."""
    stacks = [each for each in Stack if each is not Stack.LIBWEBRTC or TOOLS["wrtc"].path]
    clip = sounds()
    cost = Trial(bots=BOTS, core=CORES[0])
    beside = Trial(bots=FEW, core=None, busy=BUSY)
    alone: Found = {stack: [] for stack in stacks}
    busy: Found = {stack: [] for stack in stacks}
    os.sched_setaffinity(0, {LOAD_CORE})
    for _ in range(rounds):
        for stack in stacks:
            alone[stack].append(await echo(stack, clip, cost))
    os.sched_setaffinity(0, CORES)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    for _ in range(rounds):
        for stack in stacks:
            busy[stack].append(await echo(stack, clip, beside))
    console.print(_table(f"{BOTS} bots on one core, {rounds} rounds", alone))
    console.print(_table(f"{FEW} bots beside {BUSY} busy loops on {len(CORES)} cores", busy))
    met = _report(console, alone, busy)
    ARTIFACTS.mkdir(exist_ok=True)
    numbers = {
        name: {stack.value: [asdict(each) for each in one] for stack, one in found.items()}
        for name, found in (("alone", alone), ("busy", busy))
    }
    (ARTIFACTS / "bench-echo.json").write_text(json.dumps(numbers, indent=2))
    return met


def _report(console: Console, alone: Found, busy: Found) -> bool:
    ours, theirs = alone[Stack.HANDFAST], alone[Stack.AIORTC]
    processor: list[float] = []
    if Stack.LIBWEBRTC in alone:
        paired = zip(ours, alone[Stack.LIBWEBRTC], strict=True)
        processor = [one.microseconds / other.microseconds for one, other in paired]
    else:
        console.print(f"[yellow]without libwebrtc: {TOOLS['wrtc'].how_to_get}")
    paired = zip(ours, theirs, strict=True)
    by_aiortc = [one.microseconds / other.microseconds for one, other in paired]
    console.print(f"processor time, ours / aiortc's: {_spread(by_aiortc)}")
    memory = [one.kilobytes / other.kilobytes for one, other in zip(ours, theirs, strict=True)]
    sound = [one.delivered for one in busy[Stack.HANDFAST]]
    targets = (
        Target("processor time of a bot, ours / libwebrtc's", processor, MOST_PROCESSOR),
        Target("memory of a bot, ours / aiortc's", memory, MOST_MEMORY),
        Target("sound that comes back beside busy loops", sound, LEAST_SOUND, at_least=True),
    )
    return judge("echo", targets, console)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _table(title: str, found: Found) -> Table:
    table = Table(title=title)
    table.add_column("stack")
    for heading in ("a packet, least", "median", "bots on a core", "memory", "sound", "spread"):
        table.add_column(heading, justify="right")
    for stack, each in found.items():
        times = [one.microseconds for one in each]
        sound = [100 * one.delivered for one in each]
        table.add_row(
            stack.value,
            f"{min(times):.0f} µs",
            f"{median(times):.0f} µs",
            f"{median(one.bots_on_a_core for one in each):.0f}",
            f"{median(one.kilobytes for one in each):.0f} KB",
            f"{median(sound):.0f}%",
            f"{min(sound):.0f} to {max(sound):.0f}%",
        )
    return table


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

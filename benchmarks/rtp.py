"""Benchmark of RTP on one core: receiving, relaying without decoding, and decoding.

Usage: `python -m benchmarks.rtp [--brief]`. Exits with 1 where aiortc receives more than a third of
what we do, without a loss and on the same event loop, or takes less than three times our processor
time for a packet that it relays, as it comes. It needs two cores: a subject has one for itself, and
the load runs on the other.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.harness import ARTIFACTS
from benchmarks.rtp_limit import Limit
from benchmarks.rtp_process import LOAD_CORE, SUBJECT_CORE, SubjectError, Who
from benchmarks.rtp_streams import AUDIO, VIDEO, pictures, sounds
from benchmarks.rtp_trial import ROOMS, Trial, decode, receive, relay, transcode
from benchmarks.targets import Target, judge

OURS, THEIRS = "handfast", "aiortc"
LOOPS = ("asyncio", "uvloop")
WHO = tuple(Who(name, loop) for name in (OURS, THEIRS) for loop in LOOPS)
#: Target: our packets a second as a multiple of aiortc's (ours).
TARGET = 3.0
#: Packets a second of the first trial, divided by the square root of the peers (ours).
_GENTLE = 1000.0
#: Share of the rate that the first trial predicts, at which the search begins (ours).
_GUESS = 0.8
#: Factor of a step until rates with and without loss are known, and their final ratio (ours).
_STEP, _EXACT = 1.5, 1.1
#: Most rates of one search (ours).
_MOST_RATES = 16
#: Trials of one rate, one of which has to be without loss: the machine may have hiccups (ours).
_ATTEMPTS = 3
#: Seconds of media in a trial of decoding (ours).
_DECODED = 10

Run = Callable[[float], Awaitable[Trial]]


@dataclass
class Result:
    """Results of one subject; None where every rate had losses."""

    received: Trial | None = None
    relayed: dict[int, Trial | None] = field(default_factory=dict)
    decoded: dict[str, Trial] = field(default_factory=dict)
    transcoded: Trial | None = None


async def highest(run: Run, begin: float) -> Trial | None:
    """Search the highest rate without loss; None where every rate has losses."""
    gentle = await run(begin)
    best: Trial | None = None
    rate, floor, ceiling = gentle.reach * _GUESS, 0.0, math.inf
    for _ in range(_MOST_RATES):
        trial = await _attempt(run, rate)
        if trial.lossless:
            best, floor = trial, rate
        else:
            ceiling = rate
        if ceiling < _EXACT * floor:
            break
        if floor and ceiling < math.inf:
            rate = (floor * ceiling) ** 0.5
        else:
            rate = floor * _STEP if floor else ceiling / _STEP
    return best


async def _attempt(run: Run, rate: float) -> Trial:
    trial = await run(rate)
    for _ in range(_ATTEMPTS - 1):
        if trial.lossless:
            break
        trial = await run(rate)
    return trial


async def measure(fans: Sequence[int], console: Console) -> dict[Who, Result]:
    """Measure all figures, the subjects in turn for each."""
    results = {who: Result() for who in WHO}
    for who in WHO:
        results[who].received = await highest(partial(receive, who), _GENTLE)
        console.print(f"[dim]received by {who}: {_rate(results[who].received)}")
    for peers in fans:
        for who in WHO:
            run = partial(relay, who, peers)
            found = results[who].relayed[peers] = await highest(run, _GENTLE / peers**0.5)
            console.print(f"[dim]relayed to {peers} by {who}: {_rate(found)}")
    shown = pictures()
    for media, clip in ((VIDEO, shown), (AUDIO, sounds())):
        for who in WHO:
            results[who].decoded[media.kind] = await decode(who, media, clip, _DECODED)
    for who in WHO:
        if who.name == THEIRS:
            results[who].transcoded = await transcode(who, shown, _DECODED)
    return results


async def limit() -> Limit:
    """Measure the limit of the machine on the core of the subjects."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.rtp_limit", str(SUBJECT_CORE)),
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await process.communicate()
    return Limit(**json.loads(told))


def rates(results: dict[Who, Result], fans: Sequence[int], bare: Limit) -> Table:
    """Format rates in packets a second, with the processor time for each packet."""
    table = Table(title="packets a second on one core without a loss, and processor time for each")
    table.add_column("subject")
    for heading in ("received", *(f"relayed to {peers}" for peers in fans)):
        table.add_column(heading, justify="right")
    for who, result in results.items():
        cells = [result.received, *(result.relayed[peers] for peers in fans)]
        table.add_row(str(who), *(_rate(trial) for trial in cells))
    limits = [bare.received(), *(bare.relayed(peers) for peers in fans)]
    table.add_row("bare loop", *(f"{each:,.0f} ({1e6 / each:.1f} µs)" for each in limits))
    for loop in LOOPS:
        ratios = compared(results, fans, loop)
        cells_of = ["-" if ratio is None else f"{ratio:.1f}" for ratio in ratios]
        table.add_row(f"{OURS} / {THEIRS}, {loop}", *cells_of)
    return table


def compared(results: dict[Who, Result], fans: Sequence[int], loop: str) -> list[float | None]:
    """Return our rates over aiortc's on one event loop; None where one has losses at any rate."""
    ours, theirs = results[Who(OURS, loop)], results[Who(THEIRS, loop)]
    pairs = [
        (ours.received, theirs.received),
        *((ours.relayed[peers], theirs.relayed[peers]) for peers in fans),
    ]
    return [one.rate / other.rate if one and other else None for one, other in pairs]


def targets(results: dict[Who, Result]) -> list[Target]:
    """Return what our subject has to reach on each event loop."""
    found = []
    for loop in LOOPS:
        ours, theirs = results[Who(OURS, loop)], results[Who(THEIRS, loop)]
        (received,) = compared(results, [], loop)
        relayed, whole = list(ours.relayed.values()), theirs.transcoded
        costs = [whole.cost / trial.cost for trial in relayed if trial is not None and whole]
        # Without a rate that is free of losses there is no cost.
        least = [min(costs)] if costs and len(costs) == len(relayed) else []
        for name, ratios in (
            ("packets received, ours / aiortc's", [] if received is None else [received]),
            ("a packet relayed as it comes, aiortc's / ours", least),
        ):
            found.append(Target(f"{name}, {loop}", ratios, TARGET, at_least=True))
    return found


def decoding(results: dict[Who, Result]) -> Table:
    """Format the processor time of decoded streams."""
    table = Table(title="of one core, for each stream decoded")
    table.add_column("subject")
    for heading in ("VP8, 1280x720, 30 a second", "Opus, stereo"):
        table.add_column(heading, justify="right")
    for who, result in results.items():
        table.add_row(str(who), *(_share(result.decoded[kind]) for kind in ("video", "audio")))
    return table


def as_it_comes(results: dict[Who, Result]) -> Iterator[str]:
    """Yield the cost of a relay by unchanged aiortc, which decodes and encodes, for each loop."""
    for who, result in results.items():
        trial = result.transcoded
        if trial is not None:
            yield (
                f"{who}, as it comes: {100 * trial.processor / trial.seconds:.0f}% of a core to "
                f"relay one stream of 720p30 to one peer, {trial.cost:,.0f} µs for each packet"
            )


def _rate(trial: Trial | None) -> str:
    return "none" if trial is None else f"{trial.rate:,.0f} ({trial.cost:.1f} µs)"


def _share(trial: Trial) -> str:
    missing = trial.expected - trial.out
    return f"{100 * trial.processor / trial.seconds:.1f}%" + (
        f", {missing} frames missing" if missing > 1 else ""
    )


def write(results: dict[Who, Result], bare: Limit) -> None:
    """Write all numbers as JSON."""
    ARTIFACTS.mkdir(exist_ok=True)
    numbers = {"limit": asdict(bare)} | {str(who): asdict(r) for who, r in results.items()}
    (ARTIFACTS / "bench-rtp.json").write_text(json.dumps(numbers, indent=2))


async def run(fans: Sequence[int], console: Console) -> bool:
    """Measure and report, and return whether the targets are met."""
    bare = await limit()
    results = await measure(fans, console)
    console.print(rates(results, fans, bare))
    console.print(decoding(results))
    for line in as_it_comes(results):
        console.print(line)
    console.print(
        f"bare: {bare.receive:.1f} µs recvfrom, {bare.unprotect:.1f} unprotect, "
        f"{bare.protect:.1f} protect, {bare.send:.1f} sendto"
    )
    write(results, bare)
    return judge("rtp", targets(results), console)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    if arguments not in ([], ["--brief"]):
        print("usage: python -m benchmarks.rtp [--brief]", file=sys.stderr)
        return 2
    if len(os.sched_getaffinity(0)) < 2:
        print("two cores are needed: one for the subject, one for the load", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {LOAD_CORE})
    fans = [10] if arguments else list(ROOMS)
    console = Console()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            reached = runner.run(run(fans, console))
    except SubjectError as error:
        console.print(f"[red]{error}")
        return 1
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

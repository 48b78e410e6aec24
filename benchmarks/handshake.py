"""Benchmark of the DTLS handshake: wall time, processor time, and the cost of a trace.

Usage: `python -m benchmarks.handshake [ROUNDS]`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from types import MappingProxyType

from rich.console import Console

from benchmarks.handshake_subjects import Aiortc, Handfast
from benchmarks.harness import compare
from benchmarks.setup_subjects import Handfast as Setup
from benchmarks.setup_subjects import TracedHandfast as TracedSetup
from benchmarks.targets import judge

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP = 3
ROUNDS = 60
MOST_ROUNDS = 1000
CLOCKS: MappingProxyType[str, Callable[[], float]] = MappingProxyType(
    {"wall": time.perf_counter, "processor": time.process_time}
)


async def run(rounds: int, console: Console) -> None:
    """Measure all subjects and print the reports."""
    for kind, clock in CLOCKS.items():
        subjects = [Handfast(clock), Aiortc(clock)]
        report = await compare(
            f"one DTLS handshake in memory, both ends, {kind} time",
            subjects,
            warm_up=WARM_UP,
            rounds=rounds,
        )
        report.publish(f"handshake-{kind}", console)
    report = await compare(
        "a whole set-up, with a trace and without",
        [TracedSetup(), Setup()],
        warm_up=WARM_UP,
        rounds=rounds,
    )
    report.publish("handshake-trace", console)
    judge("handshake", [], console)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    if not 1 <= rounds <= MOST_ROUNDS:
        print(f"ROUNDS is 1 to {MOST_ROUNDS}", file=sys.stderr)
        return 2
    asyncio.run(run(rounds, Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

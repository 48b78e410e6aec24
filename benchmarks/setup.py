"""Benchmark of set-up from createOffer to an open data channel, both ends in one process.

Usage: `python -m benchmarks.setup [ROUNDS]`. Exits with 1 where the target is missed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console

from benchmarks.harness import ARTIFACTS, Subject, compare
from benchmarks.setup_subjects import Aiortc, Handfast, Libwebrtc

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP = 3
ROUNDS = 40
MOST_ROUNDS = 1000
#: Target: our time as a share of aiortc's, in the median round (ours).
TARGET = 0.5


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    subjects: list[Subject] = [Handfast(), Aiortc()]
    if Libwebrtc.available():
        subjects.append(Libwebrtc())
    else:
        console.print("libwebrtc is left out: `make bench` installs it where Node.js and npm are.")
    report = await compare(
        "set-up to an open data channel", subjects, warm_up=WARM_UP, rounds=rounds
    )
    report.print(console)
    report.write(ARTIFACTS / "bench-setup.json")
    ratio = report.ratio_to(Aiortc.name).median
    met = ratio <= TARGET
    console.print(
        f"{'Met' if met else 'MISSED'}: {ratio:.2f} of aiortc's time, the target is {TARGET}"
    )
    return met


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark from the command line."""
    rounds = int(arguments[0]) if arguments else ROUNDS
    if not 1 <= rounds <= MOST_ROUNDS:
        print(f"ROUNDS is 1 to {MOST_ROUNDS}", file=sys.stderr)
        return 2
    return 0 if asyncio.run(run(rounds, Console())) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

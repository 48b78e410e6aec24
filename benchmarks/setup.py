"""Benchmark of set-up from createOffer to an open data channel, both ends in one process.

Usage: `python -m benchmarks.setup [ROUNDS]`. Exits with 1 where the target is missed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.harness import ARTIFACTS, Subject, compare, run_rounds
from benchmarks.setup_subjects import Aiortc, Handfast, Libwebrtc
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from rich.console import Console

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
    ratios = report.ratios_to(Aiortc.name)
    return judge("setup", [Target("set-up, ours / aiortc's", ratios, TARGET)], console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

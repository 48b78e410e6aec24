"""Benchmark of set-up to an open data channel, both ends in one process: time, processor time.

Usage: `python -m benchmarks.setup [ROUNDS]`. Exits with 1 where the target is missed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.harness import Subject, compare, run_rounds
from benchmarks.setup_subjects import Aiortc, AiortcWork, Handfast, HandfastWork, Libwebrtc
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP = 3
ROUNDS = 40
MOST_ROUNDS = 1000
#: Targets: our time as a share of aiortc's and of libwebrtc's, and our processor time as a share of
#: aiortc's, in the median round (ours).
TARGET = 0.5
LIBWEBRTC_TARGET = 1.3
WORK_TARGET = 0.75


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
    report.publish("setup", console)
    work = await compare(
        "processor time of a set-up, both ends",
        [HandfastWork(), AiortcWork()],
        warm_up=WARM_UP,
        rounds=rounds,
    )
    work.publish("setup-work", console)
    libwebrtc = report.ratios_to(Libwebrtc.name) if len(subjects) > 2 else ()
    targets = [
        Target("set-up, ours / aiortc's", report.ratios_to(Aiortc.name), TARGET),
        Target("set-up, ours / libwebrtc's", libwebrtc, LIBWEBRTC_TARGET),
        Target("processor time, ours / aiortc's", work.ratios_to(Aiortc.name), WORK_TARGET),
    ]
    return judge("setup", targets, console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

"""Benchmark of what aiortc's names cost: `peer.compat` beside our own connection, and aiortc.

Usage: `python -m benchmarks.compat [ROUNDS]`. Processor time, as the layer adds nothing that waits.
Exits with 1 where the layer adds more than 5%, in the median round. Decoding needs two cores: a
subject has one for itself, and the load runs on the other.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from benchmarks.compat_setup import MESSAGES, messages, set_ups
from benchmarks.harness import Report, Series, compare, run_rounds
from benchmarks.rtp_process import LOAD_CORE, Who
from benchmarks.rtp_streams import AUDIO, VIDEO, pictures, sounds
from benchmarks.rtp_trial import decode
from benchmarks.targets import Target, judge

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP = 3
ROUNDS = 30
MOST_ROUNDS = 1000
#: Set-ups for each trial of decoding, which takes twelve seconds for each subject (ours).
_SET_UPS_EACH = 6
#: Trials of messages for each trial of decoding (ours).
_MESSAGES_EACH = 4
#: Seconds of media in a trial of decoding (ours).
_DECODED = 5
#: Target: processor time through the layer as a multiple of that without (ours).
TARGET = 1.05


async def decoded(rounds: int) -> list[Report]:
    """Measure decoding by each subject in turn, round by round."""
    names = [subject.name for subject in set_ups()]
    reports = []
    for media, clip in ((VIDEO, pictures()), (AUDIO, sounds())):
        times: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(rounds):
            for place in range(len(names)):
                name = names[(turn + place) % len(names)]
                trial = await decode(Who(name, "asyncio"), media, clip, _DECODED)
                times[name].append(1000 * trial.processor / max(1, trial.out))
        series = tuple(Series(name, tuple(taken)) for name, taken in times.items())
        reports.append(Report(f"a decoded frame of {media.kind}, processor time", series))
    return reports


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    reports = [
        await compare(
            "a set-up by whole descriptions, processor time of both ends",
            set_ups(),
            warm_up=WARM_UP,
            rounds=rounds,
        ),
        await compare(
            f"{MESSAGES} messages, processor time of both ends",
            messages(),
            warm_up=1,
            rounds=-(-rounds // _SET_UPS_EACH) * _MESSAGES_EACH,
        ),
    ]
    if len(os.sched_getaffinity(0)) < 2:
        console.print("decoding is left out: two cores are needed")
    else:
        os.sched_setaffinity(0, {LOAD_CORE})
        reports += await decoded(-(-rounds // _SET_UPS_EACH))
    targets = []
    for number, report in enumerate(reports):
        report.publish(f"compat-{number}", console)
        name = f"{report.benchmark}, compat / ours"
        targets.append(Target(name, report.ratios_to("handfast"), TARGET))
    return judge("compat", targets, console)


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

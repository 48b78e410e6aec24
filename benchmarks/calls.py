"""Benchmark of SIP calls: INVITE to the first sound at 100 ms there and back, and calls a second.

Usage: `python -m benchmarks.calls [ROUNDS]`. Exits with 1 where the target is missed.
"""

from __future__ import annotations

import asyncio
import sys
from time import process_time
from typing import TYPE_CHECKING, Final

from benchmarks.calls_subjects import Baresip, Handfast
from benchmarks.harness import Subject, compare, run_rounds
from benchmarks.targets import Target, judge
from tests.support.peers.sip_phones import sounding, two_phones
from tests.support.project.tools import missing

if TYPE_CHECKING:
    from rich.console import Console

#: Rounds that do not count, rounds by default, and most rounds (ours).
WARM_UP: Final = 2
ROUNDS: Final = 15
MOST_ROUNDS: Final = 200
#: Target: our time as a share of baresip's, in the median round (ours).
TARGET: Final = 1.0
#: Calls of which the processor time is taken (ours).
_CALLS: Final = 50


async def run(rounds: int, console: Console) -> bool:
    """Measure and report, and return whether the target is met."""
    subjects: list[Subject] = [Handfast()]
    if missing([Baresip.name]):
        console.print("baresip is left out: `make tools` installs it where it may.")
    else:
        subjects.append(Baresip())
    report = await compare(
        "INVITE to the first sound, 100 ms there and back",
        subjects,
        warm_up=WARM_UP,
        rounds=rounds,
    )
    report.publish("calls", console)
    seconds = await processor_time(_CALLS)
    console.print(
        f"A call with its handshake takes {1000 * seconds:.1f} ms of processor time for both ends: "
        f"{1 / seconds:.0f} calls a second for each core"
    )
    ratios = report.ratios_to(Baresip.name) if len(subjects) > 1 else ()
    target = Target("INVITE to the first sound, ours / baresip's", ratios, TARGET)
    return judge("calls", [target], console)


async def processor_time(calls: int) -> float:
    """Return the processor time of a call in seconds: INVITE, 200, ACK, BYE, 200, both ends."""
    async with two_phones() as (caller, called):
        start = process_time()
        for _ in range(calls):
            answering = asyncio.create_task(called.answer())
            call = await caller.phone.invite("sip:bob@example.org", sounding())
            other = await answering
            assert call.connection is not None
            await asyncio.gather(call.connection.connected(), other.established())
            await call.hangup()
        return (process_time() - start) / calls


if __name__ == "__main__":
    sys.exit(run_rounds(run, sys.argv[1:], rounds=ROUNDS, most=MOST_ROUNDS))

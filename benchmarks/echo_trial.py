"""One trial of the echo benchmark: bots of a stack in a process of their own, and who speaks."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.rtp_load import LoadEnd
from benchmarks.rtp_process import Process
from benchmarks.rtp_streams import AUDIO, SOUNDS
from tests.support.project.tools import NODE_MODULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.rtp_streams import Payloads

#: The cores of the machine that this process may use, at most two (ours).
CORES = tuple(sorted(os.sched_getaffinity(0))[:2])
#: Seconds of a trial, before it, and after it for what is on its way (ours).
SECONDS, WARM_UP, TAIL = 4, 2, 0.2
#: Bots that fill what all share, before memory is counted (ours).
_FIRST = 3
_SAMPLES = AUDIO.clock_rate // SOUNDS


class Stack(StrEnum):
    """A stack whose bots are measured."""

    HANDFAST = "handfast"
    AIORTC = "aiortc"
    LIBWEBRTC = "libwebrtc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a stack has to do.

    Args:
        bots: Bots in its process.
        core: Core that the process has to itself; None for any.
        busy: Busy loops beside it.
    """

    bots: int
    core: int | None
    busy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """What came back.

    Args:
        delivered: Part of the sound that came back.
        microseconds: Processor time of the bots' process for each packet that came back.
        kilobytes: Resident memory of a bot.
    """

    delivered: float
    microseconds: float
    kilobytes: float

    @property
    def bots_on_a_core(self) -> float:
        """Bots that would take all of a core."""
        return 1e6 / self.microseconds / SOUNDS


async def echo(stack: Stack, clip: Sequence[Payloads], trial: Trial) -> Echo:
    """Speak to the bots of a stack, and count what comes back."""
    async with AsyncExitStack() as opened:
        process = await opened.enter_async_context(Process(*_command(stack, trial.core)))
        ends: list[LoadEnd] = []
        memory = 0
        for number in range(trial.bots):
            end = LoadEnd([AUDIO], sends=True, echoed=True)
            opened.push_async_callback(end.close)
            await process.join(end, "source")
            ends.append(end)
            if number == _FIRST - 1:
                memory = _resident(process)
        await _speak(ends, clip, first=0, count=SOUNDS)
        for _ in range(trial.busy):
            await opened.enter_async_context(Process(sys.executable, "-c", "while True: pass"))
        await _speak(ends, clip, first=SOUNDS, count=(WARM_UP - 1) * SOUNDS)
        before = sum(end.packets for end in ends)
        _, processor = await process.read()
        count = SECONDS * SOUNDS
        await _speak(ends, clip, first=WARM_UP * SOUNDS, count=count)
        _, processor_after = await process.read()
        counted = sum(end.packets for end in ends) - before
        # libwebrtc goes on with what it makes up: more is not better.
        await asyncio.sleep(TAIL)
        came = sum(end.packets for end in ends) - before
        return Echo(
            delivered=min(1.0, came / (count * trial.bots)),
            microseconds=1e6 * (processor_after - processor) / max(1, counted),
            kilobytes=(_resident(process) - memory) / (trial.bots - _FIRST),
        )


async def _speak(
    ends: Sequence[LoadEnd], clip: Sequence[Payloads], *, first: int, count: int
) -> None:
    start = time.perf_counter()
    for number in range(first, first + count):
        for end in ends:
            (stream,) = end.streams
            for packet in stream.packets(clip[number % len(clip)], number * _SAMPLES):
                end.send(packet)
        due = start + (number + 1 - first) / SOUNDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


def _command(stack: Stack, core: int | None) -> tuple[str, ...]:
    pinned = () if core is None else ("taskset", "-c", str(core))
    if stack is Stack.LIBWEBRTC:
        program = str(Path(__file__).with_name("echo_wrtc.js"))
        return (*pinned, "env", f"NODE_PATH={NODE_MODULES}", "node", program)
    return (*pinned, sys.executable, "-m", "benchmarks.echo_bots", stack.value)


def _resident(process: Process) -> int:
    """Read the resident memory of the bots, in KB (proc_pid_status(5))."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])

"""Owns what is measured of a process that runs for long: memory, tasks, threads, descriptors."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Threads that stay, and are few: those of the loop's executor and of the encoders.
POOLS = ("executor", "encode-")
#: Part of the time after which memory counts, and what it may grow by then.
WARM_UP, GROWTH = 0.25, 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Memory:
    """At one moment.

    Args:
        at: Seconds since the beginning.
        resident: Octets of the process that are in memory.
        traced: Octets that Python's objects take, as tracemalloc counts.
    """

    at: float
    resident: int
    traced: int

    @classmethod
    def now(cls, at: float) -> Memory:
        """Measure, garbage collected."""
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
        return cls(at, resident, tracemalloc.get_traced_memory()[0])


def warm(samples: Sequence[Memory]) -> list[Memory]:
    """Return the samples after a quarter of the time, when pools and caches are filled."""
    return [each for each in samples if each.at >= WARM_UP * samples[-1].at]


def growth(samples: Sequence[Memory], of: Callable[[Memory], int]) -> float:
    """How much more the last third has than the first one, as a part of it."""
    third = max(1, len(samples) // 3)
    first, last = (median(map(of, part)) for part in (samples[:third], samples[-third:]))
    return last / first - 1


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a process holds besides memory.

    Args:
        tasks: Of the loop, but the one that asks.
        threads: By name.
        descriptors: What each open file is.
    """

    tasks: tuple[str, ...]
    threads: tuple[str, ...]
    descriptors: tuple[str, ...]

    @classmethod
    def now(cls) -> Holdings:
        """Look."""
        gc.collect()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        threads = [thread.name for thread in threading.enumerate()]
        return cls(
            tuple(sorted(str(task.get_coro()) for task in tasks)),
            tuple(sorted(name for name in threads if not name.startswith(POOLS))),
            tuple(sorted(_descriptors())),
        )

    def beyond(self, before: Holdings) -> list[str]:
        """What there is more of than before."""
        said = []
        for what in ("tasks", "threads", "descriptors"):
            now, then = getattr(self, what), getattr(before, what)
            if len(now) > len(then):
                said.append(f"{len(now) - len(then)} {what} are left: {', '.join(now)}")
        return said


def _descriptors() -> list[str]:
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # That of the listing itself.
            continue
        found.append(target.partition(":")[0])
    return found

"""Keeps the scheduling policy of threads, where a library changes it when it opens an encoder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TASKS = "/proc/self/task"


@contextmanager
def ordinary_scheduling() -> Iterator[None]:
    """Restore the scheduling policy that SVT-AV1 changes where it runs as root.

    SVT-AV1 gives the thread that opens it, and by inheritance all of its own, the highest real-time
    priority (SCHED_FIFO, 99). Everything else on the machine then waits until they rest, the
    other threads of this process first of all, and there is no option against it.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    known = frozenset(os.listdir(_TASKS))
    try:
        yield
    finally:
        for task in (0, *map(int, frozenset(os.listdir(_TASKS)) - known)):
            # A thread may end meanwhile.
            with suppress(ProcessLookupError):
                os.sched_setscheduler(task, policy, parameters)

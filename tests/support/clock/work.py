"""Counts work in steps instead of time, so that a test holds on any machine."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


def lines_run(work: Callable[[], object]) -> int:
    """Return how many lines of Python a function runs, in all that it calls."""
    return _traced(work, "line")


def steps(work: Callable[[], object]) -> int:
    """Return how many instructions of Python a function runs; those inside C count as one."""
    return _traced(work, "opcode")


def _traced(work: Callable[[], object], counted: str) -> int:
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        del arg
        frame.f_trace_opcodes = counted == "opcode"
        frame.f_trace_lines = counted == "line"
        count += event == counted
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class Turns:
    """Counts the turns of the event loop, and what happens in each.

    Attributes:
        number: Number of the present turn.
        happened: How often `note` was called in each turn.
    """

    def __init__(self) -> None:
        self.number = 0
        self.happened: Counter[int] = Counter()

    def note(self, *_: object) -> None:
        """Note that something has happened in this turn."""
        self.happened[self.number] += 1

    @property
    def most(self) -> int:
        """What happened in the turn with most."""
        return max(self.happened.values(), default=0)


@contextmanager
def counted_turns() -> Iterator[Turns]:
    """Count the turns of the running loop, which has no rest meanwhile."""
    turns, loop = Turns(), asyncio.get_running_loop()
    handles: list[asyncio.Handle] = []

    def begin() -> None:
        turns.number += 1
        handles[:] = [loop.call_soon(begin)]

    begin()
    try:
        yield turns
    finally:
        handles[0].cancel()

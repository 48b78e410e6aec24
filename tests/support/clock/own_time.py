"""Measures how long a loop computes and waits, and leaves out what else the machine does."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from selectors import BaseSelector


class OwnTime:
    """Seconds of one loop: the processor time of its thread, and what it waited in its selector.

    A wait for a timer counts as long as the loop meant to wait, however late the machine wakes it.
    What another process or thread takes to answer counts, since the loop waits for it.

    Args:
        selector: Selector of the loop.
    """

    def __init__(self, selector: BaseSelector) -> None:
        self._select = selector.select
        self._waited = 0.0
        self._begun = time.thread_time()

    @property
    def seconds(self) -> float:
        """What the loop took so far."""
        return self._waited + time.thread_time() - self._begun

    def select(self, timeout: float | None = None) -> Any:
        """Select, and add what the loop waited."""
        begun, worked = time.monotonic(), time.thread_time()
        ready = self._select(timeout)
        took = time.monotonic() - begun - (time.thread_time() - worked)
        self._waited += took if timeout is None else min(took, max(timeout, 0.0))
        return ready


@contextmanager
def own_time() -> Iterator[OwnTime]:
    """Measure the own time of the running loop."""
    selector: BaseSelector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # noqa: SLF001 - no public name
    before = selector.select
    measured = OwnTime(selector)
    selector.select = measured.select  # type: ignore[method-assign] # for one block
    try:
        yield measured
    finally:
        selector.select = before  # type: ignore[method-assign] # for one block

"""Many timers of one pure core: they are started, stopped, and taken when their time has come."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from peer.times import MonotonicTime

Name = TypeVar("Name", bound=Hashable)


class Alarms(Generic[Name]):
    """Timers by name, each of which runs once at a time.

    Args of the methods: `name` is any hashable value, `when` a time in seconds of the caller's
    clock. Ties fire in the order in which they were started.
    """

    def __init__(self) -> None:
        self._running: dict[Name, tuple[MonotonicTime, int]] = {}
        self._heap: list[tuple[MonotonicTime, int, Name]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        """Count the timers that run."""
        return len(self._running)

    def start(self, name: Name, when: MonotonicTime) -> None:
        """Start a timer, or start it anew."""
        order = next(self._order)
        self._running[name] = (when, order)
        heapq.heappush(self._heap, (when, order, name))
        # Entries of stopped timers stay in the heap until their time; a flood must not keep them.
        if len(self._heap) > 64 + 4 * len(self._running):
            self._heap = [(when, order, name) for name, (when, order) in self._running.items()]
            heapq.heapify(self._heap)

    def stop(self, name: Name) -> None:
        """Stop a timer, if it runs."""
        self._running.pop(name, None)

    def is_running(self, name: Name) -> bool:
        """Tell if a timer runs."""
        return name in self._running

    def next_time(self) -> MonotonicTime | None:
        """Earliest time at which a timer fires; None where none runs."""
        while self._heap:
            when, order, name = self._heap[0]
            if self._running.get(name) == (when, order):
                return when
            heapq.heappop(self._heap)
        return None

    def take(self, now: MonotonicTime) -> Iterator[Name]:
        """Yield each timer whose time has come, one started meanwhile for such a time as well."""
        while (when := self.next_time()) is not None and when <= now:
            _, _, name = heapq.heappop(self._heap)
            del self._running[name]
            yield name

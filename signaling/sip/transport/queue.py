"""Bounded queue of the events of one SIP transport."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from signaling.sip.errors import SipTransportError

if TYPE_CHECKING:
    from signaling.sip.transport.events import SipTransportEvent


class TransportQueue:
    """Events between the reader of a transport and its user.

    Args:
        capacity: Messages that wait at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._events: deque[SipTransportEvent] = deque()
        self._end: str | None = None
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()

    def offer(self, event: SipTransportEvent) -> bool:
        """Put an event in; returns False, and drops it, where there is no room for it."""
        if self._end is not None or len(self._events) >= self._capacity:
            return False
        self.tell(event)
        return True

    def tell(self, event: SipTransportEvent) -> None:
        """Put an event in that is seldom, and takes the place of the oldest where nobody reads."""
        if len(self._events) >= 2 * self._capacity:
            self._events.popleft()
        self._events.append(event)
        self._readable.set()

    async def put(self, event: SipTransportEvent) -> None:
        """Put an event in, and wait for room where there is none."""
        while self._end is None and not self.offer(event):
            self._writable.clear()
            await self._writable.wait()

    async def get(self) -> SipTransportEvent:
        """Take the oldest event, and wait for one where there is none.

        Raises:
            SipTransportError: There is none, and will be none.
        """
        # Each event has a turn of the loop: in a burst the application takes each call as it comes.
        await asyncio.sleep(0)
        while not self._events:
            if self._end is not None:
                raise SipTransportError(self._end)
            self._readable.clear()
            await self._readable.wait()
        self._writable.set()
        return self._events.popleft()

    def end(self, reason: str) -> None:
        """Take no more events; the first reason is what `get` raises once the queue is empty."""
        if self._end is None:
            self._end = reason
        self._readable.set()
        self._writable.set()

"""Queues the messages of a data channel for one `async for`, counted against the SCTP window."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from peer.wake_up import WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes that a message counts beside its own, so that empty ones are bounded as well (ours).
_OVERHEAD = 64


class MessageReader:
    """Keeps the messages that an iteration over a channel has yet to take, in their order.

    The SCTP window bounds them: what is counted closes it.

    Args:
        count: Told of bytes that wait, and with a negative size of those that were taken.

    Attributes:
        size: Bytes that wait, as they were counted; 0 once the channel is closed.
    """

    def __init__(self, count: Callable[[int], None]) -> None:
        self._count = count
        self._messages: deque[tuple[str | bytes, int]] = deque()
        self._changed = WakeUp()
        self._ended = False
        self.size = 0

    def __repr__(self) -> str:
        return f"<MessageReader {len(self._messages)} messages, {self.size} bytes>"

    def put(self, message: str | bytes, size: int) -> None:
        """Add a message, whose payload has that many bytes."""
        counted = size + _OVERHEAD
        self._messages.append((message, counted))
        self._changed.set()
        self._add(counted)

    def end(self) -> None:
        """Let the iteration end after the messages that wait: the channel is closed."""
        self._ended = True
        self._changed.set()
        self._add(-self.size)

    async def next(self) -> str | bytes | None:
        """Wait for the next message, and take it; None is the end."""
        while not self._messages:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        message, counted = self._messages.popleft()
        if not self._ended:
            self._add(-counted)
        return message

    def close(self) -> None:
        """Drop what waits, as the iteration has ended."""
        self._messages.clear()
        self._ended = True
        self._add(-self.size)

    def _add(self, counted: int) -> None:
        if counted:
            self.size += counted
            self._count(counted)

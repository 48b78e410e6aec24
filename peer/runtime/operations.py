"""Owns the order of description operations.

The operations chain is that of webrtc-pc section 4.4.1.2: one operation at a time, in the order
in which they were asked for.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from peer.errors import InvalidStateError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class OperationsChain:
    """Lets one operation run at a time.

    Args:
        on_empty: Called each time the last operation has ended.
    """

    def __init__(self, on_empty: Callable[[], None]) -> None:
        self._on_empty = on_empty
        self._turn = asyncio.Lock()
        self._length = 0
        self._closed = False

    @property
    def empty(self) -> bool:
        """Whether no operation runs or waits."""
        return self._length == 0

    def close(self) -> None:
        """Refuse every operation from now on, the waiting ones included."""
        self._closed = True

    async def drained(self) -> None:
        """Wait until the operation that runs has ended; to be called once closed."""
        # The lock is fair: whatever waits has its turn, and its refusal, before us.
        async with self._turn:
            return

    def check_open(self) -> None:
        """Raise if the chain was closed.

        Raises:
            InvalidStateError: The connection is closed.
        """
        if self._closed:
            raise InvalidStateError("the connection is closed")

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Wait for our turn, and hold it.

        Raises:
            InvalidStateError: The connection is closed, or was while we waited.
        """
        self.check_open()
        self._length += 1
        try:
            async with self._turn:
                self.check_open()
                yield
        finally:
            self._length -= 1
            if self.empty and not self._closed:
                self._on_empty()

"""Operations chain of a connection: one description at a time (webrtc-pc section 4.4.1.2)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from peer.errors import InvalidStateError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class OperationsChain:
    """The operations chain of webrtc-pc 4.4.1.2: runs one operation at a time, in their order.

    Args:
        on_empty: Called each time when no operation runs or waits any more.
    """

    def __init__(self, on_empty: Callable[[], None]) -> None:
        self._on_empty = on_empty
        self._turn = asyncio.Lock()
        self._length = 0
        self._closed = False

    def __repr__(self) -> str:
        return f"<OperationsChain {self._length} operations{' closed' if self._closed else ''}>"

    @property
    def empty(self) -> bool:
        """Tell whether no operation runs or waits."""
        return self._length == 0

    def close(self) -> None:
        """Refuse every operation from now on, those that wait included."""
        self._closed = True

    async def drained(self) -> None:
        """Wait until the operation that runs has ended; to be called once closed."""
        # The lock is fair: each waiting operation has its turn, and its refusal, before this.
        async with self._turn:
            return

    def check_open(self) -> None:
        """Raise an error where the chain was closed.

        Raises:
            InvalidStateError: The connection is closed.
        """
        if self._closed:
            raise InvalidStateError("the connection is closed")

    @asynccontextmanager
    async def operation(self) -> AsyncIterator[None]:
        """Wait until the operations before have ended, and run the body as the next.

        Raises:
            InvalidStateError: The connection is closed, or was closed during the wait.
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

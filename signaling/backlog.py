"""Retransmission buffer for one direction of a resumable signalling session. PURE."""

from __future__ import annotations

from collections import deque


class Backlog:
    """Texts numbered from 1, kept until the other end says that it has received them.

    Both bounds hold for what has not been acknowledged, sent or not.

    Args:
        messages: Most texts that are kept.
        size: Most characters that are kept; one text alone may be longer.
    """

    __slots__ = ("_acknowledged", "_kept", "_kept_size", "_messages", "_size", "_taken")

    def __init__(self, *, messages: int, size: int) -> None:
        self._messages = messages
        self._size = size
        self._kept: deque[str] = deque()
        self._kept_size = 0
        self._acknowledged = 0
        self._taken = 0

    @property
    def last(self) -> int:
        """The number of the newest text."""
        return self._acknowledged + len(self._kept)

    @property
    def waiting(self) -> int:
        """Number of texts that have not been taken."""
        return self.last - self._taken

    def append(self, text: str) -> bool:
        """Append a text, or return False and change nothing if a bound would be exceeded."""
        size = self._kept_size + len(text)
        if self._kept and (len(self._kept) >= self._messages or size > self._size):
            return False
        self._kept.append(text)
        self._kept_size = size
        return True

    def take(self) -> str | None:
        """Return the oldest text that was not taken yet, or None."""
        taken = self._taken - self._acknowledged
        if taken == len(self._kept):
            return None
        self._taken += 1
        return self._kept[taken]

    def acknowledge(self, received: int) -> bool:
        """Forget the texts up to number `received`; returns False if it was never taken."""
        if not self._acknowledged <= received <= self._taken:
            return False
        while self._acknowledged < received:
            self._kept_size -= len(self._kept.popleft())
            self._acknowledged += 1
        return True

    def acknowledge_taken(self) -> None:
        """Forget all texts that were taken: nobody will ask for them again."""
        self.acknowledge(self._taken)

    def rewind(self, received: int) -> bool:
        """Acknowledge up to `received`, and take all later texts again; False if it cannot be."""
        if not self.acknowledge(received):
            return False
        self._taken = received
        return True

"""Owns the messages of one direction of a session that may have to be sent again."""

from __future__ import annotations

from collections import deque


class Backlog:
    """Texts numbered from 1, kept until the other end says that it has received them.

    Both bounds hold for what has not been acknowledged, sent or not.

    Args:
        messages: How many at most.
        size: How many characters at most; one text alone may be longer.
    """

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
        """How many texts have not been taken."""
        return self.last - self._taken

    def append(self, text: str) -> bool:
        """Add a text; False, and nothing changed, if a bound would be exceeded."""
        size = self._kept_size + len(text)
        if self._kept and (len(self._kept) >= self._messages or size > self._size):
            return False
        self._kept.append(text)
        self._kept_size = size
        return True

    def take(self) -> str | None:
        """The oldest text that was not taken yet, or None."""
        if not self.waiting:
            return None
        self._taken += 1
        return self._kept[self._taken - self._acknowledged - 1]

    def acknowledge(self, received: int) -> bool:
        """Forget the texts up to this number; False, and nothing changed, if it cannot be."""
        if not self._acknowledged <= received <= self._taken:
            return False
        while self._acknowledged < received:
            self._kept_size -= len(self._kept.popleft())
            self._acknowledged += 1
        return True

    def acknowledge_taken(self) -> None:
        """Forget all that was taken: nobody will ask for it again."""
        self.acknowledge(self._taken)

    def rewind(self, received: int) -> bool:
        """Acknowledge, and take the texts after this number again; False if it cannot be."""
        if not self.acknowledge(received):
            return False
        self._taken = received
        return True

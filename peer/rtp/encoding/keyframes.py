"""Owns when a shared encoder makes a key frame: on request, at most one each 500 ms."""

from __future__ import annotations

# Seconds.
INTERVAL = 0.5


class KeyframeRequests:
    """What is asked for too soon after a key frame is due at the end of the interval."""

    def __init__(self) -> None:
        self._wanted = False
        self._last: float | None = None

    def request(self) -> None:
        """Somebody needs one."""
        self._wanted = True

    def due(self, now: float) -> bool:
        """Whether the picture of this moment (seconds, monotonic) is to be one."""
        return self._wanted and (self._last is None or now - self._last >= INTERVAL)

    def made(self, now: float) -> None:
        """One was made, or asked for, at this moment: it serves all who asked before."""
        self._wanted = False
        self._last = now

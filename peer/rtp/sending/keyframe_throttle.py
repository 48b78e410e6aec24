"""Owns when a sender makes a key frame that was asked for."""

from __future__ import annotations

#: Seconds between two key frames that were asked for.
KEYFRAME_INTERVAL = 0.5


class KeyframeThrottle:
    """At most one key frame each 500 ms; what is asked for in between is served at their end.

    Attributes:
        deadline: When `advance` has a key frame to ask for; None where nothing waits.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None
        self._next = float("-inf")
        self._fir: int | None = None

    def request(self, now: float) -> bool:
        """Whether to make a key frame now, since a peer asked for one."""
        if now >= self._next:
            self._serve(now)
            return True
        self.deadline = self._next
        return False

    def fir(self, number: int, now: float) -> bool:
        """The same for a FIR: one repeated has the same number and is no other request."""
        # RFC 5104 section 4.3.1.2: a repetition has the number of what it repeats.
        if number == self._fir:
            return False
        self._fir = number
        return self.request(now)

    def sent(self, now: float) -> None:
        """A key frame is on its way, whoever wanted it; it answers every request before."""
        self._serve(now)

    def advance(self, now: float) -> bool:
        """Whether to make a key frame now, since one was asked for a while ago."""
        if self.deadline is None or now < self.deadline:
            return False
        self._serve(now)
        return True

    def _serve(self, now: float) -> None:
        self.deadline = None
        self._next = now + KEYFRAME_INTERVAL

"""Owns when a sender makes a key frame that was asked for."""

from __future__ import annotations

#: Seconds between two key frames that were asked for.
KEYFRAME_INTERVAL = 0.5


class KeyframePolicy:
    """At most one key frame each 500 ms; what is asked for in between is served at their end.

    Attributes:
        deadline: When `advance` has a key frame to ask for; None where nothing waits.
    """

    def __init__(self) -> None:
        self.deadline: float | None = None

    def request(self, now: float) -> bool:
        """Whether to make a key frame now, since a peer asked for one."""
        raise NotImplementedError

    def fir(self, number: int, now: float) -> bool:
        """The same for a FIR: one repeated has the same number and is no other request."""
        raise NotImplementedError

    def sent(self, now: float) -> None:
        """A key frame is on its way, whoever wanted it; it answers every request before."""
        raise NotImplementedError

    def advance(self, now: float) -> bool:
        """Whether to make a key frame now, since one was asked for a while ago."""
        raise NotImplementedError

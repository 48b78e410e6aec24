"""Limits the keyframes that a peer can ask for (PLI, FIR). PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime

#: Least seconds between two keyframes on request (ours; libwebrtc: 0.3).
KEYFRAME_INTERVAL = 0.5


class KeyframeThrottle:
    """Lets one keyframe request through every 500 ms; earlier ones wait until then.

    Attributes:
        deadline: When `advance` is due; None while no request waits.
    """

    def __init__(self) -> None:
        self.deadline: MonotonicTime | None = None
        self._next: MonotonicTime = float("-inf")
        self._fir: int | None = None

    def on_request(self, now: MonotonicTime) -> bool:
        """Take a keyframe request, and return True to make a keyframe now."""
        if now >= self._next:
            self._restart(now)
            return True
        self.deadline = self._next
        return False

    def on_fir(self, number: int, *, now: MonotonicTime) -> bool:
        """Take a full intra request, and return True to make a keyframe now.

        A repeated FIR has the command number of the first, and is no other request (RFC 5104
        section 4.3.1.2).

        Args:
            number: Command sequence number, 8 bits.
            now: Time of the request.
        """
        if number == self._fir:
            return False
        self._fir = number
        return self.on_request(now)

    def on_keyframe(self, now: MonotonicTime) -> None:
        """Note that a keyframe is sent, for any reason: it answers all earlier requests."""
        self._restart(now)

    def advance(self, now: MonotonicTime) -> bool:
        """Return True to make a keyframe now, for a request that has waited."""
        if self.deadline is None or now < self.deadline:
            return False
        self._restart(now)
        return True

    def _restart(self, now: MonotonicTime) -> None:
        self.deadline = None
        self._next = now + KEYFRAME_INTERVAL

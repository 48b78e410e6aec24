"""Limits the keyframes of a shared encoder to one every 500 ms. PURE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peer.times import MonotonicTime

#: Least seconds between two keyframes on request (ours).
INTERVAL = 0.5


class KeyframeRequestMerger:
    """Merges the keyframe requests of all senders; one that comes too soon waits."""

    def __init__(self) -> None:
        self._pending = False
        self._last: MonotonicTime | None = None

    def request(self) -> None:
        """Request a keyframe as soon as the interval allows."""
        self._pending = True

    def is_due(self, now: MonotonicTime) -> bool:
        """Return True where a frame of this time has to be a keyframe."""
        return self._pending and (self._last is None or now - self._last >= INTERVAL)

    def on_keyframe(self, now: MonotonicTime) -> None:
        """Note that a keyframe is made, or asked for: it answers all earlier requests."""
        self._pending = False
        self._last = now

"""The time of a statistics report by both clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.values import dataclass

if TYPE_CHECKING:
    from peer.times import MonotonicTime, UnixTime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment by the monotonic clock and by the wall clock.

    Args:
        now: The moment by the engine's monotonic clock.
        unix: The moment since 1970.
    """

    now: MonotonicTime
    unix: UnixTime

    def milliseconds(self, at: MonotonicTime) -> float:
        """A time of the monotonic clock, in milliseconds since 1970."""
        return (self.unix - (self.now - at)) * 1000

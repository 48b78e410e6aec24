"""The members of every entry of statistics (RTCStats, webrtc-pc section 8.4)."""

from __future__ import annotations

from peer.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsEntry:
    """One entry of statistics (RTCStats).

    A member is None where it is not known, or means nothing for the entry.

    Args:
        id: Unique within one report, and the same in all reports for one object.
        type: W3C name of the type of entry (RTCStatsType).
        timestamp: Milliseconds since 1970.
    """

    id: str
    type: str
    timestamp: float

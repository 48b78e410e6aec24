"""The sources of the last 10 seconds of a receiver (W3C webrtc-pc section 5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peer.rtp.levels import SILENCE
from peer.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp.levels import AudioLevel
    from peer.rtp.receiving.ssrcs import RtpSource
    from peer.times import MonotonicTime, UnixTime

#: Seconds for which a source is named (webrtc-pc section 5.3).
_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpContributingSource:
    """A source of received media (RTCRtpContributingSource, RTCRtpSynchronizationSource).

    Args:
        timestamp: Arrival of its last packet, in milliseconds since 1970.
        source: The SSRC or CSRC.
        rtpTimestamp: RTP timestamp of that packet.
        audioLevel: Linear, 0 to 1, as the sender says (RFC 6464); None where it says none.
    """

    timestamp: float
    source: int
    rtpTimestamp: int
    audioLevel: float | None = None


def recent_sources(
    sources: Iterable[RtpSource], *, now: MonotonicTime, unix: UnixTime
) -> list[RtpContributingSource]:
    """The sources of the last 10 seconds, the latest first; given the latest last.

    Args:
        sources: Synchronization or contributing sources.
        now: The present time by the clock of arrivals.
        unix: The present time since 1970.
    """
    return [
        RtpContributingSource(
            timestamp=(unix - (now - each.arrival)) * 1000,
            source=each.source,
            rtpTimestamp=each.timestamp,
            audioLevel=linear_level(each.level),
        )
        for each in reversed(tuple(sources))
        if now - each.arrival <= _SECONDS
    ]


def linear_level(level: AudioLevel | None) -> float | None:
    """Linear audio level, 0 to 1, of a level in -dBov (RFC 6464); 0 for silence, None for None."""
    if level is None:
        return None
    return 0.0 if level.level >= SILENCE else 10 ** (-level.level / 20)

"""The sources of the last 10 seconds of a receiver (W3C webrtc-pc section 5.3)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.levels import SILENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.receiving.ssrcs import ContributingSource
    from peer.times import MonotonicTime, UnixTime

#: Seconds for which a source is named (webrtc-pc section 5.3).
_SECONDS = 10.0
#: Limit of the SSRCs that are remembered (ours).
_LIMIT = 16


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


class RecentSources:
    """The SSRCs of the last frames of a receiver, at most 16, with their audio levels."""

    def __init__(self) -> None:
        # (arrival, RTP timestamp, audio level); not the frames, whose payloads are large.
        self._last_frames: OrderedDict[int, tuple[MonotonicTime, int, float | None]] = OrderedDict()

    def add(self, frame: EncodedFrame) -> None:
        """Note the SSRC of a frame."""
        level = None if frame.level is None else linear_level(frame.level.level)
        self._last_frames[frame.ssrc] = (frame.arrival, frame.timestamp, level)
        self._last_frames.move_to_end(frame.ssrc)
        if len(self._last_frames) > _LIMIT:
            self._last_frames.popitem(last=False)

    def level(self, ssrc: int) -> float | None:
        """Audio level of the last frame of an SSRC, linear, 0 to 1; None where it says none."""
        last = self._last_frames.get(ssrc)
        return None if last is None else last[2]

    def within_10_seconds(
        self, *, now: MonotonicTime, unix: UnixTime
    ) -> list[RtpContributingSource]:
        """The SSRCs of the last 10 seconds, the latest first.

        Args:
            now: The present time by the clock of arrivals.
            unix: The present time since 1970.
        """
        return [
            RtpContributingSource(
                timestamp=(unix - (now - arrival)) * 1000,
                source=ssrc,
                rtpTimestamp=timestamp,
                audioLevel=level,
            )
            for ssrc, (arrival, timestamp, level) in reversed(self._last_frames.items())
            if now - arrival <= _SECONDS
        ]


def recent_contributing_sources(
    sources: Iterable[ContributingSource], *, now: MonotonicTime, unix: UnixTime
) -> list[RtpContributingSource]:
    """The contributing sources of the last 10 seconds, the latest first; given the latest last."""
    return [
        RtpContributingSource(
            timestamp=(unix - (now - each.arrival)) * 1000,
            source=each.source,
            rtpTimestamp=each.timestamp,
        )
        for each in reversed(tuple(sources))
        if now - each.arrival <= _SECONDS
    ]


def linear_level(level: int) -> float:
    """Linear audio level, 0 to 1, of a level in -dBov (RFC 6464); 0 for silence."""
    return 0.0 if level >= SILENCE else 10 ** (-level / 20)

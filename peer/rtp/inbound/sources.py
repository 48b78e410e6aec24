"""Owns who was heard lately in what a receiver plays (W3C webrtc-pc section 5.3)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peer.rtp.levels import SILENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from peer.rtp.encoded_frame import EncodedFrame
    from peer.rtp.receiving.ssrcs import ContributingSource

#: webrtc-pc: sources are named for 10 seconds.
_SECONDS = 10.0
_LIMIT = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpContributingSource:
    """One source (W3C RTCRtpContributingSource, RTCRtpSynchronizationSource).

    Args:
        timestamp: When it was heard last, in milliseconds since 1970.
        source: Its SSRC, or CSRC.
        rtpTimestamp: Of the frame that it was heard in.
        audioLevel: 0 to 1, linear, as the sender says (RFC 6464); None where it does not say.
    """

    timestamp: float
    source: int
    rtpTimestamp: int
    audioLevel: float | None = None


class RecentSources:
    """The streams that frames came of: the 16 heard last.

    Times are in seconds of the clock that frames arrive by.
    """

    def __init__(self) -> None:
        # Not the frames themselves, whose payloads are large.
        self._heard: OrderedDict[int, tuple[float, int, float | None]] = OrderedDict()

    def add(self, frame: EncodedFrame) -> None:
        """A frame came."""
        level = None if frame.level is None else linear_level(frame.level.level)
        self._heard[frame.ssrc] = (frame.arrival, frame.timestamp, level)
        self._heard.move_to_end(frame.ssrc)
        if len(self._heard) > _LIMIT:
            self._heard.popitem(last=False)

    def level(self, ssrc: int) -> float | None:
        """How loud the stream was last, as `RtpContributingSource.audioLevel`."""
        heard = self._heard.get(ssrc)
        return None if heard is None else heard[2]

    def named(self, now: float, unix: float) -> list[RtpContributingSource]:
        """Those heard within 10 seconds, the latest first.

        Args:
            now: In seconds of the clock.
            unix: The same time in seconds since 1970.
        """
        return [
            RtpContributingSource(
                timestamp=(unix - (now - arrival)) * 1000,
                source=ssrc,
                rtpTimestamp=timestamp,
                audioLevel=level,
            )
            for ssrc, (arrival, timestamp, level) in reversed(self._heard.items())
            if now - arrival <= _SECONDS
        ]


def contributors(
    sources: Iterable[ContributingSource], now: float, unix: float
) -> list[RtpContributingSource]:
    """Those of the sources, given with the latest last, that `RecentSources.named` would name."""
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
    """The share of full scale that a level in -dBov is (RFC 6464); 0 for silence."""
    return 0.0 if level >= SILENCE else 10 ** (-level / 20)

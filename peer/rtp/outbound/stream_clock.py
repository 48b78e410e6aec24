"""Owns the RTP timestamps of one stream, across tracks and codecs."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from peer.rtp.outbound.send_timeline import SendTimeline

if TYPE_CHECKING:
    from peer.rtp.encoding import OutgoingFrame


class StreamClock:
    """Ticks of the codec's clock that only rise, since any beginning; they may exceed 32 bits.

    Frames keep the distances of their track; `SendTimeline` says how one track follows another.

    Args:
        rate: Of the codec's clock, in hertz.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._moment = 0.0
        self._timeline = SendTimeline(lambda: self._moment)
        self._last: int | None = None
        # Where this rate began: a time of the timeline, and the ticks there.
        self._anchor = Fraction(0), 0
        # Ticks are (pts * factor + offset) / divisor, for times with this base.
        self._base: Fraction | None = None
        self._factor, self._offset, self._divisor = 1, 0, 1

    def begin_track(self) -> None:
        """The next frame is the first of another track."""
        self._timeline.begin_track()

    def set_rate(self, rate: int) -> None:
        """Count at another rate from the frame placed last on."""
        if rate == self._rate:
            return
        if self._last is not None:
            # RFC 7160 section 4.1: timestamps go on from the last one, at the new rate.
            since, ticks = self._anchor
            self._anchor = since + Fraction(self._last - ticks, self._rate), self._last
        self._rate = rate
        self._base = None

    def place(self, frame: OutgoingFrame) -> int:
        """The timestamp of a frame, which is later than every one before."""
        self._moment = frame.capture
        pts, base = self._timeline.place(frame.pts, frame.time_base, frame.duration)
        if base is not self._base:
            # Many a source makes its time base anew for each frame.
            if base != self._base:
                self._count_in(base)
            self._base = base
        ticks = (pts * self._factor + self._offset) // self._divisor
        if self._last is not None and ticks <= self._last:
            # Two frames with one timestamp would be one to the peer.
            ticks = self._last + 1
        self._last = ticks
        return ticks

    def at(self, moment: float) -> int:
        """The timestamp of a moment in seconds of the clock that `OutgoingFrame.capture` is of.

        It is not before the end of what was placed last, and nothing is placed there.
        """
        self._moment = moment
        since, ticks = self._anchor
        return ticks + math.ceil((self._timeline.moment() - since) * self._rate)

    def _count_in(self, base: Fraction) -> None:
        since, ticks = self._anchor
        factor = base * self._rate
        # Half a tick, so that the division rounds to the nearest.
        offset = ticks - since * self._rate + Fraction(1, 2)
        self._divisor = math.lcm(factor.denominator, offset.denominator)
        self._factor = int(factor * self._divisor)
        self._offset = int(offset * self._divisor)
